/* Messages that leave the server: copies that are one too many (rules.md 2.4), and extra ones
 * (--delete-extra). Each goes by its UID alone, which needs UIDPLUS: a plain EXPUNGE or CLOSE would take
 * along what others have marked. */
#include "store/to_imap/imap_sink.h"

enum { SET_OCTETS = 7000 };

bool
dest_removes(const struct sink *s)
{
	return s->uidplus;
}

/* The set must fit into one command. */
static int
on_set(struct sink *s, const struct uidset *set, const char *command, const char *how,
    bool *ret_ok, struct err *err)
{
	struct buf text;
	struct resp r;
	uint32_t tag;
	int rc;

	*ret_ok = true;
	if (set->len == 0)
		return 0;
	buf_init(&text, SET_OCTETS + 64);
	*ret_ok = uidset_text(set, 0, SET_OCTETS, &text) == set->len;
	rc = *ret_ok ? sess_send(s->s, DEST_OTHER, &tag, err, "%s %s%s", command, text.data, how) : 0;
	buf_done(&text);
	if (rc < 0)
		return dest_failed(s, err);
	if (!*ret_ok)
		return 0;
	if (dest_wait(s, tag, &r, err) < 0)
		return -1;
	*ret_ok = r.state == STATE_OK;
	if (!*ret_ok)
		dest_note(s, EV_REFUSED, 0, command, s->s->reply, false, "%s was refused", command);
	return 0;
}

int
dest_expunge(struct sink *s, struct folder_at *at, const struct uidset *gone,
    const struct uidset *marked, bool *ret_done, struct err *err)
{
	struct uidset ours;
	bool unmarked;
	int rc;

	(void)at;
	*ret_done = false;
	if (!s->uidplus)
		return 0;
	uidset_init(&ours);
	uidset_minus(gone, marked, &ours);
	rc = on_set(s, &ours, "UID STORE", " +FLAGS.SILENT (\\Deleted)", ret_done, err);
	if (rc == 0 && *ret_done)
		rc = on_set(s, gone, "UID EXPUNGE", "", ret_done, err);
	/* What stays keeps no mark that is not its own. */
	if (rc == 0 && !*ret_done)
		rc = on_set(s, &ours, "UID STORE", " -FLAGS.SILENT (\\Deleted)", &unmarked, err);
	uidset_done(&ours);
	return rc;
}

int
dest_drop_surplus(
    struct sink *s, struct folder_at *at, uint32_t uid, bool *ret_done, struct err *err)
{
	struct uidset one, none;
	int rc;

	uidset_init(&one);
	uidset_init(&none);
	uidset_add(&one, uid, uid);
	rc = dest_expunge(s, at, &one, &none, ret_done, err);
	uidset_done(&one);
	uidset_done(&none);
	return rc;
}
