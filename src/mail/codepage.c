/* See codepage.h. iconv is asked one character at a time and what it says is kept: of a page with
 * one octet a character in a table of 256, made when it is opened; of another page in a table of
 * the basic plane that fills with use. Whole runs through iconv were tried first; they hide which
 * character was dropped (glibc leaves out U+E0000..7F without a word) or became ASCII. */
#include "mail/codepage.h"

#include <errno.h>
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "mail/charset.h"

enum {
	PAGE_OCTETS_MAX = 4, /* of one character, in every accepted page */
	PAGE_PLANE = 0x10000,
	PAGE_QUICK = 0x800,
	PAGE_PIECE = 4096,
	PAGE_UTF8 = 65001,
	REPLACEMENT = 0xFFFD
};

/* How a character is written; len 0: not asked yet, PAGE_LACKS: it cannot be. */
struct page_code {
	uint8_t len;
	bool near; /* it comes back as another character */
	uint8_t octet[PAGE_OCTETS_MAX];
};
enum { PAGE_LACKS = 0xFF };

struct codepage {
	unsigned number;
	bool multi; /* has characters of more than one octet; not UTF-8 */
	iconv_t from, to; /* both (iconv_t)-1 for UTF-8 */
	uint32_t chars[256]; /* of an octet alone; REPLACEMENT: none, or the first of several */
	uint8_t quick[PAGE_QUICK]; /* not multi: the octet of a character, 0: none or NUL */
	uint8_t back[128]; /* not multi: octets from 0x80 in the order of their characters */
	struct page_code *plane; /* multi: PAGE_PLANE of them */
	uint32_t *pairs; /* multi: what two octets are; 0: not asked yet */
};
/* No characters: two octets begin a longer one; they begin none. */
enum { PAIR_MORE = 0x110000, PAIR_NONE };

static const struct page_name {
	unsigned number;
	const char *name;
} page_names[] = {
	{ 10000, "MACINTOSH" },
	{ 10007, "MAC-CYRILLIC" },
	{ 10029, "MAC-CENTRALEUROPE" },
	{ 20127, "US-ASCII" },
	{ 20866, "KOI8-R" },
	{ 20932, "EUC-JP" },
	{ 20936, "EUC-CN" },
	{ 21866, "KOI8-U" },
	{ 38598, "ISO-8859-8" },
	{ 51932, "EUC-JP" },
	{ 51936, "EUC-CN" },
	{ 51949, "EUC-KR" },
	{ 54936, "GB18030" },
};

static const struct page_refusal {
	unsigned first, last;
	const char *why;
} page_refusals[] = {
	{ 1200, 1201, "UTF-16 (\"UNICODE\") is not allowed in these files" },
	{ 12000, 12001, "UTF-32 is not allowed in these files" },
	{ 50220, 50229, "ISO-2022 has states, so that a field cannot be read alone" },
	{ 52936, 52936, "HZ has states, so that a field cannot be read alone" },
	{ 65000, 65000, "UTF-7 has states, so that a field cannot be read alone" },
};

static const char page_accepted[] =
    "1252 is usual; accepted are for example 437, 850, 932, 936, 949, 950, 1250 to 1258, 10000, "
    "20127, 20866, 28591 to 28606 and 65001 (UTF-8)";

size_t
utf8_char(struct slice text, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char c = (unsigned char)text.data[0];
	size_t len = c < 0x80 ? 1 : c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 0;
	uint32_t value = len == 1 ? c : c & (0x7FU >> len);

	*ret = REPLACEMENT;
	if (len == 0 || len > text.len)
		return 1;
	for (size_t i = 1; i < len; i++) {
		unsigned char next = (unsigned char)text.data[i];

		if ((next & 0xC0) != 0x80)
			return 1;
		value = value << 6 | (next & 0x3FU);
	}
	if (value < least[len] || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000))
		return 1;
	*ret = value;
	return len;
}

static size_t
utf8_write(uint32_t c, char ret[4])
{
	if (c < 0x80) {
		ret[0] = (char)c;
		return 1;
	}
	size_t len = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = len - 1; i > 0; i--, c >>= 6)
		ret[i] = (char)(0x80 | (c & 0x3F));
	ret[0] = (char)((0xF00 >> len & 0xFF) | c);
	return len;
}

bool
utf8_add(struct buf *out, uint32_t c)
{
	char text[4];

	return buf_add(out, text, utf8_write(c, text));
}

/* One character of the page, whole, to *ret. What iconv says: 0 a character, else errno: EILSEQ
 * none, EINVAL it goes on. Some pages give a letter and a mark apart: then only the first counts,
 * and none of the accepted ones does. */
static int
page_from(struct codepage *c, const char *octets, size_t len, uint32_t *ret)
{
	char text[32], *in = (char *)(uintptr_t)octets, *out = text;
	size_t left = len, room = sizeof text;

	iconv(c->from, NULL, NULL, NULL, NULL);
	if (iconv(c->from, &in, &left, &out, &room) == (size_t)-1)
		return errno;
	/* Pages with marks (1255, 1258) hold a letter back until they know what follows. */
	iconv(c->from, NULL, NULL, &out, &room);
	if (out == text)
		return EILSEQ;
	utf8_char((struct slice){ text, (size_t)(out - text) }, ret);
	return 0;
}

static struct page_code
page_to(struct codepage *c, uint32_t value)
{
	char text[4], octets[16], *in = text, *out = octets;
	uint32_t back;
	size_t left = utf8_write(value, text), room = sizeof octets;
	struct page_code code = { .len = PAGE_LACKS };

	if (value == REPLACEMENT)
		return code;
	iconv(c->to, NULL, NULL, NULL, NULL);
	if (iconv(c->to, &in, &left, &out, &room) == (size_t)-1)
		return code;
	iconv(c->to, NULL, NULL, &out, &room);

	size_t len = (size_t)(out - octets);

	if (len == 0 || len > PAGE_OCTETS_MAX ||
	    (value >= 0x80 && len == 1 && (unsigned char)octets[0] < 0x80))
		return code;
	code.len = (uint8_t)len;
	memcpy(code.octet, octets, len);
	code.near = page_from(c, octets, len, &back) != 0 || back != value;
	return code;
}

/* U+0080..9F stand for octets that Windows gives no other character. */
static bool
page_has_c1(unsigned number)
{
	return number == 874 || number == 932 || (number >= 1250 && number <= 1258);
}

static int
page_cmp_back(const void *a, const void *b, void *arg)
{
	const struct codepage *c = arg;
	uint32_t x = c->chars[*(const uint8_t *)a], y = c->chars[*(const uint8_t *)b];

	return x < y ? -1 : x > y;
}

static int
page_refuse(struct err *err, unsigned number, const char *why)
{
	return err_set(
	    err, ERR_USAGE, "code page %u cannot be used: %s; %s", number, why, page_accepted);
}

/* Octets of Mac Roman that the C library maps to a look-alike, or to nothing. */
static uint32_t
page_mac_roman(unsigned octet, uint32_t said)
{
	return octet == 0xC6 ? 0x2206 : octet == 0xF0 ? 0xF8FF : said;
}

/* Ask for every octet alone; those below 0x80 must be ASCII. */
static int
page_survey(struct codepage *c, struct err *err)
{
	for (unsigned i = 0; i < 256; i++) {
		char octet = (char)i;

		c->chars[i] = REPLACEMENT;
		int said = page_from(c, &octet, 1, &c->chars[i]);

		if (i < 0x80 && (said != 0 || c->chars[i] != i))
			return page_refuse(err, c->number,
			    "its octets below 128 are not ASCII, so that commas and line ends "
			    "would not be found");
		c->multi |= said == EINVAL;
		if (said == EILSEQ && i >= 0x80 && i < 0xA0 && page_has_c1(c->number))
			c->chars[i] = i;
		if (c->number == 10000)
			c->chars[i] = page_mac_roman(i, c->chars[i]);
	}
	return 0;
}

/* The way back. Where two octets have one character, the lower one is written. */
static void
page_index(struct codepage *c)
{
	if (c->multi) {
		c->plane = mem_new(PAGE_PLANE * sizeof *c->plane);
		c->pairs = mem_new(PAGE_PLANE * sizeof *c->pairs);
		return;
	}
	for (unsigned i = 0; i < 128; i++)
		c->back[i] = (uint8_t)(i + 128);
	qsort_r(c->back, 128, 1, page_cmp_back, c);
	for (unsigned i = 256; i-- > 0;) {
		if (c->chars[i] < PAGE_QUICK)
			c->quick[c->chars[i]] = (uint8_t)i;
	}
}

static int
page_convert(struct codepage *c, struct err *err)
{
	char name[24];

	snprintf(name, sizeof name, "CP%u", c->number);
	for (size_t i = 0; i < COUNT_OF(page_names); i++) {
		if (page_names[i].number == c->number)
			snprintf(name, sizeof name, "%s", page_names[i].name);
	}
	if (c->number > 28590 && c->number <= 28606)
		snprintf(name, sizeof name, "ISO-8859-%u", c->number - 28590);
	c->from = charset_iconv("UTF-8", name);
	if (c->from != (iconv_t)-1)
		c->to = charset_iconv(name, "UTF-8");
	if (c->from == (iconv_t)-1 || c->to == (iconv_t)-1)
		return page_refuse(err, c->number, "this system has no such table");
	if (page_survey(c, err) < 0)
		return -1;
	page_index(c);
	return 0;
}

int
codepage_open(struct codepage **ret, unsigned number, struct err *err)
{
	struct codepage *c;

	for (size_t i = 0; i < COUNT_OF(page_refusals); i++) {
		if (number >= page_refusals[i].first && number <= page_refusals[i].last)
			return page_refuse(err, number, page_refusals[i].why);
	}
	c = mem_new(sizeof *c);
	*c = (struct codepage){ .number = number, .from = (iconv_t)-1, .to = (iconv_t)-1 };
	if (number != PAGE_UTF8 && page_convert(c, err) < 0) {
		codepage_close(&c);
		return -1;
	}
	*ret = c;
	return 0;
}

void
codepage_close(struct codepage **c)
{
	if (*c == NULL)
		return;
	if ((*c)->from != (iconv_t)-1)
		iconv_close((*c)->from);
	if ((*c)->to != (iconv_t)-1)
		iconv_close((*c)->to);
	free((*c)->plane);
	free((*c)->pairs);
	free(*c);
	*c = NULL;
}

unsigned
codepage_number(const struct codepage *c)
{
	return c->number;
}

static size_t
page_ascii(struct slice text)
{
	size_t n = 0;

	while (n < text.len && (unsigned char)text.data[n] < 0x80)
		n++;
	return n;
}

static struct page_code
page_single(struct codepage *c, uint32_t value)
{
	size_t low = 0, high = 128;

	if (value < PAGE_QUICK && c->quick[value] != 0)
		return (struct page_code){ .len = 1, .octet = { c->quick[value] } };
	if (value == REPLACEMENT)
		return (struct page_code){ .len = PAGE_LACKS };
	while (low < high) {
		size_t mid = (low + high) / 2;

		if (c->chars[c->back[mid]] < value)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < 128 && c->chars[c->back[low]] == value)
		return (struct page_code){ .len = 1, .octet = { c->back[low] } };
	return page_to(c, value); /* as a letter and a mark */
}

static struct page_code
page_multi(struct codepage *c, uint32_t value)
{
	if (value < 256 && c->chars[value] == value)
		return (struct page_code){ .len = 1, .octet = { (uint8_t)value } };
	if (value >= PAGE_PLANE)
		return page_to(c, value);
	if (c->plane[value].len == 0)
		c->plane[value] = page_to(c, value);
	return c->plane[value];
}

static struct page_code
page_code(struct codepage *c, uint32_t value)
{
	struct page_code code = { .len = PAGE_LACKS };

	if (c->number != PAGE_UTF8)
		return c->multi ? page_multi(c, value) : page_single(c, value);
	if (value != REPLACEMENT)
		code.len = (uint8_t)utf8_write(value, (char *)code.octet);
	return code;
}

/* A run of characters beyond ASCII. */
static size_t
page_encode_run(struct codepage *c, struct slice text, struct buf *out, struct codepage_lacks *io)
{
	size_t at = 0;

	while (at < text.len && (unsigned char)text.data[at] >= 0x80) {
		uint32_t value;
		struct slice rest = { text.data + at, text.len - at };
		size_t len = utf8_char(rest, &value);
		struct page_code code = page_code(c, value);

		at += len;
		if (code.len == PAGE_LACKS && len > 1 && c->number == PAGE_UTF8)
			code = (struct page_code){ .len = 3, .octet = { 0xEF, 0xBF, 0xBD } };
		if (code.len == PAGE_LACKS || code.near)
			io->first = io->count++ == 0 ? value : io->first;
		if (code.len == PAGE_LACKS)
			code = (struct page_code){ .len = 1, .octet = { '?' } };
		if (!buf_add(out, code.octet, code.len))
			break;
	}
	return at;
}

bool
codepage_encode(
    struct codepage *c, struct slice text, struct buf *out, struct codepage_lacks *io_lacks)
{
	while (text.len > 0 && !out->full) {
		size_t n = page_ascii(text);

		if (!buf_add(out, text.data, n))
			return false;
		text = (struct slice){ text.data + n, text.len - n };
		n = page_encode_run(c, text, out, io_lacks);
		text = (struct slice){ text.data + n, text.len - n };
	}
	return !out->full;
}

static uint32_t
page_pair(struct codepage *c, const char *octets)
{
	uint32_t *pair =
	    &c->pairs[(unsigned)(unsigned char)octets[0] << 8 | (unsigned char)octets[1]];

	if (*pair == 0) {
		int said = page_from(c, octets, 2, pair);

		if (said != 0)
			*pair = said == EINVAL ? PAIR_MORE : PAIR_NONE;
	}
	return *pair;
}

/* Length of the character that octets beyond ASCII begin with, and what it is. */
static size_t
page_decode_char(struct codepage *c, struct slice octets, uint32_t *ret)
{
	unsigned char first = (unsigned char)octets.data[0];

	if (c->number == PAGE_UTF8)
		return utf8_char(octets, ret);
	*ret = c->chars[first];
	if (!c->multi || *ret != REPLACEMENT)
		return 1;
	uint32_t pair = octets.len < 2 ? PAIR_NONE : page_pair(c, octets.data);

	if (pair < PAIR_MORE) {
		*ret = pair;
		return 2;
	}
	for (size_t len = 3; pair == PAIR_MORE && len <= PAGE_OCTETS_MAX && len <= octets.len;
	     len++) {
		int said = page_from(c, octets.data, len, ret);

		if (said == 0)
			return len;
		if (said != EINVAL)
			break;
	}
	*ret = REPLACEMENT;
	return 1;
}

bool
codepage_decode(struct codepage *c, struct slice octets, struct buf *utf8)
{
	char piece[PAGE_PIECE];
	size_t n = 0;

	while (octets.len > 0) {
		size_t len = page_ascii(octets);
		uint32_t value;

		if (len > 0) {
			if (!buf_add(utf8, piece, n) || !buf_add(utf8, octets.data, len))
				return false;
			n = 0;
		} else {
			len = page_decode_char(c, octets, &value);
			n += utf8_write(value, piece + n);
		}
		octets = (struct slice){ octets.data + len, octets.len - len };
		if (n > sizeof piece - 4) {
			if (!buf_add(utf8, piece, n))
				return false;
			n = 0;
		}
	}
	return buf_add(utf8, piece, n);
}

size_t
codepage_whole_utf8(struct slice text)
{
	for (size_t back = 1; back <= 3 && back <= text.len; back++) {
		unsigned char c = (unsigned char)text.data[text.len - back];

		if ((c & 0xC0) == 0x80)
			continue;
		size_t need = c < 0xC2 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 1;

		return need > back ? text.len - back : text.len;
	}
	return text.len;
}

/* Does the octet at the end begin a character that needs more of them? */
static bool
page_cut(struct codepage *c, struct slice rest)
{
	uint32_t value;

	for (size_t len = 1; len <= rest.len; len++) {
		if (page_from(c, rest.data, len, &value) != EINVAL)
			return false;
	}
	return true;
}

/* No accepted page has an octet below 0x30 anywhere but as a character of its own, so characters
 * are counted from the last of these. */
size_t
codepage_whole(struct codepage *c, struct slice octets)
{
	size_t at = octets.len;
	uint32_t value;

	if (c->number == PAGE_UTF8)
		return codepage_whole_utf8(octets);
	if (!c->multi)
		return octets.len;
	while (at > 0 && (unsigned char)octets.data[at - 1] >= 0x30)
		at--;
	while (at < octets.len) {
		struct slice rest = { octets.data + at, octets.len - at };

		if (rest.len < PAGE_OCTETS_MAX && page_cut(c, rest))
			return at;
		at += (unsigned char)rest.data[0] < 0x80 ? 1 : page_decode_char(c, rest, &value);
	}
	return octets.len;
}
