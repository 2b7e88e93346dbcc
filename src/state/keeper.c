/* The keeper: one thread that serves a bounded queue in groups.
 *
 * A call is a request on the caller's stack that waits to be answered. Where nothing is being served and
 * nothing stands in the queue, the caller serves it itself: two switches between threads cost more than
 * most calls. A batch is a request of its own that nobody waits for, at most ACCOUNT_BATCHES of one account
 * and batches_max of all, so that descriptors and memory stay bounded while the disk syncs.
 *
 * A commit costs a sync, and many accounts commit at once: so the keeper takes all that is in the
 * queue as one group. The files of its batches are synced first (settle.h), then the event log that
 * speaks of them, then all is applied in the order of the queue within one transaction, and nobody is
 * answered before its commit. Each request has a savepoint: one that is refused fails alone, and so does
 * a batch under a lease that another process has taken over: no more is taken under that lease. Else what
 * is committed is always a prefix of what was put: a batch whose
 * files or rows fail ends the group in front of it. It leaves the state latched, as later batches
 * could not be a prefix any more: every later call fails alike, and nobody waits for what will
 * not come. So does a commit that fails with a batch in it.
 *
 * Who reads after a put sees what was put: a read waits for the commit of the group when a writer
 * of its account (or of what it asks for) stands in front of it, and is served after that commit;
 * every other read is answered before the first sync. What only says how far an account is goes
 * without a sync (request_lasts), and is durable with the next commit that has one. Reading within the
 * open transaction was rejected: what is seen must be committed. Ending a group in front of each
 * read was rejected too: each worker reads after it has put, so that groups would be of one or two.
 *
 * When only reading there is no keeper: calls run at once under the mutex, each a short
 * transaction of its own. */
#include "state/keeper.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/queue.h"
#include "state/backend.h"
#include "state/lock.h"
#include "state/settle.h"

enum { ACCOUNT_BATCHES = 3, QUEUE_LIMIT = SETTLE_MAX, GROUP_MAX = QUEUE_LIMIT };

struct state {
	const struct state_backend_ops *ops;
	struct backend *backend;
	struct job_lock *lock;
	struct settle_system system;
	char *dir;
	struct queue *queue; /* NULL: reading only. Taken from by the keeper, under `serving` */
	pthread_t keeper;
	pthread_mutex_t serving; /* the backend, when not reading only */
	pthread_mutex_t mutex; /* all below; when reading, the backend too */
	pthread_cond_t batches_ended;
	size_t batches_max, under_way;
	int64_t *flying; /* the accounts of the batches under way; room for batches_max */
	uint64_t put, ended; /* batches so far, numbered as the queue has them */
	pthread_mutex_t order; /* a batch gets its number and its place in the queue together */
	struct err failed; /* latched; ERR_NONE: none */
	struct lease *lost; /* under which a batch was refused */
	size_t n_lost;
	bool unclean;
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

/* ---- groups ---- */

/* What the keeper took from the queue at once; requests that were answered are gone from it. */
struct group {
	struct request *request[GROUP_MAX];
	size_t len;
};

/* Must request i, which reads, wait for one of the writers, which stand in front of it? */
static bool
group_waits(struct state *t, const struct group *writers, const struct request *r)
{
	int64_t account = writers->len > 0 ? request_account(r, t->ops, t->backend) : 0;

	for (size_t i = 0; i < writers->len; i++) {
		if (request_concerns(writers->request[i], r, account))
			return true;
	}
	return false;
}

/* Another process has the account: nothing more under that lease. Mutex held. */
static void
state_lose(struct state *t, const struct lease *l)
{
	t->lost = mem_resize(t->lost, t->n_lost + 1, sizeof(*t->lost));
	t->lost[t->n_lost++] = *l;
}

/* Mutex held. */
static bool
state_has_lost(const struct state *t, const struct lease *l)
{
	for (size_t i = 0; i < t->n_lost; i++)
		if (t->lost[i].account == l->account && t->lost[i].epoch == l->epoch)
			return true;
	return false;
}

static int
state_taken(struct err *err)
{
	return err_set(err, ERR_TAKEN, "the account was taken over by another process");
}

/* From now on nothing is written for anybody, whatever name the disk refused. Mutex held. */
static void
state_latch(struct state *t, const struct err *why)
{
	if (t->failed.kind != ERR_NONE)
		return;
	t->failed = *why;
	if (why->kind == ERR_CREATE)
		(void)err_set(&t->failed, ERR_DISK, "%s", why->text);
	t->failed.sys = 0;
}

/* A batch has ended, one way or the other: its place is free. Mutex held. */
static void
state_end_batch(struct state *t, const struct request *r)
{
	size_t i = 0;

	if (r->rc < 0 && r->err.kind == ERR_TAKEN)
		state_lose(t, &r->lease);
	else if (r->rc < 0)
		state_latch(t, &r->err);
	while (t->flying[i] != r->lease.account)
		i++;
	t->flying[i] = t->flying[--t->under_way];
	t->ended++;
}

/* All at once, so that those who wait for batches wake once a group. */
static void
group_end_batches(struct state *t, struct group *g)
{
	size_t batches = 0;

	for (size_t i = 0; i < g->len; i++) {
		if (g->request[i]->kind == REQUEST_BATCH) {
			batch_free(&g->request[i]->batch);
			batches++;
		}
	}
	if (batches == 0)
		return;
	pthread_mutex_lock(&t->mutex);
	for (size_t i = 0; i < g->len; i++)
		if (g->request[i]->kind == REQUEST_BATCH)
			state_end_batch(t, g->request[i]);
	pthread_mutex_unlock(&t->mutex);
	pthread_cond_broadcast(&t->batches_ended);
}

/* A request that was answered may be gone. Each asker that waits has a semaphore of its own: with one
 * condition for all, every answer would wake every worker. */
static void
group_answer(struct state *t, struct group *g)
{
	group_end_batches(t, g);
	for (size_t i = 0; i < g->len; i++) {
		if (g->request[i]->kind == REQUEST_BATCH)
			free(g->request[i]);
		else if (g->request[i]->answered != NULL)
			sem_post(g->request[i]->answered);
	}
	g->len = 0;
}

/* Each for itself. */
static void
group_read(struct state *t, struct group *readers)
{
	for (size_t i = 0; i < readers->len; i++) {
		struct request *r = readers->request[i];

		r->rc = state_latched(t, &r->err) ? -1 : request_serve(r, t->ops, t->backend, &r->err);
	}
	if (readers->len > 0)
		group_answer(t, readers);
}

/* Requests from `from` on fail with that error. */
static void
group_fail(struct group *g, size_t from, const struct err *err)
{
	for (size_t i = from; i < g->len; i++) {
		g->request[i]->rc = -1;
		g->request[i]->err = *err;
	}
}

/* Make the files of all batches durable; the number of requests in front of the first that fails.
 * *ret_system: and with them all that was written to the file system of the job. */
static size_t
group_sync_files(struct state *t, struct group *g, bool *ret_system)
{
	struct pending *p[GROUP_MAX];
	struct err err;
	size_t n;

	for (size_t i = 0; i < g->len; i++)
		p[i] = g->request[i]->kind == REQUEST_BATCH ? g->request[i]->batch->pending : NULL;
	n = settle_all(&t->system, p, g->len, ret_system, &err);
	if (n < g->len) {
		(void)err_wrap(&err, "make stored messages durable");
		group_fail(g, n, &err);
	}
	return n;
}

static int
group_sync_log(struct state *t, const struct group *g, size_t len, bool system, struct err *err)
{
	struct evlog *log = state_log(t);

	for (size_t i = 0; i < len && log != NULL; i++) {
		if (request_needs_log(g->request[i]))
			return evlog_sync(log, system ? &t->system.device : NULL, err);
	}
	return 0;
}

/* Each in its turn; a batch that fails ends them in front of it. *ret_folders: records of folders were
 * written. -1: the whole transaction is lost. */
static int
group_serve(struct state *t, struct group *g, size_t len, bool *ret_folders, struct err *err)
{
	*ret_folders = false;
	for (size_t i = 0; i < len; i++) {
		struct request *r = g->request[i];
		int64_t before = t->ops->changes(t->backend);

		r->rc = request_serve(r, t->ops, t->backend, &r->err);
		*ret_folders |=
		    r->kind == REQUEST_FOLDER && t->ops->changes(t->backend) != before;
		if (r->rc == 0)
			continue;
		if (len > 1 && t->ops->group_lost(t->backend)) {
			*err = r->err;
			return -1;
		}
		if (r->kind == REQUEST_BATCH && r->err.kind != ERR_TAKEN) {
			group_fail(g, i, &r->err);
			return 0;
		}
	}
	return 0;
}

/* The first `len` in one transaction, which one alone makes for itself. -1: nothing of all that is
 * there. */
static int
group_apply(struct state *t, struct group *g, size_t len, struct err *err)
{
	bool many = len > 1, lasts = false, folders;
	int rc;

	for (size_t i = 0; i < len; i++)
		lasts |= request_lasts(g->request[i]);
	if (t->ops->durable(t->backend, lasts, err) < 0)
		return -1;
	if (many && t->ops->group_begin(t->backend, err) < 0)
		return -1;
	rc = group_serve(t, g, len, &folders, err);
	if (many) {
		struct err ended;

		if (t->ops->group_end(t->backend, rc == 0, &ended) < 0 && rc == 0) {
			*err = ended;
			return -1;
		}
	}
	return rc == 0 && folders && !lasts ? t->ops->settle(t->backend, err) : rc;
}

/* The barrier: files, then the log that speaks of them, then the rows. */
static void
group_write(struct state *t, struct group *writers)
{
	struct err err;

	if (writers->len == 0)
		return;
	if (state_latched(t, &err)) {
		group_fail(writers, 0, &err);
	} else {
		bool system;
		size_t len = group_sync_files(t, writers, &system);

		if (group_sync_log(t, writers, len, system, &err) < 0 ||
		    (len > 0 && group_apply(t, writers, len, &err) < 0))
			group_fail(writers, 0, &err);
	}
	group_answer(t, writers);
}

/* All that is in the queue; `serving` held. */
static void
state_round(struct state *t)
{
	struct group writers = { .len = 0 }, first = { .len = 0 }, after = { .len = 0 };
	struct request *r;

	for (size_t n = 0; n < GROUP_MAX && (r = queue_get(t->queue, 0)) != NULL; n++) {
		struct group *g = !request_reads(r)	   ? &writers
				  : group_waits(t, &writers, r) ? &after
								: &first;

		g->request[g->len++] = r;
	}
	group_read(t, &first);
	group_write(t, &writers);
	group_read(t, &after);
}

static void *
state_keep(void *arg)
{
	struct state *t = arg;

	while (queue_await(t->queue)) {
		pthread_mutex_lock(&t->serving);
		state_round(t);
		pthread_mutex_unlock(&t->serving);
	}
	return NULL;
}

/* Nothing may stand in front of it, nor must it wait: what comes meanwhile is one group. */
static bool
serve_here(struct state *t, struct request *r)
{
	struct group g = { .request = { r }, .len = 1 };

	if (pthread_mutex_trylock(&t->serving) != 0)
		return false;
	bool alone = queue_len(t->queue) == 0;

	if (alone && request_reads(r))
		group_read(t, &g);
	else if (alone)
		group_write(t, &g);
	pthread_mutex_unlock(&t->serving);
	return alone;
}

static void
ask_keeper(struct state *t, struct request *r)
{
	sem_t answered;

	sem_init(&answered, 0, 0);
	r->answered = &answered;
	bool taken = queue_put(t->queue, r);
	assert(taken); /* the queue is closed by state_close alone */
	while (sem_wait(&answered) < 0 && errno == EINTR)
		;
	sem_destroy(&answered);
}

int
state_ask(struct state *t, struct request *r, struct err *err)
{
	if (t->queue != NULL) {
		if (!serve_here(t, r))
			ask_keeper(t, r);
	} else {
		pthread_mutex_lock(&t->mutex);
		r->rc = request_serve(r, t->ops, t->backend, &r->err);
		pthread_mutex_unlock(&t->mutex);
	}
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
	return err_set(err, ERR_SHORT, "start a thread for the state: %s", strerror(sys));
}

static struct state *
state_new(void)
{
	struct state *t = mem_new(sizeof *t);

	t->ops = &state_sqlite;
	t->system.fd = -1;
	pthread_mutex_init(&t->mutex, NULL);
	pthread_cond_init(&t->batches_ended, NULL);
	pthread_mutex_init(&t->order, NULL);
	pthread_mutex_init(&t->serving, NULL);
	state_set_workers(t, 1);
	return t;
}

int
state_open(struct state **ret, const char *job_dir, enum state_mode mode, struct err *err)
{
	AUTO(state_close) struct state *t = state_new();
	bool writes = mode == STATE_RUN || mode == STATE_JOIN;

	t->dir = mem_copy_str(job_dir);
	if (mode == STATE_RUN &&
	    (file_make_dirs(job_dir, err) < 0 || job_lock_take(&t->lock, job_dir, err) < 0))
		return -1;
	if (writes && settle_system_open(&t->system, job_dir, err) < 0)
		return -1;
	if (t->ops->open(&t->backend, job_dir, mode, err) < 0)
		return -1;
	if (t->ops->unclean(t->backend, &t->unclean, err) < 0)
		return -1;
	t->unclean |= mode == STATE_JOIN;
	if (writes && (t->ops->join(t->backend, mode == STATE_JOIN, err) < 0 || state_start_keeper(t, err) < 0))
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
	file_close(&t->system.fd);
	pthread_mutex_destroy(&t->order);
	pthread_mutex_destroy(&t->serving);
	pthread_cond_destroy(&t->batches_ended);
	pthread_mutex_destroy(&t->mutex);
	free(t->flying);
	free(t->lost);
	free(t->dir);
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
	pthread_mutex_lock(&t->mutex);
	bool unclean = t->unclean;
	pthread_mutex_unlock(&t->mutex);
	return unclean;
}

/* ---- several processes ---- */

bool
state_leads(struct state *t)
{
	struct err ignored;

	return t->lock != NULL || (t->queue != NULL && job_lock_take(&t->lock, t->dir, &ignored) == 0);
}

int
state_share(struct state *t, enum sharing s, struct err *err)
{
	struct request r = { .kind = REQUEST_SHARE, .id = s };

	if (state_ask(t, &r, err) < 0)
		return -1;
	/* Accounts may come from a process that was killed. */
	pthread_mutex_lock(&t->mutex);
	t->unclean |= s == SHARING;
	pthread_mutex_unlock(&t->mutex);
	return 0;
}

int
state_holds(struct state *t, const struct lease *l, struct err *err)
{
	pthread_mutex_lock(&t->mutex);
	bool lost = state_has_lost(t, l);
	pthread_mutex_unlock(&t->mutex);
	return lost ? state_taken(err) : 0;
}

/* ---- writing ---- */

void
state_set_workers(struct state *t, size_t n)
{
	pthread_mutex_lock(&t->mutex);
	size_t max = n + 2 > ACCOUNT_BATCHES ? n + 2 : ACCOUNT_BATCHES;
	if (max > t->batches_max) {
		t->flying = mem_resize(t->flying, max, sizeof *t->flying);
		t->batches_max = max;
		pthread_cond_broadcast(&t->batches_ended);
	}
	pthread_mutex_unlock(&t->mutex);
}

/* Is there a place for one more batch of that account? Mutex held. */
static bool
state_has_room(const struct state *t, int64_t account)
{
	size_t own = 0;

	for (size_t i = 0; i < t->under_way; i++)
		own += t->flying[i] == account;
	return own < ACCOUNT_BATCHES && t->under_way < t->batches_max;
}

/* Wait for a place and take it. */
static int
state_take_place(struct state *t, int64_t account, struct err *err)
{
	pthread_mutex_lock(&t->mutex);
	while (!state_has_room(t, account) && t->failed.kind == ERR_NONE)
		pthread_cond_wait(&t->batches_ended, &t->mutex);
	bool failed = t->failed.kind != ERR_NONE;
	if (failed)
		*err = t->failed;
	else
		t->flying[t->under_way++] = account;
	pthread_mutex_unlock(&t->mutex);
	return failed ? -1 : 0;
}

static void
state_queue_batch(struct state *t, struct request *r)
{
	pthread_mutex_lock(&t->order);
	pthread_mutex_lock(&t->mutex);
	t->put++;
	pthread_mutex_unlock(&t->mutex);
	bool taken = queue_put(t->queue, r);
	assert(taken); /* the queue is closed by state_close alone */
	pthread_mutex_unlock(&t->order);
}

int
state_put(struct state *t, const struct lease *l, struct batch **b, struct err *err)
{
	assert(t->queue != NULL);
	if ((*b)->overfull) {
		batch_free(b);
		return err_set(
		    err, ERR_FULL, "the texts of one batch of messages do not fit into memory");
	}
	if (state_holds(t, l, err) < 0 || state_take_place(t, l->account, err) < 0) {
		batch_free(b);
		return -1;
	}
	struct request *r = mem_new(sizeof *r);
	r->kind = REQUEST_BATCH;
	r->lease = *l;
	r->batch = *b;
	*b = NULL;
	state_queue_batch(t, r);
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
	while (t->ended < ticket && t->failed.kind == ERR_NONE)
		pthread_cond_wait(&t->batches_ended, &t->mutex);
	bool failed = t->failed.kind != ERR_NONE;
	if (failed)
		*err = t->failed;
	pthread_mutex_unlock(&t->mutex);
	return failed ? -1 : 0;
}
