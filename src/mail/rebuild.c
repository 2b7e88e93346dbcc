/* See rebuild.h. Text and attachments go from spool to spool in pieces. The boundary is a digest of
 * everything that is known when the message begins; that it stands in no part is sure for base64
 * and quoted-printable (it begins with "=_", which neither can write at the start of a line behind
 * "--"), cannot be wished for in the text (it is a digest of it), and is looked for in a nested
 * message. */
#include "mail/rebuild.h"

#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "mail/charset.h"
#include "mail/compose.h"
#include "mail/parts_name.h"

enum {
	REBUILD_HEAD_MAX = 64 * 1024 * 1024,
	REBUILD_STEP = 57 * 1024, /* octets of base64 lines made at once */
	REBUILD_LINE = 57, /* octets in one line of base64 */
	REBUILD_LINE_MAX = 998,
	REBUILD_QP_LINE = 73, /* then "=" and the line end */
	REBUILD_MARK = 32 /* digits of the digest in a boundary */
};

/* What octets are, found in one pass: may they stand in a message as they are? */
struct rebuild_look {
	bool nul, bare, long_line; /* a CR or LF alone; more than 998 octets in a line */
	bool boundary; /* a line begins like our boundary */
	uint64_t high, odd; /* octets beyond ASCII; those that quoted-printable writes as three */
	uint64_t line; /* octets in the last line */
	bool cr; /* the last octet */
};

static void
look_at(struct rebuild_look *k, unsigned char c)
{
	if (c == '\n') {
		k->bare = k->bare || !k->cr;
		k->long_line = k->long_line || k->line > REBUILD_LINE_MAX + 1;
		k->line = 0;
	} else {
		k->bare = k->bare || k->cr;
		k->line++;
	}
	k->nul = k->nul || c == '\0';
	k->high += c >= 0x80;
	k->odd += c >= 0x80 || c == '=' || (c < ' ' && c != '\t' && c != '\r' && c != '\n');
	k->cr = c == '\r';
}

/* Does a line of the piece begin with the boundary? A piece after the first begins with the end of
 * the one before it, so that nothing is cut. */
static bool
look_for_boundary(struct slice s, const char *boundary)
{
	size_t len = strlen(boundary);
	const char *p = s.data;

	if (s.len < len + 2 || len == 0)
		return false;
	while ((p = memmem(p, (size_t)(s.data + s.len - p), boundary, len)) != NULL) {
		if (p >= s.data + 2 && p[-1] == '-' && p[-2] == '-')
			return true;
		p++;
	}
	return false;
}

static int
look(struct spool *s, const char *boundary, struct rebuild_look *ret, struct err *err)
{
	uint64_t at = 0, seen = 0;
	struct slice piece;

	*ret = (struct rebuild_look){ .nul = false };
	do {
		if (spool_read(s, at, REBUILD_STEP, &piece, err) < 0)
			return -1;
		ret->boundary = ret->boundary || look_for_boundary(piece, boundary);
		for (size_t i = (size_t)(seen - at); i < piece.len; i++)
			look_at(ret, (unsigned char)piece.data[i]);
		seen = at + piece.len;
		at = seen > REBUILD_BOUNDARY_MAX ? seen - REBUILD_BOUNDARY_MAX : 0;
	} while (seen < spool_len(s));
	ret->bare = ret->bare || ret->cr;
	ret->long_line = ret->long_line || ret->line > REBUILD_LINE_MAX;
	return 0;
}

static int
put(struct spool *out, const struct buf *b, struct err *err)
{
	return spool_add(out, buf_slice(b), err);
}

static int
put_str(struct spool *out, const char *text, struct err *err)
{
	return spool_add(out, slice_str(text), err);
}

/* ---- encodings ---- */

/* Lines of 76 digits; the last one has no line end. */
static int
put_base64(struct spool *s, struct spool *out, struct err *err)
{
	struct slice piece;
	struct buf b;
	int done = 0;

	buf_init(&b, REBUILD_STEP * 2);
	for (uint64_t at = 0; done == 0; at += piece.len) {
		done = spool_read(s, at, REBUILD_STEP, &piece, err);
		if (done < 0 || piece.len == 0)
			break;
		buf_reset(&b);
		for (size_t i = 0; i < piece.len; i += REBUILD_LINE) {
			size_t left = piece.len - i;

			if (at + i > 0)
				buf_add(&b, "\r\n", 2);
			base64_add(&b, (struct slice){ piece.data + i,
					   left < REBUILD_LINE ? left : REBUILD_LINE });
		}
		done = put(out, &b, err);
	}
	buf_done(&b);
	return done;
}

/* Quoted-printable of text: CRLF stays, all else that is not plain is written as three. */
struct rebuild_qp {
	struct buf b;
	size_t column;
	int held; /* a blank or CR whose place depends on what follows; -1: none */
};

static void
qp_put(struct rebuild_qp *q, unsigned char c, bool plain)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t need = plain ? 1 : 3;

	if (q->column + need > REBUILD_QP_LINE + 2) {
		buf_add(&q->b, "=\r\n", 3);
		q->column = 0;
	}
	char three[3] = { '=', digits[c >> 4], digits[c & 15] };
	if (plain)
		buf_add_byte(&q->b, (char)c);
	else
		buf_add(&q->b, three, 3);
	q->column += need;
}

/* Give up what is held: `end` says that a line end follows, where a blank would be lost. */
static void
qp_release(struct rebuild_qp *q, bool end)
{
	if (q->held >= 0)
		qp_put(q, (unsigned char)q->held, q->held != '\r' && !end);
	q->held = -1;
}

/* "." alone in a line and "From " would be changed by some that pass mail on. */
static bool
qp_plain(const struct rebuild_qp *q, unsigned char c)
{
	return c > ' ' && c < 0x7f && c != '=' && !(q->column == 0 && (c == '.' || c == 'F'));
}

static void
qp_octet(struct rebuild_qp *q, unsigned char c)
{
	if (c == '\n' && q->held == '\r') {
		q->held = -1;
		buf_add(&q->b, "\r\n", 2);
		q->column = 0;
		return;
	}
	qp_release(q, c == '\r');
	if (c == ' ' || c == '\t' || c == '\r')
		q->held = c;
	else
		qp_put(q, c, qp_plain(q, c));
}

static int
put_qp(struct spool *s, struct spool *out, struct err *err)
{
	struct rebuild_qp q = { .held = -1 };
	struct slice piece;
	int done = 0;

	buf_init(&q.b, REBUILD_STEP * 4);
	for (uint64_t at = 0; done == 0; at += piece.len) {
		done = spool_read(s, at, REBUILD_STEP, &piece, err);
		if (done < 0)
			break;
		buf_reset(&q.b);
		for (size_t i = 0; i < piece.len; i++)
			qp_octet(&q, (unsigned char)piece.data[i]);
		if (piece.len == 0)
			qp_release(&q, true);
		done = put(out, &q.b, err);
		if (piece.len == 0)
			break;
	}
	buf_done(&q.b);
	return done;
}

/* ---- the message ---- */

static void
rebuild_boundary(struct rebuild *r, const struct buf *head, struct digest *d)
{
	uint8_t sum[SHA256_LEN];
	char hex[SHA256_HEX];

	digest_add(d, head->data, head->len);
	digest_end(d, sum);
	digest_hex(sum, hex);
	hex[REBUILD_MARK] = '\0';
	memcpy(r->boundary, "=_", 2);
	memcpy(r->boundary + 2, hex, REBUILD_MARK + 1);
}

static int
rebuild_digest(struct rebuild *r, const struct buf *head, struct err *err)
{
	struct digest *d = digest_new();
	uint64_t len = r->text != NULL ? spool_len(r->text) : 0;
	int done = 0;

	digest_start(d);
	for (uint64_t at = 0; at < len && done == 0; at += REBUILD_STEP) {
		struct slice piece = { "", 0 };

		done = spool_read(r->text, at, REBUILD_STEP, &piece, err);
		digest_add(d, piece.data, piece.len);
	}
	if (done == 0)
		rebuild_boundary(r, head, d);
	digest_free(d);
	return done;
}

static void
rebuild_head(const struct rebuild *r, struct buf *out)
{
	compose_addresses("From", r->from, r->n_from, out);
	compose_addresses("To", r->to, r->n_to, out);
	compose_addresses("Cc", r->cc, r->n_cc, out);
	compose_addresses("Bcc", r->bcc, r->n_bcc, out);
	compose_text("Subject", slice_str(r->subject), out);
	compose_date(&r->sent, out);
	if (r->priority != 0)
		buf_printf(out, "X-Priority: %d\r\nImportance: %s\r\n", r->priority > 0 ? 1 : 5,
		    r->priority > 0 ? "High" : "Low");
	buf_add_str(out, "MIME-Version: 1.0\r\n");
}

/* 7bit: ASCII that no line is broken in. Of the others quoted-printable as long as most can be read
 * in it. */
static int
rebuild_text(const struct rebuild *r, struct spool *out, struct err *err)
{
	static const char type[] = "Content-Type: text/plain; charset=utf-8\r\n"
				   "Content-Transfer-Encoding: ";
	struct rebuild_look k = { .nul = false };

	if (r->text != NULL && look(r->text, r->boundary, &k, err) < 0)
		return -1;
	bool plain = k.high == 0 && !k.nul && !k.bare && !k.long_line && !k.boundary;
	bool qp = !plain && r->text != NULL && k.odd < spool_len(r->text) / 6;
	if (put_str(out, type, err) < 0 || put_str(out,
					       plain ? "7bit\r\n\r\n"
					       : qp  ? "quoted-printable\r\n\r\n"
						     : "base64\r\n\r\n",
					       err) < 0)
		return -1;
	if (r->text == NULL)
		return 0;
	if (plain)
		return spool_copy_range(r->text, 0, spool_len(r->text), out, err);
	return qp ? put_qp(r->text, out, err) : put_base64(r->text, out, err);
}

static int
rebuild_start(
    struct rebuild *r, size_t n_attachments, struct buf *head, struct spool *out, struct err *err)
{
	r->multipart = n_attachments > 0;
	rebuild_head(r, head);
	if (head->full)
		return err_set(err, ERR_MESSAGE, "its header is larger than %d MiB",
		    REBUILD_HEAD_MAX / 1024 / 1024);
	if (rebuild_digest(r, head, err) < 0)
		return -1;
	if (r->multipart)
		buf_printf(
		    head, "Content-Type: multipart/mixed; boundary=\"%s\"\r\n\r\n", r->boundary);
	if (r->multipart && r->text != NULL)
		buf_printf(head, "--%s\r\n", r->boundary);
	if (put(out, head, err) < 0)
		return -1;
	if (r->multipart && r->text == NULL)
		return 0;
	if (rebuild_text(r, out, err) < 0)
		return -1;
	return r->multipart ? put_str(out, "\r\n", err) : 0;
}

int
rebuild_begin(struct rebuild *r, size_t n_attachments, struct spool *out, struct err *err)
{
	struct buf head;

	buf_init(&head, REBUILD_HEAD_MAX);
	int done = rebuild_start(r, n_attachments, &head, out, err);
	buf_done(&head);
	return done;
}

/* A message that may stand in a message: RFC 2046 5.2.1 allows it no base64. */
static int
rebuild_may_nest(const struct rebuild *r, const struct rebuild_attachment *a, const char *type,
    struct rebuild_look *ret, bool *ret_may, struct err *err)
{
	*ret_may = false;
	if (strcmp(type, "message/rfc822") != 0)
		return 0;
	if (look(a->octets, r->boundary, ret, err) < 0)
		return -1;
	*ret_may = !ret->nul && !ret->bare && !ret->long_line && !ret->boundary &&
		   spool_len(a->octets) > 0;
	return 0;
}

static void
rebuild_part_head(const struct rebuild *r, struct slice name, const char *type,
    const char *encoding, struct buf *b)
{
	buf_printf(b, "--%s\r\nContent-Type: %s", r->boundary, type);
	buf_printf(
	    b, "\r\nContent-Transfer-Encoding: %s\r\nContent-Disposition: attachment", encoding);
	compose_param("filename", name, b);
	buf_add_str(b, "\r\n\r\n");
}

int
rebuild_attach(
    const struct rebuild *r, const struct rebuild_attachment *a, struct spool *out, struct err *err)
{
	struct slice name = slice_str(a->name[0] != '\0' ? a->name : "attachment.bin");
	const char *type = type_of_name(name);
	struct rebuild_look k;
	struct buf head;
	bool nest;

	if (rebuild_may_nest(r, a, type, &k, &nest, err) < 0)
		return -1;
	if (!nest && strcmp(type, "message/rfc822") == 0)
		type = "application/octet-stream";
	buf_init(&head, REBUILD_HEAD_MAX);
	rebuild_part_head(r, name, type, !nest ? "base64" : k.high > 0 ? "8bit" : "7bit", &head);
	int done = put(out, &head, err);
	buf_done(&head);
	if (done == 0)
		done = nest ? spool_copy_range(a->octets, 0, spool_len(a->octets), out, err)
			    : put_base64(a->octets, out, err);
	return done < 0 ? -1 : put_str(out, "\r\n", err);
}

int
rebuild_end(const struct rebuild *r, struct spool *out, struct err *err)
{
	char line[REBUILD_BOUNDARY_MAX + 8];

	if (!r->multipart)
		return 0;
	int len = snprintf(line, sizeof(line), "--%s--\r\n", r->boundary);
	return spool_add(out, (struct slice){ line, (size_t)len }, err);
}
