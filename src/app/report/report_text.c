#include <inttypes.h>
#include <string.h>

#include "app/job/excluded.h"
#include "app/job/history.h"
#include "app/report/report.h"
#include "base/clock.h"

enum { NAME_WIDTH = 30 };

static void
text_when(struct out *o, int64_t at_ms)
{
	char at[ISO_MAX];

	clock_iso(at_ms, at);
	at[16] = '\0';	/* to the minute */
	at[10] = ' ';
	out_printf(o, "%s UTC", at);
}

static const char *
text_complete(const struct folder_rec *f)
{
	if (f->excluded)
		return "excluded";
	if (f->vanished)
		return "gone";
	return f->proof.proved ? "proved" : "NO";
}

static void
text_row(struct out *o, const char *name, const struct folder_rec *f)
{
	char bytes[HUMAN_MAX];
	uint64_t stored = f->verdicts[VERDICT_STORED];

	human_bytes(f->bytes, bytes);
	out_str(o, "  ");
	out_column(o, name, NAME_WIDTH);
	out_printf(o, " %9" PRIu64 " %9" PRIu64 " %7" PRIu64 " %8s  %s\n", f->listed, stored,
	    f->listed - stored, bytes, text_complete(f));
}

static void
text_table(const struct account_report *ar, struct out *o)
{
	struct buf name;

	buf_init(&name, 64 * 1024);
	out_printf(o, "\n  %-*s %9s %9s %7s %8s  %s\n", NAME_WIDTH, "Folder", "Listed", "Stored", "Other",
	    "Size", "Complete");
	for (size_t i = 0; i < ar->n_folders; i++)
		text_row(o, report_name(ar->folder[i].name, &name), &ar->folder[i]);
	buf_done(&name);
}

static void
text_verdicts(struct out *o, const struct folder_rec *f)
{
	const char *between = "";

	out_printf(o, "    listed %" PRIu64 ": ", f->listed);
	for (int v = VERDICT_STORED; v < VERDICTS; v++) {
		if (f->verdicts[v] == 0)
			continue;
		out_printf(
		    o, "%s%s %" PRIu64, between, verdict_name((enum verdict)v), f->verdicts[v]);
		between = ", ";
	}
	if (f->verdicts[VERDICT_NONE] > 0)
		out_printf(o, "%sundecided %" PRIu64, between, f->verdicts[VERDICT_NONE]);
	else if (f->listed == 0)
		out_str(o, "nothing to store");
	out_str(o, "\n");
	if (f->expunged > f->mirrored)
		out_printf(o, "    kept although deleted on the server since: %" PRIu64 "\n",
		    f->expunged - f->mirrored);
	if (f->mirrored > 0)
		out_printf(o, "    removed, as deleted on the server since: %" PRIu64 "\n", f->mirrored);
}

/* Each of them, as ranges of UIDs: they may be many. */
static int
text_excluded(const struct report *r, const struct folder_rec *f, struct out *o, struct err *err)
{
	enum { UIDS_MAX = 2000 };
	struct excluded x;
	struct buf uids;

	if (excluded_read(&x, r->state, f, err) < 0)
		return -1;
	buf_init(&uids, UIDS_MAX + 64);
	for (size_t i = 0; i < x.len; i++) {
		buf_reset(&uids);
		excluded_uids(&x.item[i], UIDS_MAX, &uids);
		out_printf(o, "    excluded %" PRIu64 ": ", x.item[i].count);
		out_wrapped(o, x.item[i].reason, 18, 6);
		out_str(o, "      UID ");
		out_wrapped(o, uids.data, 10, 10);
	}
	buf_done(&uids);
	excluded_done(&x);
	return 0;
}

static void
text_counts(struct out *o, const struct folder_proof *p)
{
	if (p->at_ms == 0) {
		out_str(o, "\n      nothing was counted: no run has come to its end yet\n");
		return;
	}
	out_printf(o, "\n      EXISTS %u, ", p->exists);
	if (p->searched_known)
		out_printf(o, "SEARCH %u, ", p->searched);
	else
		out_str(o, "no SEARCH, ");
	out_printf(o, "FETCH %u", p->fetched);
	if (p->late > 0)
		out_printf(o, "; %u came during the run", p->late);
	out_str(o, p->carried ? "; unchanged, carried over\n" : "\n");
}

static void
text_proof(struct out *o, const struct folder_rec *f)
{
	const struct folder_proof *p = &f->proof;

	if (p->proved) {
		out_printf(o, "    complete up to UIDNEXT %u at ", p->uidnext);
		text_when(o, p->at_ms);
	} else {
		out_str(o, "    NOT PROVED");
	}
	text_counts(o, p);
	if (p->why && *p->why) {
		out_str(o, "      ");
		out_wrapped(o, p->why, 6, 6);
	}
}

static void
text_field(struct out *o, const char *label, const char *value)
{
	if (!value || !*value)
		return;
	out_printf(o, "      %-11s", label);
	out_wrapped(o, value, 17, 17);
}

static void
text_problem(struct out *o, const struct problem *p)
{
	out_printf(o, "    UID %u: %s\n", p->uid, verdict_name(p->verdict));
	text_field(o, "Reason", p->reason);
	text_field(o, "From", p->from);
	text_field(o, "Date", p->date);
	text_field(o, "Subject", p->subject);
	text_field(o, "Message-ID", p->message_id);
	text_field(o, "Reply", p->reply);
}

static int
text_folder(
    struct report *r, const struct folder_rec *f, struct arena *a, struct out *o, struct err *err)
{
	struct problem *problem;
	struct buf name;
	size_t n;

	if (report_problems(r, f, a, &problem, &n, err) < 0)
		return -1;
	buf_init(&name, 64 * 1024);
	out_str(o, "\n  ");
	out_wrapped(o, report_name(f->name, &name), 2, 4);
	if (r->to.dest && *f->path && strcmp(f->path, f->name) != 0) {
		out_str(o, "    to ");
		out_wrapped(o, report_name(f->path, &name), 7, 7);
	}
	buf_done(&name);
	if (f->vanished)
		out_str(o, "    no longer on the server so; what was stored is kept\n");
	if (f->excluded)
		out_str(o, "    excluded by the selection\n");
	if (!f->excluded) {
		text_verdicts(o, f);
		if (text_excluded(r, f, o, err) < 0)
			return -1;
		text_proof(o, f);
	}
	for (size_t i = 0; i < n; i++)
		text_problem(o, &problem[i]);
	return 0;
}

static void
text_warnings(const struct account_report *ar, struct out *o)
{
	struct buf name;

	if (ar->n_warnings == 0)
		return;
	buf_init(&name, 64 * 1024);
	out_printf(o, "\n  Warnings: %zu\n", ar->n_warnings);
	for (size_t i = 0; i < ar->n_warnings; i++) {
		const struct warning *w = &ar->warning[i];
		struct buf line;

		buf_init(&line, 256 * 1024);
		if (*w->folder)
			buf_printf(&line, "%s", report_name(w->folder, &name));
		if (w->uid)
			buf_printf(&line, "%sUID %u", line.len ? ", " : "", w->uid);
		buf_printf(&line, "%s%s", line.len ? ": " : "", w->text);
		out_printf(o, "    %-6d ", w->event);
		out_wrapped(o, line.data, 11, 11);
		buf_done(&line);
	}
	buf_done(&name);
}

static void
text_place(const struct report *r, const struct account_rec *a, const struct account_report *ar,
    struct out *o)
{
	if (ar->dest) {
		out_str(o, "  to ");
		out_visible(o, ar->dest);
	} else {
		out_str(o, "  in ");
		out_visible(o, r->dir);
		out_str(o, "/mail/");
		/* An Exchange set holds all accounts; what has the account's name are its sidecars. */
		if (strcmp(r->birth.format, "exchange") != 0)
			out_visible(o, a->dir);
	}
	out_str(o, "\n");
}

/* Seconds, to a tenth. */
static void
text_span(struct out *o, int64_t ms)
{
	out_printf(o, "%.1f s", (double)ms / 1000);
}

static void
text_watched(const struct report *r, const struct account_rec *a, struct out *o)
{
	struct watched w;

	if (!watched_of(&r->watched, a->id, &w))
		return;
	out_str(o, "  watched from ");
	text_when(o, w.since_ms);
	if (w.equal_ms > 0) {
		out_str(o, "; nothing was missing at ");
		text_when(o, w.equal_ms);
	}
	out_printf(o, "\n    %" PRIu64 " message%s came meanwhile", w.came, w.came == 1 ? "" : "s");
	if (w.rounds > 0) {
		out_str(o, "; from being told to stored: median ");
		text_span(o, w.median_ms);
		out_str(o, ", longest ");
		text_span(o, w.longest_ms);
	}
	out_str(o, "\n");
}

static void
text_heading(const struct report *r, const struct account_rec *a, const struct account_report *ar,
    struct out *o)
{
	char bytes[HUMAN_MAX], stored[HUMAN_MAX], listed[HUMAN_MAX];

	human_bytes(ar->sum.bytes, bytes);
	human_count(ar->sum.verdicts[VERDICT_STORED], stored);
	human_count(ar->sum.listed, listed);
	out_str(o, "\n");
	out_visible(o, a->name);
	out_printf(o, ": %s\n", account_words(a, &ar->sum));
	if (*a->error)
		text_field(o, "Error", a->error);
	out_printf(o,
	    "  %s of %s messages stored (%s), %" PRIu64 " of %" PRIu64 " folders proved complete\n",
	    stored, listed, bytes, ar->sum.proved, ar->sum.folders);
	text_place(r, a, ar, o);
	text_watched(r, a, o);
}

static int
text_account(struct report *r, const struct account_rec *a, struct out *o, struct err *err)
{
	struct account_report ar;
	struct arena arena;
	int rc = 0;

	if (report_account(r, a, &ar, err) < 0)
		return -1;
	arena_init(&arena, 64 * 1024 * 1024);
	text_heading(r, a, &ar, o);
	text_table(&ar, o);
	for (size_t i = 0; i < ar.n_folders && rc == 0; i++)
		rc = text_folder(r, &ar.folder[i], &arena, o, err);
	text_warnings(&ar, o);
	arena_done(&arena);
	report_account_done(&ar);
	return rc;
}

static void
text_run(struct out *o, const struct run_rec *run)
{
	char end[32];
	struct buf line;

	buf_init(&line, 256 * 1024);
	buf_printf(&line, "%s", history_end(run, end));
	if (*run->who)
		buf_printf(&line, ", by %s on %s", run->who, run->host);
	if (*run->version)
		buf_printf(&line, ", imex %s", run->version);
	if (*run->options)
		buf_printf(&line, ": %s", run->options);
	out_str(o, "  ");
	text_when(o, run->started_ms);
	out_str(o, "  ");
	out_wrapped(o, line.data, 24, 6);
	buf_done(&line);
}

static void
text_runs(const struct report *r, struct out *o)
{
	size_t from = report_runs_from(r);

	if (r->n_runs == 0)
		return;
	out_printf(o, from > 0 ? "\nRuns: %zu, of these the last\n" : "\nRuns: %zu\n", r->n_runs);
	for (size_t i = from; i < r->n_runs; i++)
		text_run(o, &r->run[i]);
}

static void
text_beyond(const struct report *r, struct out *o)
{
	struct buf line;

	if (!report_tells_beyond(r))
		return;
	buf_init(&line, 4096);
	for (size_t i = 0; report_beyond[i] != NULL; i++)
		buf_printf(&line, "%s%s", i > 0 ? "; " : "", report_beyond[i]);
	out_str(o, "\nIMAP does not carry, and so nothing was copied of:\n  ");
	out_wrapped(o, line.data, 2, 2);
	buf_done(&line);
}

int
report_text(struct report *r, struct out *o, struct err *err)
{
	static const char *const outcome[] = { "complete", "complete with warnings", "incomplete" };
	int rc = 0;

	out_str(o, "imex " IMEX_VERSION ", job ");
	out_visible(o, r->dir);
	out_printf(o, ": %s\n", r->n_accounts == 0 ? "nothing done yet" : outcome[r->exit_code]);
	report_kind(r, o);
	out_str(o, "\n");
	for (size_t i = 0; i < r->n_accounts && rc == 0; i++)
		rc = text_account(r, &r->account[i], o, err);
	text_beyond(r, o);
	text_runs(r, o);
	return rc;
}
