/* Notes of the job, and the history of its runs. */
#include "state/sqlite.h"

#include <string.h>

#include "base/clock.h"

static int
note_put(struct backend *b, const struct job_note *note, struct err *err)
{
	AUTO(query_done)
	struct query q = query_start(b, note->value != NULL ? STMT_NOTE_SET : STMT_NOTE_DELETE);

	query_text(&q, note->key);
	if (note->value != NULL)
		query_text(&q, note->value);
	return query_run(&q, err);
}

int
sqlite_note_set(struct backend *b, const struct job_note *note, size_t n, struct err *err)
{
	int rc = 0;

	if (db_begin(b, err) < 0)
		return -1;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = note_put(b, &note[i], err);
	return db_end(b, rc, err);
}

int
sqlite_notes(struct backend *b, const char *prefix, struct arena *a, struct job_note **ret,
    size_t *ret_len, struct err *err)
{
	AUTO(mem_free_str) char *end = mem_copy_str(prefix);
	AUTO(query_done) struct query q = query_start(b, STMT_NOTES);
	AUTO(rows_done) struct rows rows = { .each = sizeof **ret };
	bool full = false;
	int rc;

	end[strlen(end) - 1]++; /* keys are compared by their octets */
	query_text(&q, prefix);
	query_text(&q, end);
	while ((rc = query_row(&q, err)) > 0 && !full) {
		struct job_note *n = rows_add(&rows);

		n->key = col_text(&q, 0, a, &full);
		n->value = col_text(&q, 1, a, &full);
	}
	return rc < 0 ? -1 : rows_end(&rows, a, full, ret, ret_len, err);
}

int
sqlite_note_get(struct backend *b, const char *key, char **ret, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_NOTE_GET);

	query_text(&q, key);
	int rc = query_row(&q, err);
	if (rc < 0)
		return -1;
	*ret = rc > 0 ? mem_copy_str((const char *)sqlite3_column_text(q.stmt, 0)) : NULL;
	return 0;
}

/* Runs that did not end by themselves are over now, but for those of processes that share the job; this
 * one takes their place as the one without an end. */
static int
sqlite_run_add(struct backend *b, const struct run_rec *r, int64_t *ret, struct err *err)
{
	AUTO(query_done) struct query attempts = query_start(b, STMT_ATTEMPTS_NONE);
	AUTO(query_done) struct query killed = query_start(b, STMT_RUN_KILLED);
	AUTO(query_done) struct query q = query_start(b, STMT_RUN_BEGIN);
	int64_t now = clock_wall_ms();

	query_int(&killed, now);
	query_text(&q, r->version);
	query_text(&q, r->options);
	query_text(&q, r->who);
	query_text(&q, r->host);
	query_int(&q, r->pid);
	query_int(&q, now);
	if (query_run(&killed, err) < 0 || query_run(&attempts, err) < 0 || query_run(&q, err) < 0)
		return -1;
	*ret = sqlite3_last_insert_rowid(b->db);
	AUTO(query_done) struct query mine = query_start(b, STMT_PEER_RUN);
	query_int(&mine, b->process);
	query_int(&mine, *ret);
	return query_run(&mine, err);
}

int
sqlite_run_begin(struct backend *b, const struct run_rec *r, int64_t *ret, struct err *err)
{
	if (db_begin(b, err) < 0)
		return -1;
	return db_end(b, sqlite_run_add(b, r, ret, err), err);
}

static const char *
run_text(const struct query *q, int col, struct arena *a, bool *full)
{
	const char *text = col_text(q, col, a, full);

	return text != NULL ? text : "";
}

static void
run_read(const struct query *q, struct arena *a, struct run_rec *ret, bool *full)
{
	*ret = (struct run_rec){
		.id = col_int(q, 0),
		.version = run_text(q, 1, a, full),
		.options = run_text(q, 2, a, full),
		.started_ms = col_int(q, 3),
		.ended_ms = col_int(q, 4),
		.exit_code = (int)col_int(q, 5),
		.who = run_text(q, 6, a, full),
		.host = run_text(q, 7, a, full),
		.pid = col_int(q, 8),
	};
}

int
sqlite_runs(
    struct backend *b, struct arena *a, struct run_rec **ret, size_t *ret_len, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, b->version < 3 ? STMT_RUNS_2 : STMT_RUNS);
	AUTO(rows_done) struct rows rows = { .each = sizeof **ret };
	bool full = false;
	int rc;

	while ((rc = query_row(&q, err)) > 0 && !full)
		run_read(&q, a, rows_add(&rows), &full);
	return rc < 0 ? -1 : rows_end(&rows, a, full, ret, ret_len, err);
}

int
sqlite_run_end(struct backend *b, int64_t run, int exit_code, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_RUN_END);

	/* A group has been through this when it ends; alone it commits by itself. */
	if (db_is_in_place(b, err) < 0)
		return -1;
	query_int(&q, run);
	query_int(&q, clock_wall_ms());
	query_int(&q, exit_code);
	return query_run(&q, err);
}
