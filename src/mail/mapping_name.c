/* See mapping_name.h. Escapes are put into the decoded text, before it becomes modified UTF-7, so
 * that one never lands inside a run of base64. They can be read back: `=` of a name itself is
 * written =3D where two digits follow it, so that `=` and two digits are always one of ours, and a
 * level that is `=` alone was empty, since a level that reads `=` is written =3D. An escape is one
 * octet of UTF-8. */
#include "mail/mapping_name.h"

#include <string.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "mail/charset.h"
#include "mail/names.h"

enum { LEVEL_MAX = 1024 * 1024, CUT_DIGITS = 16, PREFIX_MAX = 100 };

/* ---- small things ---- */

static bool
is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool
is_8bit(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.data[i] >= 0x80)
			return true;
	return false;
}

static bool
has_control(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.data[i] < ' ' || s.data[i] == 0x7f)
			return true;
	return false;
}

/* An 8-bit delimiter cannot be told from text: none. */
static char
delim_of(char delim)
{
	return (unsigned char)delim < 0x80 ? delim : '\0';
}

struct naming
naming_of(const struct mapping_side *target)
{
	struct naming n = { .delim = delim_of(target->delim), .prefix = target->prefix };

	if (n.prefix.len == 0 || n.prefix.len > PREFIX_MAX || has_control(n.prefix))
		n.prefix = (struct slice){ "", 0 };
	return n;
}

const char *
why_words(unsigned why, struct arena *a)
{
	static const char *const words[WHY_BITS] = {
		"the other server's delimiter is in the name",
		"the other server has no levels",
		"'=' stands before two digits",
		"control characters are in the name",
		"'%' and '*' cannot be in a name",
		"a blank is at the start or the end",
		"a level has no name",
		"the name is too long",
		"another folder has this name, or one that differs in case only",
		"the name is not in modified UTF-7",
	};
	const char *all = NULL;

	for (unsigned i = 0; i < WHY_BITS; i++) {
		if (!(why >> i & 1))
			continue;
		all = all == NULL ? words[i] : arena_printf(a, "%s; %s", all, words[i]);
		if (all == NULL)
			return NULL;
	}
	return all;
}

/* ---- texts ---- */

static void
level_decode(struct slice level, struct buf *out, unsigned *why)
{
	if (!is_8bit(level)) {
		if (mutf7_decode(level, out))
			return;
		*why |= WHY_RAW;
		(void)buf_add(out, level.data, level.len);
		return;
	}
	if (utf8_valid(level)) {
		(void)buf_add(out, level.data, level.len);
		return;
	}
	/* What is not UTF-8 is mostly Latin-1. */
	*why |= WHY_RAW;
	for (size_t i = 0; i < level.len && !out->full; i++)
		(void)utf8_put(out, (unsigned char)level.data[i]);
}

void
text_of_wire(struct slice wire, char delim, struct buf *out, unsigned *why)
{
	char at = delim_of(delim);

	for (;;) {
		const char *end =
		    at != '\0' && wire.len > 0 ? memchr(wire.data, at, wire.len) : NULL;
		size_t len = end != NULL ? (size_t)(end - wire.data) : wire.len;

		level_decode((struct slice){ wire.data, len }, out, why);
		if (end == NULL || out->full)
			return;
		(void)buf_add_byte(out, LEVEL_SEP);
		wire.data += len + 1;
		wire.len -= len + 1;
	}
}

struct slice
text_level(struct slice *text)
{
	const char *end = text->len > 0 ? memchr(text->data, LEVEL_SEP, text->len) : NULL;
	struct slice level = { text->data, end ? (size_t)(end - text->data) : text->len };

	if (end != NULL)
		*text = (struct slice){ end + 1, text->len - level.len - 1 };
	else
		*text = (struct slice){ NULL, 0 };
	return level;
}

size_t
text_depth(struct slice text)
{
	size_t depth = 1;

	for (size_t i = 0; i < text.len; i++)
		depth += text.data[i] == LEVEL_SEP;
	return depth;
}

/* ---- escapes ---- */

static unsigned
reason_of(struct slice level, size_t i, char delim)
{
	unsigned char c = (unsigned char)level.data[i];

	if (delim != '\0' && level.data[i] == delim)
		return WHY_DELIM;
	if (c < ' ' || c == 0x7f)
		return WHY_CONTROL;
	if (c == '%' || c == '*')
		return WHY_WILD;
	if (c == ' ' && (i == 0 || i + 1 == level.len))
		return WHY_BLANK;
	if (c == '=' && (level.len == 1 || (i + 2 < level.len && is_hex(level.data[i + 1]) &&
					       is_hex(level.data[i + 2]))))
		return WHY_EQUALS;
	/* U+0080 to U+009F, both octets */
	if (c == 0xc2 && i + 1 < level.len && (unsigned char)level.data[i + 1] < 0xa0)
		return WHY_CONTROL;
	if (c < 0xa0 && c >= 0x80 && i > 0 && (unsigned char)level.data[i - 1] == 0xc2)
		return WHY_CONTROL;
	return 0;
}

static void
level_add(struct slice level, char delim, struct buf *text, unsigned *why)
{
	if (level.len == 0) {
		*why |= WHY_EMPTY;
		(void)buf_add_byte(text, '=');
	}
	for (size_t i = 0; i < level.len && !text->full; i++) {
		unsigned reason = reason_of(level, i, delim);

		*why |= reason;
		if (reason != 0)
			(void)buf_printf(text, "=%02X", (unsigned char)level.data[i]);
		else
			(void)buf_add_byte(text, level.data[i]);
	}
}

void
name_add_delim(char delim, struct buf *out, unsigned *why)
{
	if (delim != '\0') {
		(void)buf_add_byte(out, delim);
		return;
	}
	*why |= WHY_FLAT;
	(void)buf_add_str(out, "=2F");
}

void
name_add(struct slice text, char delim, struct buf *out, unsigned *why)
{
	AUTO(buf_done) struct buf level;

	buf_init(&level, WIRE_NAME_MAX);
	do {
		buf_reset(&level);
		level_add(text_level(&text), delim, &level, why);
		mutf7_encode(buf_slice(&level), out);
		if (text.data != NULL)
			name_add_delim(delim, out, why);
	} while (text.data != NULL && !out->full && !level.full);
	out->full = out->full || level.full;
}

/* ---- cut ---- */

/* A place at or before `len` that splits neither an escape nor a character of raw UTF-8. */
static size_t
cut_place(struct slice name, size_t len)
{
	while (len > 0 && ((unsigned char)name.data[len] & 0xc0) == 0x80)
		len--;
	for (size_t back = 1; back <= 2 && back <= len; back++)
		if (name.data[len - back] == '=')
			return len - back;
	return len;
}

void
name_cut(struct buf *name, unsigned *why)
{
	uint8_t sum[SHA256_LEN];
	char hex[SHA256_HEX];

	if (name->len <= MAPPED_NAME_MAX)
		return;
	*why |= WHY_LONG;
	digest_once(name->data, name->len, sum);
	digest_hex(sum, hex);
	/* "~", and "-" that closes a run */
	mutf7_cut(name, cut_place(buf_slice(name), MAPPED_NAME_MAX - CUT_DIGITS - 2));
	(void)buf_add_byte(name, '~');
	(void)buf_add(name, hex, CUT_DIGITS);
}

void
name_common(struct slice wire, struct buf *out)
{
	if (slice_eq_nocase(wire, "INBOX"))
		(void)buf_add_str(out, "INBOX");
	else if (is_8bit(wire) && utf8_valid(wire))
		mutf7_encode(wire, out);
	else
		(void)buf_add(out, wire.data, wire.len);
}

/* ---- stricter ---- */

static bool
is_escape(struct slice level, size_t i)
{
	return level.data[i] == '=' && i + 2 < level.len && is_hex(level.data[i + 1]) &&
	       is_hex(level.data[i + 2]);
}

static void
level_stricter(struct slice level, struct buf *out)
{
	AUTO(buf_done) struct buf text;
	unsigned why = 0;

	buf_init(&text, LEVEL_MAX);
	if (slice_eq(level, "=")) { /* an empty one: =3D is taken */
		(void)buf_add_byte(out, '=');
		return;
	}
	level_decode(level, &text, &why);
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || c == ' ' || c == '-' || c == '_' ||
			     is_escape(buf_slice(&text), i);

		if (plain)
			(void)buf_add_byte(out, c);
		else
			(void)buf_printf(out, "=%02X", (unsigned char)c);
	}
}

int
mapping_stricter(const struct mapping_side *target, const char *name, struct arena *a,
    const char **ret, struct err *err)
{
	AUTO(buf_done) struct buf out;
	struct naming n = naming_of(target);
	struct slice rest = slice_str(name);
	unsigned why = 0;

	buf_init(&out, WIRE_NAME_MAX);
	if (rest.len >= n.prefix.len && strncmp(name, n.prefix.data, n.prefix.len) == 0) {
		(void)buf_add(&out, rest.data, n.prefix.len);
		rest.data += n.prefix.len;
		rest.len -= n.prefix.len;
	}
	for (;;) {
		const char *end = n.delim && rest.len ? memchr(rest.data, n.delim, rest.len) : NULL;
		size_t len = end != NULL ? (size_t)(end - rest.data) : rest.len;

		level_stricter((struct slice){ rest.data, len }, &out);
		if (end == NULL)
			break;
		(void)buf_add_byte(&out, n.delim);
		rest.data += len + 1;
		rest.len -= len + 1;
	}
	name_cut(&out, &why);
	const char *made = out.full ? NULL : arena_copy(a, buf_slice(&out));
	if (made == NULL)
		return err_set(err, ERR_PROTOCOL, "folder names are longer than fit into memory");
	*ret = strcmp(made, name) == 0 ? NULL : made;
	return 0;
}

/* The length of the shortest name above that is such a folder; 0: there is none. */
static size_t
leaf_above(const struct mapping_side *target, const char *name)
{
	/* The folder of the prefix is no level of the name. */
	size_t from = strncmp(name, target->prefix.data, target->prefix.len) == 0 ? target->prefix.len : 0;

	for (const char *at = name + from; target->delim != '\0' && (at = strchr(at, target->delim)) != NULL; at++) {
		struct slice above = { name, (size_t)(at - name) };

		for (size_t i = 0; i < target->n; i++)
			if (target->folder[i].attrs & FOLDER_NOINFERIORS &&
			    slice_cmp(above, target->folder[i].name) == 0)
				return above.len;
	}
	return 0;
}

int
mapping_beside(const struct mapping_side *target, const char *name, struct arena *a, const char **ret,
    struct err *err)
{
	AUTO(buf_done) struct buf out;
	size_t leaf = leaf_above(target, name);
	unsigned why = 0;

	*ret = NULL;
	buf_init(&out, WIRE_NAME_MAX);
	if (leaf == 0)
		return 0;
	(void)buf_add(&out, name, leaf);
	for (const char *at = name + leaf; *at != '\0'; at++) {
		if (*at == target->delim)
			buf_add_str(&out, "=2F");
		else
			(void)buf_add_byte(&out, *at);
	}
	name_cut(&out, &why);
	*ret = out.full ? NULL : arena_copy(a, buf_slice(&out));
	return *ret != NULL ? 0 : err_set(err, ERR_PROTOCOL, "folder names are longer than fit into memory");
}
