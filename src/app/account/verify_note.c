/* What verify found to be lost goes into the state: verify itself reads, beside whatever runs, and only for this
 * the job is taken, as by a run that is alone. */
#include <stdio.h>

#include "app/account/verify_out.h"

static int
note(struct verify_out *v, const char *dir, enum format format, struct err *err)
{
	struct job job = { .dir = dir, .format = format, .stop = v->run->stop };
	struct state *t = NULL;
	int rc = state_open(&t, dir, STATE_RUN, err);

	job.state = t;
	if (rc == 0)
		rc = job_note_lost(&job, v->differences.lost, &v->noted, &v->back, err);
	state_close(&t);
	return rc;
}

void
verify_note(struct verify_out *v, const char *dir, enum format format, const struct err *ended)
{
	struct err why;

	v->dir = dir;
	if (lost_list_len(v->differences.lost) == 0)
		return;
	if (v->run->o->dry_run)
		snprintf(v->not_noted, sizeof(v->not_noted), "--dry-run writes nothing");
	else if (ended != NULL && ended->kind == ERR_INTERRUPTED)
		snprintf(v->not_noted, sizeof(v->not_noted), "interrupted");
	else if (note(v, dir, format, &why) < 0)
		snprintf(v->not_noted, sizeof(v->not_noted), "%s", why.text);
}
