/* Headers alone, to recognise messages whose UIDs have changed: many commands in one flight, no body is
 * read. A server that refuses them has messages that are not recognised, and nothing else is lost. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/from_imap/source_imap.h"

/* What is asked for in this call, by ascending UID. */
struct flight {
	struct source *s;
	struct header *one;
	size_t n, sent;
	struct head *head;
	bool refused;
};

static struct header *
flight_find(struct flight *f, uint32_t uid)
{
	size_t lo = 0, hi = f->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (f->one[mid].uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < f->n && f->one[lo].uid == uid ? &f->one[lo] : NULL;
}

/* RFC822.HEADER sets no \Seen anywhere, and is what the older levels have (RFC 1730 6.4.5). */
static const char *
header_items(const struct source *s)
{
	return s->s->level >= LEVEL_IMAP4 ? "(UID RFC822.HEADER)" : "(UID BODY.PEEK[HEADER])";
}

/* The next command, of as many messages as a window has. */
static int
send_next(struct flight *f, struct err *err)
{
	struct uidset set = { 0 };
	struct buf text;
	size_t n = 0;
	int rc;

	buf_init(&text, SET_TEXT_MAX + 64);
	while (f->sent + n < f->n && n < WINDOW_MSGS) {
		uint32_t uid = f->one[f->sent + n].uid;

		uidset_add(&set, uid, uid);
		buf_reset(&text);
		(void)uidset_text(&set, 0, SIZE_MAX, &text);
		n++;
		if (text.len > SET_TEXT_MAX)
			break;
	}
	f->sent += n;
	rc = sess_send(f->s->s, ASKED_HEADS, NULL, err, "UID FETCH %s %s", text.data, header_items(f->s));
	buf_done(&text);
	uidset_done(&set);
	return rc;
}

static int
read_head(struct flight *f, const struct resp *r, uint8_t ret[HEAD_LEN], struct err *err)
{
	uint64_t left = r->fetch.body == BODY_LITERAL ? r->fetch.octets : 0;

	head_start(f->head);
	if (r->fetch.body == BODY_INLINE)
		head_add(f->head, r->fetch.text);
	while (left > 0) {
		struct slice part;

		if (sess_literal_part(f->s->s, &left, &part, err) < 0)
			return -1;
		head_add(f->head, part);
	}
	head_end(f->head, ret);
	return 0;
}

/* One FETCH to its end. Whose it is is told by its UID, or by the map where that comes later, and then
 * both must agree (rules.md 1.1). */
static int
take_header(struct flight *f, struct resp *r, struct err *err)
{
	struct source *s = f->s;
	uint32_t uid = r->fetch.uid != 0 ? r->fetch.uid : uidset_nth(&s->map, r->fetch.seq);
	struct header *h = flight_find(f, uid);
	uint8_t head[HEAD_LEN];
	bool whole = false;

	while (r->more) {
		if (h != NULL && r->fetch.part == PART_HEADER && r->fetch.octets > 0) {
			if (read_head(f, r, head, err) < 0)
				return -1;
			whole = true;
		} else if (r->fetch.body == BODY_LITERAL && sess_skip_body(s->s, r->fetch.octets, err) < 0) {
			return -1;
		}
		if (sess_more(s->s, r, err) < 0)
			return -1;
		/* Broken off: nothing of it is believed. */
		if (r->kind != RESP_FETCH)
			return 0;
	}
	if (!whole || (r->fetch.uid != 0 && r->fetch.uid != uid))
		return 0;
	sess_progress(s->s);
	h->known = true;
	memcpy(h->head, head, HEAD_LEN);
	return 0;
}

static int
take_answer(struct flight *f, const struct resp *r, const struct asked *a, struct err *err)
{
	struct event e = { .no = EV_REFUSED,
		.level = LEVEL_WARNING,
		.folder = f->s->folder,
		.command = a->text,
		.passing = true,
		.reply = sess_reply(f->s->s),
		.reply_bytes = f->s->s->reply_octets };

	if (a->kind != ASKED_HEADS || r->state == STATE_OK)
		return 0;
	if (source_is_wait_code(r->code))
		return sess_refused(f->s->s, r, "headers", err);
	if (!f->refused)
		notes_add(&f->s->notes, &e, true,
		    "the server does not give headers alone: messages whose UIDs have changed are "
		    "fetched again");
	f->refused = true;
	return 0;
}

static int
read_one(struct flight *f, struct err *err)
{
	struct resp r;
	struct asked a;

	if (sess_next(f->s->s, &r, &a, err) < 0)
		return -1;
	if (r.kind == RESP_TAGGED)
		return take_answer(f, &r, &a, err);
	if (r.kind != RESP_FETCH)
		return 0;
	return r.more ? take_header(f, &r, err) : source_take_listing(f->s, &r, err);
}

int
source_imap_heads(struct source *s, struct header *io, size_t n, struct err *err)
{
	struct flight f = { .s = s, .one = io, .n = n, .head = head_new() };
	int rc = source_drain(s, err);

	while (rc == 0 && (f.sent < n || s->s->n_asked > 0)) {
		while (rc == 0 && f.sent < n && !f.refused && sess_room(s->s, SET_TEXT_MAX + 64))
			rc = send_next(&f, err);
		if (f.refused)
			f.sent = n;
		if (rc == 0 && s->s->n_asked > 0)
			rc = read_one(&f, err);
	}
	head_free(f.head);
	return rc;
}
