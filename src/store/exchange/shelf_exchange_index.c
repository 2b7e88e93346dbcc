/* A set that others wrote, by folders: one walk over the lines of its owner finds where each lies, 32
 * octets a message. A line that cannot be read is a message too, in INBOX when it does not even tell
 * its folder, so that it ends in the report with its file and line. */
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "store/exchange/shelf_exchange.h"

enum { NAME_MAX_OCTETS = 64 * 1024 };

const char *
exshelf_wire_name(struct slice folder, struct buf *out)
{
	const char *use = NULL;
	struct slice rest = folder;

	if (folder.len == 0 || slice_eq_nocase(folder, "Inbox")) {
		(void)buf_add_str(out, "INBOX");
		return NULL;
	}
	if (slice_eq_nocase(folder, "Sent Items"))
		use = "\\Sent";
	else if (slice_eq_nocase(folder, "Deleted Items"))
		use = "\\Trash";
	while (rest.len > 0) {
		const char *end = memchr(rest.data, '\\', rest.len);
		struct slice level = { rest.data,
			end != NULL ? (size_t)(end - rest.data) : rest.len };
		size_t taken = level.len + (end != NULL);

		shelf_level_utf8(level, out);
		rest = (struct slice){ rest.data + taken, rest.len - taken };
	}
	return use;
}

struct exset_folder *
exshelf_folder(struct shelf *s, GHashTable *known, const char *name, const char *special_use)
{
	gpointer number;

	if (!g_hash_table_lookup_extended(known, name, NULL, &number)) {
		if (s->n_folders == s->folders_cap) {
			s->folders_cap = s->folders_cap > 0 ? 2 * s->folders_cap : 32;
			s->folder = mem_resize(s->folder, s->folders_cap, sizeof(*s->folder));
		}
		number = GUINT_TO_POINTER((guint)s->n_folders);
		s->folder[s->n_folders++] =
		    (struct exset_folder){ .name = mem_copy_str(name), .special_use = special_use };
		(void)g_hash_table_insert(known, g_strdup(name), number);
	}
	return &s->folder[GPOINTER_TO_UINT(number)];
}

static struct exset_folder *
folder_of(struct shelf *s, GHashTable *known, struct slice name)
{
	struct buf wire;

	buf_init(&wire, NAME_MAX_OCTETS);
	const char *use = exshelf_wire_name(name, &wire);
	struct exset_folder *f = exshelf_folder(s, known, wire.data != NULL ? wire.data : "INBOX", use);

	buf_done(&wire);
	return f;
}

int
exshelf_add_line(struct exset_folder *f, uint32_t set, const struct explace *place, struct err *err)
{
	if (f->len == SHELF_MESSAGES_MAX)
		return err_set(err, ERR_FOLDER, "the folder has too many messages");
	if (f->len == f->cap) {
		f->cap = f->cap > 0 ? 2 * f->cap : 16;
		f->line = mem_resize(f->line, f->cap, sizeof(*f->line));
	}
	f->line[f->len] =
	    (struct exline_at){ .uid = (uint32_t)f->len + 1, .set = set, .place = *place };
	f->len++;
	return 0;
}

static int
index_owner(struct shelf *s, GHashTable *known, uint32_t set, size_t owner, struct digest *d,
    struct err *err)
{
	struct exread *r = s->lists.set[set];
	struct exitem item;
	enum exstep step;

	if (exread_start(r, owner, err) < 0)
		return -1;
	while ((step = exread_next(r, &item, err)) != EXSTEP_END) {
		if (step == EXSTEP_ERR || shelf_stopped(&s->base, err) < 0)
			return -1;
		const uint64_t facts[2] = { item.place.file, item.place.at };

		digest_add(d, facts, sizeof(facts));
		if (exshelf_add_line(folder_of(s, known, item.folder), set, &item.place, err) < 0)
			return -1;
	}
	return 0;
}

/* Sizes and times of the files: a set that was changed is another one. */
static void
digest_files(const struct shelf *s, const struct exread *r, struct digest *d)
{
	for (size_t i = 0; i < exread_files(r); i++) {
		const struct exfile *f = exread_file(r, i);
		struct stat st = { 0 };

		if (f->name == NULL)
			continue;
		(void)fstatat(s->base.root, f->name, &st, AT_SYMLINK_NOFOLLOW);
		const int64_t facts[2] = { st.st_size, st.st_mtime };

		digest_add(d, f->name, strlen(f->name) + 1);
		digest_add(d, facts, sizeof(facts));
	}
}

static void
note_problems(struct shelf *s, const struct exread *r)
{
	uint64_t all;

	for (size_t i = 0; i < exread_problems(r, &all); i++) {
		const struct exfault *f = exread_problem(r, i);

		shelf_note(&s->base, f->event, event_default_level(f->event), 0, "%s", f->text);
		if (event_default_level(f->event) == LEVEL_ERROR && s->lost[0] == '\0')
			(void)snprintf(s->lost, sizeof(s->lost), "%s", f->text);
	}
}

int
exshelf_index(struct shelf *s, struct err *err)
{
	GHashTable *known;
	struct digest *d;
	int rc = 0;

	if (s->indexed)
		return 0;
	known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	d = digest_new();
	digest_start(d);
	(void)folder_of(s, known, (struct slice){ "Inbox", 5 });
	for (size_t i = 0; i < s->lists.len && rc == 0; i++) {
		int64_t owner = exlists_owner(s->lists.set[i], s->owner);

		digest_files(s, s->lists.set[i], d);
		if (owner >= 0)
			rc = index_owner(s, known, (uint32_t)i, (size_t)owner, d, err);
		note_problems(s, s->lists.set[i]);
	}
	s->uidvalidity = shelf_uidvalidity(d);
	s->indexed = rc == 0;
	digest_free(d);
	g_hash_table_destroy(known);
	return rc;
}

void
exshelf_index_free(struct shelf *s)
{
	for (size_t i = 0; i < s->n_folders; i++) {
		free(s->folder[i].name);
		free(s->folder[i].line);
	}
	free(s->folder);
	s->folder = NULL;
	s->n_folders = s->folders_cap = 0;
}

/* UIDs follow each other. */
const struct exline_at *
exshelf_line(const struct shelf *s, uint32_t uid)
{
	uint32_t first = s->at != NULL && s->at->len > 0 ? s->at->line[0].uid : 0;

	return first > 0 && uid >= first && uid - first < s->at->len ? &s->at->line[uid - first] : NULL;
}

void
exshelf_meta(const struct exitem *item, struct msg *ret)
{
	ret->flags.keywords = "";
	ret->flags.system = (uint8_t)((item->unread ? 0 : FLAG_SEEN) |
				      (item->unsent ? FLAG_DRAFT : 0));
	ret->date = item->received.known ? item->received : item->sent;
}
