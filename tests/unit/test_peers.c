/* Several processes on one job: who may come, whose an account is, what a process leaves that is gone, and
 * the places on servers. A lock of a file is that of a handle: two states of one process are two to each
 * other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/wait.h>

#include "state_help.h"

static const char *const names[] = { "a@h", "b@h", "c@h" };

static void
queue_all(struct job *job, struct account_rec many[3])
{
	for (size_t i = 0; i < 3; i++)
		many[i] = (struct account_rec){
			.name = names[i], .dir = names[i], .login = "u", .host = "h", .port = "993"
		};
	OK(state_account_queue(job->state, many, 3, &job->arena, &job->err));
}

static int
setup(void **state)
{
	struct job *job = mem_new(sizeof(*job));

	job_make(job);
	OK(state_open(&job->state, job->dir, STATE_RUN, &job->err));
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

/* Another process on the same directory. */
static struct job
join(struct job *first)
{
	struct job made = *first, *job = &made;

	job->state = NULL;
	arena_init(&job->arena, 1 << 20);
	OK(state_open(&job->state, job->dir, STATE_JOIN, &job->err));
	return made;
}

static void
part(struct job *job)
{
	state_close(&job->state);
	arena_done(&job->arena);
}

static struct account_rec
look(struct job *job, int64_t id)
{
	struct account_rec *list, none = { 0 };
	size_t n;

	OK(state_accounts(job->state, &job->arena, &list, &n, &job->err));
	for (size_t i = 0; i < n; i++)
		if (list[i].id == id)
			return list[i];
	fail_msg("no account %lld", (long long)id);
	return none;
}

static enum taken
take(struct job *job, int64_t id)
{
	enum taken taken;

	OK(state_take(job->state, id, &taken, &job->err));
	return taken;
}

static struct peers
peers(struct job *job)
{
	struct peers p;

	OK(state_peers(job->state, &p, &job->err));
	return p;
}

static size_t
lock_files(const struct job *job)
{
	char path[300];
	size_t n = 0;

	for (int i = 0; i < 40; i++) {
		snprintf(path, sizeof(path), "%s/imex.process.%d", job->dir, i);
		n += access(path, F_OK) == 0;
	}
	return n;
}

static void
worker_joins_only_who_shares(void **state)
{
	struct job *job = *state, worker;
	struct state *t = NULL;

	assert_int_equal(state_open(&t, job->dir, STATE_JOIN, &job->err), -1);
	assert_int_equal(job->err.kind, ERR_BUSY);
	assert_non_null(strstr(job->err.text, "works alone"));
	OK(state_share(job->state, SHARING_WILLING, &job->err));
	worker = join(job);
	assert_int_equal(peers(&worker).others, 1);
	assert_int_equal(peers(&worker).unready, 1);
	assert_int_equal(peers(job).unready, 0);
	OK(state_share(job->state, SHARING, &job->err));
	assert_int_equal(peers(&worker).unready, 0);
	assert_false(state_leads(worker.state));
	assert_int_equal(lock_files(job), 2);
	part(&worker);
	assert_int_equal(peers(job).others, 0);
	assert_int_equal(lock_files(job), 1);
}

static void
run_does_not_begin_beside_a_worker(void **state)
{
	struct job *job = *state, worker;

	OK(state_share(job->state, SHARING_WILLING, &job->err));
	worker = join(job);
	state_close(&job->state);
	assert_int_equal(state_open(&job->state, job->dir, STATE_RUN, &job->err), -1);
	assert_int_equal(job->err.kind, ERR_BUSY);
	assert_non_null(strstr(job->err.text, "as a worker"));
	assert_true(state_leads(worker.state));
	part(&worker);
	OK(state_open(&job->state, job->dir, STATE_RUN, &job->err));
}

static void
account_is_of_one_process(void **state)
{
	struct job *job = *state, worker;
	struct account_rec many[3];

	queue_all(job, many);
	OK(state_share(job->state, SHARING, &job->err));
	worker = join(job);
	assert_int_equal(take(job, many[0].id), TAKEN_NOW);
	assert_int_equal(take(job, many[0].id), TAKEN_NOW);
	assert_int_equal(take(&worker, many[0].id), TAKEN_ELSEWHERE);
	job_claim(job, names[0]);
	assert_int_equal(look(&worker, many[0].id).process, getpid());
	assert_int_equal(
	    state_claim(worker.state, &(struct account_rec){ .dir = names[0] }, &worker.arena,
		&worker.lease, &worker.err),
	    -1);
	assert_int_equal(worker.err.kind, ERR_TAKEN);
	/* Not through with it: it may be tried again. */
	OK(state_account_end(job->state, &job->lease, ACCOUNT_FAILED, "cut", 69, &job->err));
	assert_int_equal(take(&worker, many[0].id), TAKEN_ELSEWHERE);
	OK(state_release(worker.state, many[0].id, &worker.err));
	assert_int_equal(take(&worker, many[0].id), TAKEN_ELSEWHERE);
	OK(state_release(job->state, many[0].id, &job->err));
	assert_int_equal(take(&worker, many[0].id), TAKEN_ENDED);
	assert_int_equal(
	    state_claim(worker.state, &(struct account_rec){ .dir = names[0] }, &worker.arena,
		&worker.lease, &worker.err),
	    -1);
	assert_int_equal(worker.err.kind, ERR_TAKEN);
	part(&worker);
}

static void
what_was_not_released_is_queued_for_those_that_are_left(void **state)
{
	struct job *job = *state, worker;
	struct account_rec many[3];

	queue_all(job, many);
	OK(state_share(job->state, SHARING, &job->err));
	worker = join(job);
	job_claim(&worker, names[0]);
	OK(state_account_end(worker.state, &worker.lease, ACCOUNT_STOPPED, "interrupted", 75, &worker.err));
	job_claim(&worker, names[1]);
	OK(state_account_end(worker.state, &worker.lease, ACCOUNT_DONE, "", 0, &worker.err));
	part(&worker);
	assert_int_equal(look(job, many[0].id).status, ACCOUNT_QUEUED);
	assert_string_equal(look(job, many[0].id).error, "");
	assert_int_equal(take(job, many[0].id), TAKEN_NOW);
	assert_int_equal(take(job, many[1].id), TAKEN_ENDED);
	/* The last one leaves all as it is. */
	job_claim(job, names[2]);
	OK(state_account_end(job->state, &job->lease, ACCOUNT_STOPPED, "interrupted", 75, &job->err));
	state_close(&job->state);
	OK(state_open(&job->state, job->dir, STATE_READ, &job->err));
	assert_int_equal(look(job, many[2].id).status, ACCOUNT_STOPPED);
	assert_int_equal(look(job, many[2].id).process, 0);
	state_close(&job->state);
	/* One that joins nobody takes it up. */
	worker = join(job);
	assert_int_equal(take(&worker, many[2].id), TAKEN_NOW);
	assert_int_equal(look(&worker, many[2].id).status, ACCOUNT_QUEUED);
	part(&worker);
}

static void
wait_that_a_server_asked_for_outlives_the_process(void **state)
{
	struct job *job = *state, worker;
	struct account_rec many[3];
	const int64_t far = INT64_C(4000000000000);

	queue_all(job, many);
	OK(state_share(job->state, SHARING, &job->err));
	worker = join(job);
	for (int i = 0; i < 2; i++) {
		job_claim(&worker, names[i]);
		OK(state_account_wait(worker.state, &worker.lease, i == 0 ? far : 1000, "slow", &worker.err));
	}
	part(&worker);
	assert_int_equal(look(job, many[0].id).status, ACCOUNT_WAITING);
	assert_int_equal(look(job, many[0].id).retry_at_ms, far);
	assert_int_equal(take(job, many[0].id), TAKEN_ELSEWHERE);
	assert_int_equal(look(job, many[1].id).status, ACCOUNT_QUEUED);
	assert_int_equal(take(job, many[1].id), TAKEN_NOW);
}

/* Joins, claims the first account, opens a connection, and ends as by kill -9; tells its lease. */
static struct lease
killed_with_a_claim(struct job *first)
{
	struct lease lease = { 0 };
	int fd[2], status;

	assert_int_equal(pipe(fd), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct job job = join(first);
		struct place place = { .host = "h:993", .open = 2, .logins = 1 };

		job_claim(&job, names[0]);
		expect_ok(state_places(job.state, &place, 1, &job.err), &job.err, "places");
		_exit(write(fd[1], &job.lease, sizeof(job.lease)) != sizeof(job.lease));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(read(fd[0], &lease, sizeof(lease)), sizeof(lease));
	close(fd[0]);
	close(fd[1]);
	return lease;
}

static void
what_a_killed_process_had_is_free(void **state)
{
	struct job *job = *state, worker;
	struct place place = { .host = "h:993" };
	struct account_rec many[3];
	struct batch *b = batch_new();

	queue_all(job, many);
	OK(state_share(job->state, SHARING_WILLING, &job->err));
	state_close(&job->state); /* no thread of ours may be running at a fork */
	struct lease dead = killed_with_a_claim(job);
	worker = join(job);
	/* Found by who came; and no process of its number comes again. */
	assert_int_equal(peers(&worker).others, 0);
	assert_int_equal(lock_files(job), 1);
	assert_int_equal(take(&worker, many[0].id), TAKEN_NOW);
	OK(state_places(worker.state, &place, 1, &job->err));
	assert_int_equal(place.all_open, 0);
	/* Should it yet live: what it writes is refused, and harms nobody else. */
	struct msg m = message(1, 1, VERDICT_STORED);
	batch_message(b, 1, &m, VERDICTS);
	OK(state_put(worker.state, &dead, &b, &job->err));
	OK(state_barrier(worker.state, &job->err));
	assert_int_equal(state_holds(worker.state, &dead, &job->err), -1);
	assert_int_equal(
	    state_account_end(worker.state, &dead, ACCOUNT_DONE, "", 0, &job->err), -1);
	assert_int_equal(job->err.kind, ERR_TAKEN);
	job_claim(&worker, names[0]);
	assert_true(worker.lease.epoch > dead.epoch);
	OK(state_account_end(worker.state, &worker.lease, ACCOUNT_DONE, "", 0, &job->err));
	part(&worker);
}

static void
places_are_those_of_all(void **state)
{
	struct job *job = *state, worker;
	struct place p[2] = { { .host = "h:993", .open = 2, .logins = 2 }, { .host = "h:993", .open = 1 } };

	OK(state_share(job->state, SHARING, &job->err));
	worker = join(job);
	OK(state_places(job->state, p, 2, &job->err));
	assert_int_equal(p[0].all_open, 3);
	assert_int_equal(p[1].all_logins, 2);
	p[0] = (struct place){ .host = "h:993",
		.open = 1,
		.told = LOGINS_REFUSED,
		.learnt = true,
		.bearing = { .ceiling = 3, .ceiling_ms = 7, .held_until_ms = 9 } };
	OK(state_places(worker.state, p, 1, &job->err));
	assert_int_equal(p[0].all_open, 4);
	assert_int_equal(p[0].refused, 1);
	p[0] = (struct place){ .host = "h:993", .open = -3, .logins = -2, .told = LOGINS_REFUSED };
	OK(state_places(job->state, p, 1, &job->err));
	assert_int_equal(p[0].all_open, 1);
	assert_int_equal(p[0].all_logins, 0);
	assert_int_equal(p[0].refused, 2);
	assert_int_equal(p[0].bearing.ceiling, 3);
	assert_int_equal(p[0].bearing.held_until_ms, 9);
	p[0] = (struct place){ .host = "h:993", .told = LOGINS_GOOD };
	OK(state_places(job->state, p, 1, &job->err));
	assert_int_equal(p[0].refused, 0);
	part(&worker);
	p[0] = (struct place){ .host = "h:993" };
	OK(state_places(job->state, p, 1, &job->err));
	assert_int_equal(p[0].all_open, 0);
}

#define PEERS_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PEERS_TEST(worker_joins_only_who_shares),
		PEERS_TEST(run_does_not_begin_beside_a_worker),
		PEERS_TEST(account_is_of_one_process),
		PEERS_TEST(what_was_not_released_is_queued_for_those_that_are_left),
		PEERS_TEST(wait_that_a_server_asked_for_outlives_the_process),
		PEERS_TEST(what_a_killed_process_had_is_free),
		PEERS_TEST(places_are_those_of_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
