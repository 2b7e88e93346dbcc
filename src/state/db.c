/* What all parts of the SQLite backend use: faults turned into errors, statements prepared once,
 * and lists that end in an arena. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "state/sqlite.h"

/* ---- errors ---- */

/* EIO in reading the file or its log is damage to SQLite; only the open file itself keeps what it was. */
static bool
db_unreadable(struct backend *b)
{
	sqlite3_file *wal = NULL;
	int last = 0;

	if (b->db == NULL)
		return false;
	(void)sqlite3_file_control(b->db, "main", SQLITE_FCNTL_LAST_ERRNO, &last);
	if (last != EIO && sqlite3_file_control(b->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal) == SQLITE_OK &&
	    wal != NULL && wal->pMethods != NULL)
		(void)wal->pMethods->xFileControl(wal, SQLITE_FCNTL_LAST_ERRNO, &last);
	return last == EIO;
}

int
db_damaged(struct backend *b, struct err *err, const char *what)
{
	if (db_unreadable(b)) {
		errno = EIO;
		return err_set_sys(err, ERR_DISK, "read state '%s'", b->path);
	}
	return err_set(err, ERR_STATE,
	    "state '%s' is damaged (%s); the mail in '%s/mail' is untouched: put back a copy of "
	    "imex.db, or "
	    "extract into a new directory",
	    b->path, what, b->dir);
}

/* What SQLite said with the code; of a call that is not its last one, the words of the code alone. */
static const char *
db_words(const struct backend *b, int rc)
{
	return (sqlite3_errcode(b->db) & 0xff) == (rc & 0xff) ? sqlite3_errmsg(b->db)
							      : sqlite3_errstr(rc);
}

static int
db_disk(struct backend *b, int rc, enum err_kind kind, struct err *err)
{
	const char *words = db_words(b, rc);

	errno = sqlite3_system_errno(b->db);
	if (errno != 0)
		return err_set_sys(err, kind, "state '%s': %s", b->path, words);
	return err_set(err, kind, "state '%s': %s", b->path, words);
}

/* Of a call that returned rc, which need not be the last one. */
static int
db_fault(struct backend *b, int rc, struct err *err)
{
	switch (rc & 0xff) {
	case SQLITE_FULL:
		return err_set(err, ERR_FULL, "no space left for state '%s'", b->path);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
		return err_set(err, ERR_BUSY, "state '%s' is held by another program", b->path);
	case SQLITE_IOERR:
	case SQLITE_NOMEM:
	case SQLITE_INTERRUPT:
		return db_disk(b, rc, ERR_DISK, err);
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return db_disk(b, rc, b->writes ? ERR_CREATE : ERR_DISK, err);
	case SQLITE_ERROR:
		if (b->older)
			return err_set(err, ERR_CONFIG,
			    "state '%s' is of an older imex: run the job once more first", b->path);
		return db_damaged(b, err, db_words(b, rc));
	default: /* CORRUPT, NOTADB; a table or column that is not there, a broken constraint */
		return db_damaged(b, err, db_words(b, rc));
	}
}

int
db_fail(struct backend *b, struct err *err)
{
	if (b->db == NULL)
		return err_set(err, ERR_DISK, "state '%s': out of memory", b->path);
	return db_fault(b, sqlite3_errcode(b->db), err);
}

int
db_exec(struct backend *b, const char *sql, struct err *err)
{
	return sqlite3_exec(b->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_fail(b, err);
}

/* ---- statements ---- */

static const char *const stmt_sql[STMTS] = {
#define STMT(name, sql) [STMT_##name] = sql,
#include "state/sqlite.def"
#undef STMT
};

struct query
query_start(struct backend *b, enum stmt_no no)
{
	struct query q = { .b = b, .rc = SQLITE_OK };

	if (b->stmt[no] == NULL)
		q.rc = sqlite3_prepare_v3(
		    b->db, stmt_sql[no], -1, SQLITE_PREPARE_PERSISTENT, &b->stmt[no], NULL);
	q.stmt = b->stmt[no];
	return q;
}

static void
query_bound(struct query *q, int rc)
{
	if (q->rc == SQLITE_OK)
		q->rc = rc;
}

void
query_int(struct query *q, int64_t value)
{
	query_bound(q, sqlite3_bind_int64(q->stmt, ++q->n, value));
}

void
query_text(struct query *q, const char *text)
{
	query_bound(q, sqlite3_bind_text(q->stmt, ++q->n, text, -1, SQLITE_STATIC));
}

void
query_blob(struct query *q, const void *data, size_t len)
{
	query_bound(q, sqlite3_bind_blob64(q->stmt, ++q->n, data, len, SQLITE_STATIC));
}

void
query_null(struct query *q)
{
	query_bound(q, sqlite3_bind_null(q->stmt, ++q->n));
}

int
query_row(struct query *q, struct err *err)
{
	if (q->rc == SQLITE_OK)
		q->rc = sqlite3_step(q->stmt);
	else if ((q->rc & 0xff) == SQLITE_TOOBIG)
		return err_set(err, ERR_STATE, "a value is too long for state '%s'", q->b->path);
	if (q->rc == SQLITE_ROW) {
		q->rc = SQLITE_OK;
		return 1;
	}
	return q->rc == SQLITE_DONE ? 0 : db_fault(q->b, q->rc, err);
}

int
query_run(struct query *q, struct err *err)
{
	int rc;

	while ((rc = query_row(q, err)) > 0)
		;
	return rc;
}

void
query_again(struct query *q)
{
	if (q->stmt != NULL)
		(void)sqlite3_reset(q->stmt);
	q->n = 0;
	q->rc = SQLITE_OK;
}

void
query_done(struct query *q)
{
	if (q->stmt == NULL)
		return;
	(void)sqlite3_reset(q->stmt);
	(void)sqlite3_clear_bindings(q->stmt);
}

int64_t
col_int(const struct query *q, int col)
{
	return sqlite3_column_int64(q->stmt, col);
}

const char *
col_text(const struct query *q, int col, struct arena *a, bool *full)
{
	const char *text = (const char *)sqlite3_column_text(q->stmt, col);

	if (text == NULL)
		return NULL;
	const char *copy = arena_copy(a, slice_str(text));
	*full = *full || copy == NULL;
	return copy != NULL ? copy : "";
}

static int
db_simple(struct backend *b, enum stmt_no no, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, no);

	return query_run(&q, err);
}

int
db_begin(struct backend *b, struct err *err)
{
	return db_simple(b, b->in_group ? STMT_SAVEPOINT : STMT_BEGIN, err);
}

/* The end of one request of a group. A fault that made SQLite give the whole transaction up leaves
 * no savepoint. */
static int
db_end_one(struct backend *b, int rc, struct err *err)
{
	struct err ignored;

	if (rc < 0 && !sqlite_group_lost(b) && (db_simple(b, STMT_SAVEPOINT_UNDO, &ignored) < 0 ||
	    db_simple(b, STMT_SAVEPOINT_END, &ignored) < 0))
		b->group_bad = true;
	if (rc < 0)
		return -1;
	return db_simple(b, STMT_SAVEPOINT_END, err);
}

/* What is written to a file without a name is there for nobody, and its next run would begin with nothing. */
int
db_is_in_place(struct backend *b, struct err *err)
{
	int moved = 0;

	if (sqlite3_file_control(b->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) != SQLITE_OK || !moved)
		return 0;
	return err_set(err, ERR_DISK,
	    "state '%s' was removed, renamed or replaced while the job runs; what is stored from now on would be "
	    "known to nobody",
	    b->path);
}

int
db_end(struct backend *b, int rc, struct err *err)
{
	if (b->in_group)
		return db_end_one(b, rc, err);
	if (rc == 0 && db_is_in_place(b, err) == 0 && db_simple(b, STMT_COMMIT, err) == 0)
		return 0;
	struct err ignored;
	if (!sqlite3_get_autocommit(b->db))
		(void)!db_simple(b, STMT_ROLLBACK, &ignored);
	return -1;
}

/* ---- groups ---- */

int
sqlite_durable(struct backend *b, bool now, struct err *err)
{
	if (b->lazy == !now)
		return 0;
	if (db_exec(b, now ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL", err) < 0)
		return -1;
	b->lazy = !now;
	return 0;
}

int64_t
sqlite_changes(struct backend *b)
{
	return sqlite3_total_changes64(b->db);
}

/* Only a commit that writes syncs the WAL, with all that is in it. */
int
sqlite_settle(struct backend *b, struct err *err)
{
	if (sqlite_durable(b, true, err) < 0)
		return -1;
	return db_exec(b,
	    "INSERT INTO note(key,value) VALUES('settled','') ON CONFLICT(key) DO UPDATE SET "
	    "value=excluded.value",
	    err);
}

int
sqlite_group_begin(struct backend *b, struct err *err)
{
	if (db_begin(b, err) < 0)
		return -1;
	b->in_group = true;
	b->group_bad = false;
	return 0;
}

bool
sqlite_group_lost(struct backend *b)
{
	return b->group_bad || sqlite3_get_autocommit(b->db);
}

int
sqlite_group_end(struct backend *b, bool keep, struct err *err)
{
	b->in_group = false;
	return db_end(b, keep ? 0 : -1, err);
}

/* ---- lists ---- */

void *
rows_add(struct rows *r)
{
	if (r->len == r->cap) {
		r->cap = r->cap > 0 ? 2 * r->cap : 16;
		r->item = mem_resize(r->item, r->cap, r->each);
	}
	return memset((char *)r->item + r->each * r->len++, 0, r->each);
}

int
rows_end(struct rows *r, struct arena *a, bool full, void *ret, size_t *ret_len, struct err *err)
{
	void *copy = full ? NULL : arena_take(a, r->len * r->each);

	if (copy == NULL)
		return err_set(err, ERR_STATE,
		    "a list of %zu rows of the state does not fit into memory", r->len);
	if (r->len > 0)
		memcpy(copy, r->item, r->len * r->each);
	*(void **)ret = copy;
	*ret_len = r->len;
	return 0;
}

void
rows_done(struct rows *r)
{
	free(r->item);
}

void
state_spill_to(const char *dir)
{
	sqlite3_free(sqlite3_temp_directory);
	sqlite3_temp_directory = sqlite3_mprintf("%s", dir);
}
