/* What an undo cannot take away: a message that was on its way when the run ended, by a kill or because the folder
 * took no more, has an intent and no row. Nobody knows whether it arrived, and only a run that has the source can
 * tell which one it is. So what came since then and no row names is told, and the undo has not removed all.
 *
 * An undo that was interrupted leaves intents, too: of rows, whose UID they have, and which it looks at again. */
#include <inttypes.h>
#include <string.h>

#include "engine/undo.h"

/* The lowest UID that one of them can have; 0: none is in doubt. */
static uint32_t
doubt_from(struct undo *u, const struct intent *list, size_t n, uint32_t validity, uint64_t *ret_n)
{
	uint32_t from = 0;

	*ret_n = 0;
	uidset_sort(&u->rowed);
	for (size_t i = 0; i < n; i++) {
		uint32_t next = list[i].dest_uidnext > 0 ? list[i].dest_uidnext : 1;

		if (list[i].dest_uidvalidity != validity || uidset_has(&u->rowed, list[i].uid))
			continue;
		(*ret_n)++;
		if (from == 0 || next < from)
			from = next;
	}
	return from;
}

/* Messages from that UID on that no row names. */
static int
count_strange(struct undo *u, uint32_t from, uint64_t *ret, struct err *err)
{
	struct uidset there, strange;
	struct resp r = { 0 };
	uint32_t tag;
	int rc;

	uidset_init(&there);
	uidset_init(&strange);
	rc = sess_send(u->s, 0, &tag, err, "UID FETCH %" PRIu32 ":* (UID)", from);
	do {
		if (rc == 0)
			rc = sess_next(u->s, &r, NULL, err);
		if (rc == 0 && r.kind == RESP_FETCH && r.fetch.uid >= from)
			uidset_add(&there, r.fetch.uid, r.fetch.uid);
		if (rc == 0)
			rc = sess_drop(u->s, &r, err);
	} while (rc == 0 && (r.kind != RESP_TAGGED || r.tag != tag));
	if (rc == 0 && r.state != STATE_OK)
		rc = sess_refused(u->s, &r, "looking at what is there", err);
	uidset_sort(&there);
	uidset_sort(&u->named);
	uidset_minus(&there, &u->named, &strange);
	uidset_sort(&strange);
	*ret = uidset_count(&strange);
	uidset_done(&there);
	uidset_done(&strange);
	return rc;
}

/* A folder that cannot be opened has none of them, or tells that with the rows. */
static int
open_and_count(struct undo *u, const struct intent *list, size_t n, struct err *err)
{
	struct folder_head head = { 0 };
	struct err why = { 0 };
	uint64_t sent, strange;
	uint32_t from;

	if (sess_examine(u->s, slice_str(u->rec->path), &head, &why) < 0) {
		if (why.scope < SCOPE_SESSION)
			return 0;
		*err = why;
		return -1;
	}
	from = doubt_from(u, list, n, head.uidvalidity, &sent);
	if (from == 0)
		return 0;
	if (count_strange(u, from, &strange, err) < 0)
		return -1;
	u->counts.doubtful += strange;
	if (strange > 0)
		undo_leave(u,
		    "%" PRIu64 " messages were on their way when the run ended, and %" PRIu64
		    " there, from UID %" PRIu32 " on, may be copies of them, which stay: the command of that run, given once "
		    "more, settles which, and undo removes them then",
		    sent, strange, from);
	return 0;
}

int
undo_doubts(struct undo *u, struct err *err)
{
	struct intent *list;
	struct arena a;
	size_t n;
	int rc;

	arena_init(&a, 256 * 1024 * 1024);
	rc = state_intents(u->job->state, u->rec->id, &a, &list, &n, err);
	if (rc == 0 && n > 0)
		rc = open_and_count(u, list, n, err);
	arena_done(&a);
	return rc;
}
