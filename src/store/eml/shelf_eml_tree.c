/* Folders and messages of a tree of .eml files. In a tree of imex each directory with a sidecar is
 * a folder, and the sidecar tells which file is which message; a file that it does not tell of (put
 * there by somebody) is numbered behind the highest UID. Elsewhere each directory with .eml files
 * is a folder, numbered 1, 2, 3 ... in the natural order of names, so that "2.eml" comes before
 * "10.eml"; its UIDVALIDITY is a digest of names, sizes and times. Files in the place itself are
 * INBOX, or, when a directory has that name, a folder named after the place. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/eml/shelf_eml.h"
#include "store/shelf/shelf_told.h"

enum { NAME_TEXT_MAX = 64 * 1024 };

/* ---- folders ---- */

static bool
is_eml(const struct dir_list *l, size_t i)
{
	const char *name = shelf_dir_name(l, i);

	return shelf_dir_kind(l, i) == DIR_FILE && name[0] != '.' && shelf_name_ends(name, ".eml");
}

static bool
has_eml(const struct dir_list *l)
{
	for (size_t i = 0; i < l->len; i++) {
		if (is_eml(l, i))
			return true;
	}
	return false;
}

/* The name of what lies in the place itself. */
static void
root_name(const struct shelf_base *b, const struct dir_list *l, struct buf *name)
{
	bool inbox = false;
	size_t len = strlen(b->path), from;

	for (size_t i = 0; i < l->len; i++)
		inbox = inbox || (shelf_dir_kind(l, i) == DIR_DIR &&
				     slice_eq_nocase(slice_str(shelf_dir_name(l, i)), "INBOX"));
	while (len > 1 && b->path[len - 1] == '/')
		len--;
	for (from = len; from > 0 && b->path[from - 1] != '/'; from--)
		;
	struct slice own = { b->path + from, len - from };
	if (!inbox || own.len == 0 || slice_eq(own, ".") || slice_eq(own, ".."))
		own = slice_str("INBOX");
	shelf_level_mutf7(own, name);
}

static int
add_folder(struct shelf *s, const struct shelf_step *at, struct err *err)
{
	AUTO(buf_done) struct buf name;

	buf_init(&name, NAME_TEXT_MAX);
	if (shelf_dir_has(at->list, "folder.jsonl") == DIR_FILE)
		return shelf_told_folder(&s->base, at, err);
	if (!has_eml(at->list))
		return 0;
	if (at->name.len > 0)
		(void)buf_add(&name, at->name.data, at->name.len);
	else
		root_name(&s->base, at->list, &name);
	const struct shelf_folder f = { .name = buf_slice(&name), .path = at->path, .delim = '/' };
	return shelf_base_add(&s->base, &f, err);
}

static int
visit(struct shelf_base *b, struct shelf_step *at, struct err *err)
{
	if (add_folder(at->arg, at, err) < 0)
		return -1;
	for (size_t i = 0; i < at->list->len; i++) {
		const char *child = shelf_dir_name(at->list, i);
		enum dir_kind kind = shelf_dir_kind(at->list, i);
		AUTO(buf_done) struct buf name;

		buf_init(&name, NAME_TEXT_MAX);
		if (kind == DIR_LINK)
			shelf_note(b, EV_FILE_PASSED_OVER, LEVEL_WARNING, 0, "'%s%s%s': %s",
			    at->path, *at->path != '\0' ? "/" : "", child, shelf_file_words(ELOOP));
		if (kind != DIR_DIR || child[0] == '.')
			continue;
		(void)buf_add(&name, at->name.data, at->name.len);
		shelf_level_dir(b, slice_str(child), &name);
		if (shelf_walk_into(b, at, child, buf_slice(&name), visit, err) < 0)
			return -1;
	}
	return 0;
}

int
eml_find_folders(struct shelf *s, struct err *err)
{
	const struct shelf_folder one = {
		.name = slice_str("INBOX"), .path = "", .file = s->base.file, .delim = '/'
	};

	shelf_base_clear(&s->base);
	int done = s->base.file != NULL ? shelf_base_add(&s->base, &one, err)
					: shelf_walk(&s->base, visit, s, err);
	return done < 0 ? -1 : shelf_base_sort(&s->base, err);
}

/* ---- messages ---- */

static int
name_cmp(const void *a, const void *b, void *names)
{
	const struct eml_item *x = a, *y = b;

	return shelf_name_natural(shelf_dir_name(names, x->name), shelf_dir_name(names, y->name));
}

/* "5.eml" and "5.V7.eml" of a message that a sidecar tells of, taken back or not. */
static bool
name_is_told(const struct shelf *s, const char *name)
{
	size_t digits = strspn(name, "0123456789"), more;
	const char *rest = name + digits;
	uint64_t uid, uidvalidity;
	uint32_t older;

	if (!slice_u64((struct slice){ name, digits }, UINT32_MAX, &uid))
		return false;
	if (strncmp(rest, ".V", 2) == 0) {
		more = strspn(rest + 2, "0123456789");
		return slice_u64((struct slice){ rest + 2, more }, UINT32_MAX, &uidvalidity) &&
		       strcmp(rest + 2 + more, ".eml") == 0 &&
		       sidecar_index_find(s->index, (uint32_t)uidvalidity, (uint32_t)uid) != NULL;
	}
	if (strcmp(rest, ".eml") != 0)
		return false;
	if (sidecar_index_find(
		s->index, sidecar_index_folder(s->index)->uidvalidity, (uint32_t)uid))
		return true;
	for (size_t i = 0; sidecar_index_older(s->index, i, &older); i++) {
		if (sidecar_index_find(s->index, older, (uint32_t)uid) != NULL)
			return true;
	}
	return false;
}

static void
items_make(struct shelf *s)
{
	s->item = mem_resize(s->item, s->names.len + 1, sizeof *s->item);
	s->len = 0;
	for (size_t i = 0; i < s->names.len; i++) {
		if (is_eml(&s->names, i) &&
		    (s->index == NULL || !name_is_told(s, shelf_dir_name(&s->names, i))))
			s->item[s->len++] = (struct eml_item){ .name = (uint32_t)i };
	}
	if (s->len > 1)
		qsort_r(s->item, s->len, sizeof *s->item, name_cmp, &s->names);
}

static int
items_number(struct shelf *s, uint32_t last, struct err *err)
{
	if (s->len > UINT32_MAX - 1 - last)
		return err_set(err, ERR_FOLDER, "no UIDs are left behind the highest");
	for (size_t i = 0; i < s->len; i++)
		s->item[i].uid = ++last;
	s->uidnext = last < UINT32_MAX ? last + 1 : last;
	return 0;
}

/* Of what no sidecar tells, with its numbers. `told`: the UIDVALIDITY of what one does; 0: there is none. */
static int
inventory_digest(struct shelf *s, uint32_t told, struct err *err)
{
	struct digest *d = digest_new();
	int done = 0;

	digest_start(d);
	for (size_t i = 0; done == 0 && i < s->len; i++) {
		const char *name = shelf_dir_name(&s->names, s->item[i].name);
		struct stat st = { 0 };

		(void)fstatat(s->folder, name, &st, AT_SYMLINK_NOFOLLOW);
		const int64_t facts[2] = { st.st_size, st.st_mtime };
		digest_add(d, name, strlen(name) + 1);
		digest_add(d, facts, sizeof facts);
		done = i % 4096 == 0 ? shelf_stopped(&s->base, err) : 0;
	}
	if (told != 0 && s->len > 0)
		digest_add(d, &s->item[0].uid, sizeof s->item[0].uid);
	s->uidvalidity = told != 0 ? shelf_uidvalidity_made(told, s->len, d) : shelf_uidvalidity(d);
	digest_free(d);
	return done;
}

static int
load_ours(struct shelf *s, struct err *err)
{
	const struct shelf_folder *f = s->base.at;

	if (shelf_base_index(&s->base, s->folder, &s->index, err) < 0)
		return -1;
	if (s->index == NULL)
		return err_set(err, ERR_FOLDER, "the sidecar in '%s' is gone", f->path);
	s->entry = sidecar_index_of(s->index, f->counts.uidvalidity, &s->n_entry);
	s->len = 0;
	if (!f->is_older)
		items_make(s);
	if (s->len > 0)
		shelf_note(&s->base, EV_FOREIGN_CHANGE, LEVEL_WARNING, 0,
		    "'%s' and %zu more files are not told of by the sidecar; they count as "
		    "messages "
		    "behind the highest UID",
		    shelf_dir_name(&s->names, s->item[0].name), s->len - 1);
	if (items_number(s, s->n_entry > 0 ? s->entry[s->n_entry - 1].uid : 0, err) < 0)
		return -1;
	return inventory_digest(s, f->counts.uidvalidity, err);
}

int
eml_load(struct shelf *s, struct err *err)
{
	const struct shelf_folder *f = s->base.at;

	if (shelf_dir_open(s->base.root, f->path, &s->folder, err) < 0)
		return -1;
	if (f->file != NULL)
		(void)shelf_dir_add(&s->names, DIR_FILE, f->file);
	else if (shelf_dir_read(s->folder, &s->names, s->base.stop, err) < 0)
		return -1;
	if (f->ours)
		return load_ours(s, err);
	items_make(s);
	if (f->file != NULL) {
		s->len = 1;
		s->item[0] = (struct eml_item){ .name = 0 };
	}
	return inventory_digest(s, 0, err) < 0 ? -1 : items_number(s, 0, err);
}
