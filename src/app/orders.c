#include "app/orders.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app/hours.h"
#include "app/order.h"
#include "app/out.h"
#include "app/values.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

enum { EXIT_NONE = 66, EXIT_USAGE = 64 };

const char orders_note[] = "held", orders_held_words[] = "the run is held";

static const char words_paused[] = "paused by imex job pause";
static const char words_hours[] = "outside of --hours";
static const char words_stop[] = "stopped by imex job stop";
static const char words_skip[] = "passed over, by imex job skip";

struct orders {
	pthread_mutex_t mutex;	/* why, dropped, ended, seats, rate_own, schedule, drops */
	struct order_names accounts;
	const char **dropped;	/* by account: why it is not worked on; NULL */
	bool *ended;
	struct seat *seat;
	struct rate *rate;
	uint64_t octets, octets_own;	/* a second; 0: no limit */
	unsigned processes;		/* that share `octets` */
	void (*tell)(void *arg, const char *word, const char *text);
	void *tell_arg;
	enum waiting why;	/* WAITING_NOTHING: it is not held */
	struct schedule *schedule;
	bool (*drops)(void *arg, size_t at);
	void *drops_arg;
	/* of the thread that ticks */
	bool paused;
	struct hours hours;
	const char *hours_text;
	char until[8];		/* "20:00" */
	struct cancel *stop;
	struct progress_all *all;
	struct order_desk *desk;
	struct state *state;
	struct evlog *log;
};

/* ---- seats ---- */

static void
seat_end(struct seat *s, enum seat_end end, const char *words)
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
		seat_end(s, SEAT_STOPPED, o->dropped[s->at]);
	else if (o->why != WAITING_NOTHING)
		seat_end(s, SEAT_HELD, o->why == WAITING_PAUSED ? words_paused : words_hours);
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

static void
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
		seat_end(s, SEAT_HELD, words);
	if (o->schedule)
		schedule_hold(o->schedule, why != WAITING_NOTHING);
	pthread_mutex_unlock(&o->mutex);
	atomic_store(&o->all->held, (int)why);
}

/* Looked at by wall time each second: clocks may be changed. */
static void
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

/* ---- what may be asked for ---- */

static void
order_pause(struct orders *o, const char *text, struct order_answer *a)
{
	(void)text;
	snprintf(a->text, sizeof(a->text), "%s", o->paused ? "it was paused already" : "paused");
	o->paused = true;
	orders_settle(o);
}

static void
order_resume(struct orders *o, const char *text, struct order_answer *a)
{
	(void)text;
	snprintf(a->text, sizeof(a->text), "%s", o->paused ? "the run goes on" : "it was not paused");
	o->paused = false;
	orders_settle(o);
	if (o->why == WAITING_HOURS)
		snprintf(a->text, sizeof(a->text), "not paused any more; waiting until %s, --hours",
		    o->until);
}

bool
orders_rate_parse(const char *text, uint64_t *ret)
{
	if (strcmp(text, "none") != 0)
		return value_size(text, ret);
	*ret = 0;
	return true;
}

static bool
rate_words(const char *text, const char *of, uint64_t *ret, struct order_answer *a)
{
	char bytes[HUMAN_MAX];

	if (!orders_rate_parse(text, ret)) {
		a->code = EXIT_USAGE;
		snprintf(a->text, sizeof(a->text), "a size as 500k, 45M or 2G, or none, is accepted");
		return false;
	}
	human_bytes(*ret, bytes);
	if (*ret > 0)
		snprintf(a->text, sizeof(a->text), "at most %s a second%s", bytes, of);
	else
		snprintf(a->text, sizeof(a->text), "no limit%s", of);
	return true;
}

/* At least an octet each: 0 is no limit. */
static void
rate_split(struct orders *o)
{
	uint64_t part = o->octets / o->processes;

	rate_set(o->rate, o->octets > 0 && part == 0 ? 1 : part);
}

void
orders_split(struct orders *o, unsigned processes)
{
	if (o->processes == processes)
		return;
	o->processes = processes;
	rate_split(o);
}

static void
order_rate(struct orders *o, const char *text, struct order_answer *a)
{
	if (rate_words(text, ", all accounts together", &o->octets, a))
		rate_split(o);
}

static void
order_rate_own(struct orders *o, const char *text, struct order_answer *a)
{
	uint64_t octets;

	if (!rate_words(text, " for each account", &octets, a))
		return;
	pthread_mutex_lock(&o->mutex);
	o->octets_own = octets;
	for (struct seat *s = o->seat; s; s = s->next)
		if (s->rate_own)
			rate_set(s->rate_own, octets);
	pthread_mutex_unlock(&o->mutex);
}

/* Mutex held. Is it about to end now? */
static bool
drop_one(struct orders *o, size_t at, const char *words)
{
	bool sits = false;

	if (!o->dropped[at])
		o->dropped[at] = words;
	for (struct seat *s = o->seat; s; s = s->next) {
		if (s->at != at)
			continue;
		seat_end(s, SEAT_STOPPED, words);
		sits = true;
	}
	if (o->schedule)
		schedule_hurry(o->schedule, at);
	return (o->drops && o->drops(o->drops_arg, at)) || sits;
}

static void
order_drop(struct orders *o, const char *text, const char *words, struct order_answer *a)
{
	char name[ORDER_NAME_MAX];
	bool sits, ended;
	size_t at = 0;

	if (!order_names_find(&o->accounts, text, &at, a))
		return;
	order_name_text(&o->accounts.name[at], false, name);
	pthread_mutex_lock(&o->mutex);
	ended = o->ended[at];
	sits = !ended && drop_one(o, at, words);
	pthread_mutex_unlock(&o->mutex);
	a->code = ended ? EXIT_NONE : 0;
	snprintf(a->text, sizeof(a->text), ended  ? "'%.400s' has come to its end already"
					   : sits ? "'%.400s' is being stopped"
						  : "'%.400s' will be passed over when its turn comes",
	    name);
}

static void
order_stop(struct orders *o, const char *text, struct order_answer *a)
{
	if (*text) {
		order_drop(o, text, words_stop, a);
		return;
	}
	snprintf(a->text, sizeof(a->text), "the run ends; the same command goes on where it was");
	cancel_raise(o->stop);
}

static void
order_skip(struct orders *o, const char *text, struct order_answer *a)
{
	order_drop(o, text, words_skip, a);
}

static void
order_compact(struct orders *o, const char *text, struct order_answer *a)
{
	struct err err;

	(void)text;
	snprintf(a->text, sizeof(a->text), "compact");
	if (!o->state || state_compact(o->state, &err) == 0)
		return;
	a->code = err_exit_code(err.kind);
	snprintf(a->text, sizeof(a->text), "%s", err.text);
}

static void
show_accounts(struct orders *o, struct buf *b)
{
	size_t at_work = 0, ended = 0;

	pthread_mutex_lock(&o->mutex);
	for (const struct seat *s = o->seat; s; s = s->next)
		at_work += s->rate != NULL;
	for (size_t i = 0; i < o->accounts.n; i++)
		ended += o->ended[i];
	json_put_int(b, "accounts", (int64_t)o->accounts.n);
	json_put_int(b, "at_work", (int64_t)at_work);
	json_put_int(b, "ended", (int64_t)ended);
	json_open_array(b, "dropped");
	for (size_t i = 0, told = 0; i < o->accounts.n && told < ORDER_NAMES_TOLD; i++) {
		char name[ORDER_NAME_MAX];

		if (!o->dropped[i])
			continue;
		order_name_text(&o->accounts.name[i], false, name);
		json_put_text(b, NULL, slice_str(name));
		told++;
	}
	json_close_array(b);
	pthread_mutex_unlock(&o->mutex);
}

/* JSON: the asker makes words of it. */
static void
order_show(struct orders *o, const char *text, struct order_answer *a)
{
	AUTO(buf_done) struct buf b;
	AUTO(buf_done) struct buf words;

	(void)text;
	buf_init(&b, ORDER_TEXT_MAX - 1);
	buf_init(&words, 256);
	orders_words(o, &words);
	json_open(&b, NULL);
	json_put_int(&b, "process", getpid());
	json_put_str(&b, "now", words.data);
	json_put_bool(&b, "paused", o->paused);
	json_put_str(&b, "hours", o->hours_text);
	json_put_int(&b, "rate", (int64_t)o->octets);
	json_put_int(&b, "rate_per_account", (int64_t)o->octets_own);
	show_accounts(o, &b);
	json_close(&b);
	/* Names may be long. */
	a->code = b.full ? EXIT_NONE : 0;
	snprintf(a->text, sizeof(a->text), "%s", b.full ? "too much is set to be told" : b.data);
}

static const struct {
	const char *word;
	void (*act)(struct orders *o, const char *text, struct order_answer *a);
	bool told;	/* in the log */
	bool of_all;	/* to all processes that share the job */
} order_table[] = {
	{ "pause", order_pause, true, true },
	{ "resume", order_resume, true, true },
	{ "rate", order_rate, true, true },
	{ "rate-per-account", order_rate_own, true, true },
	{ "stop", order_stop, true, true },
	{ "skip", order_skip, true, true },
	{ "compact", order_compact, true, false },
	{ "show", order_show, false, false },
};

/* Of order_table; its length: none. */
static size_t
order_find(const char *word)
{
	size_t i = 0;

	while (i < COUNT_OF(order_table) && strcmp(order_table[i].word, word) != 0)
		i++;
	return i;
}

static void
order_act(struct orders *o, size_t i, const char *text, struct order_answer *a)
{
	struct event e = { .no = EV_ORDER, .level = LEVEL_INFO };

	order_table[i].act(o, text, a);
	if (order_table[i].told && a->code == 0)
		evlog_put(o->log, &e, "imex job %s%s%s: %s", order_table[i].word, *text ? " " : "",
		    text, a->text);
}

void
orders_do(struct orders *o, const char *word, const char *text)
{
	struct order_answer ignored = { 0 };
	size_t i = order_find(word);

	if (i < COUNT_OF(order_table) && order_table[i].of_all)
		order_act(o, i, text, &ignored);
}

/* An account that has come to its end elsewhere is done here, too: then there is nobody to tell. */
static void
orders_serve(struct orders *o, const struct order *r)
{
	struct order_answer a = { .code = EXIT_USAGE };
	size_t i = order_find(r->word);

	snprintf(a.text, sizeof(a.text), "the process that runs the job does not know '%s'", r->word);
	if (i < COUNT_OF(order_table)) {
		a = (struct order_answer){ 0 };
		order_act(o, i, r->text, &a);
		if (o->tell && order_table[i].of_all && a.code == 0)
			o->tell(o->tell_arg, r->word, r->text);
	}
	order_reply(o->desk, r, &a);
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
