/* See keeper.h and keeper.c: what a group is, and how it becomes durable. */
#include <stdlib.h>

#include "base/mem.h"
#include "state/keeper_parts.h"

static struct evlog *
state_log(struct state *t)
{
	pthread_mutex_lock(&t->mutex);
	struct evlog *log = t->log;
	pthread_mutex_unlock(&t->mutex);
	return log;
}

bool
state_latched(struct state *t, struct err *err)
{
	pthread_mutex_lock(&t->mutex);
	bool failed = t->failed.kind != ERR_NONE;
	if (failed)
		*err = t->failed;
	pthread_mutex_unlock(&t->mutex);
	return failed;
}

bool
group_lets_pass(const struct group *g, const struct request *r, int64_t account)
{
	for (size_t i = 0; i < g->len; i++) {
		if (!request_may_pass(r, g->request[i], account))
			return false;
	}
	return true;
}

/* Another process has the account: nothing more under that lease. Mutex held. */
static void
state_lose(struct state *t, const struct lease *l)
{
	t->lost = mem_resize(t->lost, t->n_lost + 1, sizeof(*t->lost));
	t->lost[t->n_lost++] = *l;
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

void
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

static bool
group_has_files(const struct group *g)
{
	for (size_t i = 0; i < g->len; i++)
		if (g->request[i]->kind == REQUEST_BATCH && g->request[i]->batch->pending != NULL)
			return true;
	return false;
}

/* The barrier: files, then the log that speaks of them, then the rows. How many requests of the group it is
 * good for. */
static int
group_settle(struct state *t, struct group *writers, size_t *ret, struct err *err)
{
	bool system, files = group_has_files(writers);

	if (files) {
		t->settling = writers;
		pthread_mutex_unlock(&t->serving);
	}
	*ret = group_sync_files(t, writers, &system);
	int rc = group_sync_log(t, writers, *ret, system, err);
	if (files) {
		pthread_mutex_lock(&t->serving);
		t->settling = NULL;
	}
	return rc;
}

void
group_write(struct state *t, struct group *writers)
{
	struct err err;
	size_t len;

	if (writers->len == 0)
		return;
	if (state_latched(t, &err) || group_settle(t, writers, &len, &err) < 0 ||
	    (len > 0 && group_apply(t, writers, len, &err) < 0))
		group_fail(writers, 0, &err);
	group_answer(t, writers);
}
