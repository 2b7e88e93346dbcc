/* The keeper: one thread that owns the database handle and serves a bounded queue.
 *
 * A call is a request on the caller's stack that waits to be answered; a batch is a request of
 * its own that nobody waits for, at most UNDER_WAY of them, so that descriptors and memory stay
 * bounded while the disk syncs. All pass one queue in order: who reads after a put sees what was
 * put, and what is committed is always a prefix of what was put. A batch that fails leaves the
 * state latched: later batches could not be a prefix any more, so every later call fails alike,
 * and nobody waits for what will not come.
 *
 * When only reading there is no keeper: calls run at once under the mutex, each a short
 * transaction of its own. Letting reads pass queued batches was rejected: a worker that reads
 * what it has just put must find it. */
#include "state/keeper.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/queue.h"
#include "state/backend.h"
#include "state/lock.h"

enum { UNDER_WAY = 3, QUEUE_LIMIT = 64 };

struct state {
	const struct state_backend_ops *ops;
	struct backend *backend;
	struct job_lock *lock;
	bool unclean;
	struct queue *queue; /* NULL: reading only */
	pthread_t keeper;
	pthread_mutex_t mutex; /* all below; when reading, the backend too */
	pthread_cond_t answered; /* a request was answered or a batch ended */
	unsigned under_way;
	uint64_t put; /* batches given away so far; those that have ended are put - under_way */
	struct err failed; /* latched; ERR_NONE: none */
	struct evlog *log;
};

/* ---- the keeper ---- */

static struct evlog *
state_log(struct state *t)
{
	pthread_mutex_lock(&t->mutex);
	struct evlog *log = t->log;
	pthread_mutex_unlock(&t->mutex);
	return log;
}

static int
state_sync_log(struct state *t, struct err *err)
{
	struct evlog *log = state_log(t);

	return log != NULL ? evlog_sync(log, err) : 0;
}

/* The barrier: files, then the log that speaks of them, then the rows. */
static int
state_commit(struct state *t, const struct request *r, struct err *err)
{
	struct batch *b = r->batch;

	if (b->pending != NULL && b->pending->sync(b->pending, err) < 0)
		return err_wrap(err, "make stored messages durable");
	if (state_sync_log(t, err) < 0)
		return -1;
	return t->ops->apply(t->backend, &r->lease, b, err);
}

/* One request on the handle. */
static int
state_serve(struct state *t, struct request *r, struct err *err)
{
	const struct state_backend_ops *ops = t->ops;
	struct backend *b = t->backend;

	switch (r->kind) {
	case REQUEST_BATCH:
		return state_commit(t, r, err);
	case REQUEST_BARRIER:
		return state_sync_log(t, err);
	case REQUEST_NOTE_SET:
		return ops->note_set(b, r->note.key, r->note.value, err);
	case REQUEST_NOTE_GET:
		return ops->note_get(b, r->note.key, r->note.ret, err);
	case REQUEST_RUN_BEGIN:
		return ops->run_begin(b, r->run.version, r->run.options, r->run.ret, err);
	case REQUEST_RUN_END:
		if (state_sync_log(t, err) < 0)
			return -1;
		return ops->run_end(b, r->id, (int)r->id2, err);
	case REQUEST_CLAIM:
		return ops->claim(b, r->claim.io, r->arena, r->claim.ret, err);
	case REQUEST_ACCOUNT_END:
		return ops->account_end(
		    b, &r->lease, r->end.status, r->end.error, r->end.exit, err);
	case REQUEST_ACCOUNTS:
		return ops->accounts(b, r->arena, r->accounts, r->ret_len, err);
	case REQUEST_FOLDER:
		return ops->folder(b, &r->lease, r->folder, (size_t)r->id, r->arena, err);
	case REQUEST_FOLDERS:
		return ops->folders(b, r->id, r->arena, r->folders, r->ret_len, err);
	case REQUEST_PAGE:
		return ops->page(b, r->id, r->page.after, r->page.ret, err);
	case REQUEST_MESSAGE:
		return ops->message(
		    b, r->id, r->message.uid, r->arena, r->message.ret, r->message.ret_found, err);
	case REQUEST_SUPERSEDED:
		return ops->superseded(b, r->id, r->id2, r->page.ret, err);
	case REQUEST_PROBLEMS:
		return ops->problems(b, r->id, r->arena, r->problems, r->ret_len, err);
	case REQUEST_WARNINGS:
		return ops->warnings(b, r->id, r->arena, r->warnings, r->ret_len, err);
	case REQUEST_DEBTS:
		return ops->debts(b, r->id, r->arena, r->debts, r->ret_len, err);
	case REQUEST_INTENTS:
		return ops->intents(b, r->id, r->arena, r->intents, r->ret_len, err);
	case REQUEST_SERVER_GET:
		return ops->server_get(b, r->server.name, r->server.ret, err);
	case REQUEST_SERVER_SET:
		return ops->server_set(b, r->server.name, r->server.set, err);
	case REQUEST_OUTCOME:
		return ops->outcome(b, r->outcome, err);
	}
	abort(); /* no other kinds are made */
}

/* The latched error, if any, without touching the handle. */
static bool
state_latched(struct state *t, struct err *err)
{
	pthread_mutex_lock(&t->mutex);
	bool failed = t->failed.kind != ERR_NONE;
	if (failed)
		*err = t->failed;
	pthread_mutex_unlock(&t->mutex);
	return failed;
}

/* A batch has ended, one way or the other: free it, let the next one in. */
static void
state_end_batch(struct state *t, struct request *r)
{
	batch_free(&r->batch);
	pthread_mutex_lock(&t->mutex);
	if (r->rc < 0 && t->failed.kind == ERR_NONE)
		t->failed = r->err;
	t->under_way--;
	pthread_cond_broadcast(&t->answered);
	pthread_mutex_unlock(&t->mutex);
	free(r);
}

static void
state_answer(struct state *t, struct request *r)
{
	pthread_mutex_lock(&t->mutex);
	r->done = true;
	pthread_cond_broadcast(&t->answered);
	pthread_mutex_unlock(&t->mutex);
}

static void *
state_keep(void *arg)
{
	struct state *t = arg;
	struct request *r;

	while ((r = queue_get(t->queue, -1)) != NULL) {
		r->rc = state_latched(t, &r->err) ? -1 : state_serve(t, r, &r->err);
		if (r->kind == REQUEST_BATCH)
			state_end_batch(t, r);
		else
			state_answer(t, r);
	}
	return NULL;
}

int
state_ask(struct state *t, struct request *r, struct err *err)
{
	pthread_mutex_lock(&t->mutex);
	if (t->queue == NULL) {
		r->rc = state_serve(t, r, &r->err);
	} else {
		pthread_mutex_unlock(&t->mutex);
		bool taken = queue_put(t->queue, r);
		assert(taken); /* the queue is closed by state_close alone */
		pthread_mutex_lock(&t->mutex);
		while (!r->done)
			pthread_cond_wait(&t->answered, &t->mutex);
	}
	pthread_mutex_unlock(&t->mutex);
	if (r->rc < 0)
		*err = r->err;
	return r->rc;
}

/* ---- open and close ---- */

static int
state_start_keeper(struct state *t, struct err *err)
{
	t->queue = queue_new(QUEUE_LIMIT);
	int sys = pthread_create(&t->keeper, NULL, state_keep, t);
	if (sys == 0)
		return 0;
	queue_free(t->queue);
	t->queue = NULL;
	return err_set(err, ERR_DISK, "start a thread for the state: %s", strerror(sys));
}

static struct state *
state_new(void)
{
	struct state *t = mem_new(sizeof *t);

	t->ops = &state_sqlite;
	pthread_mutex_init(&t->mutex, NULL);
	pthread_cond_init(&t->answered, NULL);
	return t;
}

int
state_open(struct state **ret, const char *job_dir, enum state_mode mode, struct err *err)
{
	AUTO(state_close) struct state *t = state_new();
	bool run = mode == STATE_RUN;

	if (run && (file_make_dirs(job_dir, err) < 0 || job_lock_take(&t->lock, job_dir, err) < 0))
		return -1;
	if (t->ops->open(&t->backend, job_dir, run, err) < 0)
		return -1;
	if (t->ops->unclean(t->backend, &t->unclean, err) < 0)
		return -1;
	if (run && state_start_keeper(t, err) < 0)
		return -1;
	*ret = t;
	t = NULL;
	return 0;
}

void
state_close(struct state **ret)
{
	struct state *t = *ret;

	if (t == NULL)
		return;
	if (t->queue != NULL) {
		queue_close(t->queue);
		pthread_join(t->keeper, NULL);
		queue_free(t->queue);
	}
	if (t->backend != NULL)
		t->ops->close(&t->backend);
	job_lock_free(&t->lock);
	pthread_cond_destroy(&t->answered);
	pthread_mutex_destroy(&t->mutex);
	free(t);
	*ret = NULL;
}

void
state_set_log(struct state *t, struct evlog *log)
{
	pthread_mutex_lock(&t->mutex);
	t->log = log;
	pthread_mutex_unlock(&t->mutex);
}

bool
state_was_unclean(struct state *t)
{
	return t->unclean;
}

/* ---- writing ---- */

int
state_put(struct state *t, const struct lease *l, struct batch **b, struct err *err)
{
	assert(t->queue != NULL);
	if ((*b)->overfull) {
		batch_free(b);
		return err_set(
		    err, ERR_FULL, "the texts of one batch of messages do not fit into memory");
	}
	pthread_mutex_lock(&t->mutex);
	while (t->under_way >= UNDER_WAY && t->failed.kind == ERR_NONE)
		pthread_cond_wait(&t->answered, &t->mutex);
	bool failed = t->failed.kind != ERR_NONE;
	if (failed)
		*err = t->failed;
	else {
		t->under_way++;
		t->put++;
	}
	pthread_mutex_unlock(&t->mutex);
	if (failed) {
		batch_free(b);
		return -1;
	}
	struct request *r = mem_new(sizeof *r);
	r->kind = REQUEST_BATCH;
	r->lease = *l;
	r->batch = *b;
	*b = NULL;
	bool taken = queue_put(t->queue, r);
	assert(taken);
	return 0;
}

int
state_barrier(struct state *t, struct err *err)
{
	return state_ask(t, &(struct request){ .kind = REQUEST_BARRIER }, err);
}

uint64_t
state_ticket(struct state *t)
{
	pthread_mutex_lock(&t->mutex);
	uint64_t ticket = t->put;
	pthread_mutex_unlock(&t->mutex);
	return ticket;
}

int
state_wait(struct state *t, uint64_t ticket, struct err *err)
{
	pthread_mutex_lock(&t->mutex);
	while (t->put - t->under_way < ticket && t->failed.kind == ERR_NONE)
		pthread_cond_wait(&t->answered, &t->mutex);
	bool failed = t->failed.kind != ERR_NONE;
	if (failed)
		*err = t->failed;
	pthread_mutex_unlock(&t->mutex);
	return failed ? -1 : 0;
}
