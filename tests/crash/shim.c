/* Between imex and libc: sees every call that changes a file below one directory, from the program
 * and from libsqlite3, numbers them from 1, and at one number does what the test asks. The product
 * has no hook for this. LD_PRELOAD; told by the environment (shim.py):
 *
 *   CRASH_ROOT   the directory; calls on other files and on sockets pass uncounted
 *   CRASH_LOG    each call is written here (struct entry, then paths and data)
 *   CRASH_DO     kill-before, kill-after, kill-half: SIGKILL; fail: the call fails; short: a write
 *                takes half. Other or none: only count
 *   CRASH_AT     the number; CRASH_MANY: also the ones after it, so many in all
 *   CRASH_ONLY   of these only calls of these kinds (bits 1 << op; 0: all)
 *   CRASH_LIKE   text: CRASH_AT counts only calls of these kinds with the text in a path, so that the
 *                n-th one is met in every run, whatever order threads take
 *   CRASH_ERRNO  of the failure
 *   CRASH_FS     f_type that fstatfs tells of the directory (hex)
 *   CRASH_DATA   "1": the log holds what was written too
 *   CRASH_NET    "1": what is sent to a socket is a call too, of the "file" :PORT of its peer
 *
 * One mutex makes the order of the log the order of the calls. Files are told apart by inode,
 * names by path, so that a model can repeat what happened (disk.py; not with CRASH_NET). mmap is not seen: SQLite's
 * shared memory is written by it, and nothing of that outlives a crash. The calls go to the kernel
 * directly, for 64-bit Linux. */
#undef _FILE_OFFSET_BITS /* open and open64 are two names here */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
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

enum { PATH_ROOM = 2 * PATH_MAX };

enum op {
	OP_CREATE = 1,	/* a name was made; or an open that could have made it */
	OP_TRUNCATE,	/* offset: the new length */
	OP_WRITE,	/* offset, data */
	OP_RENAME,
	OP_UNLINK,
	OP_MKDIR,
	OP_RMDIR,
	OP_LINK,
	OP_SYNC,	/* of one file or directory */
	OP_SYNC_ALL,
	OP_TIMES,	/* offset: the mtime in ns */
	OP_OTHER,	/* what the model cannot repeat: it must not occur */
	OP_SEND		/* octets to a peer */
};

/* Shared with shim.py. */
struct entry {
	uint32_t number;
	uint8_t op, made, dir, struck;
	uint64_t inode, offset;
	int32_t result; /* errno of a failure, 0 */
	uint32_t path, other, data; /* lengths of what follows */
};

/* A call on its way through. */
struct call {
	enum op op;
	const char *name;
	char path[PATH_ROOM], other[PATH_ROOM];
	bool counted;
	unsigned long number;
	bool struck;
};

static pthread_mutex_t shim_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct {
	const char *root, *what, *like;
	size_t root_len;
	unsigned long at, many, only, count, alike;
	int fault, log;
	unsigned long fs;
	bool data, net;
} shim = { .log = -1 };

static unsigned long
shim_number(const char *name, int base, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text != NULL ? strtoul(text, NULL, base) : otherwise;
}

__attribute__((constructor)) static void
shim_start(void)
{
	const char *log = getenv("CRASH_LOG");

	shim.root = getenv("CRASH_ROOT");
	shim.root_len = shim.root != NULL ? strlen(shim.root) : 0;
	shim.what = getenv("CRASH_DO") != NULL ? getenv("CRASH_DO") : "";
	shim.like = getenv("CRASH_LIKE");
	shim.at = shim_number("CRASH_AT", 10, 0);
	shim.many = shim_number("CRASH_MANY", 10, 1);
	shim.only = shim_number("CRASH_ONLY", 10, 0);
	shim.fault = (int)shim_number("CRASH_ERRNO", 10, EIO);
	shim.fs = shim_number("CRASH_FS", 16, 0);
	shim.data = shim_number("CRASH_DATA", 10, 0) != 0;
	shim.net = shim_number("CRASH_NET", 10, 0) != 0;
	if (log != NULL)
		shim.log = (int)syscall(
		    SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* ---- which files ---- */

static bool
shim_below(const char *path)
{
	return shim.root_len > 0 && strncmp(path, shim.root, shim.root_len) == 0 &&
	    (path[shim.root_len] == '/' || path[shim.root_len] == '\0');
}

static bool
shim_fd_path(int fd, char ret[PATH_ROOM])
{
	char link[64];

	(void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, ret, PATH_MAX);
	ret[n > 0 ? n : 0] = '\0';
	return n > 0;
}

static void
shim_at_path(int dir, const char *path, char ret[PATH_ROOM])
{
	char base[PATH_ROOM] = "";

	if (path[0] == '/') {
		(void)snprintf(ret, PATH_ROOM, "%s", path);
		return;
	}
	if (dir == AT_FDCWD ? getcwd(base, PATH_MAX) == NULL : !shim_fd_path(dir, base))
		base[0] = '\0';
	if ((size_t)snprintf(ret, PATH_ROOM, "%s/%s", base, path) >= PATH_ROOM)
		abort();
}

/* ---- the log ---- */

static void
shim_log(const struct call *c, const struct entry *e, const void *data)
{
	const struct iovec part[] = {
		{ (void *)(uintptr_t)e, sizeof *e },
		{ (void *)(uintptr_t)c->path, e->path },
		{ (void *)(uintptr_t)c->other, e->other },
		{ (void *)(uintptr_t)data, e->data },
	};

	if (shim.log >= 0 && syscall(SYS_writev, shim.log, part, 4) < 0)
		abort();
}

static void
shim_note(const struct call *c, struct entry e, const void *data, size_t len)
{
	e.number = (uint32_t)c->number;
	e.op = (uint8_t)c->op;
	e.struck = c->struck;
	e.path = (uint32_t)strlen(c->path);
	e.other = (uint32_t)strlen(c->other);
	e.data = shim.data ? (uint32_t)len : 0;
	shim_log(c, &e, data);
}

/* ---- before and after each call ---- */

static void
shim_die(const struct call *c)
{
	shim_note(c, (struct entry){ 0 }, NULL, 0);
	(void)syscall(SYS_kill, getpid(), SIGKILL);
	for (;;)
		pause();
}

static bool
shim_does(const char *what)
{
	return strcmp(shim.what, what) == 0;
}

static bool
shim_strikes(const struct call *c)
{
	unsigned long number = c->number;

	if (shim.only != 0 && (shim.only >> c->op & 1) == 0)
		return false;
	if (shim.like != NULL) {
		if (strstr(c->path, shim.like) == NULL && strstr(c->other, shim.like) == NULL)
			return false;
		number = ++shim.alike;
	}
	return shim.at > 0 && number >= shim.at && number - shim.at < shim.many;
}

/* Counts the call if it is below the root; then the mutex is held until shim_leave. */
static void
shim_enter(struct call *c, enum op op)
{
	c->op = op;
	c->counted = shim_below(c->path) || shim_below(c->other);
	c->struck = false;
	c->number = 0;
	if (!c->counted)
		return;
	pthread_mutex_lock(&shim_mutex);
	c->number = ++shim.count;
	c->struck = shim_strikes(c);
	bool divisible = op == OP_WRITE || op == OP_SEND;
	if (c->struck && (shim_does("kill-before") || (shim_does("kill-half") && !divisible)))
		shim_die(c);
}

/* True: the call is to fail, errno is set. */
static bool
shim_refuses(const struct call *c)
{
	if (!c->struck || !shim_does("fail"))
		return false;
	shim_note(c, (struct entry){ .result = shim.fault }, NULL, 0);
	pthread_mutex_unlock(&shim_mutex);
	errno = shim.fault;
	return true;
}

static void
shim_leave(const struct call *c, long result, struct entry e, const void *data, size_t len)
{
	int saved = errno;

	if (!c->counted)
		return;
	e.result = result < 0 ? saved : 0;
	if (c->struck && (shim_does("kill-after") || shim_does("kill-half")))
		shim_die(c);
	shim_note(c, e, data, len);
	pthread_mutex_unlock(&shim_mutex);
	errno = saved;
}

static uint64_t
shim_inode(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 ? st.st_ino : 0;
}

/* ---- open ---- */

static int
shim_open(int dir, const char *path, int flags, mode_t mode)
{
	struct call c = { .other = "" };
	struct stat st;

	if (!(flags & (O_CREAT | O_TRUNC)) || (flags & O_TMPFILE) == O_TMPFILE)
		return (int)syscall(SYS_openat, dir, path, flags, mode);
	shim_at_path(dir, path, c.path);
	shim_enter(&c, OP_CREATE);
	if (shim_refuses(&c))
		return -1;
	bool there = c.counted && fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
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

static size_t
shim_part(const struct call *c, size_t len)
{
	return c->struck && (shim_does("short") || shim_does("kill-half")) ? len / 2 : len;
}

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

static void
shim_peer(int fd, char ret[PATH_ROOM])
{
	struct sockaddr_in peer = { 0 };
	socklen_t len = sizeof peer;

	ret[0] = '\0';
	if (shim.net && shim.root_len > 0 && getpeername(fd, (struct sockaddr *)&peer, &len) == 0 &&
	    peer.sin_family == AF_INET)
		(void)snprintf(ret, PATH_ROOM, "%s/:%u", shim.root, ntohs(peer.sin_port));
}

ssize_t
send(int fd, const void *data, size_t len, int flags)
{
	struct call c = { .other = "" };

	shim_peer(fd, c.path);
	shim_enter(&c, OP_SEND);
	if (shim_refuses(&c))
		return -1;
	size_t want = shim_part(&c, len);
	ssize_t n = syscall(SYS_sendto, fd, data, want > 0 ? want : len, flags, NULL, 0);
	shim_leave(&c, n, (struct entry){ 0 }, data, n > 0 ? (size_t)n : 0);
	return n;
}

/* ---- names ---- */

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
	int rc = fstat(fd, &st);
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

	if (shim.fs != 0 && shim_fd_path(fd, path) && shim_below(path))
		*type = (__fsword_t)shim.fs;
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
