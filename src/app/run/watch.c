#include "app/run/watch.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/cli/hours.h"
#include "app/cli/out.h"
#include "app/run/guard.h"
#include "base/clock.h"
#include "base/mem.h"

enum { TICK_MS = SEC };

/* ---- those that stay ---- */

/* Nothing is waited for when the seat is raised. */
static void
guard_sleep(const struct guard *g, int64_t ms)
{
	struct err ended;

	(void)!cancel_sleep(g->seat.stop, ms, &ended);
}

static bool
guard_stay(struct post *p, struct guard *g)
{
	bool stay = p->w->o->watch_idle > 0, again;
	struct err why = { 0 };
	int64_t ms;

	if (!guard_turn(p, g, &stay, &again, &ms))
		return false;
	if (g->session == NULL) {
		guard_sleep(g, again ? 0 : ms);
		return true;
	}
	guard_sleep(g, guard_alarm_delay(p, g));
	if (again)
		return true;
	guard_make_room(p, g);
	if (g->session == NULL || guard_listen(p, g, &why))
		return true;
	if (!guard_failed(p, g, &why, &ms))
		return false;
	guard_sleep(g, ms);
	return true;
}

struct stay {
	struct post *post;
	struct guard *guard;
	pthread_t thread;
};

static void *
stay_thread(void *arg)
{
	struct stay *s = arg;

	guard_begin(s->post, s->guard);
	while (guard_sit(s->post, s->guard) && guard_stay(s->post, s->guard))
		;
	guard_end(s->post, s->guard);
	return NULL;
}

/* ---- those that are polled ---- */

/* The places that the schedule took: the turn takes what it needs. */
static void
give_back_places(struct post *p, const struct guard *g)
{
	const struct schedule_item *i = &p->w->item[g->at];

	for (size_t k = 0; k < i->n_hosts; k++)
		(void)hosts_login(p->w->hosts, i->host[k], LOGIN_NONE);
	hosts_leave(p->w->hosts, i->host, i->n_hosts);
}

static bool
poll_turn(struct post *p, struct guard *g, int64_t *ret_ms)
{
	bool stay = false, again, goes_on;

	guard_begin(p, g);
	/* Its next look is at its time, or when it is to end. */
	if (orders_hold_account(p->w->orders, g->at)) {
		*ret_ms = p->w->o->watch_poll_ms;
		return true;
	}
	goes_on = guard_sit(p, g) && guard_turn(p, g, &stay, &again, ret_ms);
	if (goes_on)
		guard_rise(p, g);
	/* Thousands of them have neither connection nor password in memory. */
	if (goes_on && g->job != NULL) {
		p->w->ops->done(p->w->arg, g->at);
		g->job = NULL;
	}
	return goes_on;
}

static void *
poll_thread(void *arg)
{
	struct post *p = arg;
	enum schedule_next next;
	int64_t ms = 0;
	size_t i;

	while ((next = schedule_next(p->polled, &i)) != SCHEDULE_END) {
		struct guard *g = &p->guard[p->n_stay + i];

		if (next == SCHEDULE_TAKE)
			give_back_places(p, g);
		if (poll_turn(p, g, &ms)) {
			schedule_again(p->polled, i, ms);
			if (orders_dropped(p->w->orders, g->at))
				schedule_hurry(p->polled, i);
			continue;
		}
		guard_end(p, g);
		schedule_done(p->polled, i);
	}
	return NULL;
}

/* One that is to end takes its turn now. */
static bool
polled_hurry(void *arg, size_t at)
{
	struct post *p = arg;

	for (size_t i = p->n_stay; i < p->n_guards; i++) {
		if (p->guard[i].at != at)
			continue;
		schedule_hurry(p->polled, i - p->n_stay);
		return true;
	}
	return false;
}

static void
polled_new(struct post *p)
{
	size_t n = p->n_guards - p->n_stay;
	struct schedule_item *item = mem_new((n + 1) * sizeof(*item));

	for (size_t i = 0; i < n; i++)
		item[i] = p->w->item[p->guard[p->n_stay + i].at];
	p->polled = schedule_new(item, n, SCHEDULE_LIST, n, p->w->hosts, p->end);
	orders_drops(p->w->orders, polled_hurry, p);
	free(item);
}

/* ---- all of them ---- */

static void
post_init(struct post *p, struct watch *w)
{
	*p = (struct post){ .w = w, .end = cancel_new_below(w->run->stop), .seed = (uint64_t)clock_wall_ms() };
	pthread_mutex_init(&p->mutex, NULL);
	pthread_cond_init(&p->changed, NULL);
	cancel_watch(p->end, &p->mutex, &p->changed);
	p->guard = mem_new((w->n + 1) * sizeof(*p->guard));
	for (size_t i = 0; i < w->n; i++) {
		int64_t account = w->ops->account(w->arg, i);

		if (account != 0)
			p->guard[p->n_guards++] = (struct guard){ .at = i, .account = account };
	}
	p->watched = p->n_guards;
	/* One that is alone has its thread, whether it stays connected or not. */
	p->n_stay = w->hosts == NULL || p->n_guards < w->o->watch_idle ? p->n_guards : w->o->watch_idle;
}

static void
post_done(struct post *p)
{
	orders_drops(p->w->orders, NULL, NULL);
	for (size_t i = 0; i < p->n_guards; i++) {
		if (p->guard[i].lag.now) {
			p->guard[i].lag.now = false;
			guard_keep(p, &p->guard[i]);
		}
		free(p->guard[i].sample);
	}
	free(p->guard);
	schedule_free(p->polled);
	cancel_unwatch(p->end, &p->changed);
	cancel_free(p->end);
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->mutex);
}

static void
post_say(const struct post *p)
{
	const struct run *r = p->w->run;
	struct event e = { .no = EV_WATCH_BEGINS, .level = LEVEL_INFO };
	char line[300], until[ISO_MAX], span[HUMAN_MAX];
	int64_t until_s = p->w->o->until.given ? when_next(&p->w->o->until, clock_wall_ms() / SEC) : 0;

	clock_iso(until_s * SEC, until);
	human_span(p->w->o->watch_poll_ms / SEC, span);
	snprintf(line, sizeof(line),
	    "watching %zu account%s (%zu by a connection of its own, %zu looked at every %s)%s%s",
	    p->n_guards, p->n_guards == 1 ? "" : "s", p->w->o->watch_idle > 0 ? p->n_stay : 0,
	    p->n_guards - (p->w->o->watch_idle > 0 ? p->n_stay : 0), span,
	    until_s > 0 ? " until " : "", until_s > 0 ? until : "");
	evlog_put(r->log, &e, "%s", line);
	if (p->w->o->quiet)
		return;
	screen_hide(r->screen);
	fprintf(stderr, "imex: %s; Ctrl-C ends this with a last pass over all accounts\n", line);
	screen_show(r->screen);
}

/* Nothing may be contacted now, but for accounts that are to end anyway. */
static bool
post_held(const struct post *p)
{
	for (size_t i = 0; i < p->w->n; i++)
		if (orders_hold_account(p->w->orders, i))
			return true;
	return false;
}

/* What forbids a last pass is told by what it makes of the run. */
static void
post_say_end(const struct post *p, bool in_time)
{
	struct event e = { .no = EV_WATCH_ENDS, .level = LEVEL_INFO };
	const char *why = in_time ? ", as --until says" : "";

	if (p->w->ended.kind != ERR_NONE || cancel_raised(p->w->run->stop)) {
		evlog_put(p->w->run->log, &e, "the watch ends%s", why);
		return;
	}
	evlog_put(p->w->run->log, &e, "the watch ends%s; a last pass over all accounts follows", why);
	if (p->w->o->quiet)
		return;
	screen_hide(p->w->run->screen);
	fprintf(stderr, "imex: the watch ends%s; a last pass over all accounts follows; Ctrl-C interrupts it\n", why);
	screen_show(p->w->run->screen);
}

/* Also by a signal, or by what ends all. */
static void
post_end_held(struct post *p)
{
	struct watch *w = p->w;
	bool held = post_held(p);

	pthread_mutex_lock(&p->mutex);
	if (w->ended.kind == ERR_NONE && !cancel_raised(w->run->stop) && held)
		(void)err_set(&w->ended, ERR_INTERRUPTED,
		    "the watch has ended while the run was held (paused, or outside of --hours), so without a last "
		    "pass: what nobody copied yet the same command copies later");
	pthread_mutex_unlock(&p->mutex);
}

/* The wall clock may be set: so it is asked again and again. */
static void
post_wait(struct post *p)
{
	const struct when *until = &p->w->o->until;
	int64_t until_s = until->given ? when_next(until, clock_wall_ms() / SEC) : INT64_MAX;
	struct err ended;
	bool in_time = false;

	while (!in_time && cancel_sleep(p->end, TICK_MS, &ended) == 0)
		in_time = clock_wall_ms() / SEC >= until_s;
	post_end_held(p);
	post_say_end(p, in_time);
	cancel_raise(p->end);
}

static void
post_no_thread(struct post *p)
{
	struct err why;

	(void)err_set(&why, ERR_CONFIG, "cannot start the threads that watch; --watch-idle takes fewer");
	post_end(p, &why);
}

static void
post_threads(struct post *p)
{
	size_t n_polled = p->n_guards - p->n_stay, polls = 0, stays = 0;
	struct stay *stay = mem_new((p->n_stay + 1) * sizeof(*stay));
	pthread_t *poll = mem_new((p->w->o->jobs + 1) * sizeof(*poll));

	for (; stays < p->n_stay; stays++) {
		stay[stays] = (struct stay){ .post = p, .guard = &p->guard[stays] };
		if (pthread_create(&stay[stays].thread, NULL, stay_thread, &stay[stays]) != 0)
			break;
	}
	if (n_polled > 0)
		polled_new(p);
	while (polls < p->w->o->jobs && polls < n_polled &&
	       pthread_create(&poll[polls], NULL, poll_thread, p) == 0)
		polls++;
	if (stays < p->n_stay || (n_polled > 0 && polls == 0))
		post_no_thread(p);
	post_wait(p);
	for (size_t i = 0; i < stays; i++)
		pthread_join(stay[i].thread, NULL);
	for (size_t i = 0; i < polls; i++)
		pthread_join(poll[i], NULL);
	free(stay);
	free(poll);
}

void
watch_run(struct watch *w)
{
	struct post p;

	post_init(&p, w);
	if (p.n_guards > 0) {
		control_soften(w->run->control, p.end);
		post_say(&p);
		post_threads(&p);
		control_soften(w->run->control, NULL);
	}
	if (w->ended.kind == ERR_NONE && cancel_raised(w->run->stop))
		(void)err_set(&w->ended, ERR_INTERRUPTED, "interrupted");
	post_done(&p);
}

/* The last pass is to be within the hours, too. */
static int
watch_fit_until(const struct options *o, struct err *err)
{
	int64_t now_s = clock_wall_ms() / SEC, until_s = when_next(&o->until, now_s);
	struct hours hours = { 0 };

	if (until_s <= now_s)
		return err_set(err, ERR_USAGE, "--until names a time that is over");
	if (o->hours != NULL && hours_parse(o->hours, &hours) && !hours_open(&hours, until_s * SEC))
		return err_set(err, ERR_USAGE,
		    "--until names a time outside of --hours %s: then there could be no last pass; one "
		    "before their end is needed",
		    o->hours);
	return 0;
}

int
watch_fit(const struct options *o, struct err *err)
{
	if (!o->watch)
		return o->until.given && option_said(o, &o->until)
			   ? err_set(err, ERR_USAGE, "--until ends a watch: it needs --watch")
			   : 0;
	if (o->command->bit == CMD_EXTRACT && o->format == FORMAT_EXCHANGE)
		return err_set(err, ERR_USAGE,
		    "--watch does not go with --format exchange, whose set is closed at the end of a run");
	return o->until.given ? watch_fit_until(o, err) : 0;
}
