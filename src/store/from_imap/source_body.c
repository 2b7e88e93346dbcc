/* Bodies: windows of UID FETCH queued ahead, a new form tried on one message alone first
 * (rules.md 1.3), body octets handed on as they arrive. A message that does not come whole with its
 * window goes to source_rest.c. */
#include <stdlib.h>

#include "base/mem.h"
#include "mail/header.h"
#include "store/from_imap/source_imap.h"

int
source_skip_fetch(struct source *s, struct resp *r, struct err *err)
{
	if (sess_drop(s->s, r, err) < 0)
		return -1;
	s->at_uid = 0;
	return 0;
}

/* The window that waits for a UID: the oldest one as a rule, but a server may answer two commands
 * at once. */
static struct wanted *
wanted_find(struct source *s, uint32_t uid, struct window **ret)
{
	for (struct window *w = s->first; w != NULL; w = w->next) {
		struct wanted *want = w->sent ? source_window_find(w, uid) : NULL;

		if (want != NULL && !want->done) {
			*ret = w;
			return want;
		}
	}
	return NULL;
}

/* A known text in place of the mail? Only small bodies are looked at, and not one that is to be
 * taken as it is. */
bool
source_is_notice(struct source *s, const struct resp *r, enum form form, struct err *err)
{
	const struct fetch_data *f = &r->fetch;
	struct slice seen = f->text;
	const char *which;

	/* The notice may come in halves, too: then its header tells. */
	bool half = f->part == PART_HEADER && form_parts(form) > 1;

	if (f->body == BODY_NIL || f->octets > PLACEHOLDER_MAX || (f->part != PART_WHOLE && !half) ||
	    f->octets == 0 || (s->alone && s->doubt[s->doubt_at].accept))
		return false;
	if (f->body == BODY_LITERAL && stream_peek(s->s->in, (size_t)f->octets, &seen, err) < 0)
		return false;
	seen.len = seen.len < f->octets ? seen.len : (size_t)f->octets;
	return half ? header_is_placeholder(seen) : body_is_placeholder(seen, &which);
}

/* May this body be read? False with the fault when it is none (rules.md 1.2). */
bool
source_body_start(struct source *s, const struct resp *r, uint32_t uid, struct wanted *want,
    struct window *w, enum form form, const char **ret_fault, struct err *err)
{
	const struct fetch_data *f = &r->fetch;

	if (f->part !=
	    (form_header_only(form) || form_parts(form) > 1 ? PART_HEADER : PART_WHOLE)) {
		*ret_fault = "the server gave another part than the one asked for";
		return false;
	}
	if (f->body == BODY_NIL) {
		*ret_fault = "the server gave NIL in place of the message";
		return false;
	}
	if (f->octets == 0 && form_parts(form) == 1 &&
	    !(form_sliced(form) && s->now.slice_at > 0)) {
		*ret_fault = "the server gave an empty message";
		return false;
	}
	if (source_is_notice(s, r, form, err)) {
		*ret_fault = PLACEHOLDER_FAULT;
		return false;
	}
	if (err->kind != ERR_NONE)
		return false;

	uint64_t slice_at = s->now.slice_at, total = s->now.total;
	unsigned slices = s->now.slices;
	bool go_on = form_sliced(form) && slice_at > 0;

	s->now = (struct reading){ .active = true,
		.resp = *r,
		.uid = uid,
		.want = want,
		.window = w,
		.left = f->octets,
		.parts_left = form_parts(form) - 1,
		.uid_seen = f->uid == uid,
		.form = form };
	stream_set_grace(s->s->in, GRACE_MS);
	sess_progress(s->s);
	if (go_on) {
		s->now.slice_at = slice_at;
		s->now.total = total;
		s->now.slices = slices;
	}
	return true;
}

bool
source_is_another(const struct source *s, const struct fetch_data *f)
{
	uint32_t by_number = uidset_count(&s->map) == s->s->exists ? uidset_nth(&s->map, f->seq) : 0;

	return f->uid != 0 && by_number != 0 && by_number != f->uid;
}

static enum pumped
window_body(struct source *s, struct resp *r, struct err *err)
{
	uint32_t uid = r->fetch.uid ? r->fetch.uid : uidset_nth(&s->map, r->fetch.seq);
	struct window *w = NULL;
	struct wanted *want = uid ? wanted_find(s, uid, &w) : NULL;
	const char *fault = NULL;
	struct err io = { 0 };

	if (want == NULL) {
		source_note(s, EV_WRONG_MESSAGE, LEVEL_WARNING, uid, NULL, true,
		    "a body came that was not asked for; it is dropped");
		return source_skip_fetch(s, r, err) < 0 ? PUMP_ERR : PUMP_AGAIN;
	}

	bool alone = form_parts((enum form)s->facts.works_form) == 1;
	bool size_differs = alone && want->size_known && r->fetch.octets != want->size;
	/* Which of the two is right nothing tells, not even the size: alone it has one number and one UID. */
	bool another = source_is_another(s, &r->fetch) && (size_differs || !s->numbers_wrong);
	bool is_short = another || (size_differs && r->fetch.octets < want->size &&
				       !(s->facts.quirks & LEARNT_SIZES_WRONG));

	if (!is_short &&
	    source_body_start(s, r, uid, want, w, (enum form)s->facts.works_form, &fault, &io))
		return PUMP_BODY;
	if (io.kind != ERR_NONE) {
		*err = io;
		return PUMP_ERR;
	}
	source_window_took(w, want);
	source_doubt(s, uid, want->size_known, want->size, fault ? fault : SHORT_FAULT);
	return source_skip_fetch(s, r, err) < 0 ? PUMP_ERR : PUMP_AGAIN;
}

static enum pumped
try_body(struct source *s, struct resp *r, struct err *err)
{
	uint32_t uid = r->fetch.uid ? r->fetch.uid : uidset_nth(&s->map, r->fetch.seq);
	struct window *w = source_first_unsent(s);
	struct wanted *want = w && uid == s->try_uid ? source_window_find(w, uid) : NULL;
	const char *fault = NULL;
	struct err io = { 0 };

	/* Whether there are slices is all that is asked: the message comes with the others. */
	if (want != NULL && form_sliced(s->try_form)) {
		source_slice_origin(&r->fetch, s->try_form, 0);
		s->try_good = r->fetch.part == PART_WHOLE && r->fetch.body != BODY_NIL && r->fetch.octets > 0 &&
			      r->fetch.has_origin && r->fetch.origin == 0;
		return source_skip_fetch(s, r, err) < 0 ? PUMP_ERR : PUMP_AGAIN;
	}
	if (want != NULL && !want->done &&
	    source_body_start(s, r, uid, want, w, s->try_form, &fault, &io))
		return PUMP_BODY;
	if (io.kind != ERR_NONE) {
		*err = io;
		return PUMP_ERR;
	}
	if (want == NULL)
		source_note(s, EV_WRONG_MESSAGE, LEVEL_WARNING, uid, NULL, true,
		    "a body came that was not asked for; it is dropped");
	return source_skip_fetch(s, r, err) < 0 ? PUMP_ERR : PUMP_AGAIN;
}

bool
source_is_wait_code(enum resp_code c)
{
	return c == CODE_UNAVAILABLE || c == CODE_LIMIT || c == CODE_THROTTLED ||
	       c == CODE_OVERQUOTA || c == CODE_INUSE;
}

static void
form_refused(struct source *s, enum form f, uint32_t uid, const char *command)
{
	s->facts.refused_forms |= 1u << f;
	s->tried |= 1u << f;
	s->tried_ever |= 1u << f;
	source_refusal(s, uid, command, s->s->reply);
}

/* The one message of a try is put aside; with it fails the form only when that is the server's way
 * (rules.md 1.2). */
static void
try_failed(struct source *s, const struct resp *r, const struct asked *a)
{
	struct window *w = source_first_unsent(s);
	struct wanted *want = w ? source_window_find(w, s->try_uid) : NULL;

	if (r->state == STATE_BAD && s->try_form == s->once && ++s->once_refused < ONCE_MAX) {
		s->tried |= 1u << s->once;
		if (source_try_aside(s))
			return;
	}
	if (r->state == STATE_BAD) {
		form_refused(s, s->try_form, s->try_uid, a->text);
		return; /* the same message is tried with the next form */
	}
	if (++s->nils[s->try_form] >= NIL_LIMIT) {
		s->facts.refused_forms |= 1u << s->try_form;
		source_note(s, EV_BODY_BAD, LEVEL_WARNING, s->try_uid, s->s->reply, true,
		    "this form brought no message three times; it is not used on this server");
	}
	if (want == NULL || want->done)
		return;
	source_window_took(w, want);

	struct doubt *d = source_doubt(s, want->uid, want->size_known, want->size,
	    r->state == STATE_OK ? "the server answered OK but gave no message" : REFUSED_FAULT);

	source_doubt_answer(s, d, a->text, r->state);
	if (d != NULL)
		d->tried |= 1u << s->try_form;
}

static int
try_answered(struct source *s, const struct resp *r, const struct asked *a, struct err *err)
{
	struct window *w = source_first_unsent(s);

	s->trying = false;
	if (s->try_good && form_sliced(s->try_form)) {
		s->sliced = true;
		source_recovered(s, s->try_form);
	} else if (s->try_good) {
		s->facts.works_form = s->try_form;
		s->facts.proven = 1;
		source_recovered(s, s->try_form);
	} else if (source_is_wait_code(r->code)) {
		return sess_refused(s->s, r, a->text, err);
	} else {
		try_failed(s, r, a);
	}
	/* Its last message has come, or was put aside, here or when its body turned out to be none. */
	if (w != NULL && w->left == 0)
		source_window_drop(s, w);
	return 0;
}

/* Half of what is left each: one message that breaks the command costs few commands to find (quirks
 * row 7). */
static void
window_halve(struct source *s, struct window *w)
{
	struct wanted *rest = mem_resize(NULL, w->left, sizeof(*rest));
	size_t n = 0, half;

	for (size_t i = 0; i < w->n; i++)
		if (!w->want[i].done)
			rest[n++] = w->want[i];
	half = n / 2;
	source_window_insert(s, w, source_window_new(rest + half, n - half, w->ask));
	source_window_insert(s, w, source_window_new(rest, half, w->ask));
	free(rest);
}

/* The form that worked in an earlier run is refused now: for a message of the window, or by a server that is
 * another one. Single messages tell. */
static void
form_doubted(struct source *s)
{
	s->once = (enum form)s->facts.works_form;
	s->once_refused = 0;
	s->facts.works_form = FORM_NONE;
	for (struct window *w = s->first; w != NULL; w = w->next)
		w->sent = false;
}

/* alone: asked for without others, as it would be asked for again. */
static void
doubt_refused(struct source *s, const struct wanted *want, const struct asked *a, enum resp_state state, bool alone)
{
	bool ok = state == STATE_OK;
	struct doubt *d = source_doubt(s, want->uid, want->size_known, want->size,
	    ok ? "the server answered OK but gave no message" : REFUSED_FAULT);

	source_doubt_answer(s, d, a->text, state);
	if (d == NULL || state != STATE_BAD)
		return;
	d->bad = true;
	if (alone)
		d->tried |= 1u << s->facts.works_form;
}

static int
window_answered(struct source *s, const struct resp *r, const struct asked *a, struct err *err)
{
	struct window *w = source_window_of_tag(s, a->tag);

	if (w == NULL)
		return 0;
	if (w->left > 0 && source_is_wait_code(r->code) && r->state != STATE_OK)
		return sess_refused(s->s, r, a->text, err);
	if (w->left > 0 && r->state == STATE_BAD && !s->facts.proven) {
		if (s->facts.works_form != FORM_NONE)
			form_doubted(s);
		w->sent = false;
		return 0;
	}
	if (w->left < w->n)
		s->facts.proven = 1;
	if (w->left > 1 && r->state != STATE_OK) {
		window_halve(s, w);
	} else if (w->left > 0) {
		for (size_t i = 0; i < w->n; i++)
			if (!w->want[i].done)
				doubt_refused(s, &w->want[i], a, r->state, w->n == 1);
	}
	source_window_drop(s, w);
	return 0;
}

static int
answered(struct source *s, const struct resp *r, const struct asked *a, struct err *err)
{
	switch (a->kind) {
	case ASKED_PAGE:
		return source_page_answered(s, r, a, err);
	case ASKED_CHANGES:
		return source_changes_answered(s, r, a, err);
	case ASKED_WINDOW:
		return window_answered(s, r, a, err);
	case ASKED_TRY:
		return try_answered(s, r, a, err);
	case ASKED_NOOP:
		s->noop_done = true;
		return 0;
	case ASKED_META:
	case ASKED_LOOK:
	case ASKED_ALONE:
		return source_alone_answered(s, r, a, err);
	default:
		return 0;
	}
}

/* Read one response and put it where it belongs. */
enum pumped
source_pump(struct source *s, struct err *err)
{
	struct resp r;
	struct asked a;

	if (sess_next(s->s, &r, &a, err) < 0)
		return PUMP_ERR;
	if (r.kind == RESP_TAGGED)
		return answered(s, &r, &a, err) < 0 ? PUMP_ERR : PUMP_AGAIN;
	if (r.kind == RESP_SEARCH && s->s->n_asked > 0 && s->s->asked[0].kind == ASKED_LOOK)
		s->look_found = uidset_has(&s->s->reader.set, s->looking);
	if (r.kind == RESP_VANISHED)
		source_take_vanished(s);
	if (r.kind != RESP_FETCH)
		return PUMP_AGAIN;
	if (!r.more)
		return source_take_listing(s, &r, err) < 0 ? PUMP_ERR : PUMP_AGAIN;

	int kind = s->s->n_asked > 0 ? s->s->asked[0].kind : 0;

	s->at_uid = r.fetch.uid ? r.fetch.uid : uidset_nth(&s->map, r.fetch.seq);
	if (kind == ASKED_ALONE)
		return source_alone_body(s, &r, err);
	if (s->trying)
		return try_body(s, &r, err);
	return window_body(s, &r, err);
}

static bool
ask_finished(const struct source *s)
{
	for (const struct window *w = s->first; w != NULL; w = w->next)
		if (w->ask <= s->ended && w->left > 0)
			return false;
	return !s->trying;
}

static void
offer_body(struct source *s, struct offer *ret)
{
	*ret = (struct offer){ .uid = s->now.uid, .good = VERDICT_STORED };
	if (form_parts(s->now.form) == 1 && !form_sliced(s->now.form))
		ret->octets = s->now.left;
}

enum step
source_imap_next(struct source *s, struct offer *ret, struct err *err)
{
	if (s->held) {
		s->held = false;
		offer_body(s, ret);
		return STEP_ITEM;
	}
	for (;;) {
		bool rest = s->rest_asked && s->ended + 1 == s->asks;
		enum step step = s->alone ? STEP_ITEM : source_send_ahead(s, ret, err);

		if (step != STEP_ITEM)
			return step;
		if (ask_finished(s)) {
			if (rest)
				return source_rest_next(s, ret, err);
			s->ended++;
			return STEP_END;
		}
		switch (source_pump(s, err)) {
		case PUMP_ERR:
			return STEP_ERR;
		case PUMP_BODY:
			offer_body(s, ret);
			return STEP_ITEM;
		default:
			break;
		}
	}
}
