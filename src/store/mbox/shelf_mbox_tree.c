/* The folders of a tree of mbox files. In a tree of imex each directory with a sidecar is one. Else
 * every file that begins as an mbox is one, named after it: "X.mbox" and "X" are X; the directories
 * "X.sbd" (Thunderbird) and "X" (UW, mutt, Dovecot) hold the folders below X; "X.mbox/mbox" (Apple)
 * is X. A file without octets is a folder when its name or an index beside it ("X.msf") says so.
 * All other files are passed over; how many is told. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/mbox/shelf_mbox.h"
#include "store/shelf/shelf_told.h"

enum { NAME_TEXT_MAX = 64 * 1024, START_OCTETS = 64 * 1024 };

struct found {
	size_t passed;
	char first[256]; /* of what was passed over */
	char *start;
};

static struct slice
name_without(const char *name, const char *const *suffix, size_t n)
{
	struct slice s = slice_str(name);

	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(suffix[i]);

		if (s.len > len && shelf_name_ends(name, suffix[i]))
			return (struct slice){ name, s.len - len };
	}
	return s;
}

static struct slice
file_stem(const char *name)
{
	static const char *const suffix[] = { ".mbox", ".mbx" };

	return name_without(name, suffix, COUNT_OF(suffix));
}

static struct slice
dir_stem(const char *name)
{
	static const char *const suffix[] = { ".sbd", ".mbox" };

	return name_without(name, suffix, COUNT_OF(suffix));
}

static bool
named_mbox(const char *name)
{
	return file_stem(name).len < strlen(name);
}

static bool
file_is_mbox(const struct shelf_step *at, const char *name, int fd, const struct stat *st, struct found *f)
{
	char index[NAME_MAX + 5];

	if (st->st_size == 0) {
		(void)snprintf(index, sizeof index, "%s.msf", name);
		return named_mbox(name) || shelf_dir_has(at->list, index) == DIR_FILE;
	}
	ssize_t n = pread(fd, f->start, START_OCTETS, 0);
	struct slice start = { f->start, n > 0 ? (size_t)n : 0 };
	return mbox_starts(start) || (named_mbox(name) && mbox_starts_inside(start));
}

static void
file_folder(struct shelf_base *b, const struct shelf_step *at, const char *name, struct buf *wire)
{
	const char *own = strrchr(at->path, '/');

	own = own != NULL ? own + 1 : at->path;
	(void)buf_add(wire, at->name.data, at->name.len);
	bool apple = strcmp(name, "mbox") == 0 && shelf_name_ends(own, ".mbox") && at->name.len > 0;
	bool ours = b->ours && strncmp(name, "folder.mbox", 11) == 0 && at->name.len > 0;
	if (!apple && !ours)
		shelf_level_mutf7(file_stem(name), wire);
}

static int
add_file(struct shelf_base *b, const struct shelf_step *at, const char *name, struct err *err)
{
	AUTO(buf_done) struct buf wire;

	buf_init(&wire, NAME_TEXT_MAX);
	file_folder(b, at, name, &wire);
	const struct shelf_folder f = {
		.name = buf_slice(&wire), .path = at->path, .file = name, .delim = '/'
	};
	return shelf_base_add(b, &f, err);
}

/* What cannot be opened may be an mbox, unless it is gone meanwhile or no file any more. */
static int
add_shut(struct shelf_base *b, const struct shelf_step *at, const char *name, struct err *err)
{
	int sys = errno;
	struct err why;
	AUTO(buf_done) struct buf wire, path;

	if (sys == ENOENT || sys == ELOOP || sys == EINVAL || sys == ENXIO)
		return 0;
	buf_init(&wire, NAME_TEXT_MAX);
	buf_init(&path, NAME_TEXT_MAX);
	file_folder(b, at, name, &wire);
	shelf_path_join(at->path, name, &path);
	errno = sys;
	(void)err_set_sys(&why, ERR_FOLDER, "cannot open '%s'", path.data);
	return shelf_base_add_unread(b, buf_slice(&wire), path.data, &why, err);
}

static int
look_at_file(struct shelf_base *b, const struct shelf_step *at, const char *name, struct err *err)
{
	struct found *f = at->arg;
	struct stat st;

	if (name[0] == '.' || shelf_name_ends(name, ".msf"))
		return 0;
	AUTO(file_close) int fd = shelf_file_open(at->dir, name, &st);
	if (fd < 0)
		return add_shut(b, at, name, err);
	if (file_is_mbox(at, name, fd, &st, f))
		return add_file(b, at, name, err);
	if (f->passed++ == 0)
		(void)snprintf(f->first, sizeof f->first, "%s%s%s", at->path,
		    *at->path != '\0' ? "/" : "", name);
	return 0;
}

static int
visit(struct shelf_base *b, struct shelf_step *at, struct err *err)
{
	bool ours = shelf_dir_has(at->list, "folder.jsonl") == DIR_FILE;

	if (ours && shelf_told_folder(b, at, err) < 0)
		return -1;
	for (size_t i = 0; i < at->list->len; i++) {
		const char *child = shelf_dir_name(at->list, i);
		enum dir_kind kind = shelf_dir_kind(at->list, i);
		AUTO(buf_done) struct buf name;

		buf_init(&name, NAME_TEXT_MAX);
		if (kind == DIR_LINK)
			shelf_note(b, EV_FILE_PASSED_OVER, LEVEL_WARNING, 0, "'%s%s%s': %s",
			    at->path, *at->path != '\0' ? "/" : "", child, shelf_file_words(ELOOP));
		if (kind == DIR_FILE && !ours && look_at_file(b, at, child, err) < 0)
			return -1;
		if (kind != DIR_DIR || child[0] == '.')
			continue;
		(void)buf_add(&name, at->name.data, at->name.len);
		shelf_level_dir(b, dir_stem(child), &name);
		if (shelf_walk_into(b, at, child, buf_slice(&name), visit, err) < 0)
			return -1;
	}
	return 0;
}

static int
find_single(struct shelf_base *b, struct err *err)
{
	const struct shelf_step at = { .dir = b->root, .path = "", .name = { "", 0 } };

	return add_file(b, &at, b->file, err);
}

int
mbox_find_folders(struct shelf *s, struct err *err)
{
	struct found f = { .passed = 0 };
	int done;

	shelf_base_clear(&s->base);
	f.start = mem_resize(NULL, START_OCTETS, 1);
	done = s->base.file != NULL ? find_single(&s->base, err)
				    : shelf_walk(&s->base, visit, &f, err);
	free(f.start);
	if (f.passed > 0)
		shelf_note(&s->base, EV_FILE_PASSED_OVER, LEVEL_INFO, 0,
		    "'%s' and %zu more files are no mbox and were passed over", f.first,
		    f.passed - 1);
	return done < 0 ? -1 : shelf_base_sort(&s->base, err);
}
