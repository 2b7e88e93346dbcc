/* Of a set that imex wrote, the lines of an account that no sidecar tells of, since a sidecar lost some or is gone:
 * they are messages too, as those of an mbox are (shelf_mbox_enter.c).
 *
 * Whose a line is, its file tells: each belongs to one account, and the sidecars of that account name it. A file
 * that these do not name any more is theirs when it has the same owner and no other account's sidecars name it, for
 * two accounts may share an address. Which folder a line belongs to, other lines of its folder tell; where there are
 * none, the names that the sink makes of the folders (exchange/folders.h) do, and else the name itself.
 *
 * A file in which a line is not where a sidecar says was rewritten by another program: of it nothing is taken, for what
 * is told of and cannot be found may be among the rest. */
#include <fcntl.h>
#include <glib.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/exchange/folders.h"
#include "store/exchange/shelf_exchange.h"
#include "store/shelf/shelf_told.h"

enum { NAME_MAX_OCTETS = 64 * 1024 };

struct told_place {
	uint32_t set, file;
	uint64_t at;
	uint32_t folder; /* of s->base */
	bool met; /* a line is there */
};

/* A file of the set that sidecars name. */
struct told_file {
	char *name;
	bool known; /* a list names it, as this one */
	bool rewritten;
	uint32_t set, file;
};

struct told_files {
	struct told_file *file;
	size_t len, cap, last;
};

struct untold {
	struct shelf *s;
	struct told_place *place;
	size_t len, cap;
	uint32_t folder; /* whose sidecar is read */
	struct told_files mine, others;
	bool others_known;
	GPtrArray *owners; /* addresses, without repeats */
	GHashTable *by_line, *by_name; /* name in a line -> wire name; wire name -> number in s->folder */
	struct exset_folder *found; /* by the name that lines have */
	size_t n_found, at_found;
};

/* ---- what the sidecars tell ---- */

static struct told_file *
file_told(struct shelf *s, struct told_files *l, struct slice name)
{
	if (l->last < l->len && slice_eq(name, l->file[l->last].name))
		return &l->file[l->last];
	for (l->last = 0; l->last < l->len; l->last++) {
		if (slice_eq(name, l->file[l->last].name))
			return &l->file[l->last];
	}
	if (l->len == l->cap) {
		l->cap = l->cap > 0 ? 2 * l->cap : 16;
		l->file = mem_resize(l->file, l->cap, sizeof(*l->file));
	}

	struct told_file *f = &l->file[l->len++];
	size_t set;

	*f = (struct told_file){ .name = strndup(name.data, name.len) };
	if (f->name == NULL)
		mem_out();
	f->known = exlists_find(&s->lists, f->name, &set, &f->file);
	f->set = f->known ? (uint32_t)set : 0;
	return f;
}

static struct told_file *
file_among(const struct told_files *l, uint32_t set, uint32_t file)
{
	for (size_t i = 0; i < l->len; i++) {
		if (l->file[i].known && l->file[i].set == set && l->file[i].file == file)
			return &l->file[i];
	}
	return NULL;
}

static int
see_place(void *arg, struct slice name, uint64_t at, uint64_t stored)
{
	struct untold *u = arg;
	const struct told_file *f = name.data != NULL ? file_told(u->s, &u->mine, name) : NULL;

	(void)stored;
	if (f == NULL || !f->known)
		return 0;
	if (u->len == u->cap) {
		u->cap = u->cap > 0 ? 2 * u->cap : 256;
		u->place = mem_resize(u->place, u->cap, sizeof(*u->place));
	}
	u->place[u->len++] =
	    (struct told_place){ .set = f->set, .file = f->file, .at = at, .folder = u->folder };
	return 0;
}

static int
read_places(struct untold *u, int folder, const char *path,
    int (*see)(void *arg, struct slice file, uint64_t at, uint64_t stored), struct err *err)
{
	struct sidecar_index *x = NULL;
	int rc = sidecar_index_read(&x, folder, path, u->s->base.stop, NULL, err);

	if (rc == 0 && x != NULL)
		rc = sidecar_index_places(x, u->s->base.stop, see, u, err);
	sidecar_index_free(&x);
	return rc;
}

static int
place_cmp(const void *a, const void *b)
{
	const struct told_place *x = a, *y = b;

	if (x->set != y->set)
		return x->set < y->set ? -1 : 1;
	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

/* All places, each once. */
static int
see_sidecars(struct untold *u, struct err *err)
{
	const struct shelf_base *b = &u->s->base;
	size_t kept = 0;

	for (size_t i = 0; i < b->len; i++) {
		AUTO(file_close) int dir = -1;

		if (!b->folder[i].ours || b->folder[i].is_older)
			continue;
		u->folder = (uint32_t)i;
		if (shelf_dir_open(b->root, b->folder[i].path, &dir, err) < 0 ||
		    read_places(u, dir, b->folder[i].path, see_place, err) < 0)
			return -1;
	}
	if (u->len > 1)
		qsort(u->place, u->len, sizeof(*u->place), place_cmp);
	for (size_t i = 0; i < u->len; i++) {
		if (kept == 0 || place_cmp(&u->place[kept - 1], &u->place[i]) != 0)
			u->place[kept++] = u->place[i];
	}
	u->len = kept;
	return 0;
}

static int
see_other(void *arg, struct slice name, uint64_t at, uint64_t stored)
{
	struct untold *u = arg;

	(void)at;
	(void)stored;
	if (name.data != NULL)
		(void)file_told(u->s, &u->others, name);
	return 0;
}

/* A sidecar of another account that cannot be read spoils nothing of this one. */
static int
visit_other(struct shelf_base *b, struct shelf_step *at, struct err *err)
{
	struct untold *u = at->arg;
	struct err ignored = { 0 };

	if (shelf_dir_has(at->list, "folder.jsonl") == DIR_FILE)
		(void)read_places(u, at->dir, at->path, see_other, &ignored);
	for (size_t i = 0; i < at->list->len; i++) {
		const char *child = shelf_dir_name(at->list, i);

		if (shelf_dir_kind(at->list, i) == DIR_DIR && child[0] != '.' &&
		    shelf_walk_into(b, at, child, slice_str(child), visit_other, err) < 0)
			return -1;
	}
	return 0;
}

/* Does another account name the file? Asked only of files that this one does not name. */
static int
is_of_others(struct untold *u, uint32_t set, uint32_t file, bool *ret, struct err *err)
{
	const struct shelf_place mail = { .path = u->s->lists.dir, .ours = true };
	struct shelf_base b;
	int rc = 0;

	if (!u->others_known) {
		if (shelf_base_open(&b, &mail, u->s->base.stop, err) < 0)
			return -1;
		rc = shelf_walk(&b, visit_other, u, err);
		shelf_base_done(&b);
		u->others_known = rc == 0;
	}
	*ret = file_among(&u->others, set, file) != NULL;
	return rc;
}

/* ---- whose lines ---- */

static void
owner_add(struct untold *u, const char *address)
{
	for (guint i = 0; i < u->owners->len; i++) {
		if (g_ascii_strcasecmp(g_ptr_array_index(u->owners, i), address) == 0)
			return;
	}
	g_ptr_array_add(u->owners, g_strdup(address));
}

/* Those of files that the sidecars name, and who the account would be without any. */
static void
find_owners(struct untold *u)
{
	const struct shelf *s = u->s;

	if (s->owner != NULL)
		owner_add(u, s->owner);
	for (size_t i = 0; i < u->mine.len; i++) {
		const struct told_file *f = &u->mine.file[i];
		const struct exread *r = f->known ? s->lists.set[f->set] : NULL;

		for (size_t k = 0; r != NULL && k < exread_owners(r); k++) {
			if (exread_owner_in(r, k, f->file))
				owner_add(u, exread_owner(r, k)->address);
		}
	}
}

/* ---- the lines ---- */

static struct told_place *
place_of(const struct untold *u, uint32_t set, const struct explace *at)
{
	const struct told_place key = { .set = set, .file = at->file, .at = at->at };

	return u->len > 0 ? bsearch(&key, u->place, u->len, sizeof(key), place_cmp) : NULL;
}

/* By the name that the line has; which folder that is becomes known later. */
static int
keep_line(struct untold *u, uint32_t set, const struct exitem *item, struct err *err)
{
	AUTO(mem_free_str) char *name = strndup(item->folder.len > 0 ? item->folder.data : "", item->folder.len);
	size_t i = u->at_found;

	if (name == NULL)
		mem_out();
	if (i >= u->n_found || strcmp(u->found[i].name, name) != 0)
		for (i = 0; i < u->n_found && strcmp(u->found[i].name, name) != 0; i++)
			;
	u->at_found = i;
	if (i == u->n_found) {
		if (u->n_found == FOLDERS_MAX)
			return err_set(err, ERR_FOLDER, "lines name more than %d folders", FOLDERS_MAX);
		u->found = mem_resize(u->found, u->n_found + 1, sizeof(*u->found));
		u->found[u->n_found++] = (struct exset_folder){ .name = name };
		name = NULL;
	}
	return exshelf_add_line(&u->found[i], set, &item->place, err);
}

static int
see_line(struct untold *u, uint32_t set, const struct exitem *item, struct err *err)
{
	struct told_place *told = place_of(u, set, &item->place);
	bool others = false;

	if (told != NULL) {
		char *name = g_strndup(item->folder.len > 0 ? item->folder.data : "", item->folder.len);
		const struct slice wire = u->s->base.folder[told->folder].name;

		told->met = true;
		if (g_hash_table_contains(u->by_line, name))
			g_free(name);
		else
			(void)g_hash_table_insert(u->by_line, name, g_strndup(wire.data, wire.len));
		return 0;
	}
	if (file_among(&u->mine, set, item->place.file) == NULL &&
	    is_of_others(u, set, item->place.file, &others, err) < 0)
		return -1;
	return others ? 0 : keep_line(u, set, item, err);
}

static int
see_owner(struct untold *u, uint32_t set, size_t owner, struct err *err)
{
	struct exread *r = u->s->lists.set[set];
	struct exitem item;
	enum exstep step;

	if (exread_start(r, owner, err) < 0)
		return -1;
	while ((step = exread_next(r, &item, err)) == EXSTEP_ITEM) {
		if (shelf_stopped(&u->s->base, err) < 0 || see_line(u, set, &item, err) < 0)
			return -1;
	}
	return step == EXSTEP_ERR ? -1 : 0;
}

static int
see_lines(struct untold *u, struct err *err)
{
	for (size_t i = 0; i < u->s->lists.len; i++) {
		for (guint k = 0; k < u->owners->len; k++) {
			int64_t owner = exlists_owner(u->s->lists.set[i], g_ptr_array_index(u->owners, k));

			if (owner >= 0 && see_owner(u, (uint32_t)i, (size_t)owner, err) < 0)
				return -1;
		}
	}
	return 0;
}

static void
find_rewritten(struct untold *u)
{
	for (size_t i = 0; i < u->len; i++) {
		const struct told_place *p = &u->place[i];
		struct told_file *f = p->met ? NULL : file_among(&u->mine, p->set, p->file);

		if (f == NULL || f->rewritten)
			continue;
		f->rewritten = true;
		shelf_note(&u->s->base, EV_FOREIGN_CHANGE, LEVEL_WARNING, 0,
		    "'%s': the messages are not where the sidecars say; another program rewrote the file. Move the "
		    "sidecars folder.jsonl away to have it read as it is now",
		    f->name);
	}
}

/* ---- their folders ---- */

/* Names of folders of which no line is told. */
static void
name_rest(struct untold *u)
{
	const struct shelf_base *b = &u->s->base;
	struct folder *list = mem_resize(NULL, b->len + 1, sizeof(*list));
	struct exfolders *names = exfolders_new();
	size_t n = 0;

	for (size_t i = 0; i < b->len; i++) {
		const struct shelf_folder *f = &b->folder[i];

		if (f->ours && !f->is_older)
			list[n++] = (struct folder){ .name = f->name, .delim = f->delim, .special_use = f->special_use };
	}
	exfolders_survey(names, list, n);
	for (size_t i = 0; i < n; i++) {
		char *wire = g_strndup(list[i].name.data, list[i].name.len);
		bool changed;
		const char *name = exfolders_name(names, wire, list[i].delim, list[i].special_use, &changed);

		if (g_hash_table_contains(u->by_line, name))
			g_free(wire);
		else
			(void)g_hash_table_insert(u->by_line, g_strdup(name), wire);
	}
	exfolders_free(&names);
	free(list);
}

/* The lines of one name go to its folder. */
static int
settle_folder(struct untold *u, const struct exset_folder *from, struct err *err)
{
	const char *wire = g_hash_table_lookup(u->by_line, from->name), *use = NULL;
	AUTO(buf_done) struct buf made;

	buf_init(&made, NAME_MAX_OCTETS);
	if (wire == NULL) {
		use = exshelf_wire_name(slice_str(from->name), &made);
		wire = made.data != NULL ? made.data : "INBOX";
	}

	struct exset_folder *to = exshelf_folder(u->s, u->by_name, wire, use);

	for (size_t i = 0; i < from->len; i++) {
		const struct told_file *f = file_among(&u->mine, from->line[i].set, from->line[i].place.file);

		if (f != NULL && f->rewritten)
			continue;
		if (exshelf_add_line(to, from->line[i].set, &from->line[i].place, err) < 0)
			return -1;
	}
	return 0;
}

/* Which are new is found before the first is added: names are found among those that are sorted. */
static int
add_new(struct shelf *s, struct err *err)
{
	const char delim = s->base.len > 0 ? s->base.folder[0].delim : '/';
	const struct exset_folder **made = mem_resize(NULL, s->n_folders + 1, sizeof(*made));
	size_t n = 0;
	int rc = 0;

	for (size_t i = 0; i < s->n_folders; i++) {
		if (s->folder[i].len > 0 && shelf_base_named(&s->base, slice_str(s->folder[i].name)) == NULL)
			made[n++] = &s->folder[i];
	}
	for (size_t i = 0; i < n && rc == 0; i++) {
		const struct shelf_folder one = { .name = slice_str(made[i]->name),
			.path = "",
			.delim = delim,
			.special_use = made[i]->special_use,
			.attrs = FOLDER_SUBSCRIBED };

		rc = shelf_base_add(&s->base, &one, err);
	}
	free(made);
	return rc == 0 && n > 0 ? shelf_base_sort(&s->base, err) : rc;
}

static int
settle(struct untold *u, struct err *err)
{
	name_rest(u);
	for (size_t i = 0; i < u->n_found; i++) {
		if (settle_folder(u, &u->found[i], err) < 0)
			return -1;
	}
	return add_new(u->s, err);
}

static void
untold_done(struct untold *u)
{
	for (size_t i = 0; i < u->mine.len; i++)
		free(u->mine.file[i].name);
	for (size_t i = 0; i < u->others.len; i++)
		free(u->others.file[i].name);
	for (size_t i = 0; i < u->n_found; i++) {
		free(u->found[i].name);
		free(u->found[i].line);
	}
	free(u->mine.file);
	free(u->others.file);
	free(u->found);
	free(u->place);
	g_ptr_array_free(u->owners, TRUE);
	g_hash_table_destroy(u->by_line);
	g_hash_table_destroy(u->by_name);
}

int
exshelf_untold(struct shelf *s, struct err *err)
{
	struct untold u = { .s = s,
		.owners = g_ptr_array_new_with_free_func(g_free),
		.by_line = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
		.by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL) };
	int rc = see_sidecars(&u, err);

	exshelf_index_free(s);
	if (rc == 0)
		find_owners(&u);
	if (rc == 0)
		rc = see_lines(&u, err);
	if (rc == 0)
		find_rewritten(&u);
	if (rc == 0 && u.n_found > 0)
		rc = settle(&u, err);
	untold_done(&u);
	return rc;
}
