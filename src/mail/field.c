/* See field.h. A value is decoded in one pass into a buffer of the caller.
 *
 * Encoded words are taken as generously as they are written: inside quotes, without blanks around
 * them, with blanks in them. Neighbours of one charset share a converter, so that a character that
 * a bad mailer cut in two is whole again.
 *
 * GMime decodes words too, but copies charset names of any length to the stack (a name of 8 MB ends
 * the program) and takes a lock for every word; it is asked for odd dates only. */
#include "mail/field.h"

#include <gmime/gmime.h>
#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "mail/charset.h"

enum { DATE_RAW_MAX = 200 };

/* ---- lines ---- */

static bool
field_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* One line off *rest, without its end. */
static struct slice
field_line(struct slice *rest)
{
	const char *lf = memchr(rest->data, '\n', rest->len);
	size_t len = lf != NULL ? (size_t)(lf - rest->data) : rest->len;
	size_t taken = lf != NULL ? len + 1 : len;
	struct slice line = { rest->data, len };

	rest->data += taken;
	rest->len -= taken;
	while (line.len > 0 && line.data[line.len - 1] == '\r')
		line.len--;
	return line;
}

static bool
field_folds(struct slice rest)
{
	return rest.len > 0 && (*rest.data == ' ' || *rest.data == '\t');
}

/* "name:", also with blanks before the colon. A line that starts with "--" is no field whatever
 * follows: it is the boundary of a part without a blank line. */
static bool
field_begins(struct slice line)
{
	size_t at = 0;

	if (line.len >= 2 && line.data[0] == '-' && line.data[1] == '-')
		return false;
	while (at < line.len && line.data[at] > ' ' && line.data[at] < 0x7f && line.data[at] != ':')
		at++;
	size_t name = at;
	while (at < line.len && (line.data[at] == ' ' || line.data[at] == '\t'))
		at++;
	return name > 0 && at < line.len && line.data[at] == ':';
}

static bool
field_is_mbox_line(struct slice line)
{
	static const char from[] = ">From ";

	return (line.len >= 6 && memcmp(line.data, from, 6) == 0) ||
	       (line.len >= 5 && memcmp(line.data, from + 1, 5) == 0);
}

/* Is it a line of a header beyond doubt? */
static bool
field_is_known(struct slice line)
{
	static const char *const names[] = { "Bcc", "Cc", "Content-Disposition", "Content-ID",
		"Content-Transfer-Encoding", "Content-Type", "Date", "From", "Importance",
		"In-Reply-To", "Message-ID", "MIME-Version", "Received", "References", "Reply-To",
		"Return-Path", "Sender", "Subject", "To", "X-Mailer", "X-Priority" };
	const char *colon = line.len > 0 ? memchr(line.data, ':', line.len) : NULL;

	if (colon == NULL)
		return false;
	struct slice name = { line.data, (size_t)(colon - line.data) };
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (slice_eq_nocase(name, names[i]))
			return true;
	}
	return false;
}

/* A field that a bad mailer has broken without a blank: what follows the rest of it is a field
 * again. `rest` is at the line in question. */
static bool
field_is_broken(struct slice rest)
{
	struct slice line = field_line(&rest);

	if (line.len == 0 || field_begins(line) || field_is_mbox_line(line) ||
	    (line.len >= 2 && memcmp(line.data, "--", 2) == 0))
		return false;
	return field_is_known(field_line(&rest));
}

bool
field_next(struct slice *rest, struct field *ret)
{
	while (rest->len > 0) {
		struct slice line = field_line(rest);

		if (line.len == 0)
			return false;
		if (field_is_mbox_line(line))
			continue;
		while (rest->len > 0 && (field_folds(*rest) || field_is_broken(*rest))) {
			struct slice more = field_line(rest);

			line.len = (size_t)(more.data + more.len - line.data);
		}
		const char *colon = memchr(line.data, ':', line.len);
		if (colon == NULL)
			continue;
		size_t name = (size_t)(colon - line.data);
		ret->value = (struct slice){ colon + 1, line.len - name - 1 };
		while (name > 0 && (line.data[name - 1] == ' ' || line.data[name - 1] == '\t'))
			name--;
		ret->name = (struct slice){ line.data, name };
		return true;
	}
	return false;
}

bool
field_header_len(struct slice data, size_t *ret)
{
	struct slice rest = data;

	while (rest.len > 0) {
		struct slice before = rest, line = field_line(&rest);
		bool whole = rest.data > before.data && rest.data[-1] == '\n';

		if (!whole)
			return false;
		if (line.len == 0) {
			*ret = data.len - rest.len;
			return true;
		}
		if (before.data > data.data && field_folds(before))
			continue;
		if (field_begins(line) || field_is_mbox_line(line))
			continue;
		if (before.data > data.data && field_is_broken(before))
			continue;
		*ret = data.len - before.len;
		return true;
	}
	return false;
}

struct slice
field_trim(struct slice s)
{
	while (s.len > 0 && field_blank(*s.data)) {
		s.data++;
		s.len--;
	}
	while (s.len > 0 && field_blank(s.data[s.len - 1]))
		s.len--;
	return s;
}

/* ---- encoded words ---- */

struct word {
	struct slice charset, text;
	bool base64;
	bool open; /* it begins and has no end: then no later one has */
	size_t len; /* of the whole */
};

/* "=?charset*language?B?text?=" at the start of s. */
static bool
word_read(struct slice s, struct word *ret)
{
	ret->open = false;
	if (s.len < 8 || s.data[0] != '=' || s.data[1] != '?')
		return false;
	const char *p = s.data + 2, *end = s.data + s.len;
	size_t most = (size_t)(end - p) < 64 ? (size_t)(end - p) : 64;
	const char *mark = memchr(p, '?', most);
	if (mark == NULL || mark == p || end - mark < 5 || mark[2] != '?')
		return false;
	ret->charset = (struct slice){ p, (size_t)(mark - p) };
	const char *star = memchr(p, '*', ret->charset.len);
	if (star != NULL)
		ret->charset.len = (size_t)(star - p);
	char how = mark[1];
	ret->base64 = how == 'B' || how == 'b';
	if (!ret->base64 && how != 'Q' && how != 'q')
		return false;
	p = mark + 3;
	/* "?=" ends it; a Q text may begin with "=", as in "?Q?=41?=". */
	for (mark = p; (mark = memchr(mark, '?', (size_t)(end - mark))) != NULL; mark++) {
		if (mark + 1 < end && mark[1] == '=')
			break;
	}
	ret->open = mark == NULL;
	if (ret->open)
		return false;
	ret->text = (struct slice){ p, (size_t)(mark - p) };
	ret->len = (size_t)(mark + 2 - s.data);
	return true;
}

/* Octets before the next word; all of s: there is none. */
static size_t
word_find(struct slice s, struct word *ret)
{
	const char *mark = s.data, *end = s.data + s.len;

	while ((mark = memchr(mark, '=', (size_t)(end - mark))) != NULL) {
		if (word_read((struct slice){ mark, (size_t)(end - mark) }, ret))
			return (size_t)(mark - s.data);
		if (ret->open)
			break;
		mark++;
	}
	return s.len;
}

int
hex_value(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
				      : -1;
}

static int
base64_value(char c)
{
	return c >= 'A' && c <= 'Z'   ? c - 'A'
	       : c >= 'a' && c <= 'z' ? c - 'a' + 26
	       : c >= '0' && c <= '9' ? c - '0' + 52
	       : c == '+' || c == '-' ? 62
	       : c == '/' || c == '_' ? 63
				      : -1;
}

static void
word_decode_b(struct slice text, struct charset *c, struct buf *out)
{
	unsigned bits = 0;
	int n = 0;

	for (size_t i = 0; i < text.len; i++) {
		int v = base64_value(text.data[i]);

		if (v < 0)
			continue;
		bits = (bits << 6 | (unsigned)v) & 0xffffff;
		n += 6;
		if (n >= 8) {
			n -= 8;
			char octet = (char)(bits >> n & 0xff);
			charset_step(c, (struct slice){ &octet, 1 }, out);
		}
	}
}

static void
word_decode_q(struct slice text, struct charset *c, struct buf *out)
{
	for (size_t i = 0; i < text.len; i++) {
		char octet = text.data[i] == '_' ? ' ' : text.data[i];

		if (octet == '=' && i + 2 < text.len && hex_value(text.data[i + 1]) >= 0 &&
		    hex_value(text.data[i + 2]) >= 0) {
			octet =
			    (char)(hex_value(text.data[i + 1]) << 4 | hex_value(text.data[i + 2]));
			i += 2;
		}
		charset_step(c, (struct slice){ &octet, 1 }, out);
	}
}

/* An encoded word and those that follow it with nothing but blanks between them. Returns the
 * octets taken. */
static size_t
words_decode(struct slice s, struct word w, struct buf *out)
{
	struct charset c;
	size_t at = 0;

	(void)charset_start(&c, w.charset);
	for (;;) {
		if (w.base64)
			word_decode_b(w.text, &c, out);
		else
			word_decode_q(w.text, &c, out);
		at += w.len;
		struct slice charset = w.charset, rest = { s.data + at, s.len - at };
		size_t lead = 0;

		while (lead < rest.len && field_blank(rest.data[lead]))
			lead++;
		if (!word_read((struct slice){ rest.data + lead, rest.len - lead }, &w))
			break;
		at += lead;
		if (charset.len != w.charset.len ||
		    strncasecmp(charset.data, w.charset.data, charset.len) != 0) {
			charset_end(&c, out);
			(void)charset_start(&c, w.charset);
		}
	}
	charset_end(&c, out);
	return at;
}

/* Raw text up to the next encoded word; folds are taken out, their blank stays, and is made where a
 * line was broken without one. */
static void
words_literal(struct slice s, struct buf *out)
{
	struct charset c;

	(void)charset_start(&c, (struct slice){ "", 0 });
	while (s.len > 0) {
		size_t run = 0;

		while (run < s.len && s.data[run] != '\r' && s.data[run] != '\n')
			run++;
		charset_step(&c, (struct slice){ s.data, run }, out);
		bool ends = run < s.len;
		s.data += run;
		s.len -= run;
		while (s.len > 0 && (*s.data == '\r' || *s.data == '\n')) {
			s.data++;
			s.len--;
		}
		if (ends && s.len > 0 && !field_blank(*s.data))
			charset_step(&c, (struct slice){ " ", 1 }, out);
	}
	charset_end(&c, out);
}

/* Control characters of one octet; those of two (U+0080 to U+009F) too. */
static void
text_tidy(struct buf *b, size_t from)
{
	for (size_t i = from; i < b->len; i++) {
		unsigned char c = (unsigned char)b->data[i];

		if (c < ' ' || c == 0x7f)
			b->data[i] = ' ';
		if (c == 0xc2 && (unsigned char)b->data[i + 1] < 0xa0)
			b->data[i] = b->data[i + 1] = ' ';
	}
	size_t first = from;
	while (b->len > from && b->data[b->len - 1] == ' ')
		b->len--;
	while (first < b->len && b->data[first] == ' ')
		first++;
	if (first > from)
		memmove(b->data + from, b->data + first, b->len - first);
	b->len -= first - from;
	if (b->cap > 0)
		b->data[b->len] = '\0';
}

bool
field_is_plain(struct slice value)
{
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.data[i];

		if (c < ' ' || c >= 0x7f ||
		    (c == '=' && i + 1 < value.len && value.data[i + 1] == '?'))
			return false;
	}
	return true;
}

void
field_text(struct slice value, struct buf *out)
{
	size_t from = out->len;

	value = field_trim(value);
	if (field_is_plain(value)) {
		buf_add(out, value.data, value.len);
		return;
	}
	while (value.len > 0) {
		struct word w;
		size_t literal = word_find(value, &w);

		words_literal((struct slice){ value.data, literal }, out);
		value.data += literal;
		value.len -= literal;
		size_t taken = value.len > 0 ? words_decode(value, w, out) : 0;
		value.data += taken;
		value.len -= taken;
	}
	text_tidy(out, from);
}

/* ---- dates ---- */

static pthread_once_t field_gmime_once = PTHREAD_ONCE_INIT;
static pthread_mutex_t field_gmime = PTHREAD_MUTEX_INITIALIZER;

static void
field_start_gmime(void)
{
	g_mime_init();
}

/* Dates that are none by any standard; one thread at a time, since they are rare. */
static bool
field_date_odd(struct slice value, struct date *ret)
{
	char raw[DATE_RAW_MAX + 1];
	size_t len = 0;

	for (size_t i = 0; i < value.len && len < DATE_RAW_MAX; i++) {
		unsigned char c = (unsigned char)value.data[i];
		raw[len++] = (char)(c < ' ' || c >= 0x7f ? ' ' : c);
	}
	raw[len] = '\0';
	(void)pthread_once(&field_gmime_once, field_start_gmime);
	pthread_mutex_lock(&field_gmime);
	GDateTime *when = g_mime_utils_header_decode_date(raw);
	if (when != NULL) {
		GTimeSpan zone_min = g_date_time_get_utc_offset(when) / G_TIME_SPAN_MINUTE;
		*ret = (struct date){ .known = true, .epoch = g_date_time_to_unix(when) };
		if (zone_min >= -24 * 60 && zone_min <= 24 * 60)
			ret->zone_min = (int16_t)zone_min;
		g_date_time_unref(when);
	}
	pthread_mutex_unlock(&field_gmime);
	return when != NULL;
}

bool
field_date(struct slice value, struct date *ret)
{
	value = field_trim(value);
	return date_parse_mail(value, ret) || (value.len > 0 && field_date_odd(value, ret));
}
