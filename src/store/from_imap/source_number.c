/* A source without UIDs (imap/number.h): the folder is opened alone, its messages get the numbers that
 * the state knows, and from there on they are the UIDs of the listing and of everything behind it. */
#include <string.h>

#include "base/mem.h"
#include "store/from_imap/source_imap.h"

/* ---- the level ---- */

/* What an earlier session found out about a server that does not know CAPABILITY. */
void
source_level_recall(struct source *s)
{
	if (s->s->level != LEVEL_IMAP2BIS)
		return;
	if (s->facts.quirks & LEARNT_IMAP2)
		s->s->level = LEVEL_IMAP2;
	if (s->facts.quirks & LEARNT_IMAP2_FIRST)
		s->s->level = LEVEL_IMAP2_FIRST;
}

void
source_level_learn(struct source *s)
{
	struct event e = { .no = EV_OLD_LEVEL, .level = LEVEL_WARNING, .command = "CAPABILITY" };

	s->facts.quirks &= ~(unsigned)(LEARNT_IMAP2BIS | LEARNT_IMAP2 | LEARNT_IMAP2_FIRST);
	if (!s->s->numbered)
		return;
	s->facts.quirks |= s->s->level == LEVEL_IMAP2BIS ? LEARNT_IMAP2BIS
			   : s->s->level == LEVEL_IMAP2  ? LEARNT_IMAP2
							 : LEARNT_IMAP2_FIRST;
	notes_add(&s->notes, &e, true,
	    "the server speaks %s: it has no UIDs, messages are told apart by size, date and header%s",
	    level_name(s->s->level),
	    s->s->level == LEVEL_IMAP2_FIRST ? "; it cannot list folders, only INBOX is read" : "");
}

/* ---- the folder ---- */

/* Of what an earlier session has learnt there is no answer. */
static void
note_no_examine(struct source *s)
{
	struct event e = { .no = EV_REFUSED, .level = LEVEL_WARNING, .command = "EXAMINE" };

	if (s->s->no_examine_reply != NULL)
		e.reply = slice_str(s->s->no_examine_reply);
	if (s->select_told)
		return;
	s->select_told = true;
	notes_add(&s->notes, &e, true,
	    "the server does not know EXAMINE; folders are opened with SELECT, which clears \\Recent");
}

int
source_enter_numbered(
    struct source *s, const struct folder *f, struct folder_head *ret, struct err *err)
{
	s->s->map = NULL;
	s->s->no_examine = s->facts.quirks & LEARNT_NO_EXAMINE;
	if (sess_examine(s->s, f->name, &s->head, err) < 0)
		return -1;
	if (s->s->no_examine) {
		s->facts.quirks |= LEARNT_NO_EXAMINE;
		note_no_examine(s);
	}
	/* What such a server says of UIDs has nothing to do with the numbers that imex gives. */
	s->head.uidnext = s->head.uidvalidity = 0;
	*ret = s->head;
	return 0;
}

void
source_uids_of_numbers(const struct source *s, struct uidset *io)
{
	struct uidset uids = { 0 };

	for (size_t i = 0; i < s->s->n_numbers; i++)
		if (uidset_has(io, (uint32_t)i + 1))
			uidset_add(&uids, s->s->number[i], s->s->number[i]);
	uidset_sort(&uids);
	uidset_done(io);
	*io = uids;
}

/* It has to tell all that have a number, and none behind EXISTS: one that has just come is in it, or not yet. */
static bool
is_odd(const struct source *s, const struct uidset *found)
{
	return uidset_count_below(found, (uint32_t)s->s->n_numbers + 1) < s->s->n_numbers ||
	       uidset_last(found) > s->s->exists;
}

static int
search_all(struct source *s, struct err *err)
{
	bool given = false;
	struct resp r;
	struct asked a;

	s->search_odd = false;
	s->search_beyond = 0;
	if (sess_send(s->s, ASKED_SEARCH, NULL, err, "SEARCH ALL") < 0)
		return -1;
	do {
		if (sess_next(s->s, &r, &a, err) < 0 || sess_drop(s->s, &r, err) < 0)
			return -1;
		if (r.kind == RESP_SEARCH) {
			given = uidset_copy(&s->s->reader.set, &s->searched);
			s->search_odd = is_odd(s, &s->searched);
			s->search_beyond = uidset_last(&s->searched);
			source_uids_of_numbers(s, &s->searched);
		}
	} while (r.kind != RESP_TAGGED);
	return source_search_answered(s, &r, &a, &given, err);
}

/* BAD to a form that has worked, or to all of them, says that the numbers are wrong: a form that tells less would be
 * kept, and with it each message would be another one. */
static int
number_all(struct source *s, struct numbering *io, struct err *err)
{
	const uint32_t learnt = s->facts.quirks & LEARNT_LISTINGS;

	for (;;) {
		const char *items = source_listing_items(s);
		char command[128];

		if (sess_number(s->s, items, NULL, io, err) == 0) {
			s->listing_works |= s->s->n_numbers > 0;
			return 0;
		}
		snprintf(command, sizeof(command), "FETCH %s", items);
		if (err->kind != ERR_REFUSED_BAD || s->listing_works || !source_listing_step(s, command)) {
			s->facts.quirks = (s->facts.quirks & ~(uint32_t)LEARNT_LISTINGS) | learnt;
			return -1;
		}
		*err = (struct err){ 0 };
	}
}

/* List those that came while the folder was read. */
static int
ask_new(struct source *s, size_t had, struct err *err)
{
	uint32_t lo = UINT32_MAX;

	for (size_t i = had; i < s->s->n_numbers; i++)
		if (s->s->number[i] < lo)
			lo = s->s->number[i];
	return lo == UINT32_MAX ? 0 : source_ask_page(s, lo, UINT32_MAX, err);
}

bool
source_imap_numbered(const struct source *s)
{
	return s->s != NULL && s->s->numbered;
}

int
source_imap_number(struct source *s, struct numbering *io, struct err *err)
{
	bool again = s->s->map != NULL;
	size_t had = s->s->n_numbers;

	if (!again)
		numbering_open(io);
	if (number_all(s, io, err) < 0)
		return -1;
	for (size_t i = again ? had : 0; i < s->s->n_numbers; i++)
		if (!uidset_add(&s->map, s->s->number[i], s->s->number[i]))
			return err_set(err, ERR_PROTOCOL, "the folder has more messages than fit");
	uidset_sort(&s->map);
	s->s->map = &s->map;
	s->u0 = io->next > 0 ? io->next : 1;
	if (again)
		return ask_new(s, had, err);
	if (!(s->facts.quirks & LEARNT_NO_SEARCH) && search_all(s, err) < 0)
		return -1;
	s->search_known |= s->s->exists == 0;
	if (s->at.search != NULL && source_search(s, err) < 0)
		return -1;
	return source_ask_next_page(s, err);
}

/* How many SEARCH tells of a folder of so many messages: all, or fewer, or more. What does not answer does not
 * take back what it said. */
static int
search_once_more(struct source *s, uint32_t exists, uint32_t known, bool *ret_more, bool *ret_fewer, struct err *err)
{
	const struct uidset *found = &s->s->reader.set;
	struct resp r;
	uint32_t tag;

	*ret_fewer = true;
	if (sess_send(s->s, 0, &tag, err, "SEARCH ALL") < 0)
		return -1;
	do {
		if (sess_next(s->s, &r, NULL, err) < 0 || sess_drop(s->s, &r, err) < 0)
			return -1;
		if (r.kind == RESP_SEARCH) {
			/* Named before already: no mail that has come since. */
			*ret_more = uidset_last(found) > s->s->exists ||
				    (s->search_beyond > known && uidset_last(found) > known);
			*ret_fewer = uidset_count_below(found, exists + 1) < exists;
		}
	} while (r.kind != RESP_TAGGED || r.tag != tag);
	return 0;
}

/* New ones stand behind those that are known; what vanished untold is seen when the folder is opened
 * once more. */
int
source_leave_numbered(
    struct source *s, uint32_t *io_exists, bool *ret_more, bool *ret_fewer, struct err *err)
{
	uint32_t known = (uint32_t)uidset_count(&s->map);
	/* An EXPUNGE that is not true takes a message away of which nothing else tells. */
	bool doubted = s->search_odd || (s->search_known && s->s->expunged > 0);
	struct folder_head head;

	s->s->map = NULL;
	if (sess_examine(s->s, slice_str(s->folder), &head, err) < 0)
		return -1;
	*io_exists = head.exists < known ? head.exists : known;
	return doubted ? search_once_more(s, *io_exists, known, ret_more, ret_fewer, err) : 0;
}
