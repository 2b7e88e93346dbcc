/* A tree of mail made by hand in the test's own directory, and a shelf over it read as the engine
 * does. */
#ifndef TESTS_UNIT_SHELF_HELP_H
#define TESTS_UNIT_SHELF_HELP_H

#include <stdarg.h>
#include <utime.h>

#include "base/mem.h"
#include "store/shelf.h"
#include "tempdir.h"

/* Directories of the path, then the file. */
static inline void
put_octets(const char *name, const char *data, size_t len)
{
	char dir[512];

	if ((size_t)snprintf(dir, sizeof dir, "%s", name) >= sizeof dir)
		abort();
	for (char *c = strchr(dir, '/'); c != NULL; c = strchr(c + 1, '/')) {
		*c = '\0';
		if (mkdir(temp_path(dir), 0700) < 0 && errno != EEXIST)
			abort();
		*c = '/';
	}
	if (dir[strlen(dir) - 1] != '/')
		temp_write(name, data, len, "wb");
}

static inline void
put(const char *name, const char *text)
{
	put_octets(name, text, strlen(text));
}

static inline void
put_time(const char *name, time_t at)
{
	const struct utimbuf t = { .actime = at, .modtime = at };

	if (utime(temp_path(name), &t) < 0)
		abort();
}

/* cur, new and tmp below `name` ("" or "A/"). */
static inline void
put_maildir(const char *name)
{
	static const char *const part[] = { "cur/", "new/", "tmp/" };
	char path[512];

	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "%s%s", name, part[i]);
		put(path, "");
	}
}

struct reading {
	const struct shelf_ops *ops;
	struct shelf *shelf;
	struct arena arena;
	struct folder_list list;
	struct folder_head head;
	struct msg_page *page;
	struct buf body;
	struct shelf_body b;
	struct err err;
};

static struct reading rd;

static inline void
read_close(void)
{
	if (rd.ops == NULL)
		return;
	rd.ops->close(&rd.shelf);
	folder_list_done(&rd.list);
	arena_done(&rd.arena);
	msg_page_free(rd.page);
	buf_done(&rd.body);
	rd = (struct reading){ .ops = NULL };
}

/* 0, or -1 with rd.err. */
static inline int
read_open(const struct shelf_ops *ops, const char *name, bool ours)
{
	static char path[1024];
	const struct shelf_place at = {
		.path = path, .login = "", .host = "", .port = "", .ours = ours
	};

	read_close();
	snprintf(path, sizeof path, "%s", temp_path(name));
	rd = (struct reading){ .ops = ops };
	arena_init(&rd.arena, 64 * 1024 * 1024);
	rd.page = msg_page_new();
	buf_init(&rd.body, 64 * 1024 * 1024);
	if (ops->open(&rd.shelf, &at, NULL, &rd.err) < 0)
		return -1;
	return ops->folders(rd.shelf, &rd.arena, &rd.list, &rd.err);
}

static inline const struct folder *
read_folder(const char *name)
{
	for (size_t i = 0; i < rd.list.len; i++) {
		if (slice_eq(rd.list.folder[i].name, name))
			return &rd.list.folder[i];
	}
	return NULL;
}

/* All names with blanks between, as listed. */
static inline const char *
read_names(void)
{
	static char names[4096];
	size_t n = 0;

	names[0] = '\0';
	for (size_t i = 0; i < rd.list.len; i++)
		n += (size_t)snprintf(names + n, sizeof names - n, "%s%.*s", i > 0 ? " " : "",
		    SLICE_ARG(rd.list.folder[i].name));
	return names;
}

static inline int
read_enter(const char *name)
{
	const struct folder *f = read_folder(name);

	if (f == NULL || rd.ops->enter(rd.shelf, f, &rd.head, &rd.err) < 0)
		return -1;
	return rd.ops->list(rd.shelf, 0, rd.page, &rd.err);
}

static inline const struct msg *
read_msg(uint32_t uid)
{
	for (size_t i = 0; i < rd.page->len; i++) {
		if (rd.page->msg[i].uid == uid)
			return &rd.page->msg[i];
	}
	return NULL;
}

/* The body as text; NULL when it cannot be had: rd.b or rd.err says why. */
static inline const char *
read_body(uint32_t uid)
{
	struct slice part;

	rd.err = (struct err){ 0 };
	buf_reset(&rd.body);
	if (rd.ops->begin(rd.shelf, uid, &rd.b, &rd.err) < 0 || rd.b.verdict != VERDICT_NONE)
		return NULL;
	do {
		if (rd.ops->read(rd.shelf, &part, &rd.err) < 0)
			return NULL;
		if (!buf_add(&rd.body, part.data, part.len))
			abort();
	} while (part.len > 0);
	return rd.body.data != NULL ? rd.body.data : "";
}

static inline bool
body_is(uint32_t uid, const char *want)
{
	const char *got = read_body(uid);
	bool same = got != NULL && strcmp(got, want) == 0;

	if (!same)
		fprintf(stderr, "# UID %u is '%s' (%s %s), not '%s'\n", uid, got != NULL ? got : "",
		    rd.b.reason != NULL ? rd.b.reason : "", rd.err.text, want);
	return same;
}

/* Is there a note that has the text? */
static inline bool
noted(const char *text)
{
	const struct notes *n = rd.ops->notes(rd.shelf);

	for (size_t i = 0; i < n->len; i++) {
		if (strstr(n->note[i].text, text) != NULL)
			return true;
	}
	for (size_t i = 0; i < n->len; i++)
		fprintf(stderr, "# note: %s\n", n->note[i].text);
	return false;
}

/* "uid:flags keywords" of the page, with "; " between. */
static inline const char *
read_flags(void)
{
	static char all[4096];
	size_t n = 0;

	all[0] = '\0';
	for (size_t i = 0; i < rd.page->len; i++) {
		struct buf text;

		buf_init(&text, 4096);
		flags_text(&rd.page->msg[i].flags, &text);
		n += (size_t)snprintf(all + n, sizeof all - n, "%s%u:%s", i > 0 ? "; " : "",
		    rd.page->msg[i].uid, text.data != NULL ? text.data : "");
		buf_done(&text);
	}
	return all;
}

static inline int
shelf_test_end(void **state)
{
	read_close();
	return temp_dir_remove(state);
}

#endif
