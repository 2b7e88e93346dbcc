#include "app/job/excluded.h"
#include "app/report/report.h"
#include "base/clock.h"
#include "base/json.h"

static void
json_put_u64(struct buf *b, const char *key, uint64_t n)
{
	json_put_int(b, key, (int64_t)n);
}

static void
json_verdicts(struct buf *b, const uint64_t *verdicts)
{
	for (int v = VERDICT_STORED; v < VERDICTS; v++)
		json_put_u64(b, verdict_name((enum verdict)v), verdicts[v]);
	if (verdicts[VERDICT_NONE] > 0)
		json_put_u64(b, "undecided", verdicts[VERDICT_NONE]);
}

static void
json_proof(struct buf *b, const struct folder_proof *p)
{
	char at[ISO_MAX];

	json_open(b, "proof");
	json_put_u64(b, "exists", p->exists);
	if (p->searched_known)
		json_put_u64(b, "searched", p->searched);
	else
		json_put_null(b, "searched");
	json_put_u64(b, "fetched", p->fetched);
	json_put_u64(b, "uidnext", p->uidnext);
	if (p->at_ms > 0) {
		clock_iso(p->at_ms, at);
		json_put_str(b, "at", at);
	} else {
		json_put_null(b, "at");
	}
	json_put_bool(b, "carried", p->carried);
	json_put_u64(b, "late", p->late);
	json_put_str(b, "why", p->why);
	json_close(b);
}

static void
json_problem(struct buf *b, const struct problem *p)
{
	json_open(b, NULL);
	json_put_u64(b, "uid", p->uid);
	json_put_str(b, "verdict", verdict_name(p->verdict));
	json_put_text(b, "reason", slice_str(p->reason));
	json_put_text(b, "from", slice_str(p->from));
	json_put_text(b, "date", slice_str(p->date));
	json_put_text(b, "subject", slice_str(p->subject));
	json_put_text(b, "message_id", slice_str(p->message_id));
	json_put_text(b, "reply", slice_str(p->reply));
	json_put_str(b, "set_aside", report_set_aside(p));
	json_close(b);
}

static int
json_problems(
    struct report *r, const struct folder_rec *f, struct arena *a, struct out *o, struct err *err)
{
	struct problem *problem;
	size_t n;

	if (report_problems(r, f, a, &problem, &n, err) < 0)
		return -1;
	json_open_array(&o->buf, "problems");
	for (size_t i = 0; i < n; i++) {
		json_problem(&o->buf, &problem[i]);
		out_check(o);
	}
	json_close_array(&o->buf);
	return 0;
}

static int
json_excluded(const struct report *r, const struct folder_rec *f, struct out *o, struct err *err)
{
	enum { UIDS_MAX = 1024 * 1024 };
	struct excluded x;
	struct buf uids;

	if (excluded_read(&x, r->state, f, err) < 0)
		return -1;
	buf_init(&uids, UIDS_MAX + 64);
	json_open_array(&o->buf, "excluded_messages");
	for (size_t i = 0; i < x.len; i++) {
		buf_reset(&uids);
		excluded_uids(&x.item[i], UIDS_MAX, &uids);
		json_open(&o->buf, NULL);
		json_put_str(&o->buf, "reason", x.item[i].reason);
		json_put_u64(&o->buf, "count", x.item[i].count);
		json_put_str(&o->buf, "uids", uids.data);
		json_close(&o->buf);
		out_check(o);
	}
	json_close_array(&o->buf);
	buf_done(&uids);
	excluded_done(&x);
	return 0;
}

static int
json_folder(
    struct report *r, const struct folder_rec *f, struct arena *a, struct out *o, struct err *err)
{
	struct buf *b = &o->buf, name;

	buf_init(&name, 64 * 1024);
	json_open(b, NULL);
	json_put_str(b, "name", report_name(f->name, &name));
	json_put_text(b, "wire_name", slice_str(f->name));
	json_put_text(b, "path", slice_str(f->path));
	json_put_str(b, "dest_name", r->to.dest && *f->path ? report_name(f->path, &name) : NULL);
	buf_done(&name);
	json_put_str(b, "special_use", f->special_use);
	json_put_bool(b, "subscribed", f->subscribed);
	json_put_bool(b, "excluded_by_selection", f->excluded);
	json_put_bool(b, "vanished", f->vanished);
	json_put_u64(b, "uidvalidity", f->uidvalidity);
	json_put_u64(b, "listed", f->listed);
	json_verdicts(b, f->verdicts);
	json_put_u64(b, "expunged", f->expunged);
	json_put_u64(b, "mirrored", f->mirrored);
	json_put_u64(b, "bytes", f->bytes);
	json_put_bool(b, "proved", f->proof.proved);
	json_proof(b, &f->proof);
	if (json_excluded(r, f, o, err) < 0 || json_problems(r, f, a, o, err) < 0)
		return -1;
	json_close(b);
	out_check(o);
	return 0;
}

static void
json_warnings(const struct account_report *ar, struct out *o)
{
	struct buf name;

	buf_init(&name, 64 * 1024);
	json_open_array(&o->buf, "warnings");
	for (size_t i = 0; i < ar->n_warnings; i++) {
		const struct warning *w = &ar->warning[i];

		json_open(&o->buf, NULL);
		json_put_int(&o->buf, "event", w->event);
		json_put_str(&o->buf, "folder", report_name(w->folder, &name));
		json_put_u64(&o->buf, "uid", w->uid);
		json_put_text(&o->buf, "text", slice_str(w->text));
		json_close(&o->buf);
		out_check(o);
	}
	json_close_array(&o->buf);
	buf_done(&name);
}

static int
json_folders(struct report *r, const struct account_report *ar, struct out *o, struct err *err)
{
	struct arena a;
	int rc = 0;

	arena_init(&a, 64 * 1024 * 1024);
	json_open_array(&o->buf, "folders");
	for (size_t i = 0; i < ar->n_folders && rc == 0; i++)
		rc = json_folder(r, &ar->folder[i], &a, o, err);
	json_close_array(&o->buf);
	arena_done(&a);
	return rc;
}

static void
json_when(struct buf *b, const char *key, int64_t at_ms)
{
	char at[ISO_MAX];

	if (at_ms > 0)
		clock_iso(at_ms, at);
	json_put_str(b, key, at_ms > 0 ? at : NULL);
}

/* Left out for an account that was never watched. Milliseconds from the server telling of mail, or the look that found
 * it, to its being stored. */
static void
json_watched(const struct report *r, const struct account_rec *a, struct out *o)
{
	struct buf *b = &o->buf;
	struct watched w;

	if (!watched_of(&r->watched, a->id, &w))
		return;
	json_open(b, "watched");
	json_when(b, "since", w.since_ms);
	json_when(b, "equal", w.equal_ms);
	json_put_u64(b, "came", w.came);
	if (w.rounds > 0) {
		json_put_int(b, "lag_median_ms", w.median_ms);
		json_put_int(b, "lag_longest_ms", w.longest_ms);
	} else {
		json_put_null(b, "lag_median_ms");
		json_put_null(b, "lag_longest_ms");
	}
	json_close(b);
}

static int
json_account(struct report *r, const struct account_rec *a, struct tally *sum, struct out *o,
    struct err *err)
{
	struct account_report ar;

	if (report_account(r, a, &ar, err) < 0)
		return -1;
	json_open(&o->buf, NULL);
	json_put_text(&o->buf, "account", slice_str(a->name));
	json_put_text(&o->buf, "dir", slice_str(a->dir));
	json_put_str(&o->buf, "dest", ar.dest);
	json_put_str(&o->buf, "status", account_status_name(a->status));
	json_put_text(&o->buf, "error", slice_str(a->error));
	json_watched(r, a, o);

	int rc = json_folders(r, &ar, o, err);

	json_warnings(&ar, o);
	json_close(&o->buf);
	out_check(o);
	tally_add(sum, &ar.sum);
	report_account_done(&ar);
	return rc;
}

static void
json_job(struct buf *b, const struct job_birth *j)
{
	json_open(b, "job");
	json_put_str(b, "command", j->command);
	json_put_str(b, "format", j->format);
	json_put_str(b, "eol", j->eol);
	json_put_str(b, "zone", j->zone);
	json_close(b);
}

static void
json_totals(struct buf *b, const struct report *r, const struct tally *sum)
{
	json_open(b, "totals");
	json_put_u64(b, "accounts", r->n_accounts);
	json_put_u64(b, "folders", sum->folders);
	json_put_u64(b, "proved", sum->proved);
	json_put_u64(b, "listed", sum->listed);
	json_verdicts(b, sum->verdicts);
	json_put_u64(b, "expunged", sum->expunged);
	json_put_u64(b, "mirrored", sum->mirrored);
	json_put_u64(b, "bytes", sum->bytes);
	json_close(b);
}

static void
json_runs(const struct report *r, struct out *o)
{
	struct buf *b = &o->buf;

	json_open_array(b, "runs");
	for (size_t i = 0; i < r->n_runs; i++) {
		const struct run_rec *run = &r->run[i];

		json_open(b, NULL);
		json_put_int(b, "run", run->id);
		json_when(b, "started", run->started_ms);
		json_when(b, "ended", run->ended_ms);
		if (run->ended_ms > 0)
			json_put_int(b, "exit_code", run->exit_code);
		else
			json_put_null(b, "exit_code");
		json_put_text(b, "version", slice_str(run->version));
		json_put_text(b, "command_line", slice_str(run->options));
		json_put_text(b, "who", slice_str(run->who));
		json_put_text(b, "host", slice_str(run->host));
		json_put_int(b, "pid", run->pid);
		json_close(b);
		out_check(o);
	}
	json_close_array(b);
}

static void
json_beyond(const struct report *r, struct buf *b)
{
	json_open_array(b, "not_carried");
	for (size_t i = 0; report_tells_beyond(r) && report_beyond[i] != NULL; i++)
		json_put_str(b, NULL, report_beyond[i]);
	json_close_array(b);
}

int
report_json(struct report *r, struct out *o, struct err *err)
{
	struct tally sum = { 0 };
	int rc = 0;

	json_open(&o->buf, NULL);
	json_put_str(&o->buf, "imex", IMEX_VERSION);
	json_job(&o->buf, &r->birth);
	json_put_int(&o->buf, "exit_code", r->exit_code);
	json_open_array(&o->buf, "accounts");
	for (size_t i = 0; i < r->n_accounts && rc == 0; i++)
		rc = json_account(r, &r->account[i], &sum, o, err);
	json_close_array(&o->buf);
	json_totals(&o->buf, r, &sum);
	json_beyond(r, &o->buf);
	json_runs(r, o);
	json_close(&o->buf);
	buf_add_byte(&o->buf, '\n');
	return rc;
}
