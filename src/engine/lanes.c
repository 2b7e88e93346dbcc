/* The folders of an account: one after the other, or by several connections that take them from one
 * queue. One that has no folder left helps the others with theirs (pool.h), and where there are more
 * connections than folders, the further ones do nothing else. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "engine/run.h"

enum {
	RTT_PAYS_US =
	    20 * 1000, /* from here on more connections hide the round trips between folders */
	LANES_AUTO = 4,
	LANES_PLACING = 2, /* into a server: while one changes folders, the other one's server works */
	LANES_MAX = 16,
	LEFT_MAX = 1, /* folders in a row in which every connection ends */
	HELP_PAYS = 4 /* messages that are new in a folder; less is not worth to wait for */
};

static struct planned *
take_folder(struct run *r)
{
	struct planned *f = NULL;

	pthread_mutex_lock(&r->shared.mutex);
	while (f == NULL && r->err.kind == ERR_NONE && r->next < r->plan.len) {
		f = &r->plan.folder[r->next++];
		if (f->excluded)
			f = NULL;
	}
	pthread_mutex_unlock(&r->shared.mutex);
	return f;
}

static int
folder_failed(struct lane *l, struct planned *f, const struct err *why, struct err *err)
{
	struct event e = { .no = EV_FOLDER_FAILED,
		.level = LEVEL_ERROR,
		.account = l->account,
		.folder = f->display };

	evlog_put(l->job->log, &e, "%s", why->text);
	return lane_record(l, f, why->text, err);
}

/* Every connection was ended in this folder: that may be the folder's doing. A server that says nothing is not waited
 * for once more; of a list the account has another turn. */
static bool
may_leave(struct runner *u, const struct err *why)
{
	if ((why->kind != ERR_CUT && why->kind != ERR_BYE) || !u->at_work || u->lane.source != NULL ||
	    u->run->job->shares != NULL || ++u->left > LEFT_MAX)
		return false;
	u->tries = 0;
	return true;
}

static int
run_folder(struct runner *u, struct planned *f, struct err *err)
{
	for (;;) {
		struct err why = { 0 };

		if (lane_copy(&u->lane, f, &why) == 0)
			return 0;
		if (why.scope <= SCOPE_FOLDER)
			return folder_failed(&u->lane, f, &why, err);
		if (why.scope != SCOPE_SESSION && why.kind != ERR_THROTTLED) {
			*err = why;
			return -1;
		}
		if (runner_reconnect(u, &why) == 0)
			continue;
		if (!may_leave(u, &why)) {
			*err = why;
			return -1;
		}
		if (runner_connect(u, err) < 0)
			return -1;
		return folder_failed(&u->lane, f, &why, err);
	}
}

static int
run_folders(struct runner *u, struct err *err)
{
	uint64_t stored = u->lane.stored;
	struct planned *f;

	while ((f = take_folder(u->run)) != NULL) {
		if (run_folder(u, f, err) < 0)
			return -1;
		u->tries = 0;
		u->left = u->lane.stored > stored ? 0 : u->left;
		stored = u->lane.stored;
		if (u->run->job->progress != NULL)
			atomic_fetch_add(&u->run->job->progress->folders_done, 1);
	}
	if (u->run->one_lane && runner_leave_servers(u, err) < 0)
		return -1;
	return lane_close_folders(&u->lane, err);
}

static void
lane_ended(struct run *r, int rc, const struct err *err, bool first)
{
	pthread_mutex_lock(&r->shared.mutex);
	if (rc < 0 && r->err.kind == ERR_NONE)
		r->err = *err;
	if (first)
		r->shared.settled = true;
	pthread_cond_broadcast(&r->shared.learnt);
	pthread_mutex_unlock(&r->shared.mutex);
}

/* Folders of its own, then those of others. The first lane is waited for no longer when it helps. */
static void
run_lane(struct runner *u, bool first)
{
	struct run *r = u->run;
	struct err err = { 0 }, help = { 0 };
	int rc = run_folders(u, &err);

	lane_ended(r, rc, &err, first);
	if (r->shared.pool == NULL)
		return;
	if (rc == 0)
		pool_helpers(r->shared.pool, 1);
	pool_owners(r->shared.pool, -1);
	if (rc == 0 && runner_help(u, &help) < 0)
		lane_ended(r, -1, &help, first);
}

/* What a further connection is refused the first one can still bring. */
static bool
goes_without(const struct runner *u, const struct err *why)
{
	struct event e = {
		.no = EV_DISCONNECTED, .level = LEVEL_INFO, .account = u->lane.account
	};

	if (!job_may_try_again(why))
		return false;
	evlog_put(u->run->job->log, &e, "%s; the account goes on with fewer connections",
	    why->text);
	return true;
}

int
runner_make_lane(struct runner *u, struct err *err)
{
	struct run *r = u->run;

	int rc = lane_init(&u->lane, r->job, &r->shared, r->login, &r->place, &r->lease, err);

	if (rc < 0 || r->job->dest != NULL)
		runner_opened(u, END_DEST, rc, err);
	return rc;
}

/* Both of its sessions. That of the source tells its error to whoever takes it. */
static int
further_sessions(struct runner *u, struct err *err)
{
	struct run *r = u->run;
	struct err why = { 0 };

	if (runner_further_begin(u, err) < 0)
		return -1;
	runner_source_ahead(u, NULL);
	if (r->job->dest != NULL) {
		if (runner_make_lane(u, err) < 0) {
			runner_further_end(u, -1, err);
			return -1;
		}
		lane_survey(&u->lane, &r->plan);
	}
	runner_further_end(u, sess_ahead_wait(u->ahead, &why), &why);
	return 0;
}

/* A sink on a server takes round trips to open, and the first lane works meanwhile. */
static int
further_open(struct runner *u, struct err *err)
{
	struct run *r = u->run;

	if (further_sessions(u, err) < 0)
		return -1;
	/* It begins when the first has found a form that works (rules.md 1.3). */
	pthread_mutex_lock(&r->shared.mutex);
	while (r->shared.facts.works_form < 0 && !r->shared.settled && r->err.kind == ERR_NONE)
		pthread_cond_wait(&r->shared.learnt, &r->shared.mutex);
	pthread_mutex_unlock(&r->shared.mutex);
	return runner_connect(u, err);
}

static void *
further_lane(void *arg)
{
	struct runner *u = arg;
	struct run *r = u->run;
	struct err err = { 0 };

	if (further_open(u, &err) < 0) {
		if (!goes_without(u, &err))
			lane_ended(r, -1, &err, false);
		pool_owners(r->shared.pool, -1);
		return NULL;
	}
	run_lane(u, false);
	lane_ended(r, lane_flush(&u->lane, true, &err), &err, false);
	return NULL;
}

static void *
helping_lane(void *arg)
{
	struct runner *u = arg;
	struct err err = { 0 };
	int rc = runner_help(u, &err);

	if (rc == 0)
		rc = lane_flush(&u->lane, true, &err);
	lane_ended(u->run, rc, &err, false);
	return NULL;
}

/* Accounts of a list already work beside each other. */
static size_t
lanes_that_pay(const struct run *r, const struct lane *first, size_t folders)
{
	if (folders < LANES_AUTO)
		return 1;
	if (first->source_ops->rtt_us(first->source) >= RTT_PAYS_US)
		return LANES_AUTO;
	return r->job->dest != NULL && r->job->shares == NULL ? LANES_PLACING : 1;
}

/* Of an account that is alone nobody counts the places on servers; each connection has one on both. */
static size_t
lanes_max(const struct run *r)
{
	const struct job *job = r->job;
	const struct endpoint *to = job->dest != NULL ? &job->dest->server : NULL;
	bool same = job->from == NULL && to != NULL && strcasecmp(to->host, job->source.host) == 0 &&
		    strcmp(to->port, job->source.port) == 0;
	size_t n = job->per_host / (same ? 2 : 1);

	if (job->shares != NULL || job->per_host == 0 || n > LANES_MAX)
		return LANES_MAX;
	return n > 0 ? n : 1;
}

static size_t
lanes_wanted(const struct run *r, const struct lane *first)
{
	size_t folders = 0, n = r->job->connections;

	for (size_t i = 0; i < r->plan.len; i++)
		folders += !r->plan.folder[i].excluded;
	if (first->sink_ops->traits & SINK_ONE_WRITER || r->job->from != NULL)
		n = 1;
	if (n == 0)
		n = lanes_that_pay(r, first, folders);
	if (n > lanes_max(r))
		n = lanes_max(r);
	return n > folders ? folders : n;
}

/* Is there a folder with so much that is new that others can help with it? */
static bool
help_pays(const struct run *r, const struct lane *first)
{
	for (size_t i = 0; i < r->plan.len; i++) {
		const struct folder *f = &r->plan.folder[i].folder;
		const struct folder_rec *known = lane_known(first, f->name, NULL);
		uint64_t there = known != NULL && known->uidvalidity == f->counts.uidvalidity ? known->listed : 0;

		if (!r->plan.folder[i].excluded &&
		    (!(f->attrs & FOLDER_COUNTED) || f->counts.messages >= there + HELP_PAYS))
			return true;
	}
	return false;
}

/* Those with folders of their own, and with those that only help. */
static size_t
helpers_wanted(const struct run *r, const struct lane *first, size_t lanes)
{
	size_t n = r->job->connections < lanes_max(r) ? r->job->connections : lanes_max(r);

	return n > lanes && r->job->from == NULL && help_pays(r, first) ? n - lanes : 0;
}

/* *ret_more false: neither this lane nor another one. */
static int
start_lane(struct run *r, struct runner *u, bool *ret_more, struct err *err)
{
	const struct shares *s = r->job->shares;

	*ret_more = false;
	/* A place that is free now; other accounts need not wait for a further connection of this one. */
	if (s != NULL && !hosts_try(s->hosts, s->host, s->n_hosts))
		return 0;
	u->run = r;
	u->placed = s != NULL;
	u->lane.account = r->login;
	/* Files are opened before any lane writes: what an unclean end has left is put in order. */
	if (r->job->dest == NULL) {
		if (runner_make_lane(u, err) < 0)
			return goes_without(u, err) ? 0 : -1;
		lane_survey(&u->lane, &r->plan);
	}
	pool_owners(r->shared.pool, 1);
	u->started = pthread_create(&u->thread, NULL, further_lane, u) == 0;
	if (!u->started)
		pool_owners(r->shared.pool, -1);
	*ret_more = u->started;
	return 0;
}

/* It connects when there is something to do. */
static int
start_helper(struct run *r, struct runner *u, struct err *err)
{
	u->run = r;
	if (lane_init(&u->lane, r->job, &r->shared, r->login, NULL, &r->lease, err) < 0)
		return -1;
	/* From here on: what is asked for before the thread runs is lent, too. */
	pool_helpers(r->shared.pool, 1);
	u->started = pthread_create(&u->thread, NULL, helping_lane, u) == 0;
	if (!u->started)
		pool_helpers(r->shared.pool, -1);
	return 0;
}

static int
start_lanes(struct run *r, struct runner *u, size_t lanes, size_t all, struct err *err)
{
	bool more = true;

	for (size_t i = 1; i < lanes && more; i++)
		if (start_lane(r, &u[i], &more, err) < 0)
			return -1;
	for (size_t i = lanes; i < all; i++)
		if (start_helper(r, &u[i], err) < 0)
			return -1;
	return 0;
}

static void
make_pool(struct run *r, size_t all)
{
	const char *dir = r->job->dest != NULL ? r->dest.spool_dir : r->job->dir;

	if (all == 1)
		return;
	r->shared.pool = pool_new(dir, r->job->stop);
	pool_owners(r->shared.pool, 1);
}

int
run_lanes(struct run *r, struct runner *first, struct err *err)
{
	size_t lanes = lanes_wanted(r, &first->lane), n = lanes + helpers_wanted(r, &first->lane, lanes);
	struct runner *u = mem_new((n + 1) * sizeof(*u));
	struct err why = { 0 };

	u[0].lane.account = first->lane.account;
	r->one_lane = n == 1;
	make_pool(r, n);
	if (start_lanes(r, u, lanes, n, &why) == 0) {
		run_lane(first, true);
	} else {
		lane_ended(r, -1, &why, true);
		pool_owners(r->shared.pool, -1);
	}
	for (size_t i = 1; i < n; i++) {
		if (u[i].started)
			pthread_join(u[i].thread, NULL);
		runner_places_out(&u[i]);
		if (u[i].run != NULL)
			lane_done(&u[i].lane);
		sess_ahead_close(&u[i].ahead);
		runner_leave_places(&u[i]);
	}
	free(u);
	pool_free(&r->shared.pool);
	if (r->err.kind == ERR_NONE)
		return 0;
	*err = r->err;
	return -1;
}
