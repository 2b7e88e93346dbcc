#include "app/crowd/migration.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "app/cli/out.h"
#include "app/crowd/enlist.h"
#include "app/job/destination.h"
#include "app/job/handing.h"
#include "app/job/history.h"
#include "app/job/jobdir.h"
#include "app/report/report.h"
#include "app/run/confined.h"
#include "app/run/share.h"
#include "app/users/errand.h"
#include "base/clock.h"
#include "base/mem.h"
#include "engine/set.h"

/* ---- one line an account ---- */

static void
line_begin(const struct migration *m, size_t at, size_t n, struct out *o)
{
	const struct user_row *row = &m->list->row[at];

	out_printf(o, "[%zu/%zu] ", n, m->list->len);
	out_visible(o, row->login);
	out_str(o, " on ");
	out_visible(o, row->server);
	out_str(o, ": ");
}

static void
line_numbers(struct out *o, int code, const struct migration_row *r)
{
	static const char *const words[] = { "complete", "complete with warnings", "incomplete" };
	char stored[HUMAN_MAX], listed[HUMAN_MAX], bytes[HUMAN_MAX];

	human_count(r->sum.verdicts[VERDICT_STORED], stored);
	human_count(r->sum.listed, listed);
	human_bytes(r->sum.bytes, bytes);
	out_printf(o,
	    "%s, %s of %s messages stored (%s), %" PRIu64 " of %" PRIu64 " folders proved",
	    words[code], stored, listed, bytes, r->sum.proved, r->sum.folders);
	if (r->sum.verdicts[VERDICT_EXCLUDED] > 0)
		out_printf(o, ", %" PRIu64 " excluded", r->sum.verdicts[VERDICT_EXCLUDED]);
	if (tally_not_good(&r->sum) > 0)
		out_printf(o, ", %" PRIu64 " not good", tally_not_good(&r->sum));
	if (r->warnings > 0)
		out_printf(o, ", %" PRIu64 " warning%s", r->warnings, r->warnings == 1 ? "" : "s");
}

/* An account that this process was interrupted in is for others, if there are any. */
static void
migration_release(const struct migration *m, size_t at, const struct err *why)
{
	struct err ignored;

	if (m->run.state != NULL && m->row[at].account != 0 && why->kind != ERR_INTERRUPTED)
		(void)!state_release(m->run.state, m->row[at].account, &ignored);
}

/* Stopped or passed over by imex job: what it has by now is in the state alone. */
static void
row_stopped(const struct migration *m, struct migration_row *r)
{
	struct account_rec rec;
	struct tally sum;
	struct err ignored;
	struct arena a;

	if (m->run.state == NULL || r->account == 0)
		return;
	arena_init(&a, 1024 * 1024);
	if (state_account(m->run.state, r->account, &a, &rec, &sum, &ignored) == 0) {
		r->sum = sum;
		r->warnings = rec.warnings;
	}
	arena_done(&a);
}

static void
migration_ended(void *arg, size_t at, size_t n, int code, const struct err *why)
{
	static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
	struct migration *m = arg;
	struct migration_row *r = &m->row[at];
	struct err ignored;
	struct out o;

	if (why->kind == ERR_STOPPED)
		row_stopped(m, r);
	migration_release(m, at, why);
	pthread_mutex_lock(&one_at_a_time);
	tally_add(&m->sum, &r->sum);
	m->warnings += r->warnings;
	pthread_mutex_unlock(&one_at_a_time);
	if (m->o->quiet && code < EXIT_BAD)
		return;
	screen_hide(m->run.screen);
	out_open(&o, m->o->quiet || m->o->json ? STDERR_FILENO : STDOUT_FILENO);
	line_begin(m, at, n, &o);
	if (code <= EXIT_BAD)
		line_numbers(&o, code, r);
	if (why->kind != ERR_NONE) {
		out_str(&o, code <= EXIT_BAD ? "; " : "failed: ");
		out_visible(&o, why->text);
	}
	out_str(&o, "\n");
	/* A terminal that is gone does not end a migration. */
	(void)!out_close(&o, &ignored);
	screen_show(m->run.screen);
}

/* ---- the servers ---- */

static bool
migration_host(void *arg, size_t at, size_t end, char name[CROWD_HOST_MAX])
{
	const struct migration *m = arg;
	const struct user_row *row = &m->list->row[at];
	struct arena a;

	if (end == 0)
		return !m->found && crowd_host_of_row(m->run.o, row, name);
	if (!m->into || (!row->dest && !m->into->dest))
		return false;
	arena_init(&a, 64 * 1024);
	bool ok = crowd_host_of_url(
	    row->dest ? row->dest : destination_url(m->into->dest, row->login, &a), name);
	arena_done(&a);
	return ok;
}

static uint64_t
migration_rank(void *arg, size_t at)
{
	const struct migration *m = arg;
	int64_t newest = m->row[at].newest;

	if (m->o->order != SCHEDULE_NEWEST)
		return m->row[at].bytes_known;
	return newest > 0 ? (uint64_t)newest : 0;
}

/* ---- its copy ---- */

static void
tell_port(const struct migration *m, const struct user_row *row)
{
	struct event e = { .no = EV_PORT_CHOSEN, .level = LEVEL_INFO, .account = row->login };

	if (row->tls && !row->port_given)
		evlog_put(m->run.log, &e,
		    "port %s of %s, since IMAP_SSL is on and IMAP_Port says nothing", row->port,
		    row->server);
}

/* Each is a run like any other: its job keeps the options for a later retry. */
int
migration_options(const struct migration *m, size_t at, struct options *o, struct err *err)
{
	const struct user_row *row = &m->list->row[at];
	const struct option_row *address = option_find("smtp-address", CMD_EXTRACT);

	o->command = command_find(m->found ? "import" : m->into ? m->into->command : "extract");
	o->unattended = true;
	if ((m->stored && stored_apply_at(m->stored, m->entry[at], o, err) < 0) ||
	    user_row_apply(row, o, err) < 0)
		return -1;
	o->ex_mailbox = row->ex_mailbox;
	if (m->into || *row->smtp_address == '\0')
		return 0;
	return options_set(o, address, FROM_JOB, row->smtp_address, err);
}

/* The row's mail among the files. */
static const struct shelf_place *
walk_place(const struct migration *m, const struct user_row *row)
{
	for (size_t i = 0; i < m->found->len; i++) {
		const struct shelf_place *p = &m->found->place[i];

		if (strcmp(p->login, row->login) == 0 && strcasecmp(p->host, row->server) == 0)
			return p;
	}
	return NULL;
}

/* The account is kept with the options: a later retry must find it again. */
static int
import_row(struct options *o, const struct migration *m, const struct user_row *row,
    struct extract_many *many, struct err *err)
{
	const char *url = row->dest ? row->dest
				    : destination_url(m->into->dest, row->login, &o->arena), *dir;
	const struct into into = { .command = "import", .dest = url, .from = walk_place(m, row) };

	if (!into.from)
		return err_set(err, ERR_NO_INPUT, "'%s' has no mail of it; extract it before", m->dir);
	if (!url)
		return err_set(err, ERR_USAGE, "the login is too long");
	if (destination_import_dir(&o->arena, m->dir, url, &dir, err) < 0 ||
	    options_set(o, option_find("account", CMD_IMPORT), FROM_JOB,
		arena_printf(&o->arena, "%s@%s", into.from->login, into.from->host), err) < 0)
		return -1;
	return extract_account(o, dir, m->dir, &into, many, err);
}

static int
copy_row(struct options *o, const struct migration *m, size_t at, struct extract_many *many,
    struct err *err)
{
	const struct user_row *row = &m->list->row[at];
	struct into into = m->into ? *m->into : (struct into){ 0 };

	tell_port(m, row);
	if (migration_options(m, at, o, err) < 0)
		return -1;
	if (m->found)
		return import_row(o, m, row, many, err);
	if (m->into && row->dest)
		into.dest = row->dest;
	/* One that all share is kept as it was given. */
	into.own_dest = m->into && m->own_dests;
	return extract_account(o, m->dir, row->source, m->into ? &into : NULL, many, err);
}

/* For the next run. What cannot be kept is no reason to fail an account. */
static void
keep_size(struct migration *m, struct migration_row *r)
{
	struct err ignored;

	if (m->run.state != NULL && r->lease.account != 0 && r->sum.bytes > 0 && r->sum.bytes != r->bytes_known)
		(void)!state_account_size(m->run.state, &r->lease, r->sum.bytes, &ignored);
}

static int
migration_work(void *arg, size_t at, struct shares *s, const struct seat *seat, struct err *why)
{
	struct migration *m = arg;
	struct migration_row *r = &m->row[at];
	struct extract_many many = {
		.above = &m->run, .own_job = m->found != NULL, .shares = s, .seat = seat,
		.counted = &r->counted
	};
	struct options o = *m->o;
	int rc;

	arena_init(&o.arena, 1024 * 1024);
	rc = copy_row(&o, m, at, &many, &many.result.why);
	arena_done(&o.arena);
	r->lease = many.result.lease;
	r->sum = many.result.sum;
	r->warnings = many.result.warnings;
	r->came = many.result.came;
	*why = many.result.why;
	keep_size(m, r);
	return rc < 0 ? err_exit_code(why->kind) : rc;
}

static void
migration_waits(void *arg, size_t at, const struct err *why, int64_t until_ms)
{
	struct migration *m = arg;
	const struct lease *l = &m->row[at].lease;
	struct err ignored;

	if (m->run.state != NULL && l->account != 0)
		(void)!state_account_wait(m->run.state, l, until_ms, why->text, &ignored);
}

/* What another process came to. */
static int
migration_elsewhere(struct migration *m, size_t at, struct err *why)
{
	struct migration_row *r = &m->row[at];
	struct account_rec rec;
	struct arena a;
	int code;

	arena_init(&a, 1024 * 1024);
	if (state_account(m->run.state, r->account, &a, &rec, &r->sum, why) < 0) {
		code = err_exit_code(why->kind);
	} else {
		r->warnings = rec.warnings;
		code = rec.error_exit > 0 && r->sum.folders == 0 ? rec.error_exit : account_code(&rec, &r->sum);
		if (*rec.error != '\0')
			(void)err_set(why, ERR_STOPPED, "%s", rec.error);
	}
	arena_done(&a);
	return code;
}

static enum taken
migration_take(void *arg, size_t at, int *ret_code, struct err *why)
{
	struct migration *m = arg;
	enum taken taken;

	/* What is wrong with the state is told by who works. */
	if (state_take(m->run.state, m->row[at].account, &taken, why) < 0)
		return TAKEN_NOW;
	if (taken == TAKEN_ENDED)
		*ret_code = migration_elsewhere(m, at, why);
	return taken;
}

/* ---- watched ---- */

struct migration_source {
	struct options o;
	struct run run;
};

/* Accounts that never got into the state have nothing to watch for. */
static int64_t
migration_account(void *arg, size_t at)
{
	const struct migration *m = arg;

	return m->row[at].lease.account;
}

static void
migration_source_done(void *arg, size_t at)
{
	struct migration *m = arg;
	struct migration_source *s = m->row[at].source;

	if (s == NULL)
		return;
	run_close(&s->run);
	arena_done(&s->o.arena);
	free(s);
	m->row[at].source = NULL;
}

static int
migration_source(void *arg, size_t at, const struct job **ret, struct err *err)
{
	struct migration *m = arg;
	struct migration_source *s = m->row[at].source = mem_new(sizeof(*s));

	s->o = *m->o;
	arena_init(&s->o.arena, 1024 * 1024);
	if (migration_options(m, at, &s->o, err) < 0) {
		arena_done(&s->o.arena);
		free(s);
		m->row[at].source = NULL;
		return -1;
	}
	if (run_open_below(&s->run, &m->run, &s->o, m->list->row[at].source, err) < 0) {
		migration_source_done(m, at);
		return -1;
	}
	run_share(&s->run, m->dir);
	/* What is only watched is not at work. */
	progress_leave(&m->run.all, &s->run.progress);
	s->run.job.source.see_it_closed = true;
	*ret = &s->run.job;
	return 0;
}

static uint64_t
migration_came(void *arg, size_t at)
{
	const struct migration *m = arg;

	return m->row[at].came;
}

static void
migration_again(void *arg, const bool *which)
{
	struct migration *m = arg;

	m->sum = (struct tally){ 0 };
	m->warnings = 0;
	enlist_again(m, which);
}

static void
migration_lost(void *arg, size_t at, const struct err *why)
{
	const struct migration *m = arg;

	run_account_lost(&m->run, &m->row[at].lease, why);
}

/* ---- all of them ---- */

/* Stopped in between, the next run goes on with the same files. */
static int
migration_last(void *arg, struct err *err)
{
	struct migration *m = arg;

	return m->into ? 0 : set_close(&m->run.job, err);
}

/* What one account will yet do outside of the job's directory. What is wrong with its options is told when it
 * begins. */
static int
row_reaches(const struct migration *m, size_t at, struct reach *r, struct err *err)
{
	struct options o = *m->o;
	struct err ignored;
	int rc = 0;

	arena_init(&o.arena, 1024 * 1024);
	if (migration_options(m, at, &o, &ignored) == 0)
		rc = confined_add(r, &o, err);
	arena_done(&o.arena);
	return rc;
}

static int
migration_confined(const struct migration *m, struct err *err)
{
	bool kept = m->joined || m->stored;
	struct reach r = { 0 };
	int rc = m->o->no_confine ? 0 : confined_add(&r, m->o, err);

	for (size_t i = 0; rc == 0 && !m->o->no_confine && i < m->list->len; i++)
		if (kept || m->list->row[i].n_settings > 0)
			rc = row_reaches(m, i, &r, err);
	if (rc == 0)
		rc = confined_many(m->o, m->dir, &r, err);
	reach_done(&r);
	return rc;
}

static int
migration_join(struct migration *m, struct err *err)
{
	return run_state(&m->run, m->dir, STATE_JOIN, err) < 0 ? -1
							      : run_log_beside(&m->run, m->dir, err);
}

/* Not before it is sure that no further try to join will bring more accounts. */
static int
migration_seal(const struct migration *m, struct err *err)
{
	return m->o->no_confine ? 0 : errands_seal(err);
}

/* An account is connected to both ends at the same time. */
static int
migration_fits(const struct migration *m, struct err *err)
{
	const struct user_row *row = NULL;

	if (m->into && !m->found && m->o->per_host < 2)
		row = userlist_one_server(m->list, m->into->dest);
	return row == NULL ? 0
			   : err_set(err, ERR_USAGE,
				 "--per-host 1: source and destination of '%s' are one server, to which an account has "
				 "two connections; give --per-host 2",
				 row->login);
}

int
migration_open(struct migration *m, struct err *err)
{
	m->row = mem_new((m->list->len + 1) * sizeof(*m->row));
	if (migration_fits(m, err) < 0)
		return -1;
	if (handing_settle(m->o, err) < 0 || run_open(&m->run, m->o, NULL, err) < 0)
		return -1;
	origin_options(m->o, &m->run.job);
	if (m->found)
		return migration_confined(m, err) < 0 || migration_seal(m, err) < 0 ? -1
										  : run_log(&m->run, m->dir, err);
	if ((!m->joined && jobdir_prepare(m->dir, err) < 0) ||
	    migration_confined(m, err) < 0 ||
	    (m->joined ? migration_join(m, err) : extract_begin_job(&m->run, m->dir, m->into, err)) < 0)
		return -1;
	state_set_workers(m->run.state, m->o->jobs);
	if (migration_seal(m, err) < 0 || enlist(m, err) < 0 || (!m->joined && share_keep_options(m->run.state, m->o, err) < 0) ||
	    history_begin(m->run.state, m->o, &m->number, err) < 0)
		return -1;
	return m->shares ? state_share(m->run.state, SHARING_WILLING, err) : 0;
}

int
migration_finish(struct migration *m, int code, struct err *err)
{
	if (code < 0 || (m->run.state && state_run_end(m->run.state, m->number, code, err) < 0))
		return -1;
	run_finished(&m->run, code);
	return code;
}

void
migration_run(struct migration *m)
{
	static const struct crowd_ops ops = { .host = migration_host,
		.rank = migration_rank,
		.work = migration_work,
		.waits = migration_waits,
		.account = migration_account,
		.source = migration_source,
		.done = migration_source_done,
		.came = migration_came,
		.again = migration_again,
		.lost = migration_lost,
		.take = migration_take,
		.ended = migration_ended };

	m->crowd = (struct crowd){
		.ops = &ops, .arg = m, .o = m->o, .list = m->list, .run = &m->run,
		.dir = m->found ? NULL : m->dir,
		.sharing = m->joined ? CROWD_JOINED : m->shares ? CROWD_SHARES : CROWD_ALONE
	};
	crowd_run(&m->crowd, migration_last);
}

void
migration_close(struct migration *m)
{
	run_close(&m->run);
	free(m->row);
}
