/* A state that is cut, overwritten, foreign, newer or missing: refused in words, never a crash, never made anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>

#include "state_help.h"

static int
setup(void **state)
{
	struct job *job = mem_new(sizeof(*job));

	job_start(job);
	*state = job;
	return 0;
}

static int
teardown(void **state)
{
	job_drop(*state);
	free(*state);
	return 0;
}

static void
sql(struct job *job, const char *text)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(job->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
newer_state_is_left_alone(void **state)
{
	struct job *job = *state;

	state_close(&job->state);
	sql(job, "PRAGMA user_version=99");
	refuses(job, STATE_RUN, ERR_NEWER_STATE);
	assert_int_equal(err_exit_code(job->err.kind), 78);
	assert_non_null(strstr(job->err.text, "version 99"));
	refuses(job, STATE_READ, ERR_NEWER_STATE);
	sql(job, "PRAGMA user_version=9");
	OK(state_open(&job->state, job->dir, STATE_RUN, &job->err));
}

static void
database_of_another_program_is_refused(void **state)
{
	struct job *job = *state;

	state_close(&job->state);
	sql(job, "PRAGMA application_id=1");
	refuses(job, STATE_RUN, ERR_STATE);
	sql(job, "PRAGMA application_id=0; PRAGMA user_version=0");
	refuses(job, STATE_RUN, ERR_STATE);
	refuses(job, STATE_READ, ERR_STATE);
}

static void
missing_tables_are_damage(void **state)
{
	struct job *job = *state;
	struct msg_page *page = msg_page_new();

	state_close(&job->state);
	sql(job, "DROP TABLE message");
	OK(state_open(&job->state, job->dir, STATE_RUN, &job->err));
	assert_int_equal(state_page(job->state, 1, 0, page, &job->err), -1);
	assert_int_equal(job->err.kind, ERR_STATE);
	state_close(&job->state);
	sql(job, "DROP TABLE run");
	refuses(job, STATE_RUN, ERR_STATE);
	msg_page_free(page);
}

/* The bytes of imex.db, all of them in the one file. */
static char *
slurp(struct job *job, size_t *ret_len)
{
	FILE *f = fopen(job->path, "rb");

	assert_non_null(f);
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	*ret_len = (size_t)ftell(f);
	char *bytes = mem_new(*ret_len);
	rewind(f);
	assert_int_equal(fread(bytes, 1, *ret_len, f), *ret_len);
	fclose(f);
	return bytes;
}

static void
spill(struct job *job, const char *bytes, size_t len)
{
	FILE *f = fopen(job->path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

/* Everything a run and a report ask, on a state that may be damaged anywhere; true when all went well. */
static bool
uses(struct job *job, enum state_mode mode, struct err *err)
{
	AUTO(state_close) struct state *t = NULL;
	struct account_rec *a, claim = { .name = "u@h", .dir = "u@h" };
	struct folder_rec *f;
	struct problem *p;
	struct warning *w;
	struct lease lease;
	size_t n, m;
	int outcome;

	if (state_open(&t, job->dir, mode, err) < 0 || state_outcome(t, &outcome, err) < 0 ||
	    state_accounts(t, &job->arena, &a, &n, err) < 0)
		return false;
	if (mode == STATE_RUN && state_claim(t, &claim, &job->arena, &lease, err) < 0)
		return false;
	if (state_folders(t, 1, &job->arena, &f, &n, err) < 0)
		return false;
	struct msg_page *page = msg_page_new();
	bool good = true;
	for (size_t i = 0; i < n && good; i++) {
		good = state_problems(t, f[i].id, &job->arena, &p, &m, err) == 0 &&
		    state_page(t, f[i].id, 0, page, err) == 0;
	}
	msg_page_free(page);
	if (!good || state_warnings(t, 1, &job->arena, &w, &m, err) < 0)
		return false;
	if (mode == STATE_READ)
		return true;
	struct batch *b = batch_new();
	struct msg one = message(50, 50, VERDICT_GONE);
	batch_message(b, 1, &one, VERDICT_STORED);
	return state_put(t, &lease, &b, err) == 0 && state_barrier(t, err) == 0;
}

static void
fill(struct job *job)
{
	struct batch *b = batch_new();
	struct problem p = { .folder = job->inbox.id, .uid = 5, .verdict = VERDICT_FAILED, .reason = "r" };

	put_messages(job, job->inbox.id, 1, 3000);
	batch_problem(b, &p);
	batch_warning(b, &(struct warning){ EV_REFUSED, "INBOX", 0, "w" });
	job_settle(job, b);
	state_close(&job->state);
}

static void
refused_as_damaged(struct job *job)
{
	static const enum state_mode modes[] = { STATE_READ, STATE_RUN };

	for (size_t i = 0; i < COUNT_OF(modes); i++) {
		arena_reset(&job->arena);
		if (!uses(job, modes[i], &job->err) && job->err.kind != ERR_STATE)
			fail_msg("kind %d: %s", job->err.kind, job->err.text);
	}
}

static void
cut_state_is_damaged_never_made_anew(void **state)
{
	struct job *job = *state;
	size_t len, left;

	fill(job);
	AUTO(mem_free_str) char *bytes = slurp(job, &len);
	for (size_t cut = 1; cut < len; cut += 1 + len / 40) {
		spill(job, bytes, cut);
		refuses(job, STATE_RUN, ERR_STATE);
		assert_int_equal(err_exit_code(job->err.kind), 65);
		assert_non_null(strstr(job->err.text, job->path));
		assert_non_null(strstr(job->err.text, "untouched"));
		arena_reset(&job->arena);
		assert_true(uses(job, STATE_READ, &job->err) || job->err.kind == ERR_STATE);
		AUTO(mem_free_str) char *after = slurp(job, &left);
		assert_int_equal(left, cut);
		assert_memory_equal(after, bytes, cut);
	}
}

static void
garbage_in_any_page_is_damage_or_harmless(void **state)
{
	struct job *job = *state;
	size_t len;

	fill(job);
	AUTO(mem_free_str) char *bytes = slurp(job, &len);
	AUTO(mem_free_str) char *bad = mem_new(len);
	srand(20261122);
	for (int round = 0; round < 120; round++) {
		memcpy(bad, bytes, len);
		size_t page = (size_t)rand() % (len / 4096), n = round % 2 ? 4096 : 1 + (size_t)rand() % 64;
		size_t at = page * 4096 + (n < 4096 ? (size_t)rand() % (4096 - n) : 0);
		for (size_t i = 0; i < n; i++)
			bad[at + i] = (char)rand();
		spill(job, bad, len);
		if (page == 0 && !uses(job, STATE_READ, &job->err) && job->err.kind == ERR_NEWER_STATE)
			continue;	/* the number itself was hit */
		refused_as_damaged(job);
	}
}

static void
text_file_is_damaged_state(void **state)
{
	struct job *job = *state;

	state_close(&job->state);
	spill(job, "not a database at all\n", 22);
	refuses(job, STATE_RUN, ERR_STATE);
	refuses(job, STATE_READ, ERR_STATE);
}

static void
empty_file_is_no_state_but_beside_a_log_it_is_damage(void **state)
{
	struct job *job = *state;
	char log[400];

	state_close(&job->state);
	spill(job, "", 0);
	refuses(job, STATE_READ, ERR_NO_INPUT);
	snprintf(log, sizeof(log), "%s-wal", job->path);
	FILE *f = fopen(log, "wb");
	fputs("frames", f);
	fclose(f);
	refuses(job, STATE_RUN, ERR_STATE);
	assert_int_equal(unlink(job->path), 0);
	refuses(job, STATE_RUN, ERR_STATE);
	refuses(job, STATE_READ, ERR_STATE);
	assert_int_equal(unlink(log), 0);
	job_open(job);
	assert_int_equal(job->inbox.listed, 0);
}

static void
state_that_is_no_file_is_refused(void **state)
{
	struct job *job = *state;

	state_close(&job->state);
	assert_int_equal(unlink(job->path), 0);
	assert_int_equal(symlink("/dev/null", job->path), 0);
	refuses(job, STATE_RUN, ERR_STATE);
	refuses(job, STATE_READ, ERR_STATE);
}

static void
directory_that_cannot_be_made_is_named(void **state)
{
	struct job *job = *state, other = *job;

	snprintf(other.dir, sizeof(other.dir), "%.200s/imex.lock/sub", job->dir);
	refuses(&other, STATE_RUN, ERR_CREATE);
	assert_int_equal(err_exit_code(other.err.kind), 73);
}

#define STATE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STATE_TEST(newer_state_is_left_alone),
		STATE_TEST(database_of_another_program_is_refused),
		STATE_TEST(missing_tables_are_damage),
		STATE_TEST(cut_state_is_damaged_never_made_anew),
		STATE_TEST(garbage_in_any_page_is_damage_or_harmless),
		STATE_TEST(text_file_is_damaged_state),
		STATE_TEST(empty_file_is_no_state_but_beside_a_log_it_is_damage),
		STATE_TEST(state_that_is_no_file_is_refused),
		STATE_TEST(directory_that_cannot_be_made_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
