/* See compose.h. Plain text is folded at blanks that are there; all else becomes encoded words of
 * UTF-8, each of whole characters, so that a reader who decodes them one by one sees no half of
 * one. */
#include "mail/compose.h"

#include <string.h>

#include "base/json.h"
#include "mail/charset.h"
#include "mail/field.h"

enum {
	LINE_WIDTH = 76,
	WORD_OCTETS = 39, /* of UTF-8 in one encoded word: 52 digits and 12 around them */
	PLAIN_WORD_MAX = 500, /* a longer one cannot be folded safely: encoded */
	PARAM_OCTETS = 40, /* of a percent-encoded piece; 3 characters each at most */
	PARAM_QUOTED_MAX = 60,
	VALUE_MAX = 64 * 1024 * 1024
};

void
compose_clean(struct slice value, struct buf *out)
{
	size_t from = out->len;

	while (value.len > 0) {
		uint32_t c;
		size_t len = utf8_next(value, &c);
		bool control = len > 0 && (c < ' ' || (c >= 0x7f && c <= 0x9f));

		if (len == 0)
			utf8_put(out, 0xfffd);
		else if (control && out->len > from)
			buf_add_byte(out, ' ');
		else if (!control && (c != ' ' || out->len > from))
			buf_add(out, value.data, len);
		value.data += len > 0 ? len : 1;
		value.len -= len > 0 ? len : 1;
	}
	while (out->len > from && out->data[out->len - 1] == ' ')
		out->data[--out->len] = '\0';
}

/* Octets since the last line end. */
static size_t
compose_column(const struct buf *out)
{
	const char *lf = out->len > 0 ? memrchr(out->data, '\n', out->len) : NULL;

	return lf != NULL ? (size_t)(out->data + out->len - lf - 1) : out->len;
}

/* A new line, unless this one has nothing yet: a line of blanks would end the header. */
static void
compose_fold(struct buf *out)
{
	if (compose_column(out) <= 1)
		return;
	if (out->data[out->len - 1] == ' ')
		out->len--;
	buf_add(out, "\r\n ", 3);
}

/* Whole characters, as many as fit into `max` octets. */
static size_t
compose_take(struct slice s, size_t max)
{
	size_t len = s.len < max ? s.len : max;

	while (len > 0 && len < s.len && ((unsigned char)s.data[len] & 0xc0) == 0x80)
		len--;
	return len;
}

static void
compose_words(struct slice utf8, struct buf *out)
{
	while (utf8.len > 0) {
		struct slice piece = { utf8.data, compose_take(utf8, WORD_OCTETS) };

		if (compose_column(out) + (piece.len + 2) / 3 * 4 + 12 > LINE_WIDTH)
			compose_fold(out);
		buf_add_str(out, "=?utf-8?B?");
		base64_add(out, piece);
		buf_add_str(out, "?=");
		utf8.data += piece.len;
		utf8.len -= piece.len;
		if (utf8.len > 0)
			compose_fold(out);
	}
}

/* May it stand as it is: printable ASCII, nothing that looks like an encoded word, no blanks that a
 * reader of folded lines might take for one, words that can be folded? */
static bool
compose_is_plain(struct slice s)
{
	size_t word = 0;

	if (!field_is_plain(s))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		word = s.data[i] == ' ' ? 0 : word + 1;
		if (word > PLAIN_WORD_MAX ||
		    (s.data[i] == ' ' && i + 1 < s.len && s.data[i + 1] == ' '))
			return false;
	}
	return true;
}

/* Plain text, folded before words that go over the width. */
static void
compose_folded(struct slice s, struct buf *out)
{
	while (s.len > 0) {
		const char *blank = memchr(s.data, ' ', s.len);
		size_t len = blank != NULL ? (size_t)(blank - s.data) : s.len;

		if (compose_column(out) + len > LINE_WIDTH && out->data[out->len - 1] == ' ')
			compose_fold(out);
		buf_add(out, s.data, len);
		if (blank != NULL)
			buf_add_byte(out, ' ');
		len += blank != NULL;
		s.data += len;
		s.len -= len;
	}
}

void
compose_text(const char *field, struct slice value, struct buf *out)
{
	struct buf clean;

	buf_init(&clean, VALUE_MAX);
	compose_clean(value, &clean);
	if (clean.len > 0) {
		buf_printf(out, "%s: ", field);
		if (compose_is_plain(buf_slice(&clean)))
			compose_folded(buf_slice(&clean), out);
		else
			compose_words(buf_slice(&clean), out);
		buf_add(out, "\r\n", 2);
	}
	buf_done(&clean);
}

/* ---- addresses ---- */

static bool
compose_is_atom(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.data[i];
		bool letter =
		    (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (!letter && (c == '\0' || strchr("!#$%&'*+-/=?^_`{|}~ ", c) == NULL))
			return false;
	}
	return s.len > 0;
}

static void
compose_quoted(struct slice s, struct buf *out)
{
	buf_add_byte(out, '"');
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] == '"' || s.data[i] == '\\')
			buf_add_byte(out, '\\');
		buf_add_byte(out, s.data[i]);
	}
	buf_add_byte(out, '"');
}

static void
compose_phrase(struct slice s, struct buf *out)
{
	if (!compose_is_plain(s)) {
		compose_words(s, out);
		return;
	}
	if (compose_column(out) + s.len + 2 > LINE_WIDTH)
		compose_fold(out);
	if (compose_is_atom(s))
		compose_folded(s, out);
	else
		compose_quoted(s, out);
}

/* The octets of a quoted local part, 0: it is none. */
static size_t
compose_quoted_len(struct slice s)
{
	for (size_t i = 1; s.len > 0 && *s.data == '"' && i < s.len; i++) {
		if (s.data[i] == '\\')
			i++;
		else if (s.data[i] == '"')
			return i + 1;
	}
	return 0;
}

/* An addr-spec that every reader takes for one: one "@", nothing that would need quotes but for a
 * quoted local part. Characters beyond ASCII may stand in it (RFC 6532). */
static bool
compose_is_address(struct slice s)
{
	size_t quoted = compose_quoted_len(s), ats = 0;
	bool literal = false;

	if (s.len == 0 || s.len > 900)
		return false;
	for (size_t i = quoted; i < s.len; i++) {
		char c = s.data[i];

		if (c == '[' && ats == 1 && s.data[i - 1] == '@')
			literal = true;
		else if (c == ' ' || strchr(literal ? "()<>,;\"\\@[" : "()<>,;:\"\\[]", c) != NULL)
			return false;
		ats += c == '@';
	}
	return ats == 1 && *s.data != '@' && s.data[s.len - 1] != '@';
}

/* A name and an address, both clean and not both empty. */
static void
compose_address(struct slice name, struct slice address, struct buf *out)
{
	if (name.len > 0) {
		compose_phrase(name, out);
		buf_add_byte(out, ' ');
	}
	if (compose_column(out) + address.len + 2 > LINE_WIDTH)
		compose_fold(out);
	if (name.len > 0)
		buf_add_byte(out, '<');
	buf_add(out, address.data, address.len);
	if (name.len > 0)
		buf_add_byte(out, '>');
}

/* What is no address is a name then, and an empty group is what has a name and no address. */
static void
compose_group(struct buf *name, struct slice address, struct buf *out)
{
	if (name->len > 0 && address.len > 0)
		buf_add_byte(name, ' ');
	buf_add(name, address.data, address.len);
	compose_phrase(buf_slice(name), out);
	buf_add_str(out, ":;");
}

void
compose_addresses(const char *field, const struct mail_address *list, size_t n, struct buf *out)
{
	struct buf name, address;
	bool any = false;

	buf_init(&name, VALUE_MAX);
	buf_init(&address, VALUE_MAX);
	for (size_t i = 0; i < n; i++) {
		buf_reset(&name);
		buf_reset(&address);
		compose_clean(slice_str(list[i].name), &name);
		compose_clean(slice_str(list[i].address), &address);
		if (name.len == 0 && address.len == 0)
			continue;
		if (any)
			buf_add_str(out, ",\r\n ");
		else
			buf_printf(out, "%s: ", field);
		any = true;
		if (compose_is_address(buf_slice(&address)))
			compose_address(buf_slice(&name), buf_slice(&address), out);
		else
			compose_group(&name, buf_slice(&address), out);
	}
	if (any)
		buf_add(out, "\r\n", 2);
	buf_done(&name);
	buf_done(&address);
}

/* ---- dates and parameters ---- */

void
compose_date(const struct date *when, struct buf *out)
{
	static const char days[] = "ThuFriSatSunMonTueWed"; /* 1970 began with a Thursday */
	struct date utc = { .known = when->known, .epoch = when->epoch };
	char text[DATE_TEXT_MAX];

	date_format(&utc, text);
	if (text[0] == '\0')
		return;
	int64_t day = utc.epoch >= 0 ? utc.epoch / 86400 : (utc.epoch - 86399) / 86400;
	size_t of_week = (size_t)((day % 7 + 7) % 7);
	text[2] = text[6] = ' ';
	buf_printf(out, "Date: %.3s, %s\r\n", days + 3 * of_week, text + (text[0] == '0'));
}

/* attribute-char of RFC 2231. */
static bool
compose_is_attribute(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!#$&+-.^_`{|}~", c) != NULL);
}

static void
compose_percent(struct slice s, struct buf *out)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];

		if (compose_is_attribute((char)c)) {
			buf_add_byte(out, (char)c);
			continue;
		}
		char three[3] = { '%', digits[c >> 4], digits[c & 15] };
		buf_add(out, three, 3);
	}
}

static void
compose_extended(const char *name, struct slice value, struct buf *out)
{
	size_t first = compose_take(value, PARAM_OCTETS / 2);
	bool pieces = first < value.len;

	for (unsigned i = 0; value.len > 0; i++) {
		size_t len = i == 0 ? first : compose_take(value, PARAM_OCTETS / 2);

		buf_printf(out, ";\r\n %s", name);
		if (pieces)
			buf_printf(out, "*%u", i);
		buf_add_str(out, i == 0 ? "*=utf-8''" : "*=");
		compose_percent((struct slice){ value.data, len }, out);
		value.data += len;
		value.len -= len;
	}
}

void
compose_param(const char *name, struct slice value, struct buf *out)
{
	struct buf clean;

	buf_init(&clean, VALUE_MAX);
	compose_clean(value, &clean);
	struct slice s = buf_slice(&clean);
	if (s.len > PARAM_QUOTED_MAX || !field_is_plain(s)) {
		compose_extended(name, s, out);
	} else {
		buf_printf(out, ";\r\n %s=", name);
		compose_quoted(s, out);
	}
	buf_done(&clean);
}
