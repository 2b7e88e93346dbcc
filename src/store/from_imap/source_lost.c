/* The header of a message that is lost otherwise (rules.md 1.7): people know it by From, Date and Subject,
 * and by no UID. It is asked for without a trace, and what refuses it costs nothing but these words. */
#include <stdio.h>

#include "mail/header.h"
#include "store/from_imap/source_imap.h"

#define FIELDS "HEADER.FIELDS"

/* RFC822.HEADER sets no \Seen anywhere, and is what the older levels have (RFC 1730 6.4.5). */
static const char *
items(const struct source *s)
{
	return s->s->level >= LEVEL_IMAP4 ? "(RFC822.HEADER)"
					  : "(BODY.PEEK[" FIELDS " (FROM DATE SUBJECT MESSAGE-ID)])";
}

static bool
is_header(const struct fetch_data *f)
{
	return f->body != BODY_NIL &&
	       (f->part == PART_HEADER || slice_starts_nocase(f->section, FIELDS));
}

static int
read_header(struct source *s, const struct fetch_data *f, struct err *err)
{
	struct buf *out = &s->lost_header;

	buf_reset(out);
	if (f->body == BODY_INLINE)
		buf_add(out, f->text.data, f->text.len);
	for (uint64_t left = f->body == BODY_LITERAL ? f->octets : 0; left > 0;) {
		struct slice part;

		if (sess_literal_part(s->s, &left, &part, err) < 0)
			return -1;
		buf_add(out, part.data, part.len);
	}
	return 0;
}

/* One FETCH to its end; another's, or what is broken off, is not believed. */
static int
take(struct source *s, uint32_t uid, struct resp *r, struct err *err)
{
	bool ours = uid == (r->fetch.uid != 0 ? r->fetch.uid : uidset_nth(&s->map, r->fetch.seq));

	while (r->more) {
		if (ours && is_header(&r->fetch)) {
			if (read_header(s, &r->fetch, err) < 0)
				return -1;
		} else if (r->fetch.body == BODY_LITERAL && sess_skip_body(s->s, r->fetch.octets, err) < 0) {
			return -1;
		}
		if (sess_more(s->s, r, err) < 0)
			return -1;
		if (r->kind != RESP_FETCH)
			ours = false;
	}
	if (!ours || (r->fetch.uid != 0 && r->fetch.uid != uid))
		buf_reset(&s->lost_header);
	return 0;
}

int
source_lost_header(struct source *s, uint32_t uid, struct err *err)
{
	struct resp r;
	uint32_t tag;
	char set[16];

	buf_reset(&s->lost_header);
	if (s->no_lost_headers)
		return 0;
	snprintf(set, sizeof(set), "%u", uid);
	s->at_uid = uid;
	if (sess_send_set(s->s, ASKED_HEADS, &tag, "FETCH", set, items(s), err) < 0)
		return -1;
	do {
		if (sess_next(s->s, &r, NULL, err) < 0 ||
		    (r.kind == RESP_FETCH && r.more && take(s, uid, &r, err) < 0))
			return -1;
	} while (r.kind != RESP_TAGGED || r.tag != tag);
	s->at_uid = 0;
	if (r.state != STATE_OK && source_is_wait_code(r.code))
		return sess_refused(s->s, &r, "header", err);
	s->no_lost_headers = r.state == STATE_BAD;
	if (r.state != STATE_OK || header_is_placeholder(buf_slice(&s->lost_header)))
		buf_reset(&s->lost_header);
	return 0;
}

int
source_imap_lost_header(struct source *s, uint32_t uid, struct slice *ret, struct err *err)
{
	if (source_drain(s, err) < 0 || source_lost_header(s, uid, err) < 0)
		return -1;
	*ret = buf_slice(&s->lost_header);
	return 0;
}
