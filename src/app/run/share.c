#include "app/run/share.h"

#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/cli/option_value.h"
#include "app/run/order.h"
#include "base/mem.h"

enum { LOOK_MS = 100, KEY_MAX = 32, OPTION_MAX = 4096 };

static const char order_prefix[] = "order/", options_note[] = "share";

struct share {
	struct run *run;
	const char *dir;
	struct hosts *hosts;
	struct orders *orders;
	atomic_bool on;
	bool leads;
	uint64_t orders_seen; /* number of the last one that was heard or told */
};

/* ---- orders: told by the one that leads, done by all ---- */

static void
share_told(void *arg, const char *word, const char *text)
{
	struct share *s = arg;
	struct order o = { .word = "" };
	AUTO(buf_done) struct buf value;
	char key[KEY_MAX];
	struct err ignored;

	buf_init(&value, 2 * ORDER_TEXT_MAX * 6);
	snprintf(o.word, sizeof(o.word), "%s", word);
	snprintf(o.text, sizeof(o.text), "%s", text);
	order_text(&o, "", &value);
	snprintf(key, sizeof(key), "%s%010llu", order_prefix, (unsigned long long)++s->orders_seen);
	(void)!state_note_set(s->run->state, key, value.data, &ignored);
}

static void
share_hear_one(struct share *s, const struct job_note *note)
{
	uint64_t number = strtoull(note->key + strlen(order_prefix), NULL, 10);
	struct order o;

	if (number <= s->orders_seen)
		return;
	s->orders_seen = number;
	if (order_parse(note->value, strlen(note->value), "", &o))
		orders_do(s->orders, o.word, o.text);
}

/* Who comes later hears all of them, in their order. */
static void
share_hear(struct share *s)
{
	struct job_note *note;
	struct err ignored;
	struct arena a;
	size_t n;

	arena_init(&a, 16 * 1024 * 1024);
	if (state_notes(s->run->state, order_prefix, &a, &note, &n, &ignored) == 0)
		for (size_t i = 0; i < n; i++)
			share_hear_one(s, &note[i]);
	arena_done(&a);
}

/* ---- who is there ---- */

static void
share_begin(struct share *s)
{
	struct event e = { .no = EV_JOB_SHARED, .level = LEVEL_INFO };
	struct err err;

	if (hosts_share(s->hosts, s->run->state, &err) < 0 ||
	    state_share(s->run->state, SHARING, &err) < 0)
		return; /* the state has failed, and ends the run */
	evlog_share(s->run->log);
	atomic_store(&s->on, true);
	evlog_put(s->run->log, &e, "other processes work on this job, too");
}

static void
share_lead(struct share *s)
{
	struct event e = { .no = EV_ORDER, .level = LEVEL_WARNING };
	struct err err;

	s->leads = state_leads(s->run->state);
	if (!s->leads)
		return;
	orders_teller(s->orders, share_told, s);
	if (orders_listen(s->orders, s->dir, s->run->state, s->run->log, &err) < 0)
		evlog_put(s->run->log, &e, "imex job cannot change this run: %s", err.text);
}

void
share_tick(struct share *s)
{
	struct event e = { .no = EV_PROCESS_GONE, .level = LEVEL_WARNING };
	struct peers p;
	struct err ignored;

	if (s == NULL || state_peers(s->run->state, &p, &ignored) < 0)
		return;
	if (p.gone > 0)
		evlog_mend(s->run->log);
	if (p.gone > 0)
		evlog_put(s->run->log, &e,
		    "%zu process%s that worked on this job ended without a word: "
		    "the accounts at work there are queued again",
		    p.gone, p.gone == 1 ? "" : "es");
	if (p.others > 0 && !share_on(s))
		share_begin(s);
	if (!share_on(s))
		return;
	orders_split(s->orders, 1 + (unsigned)p.others);
	share_hear(s);
	if (!s->leads)
		share_lead(s);
}

bool
share_on(const struct share *s)
{
	return s != NULL && atomic_load(&s->on);
}

int
share_wait(struct share *s, struct err *err)
{
	struct peers p;

	for (;;) {
		if (state_peers(s->run->state, &p, err) < 0)
			return -1;
		if (p.unready == 0)
			return 0;
		if (cancel_sleep(s->run->stop, LOOK_MS, err) < 0)
			return -1;
	}
}

struct share *
share_new(struct run *run, const char *dir, struct hosts *hosts, struct orders *orders, bool joined)
{
	struct share *s = mem_new(sizeof(*s));

	*s = (struct share){ .run = run, .dir = dir, .hosts = hosts, .orders = orders };
	orders_log(orders, run->log);
	if (joined)
		share_begin(s);
	if (joined)
		share_hear(s);
	share_lead(s);
	return s;
}

void
share_free(struct share **s)
{
	free(*s);
	*s = NULL;
}

/* ---- limits ---- */

static const char *const shared_options[] = { "per-host", "rate", "rate-per-account", "max-per-day",
	"order", "tries", "retry-delay", "stop-if", "keep-going", "hours", "list-all" };

int
share_keep_options(struct state *t, const struct options *o, struct err *err)
{
	AUTO(mem_free_str) char *was = NULL, *now = NULL;
	json_t *j = json_object();
	struct buf text;

	buf_init(&text, OPTION_MAX);
	for (size_t i = 0; i < COUNT_OF(shared_options); i++) {
		const struct option_row *row = option_find(shared_options[i], CMD_EXTRACT);

		buf_reset(&text);
		if (o->from[row - option_table] != FROM_DEFAULT && option_text(o, row, 0, &text))
			json_object_set_new(j, row->name, json_string(text.data));
	}
	buf_done(&text);
	now = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	if (now == NULL || state_note_get(t, options_note, &was, err) < 0)
		return now == NULL ? err_set(err, ERR_STATE, "keep the options") : -1;
	return was != NULL && strcmp(was, now) == 0 ? 0 : state_note_set(t, options_note, now, err);
}

int
share_take_options(struct state *t, struct options *o, struct err *err)
{
	AUTO(mem_free_str) char *note = NULL;
	const char *name;
	json_t *j, *value;
	int rc = 0;

	if (state_note_get(t, options_note, &note, err) < 0)
		return -1;
	if (note == NULL)
		return err_set(err, ERR_NO_INPUT,
		    "no run over a list was begun here by this version of imex: begin it with imex "
		    "extract "
		    "--users or imex migrate --users");
	j = json_loads(note, JSON_REJECT_DUPLICATES, NULL);
	json_object_foreach(j, name, value)
	{
		const struct option_row *row = option_find(name, CMD_EXTRACT);

		if (rc == 0 && row != NULL && json_is_string(value))
			rc = options_set(o, row, FROM_JOB, json_string_value(value), err);
	}
	json_decref(j);
	return rc;
}
