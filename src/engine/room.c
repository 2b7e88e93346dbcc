#include "engine/room.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/human.h"
#include "base/mem.h"

enum { FLOOR_PART = 16 };

struct room {
	pthread_mutex_t mutex;
	char *dir; /* NULL: a quota */
	uint64_t floor, block;
	uint64_t left; /* of a quota */
	struct room_need open; /* promises of all */
};

/* ---- what is there ---- */

static uint64_t
times(uint64_t n, uint64_t size)
{
	return size != 0 && n > UINT64_MAX / size ? UINT64_MAX : n * size;
}

static int
look_at(const char *path, struct room_there *ret)
{
	struct statvfs fs;

	while (statvfs(path, &fs) < 0)
		if (errno != EINTR)
			return -1;

	uint64_t unit = fs.f_frsize > 0 ? fs.f_frsize : fs.f_bsize;

	*ret = (struct room_there){ .total = times(fs.f_blocks, unit),
		.octets = times(fs.f_bavail, unit),
		/* Some make inodes as they are needed, and tell none. */
		.inodes = fs.f_files == 0 ? ROOM_UNLIMITED : fs.f_favail,
		.block = unit > 0 ? unit : 1 };
	return 0;
}

int
room_look(const char *path, struct room_there *ret, struct err *err)
{
	char *at = mem_copy_str(*path != '\0' ? path : ".");
	int rc;

	while ((rc = look_at(at, ret)) < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		char *slash = strrchr(at, '/');

		if (strcmp(at, ".") == 0 || strcmp(at, "/") == 0)
			break;
		if (slash == NULL)
			at[0] = '.', at[1] = '\0';
		else
			slash[slash == at] = '\0';
	}
	if (rc < 0)
		(void)err_set_sys(err, ERR_DISK, "find out how much is free in '%s'", path);
	free(at);
	return rc;
}

uint64_t
room_default_floor(const struct room_there *there)
{
	uint64_t part = there->total / FLOOR_PART;

	return part < ROOM_FLOOR ? part : ROOM_FLOOR;
}

void
room_need_text(const struct room_need *n, char ret[ROOM_TEXT_MAX])
{
	char size[HUMAN_MAX];

	human_bytes(n->octets, size);
	if (n->inodes == 0)
		snprintf(ret, ROOM_TEXT_MAX, "%s", size);
	else
		snprintf(ret, ROOM_TEXT_MAX, "%s and %" PRIu64 " files", size, n->inodes);
}

/* ---- a room ---- */

int
room_open(struct room **ret, const char *dir, const uint64_t *min_free, struct err *err)
{
	struct room_there there;

	if (room_look(dir, &there, err) < 0)
		return -1;

	struct room *r = mem_new(sizeof(*r));

	pthread_mutex_init(&r->mutex, NULL);
	r->dir = mem_copy_str(dir);
	r->block = there.block;
	r->floor = min_free != NULL ? *min_free : room_default_floor(&there);
	*ret = r;
	return 0;
}

struct room *
room_of_quota(uint64_t octets)
{
	struct room *r = mem_new(sizeof(*r));

	pthread_mutex_init(&r->mutex, NULL);
	r->block = 1;
	r->left = octets;
	return r;
}

void
room_close(struct room **r)
{
	if (*r == NULL)
		return;
	pthread_mutex_destroy(&(*r)->mutex);
	free((*r)->dir);
	free(*r);
	*r = NULL;
}

uint64_t
room_block(const struct room *r)
{
	return r != NULL ? r->block : 1;
}

int
room_hold(struct room *r, struct err *err)
{
	struct room_there there;
	char floor[HUMAN_MAX], left[HUMAN_MAX];

	if (r == NULL || r->dir == NULL || r->floor == 0)
		return 0;
	if (room_look(r->dir, &there, err) < 0)
		return -1;
	if (there.octets >= r->floor)
		return 0;
	human_bytes(r->floor, floor);
	human_bytes(there.octets, left);
	return err_set(err, ERR_FULL,
	    "%s are free on the disk of '%s', and %s are to stay free there (--min-free): nothing more "
	    "is written; make room, or give a smaller --min-free, then run the same command again to "
	    "continue",
	    left, r->dir, floor);
}

/* ---- promises ---- */

static uint64_t
less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static int
no_room(const struct room *r, const struct room_need *n, const struct room_need *left,
    const char *what, struct err *err)
{
	char need[ROOM_TEXT_MAX], there[HUMAN_MAX], floor[HUMAN_MAX];

	room_need_text(n, need);
	human_bytes(left->octets, there);
	human_bytes(r->floor, floor);
	if (r->dir == NULL)
		return err_set(err, ERR_NO_ROOM,
		    "%s needs %s, and the quota of the destination leaves %s: nothing of it is begun; "
		    "have the quota raised, or take less with --since or --folder",
		    what, need, there);
	if (left->octets >= n->octets)
		return err_set(err, ERR_NO_ROOM,
		    "%s needs %" PRIu64 " files, and the disk of '%s' has room for %" PRIu64
		    ": nothing of it is begun; use a file system with more inodes, or --format mbox",
		    what, n->inodes, r->dir, left->inodes);
	return err_set(err, ERR_NO_ROOM,
	    "%s needs %s, and %s are left on the disk of '%s' without what is promised to others "
	    "and the %s that stay free (--min-free): nothing of it is begun; make room, use another "
	    "disk, or take less with --since or --folder",
	    what, need, there, r->dir, floor);
}

static int
left_of(const struct room *r, struct room_need *ret, struct err *err)
{
	struct room_there there;

	if (r->dir == NULL) {
		*ret = (struct room_need){ less(r->left, r->open.octets), ROOM_UNLIMITED };
		return 0;
	}
	if (room_look(r->dir, &there, err) < 0)
		return -1;
	ret->octets = less(less(there.octets, r->floor), r->open.octets);
	ret->inodes = there.inodes == ROOM_UNLIMITED ? ROOM_UNLIMITED
						     : less(there.inodes, r->open.inodes);
	return 0;
}

static uint64_t
sum(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

int
room_promise(struct room *r, struct room_share *io, const struct room_need *n, const char *what,
    struct err *err)
{
	struct room_need left;
	int rc;

	if (r == NULL || (n->octets == 0 && n->inodes == 0))
		return 0;
	pthread_mutex_lock(&r->mutex);
	rc = left_of(r, &left, err);
	if (rc == 0 && (n->octets > left.octets || n->inodes > left.inodes))
		rc = no_room(r, n, &left, what, err);
	if (rc == 0) {
		r->open.octets = sum(r->open.octets, n->octets);
		r->open.inodes = sum(r->open.inodes, n->inodes);
		io->open.octets = sum(io->open.octets, n->octets);
		io->open.inodes = sum(io->open.inodes, n->inodes);
	}
	pthread_mutex_unlock(&r->mutex);
	return rc;
}

/* Never more than was promised. */
static void
take_off(struct room *r, struct room_share *io, const struct room_need *n)
{
	struct room_need part = { n->octets < io->open.octets ? n->octets : io->open.octets,
		n->inodes < io->open.inodes ? n->inodes : io->open.inodes };

	io->open.octets -= part.octets;
	io->open.inodes -= part.inodes;
	r->open.octets = less(r->open.octets, part.octets);
	r->open.inodes = less(r->open.inodes, part.inodes);
}

void
room_came(struct room *r, struct room_share *io, const struct room_need *n)
{
	if (r == NULL)
		return;
	pthread_mutex_lock(&r->mutex);
	take_off(r, io, n);
	if (r->dir == NULL)
		r->left = less(r->left, n->octets);
	pthread_mutex_unlock(&r->mutex);
}

void
room_leave(struct room *r, struct room_share *io)
{
	const struct room_need all = io->open;

	if (r == NULL)
		return;
	pthread_mutex_lock(&r->mutex);
	take_off(r, io, &all);
	pthread_mutex_unlock(&r->mutex);
}
