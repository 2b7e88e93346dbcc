/* Another connection in the middle of a folder. Servers end one that has seen some ten refused commands (quirks
 * row 11), and the message under way would be taken for the cause: so it is given up before. One that has grown slow
 * may be held to a limit of its own (row 8b). What is listed, wanted and put aside stays. */
#include <stdio.h>

#include "store/from_imap/source_imap.h"

enum { SLOW_COMMANDS = 2 }; /* under way on a slow connection */

bool
source_is_worn(const struct source *s)
{
	/* A server without UIDs or SEARCH could not tell that the folder is still the same. */
	return (s->s->bads >= SESS_BADS_MAX || s->slowed) && !s->s->numbered && s->search_known &&
	       !(s->facts.quirks & LEARNT_NO_SEARCH);
}

/* What is under way on a slow connection would take long; a try, or a question for changes, is waited for. */
bool
source_may_renew(const struct source *s)
{
	if (s->s->n_asked == 0)
		return true;
	return s->slowed && !s->trying && !(s->changes.on && s->changes.asked && !s->changes.done);
}

void
source_grown_slow(struct source *s)
{
	char text[200];

	if (s->slow_times++ >= SLOW_TIMES_MAX)
		return;
	s->slowed = true;
	snprintf(text, sizeof(text),
	    "the server has grown slow: %.1f messages a second, far less than before; it limits bandwidth, as it seems. A "
	    "new connection is tried, with less at a time",
	    s->pace.now);
	source_note(s, EV_SLOW, LEVEL_WARNING, 0, NULL, false, text);
}

bool
source_may_fail(const struct source *s)
{
	if (s->slow_times > 0 && s->s->n_asked >= SLOW_COMMANDS)
		return false;
	return (s->s->bads == 0 && !s->renewed) || s->s->n_asked == 0 || s->s->bads + s->s->n_asked < SESS_BADS_MAX;
}

/* What went meanwhile leaves the map, as EXPUNGE would have told it; what came is behind its end. What SEARCH
 * never had, since the server hides it, is known by FETCH alone and stays. */
static int
follow_map(struct source *s, const struct uidset *before, const struct uidset *now, struct err *err)
{
	struct uidset gone = { 0 };

	if (!s->search_known)
		return err_set(err, ERR_PROTOCOL, "the server does not answer SEARCH any more");
	uidset_minus(before, now, &gone);
	for (uint32_t uid = 0; (uid = uidset_after(&gone, uid)) != 0;)
		uidset_remove(&s->map, uid);
	uidset_done(&gone);
	s->s->map = &s->map;
	s->s->grew = s->s->exists > uidset_count(&s->map);
	return 0;
}

int
source_renew(struct source *s, struct err *err)
{
	const struct folder_head head = s->head;
	struct uidset searched = s->searched;
	int rc;

	if (s->s->bads >= SESS_BADS_MAX) {
		source_note(s, EV_DISCONNECTED, LEVEL_INFO, 0, NULL, false, SESS_WORN);
		s->renewed = true;
	}
	s->slowed = false;
	pace_new_connection(&s->pace);
	source_take_notes(s);
	/* Where a login may have one connection alone. */
	s->s->see_it_closed = true;
	sess_close(&s->s);
	if (source_session(s, err) < 0)
		return sess_refused_again(err);
	s->searched = (struct uidset){ 0 };
	rc = source_open_searched(s, err);
	if (rc == 0 && s->head.uidvalidity != head.uidvalidity)
		rc = err_set(err, ERR_PROTOCOL, "the UIDVALIDITY of the folder changed between two connections");
	if (rc == 0)
		rc = follow_map(s, &searched, &s->searched, err);
	uidset_done(&s->searched);
	/* The witness of the beginning stays. */
	s->searched = searched;
	s->head = head;
	s->noop_sent = s->noop_sent && s->noop_done;
	source_windows_again(s);
	return rc < 0 ? -1 : source_ask_pages_again(s, err);
}
