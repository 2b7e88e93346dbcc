/* See shelf_survey.h. Names are not believed but for .eml and .PKL, whose content is looked at as
 * well: of .eml files the first of each directory, for there may be a million. */
#include "store/formats/shelf_survey.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/mbox/mbox_from.h"
#include "store/mbox/mbox_scan.h"
#include "store/shelf/shelf_base.h"

enum { START_OCTETS = 16 * 1024 };

/* ---- files ---- */

/* A header field, or several, then a blank line or the end of what was read. */
static bool
starts_as_message(struct slice start)
{
	const char *lf = memchr(start.data, '\n', start.len);

	return lf != NULL && mbox_is_field((struct slice){ start.data, (size_t)(lf - start.data) });
}

static bool
kind_of(struct slice start, const char *name, enum format *ret)
{
	bool eml = shelf_name_ends(name, ".eml");

	if (shelf_name_ends(name, ".pkl") && slice_has_nocase(start, "filename,filetype"))
		*ret = FORMAT_EXCHANGE;
	else if (!eml && mbox_starts(start))
		*ret = FORMAT_MBOX;
	else if (eml && starts_as_message(start))
		*ret = FORMAT_EML;
	else if (!eml && (shelf_name_ends(name, ".mbox") || shelf_name_ends(name, ".mbx")) &&
		 mbox_starts_inside(start))
		*ret = FORMAT_MBOX;
	else
		return false;
	return true;
}

static bool
kind_read(int fd, const char *name, bool alone, enum format *ret)
{
	char *buffer = mem_resize(NULL, START_OCTETS, 1);
	ssize_t n = pread(fd, buffer, START_OCTETS, 0);
	struct slice start = { buffer, n > 0 ? (size_t)n : 0 };
	bool found = kind_of(start, name, ret);

	if (!found && alone) {
		found = mbox_starts_inside(start) || starts_as_message(start);
		*ret = mbox_starts_inside(start) && !starts_as_message(start) ? FORMAT_MBOX
									      : FORMAT_EML;
	}
	free(buffer);
	return found;
}

bool
survey_file(int dir, const char *name, enum format *ret, bool *ret_empty)
{
	struct stat st;
	AUTO(file_close) int fd = shelf_file_open(dir, name, &st);

	*ret_empty = fd >= 0 && st.st_size == 0;
	return fd >= 0 && kind_read(fd, name, false, ret);
}

bool
survey_content(int fd, const char *name, enum format *ret, bool *ret_empty)
{
	struct stat st;

	*ret_empty = fstat(fd, &st) == 0 && st.st_size == 0;
	return kind_read(fd, name, true, ret);
}

/* ---- trees ---- */

static void
survey_found(struct survey *s, enum format f, const char *path, const char *name)
{
	if (s->found[f]++ == 0)
		(void)snprintf(s->first[f], SURVEY_PATH_MAX, "%s%s%s", path,
		    *path != '\0' && *name != '\0' ? "/" : "", name);
}

static bool
is_maildir(const struct dir_list *l)
{
	return shelf_dir_has(l, "cur") == DIR_DIR ||
	       (shelf_dir_has(l, "new") == DIR_DIR && shelf_dir_has(l, "tmp") == DIR_DIR);
}

static bool
is_part(const char *name)
{
	return strcmp(name, "cur") == 0 || strcmp(name, "new") == 0 || strcmp(name, "tmp") == 0;
}

static void
survey_one(struct survey *s, const struct shelf_step *at, const char *name, bool *io_eml)
{
	enum format f;
	bool empty;

	if (name[0] == '.')
		return;
	if (strncmp(name, "folder.jsonl", 12) == 0) {
		s->sidecars++;
		s->sidecar_here = s->sidecar_here || at->depth == 0;
		return;
	}
	if (*io_eml && shelf_name_ends(name, ".eml")) {
		s->found[FORMAT_EML]++;
		return;
	}
	if (!survey_file(at->dir, name, &f, &empty)) {
		s->others += !empty;
		return;
	}
	survey_found(s, f, at->path, name);
	*io_eml = *io_eml || f == FORMAT_EML;
}

/* Of those with a dot only the directories of Maildir++ and KMail hold mail. */
static bool
worth_a_look(const struct shelf_step *at, const char *name)
{
	char cur[NAME_MAX + 5];
	struct stat st;

	if (name[0] != '.')
		return true;
	(void)snprintf(cur, sizeof cur, "%s/cur", name);
	return shelf_name_ends(name, ".directory") ||
	       (fstatat(at->dir, cur, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode));
}

static int
visit(struct shelf_base *b, struct shelf_step *at, struct err *err)
{
	struct survey *s = at->arg;
	bool maildir = is_maildir(at->list), eml = false;

	if (maildir)
		survey_found(s, FORMAT_MAILDIR, at->path, *at->path == '\0' ? "." : "");
	for (size_t i = 0; i < at->list->len; i++) {
		const char *name = shelf_dir_name(at->list, i);
		enum dir_kind kind = shelf_dir_kind(at->list, i);

		if (kind == DIR_FILE)
			survey_one(s, at, name, &eml);
		if (kind == DIR_DIR && at->depth == 0 && name[0] != '.') {
			s->dirs++;
			s->accounts += strchr(name, '@') != NULL;
		}
		if (kind != DIR_DIR || (maildir && is_part(name)) || !worth_a_look(at, name))
			continue;
		if (shelf_walk_into(b, at, name, (struct slice){ "", 0 }, visit, err) < 0)
			return -1;
	}
	return 0;
}

int
survey_tree(const char *path, struct survey *ret, struct err *err)
{
	const struct shelf_place at = { .path = path };
	struct shelf_base b;

	*ret = (struct survey){ .sidecars = 0 };
	if (shelf_base_open(&b, &at, NULL, err) < 0)
		return -1;
	int done = shelf_walk(&b, visit, ret, err);
	shelf_base_done(&b);
	return done;
}
