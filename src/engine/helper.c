/* A lane without a folder of its own brings bodies to those that have one (pool.h). It asks in windows alone,
 * in the form that is known to work: nothing that needs a ladder, leaves a trace, or gives a verdict. Whatever
 * ends it, what it has not brought is free for others. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/answer.h"
#include "engine/run.h"

enum {
	LOSSES_MAX = 3, /* connections in a row that brought nothing */
	LOSS_WAIT_MS = 200
};

struct helper {
	struct runner *u;
	struct pool *pool;
	struct digest *digest;
	struct portion *at[PORTIONS_AHEAD]; /* in the order of asking */
	size_t n;
	uint64_t visited; /* board whose folder is open; 0: none */
	unsigned losses;
};

static struct part *
find_part(const struct helper *h, uint32_t uid, struct portion **ret)
{
	for (size_t k = 0; k < h->n; k++) {
		struct portion *o = h->at[k];
		size_t lo = 0, hi = o->n;

		while (lo < hi) {
			size_t mid = lo + (hi - lo) / 2;

			if (o->part[mid].want.uid < uid)
				lo = mid + 1;
			else
				hi = mid;
		}
		if (lo < o->n && o->part[lo].want.uid == uid && o->part[lo].end == PART_OPEN) {
			*ret = o;
			return &o->part[lo];
		}
	}
	return NULL;
}

/* One body into the spool. One that is not to be used stays open. */
static int
bring(struct helper *h, uint32_t uid, struct err *err)
{
	struct lane *l = &h->u->lane;
	struct portion *o = NULL;
	struct part *part = find_part(h, uid, &o);
	uint64_t at = part != NULL ? spool_len(o->spool) : 0, len = 0;

	digest_start(h->digest);
	for (;;) {
		struct slice piece;

		if (l->source_ops->read(l->source, &piece, err) < 0) {
			if (err->kind != ERR_MESSAGE)
				return -1;
			*err = (struct err){ 0 };
			return 0;
		}
		if (piece.len == 0)
			break;
		if (part == NULL)
			continue;
		digest_add(h->digest, piece.data, piece.len);
		if (spool_add(o->spool, piece, err) < 0)
			return -1;
		len += piece.len;
		lane_keep_rate(l, piece.len);
	}
	if (part == NULL)
		return 0;
	digest_end(h->digest, part->sha256);
	part->at = at;
	part->len = len;
	part->end = PART_BROUGHT;
	h->losses = 0;
	return 0;
}

static void
give_back(struct helper *h)
{
	for (size_t i = 0; i < h->n; i++)
		pool_return(h->pool, &h->at[i]);
	h->n = 0;
	/* Answers may be under way. */
	h->visited = 0;
}

static int
ask_portion(struct helper *h, struct portion *o, struct err *err)
{
	struct lane *l = &h->u->lane;
	struct want *want = mem_resize(NULL, o->n, sizeof(*want));
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < o->n; i++)
		if (o->part[i].end == PART_OPEN)
			want[n++] = o->part[i].want;
	rc = l->source_ops->ask(l->source, want, n, err);
	free(want);
	return rc;
}

static int
borrow(struct helper *h, const struct errand *e, struct err *err)
{
	while (h->n < PORTIONS_AHEAD && (h->at[h->n] = pool_borrow(h->pool, e)) != NULL)
		if (ask_portion(h, h->at[h->n++], err) < 0)
			return -1;
	return 0;
}

/* All of it was asked for: its owner sees to what did not come. */
static void
first_ended(struct helper *h)
{
	struct portion *o = h->at[0];

	for (size_t i = 0; i < o->n; i++)
		if (o->part[i].end == PART_OPEN)
			o->part[i].end = PART_LEFT;
	pool_return(h->pool, &o);
	h->n--;
	memmove(&h->at[0], &h->at[1], h->n * sizeof(h->at[0]));
}

static int
take_one(struct helper *h, struct err *err)
{
	struct lane *l = &h->u->lane;
	struct offer o;

	switch (answer_next(l->source_ops, l->source, l->job->stop, &o, err)) {
	case STEP_ERR:
		return -1;
	case STEP_OWE:
		return err_set(err, ERR_FOLDER, "only forms that set \\Seen are left");
	case STEP_END:
		first_ended(h);
		return 0;
	case STEP_ITEM:
		break;
	}
	return o.verdict == VERDICT_NONE ? bring(h, o.uid, err) : 0;
}

/* As long as the board has something. */
static int
run_errand(struct helper *h, const struct errand *e, struct err *err)
{
	struct lane *l = &h->u->lane;

	l->plan = e->plan;
	if (h->visited != e->board &&
	    l->source_ops->visit(l->source, &e->plan->folder, e->uidvalidity, err) < 0)
		return -1;
	h->visited = e->board;
	for (;;) {
		if (borrow(h, e, err) < 0)
			return -1;
		if (h->n == 0)
			return lane_tell(l, err);
		if (take_one(h, err) < 0)
			return -1;
		if (h->n > 0 && !pool_wants(h->pool, h->at[0])) {
			give_back(h);
			return lane_tell(l, err);
		}
	}
}

/* A place that is free now, as for any further connection. */
static int
connect_helper(struct helper *h, struct err *err)
{
	struct runner *u = h->u;
	const struct shares *s = u->run->job->shares;

	if (u->lane.source != NULL)
		return 0;
	if (s != NULL && !u->placed && !hosts_try(s->hosts, s->host, s->n_hosts))
		return err_set(err, ERR_THROTTLED, "there is no place for a further connection");
	u->placed = s != NULL;
	h->visited = 0;
	if (runner_further_begin(u, err) < 0)
		return -1;

	int rc = runner_connect(u, err);

	runner_further_end(u, rc, err);
	return rc;
}

/* The message at which the connection ended is its owner's, who knows what to do when that goes on. */
static void
leave_last(struct helper *h)
{
	struct lane *l = &h->u->lane;
	uint32_t uid = l->source != NULL ? l->source_ops->reading(l->source) : 0;
	struct portion *o;
	struct part *part = uid != 0 ? find_part(h, uid, &o) : NULL;

	if (part != NULL)
		part->end = PART_LEFT;
}

/* The connection, or the helping, has ended by *why. 0: go on; 1: no more help; -1: neither can the
 * account go on. */
static int
ended(struct helper *h, const struct err *why, struct err *err)
{
	struct runner *u = h->u;
	struct lane *l = &u->lane;
	struct event e = { .no = EV_DISCONNECTED, .level = LEVEL_INFO, .account = l->account };
	struct err stop;

	leave_last(h);
	give_back(h);
	if (lane_tell(l, err) < 0)
		return -1;
	runner_places_out(u);
	l->source_ops->close(&l->source);
	/* A connection to the destination that is alive keeps its place there, and so both. */
	if (l->sink == NULL || lane_sink_broken(l))
		runner_leave_places(u);
	if (why->kind == ERR_INTERRUPTED)
		return 1;
	if (why->kind == ERR_DISK || why->kind == ERR_FULL || why->kind == ERR_STATE) {
		*err = *why;
		return -1;
	}
	bool again = why->scope == SCOPE_SESSION && why->kind != ERR_THROTTLED && ++h->losses < LOSSES_MAX;

	evlog_put(u->run->job->log, &e, "%s; other connections bring what this one was asked for%s",
	    why->text, again ? "" : ", it is not opened again");
	return again && cancel_sleep(l->job->stop, (int64_t)LOSS_WAIT_MS << h->losses, &stop) == 0 ? 0 : 1;
}

int
runner_help(struct runner *u, struct err *err)
{
	struct helper h = { .u = u, .pool = u->run->shared.pool };
	struct errand e;
	int rc = 0;

	if (h.pool == NULL)
		return 0;
	h.digest = digest_new();
	while (rc == 0 && pool_wait(h.pool, &e)) {
		struct err why = { 0 };

		if (connect_helper(&h, &why) < 0 || run_errand(&h, &e, &why) < 0)
			rc = ended(&h, &why, err);
	}
	give_back(&h);
	pool_helpers(h.pool, -1);
	digest_free(h.digest);
	return rc < 0 ? -1 : 0;
}
