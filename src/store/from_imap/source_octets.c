/* The octets of one body, as they arrive: lent from the stream's buffer, part by part, slice by slice, and
 * at their end judged by what the response said of itself. What is not whole goes to source_rest.c. */
#include "store/from_imap/source_imap.h"

static int
body_bad(struct source *s, const char *why, struct err *err)
{
	struct reading *n = &s->now;

	n->active = false;
	s->at_uid = 0;
	if (n->want != NULL) {
		if (!n->want->done) {
			source_window_took(n->window, n->want);
			source_doubt(s, n->uid, n->want->size_known, n->want->size, why);
		}
	} else {
		s->doubt[s->doubt_at].reason = why;
	}
	return err_set(err, ERR_MESSAGE, "UID %u: %s", n->uid, why);
}

static bool
too_short(const struct source *s)
{
	const struct reading *n = &s->now;

	if (n->want == NULL || (s->facts.quirks & LEARNT_SIZES_WRONG))
		return false;
	return n->want->size_known && n->total < n->want->size;
}

/* A message of some octets, as the server says. */
static bool
size_is_stated(const struct source *s)
{
	if (s->now.want != NULL)
		return s->now.want->size_known && s->now.want->size > 0;
	return s->alone && s->doubt[s->doubt_at].size_known && s->doubt[s->doubt_at].size > 0;
}

/* What comes behind the octets is no end of a response: they may be more than the message, or fewer. The size
 * tells; without it another form does, and at last they are taken all the same. */
static bool
ends_oddly(struct source *s)
{
	const struct reading *n = &s->now;
	struct doubt *d = n->want == NULL && s->alone ? &s->doubt[s->doubt_at] : NULL;

	if (n->resp.kind != RESP_GARBAGE || (n->want == NULL && (d == NULL || d->accept)))
		return false;
	if (d == NULL)
		return !n->want->size_known || n->total != n->want->size;
	if (d->size_known && n->total == d->size)
		return false;
	if (d->best == FORM_NONE)
		d->best = n->form;
	return true;
}

/* The whole response has been read: is it what it said? */
static int
body_whole(struct source *s, struct slice *ret, struct err *err)
{
	struct reading *n = &s->now;
	uint32_t uid = n->resp.fetch.uid;

	*ret = (struct slice){ "", 0 };
	stream_set_grace(s->s->in, 0);
	if (n->resp.kind == RESP_GARBAGE && !n->uid_seen)
		return body_bad(s, "the response broke off before it named the message", err);
	if (n->resp.kind == RESP_FETCH && uid != n->uid && (uid != 0 || !s->alone))
		return body_bad(s,
		    uid ? "the UID at the end of the response is another message's"
			: "the response does not name its message",
		    err);
	if (n->parts_left > 0)
		return body_bad(s, "the server gave the header without the text", err);
	if (n->total == 0 && size_is_stated(s))
		return body_bad(s, "the server gave an empty message", err);
	/* A short body says nothing against the form. */
	s->try_good = s->trying;
	if (too_short(s))
		return body_bad(s, SHORT_FAULT, err);
	if (ends_oddly(s))
		return body_bad(s, "the response does not end where the message does", err);
	n->active = false;
	s->at_uid = 0;
	s->narrow -= s->narrow > 0;
	if (pace_add(&s->pace, n->total, stream_reading_ms(s->s->in)))
		source_grown_slow(s);
	if (n->want != NULL)
		source_window_took(n->window, n->want);
	if (s->alone) {
		struct doubt *d = &s->doubt[s->doubt_at];

		s->alone_good = true;
		if (d->size_known && n->total < d->size && !form_header_only(n->form) &&
		    ++s->wrong_sizes >= WRONG_SIZES_LIMIT)
			s->facts.quirks |= LEARNT_SIZES_WRONG;
	}
	return 0;
}

/* The next body item of the same response: the text behind the header. 1: there is one; 0: the
 * response ended. */
static int
next_part(struct source *s, struct err *err)
{
	struct reading *n = &s->now;

	for (;;) {
		if (sess_more(s->s, &n->resp, err) < 0)
			return -1;
		if (n->resp.kind != RESP_FETCH || !n->resp.more)
			return 0;
		if (n->parts_left > 0 && n->resp.fetch.part == PART_TEXT) {
			n->parts_left--;
			n->left = n->resp.fetch.body == BODY_NIL ? 0 : n->resp.fetch.octets;
			n->inline_given = false;
			return 1;
		}
		if (n->resp.fetch.body == BODY_LITERAL &&
		    sess_skip_body(s->s, n->resp.fetch.octets, err) < 0)
			return -1;
	}
}

/* Servers give less than was asked for (a limit of their own): the last slice is the empty one, or
 * the one that reaches the size. */
static bool
last_slice(const struct source *s, uint64_t got)
{
	const struct reading *n = &s->now;
	const struct doubt *d = &s->doubt[s->doubt_at];

	/* Without an origin it was the whole message: asked again it would come again. */
	return got == 0 || !n->resp.fetch.has_origin ||
	       (got < SLICE_OCTETS && (!d->size_known || n->total >= d->size));
}

/* PARTIAL is answered without an origin (RFC 1730 6.4.6): no more than was asked for is the slice. */
void
source_slice_origin(struct fetch_data *f, enum form form, uint64_t asked)
{
	if (form != FORM_PARTIAL || f->octets > SLICE_OCTETS)
		return;
	f->has_origin = true;
	f->origin = asked;
}

/* form_sliced: wait for the answer, ask for the next slice unless this was the last. 1: another one
 * follows. */
static int
next_slice(struct source *s, uint64_t got, struct err *err)
{
	struct reading *n = &s->now;
	uint32_t tag;
	struct resp r;

	if (n->resp.kind != RESP_FETCH || (n->resp.fetch.uid != 0 && n->resp.fetch.uid != n->uid) ||
	    last_slice(s, got))
		return 0;
	if (++n->slices >= SLICES_MAX)
		return body_bad(s, "the message comes in slices that do not end", err);
	n->slice_at += got;
	s->alone = false;
	while (s->s->n_asked > 0)
		if (sess_next(s->s, &r, NULL, err) < 0 || source_skip_fetch(s, &r, err) < 0)
			return -1;
	if (source_send_body(s, ASKED_ALONE, n->uid, n->form, n->slice_at, &tag, err) < 0)
		return -1;
	s->alone = true;
	s->alone_tag = tag;
	do {
		if (sess_next(s->s, &r, NULL, err) < 0)
			return -1;
		if (r.kind == RESP_FETCH && r.more && r.fetch.body != BODY_NIL &&
		    r.fetch.part == PART_WHOLE && (r.fetch.uid == 0 || r.fetch.uid == n->uid)) {
			source_slice_origin(&r.fetch, n->form, n->slice_at);
			if (!r.fetch.has_origin || r.fetch.origin != n->slice_at)
				return source_skip_fetch(s, &r, err) < 0
					   ? -1
					   : body_bad(s,
						 "the server gave another slice than the one asked "
						 "for",
						 err);
			n->resp = r;
			n->left = r.fetch.octets;
			n->inline_given = false;
			n->uid_seen = r.fetch.uid == n->uid;
			return 1;
		}
		if (r.kind == RESP_FETCH && source_skip_fetch(s, &r, err) < 0)
			return -1;
	} while (r.kind != RESP_TAGGED);
	s->alone = false;
	/* An answer without data past the end is the end, a refusal is not. */
	return r.state == STATE_OK ? 0
				   : body_bad(s, "the server refused a slice of the message", err);
}

int
source_lend(struct source *s, struct slice *ret, struct err *err)
{
	struct reading *n = &s->now;

	if (n->lent > 0) {
		stream_skip(s->s->in, n->lent);
		n->lent = 0;
	}
	*ret = (struct slice){ "", 0 };
	if (n->left == 0 || n->inline_given)
		return 0;
	if (n->resp.fetch.body == BODY_INLINE) {
		*ret = n->resp.fetch.text;
		n->inline_given = true;
		n->total += ret->len;
		return 0;
	}
	if (stream_peek(s->s->in, 1, ret, err) < 0)
		return -1;
	if (ret->len > n->left)
		ret->len = (size_t)n->left;
	n->lent = ret->len;
	n->left -= ret->len;
	if (n->total / STREAM_STEP != (n->total + ret->len) / STREAM_STEP)
		sess_progress(s->s);
	n->total += ret->len;
	return 0;
}

int
source_imap_read(struct source *s, struct slice *ret, struct err *err)
{
	struct reading *n = &s->now;

	if (n->form == FORM_MIME_PARTS)
		return source_mime_read(s, ret, err);
	for (;;) {
		uint64_t got = n->resp.fetch.octets;
		int more;

		if (source_lend(s, ret, err) < 0)
			return -1;
		if (ret->len > 0)
			return 0;
		more = next_part(s, err);
		n->left = more > 0 ? n->left : 0;
		if (more == 0 && form_sliced(n->form))
			more = next_slice(s, got, err);
		if (more < 0)
			return -1;
		if (more == 0)
			return body_whole(s, ret, err);
	}
}
