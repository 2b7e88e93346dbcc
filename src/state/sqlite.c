/* The state in one file, DIR/imex.db: opening it, and the calls that all parts of this backend
 * use.
 *
 * WAL with synchronous=FULL: a commit is durable when it returns, and all before it; what may wait for
 * that is committed with NORMAL, without a sync. Readers (status, report)
 * work beside a running job. Nothing here opens imex.db but SQLite: closing any other descriptor
 * of it would drop SQLite's POSIX locks. The file is not trusted: it may be cut, overwritten or
 * made by somebody else. Whatever SQLite finds wrong is ERR_STATE with advice, never a crash and
 * never a new file over the old one. */
#include "state/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

enum {
	CACHE_KIB = 4096,
	BUSY_MS = 10 * 1000,
	TEXT_LIMIT = 16 * 1024 * 1024,
	DB_LEAST_BYTES = 512,
	/* Every open checks a state up to this size (some 20 ms); a larger one only a run after
	 * an unclean end. */
	CHECK_ALWAYS_BYTES = 32 * 1024 * 1024,
	NEVER_SYNCED_MAX = 64 * 1024
};

/* ---- open ---- */

/* Size of DIR/imex.db or of its log; -1 with errno when there is none. */
static int64_t
db_size(const struct backend *b, const char *suffix, struct stat *st)
{
	AUTO(mem_free_str) char *path = NULL;

	if (asprintf(&path, "%s%s", b->path, suffix) < 0)
		mem_out();
	return lstat(path, st) < 0 ? -1 : st->st_size;
}

/* Is there what only a job that was begun leaves: mail, or the report of a run? */
static bool
db_was_begun(const struct backend *b)
{
	static const char *const left[] = { "mail", "report.json" };
	bool begun = false;

	for (size_t i = 0; i < COUNT_OF(left) && !begun; i++) {
		AUTO(mem_free_str) char *path = NULL;
		struct stat st;

		if (asprintf(&path, "%s/%s", b->dir, left[i]) < 0)
			mem_out();
		begun = lstat(path, &st) == 0;
	}
	return begun;
}

/* What is there: 1 a database, 0 none; a file that was cut to nothing is none unless its log or what lies
 * beside it says otherwise. */
static int
db_look(struct backend *b, struct err *err)
{
	struct stat st, log;
	int64_t size = db_size(b, "", &st);

	if (size < 0 && errno != ENOENT && errno != ENOTDIR)
		return err_set_sys(err, ERR_DISK, "look at '%s'", b->path);
	if (size >= 0 && !S_ISREG(st.st_mode))
		return db_damaged(b, err, "it is not a file");
	if (size > 0 && size < DB_LEAST_BYTES && db_size(b, "-journal", &log) < 0)
		return db_damaged(
		    b, err, "its end is missing"); /* SQLite takes one octet for none */
	if (size > 0)
		return 1;
	if (db_size(b, "-wal", &log) > 0)
		return db_damaged(b, err,
		    size < 0 ? "it is gone, its log imex.db-wal is not"
			     : "it is empty, its log is not");
	if (size == 0 && db_was_begun(b))
		return db_damaged(b, err, "it is empty, and a job was begun here");
	return 0;
}

/* Which of the files is kept from this user, if one is. */
static int
db_shut(struct backend *b, struct err *err)
{
	static const char *const suffix[] = { "", "-wal", "-shm" };

	for (size_t i = 0; i < COUNT_OF(suffix); i++) {
		AUTO(mem_free_str) char *path = NULL;

		if (asprintf(&path, "%s%s", b->path, suffix[i]) < 0)
			mem_out();
		if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) < 0 && errno == EACCES)
			return err_set_sys(err, ERR_DISK,
			    "read '%s', a part of the state: as the user who ran the job it can be read", path);
	}
	return db_fail(b, err);
}

/* Reading needs imex.db-shm; where it cannot be made the file alone will do, and with its log when that, too, is
 * nobody's now: who has it open has made imex.db-shm. Locks are left out, since they would be asked of that file, and
 * SQLite makes the index of the log in its own memory. That writes nothing. */
static int
db_connect_still(struct backend *b, struct err *err)
{
	AUTO(buf_done) struct buf uri;
	struct stat log;
	bool has_log = db_size(b, "-wal", &log) > 0;

	buf_init(&uri, 64 * 1024);
	if (has_log && db_size(b, "-shm", &log) >= 0)
		return db_shut(b, err);
	(void)buf_add_str(&uri, "file:");
	for (const char *p = b->path; *p != '\0'; p++)
		(void)(*p == '?' || *p == '#' || *p == '%' ? buf_printf(&uri, "%%%02x", *p)
							   : buf_add_byte(&uri, *p));
	if (!has_log)
		(void)buf_add_str(&uri, "?immutable=1");
	(void)sqlite3_close_v2(b->db);
	b->db = NULL;
	int flags =
	    SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	if (sqlite3_open_v2(uri.data, &b->db, flags, has_log ? "unix-none" : NULL) != SQLITE_OK)
		return db_fail(b, err);
	(void)sqlite3_db_config(b->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	if (!has_log || sqlite3_exec(b->db, "PRAGMA locking_mode=EXCLUSIVE; SELECT 1 FROM sqlite_schema", NULL, NULL,
			    NULL) == SQLITE_OK)
		return 0;
	return db_shut(b, err);
}

/* A path that begins as a URI would be read as one, and be another file. */
static int
db_open_path(struct backend *b, int flags)
{
	AUTO(buf_done) struct buf path;

	buf_init(&path, 64 * 1024);
	if (!buf_add_str(&path, b->path[0] == '/' ? "" : "./") || !buf_add_str(&path, b->path))
		return SQLITE_CANTOPEN;
	return sqlite3_open_v2(path.data, &b->db, flags, NULL);
}

static int
db_connect(struct backend *b, struct err *err)
{
	int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	struct stat log;

	if (b->still && db_size(b, "-wal", &log) <= 0)
		return db_connect_still(b, err);
	flags |= b->writes ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
	if (db_open_path(b, flags) != SQLITE_OK)
		return db_fail(b, err);
	(void)sqlite3_busy_timeout(b->db, BUSY_MS);
	if (b->writes && sqlite3_db_readonly(b->db, "main") == 1)
		return err_set(err, ERR_CREATE, "state '%s' is write-protected", b->path);
	if (b->writes ||
	    sqlite3_exec(b->db, "SELECT 1 FROM sqlite_schema", NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	int rc = sqlite3_errcode(b->db) & 0xff;
	if (rc != SQLITE_CANTOPEN && rc != SQLITE_READONLY)
		return db_fail(b, err);
	return db_connect_still(b, err);
}

/* One number or one text that a pragma or count gives; text may be NULL. */
static int
db_ask(struct backend *b, const char *sql, int64_t *ret, char text[64], struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(b->db, sql, -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		const char *said = text != NULL ? (const char *)sqlite3_column_text(stmt, 0) : NULL;

		*ret = sqlite3_column_int64(stmt, 0);
		if (text != NULL)
			(void)snprintf(text, 64, "%s", said != NULL ? said : "");
	}
	int failed = rc == SQLITE_ROW ? 0 : db_fail(b, err);
	(void)sqlite3_finalize(stmt);
	return failed;
}

static int
db_settle(struct backend *b, struct err *err)
{
	char sql[256];

	(void)sqlite3_limit(b->db, SQLITE_LIMIT_LENGTH, TEXT_LIMIT);
	(void)sqlite3_db_config(b->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(b->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	(void)snprintf(sql, sizeof sql,
	    "PRAGMA cache_size=-%d; PRAGMA mmap_size=0; PRAGMA cell_size_check=1;"
	    "PRAGMA synchronous=FULL; PRAGMA journal_size_limit=67108864",
	    CACHE_KIB);
	return db_exec(b, sql, err);
}

/* Whose database this is, and of which version. */
static int
db_version(struct backend *b, int64_t *ret, struct err *err)
{
	int64_t id, tables;

	if (db_ask(b, "PRAGMA user_version", ret, NULL, err) < 0 ||
	    db_ask(b, "PRAGMA application_id", &id, NULL, err) < 0 ||
	    db_ask(b, "SELECT count(*) FROM sqlite_schema", &tables, NULL, err) < 0)
		return -1;
	if (*ret == 0 && id == 0 && tables == 0) /* killed before the first step */
		return 0;
	if (id != SCHEMA_ID || *ret < 1)
		return db_damaged(b, err, "it is a database, but not of imex");
	if (*ret > schema_version)
		return err_set(err, ERR_NEWER_STATE,
		    "state '%s' is of version %lld, made by a newer imex (this one knows %d): use "
		    "that one",
		    b->path, (long long)*ret, schema_version);
	return 0;
}

static int
db_use_wal(struct backend *b, struct err *err)
{
	char mode[64];
	int64_t n;

	if (db_ask(b, "PRAGMA journal_mode=WAL", &n, mode, err) < 0)
		return -1;
	if (strcmp(mode, "wal") != 0)
		return err_set(err, ERR_CONFIG,
		    "state '%s': the file system allows no write-ahead log", b->path);
	return 0;
}

/* SQLite takes a cut last page for zeros. Only for the one who writes: nobody else makes it grow. */
static int
db_check_length(struct backend *b, struct err *err)
{
	struct stat st;
	int64_t pages, page;

	if (!b->writes || db_size(b, "-wal", &st) > 0)
		return 0;
	if (db_ask(b, "PRAGMA page_count", &pages, NULL, err) < 0 ||
	    db_ask(b, "PRAGMA page_size", &page, NULL, err) < 0)
		return -1;

	int64_t size = db_size(b, "", &st);

	if (size < 0 && errno != ENOENT)
		return err_set_sys(err, ERR_DISK, "look at '%s'", b->path);
	return size >= pages * page ? 0 : db_damaged(b, err, "its end is missing");
}

static int
db_check(struct backend *b, int64_t version, struct err *err)
{
	char said[64];
	int64_t n;
	bool unclean;

	struct stat st;
	if (db_check_length(b, err) < 0 || state_sqlite.unclean(b, &unclean, err) < 0)
		return -1;
	/* A run that goes on is no unclean end. */
	if (unclean && b->writes && version >= 5)
		unclean = !sqlite_has_peers(b);
	if (!(unclean && b->writes) && db_size(b, "", &st) > CHECK_ALWAYS_BYTES)
		return 0;
	if (db_ask(b, "PRAGMA quick_check(1)", &n, said, err) < 0)
		return -1;
	return strcmp(said, "ok") == 0 ? 0 : db_damaged(b, err, said);
}

static int
db_ready(struct backend *b, struct err *err)
{
	int64_t version;

	if (db_settle(b, err) < 0 || db_version(b, &version, err) < 0)
		return -1;
	if (!b->writes && version == 0)
		return err_set(err, ERR_NO_INPUT, "no job was begun in '%s'", b->dir);
	b->version = b->writes ? schema_version : (int)version;
	b->older = !b->writes && version < schema_version;
	if (version > 0 && !b->glances && db_check(b, version, err) < 0)
		return -1;
	if (!b->writes)
		return 0;
	return db_use_wal(b, err) < 0 || schema_migrate(b, (int)version, err) < 0 ? -1 : 0;
}

/* WAL needs shared memory between processes, which network file systems do not give. */
static int
db_refuse_network(int dir, const char *job_dir, struct err *err)
{
	if (!file_is_network(dir))
		return 0;
	return err_set(err, ERR_CONFIG,
	    "job directory '%s' is on a network file system: use a local one", job_dir);
}

/* SQLite would make the file readable for everybody. Never while SQLite has it open. */
static int
db_create(const struct backend *b, struct err *err)
{
	AUTO(file_close)
	int fd = open(b->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);

	return fd >= 0 ? 0 : err_set_sys(err, ERR_CREATE, "create '%s'", b->path);
}

static bool
is_all_zeros(int fd, off_t size)
{
	char text[4096];
	off_t at = 0;

	while (at < size) {
		ssize_t n = pread(fd, text, sizeof text, at);

		if (n <= 0)
			return false;
		for (ssize_t i = 0; i < n; i++)
			if (text[i] != 0)
				return false;
		at += n;
	}
	return true;
}

/* The power went before the first sync of a new one: its length is there, and nothing of it. So no job was begun;
 * where there is mail, it is damaged. */
static bool
db_never_synced(const struct backend *b)
{
	AUTO(file_close) int fd = -1;
	struct stat st;

	if (db_was_begun(b) || db_size(b, "-wal", &st) > 0)
		return false;
	fd = open(b->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 && fstat(fd, &st) == 0 && st.st_size <= NEVER_SYNCED_MAX &&
	    is_all_zeros(fd, st.st_size);
}

static int
db_begin_anew(const struct backend *b, struct err *err)
{
	return truncate(b->path, 0) == 0 ? 0 : err_set_sys(err, ERR_DISK, "empty '%s'", b->path);
}

static void
sqlite_close(struct backend **ret)
{
	struct backend *b = *ret;

	if (b == NULL)
		return;
	sqlite_part(b);
	for (size_t i = 0; i < STMTS; i++)
		(void)sqlite3_finalize(b->stmt[i]);
	(void)sqlite3_close_v2(b->db);
	free(b->dir);
	free(b->path);
	free(b);
	*ret = NULL;
}

static int
sqlite_open(struct backend **ret, const char *job_dir, enum state_mode mode, struct err *err)
{
	AUTO(sqlite_close) struct backend *b = mem_new(sizeof *b);
	AUTO(file_close) int dir = -1;

	b->writes = mode == STATE_RUN || mode == STATE_JOIN;
	b->still = mode == STATE_STILL;
	b->glances = mode == STATE_GLANCE;
	b->dir = mem_copy_str(job_dir);
	if (asprintf(&b->path, "%s/imex.db", job_dir) < 0)
		mem_out();
	int there = db_look(b, err);
	if (there < 0)
		return -1;
	if (there == 0 && !b->writes)
		return err_set(err, ERR_NO_INPUT, "no imex job in '%s' (no imex.db)", job_dir);
	if (file_open_dir(AT_FDCWD, job_dir, &dir, err) < 0 ||
	    db_refuse_network(dir, job_dir, err) < 0)
		return -1;
	if (there == 0 && db_create(b, err) < 0)
		return -1;
	if (there > 0 && db_never_synced(b)) {
		if (!b->writes)
			return err_set(err, ERR_NO_INPUT, "no job was begun in '%s'", job_dir);
		if (db_begin_anew(b, err) < 0)
			return -1;
	}
	if (db_connect(b, err) < 0 || db_ready(b, err) < 0)
		return -1;
	if (there == 0 && file_sync(dir, err) < 0)
		return err_wrap(err, "job directory '%s'", job_dir);
	*ret = b;
	b = NULL;
	return 0;
}

/* ---- notes and runs ---- */

static int
sqlite_unclean(struct backend *b, bool *ret, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_RUN_OPEN);

	if (query_row(&q, err) < 0)
		return -1;
	*ret = col_int(&q, 0) > 0;
	return 0;
}

const struct state_backend_ops state_sqlite = {
	.name = "sqlite",
	.open = sqlite_open,
	.close = sqlite_close,
	.unclean = sqlite_unclean,
	.join = sqlite_join,
	.share = sqlite_share,
	.peers = sqlite_peers,
	.take = sqlite_take,
	.release = sqlite_release,
	.places = sqlite_places,
	.group_begin = sqlite_group_begin,
	.durable = sqlite_durable,
	.changes = sqlite_changes,
	.settle = sqlite_settle,
	.group_lost = sqlite_group_lost,
	.group_end = sqlite_group_end,
	.apply = sqlite_apply,
	.note_set = sqlite_note_set,
	.note_get = sqlite_note_get,
	.notes = sqlite_notes,
	.run_begin = sqlite_run_begin,
	.runs = sqlite_runs,
	.run_end = sqlite_run_end,
	.claim = sqlite_claim,
	.account_end = sqlite_account_end,
	.account_queue = sqlite_account_queue,
	.account_wait = sqlite_account_wait,
	.account_day = sqlite_account_day,
	.account_size = sqlite_account_size,
	.accounts = sqlite_accounts,
	.account = sqlite_account,
	.tallies = sqlite_tallies,
	.newest = sqlite_newest,
	.folder = sqlite_folder,
	.folder_rename = sqlite_folder_rename,
	.folders = sqlite_folders,
	.account_of = sqlite_account_of,
	.folder_account = sqlite_folder_account,
	.page = sqlite_page,
	.uids = sqlite_uids,
	.message = sqlite_message,
	.twin = sqlite_twin,
	.shared_copies = sqlite_shared_copies,
	.superseded = sqlite_superseded,
	.problems = sqlite_problems,
	.warnings = sqlite_warnings,
	.debts = sqlite_debts,
	.intents = sqlite_intents,
	.numbering = sqlite_numbering,
	.server_get = sqlite_server_get,
	.server_set = sqlite_server_set,
	.outcome = sqlite_outcome,
	.compact = sqlite_compact,
	.backup = sqlite_backup,
};
