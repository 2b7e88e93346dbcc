/* Another connection in the middle of a folder. Servers end one that has seen some ten refused commands (quirks
 * row 11), and the message under way would be taken for the cause: so it is given up before, and what is listed,
 * wanted and put aside stays. */
#include "store/source_imap.h"

bool
source_is_worn(const struct source *s)
{
	/* A server without UIDs or SEARCH could not tell that the folder is still the same. */
	return s->s->bads >= SESS_BADS_MAX && !s->s->numbered && s->search_known &&
	       !(s->facts.quirks & LEARNT_NO_SEARCH);
}

bool
source_may_fail(const struct source *s)
{
	return (s->s->bads == 0 && !s->renewed) || s->s->n_asked == 0 || s->s->bads + s->s->n_asked < SESS_BADS_MAX;
}

/* What went meanwhile leaves the map, as EXPUNGE would have told it; what came is behind its end. */
static int
follow_map(struct source *s, const struct uidset *now, struct err *err)
{
	struct uidset gone = { 0 };

	if (!s->search_known)
		return err_set(err, ERR_PROTOCOL, "the server does not answer SEARCH any more");
	uidset_minus(&s->map, now, &gone);
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

	source_note(s, EV_DISCONNECTED, LEVEL_INFO, 0, NULL, false, SESS_WORN);
	s->renewed = true;
	source_take_notes(s);
	sess_close(&s->s);
	if (source_session(s, err) < 0)
		return -1;
	s->searched = (struct uidset){ 0 };
	rc = source_open_searched(s, err);
	if (rc == 0 && s->head.uidvalidity != head.uidvalidity)
		rc = err_set(err, ERR_PROTOCOL, "the UIDVALIDITY of the folder changed between two connections");
	if (rc == 0)
		rc = follow_map(s, &s->searched, err);
	uidset_done(&s->searched);
	/* The witness of the beginning stays. */
	s->searched = searched;
	s->head = head;
	return rc;
}
