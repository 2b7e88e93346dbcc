/* What an administrator says to a job: to the process that runs it (order.h), or about its state. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/cli/out.h"
#include "app/cli/values.h"
#include "app/job/jobdir.h"
#include "app/run/order.h"
#include "app/run/orders.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "state/state.h"

/* It looks each second, and may be busy with a commit. To compact takes as long as it takes. */
enum { WAIT_MS = 15 * SEC, COMPACT_MS = 3600 * SEC };

enum argument { ARG_NONE, ARG_SIZE, ARG_ACCOUNT, ARG_ACCOUNT_OR_NOT, ARG_FILE };

struct job_word {
	const char *word;
	enum argument argument;
	int (*run)(const struct options *o, struct err *err);
};

static int job_ask(const struct options *o, struct err *err);
static int job_compact(const struct options *o, struct err *err);
static int job_backup(const struct options *o, struct err *err);

static const struct job_word job_words[] = {
	{ "pause", ARG_NONE, job_ask },
	{ "resume", ARG_NONE, job_ask },
	{ "rate", ARG_SIZE, job_ask },
	{ "rate-per-account", ARG_SIZE, job_ask },
	{ "stop", ARG_ACCOUNT_OR_NOT, job_ask },
	{ "skip", ARG_ACCOUNT, job_ask },
	{ "compact", ARG_NONE, job_compact },
	{ "backup", ARG_FILE, job_backup },
};

/* ---- words ---- */

static const struct job_word *
job_word_find(const char *word)
{
	for (size_t i = 0; i < COUNT_OF(job_words); i++)
		if (strcmp(job_words[i].word, word) == 0)
			return &job_words[i];
	return NULL;
}

static int
job_word_unknown(const char *word, struct err *err)
{
	struct nearest near;

	nearest_init(&near, word);
	for (size_t i = 0; i < COUNT_OF(job_words); i++)
		nearest_try(&near, job_words[i].word);
	return err_set(err, ERR_USAGE,
	    "imex job: unknown word '%s'; did you mean '%s'? There are pause, resume, rate, "
	    "rate-per-account, stop, skip, compact and backup",
	    word, near.best);
}

/* Looked at before anything is asked for. */
static int
job_argument(const struct job_word *w, const char *text, struct err *err)
{
	static const char *const names[] = { "", "SIZE", "ACCOUNT", "ACCOUNT", "FILE" };
	uint64_t rate;

	if (w->argument == ARG_NONE && text)
		return err_set(err, ERR_USAGE, "imex job DIR %s: '%s' is one word too many", w->word, text);
	if (!text && w->argument != ARG_NONE && w->argument != ARG_ACCOUNT_OR_NOT)
		return err_set(err, ERR_USAGE, "imex job DIR %s needs %s", w->word, names[w->argument]);
	if (w->argument == ARG_SIZE && !orders_rate_parse(text, &rate))
		return err_set(err, ERR_USAGE,
		    "imex job DIR %s: '%s' is not accepted; a size as 500k, 45M or 2G, or none, is",
		    w->word, text);
	if (text && strlen(text) >= ORDER_TEXT_MAX)
		return err_set(err, ERR_USAGE, "imex job DIR %s: the text is too long", w->word);
	return 0;
}

/* ---- what is said ---- */

static int
job_say(const struct options *o, const char *text, struct err *err)
{
	struct out out;

	out_open(&out, STDOUT_FILENO);
	if (o->json) {
		json_open(&out.buf, NULL);
		json_put_text(&out.buf, "text", slice_str(text));
		json_close(&out.buf);
	} else {
		out_visible(&out, text);
	}
	out_str(&out, "\n");
	return out_close(&out, err);
}

static void
show_rate(struct out *out, const char *name, const json_t *j)
{
	uint64_t octets = (uint64_t)json_integer_value(j);
	char bytes[HUMAN_MAX];

	human_bytes(octets, bytes);
	out_printf(out, "  %-17s %s%s\n", name, octets > 0 ? bytes : "no limit",
	    octets > 0 ? " a second" : "");
}

static void
show_text(struct out *out, const json_t *j)
{
	const char *hours = json_string_value(json_object_get(j, "hours"));
	const json_t *dropped = json_object_get(j, "dropped");

	out_printf(out, "process %" PRId64 ": ",
	    (int64_t)json_integer_value(json_object_get(j, "process")));
	out_visible(out, json_string_value(json_object_get(j, "now")));
	out_printf(out, "\n  %-17s ", "hours");
	out_visible(out, hours ? hours : "always");
	out_str(out, "\n");
	show_rate(out, "rate", json_object_get(j, "rate"));
	show_rate(out, "rate-per-account", json_object_get(j, "rate_per_account"));
	out_printf(out, "  %-17s %" PRId64 ", %" PRId64 " at work, %" PRId64 " ended\n", "accounts",
	    (int64_t)json_integer_value(json_object_get(j, "accounts")),
	    (int64_t)json_integer_value(json_object_get(j, "at_work")),
	    (int64_t)json_integer_value(json_object_get(j, "ended")));
	for (size_t i = 0; i < json_array_size(dropped); i++) {
		out_printf(out, "  %-17s ", i == 0 ? "stopped, skipped" : "");
		out_visible(out, json_string_value(json_array_get(dropped, i)));
		out_str(out, "\n");
	}
}

static int
show_print(const struct options *o, const char *text, struct err *err)
{
	json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	struct out out;

	if (!json_is_object(j) || !json_string_value(json_object_get(j, "now"))) {
		json_decref(j);
		return err_set(err, ERR_MALFORMED, "the process that runs the job gave no answer that can "
		    "be read: %s", text);
	}
	out_open(&out, STDOUT_FILENO);
	if (o->json)
		out_printf(&out, "%s\n", text);
	else
		show_text(&out, j);
	json_decref(j);
	return out_close(&out, err);
}

/* ---- asking the process that runs it ---- */

/* Its exit code, when it refused. */
static int
job_send(const struct options *o, const char *word, int64_t wait_ms, struct order_answer *ret,
    struct err *err)
{
	struct order r = { .word = "" };

	snprintf(r.word, sizeof(r.word), "%s", word);
	snprintf(r.text, sizeof(r.text), "%s", o->n_words > 2 ? o->word[2] : "");
	if (order_send(o->word[0], &r, wait_ms, ret, err) < 0)
		return -1;
	if (ret->code == 0)
		return 0;
	return err_set(err, ret->code == err_exit_code(ERR_NO_INPUT)   ? ERR_NO_INPUT
			    : ret->code == err_exit_code(ERR_USAGE) ? ERR_USAGE
								    : ERR_DISK,
	    "%s", ret->text);
}

static int
job_ask(const struct options *o, struct err *err)
{
	struct order_answer a;

	return job_send(o, o->word[1], WAIT_MS, &a, err) < 0 ? -1 : job_say(o, a.text, err);
}

static int
job_show(const struct options *o, struct err *err)
{
	struct order_answer a;

	if (jobdir_runner(o->word[0]) == 0)
		return job_say(o, "no process runs the job", err);
	return job_send(o, "show", WAIT_MS, &a, err) < 0 ? -1 : show_print(o, a.text, err);
}

/* ---- the state ---- */

static int
job_compact_here(const char *dir, struct err *err)
{
	struct state *t = NULL;
	int rc = state_open(&t, dir, STATE_RUN, err);

	if (rc == 0)
		rc = state_compact(t, err);
	state_close(&t);
	return rc;
}

static int
job_compact(const struct options *o, struct err *err)
{
	struct order_answer a;
	int rc = jobdir_runner(o->word[0]) != 0 ? job_send(o, "compact", COMPACT_MS, &a, err)
						: job_compact_here(o->word[0], err);

	return rc < 0 ? -1 : job_say(o, "the state is compact", err);
}

static int
job_backup(const struct options *o, struct err *err)
{
	struct state *t = NULL;
	int rc = state_open(&t, o->word[0], STATE_READ, err);

	if (rc == 0)
		rc = state_backup(t, o->word[2], err);
	state_close(&t);
	return rc < 0 ? -1 : job_say(o, "the state is copied", err);
}

int
cmd_job(struct options *o, struct err *err)
{
	const struct job_word *w = o->n_words > 1 ? job_word_find(o->word[1]) : NULL;

	if (o->n_words > 1 && !w)
		return job_word_unknown(o->word[1], err);
	if (w && job_argument(w, o->n_words > 2 ? o->word[2] : NULL, err) < 0)
		return -1;
	if (jobdir_require(o->word[0], err) < 0)
		return -1;
	return w ? w->run(o, err) : job_show(o, err);
}
