#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "app/job/ceilings.h"
#include "app/job/jobdir.h"
#include "app/report/ready.h"
#include "app/report/report.h"
#include "app/run/orders.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

/* What the process that runs the job says of it. */
struct runner_said {
	pid_t pid;		/* 0: no process */
	char held[64];		/* "paused"; "": it is not held */
};

/* Of another process, which was killed, it does not count. */
static int
status_held(struct report *r, struct runner_said *said, struct err *err)
{
	AUTO(mem_free_str) char *note = NULL;

	if (said->pid == 0)
		return 0;
	if (state_note_get(r->state, orders_note, &note, err) < 0)
		return -1;
	if (!note)
		return 0;

	json_t *j = json_loads(note, JSON_REJECT_DUPLICATES, NULL);
	const char *words = json_string_value(json_object_get(j, "words"));

	if (words && json_integer_value(json_object_get(j, "process")) == said->pid)
		snprintf(said->held, sizeof(said->held), "%s", words);
	json_decref(j);
	return 0;
}

/* One that is watched or has still to be worked on, and no wait of its own. */
static bool
status_is_held(const struct account_rec *a, const struct runner_said *said, const char *watching)
{
	return said->held[0] != '\0' &&
	       (watching || a->status == ACCOUNT_QUEUED || a->status == ACCOUNT_NEW ||
		   (a->status == ACCOUNT_WAITING && a->retry_at_ms == 0));
}

/* The process that runs the job watches this account; NULL: no. */
static const char *
status_watching(const struct report *r, const struct account_rec *a, pid_t pid)
{
	struct watched w;

	return pid > 0 && a->status == ACCOUNT_DONE && watched_of(&r->watched, a->id, &w) && w.now
		   ? "watching"
		   : NULL;
}

/* Of a run that is over an account waits for the time before which it may not go on, which was told to a run to come.
 * Once that is past, and of one that was killed while the run was held, nobody waits for anything. */
static bool
status_waits(const struct account_rec *a, const struct runner_said *said)
{
	return a->status == ACCOUNT_WAITING &&
	       (said->pid > 0 || a->retry_at_ms > clock_wall_ms());
}

static const char *
status_words(const struct account_rec *a, const struct tally *sum, const struct runner_said *said)
{
	bool left = a->status == ACCOUNT_WAITING && !status_waits(a, said);

	return left ? "unfinished" : account_words(a, sum);
}

static void
status_text(const struct account_rec *a, const struct tally *sum, const char *dest,
    const struct runner_said *said, const char *watching, struct out *o)
{
	char listed[HUMAN_MAX], stored[HUMAN_MAX], bytes[HUMAN_MAX];
	uint64_t bad = tally_not_good(sum);
	bool held = status_is_held(a, said, watching);

	human_count(sum->listed, listed);
	human_count(sum->verdicts[VERDICT_STORED], stored);
	human_bytes(sum->bytes, bytes);
	out_visible(o, a->name);
	if (dest) {
		out_str(o, " to ");
		out_visible(o, dest);
	}
	if (held) {
		out_str(o, ": ");
		out_visible(o, said->held);
	} else if (a->retry_at_ms > 0 && status_waits(a, said)) {
		char at[ISO_MAX];

		clock_iso(a->retry_at_ms, at);
		out_printf(o, ": waiting until %s", at);
	} else if (a->status == ACCOUNT_RUNNING && said->pid > 0) {
		/* Several may share the job. */
		long pid = a->process > 0 ? (long)a->process : (long)said->pid;

		out_printf(o, ": running (process %ld)", pid);
	} else if (watching) {
		out_printf(o, ": %s (process %ld)", watching, (long)said->pid);
	} else {
		out_printf(o, ": %s", status_words(a, sum, said));
	}
	out_printf(o, ", %s/%s messages, %s, %" PRIu64 "/%" PRIu64 " folders", stored, listed,
	    bytes, sum->proved, sum->folders);
	if (sum->verdicts[VERDICT_EXCLUDED] > 0)
		out_printf(o, ", %" PRIu64 " excluded", sum->verdicts[VERDICT_EXCLUDED]);
	if (bad > 0)
		out_printf(o, ", %" PRIu64 " not good", bad);
	if (a->warnings > 0)
		out_printf(o, ", %" PRIu64 " warning%s", a->warnings, a->warnings == 1 ? "" : "s");
	if (*a->error && !held) {
		out_str(o, ": ");
		out_visible(o, a->error);
	}
	out_str(o, "\n");
}

static void
status_json(const struct account_rec *a, const struct tally *sum, const char *dest,
    const struct runner_said *said, const char *watching, struct out *o)
{
	struct buf *b = &o->buf;
	const char *now = watching && said->held[0] ? account_status_name(ACCOUNT_WAITING) : watching;
	char at[ISO_MAX];

	json_open(b, NULL);
	json_put_text(b, "account", slice_str(a->name));
	json_put_text(b, "dir", slice_str(a->dir));
	json_put_str(b, "dest", dest);
	json_put_str(b, "status", now ? now : account_status_name(a->status));
	json_put_str(b, "words", status_words(a, sum, said));
	json_put_int(b, "folders", (int64_t)sum->folders);
	json_put_int(b, "proved", (int64_t)sum->proved);
	json_put_int(b, "listed", (int64_t)sum->listed);
	json_put_int(b, "stored", (int64_t)sum->verdicts[VERDICT_STORED]);
	json_put_int(b, "excluded", (int64_t)sum->verdicts[VERDICT_EXCLUDED]);
	json_put_int(b, "not_good", (int64_t)tally_not_good(sum));
	json_put_int(b, "bytes", (int64_t)sum->bytes);
	json_put_int(b, "warnings", (int64_t)a->warnings);
	json_put_text(b, "error", slice_str(a->error));
	if (a->retry_at_ms > 0)
		clock_iso(a->retry_at_ms, at);
	json_put_str(b, "retry_at", a->retry_at_ms > 0 ? at : NULL);
	json_put_int(b, "attempts", a->attempts);
	if (a->status == ACCOUNT_RUNNING && a->process > 0)
		json_put_int(b, "process", a->process);
	json_close(b);
	out_check(o);
}

static void
status_accounts(struct report *r, bool json, const struct runner_said *said, struct out *o)
{
	struct arena a;

	arena_init(&a, 64 * 1024);
	for (size_t i = 0; i < r->n_accounts; i++) {
		const char *dest = report_account_dest(r, &r->account[i], &a);

		const char *watching = status_watching(r, &r->account[i], said->pid);

		if (json)
			status_json(&r->account[i], &r->sum[i], dest, said, watching, o);
		else
			status_text(&r->account[i], &r->sum[i], dest, said, watching, o);
		arena_reset(&a);
	}
	arena_done(&a);
}

static int
status_print(struct report *r, bool json, struct err *err)
{
	struct runner_said said = { .pid = jobdir_at_work(r->dir) };
	struct err ignored;
	struct out o;
	int rc = 0;

	if (status_held(r, &said, err) < 0)
		return -1;
	out_open(&o, STDOUT_FILENO);
	if (json) {
		json_open(&o.buf, NULL);
		json_put_str(&o.buf, "imex", IMEX_VERSION);
		json_put_int(&o.buf, "exit_code", r->exit_code);
		json_put_int(&o.buf, "process", said.pid);
		json_put_str(&o.buf, "held", said.held[0] ? said.held : NULL);
		json_open_array(&o.buf, "accounts");
	}
	if (!json && said.held[0])
		out_printf(&o, "%s (process %ld)\n", said.held, (long)said.pid);
	status_accounts(r, json, &said, &o);
	if (json) {
		json_close_array(&o.buf);
		rc = ceilings_json(r->state, &o.buf, err);
		json_close(&o.buf);
		buf_add_byte(&o.buf, '\n');
	} else if (r->n_accounts == 0) {
		out_str(&o, "no account yet\n");
	} else {
		rc = ceilings_text(r->state, &o, err);
	}
	return out_close(&o, rc < 0 ? &ignored : err) < 0 || rc < 0 ? -1 : 0;
}

static int
status_once(const struct options *o, struct err *err)
{
	const char *dir = o->word[0];
	struct state *t = NULL;
	struct report r;
	int rc;

	if (jobdir_require(dir, err) < 0 || state_open(&t, dir, STATE_READ, err) < 0)
		return -1;
	rc = report_open(&r, t, dir, false, err);
	if (rc == 0) {
		rc = o->ready_ms > 0 ? ready_print(&r, o->ready_ms, o->json, err)
				     : status_print(&r, o->json, err);
		report_done(&r);
	}
	state_close(&t);
	return rc;
}

/* ---- again and again ---- */

static volatile sig_atomic_t watch_code;

/* Whatever it is at: it has nothing open that would be harmed. */
static void
watch_over(int number)
{
	(void)number;
	_exit(watch_code);
}

/* On a terminal over what was there; elsewhere below it. */
static int
watch_head(const struct options *o, struct err *err)
{
	char now[ISO_MAX];
	struct out out;

	if (o->json)
		return 0;
	out_open(&out, STDOUT_FILENO);
	if (isatty(STDOUT_FILENO))
		out_str(&out, "\033[H\033[J");
	clock_iso(clock_wall_ms(), now);
	out_visible(&out, o->word[0]);
	out_printf(&out, " at %s\n", now);
	return out_close(&out, err);
}

/* Whether a run goes on is asked first: its end is seen, too. */
static int
status_watch(const struct options *o, struct err *err)
{
	const struct timespec every = { .tv_sec = o->every_ms / SEC,
		.tv_nsec = o->every_ms % SEC * 1000000L };
	const struct sigaction over = { .sa_handler = watch_over };

	sigaction(SIGINT, &over, NULL);
	sigaction(SIGTERM, &over, NULL);
	for (;;) {
		bool runs = jobdir_at_work(o->word[0]) != 0;
		int rc = watch_head(o, err) < 0 ? -1 : status_once(o, err);

		if (rc < 0 || !runs)
			return rc;
		watch_code = rc;
		nanosleep(&every, NULL);
	}
}

int
cmd_status(struct options *o, struct err *err)
{
	return o->every_ms > 0 ? status_watch(o, err) : status_once(o, err);
}
