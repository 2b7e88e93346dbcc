/* See spool.h. The memory grows by doubling up to its limit and is kept from message to message.
 * Once the limit is passed all of it goes to the file, and every later piece is written at once:
 * then nothing can fail late, and spool_fd always has everything. Small pieces that are written
 * one by one are the caller's to gather.
 *
 * The file is opened once and cut to nothing by each reset that finds something in it. Reading
 * from it goes through a window, so that a reader who takes small steps asks the system once in a
 * while only. mmap was rejected: the pages of a large file would count as ours. */
#include "base/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

enum {
	SPOOL_FIRST = 16 * 1024, /* memory to begin with */
	SPOOL_WINDOW = 128 * 1024, /* read from the file at least so much */
	SPOOL_WINDOW_KEPT = 1024 * 1024, /* a larger window is given back by the reset */
	SPOOL_STEP = 256 * 1024, /* copied at once */
	SPOOL_NAMES = 100 /* tries for a free name */
};

struct spool {
	int dir, fd; /* fd -1: not made yet */
	bool in_file;
	uint64_t len;
	size_t memory_max, cap;
	char *memory; /* `len` octets while !in_file */
	char *window; /* window_len octets of the file from window_at */
	size_t window_cap, window_len;
	uint64_t window_at;
};

struct spool *
spool_new(int dir, size_t memory_max)
{
	struct spool *s = mem_new(sizeof(*s));

	s->dir = dir >= 0 ? fcntl(dir, F_DUPFD_CLOEXEC, 3) : -1;
	s->fd = -1;
	s->memory_max = memory_max;
	return s;
}

void
spool_free(struct spool **s)
{
	if (*s == NULL)
		return;
	file_close(&(*s)->fd);
	file_close(&(*s)->dir);
	free((*s)->memory);
	free((*s)->window);
	free(*s);
	*s = NULL;
}

/* A file that cannot be cut is given back: the next message gets a new one. */
void
spool_reset(struct spool *s)
{
	if (s->in_file && ftruncate(s->fd, 0) < 0)
		file_close(&s->fd);
	if (s->window_cap > SPOOL_WINDOW_KEPT) {
		free(s->window);
		s->window = NULL;
		s->window_cap = 0;
	}
	s->in_file = false;
	s->len = 0;
	s->window_len = 0;
}

/* Where O_TMPFILE is not known (by the kernel, the C library or the file system): a name that is
 * gone before anyone can use it. */
static int
spool_open_named(int dir)
{
	for (int i = 0; i < SPOOL_NAMES; i++) {
		char name[64];

		snprintf(name, sizeof(name), ".imex-spool-%ld-%d", (long)getpid(), i);
		int fd =
		    openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd >= 0) {
			unlinkat(dir, name, 0);
			return fd;
		}
		if (errno != EEXIST && errno != EINTR)
			return -1;
	}
	return -1;
}

static int
spool_open(struct spool *s, struct err *err)
{
	if (s->dir < 0)
		return err_set(err, ERR_MESSAGE,
		    "more than %zu octets, and no directory to put them in", s->memory_max);
#ifdef O_TMPFILE
	do {
		s->fd = openat(s->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	} while (s->fd < 0 && errno == EINTR);
#endif
	if (s->fd < 0)
		s->fd = spool_open_named(s->dir);
	if (s->fd < 0)
		return err_set_sys(err, ERR_CREATE, "cannot make a file for large messages");
	return 0;
}

static int
spool_write(struct spool *s, uint64_t at, struct slice octets, struct err *err)
{
	while (octets.len > 0) {
		ssize_t n = pwrite(s->fd, octets.data, octets.len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_set_sys(err, ERR_DISK, "write the file for large messages");
		octets.data += n;
		octets.len -= (size_t)n;
		at += (uint64_t)n;
	}
	return 0;
}

static int
spool_spill(struct spool *s, struct err *err)
{
	if (s->fd < 0 && spool_open(s, err) < 0)
		return -1;
	s->in_file = true;
	return spool_write(s, 0, (struct slice){ s->memory, (size_t)s->len }, err);
}

static void
spool_grow(struct spool *s, size_t need)
{
	size_t cap = s->cap > 0 ? s->cap : SPOOL_FIRST;

	while (cap < need)
		cap = cap <= SIZE_MAX / 2 ? cap * 2 : need;
	if (cap > s->memory_max)
		cap = s->memory_max;
	s->memory = mem_resize(s->memory, cap, 1);
	s->cap = cap;
}

int
spool_add(struct spool *s, struct slice octets, struct err *err)
{
	if (octets.len == 0)
		return 0;
	if (octets.len > SPOOL_MAX - s->len)
		return err_set(err, ERR_MESSAGE, "more than %llu octets in one message",
		    (unsigned long long)SPOOL_MAX);
	if (!s->in_file && octets.len > s->memory_max - s->len && spool_spill(s, err) < 0)
		return -1;
	if (s->in_file) {
		s->window_len = 0;
		if (spool_write(s, s->len, octets, err) < 0)
			return -1;
	} else {
		if (s->len + octets.len > s->cap)
			spool_grow(s, (size_t)s->len + octets.len);
		memcpy(s->memory + s->len, octets.data, octets.len);
	}
	s->len += octets.len;
	return 0;
}

uint64_t
spool_len(const struct spool *s)
{
	return s->len;
}

struct slice
spool_memory(const struct spool *s)
{
	if (s->in_file)
		return (struct slice){ NULL, 0 };
	return (struct slice){ s->memory != NULL ? s->memory : "", (size_t)s->len };
}

int
spool_fd(const struct spool *s)
{
	return s->in_file ? s->fd : -1;
}

/* Fill the window with `want` octets from `at`; the file has them. */
static int
spool_window(struct spool *s, uint64_t at, size_t want, struct err *err)
{
	if (want > s->window_cap) {
		s->window = mem_resize(s->window, want, 1);
		s->window_cap = want;
	}
	s->window_at = at;
	s->window_len = 0;
	while (s->window_len < want) {
		ssize_t n = pread(s->fd, s->window + s->window_len, want - s->window_len,
		    (off_t)(at + s->window_len));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_sys(err, ERR_DISK, "read the file for large messages");
		if (n == 0)
			return err_set(err, ERR_DISK,
			    "the file for large messages ends at %llu of %llu octets",
			    (unsigned long long)(at + s->window_len), (unsigned long long)s->len);
		s->window_len += (size_t)n;
	}
	return 0;
}

int
spool_read(struct spool *s, uint64_t at, size_t max, struct slice *ret, struct err *err)
{
	uint64_t left = at < s->len ? s->len - at : 0;
	size_t len = left < max ? (size_t)left : max;

	if (!s->in_file) {
		*ret = (struct slice){ len > 0 ? s->memory + at : "", len };
		return 0;
	}
	bool there =
	    at >= s->window_at && at + len <= s->window_at + s->window_len && s->window_len > 0;
	if (len > 0 && !there) {
		size_t want = len < SPOOL_WINDOW ? SPOOL_WINDOW : len;

		if (spool_window(s, at, left < want ? (size_t)left : want, err) < 0)
			return -1;
	}
	*ret = (struct slice){ len > 0 ? s->window + (at - s->window_at) : "", len };
	return 0;
}

int
spool_copy(struct spool *s, int fd, struct err *err)
{
	struct slice piece;

	for (uint64_t at = 0;; at += piece.len) {
		if (spool_read(s, at, s->in_file ? SPOOL_STEP : SIZE_MAX, &piece, err) < 0)
			return -1;
		if (piece.len == 0)
			return 0;
		if (file_write(fd, piece.data, piece.len, err) < 0)
			return -1;
	}
}

int
spool_save(struct spool *s, int dir, const char *name, struct err *err)
{
	char tmp[256];
	AUTO(file_close) int fd = -1;

	if (snprintf(tmp, sizeof(tmp), "%s.tmp", name) >= (int)sizeof(tmp))
		return err_set(err, ERR_CREATE, "the file name '%.60s...' is too long", name);
	if (file_create(dir, tmp, &fd, err) < 0 || spool_copy(s, fd, err) < 0 ||
	    file_sync(fd, err) < 0)
		return -1;
	return file_rename(dir, tmp, dir, name, err);
}

int
spool_copy_range(struct spool *s, uint64_t from, uint64_t to, struct spool *out, struct err *err)
{
	while (from < to) {
		size_t step = to - from < SPOOL_STEP ? (size_t)(to - from) : SPOOL_STEP;
		struct slice piece;

		if (spool_read(s, from, step, &piece, err) < 0)
			return -1;
		if (piece.len == 0)
			return 0;
		if (spool_add(out, piece, err) < 0)
			return -1;
		from += piece.len;
	}
	return 0;
}
