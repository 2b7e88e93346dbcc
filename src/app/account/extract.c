/* One account copied into files; then the state and the reports are brought up to date, and a
 * summary is printed. */
#include "app/account/extract.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/account/summary.h"
#include "app/job/birth.h"
#include "app/job/destination.h"
#include "app/job/destined.h"
#include "app/job/handing.h"
#include "app/job/history.h"
#include "app/job/jobdir.h"
#include "app/job/stored.h"
#include "app/report/report.h"
#include "app/report/unfinished.h"
#include "app/run/alone.h"
#include "app/run/confined.h"
#include "app/run/run.h"
#include "app/run/watch.h"
#include "base/mem.h"
#include "engine/set.h"

struct extract {
	struct run run;
	const struct into *into;	/* NULL: from a server into files */
	struct destination dest;	/* zeroed without `into` */
	const char *dir, *source;
	int64_t number;		/* of the run in the state */
	int code;
	struct extract_many *many;	/* one of a list; NULL: alone */
	struct alone alone;
	bool own_job;		/* state, log and run are its own, not those of a list */
	struct err lost;	/* what ended its watch for good; kind NONE: nothing */
};

/* ---- --watch of one account ---- */

static int64_t
extract_watched(void *arg, size_t at)
{
	const struct extract *x = arg;

	(void)at;
	return x->alone.lease.account;
}

static const char *
extract_watched_login(void *arg, size_t at)
{
	const struct extract *x = arg;

	(void)at;
	return x->alone.name.login;
}

static int
extract_watched_source(void *arg, size_t at, const struct job **ret, struct err *err)
{
	const struct extract *x = arg;

	(void)at;
	(void)err;
	*ret = &x->run.job;
	return 0;
}

static void
extract_watched_done(void *arg, size_t at)
{
	(void)arg;
	(void)at;
}

static int
extract_watched_pass(
    void *arg, size_t at, struct cancel *stop, uint64_t *ret_came, struct err *err)
{
	struct extract *x = arg;
	struct progress *p = &x->run.progress;
	uint64_t before = atomic_load(&p->messages_new);
	int rc;

	(void)at;
	(void)stop; /* what is to end it ends the seat of its work as well */
	progress_again(p);
	rc = alone_pass(&x->alone, err);
	*ret_came = atomic_load(&p->messages_new) - before;
	return rc;
}

static void
extract_watched_waits(void *arg, size_t at, const struct err *why, int64_t until_ms)
{
	struct extract *x = arg;
	struct err ignored;

	(void)at;
	(void)!state_account_wait(x->run.state, &x->alone.lease, until_ms, why->text, &ignored);
}

static void
extract_watched_lost(void *arg, size_t at, const struct err *why)
{
	struct extract *x = arg;

	(void)at;
	x->lost = *why;
	run_account_lost(&x->run, &x->alone.lease, why);
}

/* Until it ends; then all once more. */
static int
extract_watch(struct extract *x, struct err *err)
{
	static const struct watch_ops ops = { .account = extract_watched, .login = extract_watched_login,
		.source = extract_watched_source, .done = extract_watched_done, .pass = extract_watched_pass,
		.waits = extract_watched_waits, .lost = extract_watched_lost };
	struct watch w = { .ops = &ops, .arg = x, .o = x->run.o, .run = &x->run,
		.orders = x->alone.orders, .n = 1 };

	/* Its session is used up. */
	sess_ahead_close(&x->run.job.ahead);
	watch_run(&w);
	if (w.ended.kind == ERR_NONE && x->lost.kind != ERR_NONE)
		w.ended = x->lost;
	if (w.ended.kind != ERR_NONE) {
		*err = w.ended;
		return -1;
	}
	progress_again(&x->run.progress);
	return alone_copy(&x->alone, err);
}

/* A pattern that matches nothing is a slip of the pen, not a complete copy. */
static int
extract_work(void *arg, struct err *err)
{
	struct extract *x = arg;
	const struct selection *s = &x->run.job.selection;

	if ((x->many ? job_copy(&x->run.job, err) : alone_copy(&x->alone, err)) < 0 ||
	    (!x->many && x->run.o->watch && extract_watch(x, err) < 0))
		return -1;
	/* The files of a list are one set: it is closed when all accounts are through. */
	if (!x->many && set_close(&x->run.job, err) < 0)
		return -1;
	/* In a list it may be right for some. */
	if (!x->many && s->n_folders > 0 && atomic_load(&x->run.progress.folders_total) == 0)
		return err_set(err, ERR_NO_INPUT,
		    "no folder of the account matches --folder '%s'; imex check lists them",
		    s->folders[0]);
	return 0;
}

static int
extract_birth(const struct run *r, const struct into *into, struct err *err)
{
	struct job_birth want;

	birth_of(r->o, into ? into->command : "extract", &want);
	return state_birth(r->state, &want, err);
}

int
extract_begin_job(struct run *r, const char *dir, const struct into *into, struct err *err)
{
	if (jobdir_prepare(dir, err) < 0 || run_room(r, dir, err) < 0 || run_state(r, dir, STATE_RUN, err) < 0 ||
	    extract_birth(r, into, err) < 0)
		return -1;
	return run_log(r, dir, err);
}

static int
extract_keep_dest(struct extract *x, struct err *err)
{
	const struct imap_url *url = &x->dest.url;

	return x->into->own_dest ? destined_keep_own(x->run.state, &x->run.origin.url, x->into->dest,
				       url, err)
				 : destined_keep(x->run.state, x->into->dest, url, err);
}

static int
extract_begin(struct extract *x, struct err *err)
{
	struct run *r = &x->run;

	if (!x->own_job)
		run_share(r, x->dir);
	else if (extract_begin_job(r, x->dir, x->into, err) < 0)
		return -1;
	if (x->into && extract_keep_dest(x, err) < 0)
		return -1;
	if ((x->into && x->into->from
		    ? stored_write_files(r->state, x->source, r->o, x->dest.password, err)
		    : stored_write(r->state, &r->origin, x->source, r->o, x->dest.password, err)) < 0)
		return -1;
	if (!x->many && alone_listen(&x->alone, x->dir, err) < 0)
		return -1;
	return x->own_job ? history_begin(r->state, r->o, &x->number, err) : 0;
}

static const struct account_rec *
extract_account_rec(const struct extract *x, const struct report *r)
{
	const struct shelf_place *from = x->into ? x->into->from : NULL;

	for (size_t i = 0; from && i < r->n_accounts; i++)
		if (strcmp(from->login, r->account[i].login) == 0 &&
		    strcmp(from->host, r->account[i].host) == 0)
			return &r->account[i];
	for (size_t i = 0; !from && i < r->n_accounts; i++)
		if (origin_same(&x->run.origin.url, r->account[i].login, r->account[i].host,
			r->account[i].port))
			return &r->account[i];
	return NULL;
}

/* Of a list each account is judged by itself: the job's outcome is that of all. */
static int
extract_code_of_one(struct extract *x, bool failed, struct err *err)
{
	struct extract_result *ret = &x->many->result;
	struct account_rec a;
	struct arena texts;
	int rc;

	arena_init(&texts, 1024 * 1024);
	rc = state_account(x->run.state, ret->lease.account, &texts, &a, &ret->sum, err);
	if (rc == 0) {
		ret->warnings = a.warnings;
		rc = account_code(&a, &ret->sum);
	}
	arena_done(&texts);
	return rc >= 0 && failed ? 2 : rc;
}

static bool
extract_started(const struct extract *x)
{
	return x->many ? atomic_load(&x->run.progress.folders_total) > 0 : x->alone.started;
}

/* An account that got to its folders is judged by its verdicts, whatever ended it; else the reason
 * is the answer. What stops the whole run always is. */
static int
extract_code(struct extract *x, const struct err *err, bool failed, struct err *ret)
{
	int code;

	if (failed && (err->scope == SCOPE_RUN || err->kind == ERR_WRONG_SOURCE || (err->kind == ERR_DAY && !x->many) ||
			  (err->kind == ERR_NO_ROOM && !x->many) || !extract_started(x)))
		return err_exit_code(err->kind);
	if (x->many)
		return extract_code_of_one(x, failed, ret);
	if (state_outcome(x->run.state, &code, ret) < 0)
		return -1;
	return failed ? 2 : code;
}

/* An account that never got to its folders has nothing to sum up: the error said it all. */
static int
extract_summary(const struct extract *x, struct report *r, struct err *err)
{
	const struct account_rec *a = extract_account_rec(x, r);
	const struct summary s = { .dir = x->dir,
		.again = !x->into	 ? "imex extract"
			 : x->into->from ? "imex import"
					 : "imex migrate",
		.source = x->source,
		.dest = x->into ? x->into->dest : NULL,
		.to = x->dest.account,
		.code = x->code,
		.fresh = atomic_load(&x->run.progress.messages_new),
		.fresh_known = true };

	if (!a || !extract_started(x))
		return 0;
	return summary_print(r, a, &s, err);
}

/* ---- one account ---- */

/* `*ret` NULL: nothing. */
static int
extract_from_lacks(const struct into *into, struct arena *a, const char **ret, struct err *err)
{
	AUTO(buf_done) struct buf text;
	struct unfinished u;

	buf_init(&text, ERR_TEXT_MAX);
	int rc = unfinished_open(&u, into->from, err);

	if (rc == 0)
		rc = unfinished_place(&u, into->from, &text, err);
	if (rc == 0 && into->all != NULL && into->from->dir != NULL)
		rc = unfinished_others(&u, into->all, &text, err);
	unfinished_close(&u);
	*ret = text.len > 0 ? arena_copy(a, buf_slice(&text)) : NULL;
	return rc;
}

static int
extract_open(struct extract *x, struct options *o, struct err *err)
{
	const struct into *into = x->into;

	const char *source = into && into->from ? NULL : x->source;

	if ((x->many ? run_open_below(&x->run, x->many->above, o, source, err)
		     : run_open(&x->run, o, source, err)) < 0)
		return -1;
	if (x->many) {
		progress_instead(&x->many->above->all, &x->run.progress, x->many->counted);
		x->run.job.shares = x->many->shares;
		x->run.job.stop = x->many->seat->stop;
		x->run.job.rate = x->many->seat->rate;
		x->run.job.rate_own = x->many->seat->rate_own;
		/* Limits are those of the list. */
		x->run.job.max_per_day = x->many->above->o->max_per_day;
		x->run.job.ret_lease = &x->many->result.lease;
		/* A place is free when the server sees it so. */
		x->run.job.source.see_it_closed = true;
	}
	if (!into)
		return 0;
	const char *login = into->from ? into->from->login : x->run.origin.url.user;
	const char *dest = destination_url(into->dest, login, &o->arena);

	if (dest == NULL)
		return err_set(err, ERR_USAGE, "DEST is too long");
	if (destination_open(&x->dest, o, dest, err) < 0)
		return -1;
	x->dest.dest.server.see_it_closed = x->many != NULL;
	if (!into->from && destination_is(&x->dest, &x->run.origin.url))
		return err_set(err, ERR_USAGE,
		    "SOURCE and DEST are the same account: each message would be copied beside itself");
	if (into->from) {
		origin_options(o, &x->run.job);
		x->run.job.from = into->from;
		if (extract_from_lacks(into, &o->arena, &x->run.job.from_lacks, err) < 0)
			return -1;
	}
	x->run.job.dest = &x->dest.dest;
	x->run.job.retry = into->retry;
	x->run.job.dest_insecure_told = x->dest.insecure;
	return 0;
}

/* False: nothing is to be contacted yet. */
static bool
extract_sit(struct extract *x)
{
	const struct shelf_place *from = x->into ? x->into->from : NULL;
	const struct imap_url *url = &x->run.origin.url;
	const struct order_name name = { .login = from ? from->login : url->user,
		.host = from ? from->host : url->host,
		.port = from ? from->port : url->port };

	return alone_begin(&x->alone, &x->run, &name);
}

static int
extract_reports(struct extract *x, struct err *err)
{
	const struct options *o = x->run.o;
	struct report r;
	int rc;

	if (report_open(&r, x->run.state, x->dir, o->no_subjects, err) < 0)
		return -1;
	rc = report_files(&r, err);
	if (rc == 0 && o->json)
		rc = report_print(&r, REPORT_JSON, STDOUT_FILENO, err);
	else if (rc == 0 && !o->quiet)
		rc = extract_summary(x, &r, err);
	report_done(&r);
	return rc;
}

static int
extract_close(struct extract *x, const struct err *why, bool failed, struct err *err)
{
	x->code = extract_code(x, why, failed, err);
	if (x->code < 0 || state_run_end(x->run.state, x->number, x->code, err) < 0)
		return -1;
	return extract_reports(x, err);
}

static int
extract_report_files(const struct extract *x, struct err *err)
{
	struct report r;
	int rc;

	if (report_open(&r, x->run.state, x->dir, x->run.o->no_subjects, err) < 0)
		return -1;
	rc = report_files(&r, err);
	report_done(&r);
	return rc;
}

/* Of a list the caller tells what became of it. */
static int
extract_end_many(struct extract *x, const struct err *why, bool failed, struct err *err)
{
	x->code = extract_code(x, why, failed, err);
	x->many->result.came = atomic_load(&x->run.progress.messages_new);
	if (failed)
		x->many->result.why = *why;
	if (x->code < 0 || !x->own_job)
		return x->code < 0 ? -1 : 0;
	return state_run_end(x->run.state, x->number, x->code, err) < 0
		   ? -1
		   : extract_report_files(x, err);
}

/* What failed first is told, and its code is the answer: a disk that is full fails here again. */
static int
extract_end(struct extract *x, const struct err *why, bool failed, struct err *err)
{
	struct err later;

	run_quiet(&x->run);
	if (!failed)
		return extract_close(x, why, false, err);
	run_complain_of(why, x->into && destination_failed(why) ? x->dest.password_from
								: x->run.origin.password_from);
	if (extract_close(x, why, true, &later) < 0 && x->code < 0)
		x->code = err_exit_code(later.kind);
	return 0;
}

/* A list has its control above, and its accounts have threads already. */
static int
extract_run(struct extract *x, struct err *err)
{
	struct err why = { 0 };
	bool failed;

	if (x->many) {
		failed = extract_work(x, &why) < 0;
		return extract_end_many(x, &why, failed, err);
	}
	failed = control_run(x->run.control, extract_work, x, &why) < 0;
	alone_end(&x->alone);
	return extract_end(x, &why, failed, err);
}

int
extract_account(struct options *o, const char *dir, const char *source, const struct into *into,
    struct extract_many *many, struct err *err)
{
	struct extract x = { .dir = dir,
		.source = source,
		.into = into,
		.many = many,
		.own_job = !many || many->own_job };
	int rc;

	/* A list has settled it for all: the zone is the process's. */
	if (!many && (birth_settle(o, dir, err) < 0 || handing_settle(o, err) < 0 || watch_fit(o, err) < 0))
		return -1;
	rc = extract_open(&x, o, err);
	if (rc == 0 && !many && (jobdir_prepare(dir, err) < 0 || confined(o, dir, err) < 0))
		rc = -1;
	if (rc == 0 && x.own_job)
		rc = run_room(&x.run, dir, err);
	/* The way to the source is long, and so is making a state. */
	if (rc == 0 && !many && extract_sit(&x) && !(into && into->from))
		x.run.job.ahead = sess_ahead_start(&x.run.job.source, x.run.job.stop);
	if (rc == 0)
		rc = extract_begin(&x, err);
	if (rc == 0)
		rc = extract_run(&x, err);
	if (rc == 0)
		run_finished(&x.run, x.code);
	alone_done(&x.alone);
	run_close(&x.run);
	destination_done(&x.dest);
	return rc < 0 ? -1 : x.code;
}
