/* Files into files of another format. One run goes through all accounts that the source holds;
 * whatever can be read is converted, and at the end every file that was written is read back. */
#include "app/commands/convert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/account/summary.h"
#include "app/job/birth.h"
#include "app/job/destination.h"
#include "app/job/handing.h"
#include "app/job/history.h"
#include "app/job/jobdir.h"
#include "app/job/stored.h"
#include "app/report/report.h"
#include "app/report/unfinished.h"
#include "app/run/confined.h"
#include "app/run/run.h"
#include "base/mem.h"
#include "engine/set.h"

struct convert {
	struct run run;
	struct shelf_found found;
	struct unfinished from;
	const char *dir, *source;
	int64_t number;		/* of the run in the state */
	struct verify_counts counts;
	bool verified;
	int code;
};

/* ---- the work ---- */

static void
convert_difference(void *arg, const struct difference *d)
{
	const struct convert *c = arg;
	struct event e = { .no = EV_VERIFY_DIFFERS,
		.level = d->recognised ? LEVEL_WARNING : LEVEL_ERROR,
		.account = d->account,
		.folder = d->folder,
		.uid = d->uid };

	evlog_put(c->run.log, &e, "%s: %s", difference_words(d->kind), d->text ? d->text : "");
}

/* What was written is read back before anybody relies on it. */
static int
convert_verify(struct convert *c, struct err *err)
{
	const struct difference_out out = { .put = convert_difference, .arg = c };

	progress_folder(c->run.job.progress, "reading back");
	if (job_verify(&c->run.job, false, false, &out, &c->counts, err) < 0)
		return -1;
	c->verified = c->counts.differences == 0;
	return 0;
}

/* What is lacking of accounts that have no files is told with the first that has. */
static int
convert_place(struct convert *c, size_t i, struct err *err)
{
	AUTO(buf_done) struct buf lacks;

	buf_init(&lacks, ERR_TEXT_MAX);
	if (unfinished_place(&c->from, &c->found.place[i], &lacks, err) < 0)
		return -1;
	if (i == 0 && c->found.place[0].dir != NULL &&
	    unfinished_others(&c->from, &c->found, &lacks, err) < 0)
		return -1;
	c->run.job.from = &c->found.place[i];
	c->run.job.from_lacks = lacks.len > 0 ? lacks.data : NULL;
	return job_copy(&c->run.job, err);
}

/* An account that fails does not stop the others, nor does one of which something is lacking; what fails for the whole
 * run does. */
static int
convert_work(void *arg, struct err *err)
{
	struct convert *c = arg;

	for (size_t i = 0; i < c->found.len; i++) {
		struct err why = { 0 };

		if (convert_place(c, i, &why) == 0)
			continue;
		if (why.scope == SCOPE_RUN || (c->found.len == 1 && why.scope > SCOPE_FOLDER)) {
			*err = why;
			return -1;
		}
		run_complain(&why, NULL);
	}
	return set_close(&c->run.job, err) < 0 ? -1 : convert_verify(c, err);
}

/* ---- before it ---- */

static int
convert_birth(struct convert *c, struct err *err)
{
	struct job_birth want;

	birth_of(c->run.o, "convert", &want);
	return state_birth(c->run.state, &want, err);
}

static int
convert_begin(struct convert *c, struct err *err)
{
	struct run *r = &c->run;

	if (jobdir_apart(c->source, c->dir, "--to", err) < 0 || jobdir_prepare(c->dir, err) < 0 ||
	    confined(r->o, c->dir, err) < 0 || run_room(r, c->dir, err) < 0 ||
	    run_state(r, c->dir, STATE_RUN, err) < 0 ||
	    convert_birth(c, err) < 0 ||
	    run_log(r, c->dir, err) < 0 || stored_write_files(r->state, c->source, r->o, NULL, err) < 0)
		return -1;
	return history_begin(r->state, r->o, &c->number, err);
}

/* ---- after it ---- */

static int
convert_code(struct convert *c, const struct err *why, bool failed, struct err *err)
{
	int code;

	if (failed)
		return err_exit_code(why->kind);
	if (state_outcome(c->run.state, &code, err) < 0)
		return -1;
	return c->counts.differences > 0 ? 2 : code;
}

static int
convert_reports(struct convert *c, struct err *err)
{
	const struct options *o = c->run.o;
	struct summary s = { .dir = c->dir,
		.source = c->source,
		.again = "imex convert",
		.code = c->code,
		.fresh = atomic_load(&c->run.progress.messages_new),
		.verified = c->verified };
	struct report r;
	int rc;

	if (report_open(&r, c->run.state, c->dir, o->no_subjects, err) < 0)
		return -1;
	s.fresh_known = r.n_accounts == 1;
	rc = report_files(&r, err);
	if (rc == 0 && o->json)
		rc = report_print(&r, REPORT_JSON, STDOUT_FILENO, err);
	for (size_t i = 0; rc == 0 && !o->json && !o->quiet && i < r.n_accounts; i++)
		rc = summary_print(&r, &r.account[i], &s, err);
	report_done(&r);
	return rc;
}

static int
convert_end(struct convert *c, const struct err *why, bool failed, struct err *err)
{
	struct err later = { 0 };

	run_quiet(&c->run);
	if (failed)
		run_complain(why, NULL);
	c->code = convert_code(c, why, failed, &later);
	if (c->code >= 0 && state_run_end(c->run.state, c->number, c->code, &later) == 0 &&
	    convert_reports(c, &later) == 0)
		return 0;
	if (!failed) {
		*err = later;
		return -1;
	}
	if (c->code < 0)
		c->code = err_exit_code(later.kind);
	return 0;
}

int
convert_files(struct options *o, const char *source, const char *dir, struct err *err)
{
	struct convert c = { .source = source, .dir = dir };
	struct err why = { 0 };
	int rc;

	c.run.o = o;
	if (birth_settle(o, dir, err) < 0 || handing_settle(o, err) < 0 ||
	    shelf_find(source, &c.found, err) < 0)
		return -1;
	rc = run_open(&c.run, o, NULL, err);
	origin_options(o, &c.run.job);
	if (unfinished_open(&c.from, &c.found.place[0], rc < 0 ? &why : err) < 0)
		rc = -1;
	if (rc == 0)
		rc = convert_begin(&c, err);
	if (rc == 0) {
		bool failed = control_run(c.run.control, convert_work, &c, &why) < 0;

		rc = convert_end(&c, &why, failed, err);
	}
	run_close(&c.run);
	unfinished_close(&c.from);
	shelf_found_done(&c.found);
	return rc < 0 ? -1 : c.code;
}

int
cmd_convert(struct options *o, struct err *err)
{
	if (destination_holds_mail(o, o->word[0], err) < 0)
		return -1;
	return convert_files(o, o->word[0], o->to, err);
}
