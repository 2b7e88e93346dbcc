/* See transfer.h. GMime decodes as well but does not tell whether anything was wrong, and a message
 * that lost octets must be reported (exchange-migration, EM-21, EM-39); two passes would cost
 * twice. base64 goes four digits at a time through one table; whatever is not four digits in a row
 * (line ends, padding, dirt) is taken octet by octet. */
#include "mail/transfer.h"

#include <string.h>

#include "base/mem.h"
#include "mail/field.h"

/* Values of the octets in base64. */
enum { B64_BLANK = 64, B64_PAD = 65, B64_BAD = 66 };
enum { UU_LINE_MAX = 64 };

#define BAD16 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66
static const uint8_t base64_digit[256] = { 66, 66, 66, 66, 66, 66, 66, 66, 66, 64, 64, 66, 64, 64,
	66, 66, BAD16, /* 0x10 */
	64, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 62, 66, 66, 66, 63, /* 0x20 */
	52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 66, 66, 66, 65, 66, 66, /* 0x30 */
	66, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, /* 0x40 */
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 66, 66, 66, 66, 66, /* 0x50 */
	66, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, /* 0x60 */
	41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 66, 66, 66, 66, 66, /* 0x70 */
	BAD16, BAD16, BAD16, BAD16, BAD16, BAD16, BAD16, BAD16 };
#undef BAD16

enum transfer_kind
transfer_find(struct slice value)
{
	static const struct {
		const char *name;
		enum transfer_kind kind;
	} names[] = {
		{ "base64", TRANSFER_BASE64 },
		{ "quoted-printable", TRANSFER_QP },
		{ "7bit", TRANSFER_NONE },
		{ "8bit", TRANSFER_NONE },
		{ "binary", TRANSFER_NONE },
		{ "x-uuencode", TRANSFER_UU },
		{ "uuencode", TRANSFER_UU },
		{ "x-uue", TRANSFER_UU },
		{ "uue", TRANSFER_UU },
		{ "base-64", TRANSFER_BASE64 },
		{ "7-bit", TRANSFER_NONE },
		{ "8-bit", TRANSFER_NONE },
		{ "none", TRANSFER_NONE },
		{ "us-ascii", TRANSFER_NONE },
		{ "quotedprintable", TRANSFER_QP },
	};
	size_t len = 0;

	value = field_trim(value);
	while (value.len > 0 && *value.data == '"') {
		value.data++;
		value.len--;
	}
	while (len < value.len && memchr(" \t\r\n;,\"(", value.data[len], 8) == NULL)
		len++;
	value.len = len;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (slice_eq_nocase(value, names[i].name))
			return names[i].kind;
	}
	return len == 0 ? TRANSFER_NONE : TRANSFER_UNKNOWN;
}

void
transfer_start(struct transfer *t, enum transfer_kind kind)
{
	*t = (struct transfer){ .kind = kind, .damaged = kind == TRANSFER_UNKNOWN };
}

/* ---- base64 ---- */

static char *
base64_put(char *to, uint32_t four)
{
	to[0] = (char)(four >> 16);
	to[1] = (char)(four >> 8);
	to[2] = (char)four;
	return to + 3;
}

/* What an unfinished four gives: one octet of two digits, two of three; a digit alone is lost. */
static char *
base64_flush(struct transfer *t, char *to)
{
	if (t->n >= 2)
		*to++ = (char)(t->bits >> (t->n == 2 ? 4 : 10));
	if (t->n == 3)
		*to++ = (char)(t->bits >> 2);
	t->damaged = t->damaged || t->n == 1 || (t->n > 0 && t->n + t->pads != 4);
	t->n = t->pads = 0;
	t->bits = 0;
	return to;
}

/* Padding ends a four. Digits behind it are dirt or the next of several texts that were put one
 * behind the other; they are decoded, and the part is damaged. */
static char *
base64_octet(struct transfer *t, uint8_t value, char *to)
{
	if (value == B64_BLANK)
		return to;
	if (value == B64_BAD) {
		t->damaged = true;
		return to;
	}
	if (value == B64_PAD) {
		t->ended = true;
		t->pads++;
		if (t->n + t->pads >= 4 && t->n > 0)
			return base64_flush(t, to);
		t->damaged = t->damaged || t->n == 0;
		return to;
	}
	t->damaged = t->damaged || t->ended;
	if (t->pads > 0)
		to = base64_flush(t, to);
	t->bits = t->bits << 6 | value;
	if (++t->n == 4) {
		to = base64_put(to, t->bits);
		t->n = 0;
		t->bits = 0;
	}
	return to;
}

static void
base64_step(struct transfer *t, struct slice in, struct buf *out)
{
	const unsigned char *p = (const unsigned char *)in.data, *end = p + in.len;
	char *to = out->data + out->len;

	while (p < end) {
		while (end - p >= 4 && t->n == 0 && !t->ended) {
			uint8_t a = base64_digit[p[0]], b = base64_digit[p[1]];
			uint8_t c = base64_digit[p[2]], d = base64_digit[p[3]];

			if ((a | b | c | d) >= B64_BLANK)
				break;
			to = base64_put(
			    to, (uint32_t)a << 18 | (uint32_t)b << 12 | (uint32_t)c << 6 | d);
			p += 4;
		}
		if (p < end)
			to = base64_octet(t, base64_digit[*p++], to);
	}
	out->len = (size_t)(to - out->data);
}

/* ---- quoted-printable ---- */

/* "=XX", or "=" blanks line end. Returns the octets it takes, 0: it needs more, and whether there
 * is an octet in *ret (-1: a soft line break, -2: neither, the "=" stands for itself). */
static size_t
qp_escape(struct slice s, int *ret)
{
	size_t at = 1;

	*ret = -2;
	if (s.len >= 3 && hex_value(s.data[1]) >= 0 && hex_value(s.data[2]) >= 0) {
		*ret = hex_value(s.data[1]) << 4 | hex_value(s.data[2]);
		return 3;
	}
	if (s.len < 3 && (s.len < 2 || hex_value(s.data[1]) >= 0))
		return 0;
	while (at < s.len && (s.data[at] == ' ' || s.data[at] == '\t' || s.data[at] == '\r'))
		at++;
	if (at == s.len)
		return at < TRANSFER_HELD ? 0 : 1;
	if (s.data[at] != '\n')
		return 1;
	*ret = -1;
	return at + 1;
}

static size_t
qp_run(struct transfer *t, struct slice in, struct buf *out, bool last)
{
	size_t at = 0;

	while (at < in.len) {
		const char *mark = memchr(in.data + at, '=', in.len - at);
		size_t run = mark != NULL ? (size_t)(mark - in.data) - at : in.len - at;
		int octet;

		memcpy(out->data + out->len, in.data + at, run);
		out->len += run;
		at += run;
		if (at == in.len)
			break;
		size_t used = qp_escape((struct slice){ in.data + at, in.len - at }, &octet);
		if (used == 0 && !last)
			break;
		if (octet == -2) {
			/* A soft line break at the very end, or a "=" that was not encoded. */
			bool soft =
			    used == 0 &&
			    field_trim((struct slice){ in.data + at + 1, in.len - at - 1 }).len ==
				0;
			if (soft)
				return in.len;
			t->damaged = true;
			octet = '=';
			used = 1;
		}
		if (octet >= 0)
			out->data[out->len++] = (char)octet;
		at += used;
	}
	return at;
}

/* ---- uuencode ---- */

static void
uu_begin(struct transfer *t, struct slice line)
{
	t->begun = line.len > 6 && memcmp(line.data, "begin ", 6) == 0 && line.data[6] >= '0' &&
		   line.data[6] <= '7';
}

static unsigned
uu_digit(struct slice line, size_t at)
{
	return at < line.len ? ((unsigned char)line.data[at] - 32u) & 63 : 0;
}

/* Each line begins with the number of its octets. Blanks at its end, which are zeros, may have been
 * lost: so a short line gives more than it has. */
static void
uu_line(struct transfer *t, struct slice line, struct buf *out)
{
	if (!t->begun) {
		uu_begin(t, line);
		return;
	}
	if (t->ended || line.len == 0)
		return;
	if (slice_eq(line, "end")) {
		t->ended = true;
		return;
	}
	size_t octets = uu_digit(line, 0);
	bool clean = (unsigned char)line.data[0] >= 32 && (unsigned char)line.data[0] <= 96;
	t->damaged = t->damaged || !clean || line.len > TRANSFER_HELD - 2;
	if (!clean || !buf_reserve(out, UU_LINE_MAX))
		return;
	for (size_t at = 1, n = 0; n < octets; at += 4) {
		uint32_t four = uu_digit(line, at) << 18 | uu_digit(line, at + 1) << 12 |
				uu_digit(line, at + 2) << 6 | uu_digit(line, at + 3);

		for (int shift = 16; shift >= 0 && n < octets; shift -= 8, n++)
			out->data[out->len++] = (char)(four >> shift);
	}
}

/* A line is gathered in `held`, where what goes beyond its end is cut. */
static void
uu_step(struct transfer *t, struct slice in, struct buf *out)
{
	while (in.len > 0) {
		const char *lf = memchr(in.data, '\n', in.len);
		size_t len = lf != NULL ? (size_t)(lf - in.data) : in.len;
		size_t room = sizeof(t->held) - t->n_held;

		memcpy(t->held + t->n_held, in.data, len < room ? len : room);
		t->n_held += len < room ? len : room;
		len += lf != NULL;
		in.data += len;
		in.len -= len;
		if (lf == NULL)
			break;
		while (t->n_held > 0 && t->held[t->n_held - 1] == '\r')
			t->n_held--;
		uu_line(t, (struct slice){ t->held, t->n_held }, out);
		t->n_held = 0;
	}
}

/* ---- all ---- */

static void
qp_step(struct transfer *t, struct slice in, struct buf *out)
{
	/* Octets of the piece are put behind what is held until that is understood. */
	while (t->n_held > 0 && in.len > 0) {
		char joined[TRANSFER_HELD + 1];
		size_t len = t->n_held;

		memcpy(joined, t->held, len);
		joined[len++] = *in.data++;
		in.len--;
		size_t used = qp_run(t, (struct slice){ joined, len }, out, false);
		t->n_held = len - used;
		memcpy(t->held, joined + used, t->n_held);
	}
	size_t used = in.len > 0 ? qp_run(t, in, out, false) : 0;
	if (used < in.len) {
		t->n_held = in.len - used;
		memcpy(t->held, in.data + used, t->n_held);
	}
}

void
transfer_step(struct transfer *t, struct slice in, struct buf *out)
{
	if (in.len == 0 || !buf_reserve(out, in.len + TRANSFER_HELD))
		return;
	switch (t->kind) {
	case TRANSFER_BASE64:
		base64_step(t, in, out);
		break;
	case TRANSFER_QP:
		qp_step(t, in, out);
		break;
	case TRANSFER_UU:
		uu_step(t, in, out);
		break;
	case TRANSFER_NONE:
	case TRANSFER_UNKNOWN:
		buf_add(out, in.data, in.len);
		break;
	}
	out->data[out->len] = '\0';
}

void
transfer_end(struct transfer *t, struct buf *out)
{
	if (!buf_reserve(out, TRANSFER_HELD))
		return;
	if (t->kind == TRANSFER_BASE64) {
		out->len = (size_t)(base64_flush(t, out->data + out->len) - out->data);
	} else if (t->kind == TRANSFER_QP && t->n_held > 0) {
		(void)qp_run(t, (struct slice){ t->held, t->n_held }, out, true);
	} else if (t->kind == TRANSFER_UU) {
		if (t->n_held > 0)
			uu_line(t, (struct slice){ t->held, t->n_held }, out);
		t->damaged = t->damaged || !t->begun || !t->ended;
	}
	t->n_held = 0;
	out->data[out->len] = '\0';
}
