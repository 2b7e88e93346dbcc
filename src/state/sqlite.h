/* What the files of the SQLite backend share: the handle, prepared statements, and errors. */
#ifndef STATE_SQLITE_H
#define STATE_SQLITE_H

#include <sqlite3.h>
#include <stdio.h>

#include "base/mem.h"
#include "state/backend.h"
#include "state/lock.h"

enum stmt_no {
#define STMT(name, sql) STMT_##name,
#include "state/sqlite.def"
#undef STMT
	STMTS
};

struct backend {
	sqlite3 *db;
	char *dir, *path; /* DIR, DIR/imex.db */
	bool writes, glances, still; /* glances: health is not looked at; still: see STATE_STILL */
	int version; /* that the tables have; a writer has brought it up to date */
	bool older; /* a reader cannot bring it up to date: what needs new columns fails (db_fail) */
	bool lazy; /* commits are not synced */
	bool in_group, group_bad; /* within group_begin and group_end; a savepoint would not end */
	sqlite3_stmt *stmt[STMTS];
	int64_t process; /* this one; 0: it only reads */
	struct job_lock *process_lock;
	bool sharing;
	int64_t pair_old, pair_new; /* what temp.pair was made for; 0: nothing */
	uint32_t pair_after; /* given so far */
};

/* ---- db.c ---- */

/* Turn the fault of the last call into *err; -1. */
int db_fail(struct backend *b, struct err *err);
/* A row that cannot be: *err is ERR_STATE, or ERR_DISK where it could not be read; -1. */
int db_damaged(struct backend *b, struct err *err, const char *what);
int db_exec(struct backend *b, const char *sql, struct err *err) WARN_UNUSED;
/* A transaction that writes, within a group a savepoint; its end commits when rc is 0, else rolls back and keeps *err. Gives
 * -1 or 0. */
int db_begin(struct backend *b, struct err *err) WARN_UNUSED;
int db_end(struct backend *b, int rc, struct err *err) WARN_UNUSED;

/* ERR_DISK when imex.db is no longer the file that was opened. */
int db_is_in_place(struct backend *b, struct err *err) WARN_UNUSED;

int sqlite_group_begin(struct backend *b, struct err *err) WARN_UNUSED;
int64_t sqlite_changes(struct backend *b);
int sqlite_settle(struct backend *b, struct err *err) WARN_UNUSED;
int sqlite_durable(struct backend *b, bool now, struct err *err) WARN_UNUSED;
bool sqlite_group_lost(struct backend *b);
int sqlite_group_end(struct backend *b, bool keep, struct err *err) WARN_UNUSED;

/* One use of a prepared statement: AUTO(query_done) struct query q = query_start(b, STMT_X);
 * parameters in order; then query_row until it gives 0. Faults of preparing and binding appear
 * there. */
struct query {
	struct backend *b;
	sqlite3_stmt *stmt;
	int n, rc;
};

struct query query_start(struct backend *b, enum stmt_no no);
void query_int(struct query *q, int64_t value);
void query_text(struct query *q, const char *text); /* NULL: NULL. Borrowed until query_done */
void query_blob(struct query *q, const void *data, size_t len);
void query_null(struct query *q);
int query_row(struct query *q, struct err *err) WARN_UNUSED; /* 1: a row; 0: none; -1 */
int query_run(struct query *q, struct err *err) WARN_UNUSED; /* to the end; rows are dropped */
void query_again(struct query *q); /* for the next set of parameters */
void query_done(struct query *q);

int64_t col_int(const struct query *q, int col);
/* Copied into a; NULL stays NULL, and *full is set when the arena is at its limit. */
const char *col_text(const struct query *q, int col, struct arena *a, bool *full);

/* A list that grows while rows come and ends in an arena. */
struct rows {
	void *item;
	size_t len, cap, each;
};
void *rows_add(struct rows *r); /* zeroed; valid until the next */
/* Moves the list into a: *ret and *ret_len. ERR_STATE when it does not fit; full: texts did not. */
int rows_end(struct rows *r, struct arena *a, bool full, void *ret, size_t *ret_len,
    struct err *err) WARN_UNUSED;
void rows_done(struct rows *r);

/* ---- schema.c ---- */
enum { SCHEMA_ID = 0x696d6578 }; /* "imex" */
extern const int schema_version;
/* The step from the version before `to`, 1 to schema_version; for tests, which make states of old. */
const char *schema_sql(int to);
int schema_migrate(struct backend *b, int from, struct err *err) WARN_UNUSED;

/* ---- sqlite_batch.c ---- */
int sqlite_apply(
    struct backend *b, const struct lease *l, const struct batch *batch, struct err *err);
int sqlite_check_lease(struct backend *b, const struct lease *l, struct err *err) WARN_UNUSED;

/* ---- sqlite_account.c: accounts, folders; sqlite_sums.c: tallies, servers, outcome ---- */
int sqlite_claim(
    struct backend *b, struct account_rec *io, struct arena *a, struct lease *ret, struct err *err);
int sqlite_account_end(struct backend *b, const struct lease *l, enum account_status s,
    const char *error, int error_exit, struct err *err);
int sqlite_account_queue(
    struct backend *b, struct account_rec *io, size_t n, struct arena *a, struct err *err);
int sqlite_account_wait(struct backend *b, const struct lease *l, int64_t until_ms,
    const char *why, struct err *err);
int sqlite_account_day(struct backend *b, const struct lease *l, int64_t day, uint64_t octets,
    uint64_t *ret_total, struct err *err);
int sqlite_account_size(
    struct backend *b, const struct lease *l, uint64_t octets, struct err *err);
int sqlite_accounts(
    struct backend *b, struct arena *a, struct account_rec **ret, size_t *ret_len, struct err *err);
int sqlite_account(struct backend *b, int64_t id, struct arena *a, struct account_rec *ret,
    struct tally *ret_sum, struct err *err);
int sqlite_tally(struct backend *b, int64_t account, struct tally *ret, struct err *err);
int sqlite_newest(
    struct backend *b, struct arena *a, struct newest **ret, size_t *ret_len, struct err *err);
int sqlite_tallies(
    struct backend *b, struct arena *a, struct tally **ret, size_t *ret_len, struct err *err);
int sqlite_folder(struct backend *b, const struct lease *l, struct folder_rec *io, size_t n,
    struct arena *a, struct err *err);
int sqlite_folder_rename(struct backend *b, const struct lease *l, const struct folder_renaming *r,
    struct err *err);
int sqlite_folders(struct backend *b, int64_t account, struct arena *a, struct folder_rec **ret,
    size_t *ret_len, struct err *err);
int sqlite_account_of(struct backend *b, const char *dir, int64_t *ret, struct err *err);
int sqlite_folder_account(struct backend *b, int64_t folder, int64_t *ret, struct err *err);
int sqlite_server_get(
    struct backend *b, const char *host_port, struct server_facts *ret, struct err *err);
int sqlite_server_set(
    struct backend *b, const char *host_port, const struct server_facts *f, struct err *err);
int sqlite_outcome(struct backend *b, int *ret, struct err *err);

/* ---- sqlite_notes.c ---- */
int sqlite_note_set(struct backend *b, const struct job_note *note, size_t n, struct err *err) WARN_UNUSED;
int sqlite_notes(struct backend *b, const char *prefix, struct arena *a, struct job_note **ret, size_t *ret_len,
    struct err *err) WARN_UNUSED;
int sqlite_note_get(struct backend *b, const char *key, char **ret, struct err *err) WARN_UNUSED;
int sqlite_run_begin(struct backend *b, const struct run_rec *r, int64_t *ret, struct err *err) WARN_UNUSED;
int sqlite_runs(struct backend *b, struct arena *a, struct run_rec **ret, size_t *ret_len, struct err *err)
    WARN_UNUSED;
int sqlite_run_end(struct backend *b, int64_t run, int exit_code, struct err *err) WARN_UNUSED;

/* ---- sqlite_peers.c ---- */
int sqlite_join(struct backend *b, bool beside, struct err *err) WARN_UNUSED;
bool sqlite_has_peers(struct backend *b); /* does another process work on the job? */
void sqlite_part(struct backend *b); /* the end of that; what it had is free */
int sqlite_share(struct backend *b, enum sharing s, struct err *err) WARN_UNUSED;
int sqlite_peers(struct backend *b, struct peers *ret, struct err *err) WARN_UNUSED;
int sqlite_take(struct backend *b, int64_t account, enum taken *ret, struct err *err) WARN_UNUSED;
int sqlite_release(struct backend *b, int64_t account, struct err *err) WARN_UNUSED;
int sqlite_places(struct backend *b, struct place *io, size_t n, struct err *err) WARN_UNUSED;
/* ERR_TAKEN when another process has it, or is through with it. */
int sqlite_may_claim(struct backend *b, int64_t account, const char *name, struct err *err) WARN_UNUSED;

/* ---- sqlite_copy.c ---- */
int sqlite_compact(struct backend *b, struct err *err) WARN_UNUSED;
int sqlite_backup(struct backend *b, const char *path, struct err *err) WARN_UNUSED;

/* ---- sqlite_message.c: pages, problems, warnings, debts ---- */
int sqlite_page(
    struct backend *b, int64_t folder, uint32_t after, struct msg_page *ret, struct err *err);
int sqlite_uids(struct backend *b, int64_t folder, uint32_t after, uint32_t *ret, size_t most,
    size_t *ret_len, struct err *err);
int sqlite_shared_copies(struct backend *b, int64_t folder, struct arena *a, uint32_t **ret,
    size_t *ret_len, struct err *err);
int sqlite_twin(struct backend *b, int64_t folder, uint64_t gm_msgid, struct arena *a,
    struct twin *ret, bool *ret_found, struct err *err);
int sqlite_message(struct backend *b, int64_t folder, uint32_t uid, struct arena *a,
    struct msg *ret, bool *ret_found, struct err *err);
int sqlite_superseded(struct backend *b, int64_t old_folder, int64_t new_folder,
    struct msg_page *ret, struct err *err);
int sqlite_problems(struct backend *b, int64_t folder, struct arena *a, struct problem **ret,
    size_t *ret_len, struct err *err);
int sqlite_warnings(struct backend *b, int64_t account, struct arena *a, struct warning **ret,
    size_t *ret_len, struct err *err);
int sqlite_debts(struct backend *b, int64_t folder, struct arena *a, uint32_t **ret,
    size_t *ret_len, struct err *err);
int sqlite_numbering(
    struct backend *b, int64_t folder, struct numbering *ret, struct err *err);
int sqlite_intents(struct backend *b, int64_t folder, struct arena *a, struct intent **ret,
    size_t *ret_len, struct err *err);

#endif
