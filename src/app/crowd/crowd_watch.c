/* The accounts of a crowd while they are watched (watch.h), and the pass that follows. */
#include <stdlib.h>
#include <string.h>

#include "app/crowd/crowd_walk.h"
#include "app/run/watch.h"
#include "base/mem.h"

static int64_t
walk_account(void *arg, size_t at)
{
	const struct walk *w = arg;

	return w->attempt[at].refused ? 0 : w->c->ops->account(w->c->arg, at);
}

static const char *
walk_login(void *arg, size_t at)
{
	const struct walk *w = arg;

	return w->c->list->row[at].login;
}

static int
walk_source(void *arg, size_t at, const struct job **ret, struct err *err)
{
	const struct walk *w = arg;

	return w->c->ops->source(w->c->arg, at, ret, err);
}

static void
walk_source_done(void *arg, size_t at)
{
	const struct walk *w = arg;

	w->c->ops->done(w->c->arg, at);
}

/* One that is held is gone on with by a later pass. */
static int
walk_pass(void *arg, size_t at, struct cancel *stop, uint64_t *ret_came, struct err *err)
{
	struct walk *w = arg;
	const struct schedule_item *i = &w->item[at];
	struct err why = { 0 };
	enum seat_end end;

	if (hosts_enter(w->hosts, i->host, i->n_hosts, stop, err) < 0)
		return -1;
	(void)crowd_copy_one(w, at, &end, &why);
	*ret_came += w->c->ops->came(w->c->arg, at);
	if (end == SEAT_HELD)
		crowd_tell_waits(w, at, &why, 0);
	if (why.kind == ERR_NONE)
		return 0;
	*err = why;
	return -1;
}

static void
walk_waits(void *arg, size_t at, const struct err *why, int64_t until_ms)
{
	crowd_tell_waits(arg, at, why, until_ms);
}

static void
walk_lost(void *arg, size_t at, const struct err *why)
{
	struct walk *w = arg;

	w->attempt[at].refused |= why->kind == ERR_LOGIN;
	crowd_tell_lost(w, at, why);
}

/* Nothing of what the accounts have come to counts any more. */
static void
walk_again(struct walk *w)
{
	struct crowd *c = w->c;
	bool *which = mem_new(c->list->len + 1);

	crowd_schedule(w);
	for (size_t i = 0; i < c->list->len; i++) {
		which[i] = !w->attempt[i].refused;
		w->attempt[i] = (struct attempt){ .refused = w->attempt[i].refused };
	}
	memset(w->alike, 0, sizeof(w->alike));
	w->ended = c->complete = c->warned = c->failed = c->untried = 0;
	atomic_store(&c->run->all.accounts_done, 0);
	atomic_store(&c->run->all.accounts_failed, 0);
	c->ops->again(c->arg, which);
	free(which);
}

void
crowd_watch(struct walk *w)
{
	static const struct watch_ops ops = { .account = walk_account, .login = walk_login, .source = walk_source,
		.done = walk_source_done, .pass = walk_pass, .waits = walk_waits,
		.lost = walk_lost };
	struct watch watch = { .ops = &ops, .arg = w, .o = w->c->o, .run = w->c->run,
		.orders = w->orders, .n = w->c->list->len, .hosts = w->hosts, .item = w->item };

	/* The hosts tell one schedule of their places. */
	orders_schedule(w->orders, NULL);
	schedule_free(w->schedule);
	w->schedule = NULL;
	orders_again(w->orders);
	watch_run(&watch);
	if (watch.ended.kind != ERR_NONE) {
		w->c->ended = watch.ended;
		return;
	}
	walk_again(w);
	w->last_pass = true;
	crowd_workers(w);
}
