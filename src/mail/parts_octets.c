/* The octets of a part and the text of a message, decoded piece by piece from the spool.
 *
 * GMime's decoders pass over what does not belong into base64 or quoted-printable and do not say
 * so; a look at the encoded octets does, since a part that lost something is to be reported
 * (exchange-migration, EM-21). */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "mail/charset.h"
#include "mail/parts_inside.h"
#include "mail/text.h"

enum { STEP = 48 * 1024 };

/* ---- transfer encodings ---- */

struct decoder {
	GMimeEncoding state;
	GMimeContentEncoding encoding;
	char *room;
	size_t cap;
	/* what was seen of the encoded octets */
	uint64_t digits;
	unsigned pads;
	bool odd, escape;
};

static void
decoder_start(struct decoder *d, GMimeContentEncoding encoding)
{
	*d = (struct decoder){ .encoding = encoding };
	g_mime_encoding_init_decode(&d->state, encoding);
}

static void
decoder_done(struct decoder *d)
{
	free(d->room);
}

static void
look_base64(struct decoder *d, struct slice s)
{
	/* 1: a digit, 2: between digits, 4: padding, 0: none of these */
	static const uint8_t kind[256] = { ['\t'] = 2, ['\n'] = 2, ['\r'] = 2, [' '] = 2, ['+'] = 1,
		['/'] = 1, ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1, ['='] = 4 };
	size_t n[5] = { 0 };

	for (size_t i = 0; i < s.len; i++)
		n[kind[(unsigned char)s.data[i]]]++;
	d->odd |= n[0] > 0;
	d->digits += n[1];
	d->pads += n[4] > 2 ? 3 : (unsigned)n[4];
}

/* An "=" that neither begins an octet nor ends a line. */
static void
look_qp(struct decoder *d, struct slice s)
{
	const char *at = s.data, *end = s.data + s.len;

	while (at < end && (at = memchr(at, '=', (size_t)(end - at))) != NULL) {
		const char *next = ++at;

		while (next < end && (*next == ' ' || *next == '\t'))
			next++;
		/* Cut by the piece: let it pass. */
		if (end - at < 2 || next >= end)
			break;
		d->odd |= *next != '\r' && *next != '\n' &&
			  !(g_ascii_isxdigit(at[0]) && g_ascii_isxdigit(at[1]));
	}
}

static struct slice
decoder_step(struct decoder *d, struct slice in)
{
	size_t most = g_mime_encoding_outlen(&d->state, in.len) + 64;

	if (d->encoding != GMIME_CONTENT_ENCODING_BASE64 &&
	    d->encoding != GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE &&
	    d->encoding != GMIME_CONTENT_ENCODING_UUENCODE)
		return in;
	if (d->encoding == GMIME_CONTENT_ENCODING_BASE64)
		look_base64(d, in);
	else if (d->encoding == GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE)
		look_qp(d, in);
	if (most > d->cap) {
		d->room = mem_resize(d->room, most, 1);
		d->cap = most;
	}
	return (struct slice){ d->room, g_mime_encoding_step(&d->state, in.data, in.len, d->room) };
}

static struct slice
decoder_end(struct decoder *d)
{
	if (d->room == NULL)
		return (struct slice){ NULL, 0 };
	return (struct slice){ d->room, g_mime_encoding_flush(&d->state, "", 0, d->room) };
}

static bool
decoder_damaged(const struct decoder *d)
{
	if (d->encoding == GMIME_CONTENT_ENCODING_BASE64)
		return d->odd || (d->digits + d->pads) % 4 != 0 || d->pads > 2;
	return d->odd;
}

/* ---- octets ---- */

int
parts_octets(struct mail_parts *p, size_t i, struct spool *out, struct err *err)
{
	struct parts_gmime *g = p->gmime;
	const struct entity *e = &g->entity[i];
	AUTO(decoder_done) struct decoder d;
	struct slice piece;

	decoder_start(&d, e->encoding);
	for (uint64_t at = e->begin; at < e->end; at += piece.len) {
		uint64_t left = e->end - at;

		if (spool_read(g->message, at, left < STEP ? (size_t)left : STEP, &piece, err) < 0)
			return -1;
		if (piece.len == 0)
			break;
		if (spool_add(out, decoder_step(&d, piece), err) < 0)
			return -1;
	}
	if (spool_add(out, decoder_end(&d), err) < 0)
		return -1;
	p->part[i].damaged |= decoder_damaged(&d);
	return 0;
}

/* ---- text ---- */

struct texter {
	struct charset charset;
	struct html_text html;
	struct text_lines lines;
	bool is_html, begun;
	const char *named;	/* charset */
	struct buf utf8, plain;
	struct spool *out;
};

/* HTML may name its charset itself when the header does not. */
static void
texter_begin(struct texter *t, struct slice first)
{
	struct slice name = slice_str(t->named);

	if (t->named == NULL && t->is_html && !html_charset(first, &name))
		name = (struct slice){ "", 0 };
	(void)charset_start(&t->charset, name);
	t->begun = true;
}

static int
texter_pass(struct texter *t, struct err *err)
{
	struct slice text = buf_slice(&t->utf8);

	if (t->is_html) {
		html_text_step(&t->html, text);
		text = buf_slice(&t->plain);
	}
	int rc = text.len > 0 ? text_lines_add(&t->lines, text, t->out, err) : 0;

	buf_reset(&t->utf8);
	buf_reset(&t->plain);
	return rc;
}

static int
texter_add(struct texter *t, struct slice decoded, struct err *err)
{
	if (!t->begun)
		texter_begin(t, decoded);
	charset_step(&t->charset, decoded, &t->utf8);
	return texter_pass(t, err);
}

static int
texter_end(struct texter *t, struct err *err)
{
	if (!t->begun)
		return 0;
	charset_end(&t->charset, &t->utf8);
	if (t->is_html) {
		html_text_step(&t->html, buf_slice(&t->utf8));
		html_text_end(&t->html);
		buf_reset(&t->utf8);
		return text_lines_add(&t->lines, buf_slice(&t->plain), t->out, err);
	}
	return texter_pass(t, err);
}

static int
text_pieces(struct mail_parts *p, struct texter *t, struct decoder *d, struct err *err)
{
	struct parts_gmime *g = p->gmime;
	struct slice piece;

	for (uint64_t at = g->text.begin; at < g->text.end; at += piece.len) {
		uint64_t left = g->text.end - at;

		if (spool_read(g->message, at, left < STEP ? (size_t)left : STEP, &piece, err) < 0)
			return -1;
		if (piece.len == 0)
			break;
		if (texter_add(t, decoder_step(d, piece), err) < 0)
			return -1;
	}
	if (texter_add(t, decoder_end(d), err) < 0)
		return -1;
	return texter_end(t, err);
}

int
parts_text(struct mail_parts *p, struct spool *out, struct err *err)
{
	struct parts_gmime *g = p->gmime;
	struct texter t = { .out = out, .is_html = p->text_from == TEXT_HTML };
	struct decoder d;
	int rc;

	if (p->text_from == TEXT_NONE)
		return 0;
	t.named = g->text.charset;
	buf_init(&t.utf8, 8 * STEP);
	buf_init(&t.plain, 64 * STEP);
	html_text_start(&t.html, &t.plain);
	decoder_start(&d, g->text.encoding);
	rc = text_pieces(p, &t, &d, err);
	p->text_damaged = decoder_damaged(&d);
	decoder_done(&d);
	buf_done(&t.utf8);
	buf_done(&t.plain);
	return rc;
}
