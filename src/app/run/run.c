#include "app/run/run.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "base/journal.h"
#include "base/mem.h"

static void
run_begin(struct run *r, struct run *above, struct options *o)
{
	*r = (struct run){ .o = o, .above = above };
	progress_init(&r->progress);
	if (!above)
		progress_all_init(&r->all);
	progress_join(above ? &above->all : &r->all, &r->progress);
	r->stop = above ? cancel_new_below(above->stop) : cancel_new();
	r->job.stop = o->stop = r->stop;
	r->job.progress = &r->progress;
}

static int
run_origin(struct run *r, const char *source, struct err *err)
{
	if (!source) {
		arena_init(&r->origin.arena, 64 * 1024);
		return 0;
	}
	if (origin_open(&r->origin, r->o, source, err) < 0)
		return -1;
	origin_job(&r->origin, r->o, &r->job);
	return 0;
}

/* What people know the job by. */
static const char *
run_job_name(const struct options *o)
{
	if (o->to || o->job)
		return o->to ? o->to : o->job;
	return o->n_words > 0 ? o->word[0] : "";
}

int
run_open(struct run *r, struct options *o, const char *source, struct err *err)
{
	run_begin(r, NULL, o);
	r->screen = screen_open((enum progress_choice)o->progress, o->quiet, &r->all);
	/* The password may be waited for: a signal ends that, too. */
	if (control_open(&r->control, r->stop, r->screen, err) < 0 || run_origin(r, source, err) < 0 ||
	    metrics_open(&r->metrics, o->metrics_file, run_job_name(o), &r->all, err) < 0)
		return -1;
	control_set_metrics(r->control, r->metrics);
	return 0;
}

int
run_open_below(
    struct run *r, struct run *above, struct options *o, const char *source, struct err *err)
{
	run_begin(r, above, o);
	return run_origin(r, source, err);
}

void
run_share(struct run *r, const char *dir)
{
	r->log = r->job.log = r->above->log;
	r->state = r->job.state = r->above->state;
	r->room = r->job.room = r->above->room;
	r->job.dir = dir;
}

static enum event_level
run_least(const struct options *o)
{
	if (o->quiet)
		return LEVEL_ERROR;
	return o->verbose == 0 ? LEVEL_WARNING : o->verbose == 1 ? LEVEL_INFO : LEVEL_DEBUG;
}

static void
run_system(void *arg, const struct event *e, const char *line)
{
	const struct run *r = arg;
	static const int priority[] = {
		[LEVEL_DEBUG] = LOG_DEBUG,
		[LEVEL_INFO] = LOG_INFO,
		[LEVEL_WARNING] = LOG_WARNING,
		[LEVEL_ERROR] = LOG_ERR,
	};

	if (r->o->syslog)
		syslog(priority[e->level], "%s", line);
	journal_put(r->journal, e, line);
}

/* What ends a run is told once, by run_complain with what to do about it; a difference is printed by
 * verify; and what the user asked for by an option is in the report. */
static bool
run_says(void *arg, const struct event *e)
{
	const struct options *o = arg;

	switch (e->no) {
	case EV_ACCOUNT_FAILED:
	case EV_INTERRUPTED:
	case EV_VERIFY_DIFFERS:
		return false;
	case EV_INSECURE:
		return o->verbose > 0;
	case EV_REFUSED:
		return !e->command || (strncmp(e->command, "LOGIN", 5) != 0 &&
		    strncmp(e->command, "AUTHENTICATE", 12) != 0);
	default:
		return true;
	}
}

/* logrotate has renamed the file. */
static void
run_reopen(void *arg)
{
	struct run *r = arg;
	struct event e = { .no = EV_LOG_OPENED, .level = LEVEL_INFO };
	struct err err;

	if (evlog_reopen(r->log, &err) == 0) {
		evlog_put(r->log, &e, "event log opened anew, as SIGHUP asks");
		return;
	}
	e.no = EV_LOG_KEPT;
	e.level = LEVEL_WARNING;
	evlog_put(r->log, &e, "%s; events go on into the old file", err.text);
}

static int
run_log_use(struct run *r, struct err *err)
{
	if (r->o->journal && !r->journal && journal_open(&r->journal, JOURNAL_PATH, err) < 0)
		return -1;
	evlog_set_screen(
	    r->log, screen_hide, screen_show, r->above ? r->above->screen : r->screen);
	if (r->o->syslog)
		openlog("imex", LOG_PID, LOG_USER);
	if (r->o->syslog || r->journal)
		evlog_set_system(r->log, run_system, r);
	evlog_set_filter(r->log, run_says, r->o);
	r->job.log = r->log;
	if (r->state)
		state_set_log(r->state, r->log);
	if (r->control)
		control_set_reopen(r->control, run_reopen, r);
	return 0;
}

int
run_log(struct run *r, const char *dir, struct err *err)
{
	if (evlog_open(&r->log, dir, stderr, run_least(r->o), err) < 0)
		return -1;
	return run_log_use(r, err);
}

int
run_log_beside(struct run *r, const char *dir, struct err *err)
{
	if (evlog_join(&r->log, dir, stderr, run_least(r->o), err) < 0)
		return -1;
	return run_log_use(r, err);
}

int
run_state(struct run *r, const char *dir, enum state_mode mode, struct err *err)
{
	if (state_open(&r->state, dir, mode, err) < 0)
		return -1;
	r->job.state = r->state;
	r->job.dir = dir;
	return 0;
}

int
run_room(struct run *r, const char *dir, struct err *err)
{
	const struct options *o = r->o;

	if (r->room)
		return 0;
	if (room_open(&r->room, dir, option_given(o, &o->min_free) ? &o->min_free : NULL, err) < 0)
		return -1;
	r->job.room = r->room;
	return room_hold(r->room, err);
}

/* What cannot be kept is told by what fails next. */
void
run_account_lost(const struct run *r, const struct lease *l, const struct err *why)
{
	bool stopped = why->kind == ERR_STOPPED || why->kind == ERR_INTERRUPTED;
	struct err ignored;

	if (r->state == NULL || l->account == 0)
		return;
	(void)!state_account_end(r->state, l, stopped ? ACCOUNT_STOPPED : ACCOUNT_FAILED, why->text,
	    err_exit_code(stopped ? ERR_INTERRUPTED : why->kind), &ignored);
}

void
run_quiet(struct run *r)
{
	if (r->above)
		return;
	if (r->log)
		evlog_set_screen(r->log, screen_hide, screen_show, NULL);
	control_close(&r->control);
	screen_close(&r->screen);
}

void
run_finished(struct run *r, int code)
{
	metrics_close(&r->metrics, code);
}

void
run_close(struct run *r)
{
	run_quiet(r);
	metrics_close(&r->metrics, -1);
	sess_ahead_close(&r->job.ahead);
	if (!r->above || r->state != r->above->state)
		state_close(&r->state);
	if (!r->above || r->log != r->above->log)
		evlog_close(&r->log);
	journal_close(&r->journal);
	if (!r->above || r->room != r->above->room)
		room_close(&r->room);
	cancel_free(r->stop);
	r->stop = NULL;
	if (r->o)
		r->o->stop = NULL;
	progress_leave(r->above ? &r->above->all : &r->all, &r->progress);
	progress_done(&r->progress);
	if (!r->above)
		progress_all_done(&r->all);
	origin_done(&r->origin);
}

static const char *
run_advice(const struct err *err)
{
	/* Before the greeting: the port may be another one's. */
	if (err->kind == ERR_CUT && err->of_server)
		return "check host and port, or run the same command again later";
	switch (err->kind) {
	case ERR_NO_HOST:
		return "check the host name in the URL";
	case ERR_CONNECT:
		return "check host and port; imaps:// means 993, imap:// 143";
	case ERR_NOT_IMAP:
		return "check host and port";
	case ERR_INTERRUPTED:
	case ERR_BYE:
	case ERR_CUT:
	case ERR_TIMEOUT:
	case ERR_PROTOCOL:
	case ERR_THROTTLED:
		return "run the same command again to continue";
	case ERR_DAY:
		return "run the same command again tomorrow (UTC) to continue";
	case ERR_FULL:
		return "make room, then run the same command again to continue";
	default:
		return NULL;
	}
}

void
run_complain(const struct err *err, const struct origin *g)
{
	run_complain_of(err, g ? g->password_from : NULL);
}

void
run_complain_of(const struct err *err, const char *password_from)
{
	const char *advice = strchr(err->text, ';') ? NULL : run_advice(err);
	struct buf line;

	buf_init(&line, 16 * 1024);
	text_visible(slice_str(err->text), &line);
	fprintf(stderr, "imex: %s", line.data ? line.data : "");
	if (err->kind == ERR_LOGIN && password_from)
		fprintf(stderr, " (the password came from %s)", password_from);
	else if (advice)
		fprintf(stderr, "; %s", advice);
	fputc('\n', stderr);
	buf_done(&line);
}
