/* Mail that went to the wrong account: what imex put there is listed, and taken away when the user
 * says so. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/cli/out.h"
#include "app/job/birth.h"
#include "app/job/destination.h"
#include "app/job/placed.h"
#include "app/report/report.h"
#include "app/run/confined.h"
#include "app/run/run.h"
#include "base/json.h"

enum { EXIT_UNDONE = 0, EXIT_REFUSED = 1, EXIT_LEFT = 2 };

struct undo {
	struct run run;
	struct destination dest;
	const char *dir;
	const char *source; /* of the account at hand, for people */
	struct out out;
	struct undo_counts counts;
	uint64_t removable; /* told so far by this pass */
	bool remove;
};

static const char *
undo_words(enum undo_what w)
{
	static const char *const words[] = {
		[UNDO_REMOVE] = "put there by imex",
		[UNDO_CHANGED] = "is not what imex sent any more, stays",
		[UNDO_GONE] = "is no longer there",
		[UNDO_NOT_OURS] = "was not put there by imex, stays",
	};

	return words[w];
}

static void
undo_json(struct undo *u, const struct undo_item *i)
{
	struct buf *b = &u->out.buf;

	json_open(b, NULL);
	json_put_str(b, "folder", i->folder);
	json_put_int(b, "uid", i->uid);
	json_put_str(b, "what", undo_words(i->what));
	json_put_str(b, "subject", i->subject);
	json_put_str(b, "date", i->date);
	json_close(b);
	buf_add_byte(b, '\n');
}

static void
undo_text(struct undo *u, const struct undo_item *i)
{
	struct out *o = &u->out;

	out_visible(o, i->folder);
	out_printf(o, " UID %u", i->uid);
	if (i->date && *i->date) {
		out_str(o, ", ");
		out_visible(o, i->date);
	}
	if (i->subject && *i->subject) {
		out_str(o, ", ");
		out_visible(o, i->subject);
	}
	out_printf(o, ": %s\n", undo_words(i->what));
}

/* The first pass tells all but what was never imex's, which may be a whole mailbox; the second has
 * nothing new to tell. */
static void
undo_put(void *arg, const struct undo_item *i)
{
	struct undo *u = arg;
	const struct options *o = u->run.o;

	u->removable += i->what == UNDO_REMOVE;
	if (u->remove || o->quiet || (i->what == UNDO_NOT_OURS && o->verbose == 0))
		return;
	screen_hide(u->run.screen);
	if (o->json)
		undo_json(u, i);
	else
		undo_text(u, i);
	out_drain(&u->out);
	screen_show(u->run.screen);
}

static int
undo_work(void *arg, struct err *err)
{
	struct undo *u = arg;
	const struct undo_out out = { .put = undo_put, .arg = u };

	u->counts = (struct undo_counts){ 0 };
	return job_undo(&u->run.job, u->remove, &out, &u->counts, err);
}

static int
undo_step(struct undo *u, bool remove, struct err *err)
{
	struct err why;
	int rc;

	u->remove = remove;
	u->removable = 0;
	out_open(&u->out, STDOUT_FILENO);
	rc = control_run(u->run.control, undo_work, u, err);
	if (out_close(&u->out, rc < 0 ? &why : err) < 0)
		rc = -1;
	return rc;
}

/* ---- words ---- */

static void
undo_tell(const struct undo *u, uint64_t n, const char *what)
{
	const struct options *o = u->run.o;
	const struct undo_counts *c = &u->counts;

	if (o->quiet || o->json)
		return;
	printf("%s: %" PRIu64 " message%s %s", u->dest.account, n, n == 1 ? "" : "s", what);
	if (c->changed > 0)
		printf("; %" PRIu64 " changed since, left alone", c->changed);
	if (c->gone > 0)
		printf("; %" PRIu64 " no longer there", c->gone);
	printf("\n");
	fflush(stdout);
}

static int
undo_end_json(const struct undo *u, uint64_t removable, int code, struct err *err)
{
	struct out o;

	if (!u->run.o->json)
		return 0;
	out_open(&o, STDOUT_FILENO);
	json_open(&o.buf, NULL);
	json_put_str(&o.buf, "account", u->dest.account);
	json_put_int(&o.buf, "removable", (int64_t)removable);
	json_put_int(&o.buf, "removed", (int64_t)u->counts.removed);
	json_put_int(&o.buf, "changed", (int64_t)u->counts.changed);
	json_put_int(&o.buf, "gone", (int64_t)u->counts.gone);
	json_put_int(&o.buf, "doubtful", (int64_t)u->counts.doubtful);
	json_put_int(&o.buf, "exit_code", code);
	json_close(&o.buf);
	buf_add_byte(&o.buf, '\n');
	return out_close(&o, err);
}

/* The first letter of a line from the terminal; 0: none, or Ctrl-C, which is a signal that only the
 * stop signal of the run tells of. */
static char
undo_answer(const struct cancel *stop)
{
	struct pollfd fd[] = { { .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = cancel_fd(stop), .events = POLLIN } };
	char line[256];
	ssize_t n;

	while (poll(fd, 2, -1) < 0)
		if (errno != EINTR)
			return 0;
	n = fd[1].revents ? 0 : read(STDIN_FILENO, line, sizeof(line));
	if (n <= 0)
		fprintf(stderr, "\n");
	return n > 0 ? line[0] : 0;
}

/* On a terminal; elsewhere --yes is needed. */
static bool
undo_ask(const struct undo *u, uint64_t n)
{
	char answer;

	if (u->run.o->yes)
		return true;
	if (!isatty(STDIN_FILENO)) {
		fprintf(stderr,
		    "imex: nothing was removed: there is no terminal to ask on; --yes removes "
		    "without asking\n");
		return false;
	}
	fprintf(stderr, "Remove %" PRIu64 " message%s from %s? [y/N] ", n, n == 1 ? "" : "s",
	    u->dest.account);
	answer = undo_answer(u->run.stop);
	return answer == 'y' || answer == 'Y';
}

/* ---- one account ---- */

static int
undo_reports(const struct undo *u, struct err *err)
{
	struct report r;
	int rc;

	if (report_open(&r, u->run.state, u->dir, u->run.o->no_subjects, err) < 0)
		return -1;
	rc = report_files(&r, err);
	report_done(&r);
	return rc;
}

/* What could be removed is, also when a folder could not be opened: then *err has the first reason,
 * and the code is 2. */
static int
undo_remove(struct undo *u, uint64_t n, struct err *err)
{
	struct err why = { 0 };
	int rc = undo_step(u, true, &why);

	undo_tell(u, u->counts.removed, u->counts.removed == 1 ? "was removed" : "were removed");
	if (undo_reports(u, err) < 0)
		return -1;
	if (rc < 0 && why.kind != ERR_FOLDER) {
		*err = why;
		return -1;
	}
	if (rc < 0)
		run_complain(&why, NULL);
	return rc < 0 || u->counts.removed < n || u->counts.changed > 0 ? EXIT_LEFT : EXIT_UNDONE;
}

static int
undo_all(struct undo *u, struct err *err)
{
	struct err why = { 0 };
	int rc = undo_step(u, false, &why), code;
	uint64_t n = u->removable, doubtful = u->counts.doubtful;

	if (rc < 0 && why.kind != ERR_FOLDER) {
		*err = why;
		return -1;
	}
	if (rc < 0)
		run_complain(&why, NULL);
	undo_tell(u, n, n == 1 ? "was put there by imex" : "were put there by imex");
	if (n == 0 || u->run.o->dry_run)
		code = rc < 0 || u->counts.changed > 0 ? EXIT_LEFT : EXIT_UNDONE;
	else if (!undo_ask(u, n))
		code = cancel_raised(u->run.stop) ? EXIT_INTERRUPTED : EXIT_REFUSED;
	else
		code = undo_remove(u, n, err);
	if (code == EXIT_UNDONE && (rc < 0 || doubtful > 0))
		code = EXIT_LEFT;
	u->counts.doubtful = doubtful;
	return code < 0 || undo_end_json(u, n, code, err) < 0 ? -1 : code;
}

/* The account that is meant, by its address alone: its source is not asked. */
static int
undo_source(struct undo *u, struct placed *p, size_t i, struct err *err)
{
	struct imap_url url;

	if (p->files)
		return 0;
	if (imap_url_parse(placed_source(p, i), &p->arena, &url, err) < 0)
		return -1;
	u->run.job.source.account = url.user;
	u->run.job.source.login = url.user;
	u->run.job.source.host = url.host;
	u->run.job.source.port = url.port;
	return 0;
}

/* What the job keeps is the selection of its last run; earlier ones may have put there more. */
static void
undo_select(struct undo *u, const struct options *given)
{
	struct selection *s = &u->run.job.selection;

	s->folders = given->folders.item;
	s->n_folders = given->folders.len;
	s->excludes = given->excludes.item;
	s->n_excludes = given->excludes.len;
	s->subscribed = given->subscribed;
}

static int
undo_begin(struct undo *u, struct placed *p, size_t i, const struct options *given, struct err *err)
{
	struct options *o = u->run.o;
	const char *dest;

	if (placed_dest(p, i, &dest, err) < 0 || birth_settle(o, p->dir, err) < 0 ||
	    run_open(&u->run, o, NULL, err) < 0 || destination_open(&u->dest, o, dest, err) < 0 ||
	    run_state(&u->run, p->dir, STATE_RUN, err) < 0)
		return -1;
	origin_options(o, &u->run.job);
	undo_select(u, given);
	u->run.job.dest = &u->dest.dest;
	return undo_source(u, p, i, err) < 0 ? -1 : run_log(&u->run, p->dir, err);
}

static int
undo_account(struct placed *p, size_t i, const struct options *given, struct err *err)
{
	struct undo u = { .dir = p->dir };
	struct options o;
	int rc = placed_options(p, i, given, &o, err);

	u.run.o = &o;
	if (rc == 0)
		rc = undo_begin(&u, p, i, given, err);
	if (rc == 0)
		rc = undo_all(&u, err);
	run_quiet(&u.run);
	if (rc < 0) {
		run_complain_of(err, u.dest.password_from);
		rc = err_exit_code(err->kind);
	}
	run_close(&u.run);
	destination_done(&u.dest);
	options_done(&o);
	return rc;
}

/* ---- all of them ---- */

static int
undo_each(struct placed *p, const struct options *o, const bool *wanted, struct err *err)
{
	int code = -1;

	for (size_t i = 0; i < placed_len(p); i++) {
		if (!wanted[i] || (o->account && !placed_is(p, i, o->account)))
			continue;
		int one = undo_account(p, i, o, err);

		code = one > code ? one : code;
		if (one == EXIT_INTERRUPTED)
			break;
	}
	if (code < 0)
		return err_set(err, ERR_NO_INPUT, "'%s' has no account '%s'", p->dir,
		    o->account ? o->account : "");
	return code;
}

int
cmd_undo(struct options *o, struct err *err)
{
	const char *named = o->n_words > 1 ? o->word[1] : NULL;
	bool *wanted = NULL;
	struct placed p;
	int rc = placed_open(&p, o->word[0], named, err);

	*err = rc < 0 ? *err : (struct err){ 0 };
	if (rc == 0 && p.dest == NULL)
		rc = err_set(err, ERR_NO_INPUT,
		    "'%s' is not the directory of a migration or an import%s", o->word[0],
		    named ? " into that account" : "; of an import name DEST, too");
	if (rc == 0)
		rc = placed_choose(&p, named, false, &wanted, err);
	if (rc == 0)
		rc = confined_placed(&p, wanted, o, err);
	if (rc == 0)
		rc = undo_each(&p, o, wanted, err);
	free(wanted);
	placed_close(&p);
	return rc;
}
