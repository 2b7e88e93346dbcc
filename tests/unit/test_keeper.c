/* The keeper: order of a barrier, what a failure does, who may write, and what is left after a kill. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
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
	uint32_t uid, behind;	/* of its only message; how many rows may not be there yet */
	bool fails, tried;
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

	if (!f->fails && listed_by_another(f->job) >= f->behind)
		*f->synced = -1000;
	f->tried = true;
	++*f->synced;
	return f->fails ? err_set(err, ERR_FULL, "no space left on this disk") : 0;
}

/* The rows must not be there before their files are durable, and must be after. */
static void
fake_free(struct pending *p)
{
	struct fake_pending *f = (struct fake_pending *)p;

	if (f->tried && (listed_by_another(f->job) >= f->uid) == f->fails)
		*f->freed = -1000;
	++*f->freed;
	free(f);
}

/* At its sync fewer than `behind` rows are there; 0: it fails. */
static struct batch *
fake_batch_behind(struct job *job, uint32_t uid, int *synced, int *freed, uint32_t behind)
{
	struct fake_pending *f = mem_new(sizeof(*f));
	struct batch *b = batch_new();
	struct msg m = message(uid, uid, VERDICT_STORED);

	*f = (struct fake_pending){
		.pending = { .sync = fake_sync, .free = fake_free },
		.job = job,
		.uid = uid,
		.behind = behind,
		.synced = synced,
		.freed = freed,
		.fails = behind == 0
	};
	batch_message(b, job->inbox.id, &m, VERDICTS);
	batch_set_pending(b, &f->pending);
	return b;
}

static struct batch *
fake_batch(struct job *job, uint32_t uid, int *synced, int *freed, bool fails)
{
	return fake_batch_behind(job, uid, synced, freed, fails ? 0 : uid);
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

/* Of what is about to be done no event speaks yet: it waits for one sync, not for two. */
static void
log_is_synced_for_what_was_done_and_not_for_intents(void **state)
{
	const struct intent intent = { .uid = 5 };
	struct job *job = *state;
	char path[400];
	struct evlog *log;
	int synced = 0, freed = 0;

	/* A log that cannot be synced. */
	snprintf(path, sizeof(path), "%s/events.jsonl", job->dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	OK(evlog_open(&log, job->dir, NULL, LEVEL_ERROR, &job->err));
	state_set_log(job->state, log);

	struct batch *b = batch_new();

	batch_intent(b, job->inbox.id, &intent);
	job_settle(job, b);
	job_put(job, fake_batch(job, 5, &synced, &freed, false));
	assert_int_equal(state_barrier(job->state, &job->err), -1);
	assert_non_null(strstr(job->err.text, "events.jsonl"));
	state_set_log(job->state, NULL);
	evlog_close(&log);
}

/* Waits until it may go on. */
struct gate {
	struct pending pending;
	pthread_mutex_t *mutex;
	atomic_bool *reached; /* NULL: nobody asks */
};

static int
gate_sync(struct pending *p, struct err *err)
{
	struct gate *g = (struct gate *)p;

	(void)err;
	if (g->reached != NULL)
		atomic_store(g->reached, true);
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

		*g = (struct gate){ .pending = { .sync = gate_sync, .free = gate_free }, .mutex = p->gate };
		batch_set_pending(b, &g->pending);
		if (state_put(p->job->state, &p->job->lease, &b, &err) < 0)
			break;
		putter_count(p, 1);
	}
	return NULL;
}

/* Another account of the same job, with its INBOX. */
static struct job
another_account(struct job *job, const char *dir)
{
	struct job other = *job;

	arena_init(&other.arena, 1 << 20);
	job_claim(&other, dir);
	other.inbox = job_folder(&other, "INBOX", 7);
	return other;
}

static void
put_gate_telling(struct job *job, pthread_mutex_t *gate, atomic_bool *reached)
{
	struct gate *g = mem_new(sizeof(*g));
	struct batch *b = batch_new();

	*g = (struct gate){
		.pending = { .sync = gate_sync, .free = gate_free }, .mutex = gate, .reached = reached
	};
	batch_set_pending(b, &g->pending);
	job_put(job, b);
}

/* A batch that is not durable before the gate is open. */
static void
put_gate(struct job *job, pthread_mutex_t *gate)
{
	put_gate_telling(job, gate, NULL);
}

/* And it is a group of its own: what is put next is another. */
static void
put_gate_alone(struct job *job, pthread_mutex_t *gate)
{
	atomic_bool reached = false;

	put_gate_telling(job, gate, &reached);
	while (!atomic_load(&reached))
		usleep(1000);
}

static void
batches_in_the_queue_are_synced_before_one_commit_for_all(void **state)
{
	pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
	struct job *job = *state;
	int synced = 0, freed = 0;

	pthread_mutex_lock(&gate);
	put_gate_alone(job, &gate);
	/* Synced alone, the second would find the row of the first. */
	job_put(job, fake_batch(job, 1, &synced, &freed, false));
	job_put(job, fake_batch_behind(job, 2, &synced, &freed, 1));
	pthread_mutex_unlock(&gate);
	OK(state_barrier(job->state, &job->err));
	assert_int_equal(synced, 2);
	assert_int_equal(freed, 2);
	assert_int_equal(listed_by_another(job), 2);
}

static void
batch_that_is_refused_ends_its_group_in_front_of_it(void **state)
{
	pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
	struct job *job = *state, other;

	state_set_workers(job->state, 2);
	other = another_account(job, "v@h");
	pthread_mutex_lock(&gate);
	put_gate_alone(job, &gate);
	put_messages(job, job->inbox.id, 1, 1);
	put_messages(job, job->inbox.id + 1000, 2, 1);
	put_messages(&other, other.inbox.id, 1, 1);
	pthread_mutex_unlock(&gate);
	assert_int_equal(state_barrier(job->state, &job->err), -1);
	assert_int_equal(job->err.kind, ERR_STATE);
	assert_int_equal(listed_by_another(job), 1);
	assert_int_equal(listed_by_another(&other), 0);
	arena_done(&other.arena);
}

/* One of many that ask at once. */
struct asker {
	struct job *job;
	pthread_t thread;
	struct lease lease;
	int rc;
	atomic_bool answered;
	struct err err;
};

static void *
asker_ends(void *arg)
{
	struct asker *a = arg;

	a->rc = state_account_end(a->job->state, &a->lease, ACCOUNT_DONE, "", 0, &a->err);
	atomic_store(&a->answered, true);
	return NULL;
}

static void
request_that_is_refused_fails_alone(void **state)
{
	enum { ASKERS = 12 };
	pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
	struct job *job = *state;
	struct asker asker[ASKERS];

	pthread_mutex_lock(&gate);
	put_gate(job, &gate);
	put_messages(job, job->inbox.id, 1, 1);
	for (int i = 0; i < ASKERS; i++) {
		asker[i] = (struct asker){ .job = job, .lease = job->lease };
		asker[i].lease.epoch -= i % 3 == 1;
		assert_int_equal(
		    pthread_create(&asker[i].thread, NULL, asker_ends, &asker[i]), 0);
	}
	usleep(20000);	/* so that most come as one group; either way the answers are these */
	pthread_mutex_unlock(&gate);
	for (int i = 0; i < ASKERS; i++) {
		pthread_join(asker[i].thread, NULL);
		assert_int_equal(asker[i].rc, i % 3 == 1 ? -1 : 0);
		if (asker[i].rc < 0)
			assert_int_equal(asker[i].err.kind, ERR_TAKEN);
	}
	assert_int_equal(listed_by_another(job), 1);
	OK(state_barrier(job->state, &job->err));
}

static void *
asker_looks(void *arg)
{
	struct asker *a = arg;
	struct arena arena;
	struct folder_rec *f;
	size_t n;

	arena_init(&arena, 1 << 20);
	a->rc = state_folders(a->job->state, a->lease.account, &arena, &f, &n, &a->err);
	arena_done(&arena);
	atomic_store(&a->answered, true);
	return NULL;
}

/* A read that stands behind another account's batch: is it answered before that is synced? Only when
 * both are in the queue while the keeper is busy, which a round may miss. */
static bool
read_passes(struct job *job, struct job *other)
{
	pthread_mutex_t gate[2] = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER };
	struct asker a = { .job = job, .lease = other->lease };
	bool passed = false;

	pthread_mutex_lock(&gate[0]);
	pthread_mutex_lock(&gate[1]);
	put_gate_alone(job, &gate[0]);
	put_gate(job, &gate[1]);
	assert_int_equal(pthread_create(&a.thread, NULL, asker_looks, &a), 0);
	usleep(20000);
	pthread_mutex_unlock(&gate[0]);
	for (int ms = 0; ms < 1000 && !passed; ms++) {
		usleep(1000);
		passed = atomic_load(&a.answered);
	}
	pthread_mutex_unlock(&gate[1]);
	pthread_join(a.thread, NULL);
	OK(state_barrier(job->state, &job->err));
	assert_int_equal(a.rc, 0);
	return passed;
}

static void
read_does_not_wait_for_the_files_of_other_accounts(void **state)
{
	struct job *job = *state, other = another_account(job, "v@h");
	bool passed = false;

	for (int round = 0; round < 20 && !passed; round++)
		passed = read_passes(job, &other);
	assert_true(passed);
	arena_done(&other.arena);
}

static void
an_account_that_begins_does_not_wait_for_the_files_of_others(void **state)
{
	pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
	struct job *job = *state, other;
	char *note = NULL;

	pthread_mutex_lock(&gate);
	put_gate_alone(job, &gate);
	other = another_account(job, "v@h");	/* all these would wait for ever */
	OK(state_note_get(job->state, "no such note", &note, &job->err));
	OK(state_account_end(job->state, &other.lease, ACCOUNT_DONE, "", 0, &job->err));
	pthread_mutex_unlock(&gate);
	OK(state_barrier(job->state, &job->err));
	arena_done(&other.arena);
}

static void
what_asks_for_the_same_account_waits_for_its_files(void **state)
{
	pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
	struct job *job = *state;
	struct asker looks = { .job = job, .lease = job->lease }, ends = looks;

	pthread_mutex_lock(&gate);
	put_gate_alone(job, &gate);
	assert_int_equal(pthread_create(&looks.thread, NULL, asker_looks, &looks), 0);
	assert_int_equal(pthread_create(&ends.thread, NULL, asker_ends, &ends), 0);
	usleep(50000);	/* it would have come by now */
	assert_false(atomic_load(&looks.answered));
	assert_false(atomic_load(&ends.answered));
	pthread_mutex_unlock(&gate);
	pthread_join(looks.thread, NULL);
	pthread_join(ends.thread, NULL);
	assert_int_equal(looks.rc, 0);
	assert_int_equal(ends.rc, 0);
}

/* It stands in the queue in front of another account's batch, since it had to wait for one of its own. */
static void
who_waited_for_its_own_files_does_not_wait_for_those_of_others(void **state)
{
	pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER, others = PTHREAD_MUTEX_INITIALIZER;
	struct job *job = *state, other = another_account(job, "v@h");
	struct asker ends = { .job = job, .lease = job->lease };

	state_set_workers(job->state, 2);
	pthread_mutex_lock(&own);
	pthread_mutex_lock(&others);
	put_gate_alone(job, &own);
	put_gate(&other, &others);
	assert_int_equal(pthread_create(&ends.thread, NULL, asker_ends, &ends), 0);
	usleep(20000);	/* so that it stands there; if not, it is answered all the same */
	pthread_mutex_unlock(&own);
	pthread_join(ends.thread, NULL);	/* would wait for ever */
	assert_int_equal(ends.rc, 0);
	pthread_mutex_unlock(&others);
	OK(state_barrier(job->state, &job->err));
	arena_done(&other.arena);
}

static void
one_account_does_not_take_the_places_of_another(void **state)
{
	pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
	struct job *job = *state, other = another_account(job, "v@h");

	state_set_workers(job->state, 4);	/* 6 places, 3 of them for one account */
	pthread_mutex_lock(&gate);
	for (int i = 0; i < 3; i++)
		put_gate(job, &gate);
	for (int i = 0; i < 3; i++)
		put_gate(&other, &gate);	/* would wait for ever */
	pthread_mutex_unlock(&gate);
	OK(state_barrier(job->state, &job->err));
	arena_done(&other.arena);
}

static void
at_most_three_batches_of_an_account_are_under_way(void **state)
{
	pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
	struct job *job = *state;
	struct putter p = { .job = job, .gate = &gate, .count_mutex = PTHREAD_MUTEX_INITIALIZER };
	pthread_t thread;

	state_set_workers(job->state, 8);
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
	assert_int_equal(job->err.kind, ERR_TAKEN);
	assert_int_equal(state_account_end(job->state, &old, ACCOUNT_DONE, "", 0, &job->err), -1);
	assert_int_equal(job->err.kind, ERR_TAKEN);
	batch_message(b, job->inbox.id, &m, VERDICTS);
	OK(state_holds(job->state, &old, &job->err));
	OK(state_put(job->state, &old, &b, &job->err));
	OK(state_barrier(job->state, &job->err));
	assert_int_equal(state_holds(job->state, &old, &job->err), -1);
	assert_int_equal(job->err.kind, ERR_TAKEN);
	assert_int_equal(listed_by_another(job), 1);
	/* That lease alone is lost. */
	b = batch_new();
	assert_int_equal(state_put(job->state, &old, &b, &job->err), -1);
	assert_int_equal(job->err.kind, ERR_TAKEN);
	assert_null(b);
	put_messages(job, job->inbox.id, 3, 1);
	OK(state_barrier(job->state, &job->err));
	assert_int_equal(listed_by_another(job), 2);
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

/* As a kill leaves it: the log is there, and not all of it in imex.db. */
static int
child_leaves_a_log(struct job *job)
{
	struct err err;

	if (state_open(&job->state, job->dir, STATE_RUN, &err) < 0)
		return 1;
	return state_note_set(job->state, "told", "in the log", &err) < 0 ? 2 : 0;
}

static int
child_reads_the_log_as_nobody(struct job *job)
{
	char *told = NULL;
	struct state *t = NULL;
	struct err err;

	if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
		return 1;
	if (state_open(&t, job->dir, STATE_READ, &err) < 0)
		return strstr(err.text, "imex.db-wal', a part of the state: as the user who ran the job") ? 3 : 2;
	if (state_note_get(t, "told", &told, &err) < 0 || told == NULL || strcmp(told, "in the log") != 0)
		return 4;
	free(told);
	state_close(&t);
	return 0;
}

static off_t
octets(const char *dir, const char *name)
{
	char path[400];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return stat(path, &st) == 0 ? st.st_size : -1;
}

static void
killed_job_can_be_read_where_nothing_can_be_written(void **state)
{
	struct job *job = *state;
	char wal[400], shm[400];

	state_close(&job->state);
	assert_int_equal(in_child(child_leaves_a_log, job), 0);
	snprintf(wal, sizeof(wal), "%s/imex.db-wal", job->dir);
	snprintf(shm, sizeof(shm), "%s/imex.db-shm", job->dir);
	assert_int_equal(unlink(shm), 0);
	const off_t db = octets(job->dir, "imex.db"), log = octets(job->dir, "imex.db-wal");
	assert_true(log > 0);
	/* Who may write the files, but make none beside them, leaves them as they are, too. */
	for (int mode = 0444; mode <= 0666; mode += 0222) {
		assert_int_equal(chmod(job->path, (mode_t)mode), 0);
		assert_int_equal(chmod(wal, (mode_t)mode), 0);
		assert_int_equal(chmod(job->dir, 0555), 0);
		int said = in_child(child_reads_the_log_as_nobody, job);
		assert_int_equal(chmod(job->dir, 0700), 0);
		assert_int_equal(said, 0);
		assert_int_equal(octets(job->dir, "imex.db"), db);
		assert_int_equal(octets(job->dir, "imex.db-wal"), log);
		assert_int_equal(octets(job->dir, "imex.db-shm"), -1);
	}
	if (geteuid() == 0) {
		assert_int_equal(chmod(wal, 0600), 0);
		assert_int_equal(chmod(job->dir, 0555), 0);
		int said = in_child(child_reads_the_log_as_nobody, job);
		assert_int_equal(chmod(job->dir, 0700), 0);
		assert_int_equal(said, 3);
	}
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

static void
killed_job_is_read_or_refused_where_nothing_can_be_written(void **state)
{
	struct job *job = *state;
	char log[400];

	state_close(&job->state);
	kill_after(job, 30000);
	snprintf(log, sizeof(log), "%s-shm", job->path);
	(void)unlink(log);
	snprintf(log, sizeof(log), "%s-wal", job->path);
	(void)chmod(log, 0444);
	assert_int_equal(chmod(job->path, 0444), 0);
	assert_int_equal(chmod(job->dir, 0555), 0);
	int said = in_child(child_reads_as_nobody, job);
	assert_int_equal(chmod(job->dir, 0700), 0);
	assert_true(said == 0 || said == 2);
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

#define STATE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STATE_TEST(files_are_synced_before_their_rows_are_committed),
		STATE_TEST(failed_sync_commits_nothing_and_fails_every_later_call),
		STATE_TEST(batch_that_was_not_given_away_frees_its_files_unsynced),
		STATE_TEST(log_is_synced_for_what_was_done_and_not_for_intents),
		STATE_TEST(batches_in_the_queue_are_synced_before_one_commit_for_all),
		STATE_TEST(batch_that_is_refused_ends_its_group_in_front_of_it),
		STATE_TEST(request_that_is_refused_fails_alone),
		STATE_TEST(read_does_not_wait_for_the_files_of_other_accounts),
		STATE_TEST(an_account_that_begins_does_not_wait_for_the_files_of_others),
		STATE_TEST(what_asks_for_the_same_account_waits_for_its_files),
		STATE_TEST(who_waited_for_its_own_files_does_not_wait_for_those_of_others),
		STATE_TEST(one_account_does_not_take_the_places_of_another),
		STATE_TEST(at_most_three_batches_of_an_account_are_under_way),
		STATE_TEST(threads_find_what_they_have_just_put),
		STATE_TEST(commit_under_an_older_lease_is_refused),
		STATE_TEST(batch_with_too_much_text_is_refused_whole),
		STATE_TEST(second_process_is_told_who_works_there),
		STATE_TEST(reader_needs_a_job),
		STATE_TEST(closed_job_can_be_read_where_nothing_can_be_written),
		STATE_TEST(killed_job_can_be_read_where_nothing_can_be_written),
		STATE_TEST(killed_job_is_read_or_refused_where_nothing_can_be_written),
		STATE_TEST(only_its_owner_may_read_a_state),
		STATE_TEST(kill_at_any_moment_leaves_whole_batches_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
