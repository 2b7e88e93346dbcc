/* A message that lies in several folders of one account, as Gmail tells by X-GM-MSGID, is fetched once: in the
 * folders that follow the stored file gets another name. Only what is committed counts, so a folder begins with a
 * commit of all before it; two connections at once may fetch one twice. */
#include "engine/copy.h"

/* The place of a copy: what sink_ops.adopt asks of a record. */
static struct folder_rec
place_of(const struct twin *t)
{
	return (struct folder_rec){ .path = t->path, .uidvalidity = t->uidvalidity };
}

/* Nothing but the id says that they are one message, so all else has to agree. */
static bool
agrees(const struct msg *m, const struct msg *twin)
{
	return m->size_known && twin->size_known && m->size == twin->size && m->date.known && twin->date.known &&
	       m->date.epoch == twin->date.epoch;
}

static int
take(struct lane *l, const struct msg *m, enum verdict old, struct arena *a, bool *ret_done, struct err *err)
{
	struct progress *p = l->job->progress;
	struct folder_rec from;
	struct twin twin;
	struct msg now;
	bool there;

	if (state_twin(l->job->state, l->rec.id, m->gm_msgid, a, &twin, &there, err) < 0)
		return -1;
	if (!there || !agrees(m, &twin.msg))
		return 0;
	from = place_of(&twin);
	now = twin.msg;
	msg_take_place(&now, m);
	now.flags = m->flags;
	now.expunged = false;
	if (l->sink_ops->adopt(l->sink, l->at, &from, &twin.msg, &now, ret_done, err) < 0)
		return -1;
	if (!*ret_done)
		return 0;
	l->changed = true;
	l->twins++;
	lane_good(l, &now, old);
	lane_count(l, 1);
	if (p != NULL)
		atomic_fetch_add(&p->messages_new, 1);
	return lane_flush_if_full(l, err);
}

int
lane_take_twin(struct lane *l, const struct msg *m, enum verdict old, bool *ret_done, struct err *err)
{
	struct arena a;
	int rc;

	*ret_done = false;
	if (m->gm_msgid == 0 || (l->sink_ops->traits & SINK_SHARES) == 0)
		return 0;
	if (!l->twins_ready && lane_flush(l, true, err) < 0)
		return -1;
	l->twins_ready = true;
	arena_init(&a, LEX_STRING_MAX);
	rc = take(l, m, old, &a, ret_done, err);
	arena_done(&a);
	return rc;
}

void
lane_tell_twins(struct lane *l)
{
	if (l->twins > 0)
		lane_event(l, EV_RECOGNISED,
		    "%llu messages are stored already, in other folders (X-GM-MSGID): they are linked, not fetched again",
		    (unsigned long long)l->twins);
	l->twins = 0;
}
