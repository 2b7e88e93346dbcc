#include "app/run/guard.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/cli/backoff.h"
#include "base/clock.h"
#include "base/mem.h"

enum { SAMPLES_MAX = 1024, KEEP_MS = 60 * SEC, HELD_LOOK_MS = 500 };

/* ---- what is told and kept ---- */

static int
by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int64_t
median_of(const int64_t *sample, size_t n)
{
	int64_t sorted[SAMPLES_MAX];

	memcpy(sorted, sample, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_size);
	return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static void
lag_add(struct guard *g, int64_t ms)
{
	struct watched *l = &g->lag;

	if (g->sample == NULL)
		g->sample = mem_resize(NULL, SAMPLES_MAX, sizeof(*g->sample));
	g->sample[l->rounds % SAMPLES_MAX] = ms;
	l->rounds++;
	if (ms > l->longest_ms)
		l->longest_ms = ms;
	l->median_ms = median_of(g->sample, l->rounds < SAMPLES_MAX ? (size_t)l->rounds : SAMPLES_MAX);
}

/* What cannot be kept is no reason to end a watch. */
void
guard_keep(const struct post *p, struct guard *g)
{
	struct err ignored;

	g->kept_ms = clock_mono_ms();
	(void)!watched_keep(p->w->run->state, g->account, &g->lag, &ignored);
}

static void PRINTF_LIKE(5, 6)
guard_event(const struct post *p, const struct guard *g, enum event_no no, enum event_level level,
    const char *fmt, ...)
{
	struct event e = { .no = no, .level = level, .account = p->w->ops->login(p->w->arg, g->at) };
	char text[ERR_TEXT_MAX + 200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	evlog_put(p->w->run->log, &e, "%s", text);
}

/* ---- the connection ---- */

static const unsigned *
guard_host(const struct post *p, const struct guard *g)
{
	return p->w->hosts != NULL ? &p->w->item[g->at].host[0] : NULL;
}

static void
guard_leave_place(struct post *p, struct guard *g)
{
	if (g->placed)
		hosts_leave(p->w->hosts, guard_host(p, g), 1);
	g->placed = false;
}

static void
guard_close(struct post *p, struct guard *g)
{
	if (g->placed)
		hosts_out(p->w->hosts, *guard_host(p, g));
	watching_close(&g->session);
	guard_leave_place(p, g);
}

/* *io_stay becomes false when there is no place for a connection that stays: then it only looks. */
static int
guard_take_place(struct post *p, struct guard *g, bool *io_stay, struct err *err)
{
	const unsigned *host = guard_host(p, g);

	if (host == NULL)
		return 0;
	if (hosts_closed(p->w->hosts, *host))
		return err_set(err, ERR_LOGIN, "%s refuses logins", hosts_name(p->w->hosts, *host));
	*io_stay = *io_stay && hosts_try_stay(p->w->hosts, *host);
	if (!*io_stay && hosts_enter(p->w->hosts, host, 1, g->seat.stop, err) < 0)
		return -1;
	g->placed = true;
	return 0;
}

static void
guard_tell_login(struct post *p, struct guard *g, int64_t began_ms, int rc, const struct err *why)
{
	const unsigned *host = guard_host(p, g);
	bool refused = rc < 0 && why->kind == ERR_LOGIN;
	struct refusal refusal;
	unsigned now;

	if (host == NULL)
		return;
	if (hosts_login(p->w->hosts, *host, rc == 0 ? LOGIN_TAKEN : refused ? LOGIN_REFUSED : LOGIN_NONE))
		guard_event(p, g, EV_HOST_CLOSED, LEVEL_ERROR,
		    "%s refused the logins of %d accounts in a row: its other accounts are not tried, as "
		    "going on could lock its users out",
		    hosts_name(p->w->hosts, *host), HOST_REFUSALS_MAX);
	if (rc < 0 && refusal_of(why, g->at, began_ms, &refusal))
		(void)hosts_refused(p->w->hosts, *host, &refusal, &now);
}

static int
guard_open(struct post *p, struct guard *g, bool *io_stay, struct err *err)
{
	int rc;

	if (g->session != NULL)
		return 0;
	if (g->job == NULL && p->w->ops->source(p->w->arg, g->at, &g->job, err) < 0)
		return -1;
	if (guard_take_place(p, g, io_stay, err) < 0)
		return -1;

	int64_t began_ms = clock_mono_ms();

	rc = watching_open(&g->session, g->job, *io_stay, g->seat.stop, err);
	guard_tell_login(p, g, began_ms, rc, err);
	if (rc < 0)
		guard_leave_place(p, g);
	return rc;
}

/* ---- the pass ---- */

static int
pass_begin(struct post *p, struct guard *g, struct err *err)
{
	bool over;

	cancel_watch(g->seat.stop, &p->mutex, &p->changed);
	pthread_mutex_lock(&p->mutex);
	while (p->passes >= p->w->o->jobs && !cancel_raised(g->seat.stop))
		pthread_cond_wait(&p->changed, &p->mutex);
	over = cancel_raised(g->seat.stop);
	p->passes += !over;
	pthread_mutex_unlock(&p->mutex);
	cancel_unwatch(g->seat.stop, &p->changed);
	/* A later pass will do it, at the latest the last one of all. */
	return over ? err_set(err, ERR_INTERRUPTED, "interrupted") : 0;
}

static void
pass_end(struct post *p)
{
	pthread_mutex_lock(&p->mutex);
	p->passes--;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->mutex);
}

static void
guard_stored(struct post *p, struct guard *g, uint64_t came)
{
	int64_t lag_ms = clock_mono_ms() - g->told_ms;

	if (came == 0 || !g->caught_up)
		return;
	g->lag.came += came;
	lag_add(g, lag_ms);
	guard_event(p, g, EV_WATCH_COPIED, LEVEL_INFO, "%llu message%s stored %.1f s after the server told of it",
	    (unsigned long long)came, came == 1 ? "" : "s", (double)lag_ms / SEC);
}

/* A connection that idles gives its place away where there is no other. */
static int
guard_pass(struct post *p, struct guard *g, int64_t looked_ms, uint64_t *ret_came, struct err *err)
{
	const unsigned *host = guard_host(p, g);
	int rc;

	*ret_came = 0;
	if (host != NULL && g->placed && hosts_full(p->w->hosts, *host, p->w->item[g->at].n_hosts))
		guard_close(p, g);
	if (pass_begin(p, g, err) < 0) {
		g->mark.known = false;
		return -1;
	}
	rc = p->w->ops->pass(p->w->arg, g->at, g->seat.stop, ret_came, err);
	pass_end(p);
	guard_stored(p, g, *ret_came);
	g->behind = rc < 0;
	if (rc < 0) {
		/* What was found is still to be copied. */
		g->mark.known = false;
		return -1;
	}
	g->lag.equal_ms = looked_ms;
	g->told_ms = 0;
	g->forced = false;
	g->caught_up = true;
	guard_keep(p, g);
	return 0;
}

/* ---- one turn of an account ---- */

static int64_t
jittered(struct post *p, int64_t ms)
{
	int64_t ret;

	pthread_mutex_lock(&p->mutex);
	ret = backoff_jittered(&p->seed, ms);
	pthread_mutex_unlock(&p->mutex);
	return ret;
}

void
post_end(struct post *p, const struct err *why)
{
	pthread_mutex_lock(&p->mutex);
	if (p->w->ended.kind == ERR_NONE)
		p->w->ended = *why;
	pthread_mutex_unlock(&p->mutex);
	cancel_raise(p->end);
}

static void
guard_lost(struct post *p, struct guard *g, const struct err *why)
{
	guard_event(p, g, EV_WATCH_LOST, why->kind == ERR_STOPPED ? LEVEL_INFO : LEVEL_ERROR,
	    "%s; the account is not watched any more", why->text);
	g->lag.now = false;
	guard_keep(p, g);
	p->w->ops->lost(p->w->arg, g->at, why);
}

bool
guard_failed(struct post *p, struct guard *g, const struct err *why, int64_t *ret_ms)
{
	int64_t ms;

	guard_close(p, g);
	if (cancel_raised(p->end))
		return false;
	/* guard_sit tells whether it goes on. */
	if (cancel_raised(g->seat.stop)) {
		*ret_ms = 0;
		return true;
	}
	if (why->kind == ERR_LOGIN) {
		guard_lost(p, g, why);
		return false;
	}
	if (failure_ends_all(why)) {
		post_end(p, why);
		return false;
	}
	ms = jittered(p, backoff_doubled(p->w->o->retry_delay_ms, g->failures));
	g->failures += g->failures < 30;
	if (why->after_ms > ms)
		ms = why->after_ms + jittered(p, SEC);
	if (g->behind)
		p->w->ops->waits(p->w->arg, g->at, why, clock_wall_ms() + ms);
	guard_event(p, g, EV_ACCOUNT_AGAIN, LEVEL_WARNING, "%s; watched again in %.1f s", why->text,
	    (double)ms / SEC);
	*ret_ms = ms;
	return true;
}

/* Nothing is missing. What was told and was nothing makes the next one wait. */
static void
guard_quiet(struct post *p, struct guard *g, int64_t looked_ms)
{
	g->alarms = g->told_ms != 0 ? g->alarms + 1 : 0;
	g->told_ms = 0;
	g->lag.equal_ms = looked_ms;
	if (clock_mono_ms() - g->kept_ms >= KEEP_MS)
		guard_keep(p, g);
}

int64_t
guard_alarm_delay(const struct post *p, const struct guard *g)
{
	int64_t ms = g->alarms == 0 ? 0 : backoff_doubled(SEC / 2, g->alarms < 30 ? g->alarms : 30);

	return ms < p->w->o->watch_poll_ms ? ms : p->w->o->watch_poll_ms;
}

/* Look, and copy when something has changed. *ret_again: look once more before anything is waited for. */
static int
guard_look(struct post *p, struct guard *g, bool *io_stay, bool *ret_again, struct err *err)
{
	int64_t looked_ms = clock_wall_ms();
	bool changed;
	uint64_t came;

	*ret_again = false;
	if (guard_open(p, g, io_stay, err) < 0 || watching_look(g->session, &g->mark, &changed, err) < 0)
		return -1;
	if (!*io_stay)
		guard_close(p, g);
	if (!changed && !g->forced) {
		guard_quiet(p, g, looked_ms);
		return 0;
	}
	if (g->told_ms == 0)
		g->told_ms = clock_mono_ms();

	bool first = !g->caught_up;

	if (guard_pass(p, g, looked_ms, &came, err) < 0)
		return -1;
	g->alarms = came > 0 || first ? 0 : g->alarms + 1;
	*ret_again = *io_stay;
	return 0;
}

bool
guard_turn(struct post *p, struct guard *g, bool *io_stay, bool *ret_again, int64_t *ret_ms)
{
	struct err why = { 0 };

	if (guard_look(p, g, io_stay, ret_again, &why) < 0) {
		*ret_again = false;
		return guard_failed(p, g, &why, ret_ms);
	}
	/* A connection that stays has proved nothing so far. */
	if (g->session == NULL)
		g->failures = 0;
	*ret_ms = p->w->o->watch_poll_ms;
	return true;
}

/* ---- waiting ---- */

bool
guard_listen(struct post *p, struct guard *g, struct err *err)
{
	enum watching_told told;

	if (watching_wait(g->session, p->w->o->watch_poll_ms, &told, err) < 0)
		return false;
	g->failures = 0;
	if (told != WATCHING_SILENCE && g->told_ms == 0)
		g->told_ms = clock_mono_ms();
	if (told == WATCHING_FLAGS)
		g->forced = true;
	return true;
}

void
guard_make_room(struct post *p, struct guard *g)
{
	const unsigned *host = guard_host(p, g);

	if (host != NULL && g->placed && hosts_full(p->w->hosts, *host, 1))
		guard_close(p, g);
}

/* ---- begin and end ---- */

void
guard_rise(struct post *p, struct guard *g)
{
	struct err why = { 0 };

	guard_close(p, g);
	if (g->seated)
		(void)orders_rise(p->w->orders, &g->seat, &why);
	g->seated = false;
}

/* What was told before is found by the look that follows: nobody could copy it meanwhile. */
static bool
guard_await(struct post *p, struct guard *g)
{
	struct err ended;

	g->told_ms = 0;
	while (orders_hold_account(p->w->orders, g->at))
		if (cancel_sleep(p->end, HELD_LOOK_MS, &ended) < 0)
			return false;
	return true;
}

bool
guard_sit(struct post *p, struct guard *g)
{
	struct err why;
	enum seat_end end;

	for (;;) {
		if (!g->seated)
			orders_sit_watching(p->w->orders, &g->seat, g->at, p->end);
		g->seated = true;
		if (!cancel_raised(g->seat.stop))
			return true;
		guard_close(p, g);
		(void)err_set(&why, ERR_INTERRUPTED, "interrupted");
		end = orders_rise(p->w->orders, &g->seat, &why);
		g->seated = false;
		if (end == SEAT_STOPPED)
			guard_lost(p, g, &why);
		if (end != SEAT_HELD || !guard_await(p, g))
			return false;
	}
}

void
guard_begin(struct post *p, struct guard *g)
{
	if (g->lag.now)
		return;
	g->lag.now = true;
	g->lag.since_ms = clock_wall_ms();
	guard_keep(p, g);
}

void
guard_end(struct post *p, struct guard *g)
{
	bool last;

	guard_rise(p, g);
	if (g->job != NULL)
		p->w->ops->done(p->w->arg, g->at);
	g->job = NULL;
	pthread_mutex_lock(&p->mutex);
	last = --p->watched == 0;
	pthread_mutex_unlock(&p->mutex);
	if (last)
		cancel_raise(p->end);
}
