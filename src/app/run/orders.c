#include "app/run/orders_inner.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

const char orders_note[] = "held", orders_held_words[] = "the run is held";

static const char words_paused[] = "paused by imex job pause";
static const char words_hours[] = "outside of --hours";

/* ---- seats ---- */

void
orders_seat_end(struct seat *s, enum seat_end end, const char *words)
{
	if (s->end != SEAT_KEPT)
		return;
	s->end = end;
	cancel_raise_because(s->stop, words);
}

/* Mutex held. */
static void
seat_add(struct orders *o, struct seat *s)
{
	s->next = o->seat;
	o->seat = s;
	if (o->dropped[s->at])
		orders_seat_end(s, SEAT_STOPPED, o->dropped[s->at]);
	else if (o->why != WAITING_NOTHING)
		orders_seat_end(s, SEAT_HELD, o->why == WAITING_PAUSED ? words_paused : words_hours);
}

void
orders_sit(struct orders *o, struct seat *s, size_t at)
{
	*s = (struct seat){
		.at = at, .stop = cancel_new_below(o->stop), .rate = o->rate, .above = o->stop
	};
	pthread_mutex_lock(&o->mutex);
	s->rate_own = rate_new(o->octets_own);
	seat_add(o, s);
	pthread_mutex_unlock(&o->mutex);
}

void
orders_sit_watching(struct orders *o, struct seat *s, size_t at, struct cancel *above)
{
	*s = (struct seat){ .at = at, .stop = cancel_new_below(above), .above = above };
	pthread_mutex_lock(&o->mutex);
	seat_add(o, s);
	pthread_mutex_unlock(&o->mutex);
}

enum seat_end
orders_rise(struct orders *o, struct seat *s, struct err *err)
{
	struct seat **at = &o->seat;
	enum seat_end end;

	pthread_mutex_lock(&o->mutex);
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	/* Stopped while it was coming to a pause. */
	end = s->end == SEAT_HELD && o->dropped[s->at] ? SEAT_STOPPED : s->end;
	pthread_mutex_unlock(&o->mutex);
	if (err->kind != ERR_INTERRUPTED || cancel_raised(s->above))
		end = SEAT_KEPT;
	if (end == SEAT_STOPPED)
		(void)err_set(err, ERR_STOPPED, "%s", o->dropped[s->at]);
	cancel_free(s->stop);
	rate_free(s->rate_own);
	return end;
}

void
orders_ended(struct orders *o, size_t at)
{
	pthread_mutex_lock(&o->mutex);
	o->ended[at] = true;
	pthread_mutex_unlock(&o->mutex);
}

bool
orders_hold_account(struct orders *o, size_t at)
{
	pthread_mutex_lock(&o->mutex);
	bool held = o->why != WAITING_NOTHING && !o->dropped[at];
	pthread_mutex_unlock(&o->mutex);
	return held;
}

bool
orders_dropped(struct orders *o, size_t at)
{
	pthread_mutex_lock(&o->mutex);
	bool dropped = o->dropped[at] != NULL;
	pthread_mutex_unlock(&o->mutex);
	return dropped;
}

void
orders_again(struct orders *o)
{
	pthread_mutex_lock(&o->mutex);
	memset(o->ended, 0, o->accounts.n * sizeof(*o->ended));
	pthread_mutex_unlock(&o->mutex);
}

void
orders_drops(struct orders *o, bool (*told)(void *arg, size_t at), void *arg)
{
	pthread_mutex_lock(&o->mutex);
	o->drops = told;
	o->drops_arg = arg;
	pthread_mutex_unlock(&o->mutex);
}

/* ---- held, or not ---- */

void
orders_words(const struct orders *o, struct buf *ret)
{
	if (o->why == WAITING_HOURS)
		(void)buf_printf(ret, "waiting until %s, --hours", o->until);
	else
		(void)buf_add_str(ret, o->why == WAITING_PAUSED ? "paused" : "running");
}

/* For status. What cannot be kept is no reason to end a run. */
static void
orders_keep(const struct orders *o)
{
	AUTO(buf_done) struct buf words;
	AUTO(buf_done) struct buf note;
	struct err ignored;

	buf_init(&words, 256);
	buf_init(&note, 1024);
	if (!o->desk)
		return;
	orders_words(o, &words);
	json_open(&note, NULL);
	json_put_int(&note, "process", getpid());
	json_put_str(&note, "words", words.data);
	json_close(&note);
	(void)!state_note_set(
	    o->state, orders_note, o->why != WAITING_NOTHING ? note.data : NULL, &ignored);
}

static void
orders_until(struct orders *o, int64_t now_ms)
{
	time_t t = (time_t)(hours_next_ms(&o->hours, now_ms) / SEC);
	struct tm tm;

	if (!localtime_r(&t, &tm) || strftime(o->until, sizeof(o->until), "%H:%M", &tm) == 0)
		o->until[0] = '\0';
}

static void
orders_tell(const struct orders *o)
{
	struct event e = { .no = EV_ORDER, .level = LEVEL_INFO };
	AUTO(buf_done) struct buf words;

	buf_init(&words, 256);
	orders_words(o, &words);
	if (o->why == WAITING_NOTHING)
		evlog_put(o->log, &e, "the run goes on");
	else
		evlog_put(o->log, &e, "the run is held: %s", words.data);
}

static void
orders_hold(struct orders *o, enum waiting why)
{
	const char *words = why == WAITING_PAUSED ? words_paused : words_hours;

	pthread_mutex_lock(&o->mutex);
	o->why = why;
	for (struct seat *s = o->seat; s && why != WAITING_NOTHING; s = s->next)
		orders_seat_end(s, SEAT_HELD, words);
	if (o->schedule)
		schedule_hold(o->schedule, why != WAITING_NOTHING);
	pthread_mutex_unlock(&o->mutex);
	atomic_store(&o->all->held, (int)why);
}

/* Looked at by wall time each second: clocks may be changed. */
void
orders_settle(struct orders *o)
{
	int64_t now_ms = clock_wall_ms();
	enum waiting why = o->paused			   ? WAITING_PAUSED
			   : hours_open(&o->hours, now_ms) ? WAITING_NOTHING
							   : WAITING_HOURS;

	if (why == o->why)
		return;
	orders_until(o, now_ms);
	orders_hold(o, why);
	orders_tell(o);
	orders_keep(o);
}

void
orders_schedule(struct orders *o, struct schedule *s)
{
	pthread_mutex_lock(&o->mutex);
	o->schedule = s;
	if (s)
		schedule_hold(s, o->why != WAITING_NOTHING);
	pthread_mutex_unlock(&o->mutex);
}

struct orders *
orders_new(const struct options *options, const struct order_name *name, size_t n,
    struct cancel *stop, struct progress_all *all)
{
	struct orders *o = mem_new(sizeof(*o));

	pthread_mutex_init(&o->mutex, NULL);
	o->accounts = (struct order_names){ .name = name, .n = n };
	o->dropped = mem_new((n + 1) * sizeof(*o->dropped));
	o->ended = mem_new((n + 1) * sizeof(*o->ended));
	o->octets = options->rate;
	o->processes = 1;
	o->octets_own = options->rate_account;
	o->rate = rate_new(o->octets);
	o->stop = stop;
	o->all = all;
	o->hours_text = options->hours;
	if (options->hours)
		(void)hours_parse(options->hours, &o->hours); /* it was accepted */
	orders_settle(o);
	return o;
}

void
orders_free(struct orders **ret)
{
	struct orders *o = *ret;

	if (!o)
		return;
	if (o->why != WAITING_NOTHING) {
		o->why = WAITING_NOTHING;
		orders_keep(o);
	}
	order_desk_close(&o->desk);
	rate_free(o->rate);
	free(o->dropped);
	free(o->ended);
	pthread_mutex_destroy(&o->mutex);
	free(o);
	*ret = NULL;
}

int
orders_listen(
    struct orders *o, const char *dir, struct state *t, struct evlog *log, struct err *err)
{
	o->state = t;
	o->log = log;
	if (order_desk_open(&o->desk, dir, err) < 0)
		return -1;
	if (o->why != WAITING_NOTHING) {
		orders_tell(o);
		orders_keep(o);
	}
	return 0;
}

void
orders_log(struct orders *o, struct evlog *log)
{
	o->log = log;
}

void
orders_teller(struct orders *o, void (*tell)(void *arg, const char *word, const char *text), void *arg)
{
	o->tell = tell;
	o->tell_arg = arg;
}

void
orders_tick(void *orders)
{
	struct orders *o = orders;
	struct order r;

	orders_settle(o);
	while (o->desk && order_next(o->desk, &r))
		orders_serve(o, &r);
}
