#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/account/extract.h"
#include "app/account/import.h"
#include "app/account/listing.h"
#include "app/account/verify_out.h"
#include "app/crowd/lists.h"
#include "app/job/birth.h"
#include "app/job/destination.h"
#include "app/job/jobdir.h"
#include "app/job/placed.h"
#include "app/job/stored.h"
#include "app/report/unfinished.h"
#include "app/run/confined.h"
#include "app/run/run.h"

struct verify {
	struct run run;
	struct verify_out out;
	struct verify_counts counts;
	const char *source;	/* NULL: files against the state alone */
	const char *to;		/* the server that the job went to; NULL: files */
	struct destination dest;
	struct shelf_found found;	/* of an import */
};

/* Equal to the state is not yet all that the source has. Asked when what was found is noted. */
static int
verify_whole(struct verify *v, struct err *err)
{
	struct report r;

	if (report_open(&r, v->run.state, v->run.job.dir, true, err) < 0)
		return -1;
	for (size_t i = 0; i < r.n_accounts; i++) {
		char lacks[LACKS_MAX];
		const struct difference d = { .kind = DIFF_JOB_UNFINISHED,
			.recognised = true,
			.account = r.account[i].login,
			.text = lacks };

		if (!account_lacks(&r.account[i], &r.sum[i], lacks))
			continue;
		v->counts.recognised++;
		v->out.differences.put(v->out.differences.arg, &d);
	}
	report_done(&r);
	return 0;
}

static int
verify_work(void *arg, struct err *err)
{
	struct verify *v = arg;
	const struct difference_out *out = &v->out.differences;

	if (v->to)
		return job_verify_dest(&v->run.job, true, v->run.o->deep, out, &v->counts, err);
	return job_verify(&v->run.job, v->source != NULL, v->run.o->deep, out, &v->counts, err);
}

/* The event log is a courtesy here: an archive on read-only media can be verified too, and the log
 * of a run that goes on is that run's. */
static int
verify_log(struct verify *v, const char *dir, struct err *err)
{
	struct err ignored;

	if (jobdir_at_work(dir) == 0 && run_log(&v->run, dir, &ignored) == 0)
		return 0;
	return run_log(&v->run, NULL, err);
}

/* With SOURCE, what the job keeps for that account counts: its folders, its way to the password. */
static int
verify_options(struct options *o, const char *dir, const char *source, struct err *err)
{
	struct state *t = NULL;
	struct imap_url url;
	int rc;

	if (imap_url_parse(source, &o->arena, &url, err) < 0 ||
	    state_open(&t, dir, STATE_READ, err) < 0)
		return -1;
	rc = stored_apply(t, &url, o, err);
	state_close(&t);
	return rc;
}

static int
verify_begin(struct verify *v, const char *dir, struct err *err)
{
	bool said = origin_folders_said(v->run.o);

	if (v->source && verify_options(v->run.o, dir, v->source, err) < 0)
		return -1;
	if (birth_settle(v->run.o, dir, err) < 0 || run_open(&v->run, v->run.o, v->source, err) < 0 ||
	    confined(v->run.o, dir, err) < 0 || run_state(&v->run, dir, STATE_READ, err) < 0)
		return -1;
	if (!v->source)
		origin_options(v->run.o, &v->run.job);
	v->run.job.format = (enum format)v->run.o->format;
	v->run.job.folders_said = said;
	return verify_log(v, dir, err);
}

/* One account of a job that went to a server; v->run.o are its options. */
static int
verify_begin_dest(struct verify *v, struct placed *p, size_t i, struct err *err)
{
	struct options *o = v->run.o;
	const char *source = placed_source(p, i), *dest;

	if (placed_dest(p, i, &dest, err) < 0 || birth_settle(o, p->dir, err) < 0 ||
	    (p->files && shelf_find(source, &v->found, err) < 0) ||
	    run_open(&v->run, o, p->files ? NULL : source, err) < 0 ||
	    destination_open(&v->dest, o, dest, err) < 0 ||
	    run_state(&v->run, p->dir, STATE_READ, err) < 0)
		return -1;
	if (p->files) {
		origin_options(o, &v->run.job);
		if (import_choose(o, &v->found, &v->run.job.from, err) < 0)
			return -1;
	}
	v->run.job.dest = &v->dest.dest;
	return verify_log(v, p->dir, err);
}

static int
verify_compare(struct verify *v, struct err *err)
{
	int rc = control_run(v->run.control, verify_work, v, err);

	run_quiet(&v->run);
	return rc;
}

static void
verify_equal(const struct verify *v)
{
	struct event e = { .no = EV_VERIFY_EQUAL, .level = LEVEL_INFO };

	if (v->counts.differences + v->counts.recognised == 0)
		evlog_put(v->run.log, &e, "%s", "");
}

static void
verify_complain(const struct verify *v, const struct err *why)
{
	run_complain_of(why, v->to && destination_failed(why) ? v->dest.password_from
							       : v->run.origin.password_from);
}

/* Files against the state, or against their source. */
static int
verify_files(struct verify *v, const char *dir, struct err *err)
{
	struct err why;
	int rc = verify_begin(v, dir, err);

	if (rc < 0)
		return -1;
	verify_out_open(&v->out, &v->run, v->source ? " and the server" : "");
	rc = verify_compare(v, &why);
	verify_note(&v->out, dir, v->run.job.format, rc < 0 ? &why : NULL);
	if (rc == 0 && v->source == NULL)
		rc = verify_whole(v, &why);
	if (rc == 0)
		verify_equal(v);
	if (rc < 0)
		verify_complain(v, &why);
	return verify_out_close(&v->out, &v->counts,
	    rc < 0 ? err_exit_code(why.kind) : verify_code(&v->counts), rc == 0, err);
}

/* -1: it could not be compared. What is in *v of it is closed again. */
static int
verify_account(struct verify *v, struct placed *p, size_t i, struct verify_counts *sum,
    struct err *err)
{
	struct options *given = v->run.o, o;
	bool said = origin_folders_said(given);
	int rc = placed_options(p, i, given, &o, err);

	v->run.o = &o;
	v->counts = (struct verify_counts){ 0 };
	v->dest = (struct destination){ 0 };
	if (rc == 0)
		rc = verify_begin_dest(v, p, i, err);
	v->run.job.folders_said = said;
	if (rc == 0)
		rc = verify_compare(v, err);
	if (rc == 0)
		verify_equal(v);
	if (rc < 0) {
		v->out.not_compared++;
		verify_complain(v, err);
	}
	verify_add(sum, &v->counts);
	run_close(&v->run);
	destination_done(&v->dest);
	shelf_found_done(&v->found);
	options_done(&o);
	v->run = (struct run){ .o = given };
	return rc;
}

/* One account that cannot be compared does not stop the others. */
static int
verify_all(struct verify *v, struct placed *p, const bool *wanted, struct err *err)
{
	const char *only = v->run.o->account;
	struct verify_counts sum = { 0 };
	size_t n = 0, failed = 0;
	struct err why = { 0 };

	verify_out_open(&v->out, &v->run, ", the source and the destination");
	for (size_t i = 0; i < placed_len(p) && why.kind != ERR_INTERRUPTED; i++) {
		if (!wanted[i] || (only != NULL && !placed_is(p, i, only)))
			continue;
		n++;
		if (verify_account(v, p, i, &sum, &why) < 0)
			failed++;
	}
	if (n == 0) {
		err_set(&why, ERR_NO_INPUT, "'%s' has no account '%s'", p->dir, only ? only : "");
		run_complain(&why, NULL);
	}
	if (n == 0)
		return verify_out_close(&v->out, &sum, err_exit_code(why.kind), false, err);
	verify_note(&v->out, p->dir, FORMAT_MAILDIR, failed > 0 ? &why : NULL);
	if (failed > 0 && (n == 1 || why.kind == ERR_INTERRUPTED))
		return verify_out_close(&v->out, &sum, err_exit_code(why.kind), false, err);
	return verify_out_close(&v->out, &sum, failed > 0 ? 2 : verify_code(&sum), true, err);
}

static int
verify_own_job(const char *dir, struct err *err)
{
	return err_set(err, ERR_USAGE,
	    "'%s' is a job directory and keeps its own events and reports; --job is for files that "
	    "no job speaks of",
	    dir);
}

/* *ret_code -1 and return 0: DIR is no job that went to a server. */
static int
verify_dest(struct verify *v, struct options *o, int *ret_code, struct err *err)
{
	struct placed p;
	bool *wanted = NULL;
	int rc = placed_open(&p, o->word[0], v->source, err);

	*ret_code = -1;
	if (rc == 0 && p.dest != NULL) {
		v->to = p.dest;
		rc = o->job ? verify_own_job(p.dir, err) : 0;
	}
	if (rc == 0 && p.dest != NULL) {
		rc = placed_choose(&p, v->source, true, &wanted, err);
		if (rc == 0)
			rc = confined_placed(&p, wanted, o, err);
		if (rc == 0)
			*ret_code = verify_all(v, &p, wanted, err);
		if (rc == 0 && *ret_code < 0)
			rc = -1;
		free(wanted);
	}
	placed_close(&p);
	return rc;
}

int
cmd_verify(struct options *o, struct err *err)
{
	struct verify v = { .source = o->n_words > 1 ? o->word[1] : NULL };
	int rc, code;

	v.run.o = o;
	if (o->users)
		return lists_verify(o, err);
	if (verify_dest(&v, o, &code, err) < 0)
		return -1;
	if (v.to)
		return code;
	if (o->account)
		return err_set(err, ERR_USAGE,
		    "--account is for jobs that went to a server; name SOURCE to compare one account");
	if (o->deep && !v.source)
		return err_set(err, ERR_USAGE,
		    "--deep compares with the server and needs SOURCE, as in: imex verify %s "
		    "imaps://anna@mail.example.org/ --deep",
		    o->word[0]);
	if (!v.source && !jobdir_has_state(o->word[0]))
		return listing_files(o, o->word[0], err);
	if (v.source && access(o->word[0], R_OK) == 0 && !jobdir_has_state(o->word[0]))
		return err_set(err, ERR_NO_INPUT,
		    "'%s' has no imex.db that could be compared with the server; imex verify "
		    "without SOURCE reads what lies there",
		    o->word[0]);
	if (jobdir_require(o->word[0], err) < 0)
		return -1;
	if (o->job)
		return verify_own_job(o->word[0], err);
	rc = verify_files(&v, o->word[0], err);
	run_close(&v.run);
	return rc;
}
