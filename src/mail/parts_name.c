/* See parts_name.h. */
#include "mail/parts_name.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"

enum { EXTENSION_MAX = 16 };

static const struct {
	const char *type, *extension;
} type_rows[] = {
#define TYPE(type, extension) { type, extension },
#include "mail/types.def"
#undef TYPE
};

const char *
type_extension(const char *type)
{
	for (size_t i = 0; i < COUNT_OF(type_rows); i++) {
		if (strcmp(type, type_rows[i].type) == 0)
			return type_rows[i].extension;
	}
	return strncmp(type, "text/", 5) == 0 ? "txt" : "bin";
}

const char *
type_of_name(struct slice name)
{
	const char *dot = name.len > 0 ? memrchr(name.data, '.', name.len) : NULL;

	if (dot != NULL) {
		struct slice extension = { dot + 1, (size_t)(name.data + name.len - dot - 1) };

		for (size_t i = 0; i < COUNT_OF(type_rows); i++) {
			if (slice_eq_nocase(extension, type_rows[i].extension))
				return type_rows[i].type;
		}
	}
	return "application/octet-stream";
}

/* C0, DEL and C1, and what turns the direction of writing, by which "exe.doc" poses as "cod.exe".
 */
static bool
name_drops(uint32_t c)
{
	return c < ' ' || (c >= 0x7f && c <= 0x9f) || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

static struct slice
name_base(struct slice name)
{
	for (size_t i = name.len; i > 0; i--) {
		char c = name.data[i - 1];

		if (c == '/' || c == '\\')
			return (struct slice){ name.data + i, name.len - i };
	}
	return name;
}

/* Cut to `max` octets at a character, before a short extension. */
static void
name_cut(struct buf *b, size_t from, size_t max)
{
	size_t len = b->len - from;
	const char *dot = memrchr(b->data + from, '.', len);
	size_t tail = dot != NULL ? (size_t)(b->data + b->len - dot) : 0;

	if (len <= max)
		return;
	if (tail > EXTENSION_MAX || tail >= max)
		tail = 0;
	size_t keep = max - tail;
	while (keep > 0 && ((unsigned char)b->data[from + keep] & 0xc0) == 0x80)
		keep--;
	memmove(b->data + from + keep, b->data + b->len - tail, tail);
	b->len = from + keep + tail;
	b->data[b->len] = '\0';
}

bool
part_name_clean(struct slice name, size_t max, struct buf *out)
{
	size_t from = out->len;

	name = name_base(name);
	while (name.len > 0) {
		uint32_t c = 0;
		size_t len = utf8_next(name, &c);

		if (len == 0) {
			len = 1; /* not UTF-8: our callers never give such */
		} else if (!name_drops(c) && !(c == ' ' && out->len == from)) {
			buf_add(out, name.data, len);
		}
		name.data += len;
		name.len -= len;
	}
	while (out->len > from && (out->data[out->len - 1] == ' '))
		out->data[--out->len] = '\0';
	if (out->len > from)
		name_cut(out, from, max);
	if (slice_eq((struct slice){ out->data + from, out->len - from }, ".") ||
	    slice_eq((struct slice){ out->data + from, out->len - from }, "..")) {
		out->len = from;
		out->data[from] = '\0';
	}
	return out->len > from;
}
