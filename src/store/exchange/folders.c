/* The names of the survey are made in the order of the wire names, so that the same list gives the
 * same names whatever order the server lists it in. */
#include "store/exchange/folders.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "mail/names.h"

enum { NAME_MAX_OCTETS = 64 * 1024 };

struct named {
	char *wire, *name;
	bool changed;
};

struct exfolders {
	GHashTable *by_wire;	/* wire name -> struct named */
	GHashTable *taken, *folded;	/* names; in one case of letters */
};

static void
named_free(void *arg)
{
	struct named *one = arg;

	g_free(one->wire);
	g_free(one->name);
	g_free(one);
}

static void
exfolders_clear(struct exfolders *f)
{
	f->by_wire = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, named_free);
	f->taken = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	f->folded = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

static void
exfolders_drop(struct exfolders *f)
{
	g_hash_table_destroy(f->by_wire);
	g_hash_table_destroy(f->taken);
	g_hash_table_destroy(f->folded);
}

struct exfolders *
exfolders_new(void)
{
	struct exfolders *f = mem_new(sizeof(*f));

	exfolders_clear(f);
	return f;
}

void
exfolders_free(struct exfolders **f)
{
	if (*f == NULL)
		return;
	exfolders_drop(*f);
	free(*f);
	*f = NULL;
}

/* The name that Exchange has for a folder of this use; NULL: none. */
static const char *
special_name(const char *special_use)
{
	if (special_use == NULL)
		return NULL;
	if (strstr(special_use, "\\Sent") != NULL)
		return "Sent Items";
	return strstr(special_use, "\\Trash") != NULL ? "Deleted Items" : NULL;
}

/* The personal namespace is no folder: "INBOX.Sent" is Sent (rules.md 3.3). */
static struct slice
below_prefix(struct slice wire, struct slice prefix)
{
	if (prefix.len == 0 || wire.len <= prefix.len ||
	    memcmp(wire.data, prefix.data, prefix.len) != 0)
		return wire;
	return (struct slice){ wire.data + prefix.len, wire.len - prefix.len };
}

/* One level, decoded; '\' and control characters cannot be told. */
static bool
level_add(struct slice level, struct buf *out)
{
	size_t from = out->len;
	bool changed = false;

	folder_display(level, out);
	for (size_t i = from; i < out->len; i++) {
		unsigned char c = (unsigned char)out->data[i];

		if (c != '\\' && c >= ' ' && c != 0x7f)
			continue;
		out->data[i] = '_';
		changed = true;
	}
	if (out->len == from) {
		(void)buf_add_byte(out, '_');
		changed = true;
	}
	return changed;
}

static struct slice
next_level(struct slice *rest, char delim)
{
	const char *end = delim != '\0' ? memchr(rest->data, delim, rest->len) : NULL;
	struct slice level = { rest->data, end != NULL ? (size_t)(end - rest->data) : rest->len };
	size_t taken = level.len + (end != NULL);

	rest->data += taken;
	rest->len -= taken;
	return level;
}

/* The plain name: true when something had to be changed. */
static bool
plain_name(struct slice wire, char delim, const char *special, struct buf *out)
{
	struct slice rest = wire;
	bool first = true, changed = false;

	if (wire.len == 0)
		return level_add(wire, out);
	if (special != NULL && !folder_is_inbox(wire)) {
		(void)buf_add_str(out, special);
		return false;
	}
	while (rest.len > 0) {
		struct slice level = next_level(&rest, delim);

		if (!first)
			(void)buf_add_byte(out, '\\');
		if (first && folder_is_inbox(level))
			(void)buf_add_str(out, "Inbox");
		else
			changed |= level_add(level, out);
		first = false;
	}
	return changed;
}

/* Keep it apart from those before it. One that differs in the case of letters alone keeps its name, but
 * Exchange takes both for one folder: that is told. */
static char *
take_name(struct exfolders *f, const char *plain, bool *io_changed)
{
	char *name = g_strdup(plain), *valid;

	for (unsigned n = 2; g_hash_table_contains(f->taken, name); n++) {
		g_free(name);
		name = g_strdup_printf("%s (%u)", plain, n);
		*io_changed = true;
	}
	(void)g_hash_table_add(f->taken, g_strdup(name));
	valid = g_utf8_make_valid(name, -1);
	*io_changed |= !g_hash_table_add(f->folded, g_utf8_casefold(valid, -1));
	g_free(valid);
	return name;
}

static struct named *
name_one(struct exfolders *f, struct slice wire, struct slice prefix, char delim,
    const char *special)
{
	struct named *one = g_new0(struct named, 1);
	struct buf plain;

	buf_init(&plain, NAME_MAX_OCTETS);
	one->changed = plain_name(below_prefix(wire, prefix), delim, special, &plain);
	one->wire = g_strndup(wire.data, wire.len);
	one->name = take_name(f, plain.data != NULL ? plain.data : "", &one->changed);
	buf_done(&plain);
	(void)g_hash_table_insert(f->by_wire, one->wire, one);
	return one;
}

static int
by_wire_name(const void *a, const void *b)
{
	const struct folder *const *x = a, *const *y = b;

	return slice_cmp((*x)->name, (*y)->name);
}

/* Who comes first has the name: INBOX and what Exchange knows, at the top before elsewhere, then names
 * that need no change. */
enum { TURNS = 4 };
static int
turn_of(const struct folder *one)
{
	struct slice name = below_prefix(one->name, one->prefix);
	bool top = one->delim == '\0' || memchr(name.data, one->delim, name.len) == NULL;
	struct buf plain;

	if (folder_is_inbox(name) || special_name(one->special_use) != NULL)
		return top ? 0 : 1;
	buf_init(&plain, NAME_MAX_OCTETS);
	int turn = plain_name(name, one->delim, NULL, &plain) ? 3 : 2;

	buf_done(&plain);
	return turn;
}

void
exfolders_survey(struct exfolders *f, const struct folder *list, size_t n)
{
	const struct folder **sorted = mem_resize(NULL, n + 1, sizeof(*sorted));

	exfolders_drop(f);
	exfolders_clear(f);
	for (size_t i = 0; i < n; i++)
		sorted[i] = &list[i];
	qsort(sorted, n, sizeof(*sorted), by_wire_name);
	for (int turn = 0; turn < TURNS; turn++)
		for (size_t i = 0; i < n; i++)
			if (turn_of(sorted[i]) == turn && !(sorted[i]->attrs & FOLDER_NOSELECT))
				(void)name_one(f, sorted[i]->name, sorted[i]->prefix,
				    sorted[i]->delim, special_name(sorted[i]->special_use));
	free(sorted);
}

const char *
exfolders_name(struct exfolders *f, const char *wire_name, char delim, const char *special_use,
    bool *ret_changed)
{
	struct named *one = g_hash_table_lookup(f->by_wire, wire_name);

	if (one == NULL)
		one = name_one(f, slice_str(wire_name), (struct slice){ NULL, 0 }, delim,
		    special_name(special_use));
	*ret_changed = one->changed;
	return one->name;
}
