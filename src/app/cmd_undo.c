/* Mail that went to the wrong account: what imex put there is listed, and taken away when the user
 * says so. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/birth.h"
#include "app/destination.h"
#include "app/jobdir.h"
#include "app/out.h"
#include "app/run.h"
#include "app/stored.h"
#include "base/json.h"

struct undo {
	struct run run;
	struct destination dest;
	struct out out;
	struct undo_counts counts;
	bool remove;
};

static const char *
undo_words(enum undo_what w)
{
	static const char *const words[] = {
		[UNDO_REMOVE] = "put there by imex",
		[UNDO_CHANGED] = "not what imex sent any more: stays",
		[UNDO_GONE] = "no longer there",
		[UNDO_NOT_OURS] = "was there before: stays",
	};

	return words[w];
}

static void
undo_put(void *arg, const struct undo_item *i)
{
	struct undo *u = arg;
	struct out *o = &u->out;

	screen_hide(u->run.screen);
	if (u->run.o->json) {
		json_open(&o->buf, NULL);
		json_put_str(&o->buf, "folder", i->folder);
		json_put_int(&o->buf, "uid", i->uid);
		json_put_str(&o->buf, "what", undo_words(i->what));
		json_put_str(&o->buf, "subject", i->subject);
		json_put_str(&o->buf, "date", i->date);
		json_close(&o->buf);
		buf_add_byte(&o->buf, '\n');
	} else if (!u->run.o->quiet) {
		out_visible(o, i->folder);
		out_printf(o, " UID %u: %s", i->uid, undo_words(i->what));
		if (i->subject && *i->subject) {
			out_str(o, "; ");
			out_visible(o, i->subject);
		}
		out_str(o, "\n");
	}
	out_drain(o);
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

/* On a terminal; elsewhere --yes is needed. */
static bool
undo_ask(const struct undo *u)
{
	char line[16] = "";

	if (u->run.o->yes)
		return true;
	if (!isatty(STDIN_FILENO)) {
		fprintf(stderr, "imex: nothing was removed: there is no terminal to ask on; --yes "
				"removes without asking\n");
		return false;
	}
	fprintf(stderr, "Remove %" PRIu64 " messages from %s? [y/N] ", u->counts.ours,
	    u->dest.account);
	return fgets(line, sizeof(line), stdin) != NULL && (line[0] == 'y' || line[0] == 'Y');
}

static int
undo_step(struct undo *u, bool remove, struct err *err)
{
	struct err why;
	int rc;

	u->remove = remove;
	out_open(&u->out, STDOUT_FILENO);
	rc = control_run(u->run.control, undo_work, u, err);
	if (out_close(&u->out, rc < 0 ? &why : err) < 0)
		rc = -1;
	return rc;
}

static int
undo_all(struct undo *u, struct err *err)
{
	if (undo_step(u, false, err) < 0)
		return -1;
	if (u->counts.ours == 0) {
		if (!u->run.o->quiet && !u->run.o->json)
			printf("%s: nothing that imex put there is left\n", u->dest.account);
		return u->counts.changed > 0 ? 2 : 0;
	}
	if (!u->run.o->quiet && !u->run.o->json)
		printf("%s: %" PRIu64 " messages were put there by imex, %" PRIu64
		       " more are not what was sent any more, %" PRIu64 " are gone\n",
		    u->dest.account, u->counts.ours, u->counts.changed, u->counts.gone);
	fflush(stdout);
	if (u->run.o->dry_run || !undo_ask(u))
		return u->run.o->dry_run ? 0 : 1;
	if (undo_step(u, true, err) < 0)
		return -1;
	if (!u->run.o->quiet && !u->run.o->json)
		printf("%s: %" PRIu64 " messages were removed\n", u->dest.account,
		    u->counts.removed);
	return u->counts.removed == u->counts.ours && u->counts.changed == 0 ? 0 : 2;
}

/* The job that went to a server: DIR itself, or an import of DIR. */
static int
undo_find(struct options *o, const char **ret_dir, const char **ret_dest, struct err *err)
{
	const char *dir = o->word[0];

	if (destination_of_job(o, dir, ret_dest, err) < 0)
		return -1;
	if (*ret_dest == NULL && o->n_words > 1) {
		if (destination_import_dir(o, dir, o->word[1], &dir, err) < 0 ||
		    destination_of_job(o, dir, ret_dest, err) < 0)
			return -1;
	}
	if (*ret_dest == NULL)
		return err_set(err, ERR_NO_INPUT,
		    "'%s' is not the directory of a migration or an import%s", o->word[0],
		    o->n_words > 1 ? " into that account" : "; of an import name DEST, too");
	*ret_dir = dir;
	return 0;
}

static int
undo_options(struct options *o, const char *dir, struct err *err)
{
	struct state *t = NULL;
	struct stored *s = NULL;
	int rc;

	if (state_open(&t, dir, STATE_READ, err) < 0)
		return -1;
	rc = stored_read(&s, t, err);
	if (rc == 0)
		rc = stored_apply_at(s, 0, o, err);
	stored_free(&s);
	state_close(&t);
	return rc;
}

static int
undo_begin(struct undo *u, struct options *o, const char *dir, const char *dest, struct err *err)
{
	if (undo_options(o, dir, err) < 0 || birth_settle(o, dir, err) < 0 ||
	    run_open(&u->run, o, NULL, err) < 0 ||
	    destination_open(&u->dest, o, o->n_words > 1 ? o->word[1] : dest, err) < 0 ||
	    run_state(&u->run, dir, STATE_RUN, err) < 0 ||
	    destination_keep(&u->dest, u->run.state, o->n_words > 1 ? o->word[1] : dest, err) < 0)
		return -1;
	origin_options(o, &u->run.job);
	u->run.job.dest = &u->dest.dest;
	return run_log(&u->run, dir, err);
}

int
cmd_undo(struct options *o, struct err *err)
{
	struct undo u = { .remove = false };
	const char *dir = NULL, *dest = NULL;
	int rc;

	if (undo_find(o, &dir, &dest, err) < 0)
		return -1;
	rc = undo_begin(&u, o, dir, dest, err);
	if (rc == 0) {
		rc = undo_all(&u, err);
		run_quiet(&u.run);
		if (rc < 0) {
			run_complain(err, NULL);
			rc = err_exit_code(err->kind);
		}
	}
	run_close(&u.run);
	destination_done(&u.dest);
	return rc;
}
