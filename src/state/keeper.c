/* The keeper: one thread that serves a bounded queue in groups.
 *
 * A call is a request on the caller's stack that waits to be answered. Where nothing is being served and
 * what stands in front of it, in the queue or as the group whose files are being synced, is about other
 * accounts, the caller serves it itself: two switches between threads cost more than most calls, and an
 * account that begins must not wait for the disk of those that end. A batch is a request of its own that
 * nobody waits for, at most ACCOUNT_BATCHES of one account and batches_max of all, so that descriptors and
 * memory stay bounded while the disk syncs.
 *
 * A commit costs a sync, and many accounts commit at once: so the keeper takes all that is in the
 * queue as one group, once it has served what need not wait for the batches in it. The files of its batches
 * are synced first (settle.h), then the event log that speaks of them, then all is applied in the order of
 * the queue within one transaction, and nobody is answered before its commit. Each request has a savepoint:
 * one that is refused fails alone, and so does a batch under a lease that another process has taken over: no
 * more is taken under that lease. Else what is committed is always a prefix of what was put: a batch whose
 * files or rows fail ends the group in front of it. It leaves the state latched, as later batches
 * could not be a prefix any more: every later call fails alike, and nobody waits for what will
 * not come. So does a commit that fails with a batch in it.
 *
 * Who reads after a put sees what was put: a read waits for the commit of the group when a batch
 * of its account (or any, where it reads of all) stands in front of it, and is served after that commit;
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
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "state/keeper_parts.h"

/* ---- the keeper ---- */

/* All that is in the queue; `serving` held. */
static void
state_round(struct state *t)
{
	struct group writers = { .len = 0 }, quick = { .len = 0 }, first = { .len = 0 }, after = { .len = 0 };
	struct request *r;

	for (size_t n = 0; n < GROUP_MAX && (r = queue_get(t->queue, 0)) != NULL; n++) {
		int64_t account = writers.len > 0 ? request_account(r, t->ops, t->backend) : 0;
		bool waits = r->kind == REQUEST_BATCH || !group_lets_pass(&writers, r, account);
		struct group *g = request_reads(r) ? (waits ? &after : &first) : waits ? &writers : &quick;

		g->request[g->len++] = r;
	}
	group_read(t, &first);
	group_write(t, &quick);
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

struct passing {
	const struct request *r;
	int64_t account;
};

static bool
is_in_the_way(void *item, void *arg)
{
	const struct passing *p = arg;

	return !request_may_pass(p->r, item, p->account);
}

/* Must nothing that stands in front of it be served before? `serving` held. */
static bool
state_may_pass(struct state *t, const struct request *r)
{
	struct passing p = { .r = r };

	if (t->settling != NULL || queue_len(t->queue) > 0)
		p.account = request_account(r, t->ops, t->backend);
	return (t->settling == NULL || group_lets_pass(t->settling, r, p.account)) &&
	       !queue_any(t->queue, is_in_the_way, &p);
}

/* By who asks. False: it must wait for the keeper, and what comes meanwhile is one group. */
static bool
serve_here(struct state *t, struct request *r)
{
	struct group g = { .request = { r }, .len = 1 };

	pthread_mutex_lock(&t->serving);
	bool passes = state_may_pass(t, r);

	if (passes && request_reads(r))
		group_read(t, &g);
	else if (passes)
		group_write(t, &g);
	pthread_mutex_unlock(&t->serving);
	return passes;
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
