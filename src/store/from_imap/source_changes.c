/* What has changed in a folder since an earlier run (RFC 7162), instead of a listing of all that is
 * in it.
 *
 * Behind EXAMINE and SEARCH goes one UID FETCH with CHANGEDSINCE over what is known, and the
 * listing of what is new. SEARCH stays: it is what the rows are compared with. QRESYNC is used
 * as the VANISHED modifier of that FETCH and not as the parameter of EXAMINE: there a server
 * tells new messages too, without size and date, and all before its answer to EXAMINE, when nobody
 * takes them off the wire. Answers are given on page by page, so that memory does not grow with
 * the change. */
#include "store/from_imap/source_imap.h"

#include <string.h>

/* True: there is a limit, be it a large one. */
static bool
learn_limit(struct source *s)
{
	struct slice told = caps_value(&s->s->caps, "MESSAGELIMIT=");
	uint64_t most;

	s->most = PAGE_MSGS;
	if (slice_u64(told, UINT32_MAX, &most) && most > 0 && most < PAGE_MSGS)
		s->most = (size_t)most;
	return told.len > 0;
}

int
source_enable(struct source *s, struct err *err)
{
	/* A server that has either has ENABLE (RFC 7162 3.2, RFC 9586 3). */
	bool resync = s->at.again && caps_has(&s->s->caps, CAP_QRESYNC);
	bool uidonly = learn_limit(s) && caps_has(&s->s->caps, CAP_UIDONLY);
	uint32_t tag;
	struct resp r;

	if (!resync && !uidonly)
		return 0;
	if (sess_send(s->s, 0, &tag, err, "ENABLE%s%s", resync ? " QRESYNC" : "", uidonly ? " UIDONLY" : "") < 0)
		return -1;
	do {
		if (sess_next(s->s, &r, NULL, err) < 0)
			return -1;
		for (size_t i = 0; r.kind == RESP_ENABLED && i < r.words; i++)
			s->resync |= slice_eq_nocase(r.word[i], "QRESYNC");
		if (sess_drop(s->s, &r, err) < 0)
			return -1;
	} while (r.kind != RESP_TAGGED || r.tag != tag);
	return 0;
}

void
source_changes_forget(struct source *s)
{
	s->changes.on = s->changes.asked = s->changes.done = s->changes.refused = s->changes.missed = false;
	s->changes.page = NULL;
	s->changes.last = 0;
	uidset_clear(&s->changes.vanished);
}

/* Of what EXAMINE said, all that must not have gone back. */
static bool
is_later(const struct folder_head *h, const struct since *since)
{
	return h->uidvalidity == since->uidvalidity && h->highestmodseq >= since->modseq &&
	       (h->uidnext == 0 || h->uidnext >= since->uidnext);
}

void
source_changes_begin(struct source *s, const struct since *since)
{
	if (!caps_has(&s->s->caps, CAP_CONDSTORE) || (s->facts.quirks & LEARNT_NO_CHANGES) ||
	    !s->search_known || since->uidnext <= 1 || !is_later(&s->head, since) ||
	    (s->most < PAGE_MSGS && uidset_count(&s->map) > s->most))
		return;
	s->changes.on = true;
	s->changes.since = *since;
	s->changes.done = s->head.highestmodseq == since->modseq;
	for (size_t i = 0; i < s->map.len && s->map.range[i].lo < since->uidnext; i++) {
		struct uidrange r = s->map.range[i];

		uidset_add(&s->fetched, r.lo, r.hi < since->uidnext ? r.hi : since->uidnext - 1);
	}
	s->page_from = since->uidnext;
}

static int
ask(struct source *s, struct err *err)
{
	const struct since *since = &s->changes.since;

	s->changes.asked = true;
	s->changes.garbage = s->s->garbage;
	if (!s->changes.done &&
	    sess_send(s->s, ASKED_CHANGES, NULL, err,
		"UID FETCH 1:%u (UID FLAGS%s) (CHANGEDSINCE %llu%s)", since->uidnext - 1,
		source_tells_labels(s) ? " X-GM-LABELS" : "", (unsigned long long)since->modseq, s->resync ? " VANISHED" : "") < 0)
		return -1;
	/* What is new rides behind it. */
	if (source_ask_next_page(s, err) < 0)
		return -1;
	return source_ask_next_page(s, err);
}

int
source_imap_changes(
    struct source *s, struct msg_page *ret, struct changed *what, struct err *err)
{
	int rc = 0;

	msg_page_reset(ret);
	if (!s->changes.asked && ask(s, err) < 0)
		return -1;
	s->changes.page = ret;
	while (rc == 0 && !s->changes.done && ret->len < PAGE_MSGS)
		rc = source_pump(s, err) == PUMP_ERR ? -1 : 0;
	s->changes.page = NULL;
	uidset_sort(&s->changes.vanished);
	*what = (struct changed){ .present = &s->map,
		.vanished = s->resync && s->head.highestmodseq != s->changes.since.modseq
				? &s->changes.vanished
				: NULL,
		.refused = s->changes.refused };
	return rc;
}

int
source_imap_relist(struct source *s, struct err *err)
{
	while (s->s->n_asked > 0)
		if (source_pump(s, err) == PUMP_ERR)
			return -1;
	for (size_t i = 0; i < 2; i++)
		s->page_asked[i] = s->page_ready[i] = s->page_again[i] = false;
	s->changes.on = s->pages_done = s->listed_at_once = false;
	s->page_from = 1;
	s->holes = 0;
	s->asks = s->ended = 0;
	s->rest_asked = s->noop_sent = s->noop_done = s->bodies_asked = false;
	uidset_clear(&s->fetched);
	uidset_clear(&s->late);
	return 0;
}

bool
source_is_change(const struct source *s, const struct fetch_data *f)
{
	return s->changes.page != NULL && !s->changes.done && (f->has_flags || f->modseq != 0) && !f->has_size &&
	       !f->has_date && (f->uid < s->changes.since.uidnext || !uidset_has(&s->map, f->uid));
}

/* It is part of what was asked for, and nobody waits for it any more. */
static bool
comes_late(const struct source *s, const struct fetch_data *f)
{
	return s->changes.on && s->changes.done && f->has_flags && f->modseq > s->changes.since.modseq &&
	       f->modseq <= s->head.highestmodseq && f->uid < s->changes.since.uidnext;
}

void
source_take_late_change(struct source *s, const struct fetch_data *f)
{
	s->changes.missed |= comes_late(s, f);
}

/* They come in the order of their UIDs. One out of order is a change of this moment, which the next
 * run is told again, as it is behind the HIGHESTMODSEQ of EXAMINE; else the order, or which message
 * it is (UID FETCH gives the UID), is not as we think it is, and nothing of it is good. */
int
source_take_change(struct source *s, const struct fetch_data *f, struct err *err)
{
	struct msg_page *p = s->changes.page;

	/* Something has changed, and what or whose it is is not told. */
	if (!f->has_flags || !uidset_has(&s->map, f->uid) || source_is_another(s, f)) {
		s->changes.refused = true;
		return 0;
	}
	if (f->uid <= s->changes.last) {
		s->changes.refused |= f->modseq <= s->head.highestmodseq;
		return 0;
	}
	s->changes.last = f->uid;
	p->msg[p->len] = (struct msg){ .uid = f->uid, .flags.keywords = "" };
	return source_listing_fill(&p->msg[p->len++], f, &p->arena, err);
}

void
source_take_vanished(struct source *s)
{
	const struct uidset *set = &s->s->reader.set;
	uint32_t last = s->changes.since.uidnext - 1;

	if (!s->changes.on || s->changes.done)
		return;
	for (size_t i = 0; i < set->len && set->range[i].lo <= last; i++)
		uidset_add(&s->changes.vanished, set->range[i].lo,
		    set->range[i].hi < last ? set->range[i].hi : last);
}

int
source_changes_answered(
    struct source *s, const struct resp *r, const struct asked *a, struct err *err)
{
	struct event e = { .no = EV_REFUSED,
		.level = LEVEL_WARNING,
		.folder = s->folder,
		.command = a->text,
		.passing = r->state != STATE_BAD,
		.reply = sess_reply(s->s),
		.reply_bytes = s->s->reply_octets };

	s->changes.done = true;
	/* What could not be read may have been a change. */
	s->changes.refused |= s->s->garbage != s->changes.garbage || r->code == CODE_MESSAGELIMIT;
	if (r->state == STATE_OK)
		return 0;
	if (source_is_wait_code(r->code))
		return sess_refused(s->s, r, "changes", err);
	s->changes.refused = true;
	if (r->state == STATE_BAD)
		s->facts.quirks |= LEARNT_NO_CHANGES;
	notes_add(&s->notes, &e, true,
	    "the server offers CONDSTORE and does not tell what has changed; the folder is listed "
	    "in full");
	return 0;
}
