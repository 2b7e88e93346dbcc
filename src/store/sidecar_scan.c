/* What an index needs to know of a sidecar line, found without building a tree: a folder of a
 * million messages has as many lines, and each is parsed in full only when it is listed. A line
 * that is no object of strings, numbers, arrays and words, closed at its very end, is damaged; what
 * is inside the strings is looked at later. */
#include "store/sidecar_scan.h"

#include <string.h>

enum { SCAN_DEPTH_MAX = 32 };

struct scan {
	const char *p, *end;
};

static void
scan_blanks(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\r'))
		s->p++;
}

static bool
scan_char(struct scan *s, char c)
{
	scan_blanks(s);
	if (s->p == s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

/* The inside of a string, escapes as they are. */
static bool
scan_string(struct scan *s, struct slice *ret)
{
	if (!scan_char(s, '"'))
		return false;
	const char *from = s->p;
	for (;;) {
		const char *quote = memchr(s->p, '"', (size_t)(s->end - s->p));
		const char *slash =
		    quote != NULL ? memchr(s->p, '\\', (size_t)(quote - s->p)) : NULL;

		if (quote == NULL || (slash != NULL && s->end - slash < 2))
			return false;
		s->p = slash != NULL ? slash + 2 : quote + 1;
		if (slash == NULL) {
			*ret = (struct slice){ from, (size_t)(quote - from) };
			return true;
		}
	}
}

/* An array or object that begins here. */
static bool
scan_nested(struct scan *s)
{
	char open[SCAN_DEPTH_MAX];
	size_t depth = 0;
	struct slice ignored;

	while (s->p < s->end) {
		char c = *s->p;

		if (c == '"') {
			if (!scan_string(s, &ignored))
				return false;
			continue;
		}
		s->p++;
		if (c == '[' || c == '{') {
			if (depth == SCAN_DEPTH_MAX)
				return false;
			open[depth++] = c;
		} else if (c == ']' || c == '}') {
			if (open[--depth] != (c == ']' ? '[' : '{'))
				return false;
			if (depth == 0)
				return true;
		}
	}
	return false;
}

/* Of a number, or of true, false, null. */
static bool
scan_is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '+' ||
	       c == '.' || c == 'E';
}

/* Anything; *ret is it, of a string the inside. */
static bool
scan_value(struct scan *s, struct slice *ret)
{
	scan_blanks(s);
	const char *from = s->p;
	if (from == s->end)
		return false;
	if (*from == '"')
		return scan_string(s, ret);
	if (*from == '[' || *from == '{') {
		if (!scan_nested(s))
			return false;
	} else {
		while (s->p < s->end && scan_is_word(*s->p))
			s->p++;
	}
	*ret = (struct slice){ from, (size_t)(s->p - from) };
	return ret->len > 0;
}

static bool
scan_take(struct sidecar_scanned *x, struct slice key, struct slice value)
{
	uint64_t n = 0;

	switch (key.len > 0 ? key.data[0] : '\0') { /* a line has a dozen keys */
	case 'f':
		if (slice_eq(key, "folder"))
			x->kind = SIDECAR_FOLDER;
		else if (slice_eq(key, "file"))
			x->file = value;
		return true;
	case 'u':
		if (slice_eq(key, "uid")) {
			if (!slice_u64(value, UINT32_MAX, &n) || n == 0)
				return false;
			x->uid = (uint32_t)n;
		} else if (slice_eq(key, "uidvalidity")) {
			if (!slice_u64(value, UINT32_MAX, &n))
				return false;
			x->uidvalidity = (uint32_t)n;
			x->uidvalidity_known = true;
		}
		return true;
	case 'r':
		if (slice_eq(key, "removed"))
			x->removed = slice_eq(value, "true");
		return true;
	case 'a':
		if (slice_eq(key, "at"))
			x->at_known = slice_u64(value, INT64_MAX, &x->at);
		return true;
	case 's':
		if (slice_eq(key, "stored"))
			(void)slice_u64(value, INT64_MAX, &x->stored);
		return true;
	default:
		return true;
	}
}

static bool
scan_object(struct scan *s, struct sidecar_scanned *x)
{
	struct slice key, value;

	if (!scan_char(s, '{'))
		return false;
	if (scan_char(s, '}'))
		return true;
	do {
		if (!scan_string(s, &key) || !scan_char(s, ':') || !scan_value(s, &value) ||
		    !scan_take(x, key, value))
			return false;
	} while (scan_char(s, ','));
	return scan_char(s, '}');
}

void
sidecar_scan(struct slice line, struct sidecar_scanned *ret)
{
	struct scan s = { line.data, line.data + line.len };
	struct sidecar_scanned x = { .kind = SIDECAR_MESSAGE };

	bool good = line.len > 0 && scan_object(&s, &x);
	scan_blanks(&s);
	if (!good || s.p != s.end || (x.kind == SIDECAR_MESSAGE && x.uid == 0))
		x = (struct sidecar_scanned){ .kind = SIDECAR_BAD };
	else if (x.kind == SIDECAR_MESSAGE && x.removed)
		x.kind = SIDECAR_REMOVED;
	else if (x.kind == SIDECAR_MESSAGE && x.file.data == NULL)
		x.kind = SIDECAR_AMENDED;
	*ret = x;
}
