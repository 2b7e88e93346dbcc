#include "app/report/meter.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "app/cli/cells.h"
#include "app/cli/out.h"
#include "base/clock.h"
#include "base/event.h"
#include "base/json.h"
#include "base/mem.h"

enum { FIELD_MAX = 96 };

/* ---- reading ---- */

static double
meter_smooth(double old, double now, double seconds)
{
	double weight = seconds / (seconds + 5);

	return old <= 0 ? now : old + (now - old) * weight;
}

static void
meter_rates(struct meter *m, const struct view *v, int64_t now_ms)
{
	double seconds = (double)(now_ms - m->last_ms) / SEC;

	if (m->last_ms == 0) {
		m->start_ms = now_ms;
	} else if (seconds < 0.05) {
		return;
	} else {
		m->bytes_s = meter_smooth(
		    m->bytes_s, (double)(v->bytes_done - m->last_bytes) / seconds, seconds);
		m->messages_s = meter_smooth(m->messages_s,
		    (double)(v->messages_done - m->last_messages) / seconds, seconds);
	}
	m->last_ms = now_ms;
	m->last_bytes = v->bytes_done;
	m->last_messages = v->messages_done;
}

static int64_t
view_time(uint64_t left, uint64_t rate_s)
{
	return rate_s > 0 ? (int64_t)(left / rate_s) : -1;
}

/* By bytes where the total is known, for messages differ in size by six orders. */
static int64_t
view_eta(const struct view *v)
{
	if (v->bytes_total > v->bytes_done)
		return view_time(v->bytes_total - v->bytes_done, v->bytes_s);
	if (v->messages_total > v->messages_done)
		return view_time(v->messages_total - v->messages_done, v->messages_s);
	return -1;
}

static void
view_accounts(struct progress_all *p, unsigned running, struct view *v)
{
	v->accounts_total = atomic_load(&p->accounts_total);
	v->accounts_done = atomic_load(&p->accounts_done);
	v->accounts_failed = atomic_load(&p->accounts_failed);
	v->accounts_waiting = atomic_load(&p->accounts_waiting);
	v->accounts_running = running;
}

void
meter_read(struct meter *m, struct progress_all *p, int64_t now_ms, struct view *ret)
{
	struct view v = { 0 };
	struct progress_sum sum;
	int64_t until_ms;
	unsigned running = progress_read(
	    p, &sum, &v.waiting, &until_ms, v.folder, sizeof(v.folder));

	v.folders_done = sum.folders_done;
	v.folders_total = sum.folders_total;
	v.problems = sum.problems;
	v.messages_done = sum.messages_done;
	v.messages_total = sum.messages_total;
	v.messages_new = sum.messages_new;
	v.bytes_done = sum.bytes_done;
	v.bytes_total = sum.bytes_total;
	view_accounts(p, running, &v);
	/* Nobody is at work: the list waits for those that were told to. */
	if (running == 0 && v.accounts_waiting > 0) {
		v.waiting = WAITING_BACKOFF;
		until_ms = atomic_load(&p->waiting_until_ms);
	}
	/* Those that still come to their end are of no interest. */
	if (atomic_load(&p->held) != WAITING_NOTHING)
		v.waiting = (enum waiting)atomic_load(&p->held);
	meter_rates(m, &v, now_ms);
	v.bytes_s = (uint64_t)m->bytes_s;
	v.messages_s = (uint64_t)lround(m->messages_s);
	v.elapsed_s = (now_ms - m->start_ms) / SEC;
	if (v.waiting == WAITING_BACKOFF && until_ms > now_ms)
		v.wait_s = (until_ms - now_ms + SEC - 1) / SEC;
	v.eta_s = view_eta(&v);
	*ret = v;
}

/* ---- for people ---- */

static const char *
view_waiting(enum waiting w)
{
	switch (w) {
	case WAITING_NOTHING:
		return "";
	case WAITING_CONNECT:
		return "connecting";
	case WAITING_LOGIN:
		return "logging in";
	case WAITING_SERVER:
		return "waiting for the server";
	case WAITING_DISK:
		return "waiting for the disk";
	case WAITING_BACKOFF:
		return "the server asked to wait";
	case WAITING_PAUSED:
		return "paused";
	case WAITING_HOURS:
		return "waiting for --hours";
	case WAITING_PLACE:
		return "waiting for a connection";
	}
	return "";
}

static void
field_accounts(const struct view *v, char *out)
{
	char done[HUMAN_MAX], total[HUMAN_MAX];

	if (v->accounts_total == 0)
		return;
	human_count(v->accounts_done, done);
	human_count(v->accounts_total, total);
	snprintf(out, FIELD_MAX, "%s/%s accounts", done, total);
}

static void
field_running(const struct view *v, char *out)
{
	int n = 0;

	if (v->accounts_total == 0)
		return;
	n = snprintf(out, FIELD_MAX, "%u running", v->accounts_running);
	if (v->accounts_waiting > 0)
		n += snprintf(out + n, FIELD_MAX - (size_t)n, ", %u waiting", v->accounts_waiting);
	if (v->accounts_failed > 0)
		snprintf(out + n, FIELD_MAX - (size_t)n, ", %u failed", v->accounts_failed);
}

static void
field_folders(const struct view *v, char *out)
{
	if (v->accounts_total > 0)
		return;
	snprintf(out, FIELD_MAX, "%u/%u folders", v->folders_done, v->folders_total);
}

static void
field_messages(const struct view *v, char *out)
{
	char done[HUMAN_MAX], total[HUMAN_MAX];

	human_count(v->messages_done, done);
	human_count(
	    v->messages_total > v->messages_done ? v->messages_total : v->messages_done, total);
	snprintf(out, FIELD_MAX, "%s/%s messages", done, total);
}

static void
field_bytes(const struct view *v, char *out)
{
	char done[HUMAN_MAX], total[HUMAN_MAX];

	human_bytes(v->bytes_done, done);
	human_bytes(v->bytes_total, total);
	if (v->bytes_total > v->bytes_done)
		snprintf(out, FIELD_MAX, "%s of %s", done, total);
	else
		snprintf(out, FIELD_MAX, "%s", done);
}

static void
field_rate(const struct view *v, char *out)
{
	char rate[HUMAN_MAX];

	human_bytes(v->bytes_s, rate);
	if (v->bytes_s > 0)
		snprintf(out, FIELD_MAX, "%s/s", rate);
	else if (v->messages_s > 0)
		snprintf(out, FIELD_MAX, "%" PRIu64 " messages/s", v->messages_s);
}

static void
field_eta(const struct view *v, char *out)
{
	char span[HUMAN_MAX];

	if (v->eta_s < 0 || v->accounts_total > 0)
		return;
	human_span(v->eta_s, span);
	snprintf(out, FIELD_MAX, "%s left", span);
}

static void
field_problems(const struct view *v, char *out)
{
	if (v->problems > 0)
		snprintf(out, FIELD_MAX, "%u problem%s", v->problems, v->problems == 1 ? "" : "s");
}

/* Of a list the messages of accounts that have not begun are not known. */
static void
field_percent(const struct view *v, char *out)
{
	uint64_t done = v->accounts_total > 0 ? v->accounts_done : v->messages_done;
	uint64_t total = v->accounts_total > 0 ? v->accounts_total : v->messages_total;

	if (total >= done && total > 0)
		snprintf(out, FIELD_MAX, "%u%%", (unsigned)(100.0 * (double)done / (double)total));
}

/* In the order of the line; rank 1 stays longest. */
static const struct {
	void (*text)(const struct view *v, char *out);
	int rank;
} fields[] = {
	{ field_percent, 1 },
	{ field_accounts, 3 },
	{ field_running, 5 },
	{ field_folders, 7 },
	{ field_messages, 4 },
	{ field_bytes, 8 },
	{ field_rate, 9 },
	{ field_eta, 6 },
	{ field_problems, 2 },
};

void
view_numbers(const struct view *v, size_t width, struct buf *out)
{
	char text[COUNT_OF(fields)][FIELD_MAX] = { { 0 } };
	int keep = 0;
	size_t used = 0;

	for (size_t i = 0; i < COUNT_OF(fields); i++)
		fields[i].text(v, text[i]);
	for (int rank = 1; rank <= (int)COUNT_OF(fields); rank++) {
		for (size_t i = 0; i < COUNT_OF(fields); i++) {
			size_t len = strlen(text[i]);

			if (fields[i].rank == rank && len > 0)
				used += len + (used > 0 ? 2 : 0);
		}
		if (used > width)
			break;
		keep = rank;
	}
	for (size_t i = 0; i < COUNT_OF(fields); i++)
		if (fields[i].rank <= keep && text[i][0])
			buf_printf(out, "%s%s", out->len ? "  " : "", text[i]);
}

void
view_place(const struct view *v, size_t width, struct buf *out)
{
	const char *waiting = view_waiting(v->waiting);
	char tail[FIELD_MAX] = "", span[HUMAN_MAX];
	struct buf folder;

	if (v->wait_s > 0) {
		human_span(v->wait_s, span);
		snprintf(tail, sizeof(tail), "%s, %s left", waiting, span);
	} else {
		snprintf(tail, sizeof(tail), "%s", waiting);
	}
	buf_init(&folder, 4096);
	text_visible(slice_str(v->folder), &folder);
	size_t wide = cells_width(buf_slice(&folder)), needed = *tail ? strlen(tail) + 2 : 0;

	/* Of the folder's name at least ten columns are shown before the reason for waiting is. */
	if (needed + 10 > width && wide > 0)
		needed = 0;
	if (wide > 0)
		cells_column(
		    buf_slice(&folder), wide + needed > width ? width - needed : wide, out);
	if (*tail && (needed > 0 || wide == 0)) {
		struct slice part = cells_fit(slice_str(tail), width);

		buf_printf(out, "%s%.*s", wide > 0 ? ": " : "", SLICE_ARG(part));
	}
	buf_done(&folder);
}

/* ---- for programs ---- */

void
view_json(const struct view *v, bool done, struct buf *out)
{
	static const char *const waiting[] = { "nothing", "connect", "login", "server", "disk",
		"backoff", "paused", "hours", "place" };

	json_open(out, NULL);
	if (v->accounts_total > 0) {
		json_put_int(out, "accounts_total", v->accounts_total);
		json_put_int(out, "accounts_done", v->accounts_done);
		json_put_int(out, "accounts_running", v->accounts_running);
		json_put_int(out, "accounts_waiting", v->accounts_waiting);
		json_put_int(out, "accounts_failed", v->accounts_failed);
	}
	json_put_int(out, "folders_done", v->folders_done);
	json_put_int(out, "folders_total", v->folders_total);
	json_put_int(out, "messages_done", (int64_t)v->messages_done);
	json_put_int(out, "messages_total", (int64_t)v->messages_total);
	json_put_int(out, "messages_new", (int64_t)v->messages_new);
	json_put_int(out, "bytes_done", (int64_t)v->bytes_done);
	json_put_int(out, "bytes_total", (int64_t)v->bytes_total);
	json_put_int(out, "bytes_per_second", (int64_t)v->bytes_s);
	json_put_int(out, "problems", v->problems);
	json_put_int(out, "elapsed_s", v->elapsed_s);
	if (v->eta_s >= 0)
		json_put_int(out, "eta_s", v->eta_s);
	else
		json_put_null(out, "eta_s");
	json_put_text(out, "folder", slice_str(v->folder));
	json_put_str(out, "waiting", waiting[v->waiting]);
	json_put_int(out, "wait_s", v->wait_s);
	json_put_bool(out, "done", done);
	json_close(out);
	buf_add_byte(out, '\n');
}
