/* See slice.h. Letters are compared as ASCII whatever the locale says: IMAP's atoms are ASCII. */
#include "base/slice.h"

#include <string.h>

static unsigned char
slice_lower(char c)
{
	unsigned char u = (unsigned char)c;

	return u >= 'A' && u <= 'Z' ? (unsigned char)(u + ('a' - 'A')) : u;
}

static bool
slice_equal_nocase(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (slice_lower(a[i]) != slice_lower(b[i]))
			return false;
	}
	return true;
}

struct slice
slice_str(const char *text)
{
	return (struct slice){ .data = text, .len = text != NULL ? strlen(text) : 0 };
}

bool
slice_eq(struct slice a, const char *text)
{
	return slice_same(a, slice_str(text));
}

bool
slice_eq_nocase(struct slice a, const char *text)
{
	/* Most of what is compared differs in its first letter. */
	if (a.len == 0 || slice_lower(a.data[0]) != slice_lower(text[0]))
		return a.len == 0 && text[0] == '\0';
	return a.len == strlen(text) && slice_equal_nocase(a.data, text, a.len);
}

bool
slice_same(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool
slice_starts_nocase(struct slice a, const char *prefix)
{
	size_t len = strlen(prefix);

	return a.len >= len && slice_equal_nocase(a.data, prefix, len);
}

bool
slice_has_nocase(struct slice hay, const char *needle)
{
	size_t len = strlen(needle);

	for (size_t at = 0; at + len <= hay.len; at++) {
		if (len == 0 || slice_equal_nocase(hay.data + at, needle, len))
			return true;
	}
	return len == 0;
}

int
slice_cmp(struct slice a, struct slice b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len > 0 ? memcmp(a.data, b.data, len) : 0;

	if (order != 0)
		return order;
	return a.len < b.len ? -1 : a.len > b.len;
}

bool
slice_u64(struct slice a, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	if (a.len == 0)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		if (a.data[i] < '0' || a.data[i] > '9')
			return false;
		uint64_t digit = (uint64_t)(a.data[i] - '0');

		if (digit > max || value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*ret = value;
	return true;
}
