/* The window is [from, to) in UIDs and holds every name of ours in it. It is filled by one walk
 * over cur/ and new/ that keeps the lowest WINDOW UIDs from `from` on: whenever twice as many have
 * come together, the upper half is dropped and `to` set to the lowest UID dropped. Rejected: all
 * names (80 MiB for a million messages), and flags as bits with the name made up from the row
 * (fails as soon as S= or W= was rewritten). */
#include "store/maildir/name_index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

enum { WINDOW = 16384, TEXT_MAX = 2 * WINDOW * (NAME_INDEX_PATH_MAX + 1) };

struct name_entry {
	uint32_t uid, text; /* offset of "cur/NAME" in the text */
};

struct name_index {
	int folder;
	uint32_t uidvalidity;
	bool filled;
	uint32_t from;
	uint64_t to;
	struct name_entry *entry;
	size_t len;
	struct buf text;
};

struct name_index *
name_index_new(int folder, uint32_t uidvalidity)
{
	struct name_index *x = mem_new(sizeof *x);

	x->folder = folder;
	x->uidvalidity = uidvalidity;
	x->entry = mem_resize(NULL, 2 * WINDOW, sizeof *x->entry);
	buf_init(&x->text, TEXT_MAX);
	return x;
}

void
name_index_free(struct name_index **x)
{
	if (*x == NULL)
		return;
	free((*x)->entry);
	buf_done(&(*x)->text);
	free(*x);
	*x = NULL;
}

uint32_t
name_index_uidvalidity(const struct name_index *x)
{
	return x->uidvalidity;
}

static int
name_entry_cmp(const void *a, const void *b, void *arg)
{
	const struct name_entry *x = a, *y = b;
	const char *text = arg;

	if (x->uid != y->uid)
		return x->uid < y->uid ? -1 : 1;
	return strcmp(text + x->text, text + y->text);
}

static void
name_index_sort(struct name_index *x)
{
	qsort_r(x->entry, x->len, sizeof *x->entry, name_entry_cmp, x->text.data);
}

/* Drop the upper half; also what has the UID of the first one dropped, so that a UID is in whole or
 * out. */
static void
name_index_halve(struct name_index *x)
{
	struct buf text;
	size_t keep = WINDOW;

	name_index_sort(x);
	x->to = x->entry[keep].uid;
	while (keep > 0 && x->entry[keep - 1].uid == x->to)
		keep--;
	buf_init(&text, TEXT_MAX);
	for (size_t i = 0; i < keep; i++) {
		const char *name = x->text.data + x->entry[i].text;

		x->entry[i].text = (uint32_t)text.len;
		(void)buf_add(&text, name, strlen(name) + 1);
	}
	buf_done(&x->text);
	x->text = text;
	x->len = keep;
}

static void
name_index_add(struct name_index *x, const char *sub, const char *name)
{
	struct maildir_entry e;

	if (!maildir_parse(slice_str(name), &e) || e.uidvalidity != x->uidvalidity)
		return;
	if (e.uid < x->from || e.uid >= x->to)
		return;
	if (x->len == 2 * WINDOW)
		name_index_halve(x);
	if (e.uid >= x->to)
		return;
	x->entry[x->len++] = (struct name_entry){ e.uid, (uint32_t)x->text.len };
	(void)buf_printf(&x->text, "%s/%s", sub, name);
	(void)buf_add_byte(&x->text, '\0');
}

static int
name_index_walk(struct name_index *x, const char *sub, struct err *err)
{
	struct maildir_walk w;
	const char *name;

	if (maildir_walk_begin(&w, x->folder, sub, err) < 0)
		return -1;
	while ((name = maildir_walk_next(&w)) != NULL)
		name_index_add(x, sub, name);
	return maildir_walk_end(&w, err);
}

static int
name_index_fill(struct name_index *x, uint32_t from, struct err *err)
{
	x->from = from;
	x->to = (uint64_t)UINT32_MAX + 1;
	x->len = 0;
	buf_reset(&x->text);
	x->filled = false;
	if (name_index_walk(x, "cur", err) < 0 || name_index_walk(x, "new", err) < 0)
		return -1;
	name_index_sort(x);
	x->filled = true;
	return 0;
}

static size_t
name_index_place(const struct name_index *x, uint32_t uid)
{
	size_t from = 0, to = x->len;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (x->entry[mid].uid < uid)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

int
name_index_find(struct name_index *x, uint32_t uid, struct slice identity,
    char ret[NAME_INDEX_PATH_MAX], struct err *err)
{
	if (!x->filled || uid < x->from || uid >= x->to) {
		if (name_index_fill(x, uid, err) < 0)
			return -1;
	}
	*ret = '\0';
	for (size_t i = name_index_place(x, uid); i < x->len && x->entry[i].uid == uid; i++) {
		const char *path = x->text.data + x->entry[i].text;

		if (strncmp(path + 4, identity.data, identity.len) == 0 &&
		    path[4 + identity.len] == ',') {
			(void)snprintf(ret, NAME_INDEX_PATH_MAX, "%s", path);
			return 0;
		}
	}
	return 0;
}
