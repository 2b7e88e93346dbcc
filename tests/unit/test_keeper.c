/* The keeper: order of a barrier, what a failure does, who may write, and what is left after a kill or damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>

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

/* ---- barriers ---- */

struct fake_pending {
	struct pending pending;
	struct job *job;
	int *synced, *freed;
	bool fails, tried;
	uint64_t listed_at_sync;
};

static uint64_t
listed_by_another(struct job *job)
{
	struct job other = *job;

	arena_init(&other.arena, 1 << 20);
	expect_ok(state_open(&other.state, job->dir, STATE_READ, &other.err), &other.err, "open");
	uint64_t listed = job_look(&other, job->inbox.id).listed;
	state_close(&other.state);
	arena_done(&other.arena);
	return listed;
}

static int
fake_sync(struct pending *p, struct err *err)
{
	struct fake_pending *f = (struct fake_pending *)p;

	f->listed_at_sync = listed_by_another(f->job);
	f->tried = true;
	++*f->synced;
	return f->fails ? err_set(err, ERR_FULL, "no space left on this disk") : 0;
}

/* The rows must not be there before their files are durable, and must be after. */
static void
fake_free(struct pending *p)
{
	struct fake_pending *f = (struct fake_pending *)p;

	if (f->tried && listed_by_another(f->job) != f->listed_at_sync + (f->fails ? 0 : 1))
		*f->freed = -1000;
	++*f->freed;
	free(f);
}

static struct batch *
fake_batch(struct job *job, uint32_t uid, int *synced, int *freed, bool fails)
{
	struct fake_pending *f = mem_new(sizeof(*f));
	struct batch *b = batch_new();
	struct msg m = message(uid, uid, VERDICT_STORED);

	*f = (struct fake_pending){
		.pending = { .sync = fake_sync, .free = fake_free },
		.job = job,
		.synced = synced,
		.freed = freed,
		.fails = fails
	};
	batch_message(b, job->inbox.id, &m, VERDICTS);
	batch_set_pending(b, &f->pending);
	return b;
}

static void
files_are_synced_before_their_rows_are_committed(void **state)
{
	struct job *job = *state;
	int synced = 0, freed = 0;

	for (uint32_t uid = 1; uid <= 10; uid++)
		job_put(job, fake_batch(job, uid, &synced, &freed, false));
	OK(state_barrier(job->state, &job->err));
	assert_int_equal(synced, 10);
	assert_int_equal(freed, 10);
}

static void
failed_sync_commits_nothing_and_fails_every_later_call(void **state)
{
	struct job *job = *state;
	int synced = 0, freed = 0, outcome;
	struct batch *b = fake_batch(job, 1, &synced, &freed, true);

	job_put(job, b);
	assert_int_equal(state_barrier(job->state, &job->err), -1);
	assert_int_equal(job->err.kind, ERR_FULL);
	assert_non_null(strstr(job->err.text, "no space left on this disk"));
	memset(&job->err, 0, sizeof(job->err));
	assert_int_equal(state_outcome(job->state, &outcome, &job->err), -1);
	assert_int_equal(job->err.kind, ERR_FULL);
	b = fake_batch(job, 2, &synced, &freed, false);
	assert_int_equal(state_put(job->state, &job->lease, &b, &job->err), -1);
	assert_null(b);
	assert_int_equal(synced, 1);
	assert_int_equal(freed, 2);
	assert_int_equal(listed_by_another(job), 0);
}

static void
batch_that_was_not_given_away_frees_its_files_unsynced(void **state)
{
	struct job *job = *state;
	int synced = 0, freed = 0;
	struct batch *b = fake_batch(job, 1, &synced, &freed, false);

	assert_int_equal(batch_len(b), 1);
	batch_free(&b);
	assert_null(b);
	assert_int_equal(synced, 0);
	assert_int_equal(freed, 1);
	batch_free(&b);
}

/* Waits until it may go on. */
struct gate {
	struct pending pending;
	pthread_mutex_t *mutex;
};

static int
gate_sync(struct pending *p, struct err *err)
{
	struct gate *g = (struct gate *)p;

	(void)err;
	pthread_mutex_lock(g->mutex);
	pthread_mutex_unlock(g->mutex);
	return 0;
}

static void
gate_free(struct pending *p)
{
	free(p);
}

struct putter {
	struct job *job;
	pthread_mutex_t *gate, count_mutex;
	int put;
};

static int
putter_count(struct putter *p, int more)
{
	pthread_mutex_lock(&p->count_mutex);
	int put = p->put += more;
	pthread_mutex_unlock(&p->count_mutex);
	return put;
}

static void *
putter_run(void *arg)
{
	struct putter *p = arg;
	struct err err;

	for (int i = 0; i < 5; i++) {
		struct gate *g = mem_new(sizeof(*g));
		struct batch *b = batch_new();

		*g = (struct gate){ .pending = { gate_sync, gate_free }, .mutex = p->gate };
		batch_set_pending(b, &g->pending);
		if (state_put(p->job->state, &p->job->lease, &b, &err) < 0)
			break;
		putter_count(p, 1);
	}
	return NULL;
}

static void
at_most_three_batches_are_under_way(void **state)
{
	pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
	struct job *job = *state;
	struct putter p = { .job = job, .gate = &gate, .count_mutex = PTHREAD_MUTEX_INITIALIZER };
	pthread_t thread;

	pthread_mutex_lock(&gate);
	assert_int_equal(pthread_create(&thread, NULL, putter_run, &p), 0);
	while (putter_count(&p, 0) < 3)
		usleep(1000);
	usleep(50000);	/* a fourth would have come by now */
	int put = putter_count(&p, 0);
	pthread_mutex_unlock(&gate);
	pthread_join(thread, NULL);
	OK(state_barrier(job->state, &job->err));	/* the gate is on our stack */
	assert_int_equal(put, 3);
	assert_int_equal(putter_count(&p, 0), 5);
}

enum { THREADS = 4, ROUNDS = 30 };

struct worker {
	struct job *job;
	int64_t folder;
	pthread_t thread;
	bool failed;
};

static void *
worker_run(void *arg)
{
	struct worker *w = arg;
	struct msg_page *page = msg_page_new();
	struct err err;

	for (uint32_t i = 0; i < ROUNDS && !w->failed; i++) {
		struct batch *b = batch_new();
		struct msg m = message(i + 1, i, VERDICT_STORED);

		batch_message(b, w->folder, &m, VERDICTS);
		w->failed = state_put(w->job->state, &w->job->lease, &b, &err) < 0 ||
		    state_page(w->job->state, w->folder, 0, page, &err) < 0 || page->len != i + 1;
	}
	msg_page_free(page);
	return NULL;
}

static void
threads_find_what_they_have_just_put(void **state)
{
	struct job *job = *state;
	struct worker w[THREADS];

	for (int i = 0; i < THREADS; i++) {
		char name[8] = { (char)('A' + i), '\0' };

		w[i] = (struct worker){ .job = job, .folder = job_folder(job, name, 1).id };
	}
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&w[i].thread, NULL, worker_run, &w[i]), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(w[i].thread, NULL);
		assert_false(w[i].failed);
	}
}

static void
commit_under_an_older_lease_is_refused(void **state)
{
	struct job *job = *state;
	struct lease old = job->lease;
	struct batch *b = batch_new();
	struct msg m = message(1, 1, VERDICT_STORED);
	struct folder_rec f = { .name = "X", .path = "X", .mark = "" };

	job_claim(job, "u@h");
	assert_true(job->lease.epoch > old.epoch);
	put_messages(job, job->inbox.id, 2, 1);
	assert_int_equal(state_folder(job->state, &old, &f, &job->arena, &job->err), -1);
	assert_int_equal(job->err.kind, ERR_BUSY);
	assert_int_equal(state_account_end(job->state, &old, ACCOUNT_DONE, "", 0, &job->err), -1);
	assert_int_equal(job->err.kind, ERR_BUSY);
	batch_message(b, job->inbox.id, &m, VERDICTS);
	OK(state_put(job->state, &old, &b, &job->err));
	assert_int_equal(state_barrier(job->state, &job->err), -1);
	assert_int_equal(job->err.kind, ERR_BUSY);
	assert_int_equal(listed_by_another(job), 1);
}

static void
batch_with_too_much_text_is_refused_whole(void **state)
{
	struct job *job = *state;
	struct batch *b = batch_new();
	struct msg m = message(1, 1, VERDICT_STORED);
	char *keywords = mem_new(40 << 20);

	m.flags.keywords = memset(keywords, 'k', (40 << 20) - 1);
	batch_message(b, job->inbox.id, &m, VERDICTS);
	m.uid = 2;
	batch_message(b, job->inbox.id, &m, VERDICTS);
	assert_int_equal(state_put(job->state, &job->lease, &b, &job->err), -1);
	assert_null(b);
	assert_int_equal(job->err.kind, ERR_FULL);
	free(keywords);
	assert_int_equal(job_look(job, job->inbox.id).listed, 0);
}

/* ---- other processes ---- */

/* Run `child` in a process of its own; what it returns. */
static int
in_child(int (*child)(struct job *job), struct job *job)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0)
		_exit(child(job));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int
child_finds_it_busy(struct job *job)
{
	struct state *t = NULL;
	struct err err;
	char pid[32];

	snprintf(pid, sizeof(pid), "process %ld ", (long)getppid());
	if (state_open(&t, job->dir, STATE_RUN, &err) == 0)
		return 1;
	if (err.kind != ERR_BUSY || err_exit_code(err.kind) != 75)
		return 2;
	return strstr(err.text, pid) != NULL && strstr(err.text, job->dir) != NULL ? 0 : 3;
}

static void
second_process_is_told_who_works_there(void **state)
{
	struct job *job = *state;

	assert_int_equal(in_child(child_finds_it_busy, job), 0);
	state_close(&job->state);
	assert_int_equal(in_child(child_finds_it_busy, job), 1);
}

static void
reader_needs_a_job(void **state)
{
	struct job *job = *state, empty;

	job_make(&empty);
	refuses(&empty, STATE_READ, ERR_NO_INPUT);
	assert_int_equal(err_exit_code(empty.err.kind), 66);
	job_drop(&empty);
	refuses(&empty, STATE_READ, ERR_NO_INPUT);
	assert_int_not_equal(access(empty.dir, F_OK), 0);
	(void)job;
}

static int
child_reads_as_nobody(struct job *job)
{
	struct state *t = NULL;
	struct err err;
	int outcome;

	if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
		return 1;
	if (state_open(&t, job->dir, STATE_READ, &err) < 0 || state_outcome(t, &outcome, &err) < 0)
		return 2;
	state_close(&t);
	return 0;
}

static void
closed_job_can_be_read_where_nothing_can_be_written(void **state)
{
	struct job *job = *state;

	state_close(&job->state);
	assert_int_equal(chmod(job->path, 0444), 0);
	assert_int_equal(chmod(job->dir, 0555), 0);
	int said = in_child(child_reads_as_nobody, job);
	assert_int_equal(chmod(job->dir, 0700), 0);
	assert_int_equal(said, 0);
}

static void
only_its_owner_may_read_a_state(void **state)
{
	struct job *job = *state;
	static const char *const names[] = { "imex.db", "imex.db-wal", "imex.db-shm", "imex.lock" };

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		char path[400];
		struct stat st;

		snprintf(path, sizeof(path), "%s/%s", job->dir, names[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
	}
}

/* ---- kill ---- */

/* Puts batches for ever: batch n has n messages' rows and the debt n, all or nothing. */
static int
child_puts(struct job *job)
{
	uint32_t uid = 0;

	arena_init(&job->arena, 64 << 20);
	if (state_open(&job->state, job->dir, STATE_RUN, &job->err) < 0)
		return 1;
	job_claim(job, "u@h");
	struct folder_rec f = job_folder(job, "INBOX", 7);
	for (uint32_t n = 1;; n++) {
		struct batch *b = batch_new();

		for (uint32_t i = 0; i < n; i++) {
			uid++;
			struct msg m = message(uid, uid, VERDICT_STORED);
			batch_message(b, f.id, &m, VERDICTS);
		}
		batch_debt(b, f.id, n);
		if (state_put(job->state, &job->lease, &b, &job->err) < 0)
			return 2;
	}
}

static void
kill_after(struct job *job, useconds_t us)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(child_puts(job));
	usleep(us);
	assert_int_equal(kill(pid, SIGKILL), 0);
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

/* Batches 1..n whole, and nothing of the next. */
static void
assert_prefix(struct job *job)
{
	struct folder_rec f = job_folder(job, "INBOX", 7);
	struct msg_page *page = msg_page_new();
	uint32_t *debt, expected = 0;
	size_t n;

	OK(state_debts(job->state, f.id, &job->arena, &debt, &n, &job->err));
	for (size_t i = 0; i < n; i++)
		assert_int_equal(debt[i], i + 1);
	do {
		OK(state_page(job->state, f.id, expected, page, &job->err));
		for (size_t i = 0; i < page->len; i++)
			assert_int_equal(page->msg[i].uid, ++expected);
	} while (page->len > 0);
	assert_int_equal(expected, n * (n + 1) / 2);
	assert_int_equal(f.listed, expected);
	msg_page_free(page);
}

static void
kill_at_any_moment_leaves_whole_batches_in_order(void **state)
{
	struct job *first = *state;

	state_close(&first->state);	/* no thread of ours may be running at a fork */
	srand(20261122);
	for (int round = 0; round < 25; round++) {
		struct job made, *job = &made;

		job_make(job);
		kill_after(job, (useconds_t)(rand() % 40000));
		OK(state_open(&job->state, job->dir, STATE_RUN, &job->err));
		job_claim(job, "u@h");
		assert_prefix(job);
		job_drop(job);
	}
}

/* ---- damage ---- */

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
	sql(job, "PRAGMA user_version=1");
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
		STATE_TEST(files_are_synced_before_their_rows_are_committed),
		STATE_TEST(failed_sync_commits_nothing_and_fails_every_later_call),
		STATE_TEST(batch_that_was_not_given_away_frees_its_files_unsynced),
		STATE_TEST(at_most_three_batches_are_under_way),
		STATE_TEST(threads_find_what_they_have_just_put),
		STATE_TEST(commit_under_an_older_lease_is_refused),
		STATE_TEST(batch_with_too_much_text_is_refused_whole),
		STATE_TEST(second_process_is_told_who_works_there),
		STATE_TEST(reader_needs_a_job),
		STATE_TEST(closed_job_can_be_read_where_nothing_can_be_written),
		STATE_TEST(only_its_owner_may_read_a_state),
		STATE_TEST(kill_at_any_moment_leaves_whole_batches_in_order),
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
