/* See tree_name.h. That no two names meet follows from each form being readable again: `%` of a
 * name itself is always %25, so a `%` that two hexadecimal digits do not follow is one of ours, and
 * so is a `~` before 8 or 16 digits at the end. Which octets are encoded does therefore not matter
 * for it, and the rules of Windows can be added to the others. */
#include "mail/tree_name.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "mail/names.h"

enum {
	TEXT_MAX = 16 * 1024, /* of a level, decoded; longer ones stay octets */
	CUT_DIGITS = 16,
	TWIN_DIGITS = 8,
	TWINS_MAX = 4 * 1024 * 1024,
	TWIN_HASH = 16
};

/* A directory name, folded, in its directory; and the wire name that it stands for. */
struct twin {
	uint8_t key[TWIN_HASH], wire[TWIN_HASH];
};

struct tree_names {
	bool windows;
	struct twin *twin; /* sorted; after a survey only those keys that several names have */
	size_t len, cap;
};

struct tree_names *
tree_names_new(bool windows)
{
	struct tree_names *n = mem_new(sizeof *n);

	n->windows = windows;
	return n;
}

void
tree_names_free(struct tree_names **n)
{
	if (*n == NULL)
		return;
	free((*n)->twin);
	free(*n);
	*n = NULL;
}

/* ---- the levels of a wire name ---- */

struct levels {
	struct slice wire;
	size_t at; /* start of the next level */
	char delim;
	bool marked; /* the first level gets "%_" */
	bool first, end;
};

struct level {
	struct slice text; /* as on the wire */
	struct slice above,
	    wire; /* the wire name before and with it; above is empty for the first */
	bool marked;
};

static void
levels_start(struct levels *l, struct slice wire, char delim, struct slice prefix)
{
	bool below = wire.len >= prefix.len &&
		     (prefix.len == 0 || memcmp(wire.data, prefix.data, prefix.len) == 0);
	size_t at = below ? prefix.len : 0;
	struct slice rest = { wire.len > 0 ? wire.data + at : "", wire.len - at };

	*l = (struct levels){ .wire = { rest.data - at, wire.len }, .at = at, .first = true };
	l->marked = !below || slice_eq_nocase(rest, "INBOX");
	l->delim = (unsigned char)delim < 0x80 ? delim : '\0';
}

static bool
levels_next(struct levels *l, struct level *ret)
{
	if (l->end)
		return false;
	const char *from = l->wire.data + l->at;
	size_t left = l->wire.len - l->at;
	const char *delim = l->delim != '\0' && left > 0 ? memchr(from, l->delim, left) : NULL;
	size_t len = delim != NULL ? (size_t)(delim - from) : left;

	*ret = (struct level){ .text = { from, len },
		.above = { l->wire.data, l->first ? 0 : l->at - 1 },
		.wire = { l->wire.data, l->at + len },
		.marked = l->first && l->marked };
	l->at += len + 1;
	l->first = false;
	l->end = delim == NULL;
	return true;
}

/* ---- one level ---- */

static bool
is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Place of a `~` before so many digits at the end; text.len: none. */
static size_t
digits_at(struct slice text, size_t digits)
{
	if (text.len <= digits || text.data[text.len - digits - 1] != '~')
		return text.len;
	for (size_t i = text.len - digits; i < text.len; i++) {
		if (!is_hex(text.data[i]))
			return text.len;
	}
	return text.len - digits - 1;
}

/* CON, PRN, AUX, NUL, CONIN$, CONOUT$, COM1-9, LPT1-9 (also with a raised 1, 2 or 3), with or
 * without something behind a dot or blanks. */
static bool
is_device(struct slice text)
{
	static const char *const whole[] = { "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$" };
	const char *dot = text.len > 0 ? memchr(text.data, '.', text.len) : NULL;
	struct slice base = { text.data, dot != NULL ? (size_t)(dot - text.data) : text.len };

	while (base.len > 0 && base.data[base.len - 1] == ' ')
		base.len--;
	for (size_t i = 0; i < COUNT_OF(whole); i++) {
		if (slice_eq_nocase(base, whole[i]))
			return true;
	}
	if (!slice_starts_nocase(base, "COM") && !slice_starts_nocase(base, "LPT"))
		return false;
	struct slice number = { base.data + 3, base.len - 3 };
	return (number.len == 1 && *number.data >= '1' && *number.data <= '9') ||
	       slice_eq(number, "\xc2\xb9") || slice_eq(number, "\xc2\xb2") ||
	       slice_eq(number, "\xc2\xb3");
}

/* Octets that are encoded for where they stand. */
struct places {
	size_t eml, folder, cut, twin; /* the length of the text: none */
	size_t end; /* from here on dots and blanks */
	bool device, maildir;
};

/* Directories of these names beside each other would make a Maildir of the tree. */
static bool
is_maildir_part(struct slice text)
{
	return slice_eq_nocase(text, "cur") || slice_eq_nocase(text, "new") ||
	       slice_eq_nocase(text, "tmp");
}

static void
places_find(struct places *p, struct slice text, bool windows)
{
	*p = (struct places){ .eml = text.len, .folder = text.len, .end = text.len };
	if (text.len >= 4 && slice_eq_nocase((struct slice){ text.data + text.len - 4, 4 }, ".eml"))
		p->eml = text.len - 4;
	if (slice_starts_nocase(text, "folder."))
		p->folder = 6;
	p->cut = digits_at(text, CUT_DIGITS);
	p->twin = digits_at(text, TWIN_DIGITS);
	while (
	    windows && p->end > 0 && (text.data[p->end - 1] == '.' || text.data[p->end - 1] == ' '))
		p->end--;
	p->device = windows && is_device(text);
	p->maildir = is_maildir_part(text);
}

static bool
octet_is_plain(const struct places *p, struct slice text, size_t at, bool windows)
{
	unsigned char c = (unsigned char)text.data[at];

	if (c < ' ' || c == 0x7f || c == '%' || c == '/')
		return false;
	if (windows && strchr("<>:\"\\|?*", c) != NULL)
		return false;
	if (at == 0 && (c == '.' || p->device || p->maildir))
		return false;
	return at != p->eml && at != p->folder && at != p->cut && at != p->twin && at < p->end;
}

/* True when something was encoded. Stops when `out` is longer than a component may be: it is cut.
 */
static bool
text_encode(struct slice text, bool windows, struct buf *out)
{
	struct places p;
	uint32_t ignored;
	bool encoded = false;

	places_find(&p, text, windows);
	for (size_t at = 0; at < text.len && out->len <= TREE_LEVEL_MAX;) {
		struct slice rest = { text.data + at, text.len - at };
		size_t n = utf8_next(rest, &ignored);

		if (n > 1 || (n == 1 && octet_is_plain(&p, text, at, windows))) {
			(void)buf_add(out, rest.data, n);
		} else {
			encoded = true;
			n = 1;
			(void)buf_printf(out, "%%%02X", (unsigned)(unsigned char)*rest.data);
		}
		at += n;
	}
	return encoded;
}

static void
digits_add(struct slice of, size_t digits, struct buf *out)
{
	uint8_t sum[SHA256_LEN];
	char hex[SHA256_HEX];

	digest_once(of.data, of.len, sum);
	digest_hex(sum, hex);
	(void)buf_add_byte(out, '~');
	(void)buf_add(out, hex, digits);
}

/* Cut so that no character and no %XX is split. */
static void
component_cut(struct buf *name, struct slice wire)
{
	size_t len = TREE_LEVEL_MAX - CUT_DIGITS - 1;

	while ((name->data[len] & 0xc0) == 0x80)
		len--;
	for (size_t back = 1; back <= 2; back++) {
		if (name->data[len - back] == '%') {
			len -= back;
			break;
		}
	}
	name->len = len;
	name->data[len] = '\0';
	digits_add(wire, CUT_DIGITS, name);
}

/* The directory of a level, but for twins; true when it was changed. */
static bool
component_add(const struct level *l, bool windows, struct buf *out)
{
	AUTO(buf_done) struct buf text;

	buf_init(&text, TEXT_MAX);
	if (l->marked)
		(void)buf_add_str(out, "%_");
	bool decoded = l->text.len > 0 && mutf7_decode(l->text, &text);
	bool mapped = text_encode(decoded ? buf_slice(&text) : l->text, windows, out);
	if (!decoded)
		(void)buf_add_byte(out, '%');
	if (out->len > TREE_LEVEL_MAX) {
		component_cut(out, l->wire);
		mapped = true;
	}
	return mapped || l->marked || !decoded;
}

/* ---- twins ---- */

/* What file systems that ignore case or the way accents are written compare, or stricter: letters
 * that are one in upper case are one here. */
static char *
name_fold(struct slice name)
{
	char *one = g_utf8_normalize(name.data, (gssize)name.len, G_NORMALIZE_DEFAULT);
	GString *upper = g_string_sized_new(name.len);

	for (const char *p = one; p != NULL && *p != '\0'; p = g_utf8_next_char(p))
		g_string_append_unichar(upper, g_unichar_toupper(g_utf8_get_char(p)));
	char *folded = g_utf8_casefold(upper->str, (gssize)upper->len);
	char *again = g_utf8_normalize(folded, -1, G_NORMALIZE_DEFAULT);
	g_free(one);
	g_free(folded);
	(void)g_string_free(upper, TRUE);
	return again;
}

static void
twin_of(const struct level *l, struct slice component, struct twin *ret)
{
	uint8_t sum[SHA256_LEN];
	struct digest *d = digest_new();
	char *folded = name_fold(component);

	digest_start(d);
	digest_add(d, &l->above.len, sizeof l->above.len);
	digest_add(d, l->above.data, l->above.len);
	if (folded != NULL)
		digest_add(d, folded, strlen(folded));
	digest_end(d, sum);
	digest_free(d);
	g_free(folded);
	memcpy(ret->key, sum, TWIN_HASH);
	digest_once(l->wire.data, l->wire.len, sum);
	memcpy(ret->wire, sum, TWIN_HASH);
}

static int
twin_order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct twin));
}

static int
twin_key_order(const void *a, const void *b)
{
	return memcmp(((const struct twin *)a)->key, ((const struct twin *)b)->key, TWIN_HASH);
}

static void
survey_add(struct tree_names *n, const struct level *l, struct slice component)
{
	if (n->len == n->cap) {
		n->cap = n->cap > 0 ? 2 * n->cap : 64;
		n->twin = mem_resize(n->twin, n->cap, sizeof *n->twin);
	}
	twin_of(l, component, &n->twin[n->len++]);
}

/* INBOX itself is a level as any other, but named by its rule. */
static void
survey_folder(struct tree_names *n, const struct folder *f)
{
	const struct level inbox = { .text = f->name, .wire = f->name };
	size_t path = 0;
	struct levels it;
	struct level l;

	if (slice_eq_nocase(f->name, "INBOX")) {
		survey_add(n, &inbox, slice_str("INBOX"));
		return;
	}
	levels_start(&it, f->name, f->delim, f->prefix);
	while (path <= TREE_PATH_MAX && n->len < TWINS_MAX && levels_next(&it, &l)) {
		AUTO(buf_done) struct buf name;

		buf_init(&name, TEXT_MAX);
		(void)component_add(&l, true, &name);
		survey_add(n, &l, buf_slice(&name));
		path += name.len + 1;
	}
}

void
tree_names_survey(struct tree_names *n, const struct folder *list, size_t len)
{
	size_t keep = 0;

	n->len = 0;
	if (!n->windows)
		return;
	for (size_t i = 0; i < len; i++)
		survey_folder(n, &list[i]);
	if (n->len > 0)
		qsort(n->twin, n->len, sizeof *n->twin, twin_order);
	for (size_t i = 1; i < n->len; i++) {
		bool twins = twin_key_order(&n->twin[i - 1], &n->twin[i]) == 0 &&
			     twin_order(&n->twin[i - 1], &n->twin[i]) != 0;

		if (twins && (keep == 0 || twin_key_order(&n->twin[keep - 1], &n->twin[i]) != 0))
			n->twin[keep++] = n->twin[i];
	}
	n->len = keep;
}

static bool
has_twin(const struct tree_names *n, const struct level *l, struct slice component)
{
	struct twin key;

	if (n->len == 0 || slice_eq(l->wire, "INBOX"))
		return false;
	twin_of(l, component, &key);
	return bsearch(&key, n->twin, n->len, sizeof *n->twin, twin_key_order) != NULL;
}

/* ---- paths ---- */

static bool
level_add(const struct tree_names *n, const struct level *l, struct buf *path)
{
	AUTO(buf_done) struct buf name;

	buf_init(&name, TEXT_MAX);
	bool mapped = component_add(l, n->windows, &name);
	if (has_twin(n, l, buf_slice(&name))) {
		digits_add(l->wire, TWIN_DIGITS, &name);
		mapped = true;
	}
	(void)buf_add(path, "/", path->len > 0);
	(void)buf_add(path, name.data, name.len);
	return mapped;
}

bool
tree_name(const struct tree_names *n, struct slice wire_name, char delim, struct slice prefix,
    struct buf *out)
{
	AUTO(buf_done) struct buf path;
	struct levels it;
	struct level l;
	size_t fits = 0; /* whole levels that leave room for the digits of the rest */
	bool mapped = false;

	buf_init(&path, 2 * TREE_PATH_MAX);
	if (slice_eq_nocase(wire_name, "INBOX")) {
		(void)buf_add_str(out, "INBOX");
		return false;
	}
	levels_start(&it, wire_name, delim, prefix);
	while (path.len <= TREE_PATH_MAX && levels_next(&it, &l)) {
		mapped = level_add(n, &l, &path) || mapped;
		if (path.len <= TREE_PATH_MAX - CUT_DIGITS - 2)
			fits = path.len;
	}
	if (path.len > TREE_PATH_MAX) {
		path.len = fits;
		(void)buf_add_byte(&path, '/');
		digits_add(wire_name, CUT_DIGITS, &path);
		mapped = true;
	}
	(void)buf_add(out, path.data, path.len);
	return mapped;
}

static bool
component_valid(struct slice c)
{
	struct places p;

	places_find(&p, c, false);
	if (c.len == 0 || c.len > 255 || *c.data == '.' || p.eml < c.len || p.folder < c.len ||
	    p.maildir)
		return false;
	for (size_t i = 0; i < c.len; i++) {
		if ((unsigned char)c.data[i] < ' ' || c.data[i] == 0x7f)
			return false;
	}
	return true;
}

bool
tree_path_valid(const char *path)
{
	if (path == NULL || strlen(path) > TREE_PATH_MAX)
		return false;
	for (;;) {
		const char *slash = strchrnul(path, '/');

		if (!component_valid((struct slice){ path, (size_t)(slash - path) }))
			return false;
		if (*slash == '\0')
			return true;
		path = slash + 1;
	}
}
