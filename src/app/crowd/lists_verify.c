/* verify of a list: each account of a job against its server, many at a time. */
#include <pthread.h>

#include "app/account/verify_out.h"
#include "app/crowd/crowd.h"
#include "app/crowd/lists.h"
#include "app/job/birth.h"
#include "app/job/destination.h"
#include "app/job/jobdir.h"
#include "app/job/placed.h"
#include "app/job/stored.h"
#include "app/run/confined.h"
#include "app/users/errand.h"

struct lists_verify {
	struct options *o;
	const char *dir;
	struct run run;
	struct placed placed; /* dest NULL: the job went to files */
	struct userlist list;
	struct crowd crowd;
	struct verify_out out;
	pthread_mutex_t mutex; /* of what follows */
	struct verify_counts sum;
};

/* Of the address that the job keeps for the row, in the arena; NULL: it has none. */
static const char *
verify_dest(const struct lists_verify *v, const struct user_row *row, struct arena *a)
{
	if (v->placed.dest == NULL)
		return NULL;
	return destined_url(&v->placed.to, row->login, row->server, row->port, a);
}

static bool
verify_host(void *arg, size_t at, size_t end, char name[CROWD_HOST_MAX])
{
	const struct lists_verify *v = arg;
	const struct user_row *row = &v->list.row[at];
	struct arena a;

	if (end == 0)
		return crowd_host_of_row(v->o, row, name);
	arena_init(&a, 64 * 1024);
	bool ok = crowd_host_of_url(verify_dest(v, row, &a), name);
	arena_done(&a);
	return ok;
}

/* ---- one account ---- */

/* What the list says of the account wins over what the job keeps. */
static int
verify_options(struct lists_verify *v, const struct user_row *row, struct options *o, struct err *err)
{
	struct imap_url url;

	o->unattended = true;
	return imap_url_parse(row->source, &o->arena, &url, err) < 0 ||
	       stored_apply(v->run.state, &url, o, err) < 0 ||
	       user_row_apply(row, o, err) < 0 ? -1 : 0;
}

static int
verify_compare(struct lists_verify *v, struct run *run, const struct user_row *row,
    struct destination *d, struct verify_counts *counts, struct err *err)
{
	const struct difference_out *out = &v->out.differences;
	const char *dest;

	run_share(run, v->dir);
	run->job.format = (enum format)v->o->format;
	if (v->placed.dest == NULL)
		return job_verify(&run->job, true, v->o->deep, out, counts, err);
	dest = verify_dest(v, row, &run->o->arena);
	if (dest == NULL)
		return err_set(err, ERR_NO_INPUT, "'%s' has no account '%s' on %s: it was not copied yet",
		    v->dir, row->login, row->server);
	if (destination_open(d, run->o, dest, err) < 0)
		return -1;
	run->job.dest = &d->dest;
	return job_verify_dest(&run->job, true, v->o->deep, out, counts, err);
}

static int
verify_one(struct lists_verify *v, size_t at, struct options *o, struct verify_counts *counts,
    struct err *err)
{
	const struct user_row *row = &v->list.row[at];
	struct destination d = { 0 };
	struct run run;
	bool said = origin_folders_said(o);
	int rc = verify_options(v, row, o, err);

	if (rc < 0)
		return -1;
	rc = run_open_below(&run, &v->run, o, row->source, err);
	run.job.folders_said = said;
	if (rc == 0)
		rc = verify_compare(v, &run, row, &d, counts, err);
	run_close(&run);
	destination_done(&d);
	return rc;
}

static int
verify_work(void *arg, size_t at, struct shares *s, const struct seat *seat, struct err *why)
{
	struct lists_verify *v = arg;
	struct verify_counts counts = { 0 };
	struct options o = *v->o;
	int rc;

	(void)seat; /* nobody changes a comparison */
	arena_init(&o.arena, 1024 * 1024);
	rc = verify_one(v, at, &o, &counts, why);
	options_done(&o);
	shares_leave(s, rc == 0 ? LOGIN_OVER : why->kind == ERR_LOGIN ? LOGIN_REFUSED : LOGIN_NONE);
	if (rc < 0)
		return err_exit_code(why->kind);
	pthread_mutex_lock(&v->mutex);
	verify_add(&v->sum, &counts);
	pthread_mutex_unlock(&v->mutex);
	return verify_code(&counts);
}

static void
verify_ended(void *arg, size_t at, size_t n, int code, const struct err *why)
{
	struct lists_verify *v = arg;
	const struct user_row *row = &v->list.row[at];
	struct event e = { .no = EV_ACCOUNT_FAILED, .level = LEVEL_ERROR, .account = row->login };

	(void)n;
	if (code <= EXIT_BAD)
		return;
	evlog_put(v->run.log, &e, "%s", why->text);
	verify_out_failed(&v->out, row->login, why);
}

/* ---- all of them ---- */

static int
verify_code_of_all(const struct lists_verify *v)
{
	int code = crowd_code(&v->crowd), sums = verify_code(&v->sum);

	if (v->crowd.ended.kind == ERR_INTERRUPTED)
		return EXIT_INTERRUPTED;
	return code > sums ? code : sums;
}

static int
verify_all(struct lists_verify *v, struct err *err)
{
	static const struct crowd_ops ops = {
		.host = verify_host, .work = verify_work, .ended = verify_ended
	};

	v->crowd = (struct crowd){
		.ops = &ops, .arg = v, .o = v->o, .list = &v->list, .run = &v->run
	};
	verify_out_open(&v->out, &v->run,
	    v->placed.dest ? ", the source and the destination" : " and the server");
	crowd_run(&v->crowd, NULL);
	if (v->crowd.ended.kind != ERR_NONE)
		run_complain(&v->crowd.ended, NULL);
	if (v->crowd.failed == 0 && v->sum.differences + v->sum.recognised == 0) {
		struct event e = { .no = EV_VERIFY_EQUAL, .level = LEVEL_INFO };

		evlog_put(v->run.log, &e, "%s", "");
	}
	verify_note(&v->out, v->dir, (enum format)v->o->format, &v->crowd.ended);
	return verify_out_close(&v->out, &v->sum, verify_code_of_all(v), true, err);
}

/* What is wrong with the options of an account is told when it is its turn. */
static int
verify_reaches(struct lists_verify *v, size_t at, struct reach *r, struct err *err)
{
	struct options o = *v->o;
	struct err ignored;
	int rc = 0;

	arena_init(&o.arena, 1024 * 1024);
	if (verify_options(v, &v->list.row[at], &o, &ignored) == 0)
		rc = confined_add(r, &o, err);
	options_done(&o);
	return rc;
}

static int
verify_confined(struct lists_verify *v, struct err *err)
{
	struct reach r = { 0 };
	int rc;

	if (v->o->no_confine)
		return 0;
	rc = confined_add(&r, v->o, err);
	for (size_t i = 0; rc == 0 && i < v->list.len; i++)
		rc = verify_reaches(v, i, &r, err);
	if (rc == 0)
		rc = confined_many(v->o, v->dir, &r, err);
	reach_done(&r);
	return rc < 0 ? -1 : errands_seal(err);
}

/* The log of a run that goes on is that run's. */
static int
verify_open(struct lists_verify *v, struct err *err)
{
	const char *dir = jobdir_at_work(v->dir) == 0 ? v->dir : NULL;
	struct err ignored;

	if (birth_settle(v->o, v->dir, err) < 0 || run_open(&v->run, v->o, NULL, err) < 0)
		return -1;
	origin_options(v->o, &v->run.job);
	if (run_state(&v->run, v->dir, STATE_READ, err) < 0 || verify_confined(v, err) < 0)
		return -1;
	return dir != NULL && run_log(&v->run, dir, &ignored) == 0 ? 0 : run_log(&v->run, NULL, err);
}

/* A job whose source is files has no list that could name it. */
static int
verify_fits(const struct lists_verify *v, struct err *err)
{
	if (v->o->account || v->o->job)
		return err_set(err, ERR_USAGE, "--%s is not for a list: --only chooses among its accounts",
		    v->o->account ? "account" : "job");
	if (v->placed.files)
		return err_set(err, ERR_USAGE,
		    "'%s' is an import, whose mail came from files; without --users it is compared with them",
		    v->dir);
	return 0;
}

static int
verify_list(struct lists_verify *v, struct err *err)
{
	const char *dest = v->placed.dest;

	if (verify_fits(v, err) < 0 || lists_read(v->o, dest != NULL, dest, &v->list, err) < 0 ||
	    verify_open(v, err) < 0)
		return -1;
	return verify_all(v, err);
}

int
lists_verify(struct options *o, struct err *err)
{
	struct lists_verify v = { .o = o, .dir = o->n_words > 0 ? o->word[0] : NULL };
	int rc;

	if (v.dir == NULL)
		return err_set(err, ERR_USAGE,
		    "which job? Its directory belongs behind the command, as in: imex verify DIR --users %s",
		    o->users);
	if (jobdir_require(v.dir, err) < 0)
		return -1;
	pthread_mutex_init(&v.mutex, NULL);
	rc = placed_open(&v.placed, v.dir, NULL, err);
	if (rc == 0)
		rc = verify_list(&v, err);
	run_close(&v.run);
	userlist_done(&v.list);
	placed_close(&v.placed);
	pthread_mutex_destroy(&v.mutex);
	return rc;
}
