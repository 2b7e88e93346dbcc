/* Walking through the directories of a place; see shelf_base.h. */
#include "store/shelf/shelf_base.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

enum { PATH_TEXT_MAX = 64 * 1024 };

void
shelf_path_join(const char *path, const char *name, struct buf *out)
{
	(void)buf_printf(out, "%s%s%s", path, *path != '\0' ? "/" : "", name);
}

/* A directory that is gone since it was listed, or is none any more, holds no mail; any other may. */
static int
walk_shut(struct shelf_base *b, const struct shelf_step *at, struct err *io)
{
	const struct err why = *io;
	struct err shown = why;

	memset(io, 0, sizeof(*io));
	(void)err_wrap(&shown, "'%s'", at->path);
	if (why.sys != ENOENT && why.sys != ENOTDIR && why.sys != ELOOP)
		return shelf_base_add_unread(b, at->name, at->path, &shown, io);
	shelf_note(b, EV_FILE_PASSED_OVER, LEVEL_WARNING, 0, "%s", shown.text);
	return 0;
}

/* Walks nest as deep as the tree: no frame from here on holds a text. */
static int
walk_dir(struct shelf_base *b, struct shelf_step *at, shelf_visit visit, struct err *err)
{
	struct dir_list list = { 0 };
	int done = shelf_dir_read(at->dir, &list, b->stop, err);

	at->list = &list;
	done = done < 0 ? walk_shut(b, at, err) : visit(b, at, err);
	shelf_dir_done(&list);
	return done;
}

int
shelf_walk(struct shelf_base *b, shelf_visit visit, void *arg, struct err *err)
{
	b->walked = 0;

	struct dir_list list = { 0 };
	struct shelf_step at = { .dir = b->root, .path = "", .name = { "", 0 }, .list = &list, .arg = arg };
	int done = shelf_dir_read(b->root, &list, b->stop, err);

	if (done == 0)
		done = visit(b, &at, err);
	shelf_dir_done(&list);
	return done < 0 ? err_wrap(err, "'%s'", b->path) : 0;
}

/* How many levels keep their directory open while what lies below is walked. */
enum { WALK_OPEN_MAX = 64 };

static int
pass_over(struct shelf_base *b, const char *path, const char *why)
{
	shelf_note(b, EV_FILE_PASSED_OVER, LEVEL_WARNING, 0, "'%s': %s", path, why);
	return 0;
}

/* From the child up again, by a step that leads nowhere else if somebody moves the tree meanwhile. */
static int
open_above(int child, const struct stat *was, const struct shelf_step *at, int *ret, struct err *err)
{
	AUTO(file_close) int fd = openat(child, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat now;

	if (fd < 0 || fstat(fd, &now) < 0)
		return err_set_sys(err, ERR_FOLDER, "cannot open the directory '%s'", at->path);
	if (now.st_dev != was->st_dev || now.st_ino != was->st_ino)
		return err_set(err, ERR_FOLDER, "'%s' was moved while it was read", at->path);
	*ret = fd;
	fd = -1;
	return 0;
}

static int
walk_child(struct shelf_base *b, struct shelf_step *at, struct shelf_step *in, const char *child, shelf_visit visit,
    struct err *err)
{
	bool keeps = at->depth < WALK_OPEN_MAX;

	if (shelf_dir_open(at->dir, child, &in->dir, err) < 0)
		return walk_shut(b, in, err);

	AUTO(file_close) int dir = in->dir;
	struct stat was;

	if (!keeps && fstat(at->dir, &was) < 0)
		return err_set_sys(err, ERR_FOLDER, "cannot open the directory '%s'", at->path);
	if (!keeps)
		file_close(&at->dir);
	int done = walk_dir(b, in, visit, err);
	dir = in->dir;
	return done < 0 || keeps ? done : open_above(dir, &was, at, &at->dir, err);
}

int
shelf_walk_into(struct shelf_base *b, struct shelf_step *at, const char *child,
    struct slice name, shelf_visit visit, struct err *err)
{
	AUTO(buf_done) struct buf path;

	buf_init(&path, PATH_TEXT_MAX);
	shelf_path_join(at->path, child, &path);
	if (shelf_stopped(b, err) < 0)
		return -1;
	if (at->depth + 1 >= SHELF_DEPTH_MAX || path.full)
		return pass_over(b, at->path, "what is in it lies too deep, below more than 2,000 directories");
	if (++b->walked > SHELF_DIRS_MAX) {
		(void)err_set(
		    err, ERR_FOLDER, "'%s' has more than %d directories", b->path, SHELF_DIRS_MAX);
		err_widen(err, SCOPE_RUN);
		return -1;
	}
	struct shelf_step in = {
		.dir = -1, .path = path.data, .name = name, .depth = at->depth + 1, .arg = at->arg
	};
	return walk_child(b, at, &in, child, visit, err);
}
