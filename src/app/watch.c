#include "app/watch.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/backoff.h"
#include "app/out.h"
#include "app/watched.h"
#include "base/clock.h"
#include "base/mem.h"
#include "engine/watching.h"

enum { SAMPLES_MAX = 1024, KEEP_MS = 60 * SEC, TICK_MS = SEC };

/* One account. Only the thread that works on it touches it. */
struct guard {
	size_t at;
	int64_t account;
	const struct job *job; /* NULL: its source is not open */
	struct watching *session;
	bool placed; /* the session has its place */
	struct watching_mark mark;
	bool caught_up; /* what comes from now on came while it was watched */
	int64_t told_ms; /* monotonic; since then a change is known and not copied; 0: none */
	bool forced; /* copy, whatever the look says */
	unsigned failures, alarms; /* in a row: what failed; what was told and was nothing */
	struct watched lag;
	int64_t kept_ms; /* monotonic; when lag was */
	int64_t *sample; /* the last SAMPLES_MAX */
};

struct post {
	struct watch *w;
	struct cancel *end;
	struct guard *guard;
	size_t n_guards, n_stay;
	struct schedule *polled;
	/* and all below */
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	unsigned passes; /* under way */
	size_t watched; /* accounts that are still watched */
	uint64_t seed;
};

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
static void
lag_keep(const struct post *p, struct guard *g)
{
	struct err ignored;

	g->kept_ms = clock_mono_ms();
	(void)!watched_keep(p->w->run->state, g->account, &g->lag, &ignored);
}

static void PRINTF_LIKE(5, 6)
guard_event(const struct post *p, const struct guard *g, enum event_no no, enum event_level level,
    const char *fmt, ...)
{
	struct event e = { .no = no, .level = level, .account = g->job ? g->job->source.account : NULL };
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
	if (!*io_stay && hosts_enter(p->w->hosts, host, 1, p->end, err) < 0)
		return -1;
	g->placed = true;
	return 0;
}

static void
guard_tell_login(struct post *p, struct guard *g, int rc, const struct err *why)
{
	const unsigned *host = guard_host(p, g);
	bool refused = rc < 0 && why->kind == ERR_LOGIN;
	unsigned now;

	if (host == NULL)
		return;
	if (hosts_login(p->w->hosts, *host, rc == 0 ? LOGIN_TAKEN : refused ? LOGIN_REFUSED : LOGIN_NONE))
		guard_event(p, g, EV_HOST_CLOSED, LEVEL_ERROR,
		    "%s refused the logins of %d accounts in a row: its other accounts are not tried, as "
		    "going on could lock its users out",
		    hosts_name(p->w->hosts, *host), HOST_REFUSALS_MAX);
	if (rc == 0 || (why->kind != ERR_THROTTLED && why->kind != ERR_BYE))
		return;
	if (!hosts_refused(p->w->hosts, *host, &now) && why->after_ms > 0)
		hosts_hold(p->w->hosts, *host, why->after_ms);
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
	rc = watching_open(&g->session, g->job, *io_stay, p->end, err);
	guard_tell_login(p, g, rc, err);
	if (rc < 0)
		guard_leave_place(p, g);
	return rc;
}

/* ---- the pass ---- */

static int
pass_begin(struct post *p, struct err *err)
{
	bool over;

	pthread_mutex_lock(&p->mutex);
	while (p->passes >= p->w->o->jobs && !cancel_raised(p->end))
		pthread_cond_wait(&p->changed, &p->mutex);
	over = cancel_raised(p->end);
	p->passes += !over;
	pthread_mutex_unlock(&p->mutex);
	/* The last pass of all will do it. */
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
	if (pass_begin(p, err) < 0) {
		g->mark.known = false;
		return -1;
	}
	rc = p->w->ops->pass(p->w->arg, g->at, ret_came, err);
	pass_end(p);
	guard_stored(p, g, *ret_came);
	if (rc < 0) {
		/* What was found is still to be copied. */
		g->mark.known = false;
		return -1;
	}
	g->lag.equal_ms = looked_ms;
	g->told_ms = 0;
	g->forced = false;
	g->caught_up = true;
	lag_keep(p, g);
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

static void
post_end(struct post *p, const struct err *why)
{
	pthread_mutex_lock(&p->mutex);
	if (p->w->ended.kind == ERR_NONE)
		p->w->ended = *why;
	pthread_mutex_unlock(&p->mutex);
	cancel_raise(p->end);
}

/* When the next turn is; false: there is none. */
static bool
guard_failed(struct post *p, struct guard *g, const struct err *why, int64_t *ret_ms)
{
	int64_t ms;

	guard_close(p, g);
	if (cancel_raised(p->end))
		return false;
	if (why->kind == ERR_LOGIN || why->kind == ERR_STOPPED) {
		guard_event(p, g, EV_WATCH_LOST, LEVEL_ERROR, "%s; the account is not watched any more", why->text);
		p->w->ops->lost(p->w->arg, g->at, why);
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
		lag_keep(p, g);
}

static int64_t
alarm_delay(const struct post *p, const struct guard *g)
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

/* *io_stay: it keeps its connection when there is a place. False: it is not watched any more; else *ret_ms is how
 * long to wait. */
static bool
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

/* ---- those that stay ---- */

/* Until something is told or it is time to look. False: the watch is over, or the connection is. */
static bool
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

/* Others may need the place more than one that waits. */
static void
guard_make_room(struct post *p, struct guard *g)
{
	const unsigned *host = guard_host(p, g);

	if (host != NULL && g->placed && hosts_full(p->w->hosts, *host, 1))
		guard_close(p, g);
}

static bool
guard_stay(struct post *p, struct guard *g)
{
	bool stay = p->w->o->watch_idle > 0, again;
	struct err why = { 0 };
	int64_t ms;

	if (!guard_turn(p, g, &stay, &again, &ms))
		return false;
	if (g->session == NULL)
		return again || cancel_sleep(p->end, ms, &why) == 0;
	if (cancel_sleep(p->end, alarm_delay(p, g), &why) < 0)
		return false;
	if (again)
		return true;
	guard_make_room(p, g);
	if (g->session == NULL || guard_listen(p, g, &why))
		return !cancel_raised(p->end);
	if (!guard_failed(p, g, &why, &ms))
		return false;
	return cancel_sleep(p->end, ms, &why) == 0;
}

static void
guard_begin(struct post *p, struct guard *g)
{
	if (g->lag.now)
		return;
	g->lag.now = true;
	g->lag.since_ms = clock_wall_ms();
	lag_keep(p, g);
}

/* It is not watched any more; when none is, the watch is over. */
static void
guard_end(struct post *p, struct guard *g)
{
	bool last;

	guard_close(p, g);
	if (g->job != NULL)
		p->w->ops->done(p->w->arg, g->at);
	g->job = NULL;
	pthread_mutex_lock(&p->mutex);
	last = --p->watched == 0;
	pthread_mutex_unlock(&p->mutex);
	if (last)
		cancel_raise(p->end);
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
	while (!cancel_raised(s->post->end) && guard_stay(s->post, s->guard))
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
	goes_on = guard_turn(p, g, &stay, &again, ret_ms);
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
			continue;
		}
		guard_end(p, g);
		schedule_done(p->polled);
	}
	return NULL;
}

static void
polled_new(struct post *p)
{
	size_t n = p->n_guards - p->n_stay;
	struct schedule_item *item = mem_new((n + 1) * sizeof(*item));

	for (size_t i = 0; i < n; i++)
		item[i] = p->w->item[p->guard[p->n_stay + i].at];
	p->polled = schedule_new(item, n, SCHEDULE_LIST, p->w->hosts, p->end);
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
	for (size_t i = 0; i < p->n_guards; i++) {
		if (p->guard[i].lag.since_ms > 0) {
			p->guard[i].lag.now = false;
			lag_keep(p, &p->guard[i]);
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

/* The wall clock may be set: so it is asked again and again. */
static void
post_wait(struct post *p)
{
	const struct when *until = &p->w->o->until;
	int64_t until_s = until->given ? when_next(until, clock_wall_ms() / SEC) : INT64_MAX;
	struct event e = { .no = EV_WATCH_ENDS, .level = LEVEL_INFO };
	struct err ended;
	bool in_time = false;

	while (!in_time && cancel_sleep(p->end, TICK_MS, &ended) == 0)
		in_time = clock_wall_ms() / SEC >= until_s;
	evlog_put(p->w->run->log, &e, "the watch ends%s; a last pass over all accounts follows",
	    in_time ? ", as --until says" : "");
	if (in_time && !p->w->o->quiet) {
		screen_hide(p->w->run->screen);
		fprintf(stderr, "imex: it is the time of --until: a last pass over all accounts follows\n");
		screen_show(p->w->run->screen);
	}
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
	if (o->hours)
		return err_set(err, ERR_USAGE, "--watch does not go with --hours: it stays connected");
	if (o->until.given && when_next(&o->until, clock_wall_ms() / SEC) <= clock_wall_ms() / SEC)
		return err_set(err, ERR_USAGE, "--until names a time that is over");
	return 0;
}
