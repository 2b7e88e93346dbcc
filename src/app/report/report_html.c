/* One page that needs nothing else: no scripts, no links out. Every text goes through html_text.
 *
 * The page of a job of many accounts begins with a table of them, and hides the folders of each until
 * they are asked for. Browsers give up on a million cells, hidden or not: so with more than
 * ACCOUNTS_WHOLE accounts those that are complete without a warning have their row and nothing else,
 * and the page says which files have the rest. */
#include <inttypes.h>

#include "app/job/excluded.h"
#include "app/job/history.h"
#include "app/report/report.h"
#include "base/clock.h"
#include "base/event.h"

enum { ACCOUNTS_WHOLE = 500 };

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\""
    " content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<title>imex report</title>\n<style>\n"
    "body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:76em;padding:0 1em;"
    "color:#1b1f24;background:#fff}\n"
    "table{border-collapse:collapse;width:100%;margin:.7em 0 1.4em}\n"
    "th,td{padding:.3em .6em;border-bottom:1px solid #d5d9de;text-align:left;"
    "vertical-align:top;overflow-wrap:anywhere}\n"
    "th{background:#f1f3f5}\n"
    ".n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}\n"
    ".good{color:#14632b}\n.warn{color:#7a4d00}\n.bad{color:#a3101c}\n"
    "code{overflow-wrap:anywhere}\nsummary{cursor:pointer}\n"
    "section{content-visibility:auto;contain-intrinsic-size:auto 8em}\n"
    "@media(prefers-color-scheme:dark){body{color:#e4e7ea;background:#15181b}"
    "th{background:#23282d}th,td{border-color:#3a4147}"
    ".good{color:#7fd696}.warn{color:#f0c060}.bad{color:#ff8a8f}}\n"
    "</style>\n</head>\n<body>\n";

static const char folders_head[] =
    "<th class=\"n\">Listed</th><th class=\"n\">Stored</th>"
    "<th class=\"n\">Excluded</th><th class=\"n\">Gone</th><th class=\"n\">Not good</th>"
    "<th class=\"n\">Deleted since</th><th class=\"n\">Size</th><th>Proof</th></tr>\n";

static const char accounts_head[] =
    "<table>\n<tr><th>Account</th><th>State</th><th class=\"n\">Listed</th>"
    "<th class=\"n\">Stored</th><th class=\"n\">Not good</th><th class=\"n\">Size</th>"
    "<th class=\"n\">Folders proved</th><th class=\"n\">Warnings</th><th>Error</th></tr>\n";

static const char runs_head[] =
    "<table>\n<tr><th>Begun</th><th>End</th><th>By</th><th>On</th><th>Version</th>"
    "<th>Command line</th></tr>\n";

static const char problems_head[] =
    "<h3>Messages without a good verdict</h3>\n<table>\n"
    "<tr><th>Folder</th><th class=\"n\">UID</th><th>Verdict</th><th>Reason</th><th>From</th>"
    "<th>Date</th><th>Subject</th><th>Message-ID</th><th>Reply of the server</th></tr>\n";

static const char excluded_head[] =
    "<h3>Messages left out by the selection</h3>\n<table>\n"
    "<tr><th>Folder</th><th class=\"n\">Messages</th><th>Reason</th><th>UIDs</th></tr>\n";

static const char warnings_head[] =
    "<h3>Warnings</h3>\n<table>\n<tr><th class=\"n\">Event</th><th>Folder</th>"
    "<th class=\"n\">UID</th><th>What</th></tr>\n";

void
html_text(struct out *o, const char *text)
{
	struct buf shown;

	buf_init(&shown, 256 * 1024);
	text_visible(slice_str(text), &shown);
	for (size_t i = 0; i < shown.len; i++) {
		char c = shown.data[i];

		if (c == '<')
			buf_add_str(&o->buf, "&lt;");
		else if (c == '>')
			buf_add_str(&o->buf, "&gt;");
		else if (c == '&')
			buf_add_str(&o->buf, "&amp;");
		else if (c == '"')
			buf_add_str(&o->buf, "&quot;");
		else if (c == '\'')
			buf_add_str(&o->buf, "&#39;");
		else
			buf_add_byte(&o->buf, c);
	}
	buf_done(&shown);
	out_str(o, "");
}

static void
html_cell(struct out *o, const char *text)
{
	out_str(o, "<td>");
	html_text(o, text ? text : "");
	out_str(o, "</td>");
}

static void
html_number(struct out *o, uint64_t n)
{
	char text[HUMAN_MAX];

	human_count(n, text);
	out_printf(o, "<td class=\"n\">%s</td>", text);
}

static const char *
outcome_class(int exit_code)
{
	return exit_code == 0 ? "good" : exit_code == 1 ? "warn" : "bad";
}

/* None were taken of a folder that no run has come to the end of. */
static void
html_counts(struct out *o, const struct folder_proof *p)
{
	if (p->at_ms == 0)
		return;
	out_printf(o, " (EXISTS %u, ", p->exists);
	if (p->searched_known)
		out_printf(o, "SEARCH %u, ", p->searched);
	out_printf(o, "FETCH %u%s)", p->fetched, p->carried ? ", carried over" : "");
}

static void
html_proof(struct out *o, const struct folder_rec *f)
{
	const struct folder_proof *p = &f->proof;
	char at[ISO_MAX];

	if (f->excluded) {
		out_str(o, "<td>excluded by the selection</td>");
		return;
	}
	out_printf(o, "<td class=\"%s\">", p->proved ? "good" : f->vanished ? "warn" : "bad");
	if (f->vanished) {
		out_str(o, "no longer on the server");
	} else if (p->proved) {
		clock_iso(p->at_ms, at);
		out_printf(o, "complete up to UIDNEXT %u at %s", p->uidnext, at);
	} else {
		out_str(o, "not proved");
	}
	html_counts(o, p);
	if (p->why && *p->why) {
		out_str(o, "<br>");
		html_text(o, p->why);
	}
	out_str(o, "</td>");
}

static uint64_t
not_good(const struct folder_rec *f)
{
	struct tally t = { 0 };

	for (int v = 0; v < VERDICTS; v++)
		t.verdicts[v] = f->verdicts[v];
	return tally_not_good(&t);
}

static void
html_folder(struct out *o, const struct folder_rec *f, bool dest)
{
	char bytes[HUMAN_MAX];
	struct buf name;

	buf_init(&name, 64 * 1024);
	human_bytes(f->bytes, bytes);
	out_str(o, "<tr>");
	html_cell(o, report_name(f->name, &name));
	if (dest)
		html_cell(o, report_name(f->path, &name));
	html_number(o, f->listed);
	html_number(o, f->verdicts[VERDICT_STORED]);
	html_number(o, f->verdicts[VERDICT_EXCLUDED]);
	html_number(o, f->verdicts[VERDICT_GONE] + f->verdicts[VERDICT_PHANTOM]);
	html_number(o, not_good(f));
	html_number(o, f->expunged);
	out_printf(o, "<td class=\"n\">%s</td>", bytes);
	html_proof(o, f);
	out_str(o, "</tr>\n");
	buf_done(&name);
}

/* hidden: until somebody opens it. */
static void
html_folders(struct out *o, const struct account_report *ar, bool hidden)
{
	if (hidden)
		out_printf(o, "<details><summary>%zu folder%s</summary>\n", ar->n_folders,
		    ar->n_folders == 1 ? "" : "s");
	out_str(o, "<table>\n<tr><th>Folder</th>");
	out_str(o, ar->dest ? "<th>Folder there</th>" : "");
	out_str(o, folders_head);
	for (size_t i = 0; i < ar->n_folders; i++)
		html_folder(o, &ar->folder[i], ar->dest != NULL);
	out_str(o, hidden ? "</table>\n</details>\n" : "</table>\n");
}

static void
html_problem(struct out *o, const char *folder, const struct problem *p)
{
	out_str(o, "<tr>");
	html_cell(o, folder);
	html_number(o, p->uid);
	html_cell(o, verdict_name(p->verdict));
	html_cell(o, p->reason);
	html_cell(o, p->from);
	html_cell(o, p->date);
	html_cell(o, p->subject);
	html_cell(o, p->message_id);
	out_str(o, "<td><code>");
	html_text(o, p->reply ? p->reply : "");
	out_str(o, "</code></td></tr>\n");
}

static int
html_problems(struct report *r, const struct account_report *ar, struct out *o, struct err *err)
{
	bool any = false;
	struct arena a;
	struct buf name;
	int rc = 0;

	arena_init(&a, 64 * 1024 * 1024);
	buf_init(&name, 64 * 1024);
	for (size_t i = 0; i < ar->n_folders && rc == 0; i++) {
		struct problem *problem;
		size_t n = 0;

		rc = report_problems(r, &ar->folder[i], &a, &problem, &n, err);
		for (size_t k = 0; k < n; k++) {
			if (!any)
				out_str(o, problems_head);
			any = true;
			html_problem(o, report_name(ar->folder[i].name, &name), &problem[k]);
		}
	}
	if (any)
		out_str(o, "</table>\n");
	buf_done(&name);
	arena_done(&a);
	return rc;
}

static void
html_exclusion(struct out *o, const char *folder, const struct exclusion *e)
{
	enum { UIDS_MAX = 2000 };
	struct buf uids;

	buf_init(&uids, UIDS_MAX + 64);
	excluded_uids(e, UIDS_MAX, &uids);
	out_str(o, "<tr>");
	html_cell(o, folder);
	html_number(o, e->count);
	html_cell(o, e->reason);
	html_cell(o, uids.data);
	out_str(o, "</tr>\n");
	buf_done(&uids);
}

static int
html_excluded(const struct report *r, const struct account_report *ar, struct out *o,
    struct err *err)
{
	struct buf name;
	int rc = 0;

	if (ar->sum.verdicts[VERDICT_EXCLUDED] == 0)
		return 0;
	buf_init(&name, 64 * 1024);
	out_str(o, excluded_head);
	for (size_t i = 0; i < ar->n_folders && rc == 0; i++) {
		struct excluded x;

		rc = excluded_read(&x, r->state, &ar->folder[i], err);
		for (size_t k = 0; rc == 0 && k < x.len; k++)
			html_exclusion(o, report_name(ar->folder[i].name, &name), &x.item[k]);
		if (rc == 0)
			excluded_done(&x);
	}
	out_str(o, "</table>\n");
	buf_done(&name);
	return rc;
}

static void
html_warnings(struct out *o, const struct account_report *ar)
{
	struct buf name;

	if (ar->n_warnings == 0)
		return;
	buf_init(&name, 64 * 1024);
	out_str(o, warnings_head);
	for (size_t i = 0; i < ar->n_warnings; i++) {
		const struct warning *w = &ar->warning[i];

		out_printf(o, "<tr><td class=\"n\">%d</td>", w->event);
		html_cell(o, report_name(w->folder, &name));
		if (w->uid)
			html_number(o, w->uid);
		else
			out_str(o, "<td></td>");
		html_cell(o, w->text);
		out_str(o, "</tr>\n");
	}
	out_str(o, "</table>\n");
	buf_done(&name);
}

static void
html_watched(const struct report *r, const struct account_rec *a, struct out *o)
{
	struct watched w;
	char at[ISO_MAX];

	if (!watched_of(&r->watched, a->id, &w))
		return;
	clock_iso(w.since_ms, at);
	out_printf(o, "<p>Watched from %s", at);
	clock_iso(w.equal_ms, at);
	if (w.equal_ms > 0)
		out_printf(o, "; nothing was missing at %s", at);
	out_printf(o, ". %" PRIu64 " message%s came meanwhile", w.came, w.came == 1 ? "" : "s");
	if (w.rounds > 0)
		out_printf(o, "; from being told to stored: median %.1f s, longest %.1f s",
		    (double)w.median_ms / SEC, (double)w.longest_ms / SEC);
	out_str(o, ".</p>\n");
}

static void
html_heading(const struct report *r, struct out *o, const struct account_rec *a, const struct account_report *ar)
{
	char bytes[HUMAN_MAX], stored[HUMAN_MAX], listed[HUMAN_MAX];

	human_bytes(ar->sum.bytes, bytes);
	human_count(ar->sum.verdicts[VERDICT_STORED], stored);
	human_count(ar->sum.listed, listed);
	out_printf(o, "<h2 id=\"a%" PRId64 "\">", a->id);
	html_text(o, a->name);
	out_printf(o, ": %s</h2>\n", account_words(a, &ar->sum));
	if (*a->error) {
		out_str(o, "<p class=\"bad\">");
		html_text(o, a->error);
		out_str(o, "</p>\n");
	}
	out_printf(o,
	    "<p>%s of %s messages stored (%s); %" PRIu64 " of %" PRIu64
	    " folders proved complete.",
	    stored, listed, bytes, ar->sum.proved, ar->sum.folders);
	if (ar->dest) {
		out_str(o, " They went to ");
		html_text(o, ar->dest);
		out_str(o, ".");
	}
	out_str(o, "</p>\n");
	html_watched(r, a, o);
}

static int
html_account(struct report *r, const struct account_rec *a, struct out *o, struct err *err)
{
	struct account_report ar;
	int rc;

	if (report_account(r, a, &ar, err) < 0)
		return -1;
	out_str(o, "<section>\n");
	html_heading(r, o, a, &ar);
	html_folders(o, &ar, r->n_accounts > 1);
	rc = html_excluded(r, &ar, o, err);
	if (rc == 0)
		rc = html_problems(r, &ar, o, err);
	html_warnings(o, &ar);
	out_str(o, "</section>\n");
	report_account_done(&ar);
	return rc;
}

/* ---- the table of accounts ---- */

static bool
html_is_whole(const struct report *r, size_t i)
{
	return r->n_accounts <= ACCOUNTS_WHOLE || account_code(&r->account[i], &r->sum[i]) > 0;
}

static void
html_account_row(const struct report *r, size_t i, struct out *o)
{
	const struct account_rec *a = &r->account[i];
	const struct tally *sum = &r->sum[i];
	char bytes[HUMAN_MAX];
	bool whole = html_is_whole(r, i);

	human_bytes(sum->bytes, bytes);
	out_str(o, "<tr><td>");
	if (whole)
		out_printf(o, "<a href=\"#a%" PRId64 "\">", a->id);
	html_text(o, a->name);
	out_printf(o, "%s</td><td class=\"%s\">%s</td>", whole ? "</a>" : "",
	    outcome_class(account_code(a, sum)), account_words(a, sum));
	html_number(o, sum->listed);
	html_number(o, sum->verdicts[VERDICT_STORED]);
	html_number(o, tally_not_good(sum));
	out_printf(o,
	    "<td class=\"n\">%s</td><td class=\"n\">%" PRIu64 " of %" PRIu64 "</td>", bytes,
	    sum->proved, sum->folders);
	html_number(o, a->warnings);
	html_cell(o, a->error);
	out_str(o, "</tr>\n");
}

static void
html_account_table(const struct report *r, struct out *o)
{
	char n[HUMAN_MAX];

	human_count(r->n_accounts, n);
	out_printf(o, "<h2>%s accounts</h2>\n", n);
	if (r->n_accounts > ACCOUNTS_WHOLE)
		out_str(o,
		    "<p>Folders are shown of the accounts that are not complete or have warnings; "
		    "report.csv and report.json beside this page have those of all.</p>\n");
	out_str(o, accounts_head);
	for (size_t i = 0; i < r->n_accounts; i++)
		html_account_row(r, i, o);
	out_str(o, "</table>\n");
}

static void
html_runs(const struct report *r, struct out *o)
{
	size_t from = report_runs_from(r);
	char text[ISO_MAX > 32 ? ISO_MAX : 32];

	if (r->n_runs == 0)
		return;
	out_printf(o, "<h2>Runs: %zu%s</h2>\n", r->n_runs, from > 0 ? ", of these the last" : "");
	out_str(o, runs_head);
	for (size_t i = from; i < r->n_runs; i++) {
		const struct run_rec *run = &r->run[i];

		clock_iso(run->started_ms, text);
		out_printf(o, "<tr><td>%s</td>", text);
		html_cell(o, history_end(run, text));
		html_cell(o, run->who);
		html_cell(o, run->host);
		html_cell(o, run->version);
		html_cell(o, run->options);
		out_str(o, "</tr>\n");
	}
	out_str(o, "</table>\n");
}

static void
html_beyond(const struct report *r, struct out *o)
{
	if (!report_tells_beyond(r))
		return;
	out_str(o, "<h2>What IMAP does not carry</h2>\n<p>Nothing was copied of:</p>\n<ul>\n");
	for (size_t i = 0; report_beyond[i] != NULL; i++)
		out_printf(o, "<li>%s</li>\n", report_beyond[i]);
	out_str(o, "</ul>\n");
}

int
report_html(struct report *r, struct out *o, struct err *err)
{
	static const char *const outcome[] = { "complete", "complete with warnings", "incomplete" };
	int rc = 0;

	out_str(o, head);
	out_printf(o, "<h1>imex report: <span class=\"%s\">%s</span></h1>\n",
	    outcome_class(r->exit_code), outcome[r->exit_code]);
	out_str(o, "<p>imex " IMEX_VERSION ", ");
	report_kind(r, o);
	out_str(o, ".</p>\n");
	if (r->n_accounts > 1)
		html_account_table(r, o);
	for (size_t i = 0; i < r->n_accounts && rc == 0; i++)
		if (html_is_whole(r, i))
			rc = html_account(r, &r->account[i], o, err);
	html_beyond(r, o);
	html_runs(r, o);
	out_str(o, "</body>\n</html>\n");
	return rc;
}
