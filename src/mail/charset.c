/* See charset.h. The three kinds that nearly all mail has (ASCII, UTF-8, Latin-1 and its Windows
 * form) are converted here: no look-up, no lock, and runs of ASCII are copied whole. All others go
 * through iconv. Opening a converter may load a file, so each thread keeps those it has used; their
 * number is bounded by the table.
 *
 * GMime's iconv layer was not used: it keeps every name it ever saw in one table under one lock,
 * and copies names of any length to the stack. Names given to iconv itself are wished for by peers
 * too ("UTF-8//IGNORE", converters of odd standards), hence the table. */
#include "mail/charset.h"

#include <errno.h>
#include <iconv.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

enum { CHARSET_NAME_MAX = 40, CHARSETS_OPEN_MAX = 80, CHARSET_ROOM = 64 };
enum { REPLACEMENT = 0xfffd };

struct charset_row {
	const char *name;
	enum charset_kind kind;
	const char *iconv_name;
};

static const struct charset_row charset_rows[] = {
#define CHARSET(name, kind, iconv_name) { name, CHARSET_##kind, iconv_name },
#include "mail/charsets.def"
#undef CHARSET
};

/* 0x80 to 0x9f of windows-1252. */
static const uint16_t charset_windows[32] = { 0x20ac, REPLACEMENT, 0x201a, 0x0192, 0x201e, 0x2026,
	0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, REPLACEMENT, 0x017d, REPLACEMENT,
	REPLACEMENT, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161,
	0x203a, 0x0153, REPLACEMENT, 0x017e, 0x0178 };

/* ---- converters of this thread ---- */

struct charset_open {
	size_t len;
	struct {
		const char *name; /* of the table */
		iconv_t converter;
	} one[CHARSETS_OPEN_MAX];
};

static pthread_once_t charset_key_once = PTHREAD_ONCE_INIT;
static pthread_key_t charset_key;

static void
charset_close_all(void *arg)
{
	struct charset_open *open = arg;

	for (size_t i = 0; i < open->len; i++)
		iconv_close(open->one[i].converter);
	free(open);
}

static void
charset_make_key(void)
{
	if (pthread_key_create(&charset_key, charset_close_all) != 0)
		mem_out();
}

/* The C library says EINVAL also where it had no memory to load a table, and knows better when asked again. */
void *
charset_iconv(const char *to, const char *from)
{
	iconv_t converter = iconv_open(to, from);

	if (converter == (iconv_t)-1 && errno == EINVAL)
		converter = iconv_open(to, from);
	if (converter == (iconv_t)-1 && errno != EINVAL)
		mem_out();
	return converter;
}

/* NULL: this system has no such converter. */
static void *
charset_converter(const char *name)
{
	(void)pthread_once(&charset_key_once, charset_make_key);
	struct charset_open *open = pthread_getspecific(charset_key);

	if (open == NULL) {
		open = mem_new(sizeof(*open));
		if (pthread_setspecific(charset_key, open) != 0)
			mem_out();
	}
	for (size_t i = 0; i < open->len; i++) {
		if (strcmp(open->one[i].name, name) == 0) {
			iconv(open->one[i].converter, NULL, NULL, NULL, NULL);
			return open->one[i].converter;
		}
	}
	iconv_t converter = open->len < CHARSETS_OPEN_MAX ? charset_iconv("UTF-8", name) : (iconv_t)-1;
	if (converter == (iconv_t)-1)
		return NULL;
	open->one[open->len].name = name;
	open->one[open->len++].converter = converter;
	return converter;
}

static int
charset_row_compare(const void *key, const void *row)
{
	return strcmp(key, ((const struct charset_row *)row)->name);
}

bool
charset_start(struct charset *c, struct slice name)
{
	char lower[CHARSET_NAME_MAX + 1];

	*c = (struct charset){ .kind = CHARSET_MIXED };
	while (name.len > 1 && *name.data == '\'' && name.data[name.len - 1] == '\'') {
		name.data++; /* what some take for quotes */
		name.len -= 2;
	}
	if (name.len > CHARSET_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char x = name.data[i];
		lower[i] = (char)(x >= 'A' && x <= 'Z' ? x + ('a' - 'A') : x);
	}
	lower[name.len] = '\0';
	const struct charset_row *row = bsearch(lower, charset_rows, COUNT_OF(charset_rows),
	    sizeof(charset_rows[0]), charset_row_compare);
	if (row == NULL)
		return false;
	if (row->kind == CHARSET_ICONV) {
		c->converter = charset_converter(row->iconv_name);
		if (c->converter == NULL)
			return false;
	}
	c->kind = row->kind;
	return true;
}

/* ---- characters ---- */

size_t
ascii_run(struct slice text)
{
	const uint64_t high = 0x8080808080808080u;
	size_t at = 0;

	for (; at + sizeof(high) <= text.len; at += sizeof(high)) {
		uint64_t eight;

		memcpy(&eight, text.data + at, sizeof(eight));
		if ((eight & high) != 0)
			break;
	}
	while (at < text.len && (unsigned char)text.data[at] < 0x80)
		at++;
	return at;
}

bool
utf8_put(struct buf *out, uint32_t c)
{
	char b[4];
	size_t n = 0;

	if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		c = REPLACEMENT;
	if (c < 0x80) {
		b[n++] = (char)c;
	} else if (c < 0x800) {
		b[n++] = (char)(0xc0 | c >> 6);
	} else if (c < 0x10000) {
		b[n++] = (char)(0xe0 | c >> 12);
		b[n++] = (char)(0x80 | (c >> 6 & 0x3f));
	} else {
		b[n++] = (char)(0xf0 | c >> 18);
		b[n++] = (char)(0x80 | (c >> 12 & 0x3f));
		b[n++] = (char)(0x80 | (c >> 6 & 0x3f));
	}
	if (c >= 0x80)
		b[n++] = (char)(0x80 | (c & 0x3f));
	return buf_add(out, b, n);
}

static void
charset_put_windows(unsigned char octet, struct buf *out)
{
	utf8_put(out, octet >= 0x80 && octet < 0xa0 ? charset_windows[octet - 0x80] : octet);
}

/* How many octets of a bad sequence belong together: the longest beginning of a character (the
 * Unicode Standard, section 3.9, "maximal subpart"). *ret_cut: it would go on behind the end. */
static size_t
charset_bad(struct slice s, bool *ret_cut)
{
	const unsigned char *p = (const unsigned char *)s.data;
	size_t want = p[0] >= 0xc2 && p[0] < 0xe0   ? 2
		      : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
		      : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
						    : 1;
	unsigned char low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
	unsigned char high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
	size_t n = 1;

	while (n < want && n < s.len && p[n] >= low && p[n] <= high) {
		low = 0x80;
		high = 0xbf;
		n++;
	}
	*ret_cut = n < want && n == s.len;
	return n;
}

/* Octets that are no character. */
static void
charset_put_bad(const struct charset *c, struct slice bad, struct buf *out)
{
	if (c->kind != CHARSET_MIXED) {
		utf8_put(out, REPLACEMENT);
		return;
	}
	for (size_t i = 0; i < bad.len; i++)
		charset_put_windows((unsigned char)bad.data[i], out);
}

/* Valid UTF-8 is copied in long pieces; a character that the end cuts is held. */
static void
charset_step_utf8(struct charset *c, struct slice in, struct buf *out)
{
	size_t from = 0, at = 0;

	while (at < in.len) {
		struct slice rest = { in.data + at, in.len - at };
		size_t ascii = ascii_run(rest);
		uint32_t code;
		bool cut;

		if (ascii > 0) {
			at += ascii;
			continue;
		}
		size_t len = utf8_next(rest, &code);
		if (len > 0) {
			at += len;
			continue;
		}
		buf_add(out, in.data + from, at - from);
		len = charset_bad(rest, &cut);
		if (cut) {
			memcpy(c->held, rest.data, len);
			c->n_held = len;
			return;
		}
		charset_put_bad(c, (struct slice){ rest.data, len }, out);
		at += len;
		from = at;
	}
	buf_add(out, in.data + from, at - from);
}

static void
charset_step_windows(struct slice in, struct buf *out)
{
	while (in.len > 0) {
		size_t ascii = ascii_run(in);

		buf_add(out, in.data, ascii);
		in.data += ascii;
		in.len -= ascii;
		for (; in.len > 0 && (unsigned char)*in.data >= 0x80; in.data++, in.len--)
			charset_put_windows((unsigned char)*in.data, out);
	}
}

/* As much of `in` as are whole characters; the rest stays in *io. */
static void
charset_run_iconv(struct charset *c, struct slice *io, struct buf *out)
{
	while (io->len > 0 && buf_reserve(out, CHARSET_ROOM + io->len)) {
		char *from = (char *)(uintptr_t)io->data, *to = out->data + out->len;
		size_t left = io->len, room = out->cap - 1 - out->len;
		size_t done = iconv(c->converter, &from, &left, &to, &room);
		int why = errno;

		out->len = (size_t)(to - out->data);
		out->data[out->len] = '\0';
		io->data += io->len - left;
		io->len = left;
		if (done != (size_t)-1 || why == EINVAL)
			return;
		if (why != E2BIG && io->len > 0) {
			utf8_put(out, REPLACEMENT);
			io->data++;
			io->len--;
		}
	}
}

static void
charset_run(struct charset *c, struct slice *io, struct buf *out)
{
	if (c->kind == CHARSET_ICONV) {
		charset_run_iconv(c, io, out);
	} else {
		charset_step_utf8(c, *io, out);
		io->len = 0;
	}
}

static void
charset_hold(struct charset *c, struct slice rest, struct buf *out)
{
	for (; rest.len > CHARSET_HELD; rest.data++, rest.len--)
		utf8_put(out, REPLACEMENT);
	if (rest.len > 0)
		memmove(c->held, rest.data, rest.len);
	c->n_held = rest.len;
}

/* Put octets of `in` behind those that are held, one by one, until nothing is held. */
static void
charset_step_held(struct charset *c, struct slice *in, struct buf *out)
{
	while (c->n_held > 0 && in->len > 0) {
		unsigned char joined[CHARSET_HELD + 1];
		struct slice both = { (const char *)joined, c->n_held + 1 };

		memcpy(joined, c->held, c->n_held);
		joined[c->n_held] = (unsigned char)*in->data;
		in->data++;
		in->len--;
		c->n_held = 0;
		charset_run(c, &both, out);
		if (both.len > 0)
			charset_hold(c, both, out);
	}
}

void
charset_step(struct charset *c, struct slice in, struct buf *out)
{
	if (c->kind == CHARSET_WINDOWS) {
		charset_step_windows(in, out);
		return;
	}
	charset_step_held(c, &in, out);
	if (in.len > 0) {
		charset_run(c, &in, out);
		if (in.len > 0)
			charset_hold(c, in, out);
	}
}

void
charset_end(struct charset *c, struct buf *out)
{
	if (c->n_held > 0)
		charset_put_bad(c, (struct slice){ (const char *)c->held, c->n_held }, out);
	c->n_held = 0;
	if (c->kind == CHARSET_ICONV && buf_reserve(out, CHARSET_ROOM)) {
		char *to = out->data + out->len;
		size_t room = CHARSET_ROOM;

		(void)iconv(c->converter, NULL, NULL, &to, &room);
		out->len = (size_t)(to - out->data);
		out->data[out->len] = '\0';
	}
}

void
charset_once(struct slice name, struct slice in, struct buf *out)
{
	struct charset c;

	(void)charset_start(&c, name);
	charset_step(&c, in, out);
	charset_end(&c, out);
}
