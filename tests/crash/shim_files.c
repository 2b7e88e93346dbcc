/* Calls that change files, and what is sent to a socket: see shim.c. */
#undef _FILE_OFFSET_BITS /* open and open64 are two names here */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

static uint64_t
shim_inode(int fd)
{
	struct stat st;

	return fd >= 0 && syscall(SYS_fstat, fd, &st) == 0 ? st.st_ino : 0;
}

/* ---- open ---- */

static int
shim_open(int dir, const char *path, int flags, mode_t mode)
{
	struct call c = { .other = "" };
	struct stat st;

	if (!(flags & (O_CREAT | O_TRUNC)) || (flags & O_TMPFILE) == O_TMPFILE) {
		if (shim_counts(OP_OPEN))
			shim_at_path(dir, path, c.path);
		return shim_meets(OP_OPEN, c.path, NULL)
		    ? -1
		    : (int)syscall(SYS_openat, dir, path, flags, mode);
	}
	shim_at_path(dir, path, c.path);
	shim_enter(&c, OP_CREATE);
	if (shim_refuses(&c))
		return -1;
	bool there = c.counted &&
	    syscall(SYS_newfstatat, dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
	int fd = (int)syscall(SYS_openat, dir, path, flags, mode);
	struct entry e = { .made = !there, .inode = shim_inode(fd) };

	/* What it held is gone: a model sees a length of nothing behind the open. */
	e.offset = (flags & O_TRUNC) != 0;
	shim_leave(&c, fd, e, NULL, 0);
	return fd;
}

static mode_t
shim_mode(int flags, va_list ap)
{
	return flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;
}

#define OPEN(name) \
	int name(const char *path, int flags, ...); \
	int name(const char *path, int flags, ...) \
	{ \
		va_list ap; \
		va_start(ap, flags); \
		mode_t mode = shim_mode(flags, ap); \
		va_end(ap); \
		return shim_open(AT_FDCWD, path, flags, mode); \
	}
#define OPENAT(name) \
	int name(int dir, const char *path, int flags, ...); \
	int name(int dir, const char *path, int flags, ...) \
	{ \
		va_list ap; \
		va_start(ap, flags); \
		mode_t mode = shim_mode(flags, ap); \
		va_end(ap); \
		return shim_open(dir, path, flags, mode); \
	}
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

int
creat(const char *path, mode_t mode)
{
	return shim_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

int
creat64(const char *path, mode_t mode)
{
	return creat(path, mode);
}

/* ---- write ---- */

ssize_t
write(int fd, const void *data, size_t len)
{
	struct call c = { .other = "" };

	(void)shim_fd_path(fd, c.path);
	shim_enter(&c, OP_WRITE);
	if (shim_refuses(&c))
		return -1;
	size_t want = shim_part(&c, len);
	ssize_t n = syscall(SYS_write, fd, data, want > 0 ? want : len);
	if (!c.counted)
		return n;
	struct entry e = { .inode = shim_inode(fd) };
	if (n > 0)
		e.offset = (uint64_t)(lseek(fd, 0, SEEK_CUR) - n);
	shim_leave(&c, n, e, data, n > 0 ? (size_t)n : 0);
	return n;
}

static ssize_t
shim_pwrite(int fd, const void *data, size_t len, off_t at)
{
	struct call c = { .other = "" };

	(void)shim_fd_path(fd, c.path);
	shim_enter(&c, OP_WRITE);
	if (shim_refuses(&c))
		return -1;
	size_t want = shim_part(&c, len);
	ssize_t n = syscall(SYS_pwrite64, fd, data, want > 0 ? want : len, at);
	struct entry e = { .inode = c.counted ? shim_inode(fd) : 0, .offset = (uint64_t)at };

	shim_leave(&c, n, e, data, n > 0 ? (size_t)n : 0);
	return n;
}

ssize_t
pwrite(int fd, const void *data, size_t len, off_t at)
{
	return shim_pwrite(fd, data, len, at);
}

ssize_t
pwrite64(int fd, const void *data, size_t len, off_t at)
{
	return shim_pwrite(fd, data, len, at);
}

/* Gathered writes are made one call of their parts, so that half of one can be cut. */
static ssize_t
shim_writev(int fd, const struct iovec *part, int parts, bool placed, off_t at)
{
	size_t len = 0;

	for (int i = 0; i < parts; i++)
		len += part[i].iov_len;
	char *all = malloc(len + 1), *to = all;
	if (all == NULL)
		abort();
	for (int i = 0; i < parts; i++) {
		memcpy(to, part[i].iov_base, part[i].iov_len);
		to += part[i].iov_len;
	}
	ssize_t n = placed ? shim_pwrite(fd, all, len, at) : write(fd, all, len);
	free(all);
	return n;
}

ssize_t
writev(int fd, const struct iovec *part, int parts)
{
	char path[PATH_ROOM];

	if (!shim_fd_path(fd, path) || !shim_below(path))
		return syscall(SYS_writev, fd, part, parts);
	return shim_writev(fd, part, parts, false, 0);
}

ssize_t
pwritev(int fd, const struct iovec *part, int parts, off_t at)
{
	return shim_writev(fd, part, parts, true, at);
}

ssize_t
pwritev64(int fd, const struct iovec *part, int parts, off_t at)
{
	return shim_writev(fd, part, parts, true, at);
}

static int
shim_ftruncate(int fd, off_t len)
{
	struct call c = { .other = "" };

	(void)shim_fd_path(fd, c.path);
	shim_enter(&c, OP_TRUNCATE);
	if (shim_refuses(&c))
		return -1;
	int rc = (int)syscall(SYS_ftruncate, fd, len);
	struct entry e = { .inode = c.counted ? shim_inode(fd) : 0, .offset = (uint64_t)len };

	shim_leave(&c, rc, e, NULL, 0);
	return rc;
}

int
ftruncate(int fd, off_t len)
{
	return shim_ftruncate(fd, len);
}

int
ftruncate64(int fd, off_t len)
{
	return shim_ftruncate(fd, len);
}

/* ---- sockets ---- */

ssize_t
send(int fd, const void *data, size_t len, int flags)
{
	struct call c = { .other = "" };

	shim_peer(OP_SEND, fd, c.path);
	shim_enter(&c, OP_SEND);
	if (shim_refuses(&c))
		return -1;
	size_t want = shim_part(&c, len);
	ssize_t n = syscall(SYS_sendto, fd, data, want > 0 ? want : len, flags, NULL, 0);
	shim_leave(&c, n, (struct entry){ 0 }, data, n > 0 ? (size_t)n : 0);
	return n;
}

/* ---- names ---- */

int
truncate(const char *path, off_t len)
{
	struct call c = { .other = "" };
	struct stat st = { .st_ino = 0 };

	shim_at_path(AT_FDCWD, path, c.path);
	shim_enter(&c, OP_TRUNCATE);
	if (shim_refuses(&c))
		return -1;
	int rc = (int)syscall(SYS_truncate, path, len);
	(void)syscall(SYS_newfstatat, AT_FDCWD, path, &st, 0);
	shim_leave(&c, rc, (struct entry){ .inode = st.st_ino, .offset = (uint64_t)len }, NULL, 0);
	return rc;
}

int
truncate64(const char *path, off_t len)
{
	return truncate(path, len);
}

static int
shim_renameat(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	struct call c;

	shim_at_path(from_dir, from, c.path);
	shim_at_path(to_dir, to, c.other);
	shim_enter(&c, flags != 0 ? OP_OTHER : OP_RENAME);
	if (shim_refuses(&c))
		return -1;
	int rc = (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
	shim_leave(&c, rc, (struct entry){ 0 }, NULL, 0);
	return rc;
}

int
rename(const char *from, const char *to)
{
	return shim_renameat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return shim_renameat(from_dir, from, to_dir, to, 0);
}

int
renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	return shim_renameat(from_dir, from, to_dir, to, flags);
}

static int
shim_unlinkat(int dir, const char *path, int flags)
{
	struct call c = { .other = "" };

	shim_at_path(dir, path, c.path);
	shim_enter(&c, flags & AT_REMOVEDIR ? OP_RMDIR : OP_UNLINK);
	if (shim_refuses(&c))
		return -1;
	int rc = (int)syscall(SYS_unlinkat, dir, path, flags);
	shim_leave(&c, rc, (struct entry){ 0 }, NULL, 0);
	return rc;
}

int
unlink(const char *path)
{
	return shim_unlinkat(AT_FDCWD, path, 0);
}

int
unlinkat(int dir, const char *path, int flags)
{
	return shim_unlinkat(dir, path, flags);
}

int
rmdir(const char *path)
{
	return shim_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int
mkdirat(int dir, const char *path, mode_t mode)
{
	struct call c = { .other = "" };

	shim_at_path(dir, path, c.path);
	shim_enter(&c, OP_MKDIR);
	if (shim_refuses(&c))
		return -1;
	int rc = (int)syscall(SYS_mkdirat, dir, path, mode);
	shim_leave(&c, rc, (struct entry){ .dir = 1 }, NULL, 0);
	return rc;
}

int
mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}

int
linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	struct call c;

	shim_at_path(from_dir, from, c.path);
	shim_at_path(to_dir, to, c.other);
	shim_enter(&c, OP_LINK);
	if (shim_refuses(&c))
		return -1;
	int rc = (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
	shim_leave(&c, rc, (struct entry){ 0 }, NULL, 0);
	return rc;
}

int
link(const char *from, const char *to)
{
	return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* ---- sync ---- */

/* Noted, not done: a kill cannot tell, and a power cut is the model's. */
static int
shim_sync(int fd, enum op op, long number)
{
	struct call c = { .other = "" };
	struct stat st = { .st_ino = 0 };

	(void)shim_fd_path(fd, c.path);
	shim_enter(&c, op);
	if (shim_refuses(&c))
		return -1;
	int rc = (int)syscall(SYS_fstat, fd, &st);
	if (rc == 0 && !c.counted)
		rc = (int)syscall(number, fd);
	struct entry e = { .inode = st.st_ino, .dir = S_ISDIR(st.st_mode) };
	shim_leave(&c, rc, e, NULL, 0);
	return rc;
}

int
fsync(int fd)
{
	return shim_sync(fd, OP_SYNC, SYS_fsync);
}

int
fdatasync(int fd)
{
	return shim_sync(fd, OP_SYNC, SYS_fdatasync);
}

int
syncfs(int fd)
{
	return shim_sync(fd, OP_SYNC_ALL, SYS_syncfs);
}

int
futimens(int fd, const struct timespec times[2])
{
	struct call c = { .other = "" };

	(void)shim_fd_path(fd, c.path);
	shim_enter(&c, OP_TIMES);
	if (shim_refuses(&c))
		return -1;
	int rc = (int)syscall(SYS_utimensat, fd, NULL, times, 0);
	struct entry e = { .inode = c.counted ? shim_inode(fd) : 0 };
	e.offset = (uint64_t)times[1].tv_sec * 1000000000 + (uint64_t)times[1].tv_nsec;
	shim_leave(&c, rc, e, NULL, 0);
	return rc;
}

/* ---- what the model does not know, so that it cannot pass unseen ---- */

static void
shim_unknown(int fd)
{
	struct call c = { .other = "" };

	if (!shim_fd_path(fd, c.path))
		return;
	shim_enter(&c, OP_OTHER);
	shim_leave(&c, 0, (struct entry){ 0 }, NULL, 0);
}

int
fallocate(int fd, int mode, off_t at, off_t len)
{
	shim_unknown(fd);
	return (int)syscall(SYS_fallocate, fd, mode, at, len);
}

int
posix_fallocate(int fd, off_t at, off_t len)
{
	return fallocate(fd, 0, at, len) == 0 ? 0 : errno;
}

ssize_t
copy_file_range(int in, off_t *in_at, int out, off_t *out_at, size_t len, unsigned flags)
{
	shim_unknown(out);
	return syscall(SYS_copy_file_range, in, in_at, out, out_at, len, flags);
}

ssize_t
sendfile(int out, int in, off_t *at, size_t len)
{
	shim_unknown(out);
	return syscall(SYS_sendfile, out, in, at, len);
}

/* ---- the file system's kind ---- */

static void
shim_kind(int fd, __fsword_t *type)
{
	char path[PATH_ROOM];

	if (shim_file_system() != 0 && shim_fd_path(fd, path) && shim_below(path))
		*type = (__fsword_t)shim_file_system();
}

int
fstatfs(int fd, struct statfs *ret)
{
	int rc = (int)syscall(SYS_fstatfs, fd, ret);

	if (rc == 0)
		shim_kind(fd, &ret->f_type);
	return rc;
}

int
fstatfs64(int fd, struct statfs64 *ret)
{
	int rc = (int)syscall(SYS_fstatfs, fd, ret);

	if (rc == 0)
		shim_kind(fd, &ret->f_type);
	return rc;
}
