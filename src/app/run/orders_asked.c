/* What `imex job` may ask of a run, and what it is told: a table of words. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/cli/out.h"
#include "app/cli/values.h"
#include "app/run/orders_inner.h"
#include "base/json.h"
#include "base/mem.h"

static const char words_stop[] = "stopped by imex job stop";
static const char words_skip[] = "passed over, by imex job skip";

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
	/* 0 may be meant as nothing at all. */
	if (strcmp(text, "none") != 0)
		return value_size(text, ret) && *ret > 0;
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
		orders_seat_end(s, SEAT_STOPPED, words);
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
	a->code = ended ? EXIT_NO_INPUT : 0;
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
	a->code = b.full ? EXIT_NO_INPUT : 0;
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
void
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
