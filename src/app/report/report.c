#include "app/report/report.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/job/destination.h"
#include "base/file.h"
#include "base/mem.h"
#include "mail/names.h"

enum { REPORT_ARENA = 1024 * 1024 * 1024, ACCOUNT_ARENA = 64 * 1024 * 1024 };

/* Both lists are in the order of accounts; an account without folders has no tally. */
static int
report_read_sums(struct report *r, struct err *err)
{
	struct tally *t;
	size_t n, next = 0;

	if (state_tallies(r->state, &r->arena, &t, &n, err) < 0)
		return -1;
	r->sum = arena_take(&r->arena, (r->n_accounts + 1) * sizeof(*r->sum));
	if (!r->sum)
		return err_set(err, ERR_STATE, "the accounts of the state do not fit into memory");
	for (size_t i = 0; i < r->n_accounts; i++) {
		while (next < n && t[next].account < r->account[i].id)
			next++;
		if (next < n && t[next].account == r->account[i].id)
			r->sum[i] = t[next];
	}
	return 0;
}

int
report_open(struct report *r, struct state *t, const char *dir, bool hide, struct err *err)
{
	*r = (struct report){ .state = t, .dir = dir, .hide = hide };
	arena_init(&r->arena, REPORT_ARENA);
	if (state_birth_read(t, &r->birth, err) < 0 || destined_read(&r->to, t, &r->arena, err) < 0 ||
	    state_outcome(t, &r->exit_code, err) < 0 ||
	    state_accounts(t, &r->arena, &r->account, &r->n_accounts, err) < 0 ||
	    report_read_sums(r, err) < 0 || watched_read(&r->watched, t, &r->arena, err) < 0 ||
	    state_runs(t, &r->arena, &r->run, &r->n_runs, err) < 0) {
		arena_done(&r->arena);
		return -1;
	}
	return 0;
}

void
report_done(struct report *r)
{
	arena_done(&r->arena);
}

static void
tally_folder(struct tally *sum, const struct folder_rec *f)
{
	struct tally one = {
		.folders = !f->excluded,
		.proved = !f->excluded && f->proof.proved,
		.listed = f->listed,
		.expunged = f->expunged,
		.mirrored = f->mirrored,
		.bytes = f->bytes,
	};

	memcpy(one.verdicts, f->verdicts, sizeof(one.verdicts));
	tally_add(sum, &one);
}

void
tally_add(struct tally *sum, const struct tally *one)
{
	sum->folders += one->folders;
	sum->proved += one->proved;
	sum->listed += one->listed;
	sum->expunged += one->expunged;
	sum->mirrored += one->mirrored;
	sum->bytes += one->bytes;
	for (size_t i = 0; i < VERDICTS; i++)
		sum->verdicts[i] += one->verdicts[i];
}

uint64_t
tally_not_good(const struct tally *t)
{
	uint64_t n = 0;

	for (int v = 0; v < VERDICTS; v++)
		if (!verdict_good((enum verdict)v))
			n += t->verdicts[v];
	return n;
}

int
report_account(
    struct report *r, const struct account_rec *a, struct account_report *ret, struct err *err)
{
	*ret = (struct account_report){ 0 };
	arena_init(&ret->arena, ACCOUNT_ARENA);
	if (state_folders(r->state, a->id, &ret->arena, &ret->folder, &ret->n_folders, err) < 0 ||
	    (a->warnings > 0 && state_warnings(r->state, a->id, &ret->arena, &ret->warning,
				    &ret->n_warnings, err) < 0)) {
		arena_done(&ret->arena);
		return -1;
	}
	ret->dest = report_account_dest(r, a, &ret->arena);
	for (size_t i = 0; i < ret->n_folders; i++)
		if (!ret->folder[i].vanished)
			tally_folder(&ret->sum, &ret->folder[i]);
	return 0;
}

const char *
report_account_dest(
    const struct report *r, const struct account_rec *account, struct arena *a)
{
	return destined_name(&r->to, account->login, account->host, account->port, a);
}

void
report_account_done(struct account_report *a)
{
	arena_done(&a->arena);
}

int
report_problems(struct report *r, const struct folder_rec *f, struct arena *a, struct problem **ret,
    size_t *ret_len, struct err *err)
{
	arena_reset(a);
	*ret = NULL;
	*ret_len = 0;
	if (!f->has_problems)
		return 0;
	if (state_problems(r->state, f->id, a, ret, ret_len, err) < 0)
		return -1;
	for (size_t i = 0; i < *ret_len && r->hide; i++)
		(*ret)[i].from = (*ret)[i].subject = "";
	return 0;
}

const char *
account_status_name(enum account_status s)
{
	static const char *const names[] = { "new", "running", "done", "failed", "stopped",
		"queued", "waiting" };

	return names[s];
}

const char *const report_beyond[] = { "filters on the server (Sieve and the like)",
	"vacation notices and other automatic replies", "forwards and redirects",
	"calendars, tasks and contacts", "signatures and settings of webmail",
	"who may send or act for whom", "passwords", NULL };

bool
report_tells_beyond(const struct report *r)
{
	return r->n_accounts > 0 && (strcmp(r->birth.command, "extract") == 0 ||
					strcmp(r->birth.command, "migrate") == 0);
}

bool
report_has_eol(const struct report *r)
{
	return strcmp(r->birth.format, "maildir") == 0 || strcmp(r->birth.format, "mbox") == 0;
}

void
report_kind(const struct report *r, struct out *o)
{
	if (r->to.dest)
		out_printf(o, "%s to a server", r->birth.command);
	else
		out_printf(o, "%s to %s", r->birth.command, r->birth.format);
	if (report_has_eol(r))
		out_printf(o, ", line ends %s", r->birth.eol);
}

const char *
report_set_aside(const struct problem *p)
{
	static const char mark[] = "kept as quarantine/";
	const char *at = p->reason ? strstr(p->reason, mark) : NULL, *next;

	/* The last one: a name before it may hold anything. */
	while (at && (next = strstr(at + 1, mark)) != NULL)
		at = next;
	return at ? at + sizeof("kept as ") - 1 : NULL;
}

const char *
account_words(const struct account_rec *a, const struct tally *sum)
{
	switch (a->status) {
	case ACCOUNT_NEW:
		return "not started";
	case ACCOUNT_RUNNING:
		return "unfinished";
	case ACCOUNT_FAILED:
		/* What there was is copied, and is not all. */
		return a->error_exit == EXIT_BAD ? "incomplete" : "failed";
	case ACCOUNT_STOPPED:
		return "interrupted";
	case ACCOUNT_QUEUED:
		return "queued";
	case ACCOUNT_WAITING:
		return "waiting";
	case ACCOUNT_DONE:
		break;
	}
	if (tally_not_good(sum) > 0 || sum->proved < sum->folders)
		return "incomplete";
	return a->warnings > 0 ? "complete with warnings" : "complete";
}

int
account_code(const struct account_rec *a, const struct tally *sum)
{
	if (a->status != ACCOUNT_DONE || tally_not_good(sum) > 0 || sum->proved < sum->folders)
		return 2;
	return a->warnings > 0;
}

size_t
report_runs_from(const struct report *r)
{
	return r->n_runs > RUNS_SHOWN ? r->n_runs - RUNS_SHOWN : 0;
}

const char *
report_name(const char *wire_name, struct buf *scratch)
{
	buf_reset(scratch);
	folder_display(slice_str(wire_name), scratch);
	return scratch->data ? scratch->data : "";
}

int
report_print(struct report *r, enum report_format f, int fd, struct err *err)
{
	static int (*const forms[])(struct report *r, struct out *o, struct err *err) = {
		[REPORT_TEXT] = report_text, [REPORT_JSON] = report_json, [REPORT_CSV] = report_csv,
		[REPORT_HTML] = report_html,
	};
	struct out o;
	struct err written;

	out_open(&o, fd);
	int rc = forms[f](r, &o, err);

	if (out_close(&o, rc < 0 ? &written : err) < 0)
		rc = -1;
	return rc;
}

static const struct report_name {
	enum report_format format;
	const char *name, *temporary;
} report_names[] = {
	{ REPORT_JSON, "report.json", "report.json.new" },
	{ REPORT_CSV, "report.csv", "report.csv.new" },
	{ REPORT_HTML, "report.html", "report.html.new" },
};

static int
report_write(
    struct report *r, int dir, const struct report_name *n, bool sync, struct err *err)
{
	AUTO(file_close) int fd = -1;

	if (file_create(dir, n->temporary, &fd, err) < 0 ||
	    report_print(r, n->format, fd, err) < 0 || (sync && file_sync(fd, err) < 0))
		return err_wrap(err, "write '%s/%s'", r->dir, n->name);
	return 0;
}

/* One sync for all three where that can be: each would wait for the disk. */
int
report_files(struct report *r, struct err *err)
{
	AUTO(file_close) int dir = -1;
	bool at_once;

	if (file_open_dir(AT_FDCWD, r->dir, &dir, err) < 0)
		return -1;
	at_once = file_can_syncfs(dir);
	for (size_t i = 0; i < COUNT_OF(report_names); i++)
		if (report_write(r, dir, &report_names[i], !at_once, err) < 0)
			return -1;
	if (at_once && file_sync_system(dir, err) < 0)
		return err_wrap(err, "write '%s/report.*'", r->dir);
	for (size_t i = 0; i < COUNT_OF(report_names); i++)
		if (file_rename(dir, report_names[i].temporary, dir, report_names[i].name, err) < 0)
			return err_wrap(err, "write '%s/%s'", r->dir, report_names[i].name);
	return file_sync(dir, err);
}
