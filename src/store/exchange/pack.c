/* The packing list: which files belong to the set and in which code page they are. Names are looked
 * up in an index of the directory, whatever their case, since sets come from systems that do not
 * tell cases apart. What the list does not name but lies beside it is said too: a forgotten file is
 * forgotten mail. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/exchange/reader_parts.h"

enum { PACK_LISTS_MAX = 1000, PACK_FIELDS = 2, PACK_FIELD_MAX = 4096 };

/* Reading one list, ours or another that lies beside it. */
struct pack {
	struct exread *r;
	struct exlex *lex;
	struct slice name; /* of the list */
	struct exfault at; /* the line */
	unsigned number; /* stated code page; 0: none */
	bool has_number, has_columns, odd_number;
	struct buf text, value[PACK_FIELDS];
	size_t fields;
	GHashTable *others; /* a list beside ours: only the names, in lower case */
};

static char *
pack_lower(const char *name)
{
	return g_ascii_strdown(name, -1);
}

static bool
pack_ends(const char *name, const char *extension)
{
	size_t len = strlen(name), n = strlen(extension);

	return len > n && g_ascii_strcasecmp(name + len - n, extension) == 0;
}

/* Names of the directory. Of two that differ in case only, the first in order is found by others.
 */
static int
pack_index(struct exread *r, struct err *err)
{
	int fd = openat(r->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	size_t n = 0;

	if (dir == NULL) {
		file_close(&fd);
		return err_set_sys(err, ERR_DISK, "cannot read the directory");
	}
	for (struct dirent *e; n < EXREAD_FILES_MAX && (e = readdir(dir)) != NULL;) {
		char *lower = pack_lower(e->d_name);
		const char *had = g_hash_table_lookup(r->on_disk, lower);

		if (had != NULL && strcmp(had, e->d_name) <= 0) {
			g_free(lower);
			continue;
		}
		n += had == NULL;
		g_hash_table_replace(r->on_disk, lower, g_strdup(e->d_name));
	}
	closedir(dir);
	return 0;
}

static void
pack_open_line(struct pack *p, const struct exline *line)
{
	struct slice raw;
	struct excut cut;

	buf_reset(&p->text);
	p->fields = 0;
	p->at = exfault_in_line(p->name, line->line, 0, line->at);
	if (p->r->page != NULL)
		codepage_decode(p->r->page, line->text, &p->text);
	else
		buf_add(&p->text, line->text.data, line->text.len);
	excut_init(&cut, buf_slice(&p->text), ',');
	while (excut_next(&cut, &raw)) {
		if (p->fields < PACK_FIELDS) {
			buf_reset(&p->value[p->fields]);
			exlex_value(exlex_trim(raw), &p->value[p->fields]);
		}
		p->fields++;
	}
}

static const char *
pack_field(const struct pack *p, size_t i)
{
	return i < p->fields ? p->value[i].data : "";
}

/* The next line that says something. */
static enum exstep
pack_next(struct pack *p, struct err *err)
{
	struct exline line;
	enum exstep step;

	do {
		step = exlex_next(p->lex, false, &line, err);
	} while (step == EXSTEP_ITEM && line.kind != EXLINE_TEXT);
	if (step == EXSTEP_ITEM)
		pack_open_line(p, &line);
	return step;
}

/* Name on disk of an entry, NULL: not there. Exactly as written first. */
static const char *
pack_on_disk(struct exread *r, const char *name)
{
	AUTO(mem_free_str) char *lower = pack_lower(name);
	struct stat st;

	if (fstatat(r->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return name;
	return g_hash_table_lookup(r->on_disk, lower);
}

static struct exfile *
pack_new_file(struct exread *r)
{
	if (r->n_files == r->cap_files) {
		r->cap_files = r->cap_files > 0 ? r->cap_files * 2 : 16;
		r->file = mem_resize(r->file, r->cap_files, sizeof *r->file);
	}
	r->file[r->n_files] = (struct exfile){ 0 };
	return &r->file[r->n_files++];
}

static bool
pack_is_primary(struct pack *p, const char *name)
{
	struct slice type = exlex_trim(slice_str(pack_field(p, 1)));
	bool primary = pack_ends(name, ".pri");

	if (slice_eq_nocase(type, "Primary"))
		return true;
	if (!slice_eq_nocase(type, "Secondary"))
		read_problem(p->r, &p->at, EV_EX_PACKING,
		    "'%s' has the type '%.*s', expected Primary or Secondary; taken for %s by its "
		    "name",
		    name, SLICE_ARG(type), primary ? "Primary" : "Secondary");
	else
		return false;
	return primary;
}

/* Find the file of a new entry. */
static void
pack_place(struct pack *p, struct exfile *f, size_t index)
{
	struct exread *r = p->r;
	const char *disk = pack_on_disk(r, f->listed);
	int fd;
	uint64_t size;
	const char *why;
	gpointer had = disk != NULL ? g_hash_table_lookup(r->by_disk, disk) : NULL;

	if (had != NULL) {
		read_problem(r, &p->at, EV_EX_PACKING,
		    "'%s' and '%s' are the same file, '%s'; it is read once", f->listed,
		    r->file[GPOINTER_TO_SIZE(had) - 1].listed, disk);
		/* Pointers to a secondary file may use either name. */
		f->name = f->primary ? NULL : arena_copy(&r->arena, slice_str(disk));
		return;
	}
	f->name = disk != NULL ? arena_copy(&r->arena, slice_str(disk)) : NULL;
	if (!read_open(r, (uint32_t)index, &fd, &size, &why)) {
		read_problem(
		    r, &p->at, EV_EX_UNREADABLE, "'%s' cannot be read: %s", f->listed, why);
		f->name = NULL;
		return;
	}
	close(fd);
	g_hash_table_insert(r->by_disk, g_strdup(disk), GSIZE_TO_POINTER(index + 1));
}

/* Names that differ in case only may be two files where the disk tells cases apart: the exact one
 * counts before the first that is alike. */
static void
pack_name(struct exread *r, const char *name, size_t index_1)
{
	char *lower = pack_lower(name);

	g_hash_table_insert(r->by_exact, g_strdup(name), GSIZE_TO_POINTER(index_1));
	if (g_hash_table_contains(r->by_name, lower))
		g_free(lower);
	else
		g_hash_table_insert(r->by_name, lower, GSIZE_TO_POINTER(index_1));
}

static void
pack_entry(struct pack *p)
{
	struct exread *r = p->r;
	const char *name = pack_field(p, 0);

	if (p->fields != PACK_FIELDS)
		read_problem(r, &p->at, EV_EX_PACKING,
		    "%zu fields, expected 2: the file's name and Primary or Secondary", p->fields);
	if (!exlex_name_ok(slice_str(name)) || p->value[0].len != strlen(name)) {
		read_problem(r, &p->at, EV_EX_UNREADABLE,
		    "'%s' is no name of a file beside the packing list (no path, none of "
		    "# ( ) ; , \\ / : * ? \" < > |); it is not read",
		    name);
		return;
	}
	if (g_hash_table_contains(r->by_exact, name)) {
		read_problem(
		    r, &p->at, EV_EX_PACKING, "'%s' is named twice; it is read once", name);
		return;
	}
	if (r->n_files >= EXREAD_FILES_MAX) {
		read_problem(r, &p->at, EV_EX_PACKING, "more than %d files; '%s' is not read",
		    EXREAD_FILES_MAX, name);
		return;
	}
	struct exfile *f = pack_new_file(r);

	f->listed = arena_copy(&r->arena, slice_str(name));
	f->primary = pack_is_primary(p, name);
	pack_name(r, name, r->n_files);
	pack_place(p, f, r->n_files - 1);
}

static bool
pack_is_columns(const struct pack *p)
{
	return slice_eq_nocase(exlex_trim(slice_str(pack_field(p, 0))), "Filename") &&
	       slice_eq_nocase(exlex_trim(slice_str(pack_field(p, 1))), "Filetype");
}

static bool
pack_number(struct pack *p)
{
	uint64_t number;

	if (p->fields != 1 || !slice_u64(exlex_trim(slice_str(pack_field(p, 0))), 99999, &number))
		return false;
	p->number = (unsigned)number;
	p->has_number = true;
	return true;
}

/* "UNICODE" in words where a number should stand. */
static bool
pack_says_unicode(const struct pack *p)
{
	struct slice word = exlex_trim(slice_str(pack_field(p, 0)));

	return p->fields == 1 &&
	       (slice_has_nocase(word, "unicode") || slice_has_nocase(word, "utf"));
}

static int
pack_page(struct pack *p, unsigned codepage, struct err *err)
{
	if (codepage == 0 && p->odd_number)
		return err_set(err, ERR_MALFORMED,
		    "line 1 names UNICODE where a code page number is expected, which these files "
		    "cannot be in; give the number with --codepage");
	if (codepage == 0)
		codepage = p->has_number ? p->number : EXREAD_CODEPAGE;
	if (codepage_open(&p->r->page, codepage, err) < 0) {
		err->kind = ERR_MALFORMED;
		return -1;
	}
	return 0;
}

static int
pack_entries(struct pack *p, unsigned codepage, struct err *err)
{
	enum exstep step = pack_next(p, err);
	bool first = step == EXSTEP_ITEM;

	if (first && pack_number(p)) {
		step = pack_next(p, err);
	} else if (first) {
		p->odd_number = pack_says_unicode(p);
		if (p->odd_number)
			step = pack_next(p, err);
	}
	p->has_columns = step == EXSTEP_ITEM && pack_is_columns(p);
	if (!p->has_number && !p->odd_number && !p->has_columns && step != EXSTEP_ERR)
		return err_set(err, ERR_MALFORMED,
		    "not a packing list: expected a code page number alone on the first line, then "
		    "\"Filename,Filetype\"");
	if (pack_page(p, codepage, err) < 0)
		return -1;
	if (!p->has_number)
		read_problem(p->r, &p->at, EV_EX_PACKING,
		    "no code page number on the first line; %u is taken",
		    codepage_number(p->r->page));
	if (step == EXSTEP_ITEM && !p->has_columns) {
		read_problem(p->r, &p->at, EV_EX_PACKING,
		    "expected the row \"Filename,Filetype\" behind the code page");
		pack_entry(p);
	}
	while (step == EXSTEP_ITEM && (step = pack_next(p, err)) == EXSTEP_ITEM)
		pack_entry(p);
	if (p->r->n_files == 0)
		read_problem(p->r, &p->at, EV_EX_PACKING, "the packing list names no file");
	return step == EXSTEP_ERR ? -1 : 0;
}

/* Names of a list beside ours, so that its files are not called forgotten. */
static void
pack_others(struct pack *p)
{
	struct err ignored;

	for (size_t n = 0; n < EXREAD_FILES_MAX && pack_next(p, &ignored) == EXSTEP_ITEM; n++)
		g_hash_table_add(p->others, pack_lower(pack_field(p, 0)));
}

static int
pack_open_list(struct exread *r, const char *name, int *ret_fd, struct err *err)
{
	struct stat st;
	char head[2] = "";
	int fd = openat(r->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return err_set_sys(
		    err, errno == ENOENT ? ERR_NO_INPUT : ERR_DISK, "cannot open it");
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return err_set(err, ERR_MALFORMED, "not a regular file");
	}
	if (pread(fd, head, 2, 0) == 2 &&
	    (memcmp(head, "\xFF\xFE", 2) == 0 || memcmp(head, "\xFE\xFF", 2) == 0)) {
		close(fd);
		return err_set(err, ERR_MALFORMED,
		    "it is in UTF-16 (\"UNICODE\"), which these files cannot be in; save it as "
		    "plain text");
	}
	*ret_fd = fd;
	return 0;
}

static int
pack_list(
    struct exread *r, const char *name, unsigned codepage, GHashTable *others, struct err *err)
{
	AUTO(file_close) int fd = -1;
	struct pack p = { .r = r, .name = slice_str(name), .others = others };
	int done = 0;

	if (pack_open_list(r, name, &fd, err) < 0)
		return -1;
	p.lex = exlex_new(fd, name, NULL);
	p.at = exfault_in_line(p.name, 1, 0, 0);
	buf_init(&p.text, 3 * EXLEX_LINE_MAX);
	for (size_t i = 0; i < PACK_FIELDS; i++)
		buf_init(&p.value[i], PACK_FIELD_MAX);
	if (others != NULL)
		pack_others(&p);
	else
		done = pack_entries(&p, codepage, err);
	buf_done(&p.text);
	for (size_t i = 0; i < PACK_FIELDS; i++)
		buf_done(&p.value[i]);
	exlex_free(&p.lex);
	return done;
}

static gint
pack_cmp(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Primary and secondary files that no list names. */
static void
pack_forgotten(struct exread *r)
{
	GHashTable *others = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	GPtrArray *names = g_ptr_array_new();
	GHashTableIter each;
	gpointer value;
	size_t lists = 0;
	struct err ignored;

	g_hash_table_iter_init(&each, r->on_disk);
	while (g_hash_table_iter_next(&each, NULL, &value))
		g_ptr_array_add(names, value);
	g_ptr_array_sort(names, pack_cmp);
	for (guint i = 0; i < names->len; i++) {
		const char *name = names->pdata[i];

		if (pack_ends(name, ".pkl") && strcmp(name, r->list) != 0 &&
		    lists++ < PACK_LISTS_MAX)
			(void)!pack_list(r, name, 0, others, &ignored);
	}
	for (guint i = 0; i < names->len; i++) {
		const char *name = names->pdata[i];
		AUTO(mem_free_str) char *lower = pack_lower(name);

		if ((!pack_ends(name, ".pri") && !pack_ends(name, ".sec")) ||
		    g_hash_table_contains(r->by_disk, name) || g_hash_table_contains(others, lower))
			continue;
		struct exfault at = exfault_in_line(slice_str(r->list), 1, 0, 0);

		read_problem(r, &at, EV_EX_PACKING,
		    "'%s' lies beside the packing list, which does not name it; it is not read",
		    name);
	}
	g_ptr_array_free(names, TRUE);
	g_hash_table_destroy(others);
}

int
pack_read(struct exread *r, unsigned codepage, struct err *err)
{
	if (pack_index(r, err) < 0 || pack_list(r, r->list, codepage, NULL, err) < 0)
		return -1;
	pack_forgotten(r);
	return 0;
}

int64_t
pack_find(struct exread *r, struct slice name)
{
	char text[256];

	if (!exlex_name_ok(name) || name.len >= sizeof text)
		return -1;
	memcpy(text, name.data, name.len);
	text[name.len] = '\0';

	AUTO(mem_free_str) char *lower = pack_lower(text);
	gpointer had = g_hash_table_lookup(r->by_exact, text);

	had = had != NULL ? had : g_hash_table_lookup(r->by_name, lower);
	if (had != NULL)
		return (int64_t)GPOINTER_TO_SIZE(had) - 1;
	const char *disk = pack_ends(text, ".sec") ? pack_on_disk(r, text) : NULL;

	if (disk == NULL || r->n_files >= 2 * EXREAD_FILES_MAX)
		return -1;
	struct exfile *f = pack_new_file(r);
	struct exfault at = exfault_in_line(slice_str(r->list), 1, 0, 0);

	f->name = arena_copy(&r->arena, slice_str(disk));
	pack_name(r, text, r->n_files);
	read_problem(r, &at, EV_EX_PACKING,
	    "'%s' is pointed to, but the packing list does not name it; it is read", disk);
	return (int64_t)r->n_files - 1;
}
