/* See json.h. The only state is the buffer itself: a value needs a comma unless it follows an
 * opening bracket or starts a line (a text always ends with its quote, so the last octet cannot
 * deceive). */
#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
size_t
utf8_next(struct slice text, uint32_t *ret)
{
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = (const unsigned char *)text.data;

	if (text.len == 0)
		return 0;
	if (p[0] < 0x80) {
		*ret = p[0];
		return 1;
	}
	size_t len = p[0] >= 0xf0 && p[0] < 0xf8   ? 4
		     : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
		     : p[0] >= 0xc0 && p[0] < 0xe0 ? 2
						   : 0;
	uint32_t c = len > 0 ? p[0] & (0x7fu >> len) : 0;

	if (len == 0 || text.len < len)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret = c;
	return len;
}

bool
utf8_valid(struct slice text)
{
	while (text.len > 0) {
		uint32_t c;
		size_t len = utf8_next(text, &c);

		if (len == 0)
			return false;
		text.data += len;
		text.len -= len;
	}
	return true;
}

void
base64_add(struct buf *b, struct slice octets)
{
	static const char digit[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = (const unsigned char *)octets.data;

	if (octets.len > SIZE_MAX / 2 || !buf_reserve(b, (octets.len + 2) / 3 * 4)) {
		b->full = true;
		return;
	}
	char *to = b->data + b->len;
	for (size_t left = octets.len; left > 0; left -= left < 3 ? left : 3, p += 3, to += 4) {
		uint32_t v = (uint32_t)p[0] << 16;

		if (left > 1)
			v |= (uint32_t)p[1] << 8;
		if (left > 2)
			v |= p[2];
		to[0] = digit[v >> 18];
		to[1] = digit[v >> 12 & 63];
		to[2] = left > 1 ? digit[v >> 6 & 63] : '=';
		to[3] = left > 2 ? digit[v & 63] : '=';
	}
	b->len = (size_t)(to - b->data);
	*to = '\0';
}

static void
json_add_escaped(struct buf *b, unsigned char c)
{
	static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt";

	for (size_t i = 0; i + 1 < sizeof(shorts); i += 2) {
		if (shorts[i] == (char)c) {
			buf_add_byte(b, '\\');
			buf_add_byte(b, shorts[i + 1]);
			return;
		}
	}
	buf_printf(b, "\\u%04x", c);
}

/* How many octets from the start go in as they are. */
static size_t
json_plain(struct slice text)
{
	size_t at = 0;

	while (at < text.len) {
		uint32_t c;
		size_t len = utf8_next((struct slice){ text.data + at, text.len - at }, &c);

		if (len == 0 || c < 0x20 || c == '"' || c == '\\' || c == 0x7f)
			break;
		at += len;
	}
	return at;
}

static void
json_quote(struct buf *b, struct slice text)
{
	buf_add_byte(b, '"');
	while (text.len > 0 && !b->full) {
		size_t len = json_plain(text);

		if (len > 0) {
			buf_add(b, text.data, len);
		} else {
			unsigned char c = (unsigned char)text.data[0];

			if (c < 0x80)
				json_add_escaped(b, c);
			else
				buf_add_str(b, "\xef\xbf\xbd");
			len = 1;
		}
		text.data += len;
		text.len -= len;
	}
	buf_add_byte(b, '"');
}

/* The comma and the key that come before a value. */
static void
json_lead(struct buf *b, const char *key)
{
	char last = b->len > 0 ? b->data[b->len - 1] : '\n';

	if (last != '{' && last != '[' && last != '\n')
		buf_add_byte(b, ',');
	if (key != NULL) {
		json_quote(b, slice_str(key));
		buf_add_byte(b, ':');
	}
}

void
json_open(struct buf *b, const char *key)
{
	json_lead(b, key);
	buf_add_byte(b, '{');
}

void
json_close(struct buf *b)
{
	buf_add_byte(b, '}');
}

void
json_open_array(struct buf *b, const char *key)
{
	json_lead(b, key);
	buf_add_byte(b, '[');
}

void
json_close_array(struct buf *b)
{
	buf_add_byte(b, ']');
}

void
json_put_text(struct buf *b, const char *key, struct slice text)
{
	json_lead(b, key);
	json_quote(b, text);
}

void
json_put_str(struct buf *b, const char *key, const char *text)
{
	if (text != NULL)
		json_put_text(b, key, slice_str(text));
	else
		json_put_null(b, key);
}

void
json_put_int(struct buf *b, const char *key, int64_t value)
{
	json_lead(b, key);
	buf_printf(b, "%" PRId64, value);
}

void
json_put_bool(struct buf *b, const char *key, bool value)
{
	json_lead(b, key);
	buf_add_str(b, value ? "true" : "false");
}

void
json_put_null(struct buf *b, const char *key)
{
	json_lead(b, key);
	buf_add_str(b, "null");
}

void
json_put_octets(struct buf *b, const char *key, struct slice octets)
{
	char name[64];

	json_put_text(b, key, octets);
	if (utf8_valid(octets))
		return;
	snprintf(name, sizeof(name), "%s_b64", key);
	json_put_b64(b, name, octets);
}

void
json_put_b64(struct buf *b, const char *key, struct slice octets)
{
	json_lead(b, key);
	buf_add_byte(b, '"');
	base64_add(b, octets);
	buf_add_byte(b, '"');
}
