/* The end of a folder: what was listed late, and the proof of completeness (rules.md 1.6): EXISTS,
 * SEARCH and the UIDs of FETCH have to agree below the UIDNEXT of the beginning. */
#include "base/clock.h"
#include "base/mem.h"
#include "store/from_imap/source_imap.h"

/* Listed by SEARCH but not by FETCH: list them once more; what stays away is listed message by message,
 * since the listing of many may fail for one. */
static int
settle_holes(struct source *s, bool *ret_more, struct err *err)
{
	struct uidset holes = { 0 };
	uint32_t last;
	int rc = 0;

	uidset_minus(&s->map, &s->fetched, &holes);
	if (holes.len == 0 || s->holes_settled)
		goto out;
	*ret_more = true;
	if (s->passes < 2 && !s->singles) {
		last = uidset_count(&holes) > s->most ? uidset_nth(&holes, s->most) : uidset_last(&holes);
		rc = source_ask_page(s, holes.range[0].lo, last, err);
		goto out;
	}
	s->holes_settled = true;
	uidset_done(&s->late);
	s->late = holes;
	return 0;
out:
	uidset_done(&holes);
	return rc;
}

int
source_imap_settle(struct source *s, bool *ret_more, struct err *err)
{
	uint32_t last = uidset_last(&s->fetched);

	*ret_more = false;
	s->ended = s->asks = 0;
	s->rest_asked = s->noop_sent = false;
	if (!s->noop_done && sess_run(s->s, err, "NOOP") < 0)
		return -1;
	s->noop_done = false;
	if (s->late.len > 0) {
		*ret_more = true;
		return 0;
	}
	s->passes++;
	/* The map knows how many there are: more than that have arrived, or were hidden from
	 * SEARCH. */
	if (s->passes <= 2 && s->s->exists > uidset_count(&s->map)) {
		uint32_t from = s->passes == 1 && s->s->grew ? last + 1 : 1;

		s->s->grew = false;
		if (last == UINT32_MAX)
			from = 1;
		*ret_more = true;
		/* They have no number yet. */
		if (s->s->numbered)
			return 0;
		return source_ask_page(s, from, UINT32_MAX, err);
	}
	return settle_holes(s, ret_more, err);
}

static uint32_t
count_given(const struct uidset *set, const struct uidset *map, uint32_t below)
{
	struct uidset missing = { 0 };

	uidset_minus(map, set, &missing);

	uint64_t n = uidset_count_below(map, below) - uidset_count_below(&missing, below);

	uidset_done(&missing);
	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

/* ---- SEARCH as a witness ---- */

/* SEARCH leaves out what is listed, or has named what is not there at a second look: expunged meanwhile, or
 * a witness that disagrees. */
static bool
search_disagrees(const struct source *s)
{
	if (!s->search_known)
		return false;
	if (s->s->numbered)
		return s->search_odd;
	for (uint32_t uid = 0; (uid = uidset_after(&s->absent, uid)) != 0;)
		if (uidset_has(&s->searched, uid))
			return true;
	return count_given(&s->searched, &s->map, s->u0) < uidset_count_below(&s->map, s->u0);
}

/* What SEARCH names now and no listing had. Of what is behind u0, mail that has come since does not count. */
static bool
search_names_more(const struct source *s, const struct uidset *first)
{
	struct uidset more = { 0 };
	bool found = false;

	uidset_minus(&s->searched, &s->map, &more);
	for (uint32_t uid = 0; !found && (uid = uidset_after(&more, uid)) != 0;)
		found = uid < s->u0 || uidset_has(first, uid);
	uidset_done(&more);
	return found;
}

/* Open the folder once more and search it: what went meanwhile explains itself now. */
static int
search_again(struct source *s, bool *ret_more, bool *ret_fewer, struct err *err)
{
	const struct folder_head head = s->head;
	struct uidset first = s->searched;
	int rc;

	s->searched = (struct uidset){ 0 };
	s->search_known = s->s->exists_known = false;
	rc = source_open_searched(s, err);
	if (rc == 0 && s->head.uidvalidity != head.uidvalidity)
		rc = err_set(err, ERR_PROTOCOL, "the UIDVALIDITY of the folder changed while it was open");
	s->head = head;
	if (rc == 0 && !s->search_known) {
		/* Not answered now: it is the first that stands against the listing. */
		uidset_done(&s->searched);
		s->searched = first;
		first = (struct uidset){ 0 };
	}
	s->search_known = true;
	*ret_more = rc == 0 && search_names_more(s, &first);
	*ret_fewer =
	    rc == 0 && count_given(&s->searched, &s->map, s->u0) < uidset_count_below(&s->map, s->u0);
	uidset_done(&first);
	return rc;
}

/* How many there are now, without those that arrived behind everything listed: the claim ends at
 * u0. */
static int
examine_again(struct source *s, uint32_t *ret_exists, bool *ret_more, bool *ret_fewer, struct err *err)
{
	uint32_t last = uidset_last(&s->map) > s->u0 - 1 ? uidset_last(&s->map) : s->u0 - 1,
		 arrived = 0, tag;
	struct folder_head head;
	struct resp r;

	s->s->map = NULL;
	if (search_disagrees(s)) {
		if (search_again(s, ret_more, ret_fewer, err) < 0)
			return -1;
		head.exists = s->s->exists;
	} else if (sess_examine(s->s, slice_str(s->folder), &head, err) < 0) {
		return -1;
	}
	/* The folder was open: UW imap-4 does not tell its EXISTS again. */
	if (!s->s->exists_known)
		return 0;
	*ret_exists = head.exists;
	if (head.exists <= uidset_count(&s->map) || last >= UINT32_MAX - 1)
		return 0;
	if (sess_send(s->s, 0, &tag, err, "UID FETCH %u:* (UID)", last + 1) < 0)
		return -1;
	do {
		if (sess_next(s->s, &r, NULL, err) < 0 ||
		    (r.kind == RESP_FETCH && source_skip_fetch(s, &r, err) < 0))
			return -1;
		if (r.kind == RESP_FETCH && r.fetch.uid > last)
			arrived++;
	} while (r.kind != RESP_TAGGED || r.tag != tag);
	*ret_exists = head.exists > arrived ? head.exists - arrived : 0;
	return 0;
}

/* Gmail's users can limit how much of a folder IMAP shows; nothing else tells (quirks row 4). */
static void
remark_limit(struct source *s, uint32_t exists)
{
	static const uint32_t limits[] = { 1000, 2000, 5000, 10000 };

	for (size_t i = 0; i < COUNT_OF(limits); i++)
		if (exists == limits[i] && quirk_in(s->s->quirks, QUIRK_FOLDER_LIMITS))
			source_note(s, EV_COUNT_DIFFERS, LEVEL_WARNING, 0, NULL, true,
			    "the folder shows as many messages as a limit of folder sizes for IMAP "
			    "allows: there may be more; see the settings of the account");
}

int
source_imap_leave(struct source *s, struct folder_proof *ret, struct err *err)
{
	uint64_t known = uidset_count(&s->map), late;
	uint32_t exists = s->s->exists;
	/* A few phantoms may be; a server that counts them and gives hardly anything else is not well. */
	bool few, more = false, fewer = false;
	struct folder_proof p = {
		.uidnext = s->u0, .at_ms = clock_wall_ms(), .searched_known = s->search_known
	};

	if ((exists != known || search_disagrees(s) || (s->s->numbered && s->s->expunged > 0)) &&
	    (s->s->numbered ? source_leave_numbered(s, &exists, &more, &fewer, err)
			    : examine_again(s, &exists, &more, &fewer, err)) < 0)
		return -1;
	p.fetched = count_given(&s->fetched, &s->map, s->u0);
	p.searched = s->search_known ? count_given(&s->searched, &s->map, s->u0) : 0;
	late = known - uidset_count_below(&s->map, s->u0);
	p.late = (uint32_t)late;
	p.exists = exists >= late ? exists - (uint32_t)late : 0;
	few = s->phantoms > known / 2 && exists > known - s->phantoms;
	p.proved = exists <= known && !s->doubts_over && !few && !more;
	if (s->doubts_over)
		p.why = "more messages than can be looked at one by one are listed, but not given";
	else if (exists > known)
		p.why = "the server counts more messages than it lists";
	else if (few)
		p.why = "the server counts messages, and gives less than half of them";
	else if (more)
		p.why = "SEARCH names messages that the server does not list";
	else if (exists < known)
		p.why = "the server counts fewer messages than it lists";
	else if (fewer)
		p.why = "SEARCH leaves out messages that the server lists";
	else if (s->s->numbered)
		p.why =
		    s->search_known
			? "the server has no UIDs: messages are told apart by size, date and header"
			: "a proof of two: the server has no UIDs and cannot search";
	else if (!s->search_known)
		p.why = "a proof of two: the server cannot search";
	remark_limit(s, exists);
	p.flags_untold = s->flagless > 0 || s->changes.missed;
	if (s->flagless > 0)
		source_note(s, EV_FLAGS_UNTOLD, LEVEL_WARNING, 0, NULL, true,
		    "the server lists messages and does not tell their flags, also when they are asked for alone: "
		    "the next run asks again");
	/* Each message alone was listed: it is sets that the server does not take, and not one of the messages. */
	if (s->singles && known > 0 && !s->look_refused)
		s->facts.quirks |= LEARNT_SINGLES;
	if (exists < known || (fewer && !more))
		source_note(s, EV_COUNT_DIFFERS, LEVEL_WARNING, 0, NULL, true, p.why);
	s->s->map = NULL;
	s->s->open = false;
	*ret = p;
	return 0;
}
