/* Accounts and folders. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "state/sqlite.h"

enum { TWINS_MAX = 10000 };

/* ---- accounts ---- */

static const char *
col_words(const struct query *q, int col, struct arena *a, bool *full)
{
	const char *text = col_text(q, col, a, full);

	return text != NULL ? text : "";
}

static void
account_read(const struct query *q, struct arena *a, struct account_rec *ret, bool *full)
{
	int64_t status = col_int(q, 6);

	*ret = (struct account_rec){
		.id = col_int(q, 0),
		.name = col_words(q, 1, a, full),
		.dir = col_words(q, 2, a, full),
		.login = col_words(q, 3, a, full),
		.host = col_words(q, 4, a, full),
		.port = col_words(q, 5, a, full),
		.status = status >= 0 && status <= ACCOUNT_WAITING ? (enum account_status)status
								   : ACCOUNT_FAILED,
		.error = col_words(q, 7, a, full),
		.error_exit = (int)col_int(q, 8),
		.started_ms = col_int(q, 9),
		.ended_ms = col_int(q, 10),
		.warnings = (uint64_t)col_int(q, 11),
		.retry_at_ms = col_int(q, 13),
		.attempts = (uint32_t)col_int(q, 14),
		.day = col_int(q, 15),
		.bytes_day = (uint64_t)col_int(q, 16),
		.bytes_known = (uint64_t)col_int(q, 17),
		.round = col_int(q, 18),
		.process = col_int(q, 19),
	};
}

/* Row id by a text; 0: none. */
static int
account_find(struct backend *b, enum stmt_no no, const char *text, int64_t *ret, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, no);

	query_text(&q, text);
	int rc = query_row(&q, err);
	if (rc < 0)
		return -1;
	*ret = rc > 0 ? col_int(&q, 0) : 0;
	return 0;
}

static int
account_insert(struct backend *b, const char *key, const char *dir, int64_t *ret, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_ACCOUNT_ADD);

	query_text(&q, key);
	query_text(&q, dir);
	if (query_run(&q, err) < 0)
		return -1;
	*ret = sqlite3_last_insert_rowid(b->db);
	return 0;
}

/* A new account. Its directory is its key, unless one that is equal but for case has that
 * (rules.md 3.2). */
static int
account_add(struct backend *b, const char *key, int64_t *ret, struct err *err)
{
	for (int n = 1; n <= TWINS_MAX; n++) {
		AUTO(mem_free_str) char *dir = NULL;
		int64_t taken;

		if ((n == 1 ? asprintf(&dir, "%s", key) : asprintf(&dir, "%s~%d", key, n)) < 0)
			mem_out();
		if (account_find(b, STMT_ACCOUNT_DIR_TAKEN, dir, &taken, err) < 0)
			return -1;
		if (taken == 0)
			return account_insert(b, key, dir, ret, err);
	}
	return err_set(err, ERR_CONFIG, "too many accounts differ from '%s' in case alone", key);
}

static void
account_bind(struct query *q, int64_t id, const struct account_rec *want, enum account_status s)
{
	query_int(q, id);
	query_text(q, want->name != NULL ? want->name : "");
	query_text(q, want->login != NULL ? want->login : "");
	query_text(q, want->host != NULL ? want->host : "");
	query_text(q, want->port != NULL ? want->port : "");
	query_int(q, s);
}

static int
account_take(struct backend *b, int64_t id, const struct account_rec *want, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_ACCOUNT_CLAIM);

	if (sqlite_may_claim(b, id, want->dir, err) < 0)
		return -1;
	account_bind(&q, id, want, ACCOUNT_RUNNING);
	query_int(&q, clock_wall_ms());
	query_int(&q, b->process);
	query_text(&q, want->dest);
	return query_run(&q, err);
}

static int
account_get(struct backend *b, int64_t id, struct arena *a, struct account_rec *ret,
    struct lease *lease, struct err *err)
{
	AUTO(query_done)
	struct query q = query_start(b, b->version < 5 ? STMT_ACCOUNT_GET_3 : STMT_ACCOUNT_GET);
	bool full = false;

	query_int(&q, id);
	int rc = query_row(&q, err);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return db_damaged(b, err, "an account has no row");
	account_read(&q, a, ret, &full);
	*lease = (struct lease){ .account = id, .epoch = col_int(&q, 12) };
	return full ? err_set(err, ERR_STATE, "an account of the state does not fit into memory")
		    : 0;
}

int
sqlite_account(struct backend *b, int64_t id, struct arena *a, struct account_rec *ret,
    struct tally *ret_sum, struct err *err)
{
	struct lease ignored;

	return account_get(b, id, a, ret, &ignored, err) < 0 ? -1
							     : sqlite_tally(b, id, ret_sum, err);
}

int
sqlite_account_of(struct backend *b, const char *dir, int64_t *ret, struct err *err)
{
	return account_find(b, STMT_ACCOUNT_FIND, dir, ret, err);
}

static int
account_find_or_add(struct backend *b, const char *key, int64_t *ret, struct err *err)
{
	if (account_find(b, STMT_ACCOUNT_FIND, key, ret, err) < 0)
		return -1;
	return *ret != 0 ? 0 : account_add(b, key, ret, err);
}

static int
account_claim(
    struct backend *b, struct account_rec *io, struct arena *a, struct lease *ret, struct err *err)
{
	int64_t id;

	if (account_find_or_add(b, io->dir, &id, err) < 0 || account_take(b, id, io, err) < 0)
		return -1;
	return account_get(b, id, a, io, ret, err);
}

int
sqlite_claim(
    struct backend *b, struct account_rec *io, struct arena *a, struct lease *ret, struct err *err)
{
	struct account_rec rec = *io;
	struct lease lease;

	if (db_begin(b, err) < 0 || db_end(b, account_claim(b, &rec, a, &lease, err), err) < 0)
		return -1;
	*io = rec;
	*ret = lease;
	return 0;
}

static int
account_end(struct backend *b, const struct lease *l, enum account_status s, const char *error,
    int error_exit, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_ACCOUNT_END);

	if (sqlite_check_lease(b, l, err) < 0)
		return -1;
	query_int(&q, l->account);
	query_int(&q, s);
	query_text(&q, error != NULL ? error : "");
	query_int(&q, error_exit);
	query_int(&q, clock_wall_ms());
	return query_run(&q, err);
}

int
sqlite_account_end(struct backend *b, const struct lease *l, enum account_status s,
    const char *error, int error_exit, struct err *err)
{
	if (db_begin(b, err) < 0)
		return -1;
	return db_end(b, account_end(b, l, s, error, error_exit, err), err);
}

static int
account_queue(
    struct backend *b, struct account_rec *io, int64_t round, struct arena *a, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_ACCOUNT_QUEUE);
	struct lease none;
	int64_t id;

	if (account_find_or_add(b, io->dir, &id, err) < 0)
		return -1;
	account_bind(&q, id, io, ACCOUNT_QUEUED);
	if (io->bytes_known > 0)
		query_int(&q, (int64_t)io->bytes_known);
	else
		query_null(&q);
	query_int(&q, round);
	if (query_run(&q, err) < 0)
		return -1;
	return account_get(b, id, a, io, &none, err);
}

static int
account_round(struct backend *b, int64_t *ret, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_ACCOUNT_ROUND);

	if (query_row(&q, err) < 0)
		return -1;
	*ret = col_int(&q, 0);
	return 0;
}

int
sqlite_account_queue(
    struct backend *b, struct account_rec *io, size_t n, struct arena *a, struct err *err)
{
	int64_t round = 0;

	if (db_begin(b, err) < 0)
		return -1;
	int rc = account_round(b, &round, err);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = account_queue(b, &io[i], round, a, err);
	return db_end(b, rc, err);
}

int
sqlite_account_wait(struct backend *b, const struct lease *l, int64_t until_ms, const char *why,
    struct err *err)
{
	if (db_begin(b, err) < 0)
		return -1;
	int rc = sqlite_check_lease(b, l, err);
	if (rc == 0) {
		AUTO(query_done) struct query q = query_start(b, STMT_ACCOUNT_WAIT);

		query_int(&q, l->account);
		query_int(&q, ACCOUNT_WAITING);
		query_int(&q, until_ms);
		query_text(&q, why != NULL ? why : "");
		rc = query_run(&q, err);
	}
	return db_end(b, rc, err);
}

static int
account_day(struct backend *b, const struct lease *l, int64_t day, uint64_t octets, uint64_t *ret,
    struct err *err)
{
	AUTO(query_done) struct query add = query_start(b, STMT_ACCOUNT_DAY);
	AUTO(query_done) struct query get = query_start(b, STMT_ACCOUNT_DAY_GET);

	if (sqlite_check_lease(b, l, err) < 0)
		return -1;
	query_int(&add, l->account);
	query_int(&add, day);
	query_int(&add, (int64_t)octets);
	query_int(&get, l->account);
	if (query_run(&add, err) < 0 || query_row(&get, err) < 0)
		return -1;
	*ret = (uint64_t)col_int(&get, 0);
	return 0;
}

int
sqlite_account_day(struct backend *b, const struct lease *l, int64_t day, uint64_t octets,
    uint64_t *ret_total, struct err *err)
{
	uint64_t total = 0;

	if (db_begin(b, err) < 0 ||
	    db_end(b, account_day(b, l, day, octets, &total, err), err) < 0)
		return -1;
	*ret_total = total;
	return 0;
}

int
sqlite_account_size(struct backend *b, const struct lease *l, uint64_t octets, struct err *err)
{
	if (db_begin(b, err) < 0)
		return -1;
	int rc = sqlite_check_lease(b, l, err);
	if (rc == 0) {
		AUTO(query_done) struct query q = query_start(b, STMT_ACCOUNT_SIZE);

		query_int(&q, l->account);
		query_int(&q, (int64_t)octets);
		rc = query_run(&q, err);
	}
	return db_end(b, rc, err);
}

int
sqlite_accounts(
    struct backend *b, struct arena *a, struct account_rec **ret, size_t *ret_len, struct err *err)
{
	AUTO(query_done)
	struct query q = query_start(b, b->version < 3 ? STMT_ACCOUNTS_2
					: b->version < 5  ? STMT_ACCOUNTS_3
							  : STMT_ACCOUNTS);
	AUTO(rows_done) struct rows rows = { .each = sizeof **ret };
	bool full = false;
	int rc;

	while ((rc = query_row(&q, err)) > 0 && !full)
		account_read(&q, a, rows_add(&rows), &full);
	return rc < 0 ? -1 : rows_end(&rows, a, full, ret, ret_len, err);
}

/* ---- folders ---- */

static void
folder_read_proof(
    const struct query *q, int col, struct arena *a, struct folder_proof *ret, bool *full)
{
	*ret = (struct folder_proof){
		.proved = col_int(q, col) != 0,
		.searched_known = col_int(q, col + 1) != 0,
		.exists = (uint32_t)col_int(q, col + 2),
		.searched = (uint32_t)col_int(q, col + 3),
		.fetched = (uint32_t)col_int(q, col + 4),
		.uidnext = (uint32_t)col_int(q, col + 5),
		.at_ms = col_int(q, col + 6),
		.late = (uint32_t)col_int(q, col + 7),
		.carried = col_int(q, col + 8) != 0,
		.why = col_text(q, col + 9, a, full),
	};
}

/* Columns as FOLDER_COLUMNS has them. */
static void
folder_read(const struct query *q, struct arena *a, struct folder_rec *ret, bool *full)
{
	*ret = (struct folder_rec){
		.id = col_int(q, 0),
		.name = col_words(q, 1, a, full),
		.delim = (char)col_int(q, 2),
		.special_use = col_text(q, 3, a, full),
		.subscribed = col_int(q, 4) != 0,
		.path = col_words(q, 5, a, full),
		.mark = col_words(q, 6, a, full),
		.name_mapped = col_int(q, 7) != 0,
		.uidvalidity = (uint32_t)col_int(q, 8),
		.uidnext = (uint32_t)col_int(q, 9),
		.messages = (uint32_t)col_int(q, 10),
		.highestmodseq = (uint64_t)col_int(q, 11),
		.excluded = col_int(q, 12) != 0,
		.vanished = col_int(q, 13) != 0,
		.listed = (uint64_t)col_int(q, 24),
		.expunged = (uint64_t)col_int(q, 25),
		.bytes = (uint64_t)col_int(q, 26),
	};
	folder_read_proof(q, 14, a, &ret->proof, full);
	for (int v = 0; v < VERDICTS; v++)
		ret->verdicts[v] = (uint64_t)col_int(q, 27 + v);
	ret->has_problems = col_int(q, 27 + VERDICTS) != 0;
	ret->mirrored = (uint64_t)col_int(q, 28 + VERDICTS);
	ret->mailbox_id = col_text(q, 29 + VERDICTS, a, full);
}

int
sqlite_folders(struct backend *b, int64_t account, struct arena *a, struct folder_rec **ret,
    size_t *ret_len, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b,
	    b->version < 6   ? STMT_FOLDERS_5
	    : b->version < 7 ? STMT_FOLDERS_6
			     : STMT_FOLDERS);
	AUTO(rows_done) struct rows rows = { .each = sizeof **ret };
	bool full = false;
	int rc;

	query_int(&q, account);
	while ((rc = query_row(&q, err)) > 0 && !full)
		folder_read(&q, a, rows_add(&rows), &full);
	return rc < 0 ? -1 : rows_end(&rows, a, full, ret, ret_len, err);
}

int
sqlite_folder_account(struct backend *b, int64_t folder, int64_t *ret, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_FOLDER_ACCOUNT);

	query_int(&q, folder);
	int rc = query_row(&q, err);
	if (rc < 0)
		return -1;
	*ret = rc > 0 ? col_int(&q, 0) : 0;
	return 0;
}

/* The statements that speak of (account, name, a number). */
static struct query
folder_query(struct backend *b, enum stmt_no no, const struct lease *l, const struct folder_rec *f,
    int64_t number)
{
	struct query q = query_start(b, no);

	query_int(&q, l->account);
	query_text(&q, f->name);
	query_int(&q, number);
	return q;
}

static int
folder_current(struct backend *b, const struct lease *l, const struct folder_rec *f, int64_t *ret,
    struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_FOLDER_CURRENT);

	query_int(&q, l->account);
	query_text(&q, f->name);
	int rc = query_row(&q, err);
	*ret = rc > 0 ? col_int(&q, 0) : 0;
	return rc < 0 ? -1 : 0;
}

static int
folder_exact(struct backend *b, const struct lease *l, const struct folder_rec *f, int64_t *ret,
    struct err *err)
{
	AUTO(query_done) struct query q = folder_query(b, STMT_FOLDER_FIND, l, f, f->uidvalidity);

	int rc = query_row(&q, err);
	*ret = rc > 0 ? col_int(&q, 0) : 0;
	return rc < 0 ? -1 : 0;
}

/* A row made while UIDVALIDITY was unknown, and still without messages, becomes the row of this
 * one. */
static int
folder_adopt(struct backend *b, const struct lease *l, const struct folder_rec *f, struct err *err)
{
	AUTO(query_done) struct query q = folder_query(b, STMT_FOLDER_ADOPT, l, f, f->uidvalidity);

	return query_run(&q, err);
}

/* *ret 0: not known yet. An unknown UIDVALIDITY (0) means the current row of the name, whatever
 * it has. */
static int
folder_find(struct backend *b, const struct lease *l, const struct folder_rec *f, int64_t *ret,
    struct err *err)
{
	if (f->uidvalidity == 0) {
		if (folder_current(b, l, f, ret, err) < 0)
			return -1;
		return *ret != 0 ? 0 : folder_exact(b, l, f, ret, err);
	}
	if (folder_exact(b, l, f, ret, err) < 0)
		return -1;
	if (*ret != 0)
		return 0;
	return folder_adopt(b, l, f, err) < 0 ? -1 : folder_exact(b, l, f, ret, err);
}

static int
folder_add(struct backend *b, const struct lease *l, const struct folder_rec *f, int64_t *ret,
    struct err *err)
{
	AUTO(query_done) struct query q = folder_query(b, STMT_FOLDER_ADD, l, f, f->uidvalidity);

	query_text(&q, f->path != NULL ? f->path : "");
	query_text(&q, f->mark != NULL ? f->mark : "");
	if (query_run(&q, err) < 0)
		return -1;
	*ret = sqlite3_last_insert_rowid(b->db);
	return 0;
}

/* What the source says of the folder now; no write when nothing changed. */
static int
folder_touch(struct backend *b, int64_t id, const struct folder_rec *f, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_FOLDER_TOUCH);

	query_int(&q, id);
	query_int(&q, (unsigned char)f->delim);
	query_text(&q, f->special_use);
	query_int(&q, f->subscribed);
	query_int(&q, f->name_mapped);
	query_int(&q, f->excluded);
	return query_run(&q, err);
}

static int
folder_get(struct backend *b, int64_t id, struct arena *a, struct folder_rec *ret, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_FOLDER_GET);
	bool full = false;

	query_int(&q, id);
	int rc = query_row(&q, err);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return db_damaged(b, err, "a folder has no row");
	folder_read(&q, a, ret, &full);
	return full ? err_set(err, ERR_STATE, "a folder of the state does not fit into memory") : 0;
}

static int
folder_settle(struct backend *b, const struct lease *l, struct folder_rec *io, struct arena *a,
    struct err *err)
{
	int64_t id;

	if (sqlite_check_lease(b, l, err) < 0 || folder_find(b, l, io, &id, err) < 0)
		return -1;
	if (id == 0 && folder_add(b, l, io, &id, err) < 0)
		return -1;
	AUTO(query_done) struct query vanish = folder_query(b, STMT_FOLDER_VANISH, l, io, id);
	if (query_run(&vanish, err) < 0 || folder_touch(b, id, io, err) < 0)
		return -1;
	return folder_get(b, id, a, io, err);
}

int
sqlite_folder(struct backend *b, const struct lease *l, struct folder_rec *io, size_t n,
    struct arena *a, struct err *err)
{
	int rc = 0;

	if (db_begin(b, err) < 0)
		return -1;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = folder_settle(b, l, &io[i], a, err);
	return db_end(b, rc, err);
}

/* Statements of a kind: (account, from, to[, path]). */
static int
rename_in(struct backend *b, enum stmt_no no, const struct lease *l, const char *from,
    const char *to, const char *path, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, no);

	query_int(&q, l->account);
	query_text(&q, from);
	query_text(&q, to);
	if (no == STMT_FOLDER_RENAME)
		query_text(&q, path);
	return query_run(&q, err);
}

int
sqlite_folder_rename(struct backend *b, const struct lease *l, const struct folder_renaming *r,
    struct err *err)
{
	if (db_begin(b, err) < 0)
		return -1;
	int rc = sqlite_check_lease(b, l, err);
	if (rc == 0)
		rc = rename_in(b, STMT_FOLDER_MAKE_WAY, l, r->from, r->to, NULL, err);
	if (rc == 0)
		rc = rename_in(b, STMT_FOLDER_RENAME, l, r->from, r->to, r->path, err);
	if (rc == 0)
		rc = rename_in(b, STMT_WARNING_RENAME, l, r->shown_from, r->shown_to, NULL, err);
	return db_end(b, rc, err);
}
