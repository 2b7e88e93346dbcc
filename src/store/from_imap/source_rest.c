/* What was put aside: each message alone, down the body ladder, until it comes or a verdict is
 * certain. Forms that were refused here only count for this message, unless the server said BAD and
 * the form has never worked. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/from_imap/source_imap.h"

struct doubt *
source_doubt(struct source *s, uint32_t uid, bool size_known, uint64_t size, const char *reason)
{
	if (s->n_doubts == DOUBTS_MAX) {
		s->doubts_over = true;
		return NULL;
	}
	if (s->n_doubts == s->doubts_cap) {
		s->doubts_cap = s->doubts_cap ? s->doubts_cap * 2 : 16;
		s->doubt = mem_resize(s->doubt, s->doubts_cap, sizeof(*s->doubt));
	}

	struct doubt *d = &s->doubt[s->n_doubts++];

	*d = (struct doubt){ .uid = uid,
		.size_known = size_known,
		.size = size,
		.best = FORM_NONE,
		.reason = reason };
	return d;
}

void
source_doubt_answer(struct source *s, struct doubt *d, const char *command, enum resp_state state)
{
	if (d == NULL || (d->refused && state == STATE_OK))
		return;
	free(d->command);
	free(d->reply);
	d->command = mem_copy_str(command);
	d->reply = mem_copy_str(s->s->reply);
	d->reply_bytes = s->s->reply_octets;
	d->refused = state != STATE_OK;
}

void
source_doubts_free(struct source *s)
{
	for (size_t i = 0; i < s->n_doubts; i++) {
		free(s->doubt[i].command);
		free(s->doubt[i].reply);
	}
	s->n_doubts = s->doubt_at = 0;
}

void
source_meta_take(struct source *s, const struct fetch_data *f)
{
	struct err ignored;

	if (f->uid != s->looking)
		return;
	if (!s->meta_known) {
		arena_reset(&s->meta_arena);
		s->meta = (struct msg){
			.uid = f->uid, .untold = source_listing_asks(s), .flags.keywords = ""
		};
		s->meta_known = true;
	}
	/* What has no room is left as it was. */
	(void)!source_listing_fill(&s->meta, f, &s->meta_arena, &ignored);
}

/* ---- one command at a time ---- */

int
source_drain(struct source *s, struct err *err)
{
	while (s->s->n_asked > 0) {
		enum pumped p = source_pump(s, err);

		if (p == PUMP_ERR)
			return -1;
		/* A body where metadata were asked for. */
		if (p == PUMP_BODY)
			return err_set(
			    err, ERR_PROTOCOL, "the server sends a body that was not asked for");
	}
	return 0;
}

enum look { LOOK_ERR = -1, LOOK_THERE, LOOK_REFUSED, LOOK_PHANTOM, LOOK_GONE };

/* SEARCH names it again. Of an index that is older than the folder FETCH never had anything; what it listed once was
 * there, and is not given: that is no phantom. */
static enum look
still_there(const struct source *s, uint32_t uid)
{
	return uidset_has(&s->fetched, uid) ? LOOK_REFUSED : LOOK_PHANTOM;
}

/* Second listing of one message. REFUSED: the server does not answer for it, or not so that it
 * could be understood: nothing follows from that, and the body is asked for all the same. */
static enum look
look_at(struct source *s, uint32_t uid, struct err *err)
{
	const uint32_t learnt = s->facts.quirks & LEARNT_LISTINGS;
	unsigned garbage = s->s->garbage;

	s->meta_known = s->look_odd = false;
	s->looking = uid;
	do {
		char command[128], set[16];

		s->look_state = STATE_OK;
		snprintf(set, sizeof(set), "%u", uid);
		snprintf(
		    command, sizeof(command), "UID FETCH %u %s", uid, source_listing_items(s));
		if (sess_send_set(s->s, ASKED_META, NULL, "FETCH", set, source_listing_items(s), err) < 0 ||
		    source_drain(s, err) < 0)
			return LOOK_ERR;
		if (s->look_state != STATE_BAD || s->listing_works ||
		    !source_listing_step(s, command))
			break;
	} while (!s->meta_known);
	s->listing_works |= s->meta_known;
	/* Refused in all forms it is the message, and says nothing of forms. */
	if (s->look_state == STATE_BAD && !s->meta_known) {
		s->look_refused = true;
		s->facts.quirks = (s->facts.quirks & ~(uint32_t)LEARNT_LISTINGS) | learnt;
	}
	if (s->meta_known)
		return LOOK_THERE;
	if (s->look_state != STATE_OK || s->look_odd || s->s->garbage != garbage)
		return LOOK_REFUSED;
	/* Without UIDs its number tells: EXPUNGE would have taken it away. */
	if (s->s->numbered)
		return number_there(s->s, uid) ? still_there(s, uid) : LOOK_GONE;
	if (s->facts.quirks & LEARNT_NO_SEARCH)
		return LOOK_GONE;
	s->look_found = false;
	if (sess_send(s->s, ASKED_LOOK, NULL, err, "UID SEARCH UID %u", uid) < 0 ||
	    source_drain(s, err) < 0)
		return LOOK_ERR;
	if (s->look_state != STATE_OK)
		return LOOK_REFUSED;
	return s->look_found ? still_there(s, uid) : LOOK_GONE;
}

static void
take_look(struct source *s, struct doubt *d, enum look look)
{
	d->looked = true;
	d->phantom = look == LOOK_PHANTOM;
	d->gone = look == LOOK_GONE;
	if (d->gone) {
		uidset_remove(&s->map, d->uid);
		uidset_add(&s->absent, d->uid, d->uid);
		uidset_sort(&s->absent);
	}
	d->meta_refused = look == LOOK_REFUSED || d->phantom || (s->meta_known && (s->meta.untold & UNTOLD_FLAGS));
	if (look == LOOK_REFUSED && s->look_state != STATE_OK && !d->refused)
		source_doubt_answer(s, d, s->look_command, s->look_state);
}

int
source_list_late(struct source *s, struct msg_page *ret, struct err *err)
{
	uint32_t uid = 0;

	msg_page_reset(ret);
	while (ret->len < PAGE_MSGS && (uid = uidset_after(&s->late, uid)) != 0) {
		enum look look;

		if (source_is_worn(s) && source_renew(s, err) < 0)
			return -1;
		look = look_at(s, uid, err);
		if (look == LOOK_ERR)
			return -1;
		if (look == LOOK_THERE && !msg_copy(&s->meta, &ret->arena, &ret->msg[ret->len]))
			break;
		uidset_remove(&s->late, uid);
		if (look == LOOK_THERE) {
			s->tells_part += s->meta.untold != 0;
			s->flagless += s->meta.untold & UNTOLD_FLAGS ? 1 : 0;
			uidset_add(&s->fetched, uid, uid);
			ret->len++;
			continue;
		}

		struct doubt *d = source_doubt(s, uid, false, 0, "listed by SEARCH, not by FETCH");

		if (d == NULL) {
			uidset_clear(&s->late);
			break;
		}
		take_look(s, d, look);
	}
	uidset_sort(&s->fetched);
	return 0;
}

enum pumped
source_alone_body(struct source *s, struct resp *r, struct err *err)
{
	struct doubt *d = &s->doubt[s->doubt_at];
	uint32_t uid = r->fetch.uid ? r->fetch.uid : uidset_nth(&s->map, r->fetch.seq);
	const char *fault = NULL;
	struct err io = { 0 };

	if (uid != d->uid) {
		source_note(s, EV_WRONG_MESSAGE, LEVEL_WARNING, uid, NULL, true,
		    "a body came that was not asked for; it is dropped");
		return source_skip_fetch(s, r, err) < 0 ? PUMP_ERR : PUMP_AGAIN;
	}

	bool whole = form_parts(s->alone_form) == 1 && !form_sliced(s->alone_form) &&
		     !form_header_only(s->alone_form);
	bool notice = source_is_notice(s, r, s->alone_form, &io);

	source_slice_origin(&r->fetch, s->alone_form, 0);
	bool another = source_is_another(s, &r->fetch);
	bool is_short = whole && !d->accept && !notice && d->size_known &&
			(r->fetch.octets < d->size || (another && r->fetch.octets != d->size));

	s->now = (struct reading){ 0 };
	if (is_short && r->fetch.octets > d->best_octets) {
		d->best = s->alone_form;
		d->best_octets = r->fetch.octets;
		d->reason = SHORT_FAULT;
	}
	s->numbers_wrong |= another && !is_short;
	if (!is_short && source_body_start(s, r, uid, NULL, NULL, s->alone_form, &fault, &io))
		return PUMP_BODY;
	if (io.kind != ERR_NONE) {
		*err = io;
		return PUMP_ERR;
	}
	if (fault != NULL && slice_eq(slice_str(fault), PLACEHOLDER_FAULT) &&
	    d->best == FORM_NONE) {
		d->placeholder = true;
		d->best = s->alone_form;
	}
	if (fault != NULL)
		d->reason = fault;
	return source_skip_fetch(s, r, err) < 0 ? PUMP_ERR : PUMP_AGAIN;
}

int
source_alone_answered(
    struct source *s, const struct resp *r, const struct asked *a, struct err *err)
{
	if (a->kind != ASKED_ALONE) {
		s->look_state = r->state;
		if (r->state != STATE_OK)
			snprintf(s->look_command, sizeof(s->look_command), "%s", a->text);
		return 0;
	}

	struct doubt *d = &s->doubt[s->doubt_at];

	s->alone = false;
	d->tried |= 1u << s->alone_form;
	if (s->alone_good)
		return 0;
	if (r->state == STATE_OK) {
		source_doubt_answer(s, d, a->text, STATE_OK);
		return 0;
	}
	if (source_is_wait_code(r->code))
		return sess_refused(s->s, r, a->text, err);
	source_doubt_answer(s, d, a->text, r->state);
	d->reason = REFUSED_FAULT;
	d->bad |= r->state == STATE_BAD && (int)s->alone_form == s->facts.works_form;
	/* BAD speaks of the form, unless one that works was BAD for this message. */
	if (r->state == STATE_BAD && !d->bad) {
		struct event e = { .no = EV_REFUSED,
			.level = LEVEL_WARNING,
			.folder = s->folder,
			.uid = d->uid,
			.command = a->text,
			.reply = sess_reply(s->s),
		.reply_bytes = s->s->reply_octets };

		s->facts.refused_forms |= 1u << s->alone_form;
		notes_add(
		    &s->notes, &e, true, "the server refuses this form; the next one is tried");
	}
	return 0;
}

/* ---- down the ladder ---- */

static void
offer_lost(struct source *s, struct doubt *d, enum verdict v, const char *reason, struct offer *ret)
{
	*ret = (struct offer){ .uid = d->uid,
		.verdict = v,
		.reason = reason,
		.command = d->command,
		.reply = d->reply,
		.reply_bytes = d->reply_bytes,
		.refused = d->refused,
		.header = buf_slice(&s->lost_header),
		.has_meta = s->meta_known,
		.msg = s->meta };
}

/* What sets \Seen changes nothing on a message that has it. */
static struct ladder
ladder_for(const struct source *s)
{
	struct ladder l = source_ladder(s);

	if (s->at.reads_seen && s->meta_known && (s->meta.flags.system & FLAG_SEEN))
		l.no_source_writes = false;
	return l;
}

/* The form to ask next; FORM_NONE: nothing is left. */
static enum form
next_form(struct source *s, struct doubt *d)
{
	struct ladder l = ladder_for(s);
	enum form f = ladder_first(&l, d->tried, true);

	/* A phantom has the chance of one form. */
	if (d->phantom && d->tried != 0)
		return FORM_NONE;

	/* Flags that are not known could not be put back. */
	bool have_short = (d->best != FORM_NONE && !d->placeholder) || d->meta_refused;

	/* A size that disagrees is no reason to touch \Seen. */
	if (f != FORM_NONE && !(have_short && form_sets_seen(f)))
		return f;
	if (d->best != FORM_NONE && !d->asked_best) {
		/* No form gives more: then the stated size is wrong, not the message. */
		d->accept = true;
		return d->best;
	}
	return ladder_first(&l, d->tried, false);
}

static enum step
give_verdict(struct source *s, struct doubt *d, struct offer *ret)
{
	struct ladder l = ladder_for(s);

	s->doubt_at++;
	s->phantoms += d->phantom;
	if (d->phantom)
		offer_lost(s, d, VERDICT_PHANTOM, "listed twice, never given", ret);
	else if (ladder_withheld(&l, d->tried))
		offer_lost(s, d, VERDICT_REFUSED,
		    "only forms that set \\Seen are left, and --no-source-writes was given", ret);
	else
		offer_lost(s, d, d->refused ? VERDICT_REFUSED : VERDICT_FAILED, d->reason, ret);
	return STEP_ITEM;
}

static enum verdict
good_verdict(const struct source *s, const struct doubt *d)
{
	if (form_header_only(s->alone_form))
		return VERDICT_HEADER_ONLY;
	return d->accept && d->placeholder ? VERDICT_PLACEHOLDER : VERDICT_STORED;
}

/* Ask for the message alone once; STEP_END: it did not come, go on. */
static enum step
ask_alone(struct source *s, struct doubt *d, struct offer *ret, struct err *err)
{
	s->alone = true;
	s->alone_good = false;
	d->asked_best = d->accept;
	if (source_send_body(s, ASKED_ALONE, d->uid, s->alone_form, 0, &s->alone_tag, err) < 0)
		return STEP_ERR;
	while (s->alone) {
		switch (source_pump(s, err)) {
		case PUMP_ERR:
			return STEP_ERR;
		case PUMP_BODY:
			s->flagless += !s->meta_known && !uidset_has(&s->fetched, d->uid);
			*ret = (struct offer){ .uid = d->uid,
				.good = good_verdict(s, d),
				.has_meta = s->meta_known,
				.msg = s->meta,
				.reason = d->reason,
				.command = d->command,
				.reply = d->reply,
				.reply_bytes = d->reply_bytes,
				.refused = d->refused,
				.header = buf_slice(&s->lost_header) };
			return STEP_ITEM;
		default:
			break;
		}
	}
	return STEP_END;
}

/* Before it is given up, or a notice is taken in its place. A header says that it is no phantom. */
static int
ask_header(struct source *s, struct doubt *d, struct err *err)
{
	d->headed = true;
	if (source_lost_header(s, d->uid, err) < 0)
		return -1;
	if (s->lost_header.len > 0 && d->phantom) {
		d->phantom = false;
		d->reason = "listed by SEARCH, not by FETCH, which gives its header";
	}
	return 0;
}

static enum step
doubt_step(struct source *s, struct doubt *d, struct offer *ret, struct err *err)
{
	if (!d->headed)
		buf_reset(&s->lost_header);
	if (!d->looked) {
		enum look look = look_at(s, d->uid, err);

		if (look == LOOK_ERR)
			return STEP_ERR;
		take_look(s, d, look);
	}
	/* Looked at before others were: nothing is known of it. */
	if (s->looking != d->uid) {
		s->looking = d->uid;
		s->meta_known = false;
	}
	if (d->gone) {
		s->doubt_at++;
		offer_lost(s, d, VERDICT_GONE, "expunged before it could be read", ret);
		return STEP_ITEM;
	}

	enum form f = next_form(s, d);

	if ((f == FORM_NONE || (d->accept && d->placeholder)) && !d->headed) {
		if (ask_header(s, d, err) < 0)
			return STEP_ERR;
		/* Was it a phantom, the whole ladder is open now. */
		f = d->accept ? f : next_form(s, d);
	}
	if (f == FORM_NONE)
		return give_verdict(s, d, ret);
	s->alone_form = f;
	if (f == FORM_MIME_PARTS)
		return source_mime_start(s, d, ret, err);
	if (form_sets_seen(f) && !(s->meta.flags.system & FLAG_SEEN) && !d->owed) {
		d->owed = true;
		*ret = (struct offer){ .uid = d->uid, .has_meta = true, .msg = s->meta };
		/* Chosen again when next is called. */
		return STEP_OWE;
	}
	return ask_alone(s, d, ret, err);
}

static int
doubt_order(const void *a, const void *b)
{
	const struct doubt *x = a, *y = b;

	return (x->uid > y->uid) - (x->uid < y->uid);
}

enum step
source_rest_next(struct source *s, struct offer *ret, struct err *err)
{
	/* Answers that are still under way come first: one command at a time from here on. */
	while (s->s->n_asked > 0) {
		enum pumped p = source_pump(s, err);

		if (p == PUMP_ERR)
			return STEP_ERR;
	}
	/* Whichever connection has put them aside. */
	if (s->doubt_at == 0 && s->n_doubts > 0 && !s->alone_good)
		qsort(s->doubt, s->n_doubts, sizeof(*s->doubt), doubt_order);
	while (s->doubt_at < s->n_doubts) {
		struct doubt *d = &s->doubt[s->doubt_at];

		if (s->alone_good) {
			/* It came whole with the last call. */
			s->alone_good = false;
			s->doubt_at++;
			continue;
		}

		if (source_is_worn(s) && source_renew(s, err) < 0)
			return STEP_ERR;

		enum step step = doubt_step(s, d, ret, err);

		if (step != STEP_END)
			return step;
	}

	s->ended++;
	return STEP_END;
}
