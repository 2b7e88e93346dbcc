/* A message that no form gives whole, put together from its MIME parts (RFC 3501 6.4.5): header,
 * then each part of the outermost multipart with its own header, between boundaries. A nested
 * multipart comes whole with its part. What is lost are preamble and epilogue, and parts that the
 * server refuses: a notice stands in their place. Nothing but headers is held in memory. Every
 * command goes alone, since nothing else is under way here. */
#include "store/source_imap.h"

#include <stdio.h>
#include <string.h>

enum { MIME_TEXT_MAX = 1024 * 1024, MIME_PARTS_MAX = 1000, MIME_MISSES_MAX = 2 };

void
source_mime_done(struct source *s)
{
	buf_done(&s->mime.text);
	s->mime = (struct mime){ 0 };
}

/* Ask for one section and read up to its body. 1: it is there; 0: refused, NIL or empty, all is
 * read. */
static int
section_open(struct source *s, uint32_t uid, const char *section, struct resp *r, struct err *err)
{
	struct mime *m = &s->mime;

	if (sess_send(s->s, 0, &m->tag, err, "UID FETCH %u (BODY.PEEK[%s])", uid, section) < 0)
		return -1;
	for (;;) {
		if (sess_next(s->s, r, NULL, err) < 0)
			return -1;
		if (r->kind == RESP_TAGGED && r->tag == m->tag)
			return 0;
		if (r->kind == RESP_FETCH && r->more && r->fetch.octets > 0 &&
		    r->fetch.body != BODY_NIL && (r->fetch.uid == 0 || r->fetch.uid == uid))
			return 1;
		if (sess_drop(s->s, r, err) < 0)
			return -1;
	}
}

static int
section_close(struct source *s, struct resp *r, struct err *err)
{
	if (sess_more(s->s, r, err) < 0 || (r->kind == RESP_FETCH && sess_drop(s->s, r, err) < 0))
		return -1;
	do {
		if (sess_next(s->s, r, NULL, err) < 0 || sess_drop(s->s, r, err) < 0)
			return -1;
	} while (r->kind != RESP_TAGGED || r->tag != s->mime.tag);
	return 0;
}

/* A section that is a header, added to m->text. 1: there; 0: not, or larger than fits. */
static int
section_text(struct source *s, uint32_t uid, const char *section, struct err *err)
{
	struct buf *text = &s->mime.text;
	struct resp r;
	int rc = section_open(s, uid, section, &r, err);

	if (rc <= 0)
		return rc;
	if (r.fetch.body == BODY_INLINE)
		buf_add(text, r.fetch.text.data, r.fetch.text.len);
	for (uint64_t left = r.fetch.body == BODY_LITERAL ? r.fetch.octets : 0; left > 0;) {
		struct slice part;

		if (stream_peek(s->s->in, 1, &part, err) < 0)
			return -1;
		part.len = part.len < left ? part.len : (size_t)left;
		buf_add(text, part.data, part.len);
		stream_skip(s->s->in, part.len);
		left -= part.len;
	}
	if (section_close(s, &r, err) < 0)
		return -1;
	return text->full ? 0 : 1;
}

/* A header ends with an empty line, whether the server gave it or not. */
static void
end_header(struct buf *text)
{
	if (text->len < 4 || memcmp(text->data + text->len - 4, "\r\n\r\n", 4) != 0)
		buf_add_str(text, "\r\n");
}

static void
add_notice(struct source *s, unsigned part)
{
	buf_printf(&s->mime.text,
	    "\r\n--%s\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
	    "[imex: the server did not give part %u of this message: %.200s]\r\n",
	    s->mime.boundary, part, s->s->reply);
}

/* The body of a section becomes what read streams. 1: it comes; 0: it does not. */
static int
start_body(struct source *s, uint32_t uid, const char *section, struct err *err)
{
	struct mime *m = &s->mime;
	int rc = section_open(s, uid, section, &m->resp, err);

	if (rc <= 0)
		return rc;
	m->given++;
	if (m->resp.fetch.body == BODY_INLINE) {
		buf_add(&m->text, m->resp.fetch.text.data, m->resp.fetch.text.len);
		return section_close(s, &m->resp, err) < 0 ? -1 : 1;
	}
	m->left = m->resp.fetch.octets;
	m->streaming = true;
	return 1;
}

/* The next part, or the end of the message, into m->text and, when it streams, m->left. */
static int
next_piece(struct source *s, uint32_t uid, struct err *err)
{
	struct mime *m = &s->mime;
	char section[24];
	size_t before = m->text.len;
	int rc;

	if (m->boundary[0] == '\0' || m->misses == MIME_MISSES_MAX || m->part == MIME_PARTS_MAX) {
		if (m->boundary[0] != '\0')
			buf_printf(&m->text, "\r\n--%s--\r\n", m->boundary);
		m->last = true;
		return 0;
	}
	m->part++;
	buf_printf(&m->text, "\r\n--%s\r\n", m->boundary);
	snprintf(section, sizeof(section), "%u.MIME", m->part);
	rc = section_text(s, uid, section, err);
	if (rc > 0) {
		end_header(&m->text);
		snprintf(section, sizeof(section), "%u", m->part);
		m->misses = 0;
		rc = start_body(s, uid, section, err);
		if (rc == 0)
			buf_printf(&m->text,
			    "[imex: the server did not give the body of this part: %.200s]",
			    s->s->reply);
		return rc < 0 ? -1 : 0;
	}
	/* Behind the last part, or a part that is refused: the next one tells. */
	m->text.len = before;
	m->text.full = false;
	m->misses++;
	return rc;
}

/* Notices for parts that were missed before one that came would have to stand in front of it: they
 * follow it. */
static int
piece_with_notices(struct source *s, uint32_t uid, struct err *err)
{
	unsigned missed = s->mime.misses, part = s->mime.part;

	if (next_piece(s, uid, err) < 0)
		return -1;
	for (unsigned i = 0;
	     s->mime.misses == 0 && !s->mime.last && !s->mime.streaming && i < missed; i++)
		add_notice(s, part - i);
	return 0;
}

enum step
source_mime_offer(struct source *s, struct doubt *d, struct offer *ret, struct err *err)
{
	struct mime *m = &s->mime;
	int rc;

	source_mime_done(s);
	buf_init(&m->text, MIME_TEXT_MAX);
	rc = section_text(s, d->uid, "HEADER", err);
	if (rc <= 0)
		return rc < 0 ? STEP_ERR : STEP_END;
	end_header(&m->text);
	if (!header_boundary(buf_slice(&m->text), m->boundary))
		rc = start_body(s, d->uid, "1", err);
	while (rc >= 0 && m->boundary[0] != '\0' && m->given == 0 && !m->last)
		rc = piece_with_notices(s, d->uid, err);
	if (rc < 0)
		return STEP_ERR;
	if (m->given == 0)
		return STEP_END;
	m->active = true;
	s->at_uid = d->uid;
	*ret = (struct offer){ .uid = d->uid,
		.good = VERDICT_RECONSTRUCTED,
		.has_meta = s->meta_known,
		.msg = s->meta,
		.reason = "put together from its MIME parts: the server gives it in no other way",
		.reply = d->reply };
	return STEP_ITEM;
}

/* The part under way: what is buffered of it, or its end. 1: *ret has some; 0: it has ended. */
static int
read_part(struct source *s, struct slice *ret, struct err *err)
{
	struct mime *m = &s->mime;

	if (m->left > 0) {
		if (stream_peek(s->s->in, 1, ret, err) < 0)
			return -1;
		ret->len = ret->len < m->left ? ret->len : (size_t)m->left;
		m->lent = ret->len;
		m->left -= ret->len;
		return 1;
	}
	m->streaming = false;
	return section_close(s, &m->resp, err);
}

int
source_mime_read(struct source *s, struct slice *ret, struct err *err)
{
	struct mime *m = &s->mime;

	if (m->lent > 0)
		stream_skip(s->s->in, m->lent);
	m->lent = 0;
	for (;;) {
		int rc;

		if (m->text.len > 0 && !m->lent_text) {
			m->lent_text = true;
			*ret = buf_slice(&m->text);
			return 0;
		}
		if (m->streaming) {
			rc = read_part(s, ret, err);
			if (rc != 0)
				return rc < 0 ? -1 : 0;
		}
		if (m->last) {
			source_mime_done(s);
			s->at_uid = 0;
			s->alone_good = true;
			*ret = (struct slice){ "", 0 };
			return 0;
		}
		buf_reset(&m->text);
		m->lent_text = false;
		if (piece_with_notices(s, s->doubt[s->doubt_at].uid, err) < 0)
			return -1;
	}
}
