/* The searches of the IMAP source: for all UIDs, a witness of completeness that no selection touches
 * (rules.md 1.6), and for what the user selects with --search. The second cannot be judged from
 * metadata: it is asked whenever a folder is entered. */
#include "imap/search.h"

#include "store/from_imap/source_imap.h"

int
source_send_search(struct source *s, struct err *err)
{
	s->searched_to = 0;
	return sess_send(s->s, ASKED_SEARCH, NULL, err,
	    caps_has(&s->s->caps, CAP_ESEARCH) ? "UID SEARCH RETURN (ALL) ALL" : "UID SEARCH ALL");
}

bool
source_take_search(struct source *s)
{
	const struct uidset *found = &s->s->reader.set;

	if (s->searched_to == 0)
		return uidset_copy(found, &s->searched);
	if (!uidset_join(found, &s->searched))
		return false;
	uidset_sort(&s->searched);
	return true;
}

/* The server has looked at so many messages, from the last one down (RFC 9738 3.1): the others are asked for. */
static int
search_below(struct source *s, uint32_t uid, struct err *err)
{
	s->searched_to = uid;
	return sess_send(s->s, ASKED_SEARCH, NULL, err, "UID SEARCH %sUID 1:%u",
	    caps_has(&s->s->caps, CAP_ESEARCH) ? "RETURN (ALL) " : "", uid - 1);
}

int
source_search_answered(
    struct source *s, const struct resp *r, const struct asked *a, bool *given, struct err *err)
{
	if (r->state == STATE_OK && r->code == CODE_MESSAGELIMIT && *given && !s->s->numbered && r->code_num > 1 &&
	    (s->searched_to == 0 || r->code_num < s->searched_to)) {
		*given = false;
		return search_below(s, (uint32_t)r->code_num, err);
	}
	if (r->state == STATE_OK) {
		/* No SEARCH line at all: an empty answer of some servers, or none for this one. */
		s->search_known = *given || s->s->exists == 0;
		return 0;
	}
	if (source_is_wait_code(r->code))
		return sess_refused(s->s, r, "SEARCH", err);
	/* NO may be the folder's matter. */
	if (r->state == STATE_BAD || ++s->searches_refused > 1)
		s->facts.quirks |= LEARNT_NO_SEARCH;

	struct event e = { .no = EV_REFUSED,
		.level = LEVEL_WARNING,
		.folder = s->folder,
		.command = a->text,
		.passing = !(s->facts.quirks & LEARNT_NO_SEARCH),
		.reply = sess_reply(s->s),
		.reply_bytes = s->s->reply_octets };

	notes_add(&s->notes, &e, true,
	    s->facts.quirks & LEARNT_NO_SEARCH
		? "the server cannot search; the listing alone counts, a proof of two instead of three"
		: "the folder cannot be searched; the listing alone counts, a proof of two instead of three");
	return 0;
}

/* A search that cannot be had leaves nobody to say what is wanted: nothing of the folder is copied. */
static int
search_failed(struct source *s, struct err *err)
{
	struct event e = { .no = EV_REFUSED,
		.level = LEVEL_ERROR,
		.folder = s->folder,
		.command = "UID SEARCH",
		.reply = sess_reply(s->s),
		.reply_bytes = s->s->reply_octets };

	s->s->open = false;
	if (err->kind == ERR_FOLDER)
		notes_add(&s->notes, &e, false, "%s", err->text);
	return -1;
}

int
source_search(struct source *s, struct err *err)
{
	if (s->s->exists == 0)
		return 0;
	if (sess_search(s->s, s->at.search, &s->found, err) < 0)
		return search_failed(s, err);
	if (s->s->numbered)
		source_uids_of_numbers(s, &s->found);
	return 0;
}

const char *
source_imap_leaves_out(const struct source *s, uint32_t uid)
{
	if (s->at.search == NULL || uidset_has(&s->found, uid))
		return NULL;
	return uid < s->u0 ? "not found by --search" : "arrived after --search was asked";
}
