#include "app/crowd/crowd_walk.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/cli/backoff.h"
#include "app/cli/out.h"
#include "app/job/ceilings.h"
#include "app/job/origin.h"
#include "app/run/share.h"
#include "base/clock.h"
#include "base/mem.h"

enum { ALIKE_MIN = 10, THROTTLES_MAX = 100, ELSEWHERE_MS = 1000 };

/* ---- trying again ---- */

/* When to try again; 0: never. A wait that a server asks for is not a failure. */
static int64_t
again_in_ms(struct walk *w, struct attempt *a, const struct err *why)
{
	const struct options *o = w->c->o;
	int64_t ms;

	if (why->kind == ERR_DAY)
		return w->last_pass ? 0 : why->after_ms + backoff_jittered(&w->jitter, SEC);
	if (why->kind == ERR_THROTTLED) {
		if (++a->throttled > THROTTLES_MAX)
			return 0;
		ms = backoff_jittered(&w->jitter, backoff_doubled(o->retry_delay_ms, a->throttled - 1));
		/* What is asked for is the least. */
		return why->after_ms > ms ? why->after_ms + backoff_jittered(&w->jitter, SEC) : ms;
	}
	if (!job_may_try_again(why) || ++a->failed >= o->tries)
		return 0;
	return backoff_jittered(&w->jitter, backoff_doubled(o->retry_delay_ms, a->failed - 1));
}

static void
tell_again(const struct walk *w, size_t at, const struct err *why, int64_t ms)
{
	const struct attempt *a = &w->attempt[at];
	struct event e = { .no = EV_ACCOUNT_AGAIN,
		.level = LEVEL_WARNING,
		.account = w->c->list->row[at].login };
	char span[HUMAN_MAX];

	human_span((ms + SEC - 1) / SEC, span);
	/* Our own wait, which doubles, may be the longer one. */
	if (why->kind == ERR_THROTTLED && why->after_ms > 0)
		evlog_put(w->c->run->log, &e, "%s; waiting %s, the server asked for %.1f s", why->text, span,
		    (double)why->after_ms / SEC);
	else if (why->kind == ERR_DAY)
		evlog_put(w->c->run->log, &e, "%s; goes on in %s", why->text, span);
	else if (why->kind == ERR_THROTTLED)
		evlog_put(w->c->run->log, &e, "%s; waiting %s, the server asked for it", why->text, span);
	else
		evlog_put(w->c->run->log, &e, "%s; again in %s (try %u of %u)", why->text, span,
		    a->failed + 1, w->c->o->tries);
}

/* ---- what becomes of the whole ---- */

static void
end_all(struct walk *w, const struct err *why)
{
	if (w->c->ended.kind == ERR_NONE)
		w->c->ended = *why;
	schedule_stop(w->schedule);
	/* Those at work would go on for hours. */
	if (why->kind != ERR_INTERRUPTED)
		cancel_raise(w->c->run->stop);
}

/* More than so many per cent, and not just a few of a short list. */
static void
judge_alike(struct walk *w, const struct err *why)
{
	const struct options *o = w->c->o;
	size_t n = ++w->alike[why->kind] + w->elsewhere[err_exit_code(why->kind)];
	struct event e = { .no = EV_JOB_STOPPED, .level = LEVEL_ERROR };
	struct err stop;

	if (o->keep_going || n < ALIKE_MIN || n * 100 <= w->c->list->len * o->stop_if ||
	    w->c->ended.kind != ERR_NONE)
		return;
	err_set(&stop, ERR_CONFIG,
	    "%zu of %zu accounts failed alike (%s), more than %u %%: something is wrong with all of "
	    "them, and the job stops. The last one: %s. --stop-if or --keep-going let it go on", n,
	    w->c->list->len, err_words(why->kind), o->stop_if, why->text);
	evlog_put(w->c->run->log, &e, "%s", stop.text);
	end_all(w, &stop);
}

static void
count_code(struct walk *w, int code)
{
	struct crowd *c = w->c;

	w->ended++;
	if (code == 0)
		c->complete++;
	else if (code == EXIT_WARNED)
		c->warned++;
	else
		c->failed++;
	if (code >= EXIT_BAD)
		atomic_fetch_add(&c->run->all.accounts_failed, 1);
	atomic_fetch_add(&c->run->all.accounts_done, 1);
}

static void
count_end(struct walk *w, int code, const struct err *why)
{
	count_code(w, code);
	if (failure_ends_all(why))
		end_all(w, why);
	else if (why->kind != ERR_NONE && why->kind != ERR_STOPPED && why->kind != ERR_DAY)
		judge_alike(w, why);
}

/* ---- one account ---- */

void
crowd_tell_lost(const struct walk *w, size_t at, const struct err *why)
{
	if (w->c->ops->lost)
		w->c->ops->lost(w->c->arg, at, why);
}

static void
show_waiting(const struct walk *w)
{
	struct progress_all *all = &w->c->run->all;
	struct schedule_counts c;

	schedule_counts(w->schedule, &c);
	atomic_store(&all->accounts_waiting, (unsigned)c.waiting);
	atomic_store(&all->waiting_until_ms, c.next_ms);
}

/* The state tells that it waits. until_ms 0: until the run is held no more. */
void
crowd_tell_waits(const struct walk *w, size_t at, const struct err *why, int64_t until_ms)
{
	if (w->c->ops->waits)
		w->c->ops->waits(w->c->arg, at, why, until_ms);
}

/* Paused, or outside of --hours: it goes on later, and that is no try. */
static void
put_by(struct walk *w, size_t at, const struct err *why)
{
	crowd_tell_waits(w, at, why, 0);
	schedule_again(w->schedule, at, 0);
}

/* It is through with this day, and the run does not wait for the next. */
static void
put_off(const struct walk *w, size_t at, const struct err *why)
{
	struct event e = { .no = EV_ACCOUNT_AGAIN,
		.level = LEVEL_WARNING,
		.account = w->c->list->row[at].login };

	evlog_put(w->c->run->log, &e, "%s; a later run goes on with it", why->text);
	crowd_tell_waits(w, at, why, clock_wall_ms() + why->after_ms);
}

/* One that this process does not work on any more; *counted is one more, too. */
static void
end_unworked(struct walk *w, size_t at, size_t *counted, int code, const struct err *why)
{
	size_t n;

	pthread_mutex_lock(&w->mutex);
	if (counted != NULL)
		(*counted)++;
	count_code(w, code);
	n = w->ended;
	pthread_mutex_unlock(&w->mutex);
	orders_ended(w->orders, at);
	w->c->ops->ended(w->c->arg, at, n, code, why);
	schedule_done(w->schedule, at);
}

/* ---- what other processes do ---- */

/* Nothing to do for this process: another has the account, or is through with it. */
static bool
is_elsewhere(struct walk *w, size_t at)
{
	struct err why = { 0 };
	int code = 0;

	switch (w->c->ops->take(w->c->arg, at, &code, &why)) {
	case TAKEN_NOW:
		return false;
	case TAKEN_ELSEWHERE:
		schedule_again(w->schedule, at, ELSEWHERE_MS);
		return true;
	case TAKEN_ENDED:
		break;
	}
	end_unworked(w, at, code > EXIT_BAD && code < EXITS ? &w->elsewhere[code] : NULL, code, &why);
	return true;
}

/* After a try. 0: there will be another one; else how many accounts have come to their end. */
static size_t
settle(struct walk *w, size_t at, int code, const struct err *why)
{
	int64_t ms = 0;
	size_t n;

	pthread_mutex_lock(&w->mutex);
	if (why->kind != ERR_NONE && w->c->ended.kind == ERR_NONE)
		ms = again_in_ms(w, &w->attempt[at], why);
	w->attempt[at].refused |= why->kind == ERR_LOGIN;
	if (ms == 0)
		count_end(w, code, why);
	n = w->ended;
	pthread_mutex_unlock(&w->mutex);
	if (ms == 0 && why->kind == ERR_DAY)
		put_off(w, at, why);
	if (ms == 0)
		return n;
	tell_again(w, at, why, ms);
	crowd_tell_waits(w, at, why, clock_wall_ms() + ms);
	schedule_again(w->schedule, at, ms);
	if (orders_dropped(w->orders, at))
		schedule_hurry(w->schedule, at);
	return 0;
}

/* Of those at work as many again may wait for the disk. One at a time means just that. */
static size_t
walk_threads(const struct walk *w)
{
	size_t n = w->c->o->jobs > 1 ? 2 * (size_t)w->c->o->jobs : 1;

	return n < w->c->list->len ? n : w->c->list->len;
}

static void
shares_of(struct walk *w, size_t at, struct shares *ret)
{
	const struct options *o = w->c->o;

	*ret = (struct shares){ .hosts = w->hosts,
		.n_hosts = w->item[at].n_hosts,
		.schedule = w->schedule,
		.item = at,
		.workers = (unsigned)walk_threads(w),
		.placed = true,
		.lay_aside = true,
		.again = w->attempt[at].failed + 1 < o->tries };
	memcpy(ret->host, w->item[at].host, sizeof(ret->host));
}

int
crowd_copy_one(struct walk *w, size_t at, enum seat_end *ret_end, struct err *why)
{
	struct shares shares;
	struct seat seat;
	int code;

	shares_of(w, at, &shares);
	orders_sit(w->orders, &seat, at);
	ceilings_look(w->ceilings, w->item[at].host, w->item[at].n_hosts);
	code = w->c->ops->work(w->c->arg, at, &shares, &seat, why);
	*ret_end = orders_rise(w->orders, &seat, why);
	w->attempt[at].held = *ret_end == SEAT_HELD;
	/* What failed before it came to the engine has its places still. */
	shares_leave(&shares, LOGIN_NONE);
	ceilings_look(w->ceilings, w->item[at].host, w->item[at].n_hosts);
	return *ret_end == SEAT_STOPPED ? EXIT_BAD : code;
}

static void
leave_places(struct walk *w, size_t at)
{
	struct shares shares;

	shares_of(w, at, &shares);
	shares_leave(&shares, LOGIN_NONE);
}

/* In the pass that ends a watch: a login is refused once (rules.md 5). */
static int
refused_before(struct walk *w, size_t at, struct err *why)
{
	leave_places(w, at);
	(void)err_set(why, ERR_LOGIN, "not tried again, since its login was refused in this run");
	return err_exit_code(ERR_LOGIN);
}

static void
work_on(struct walk *w, size_t at)
{
	enum seat_end end = SEAT_KEPT;
	struct err why = { 0 };
	int code = w->attempt[at].refused ? refused_before(w, at, &why) : crowd_copy_one(w, at, &end, &why);

	if (end == SEAT_HELD) {
		put_by(w, at, &why);
		return;
	}
	if (why.kind == ERR_TAKEN) {
		schedule_again(w->schedule, at, ELSEWHERE_MS);
		return;
	}

	size_t n = settle(w, at, code, &why);

	if (n == 0)
		return;
	orders_ended(w->orders, at);
	w->c->ops->ended(w->c->arg, at, n, code, &why);
	schedule_done(w->schedule, at);
}

static void
leave_out(struct walk *w, size_t at)
{
	const int code = err_exit_code(ERR_LOGIN);
	struct err why;

	(void)err_set(&why, ERR_LOGIN,
	    "not tried, since %s refused %d logins in a row; going on could lock its users out",
	    hosts_name(w->hosts, w->item[at].host[0]), HOST_REFUSALS_MAX);
	w->attempt[at].held = false;
	/* What the server said to it itself is known. */
	if (!w->attempt[at].refused)
		crowd_tell_lost(w, at, &why);
	end_unworked(w, at, &w->c->untried, code, &why);
}

/* The same of one that has its places. */
static bool
is_elsewhere_placed(struct walk *w, size_t at)
{
	if (!is_elsewhere(w, at))
		return false;
	leave_places(w, at);
	return true;
}

static void *
worker(void *arg)
{
	struct walk *w = arg;
	enum schedule_next next;
	size_t at;

	while ((next = schedule_next(w->schedule, &at)) != SCHEDULE_END) {
		bool shared = share_on(w->share);

		show_waiting(w);
		if (shared && next == SCHEDULE_TAKE && is_elsewhere_placed(w, at))
			;
		else if (next == SCHEDULE_TAKE)
			work_on(w, at);
		else if (!shared || !is_elsewhere(w, at))
			leave_out(w, at);
		show_waiting(w);
	}
	return NULL;
}

/* ---- all of them ---- */

bool
crowd_host_name(const char *host, const char *port, char name[CROWD_HOST_MAX])
{
	int n = snprintf(name, CROWD_HOST_MAX, "%s:%s", host, port);

	for (char *p = name; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return n > 0 && n < CROWD_HOST_MAX;
}

bool
crowd_host_of_row(const struct options *o, const struct user_row *row, char name[CROWD_HOST_MAX])
{
	const char *host = row->server, *port = row->port;
	struct arena a;

	arena_init(&a, 64 * 1024);
	origin_place(o, true, &a, &host, &port);
	bool ok = crowd_host_name(host, port, name);
	arena_done(&a);
	return ok;
}

bool
crowd_host_of_url(const char *url, char name[CROWD_HOST_MAX])
{
	struct imap_url u;
	struct err ignored;
	struct arena a;

	arena_init(&a, 64 * 1024);
	bool ok = url != NULL && imap_url_parse(url, &a, &u, &ignored) == 0 &&
		  crowd_host_name(u.host, u.port, name);
	arena_done(&a);
	return ok;
}

static void
walk_item(struct walk *w, struct schedule_item *ret, size_t at)
{
	const struct crowd *c = w->c;
	const struct user_row *row = &c->list->row[at];
	char name[CROWD_HOST_MAX];

	w->name[at] = (struct order_name){ row->login, row->server, row->port };
	ret->rank = c->ops->rank ? c->ops->rank(c->arg, at) : 0;
	for (size_t end = 0; end < HOST_ENDS; end++) {
		if (c->ops->host(c->arg, at, end, name))
			ret->host[ret->n_hosts++] = hosts_find(w->hosts, name);
	}
}

void
crowd_schedule(struct walk *w)
{
	w->schedule = schedule_new(w->item, w->c->list->len, (enum schedule_order)w->c->o->order,
	    w->c->o->jobs, w->hosts, w->c->run->stop);
	orders_schedule(w->orders, w->schedule);
}

static void
walk_init(struct walk *w, struct crowd *c)
{
	size_t n = c->list->len;

	/* The list itself is no account at work. */
	progress_leave(&c->run->all, &c->run->progress);
	*w = (struct walk){ .c = c };
	pthread_mutex_init(&w->mutex, NULL);
	w->jitter = (uint64_t)clock_wall_ms();
	w->hosts = hosts_new(c->o->per_host);
	w->name = mem_new((n + 1) * sizeof(*w->name));
	w->item = mem_new((n + 1) * sizeof(*w->item));
	w->attempt = mem_new((n + 1) * sizeof(*w->attempt));
	for (size_t i = 0; i < n; i++)
		walk_item(w, &w->item[i], i);
	w->ceilings = ceilings_begin(w->hosts, c->run->state);
	w->orders = orders_new(c->o, w->name, n, c->run->stop, &c->run->all);
	crowd_schedule(w);
	atomic_store(&c->run->all.accounts_total, n > 1 ? (unsigned)n : 0);
}

static void
walk_done(struct walk *w)
{
	share_free(&w->share);
	orders_free(&w->orders);
	schedule_free(w->schedule);
	ceilings_end(&w->ceilings);
	hosts_free(w->hosts);
	free(w->name);
	free(w->item);
	free(w->attempt);
	pthread_mutex_destroy(&w->mutex);
}

void
crowd_workers(struct walk *w)
{
	size_t n = walk_threads(w), started = 1;
	pthread_t *thread = mem_new((n + 1) * sizeof(*thread));

	/* One is this thread: a process that may start no other goes on. */
	while (started < n && pthread_create(&thread[started], NULL, worker, w) == 0)
		started++;
	(void)worker(w);
	for (size_t i = 1; i < started; i++)
		pthread_join(thread[i], NULL);
	free(thread);
}

/* ---- all of it ---- */

static bool
walk_over(const struct walk *w)
{
	return w->c->ended.kind != ERR_NONE || cancel_raised(w->c->run->stop);
}

static int
walk_all(void *arg, struct err *err)
{
	struct walk *w = arg;

	if (w->c->sharing == CROWD_JOINED && share_wait(w->share, err) < 0)
		return -1;
	crowd_workers(w);
	if (w->c->o->watch && w->c->ops->source != NULL && !walk_over(w))
		crowd_watch(w);
	if (w->last == NULL || walk_over(w))
		return 0;
	return w->last(w->c->arg, err);
}

/* Nobody goes on with what was held when the run ended. */
static void
walk_end_held(const struct walk *w)
{
	struct err why;

	(void)err_set(&why, ERR_INTERRUPTED, "interrupted while the run was held");
	for (size_t i = 0; i < w->c->list->len; i++)
		if (w->attempt[i].held)
			crowd_tell_lost(w, i, &why);
}

static void
walk_tick(void *arg)
{
	struct walk *w = arg;

	orders_tick(w->orders);
	share_tick(w->share);
}

/* A directory that cannot be listened in has failed before. */
static void
walk_listen(struct walk *w)
{
	struct run *r = w->c->run;
	struct event e = { .no = EV_ORDER, .level = LEVEL_WARNING };
	struct err err;

	if (w->c->sharing != CROWD_ALONE)
		w->share =
		    share_new(r, w->c->dir, w->hosts, w->orders, w->c->sharing == CROWD_JOINED);
	else if (w->c->dir && orders_listen(w->orders, w->c->dir, r->state, r->log, &err) < 0)
		evlog_put(r->log, &e, "imex job cannot change this run: %s", err.text);
	control_set_tick(r->control, walk_tick, w);
}

void
crowd_run(struct crowd *c, int (*last)(void *arg, struct err *err))
{
	struct walk w;
	struct err why;

	walk_init(&w, c);
	w.last = last;
	walk_listen(&w);
	if (control_run(c->run->control, walk_all, &w, &why) < 0 && c->ended.kind == ERR_NONE)
		c->ended = why;
	if (c->ended.kind == ERR_NONE && cancel_raised(c->run->stop))
		(void)err_set(&c->ended, ERR_INTERRUPTED, "interrupted");
	run_quiet(c->run);
	walk_end_held(&w);
	c->untried += c->list->len - w.ended;
	c->failed += c->list->len - w.ended;
	walk_done(&w);
}

int
crowd_code(const struct crowd *c)
{
	if (c->failed > 0 || c->ended.kind != ERR_NONE)
		return EXIT_BAD;
	return c->warned > 0 ? EXIT_WARNED : 0;
}
