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
 *   CRASH_ALSO   calls of these kinds are counted too (bits 1 << op): what is sent to a socket, of the
 *                "file" :PORT of its peer, and what shim_calls.c tells of
 *
 * One mutex makes the order of the log the order of the calls. Files are told apart by inode,
 * names by path, so that a model can repeat what happened (disk.py; not with CRASH_ALSO). mmap is not seen: SQLite's
 * shared memory is written by it, and nothing of that outlives a crash. The calls go to the kernel
 * directly, for 64-bit Linux. */
#undef _FILE_OFFSET_BITS
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t shim_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct {
	const char *root, *what, *like;
	size_t root_len;
	unsigned long at, many, only, also, count, alike;
	int fault, log;
	unsigned long fs;
	bool data;
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
	shim.also = shim_number("CRASH_ALSO", 10, 0);
	if (log != NULL)
		shim.log = (int)syscall(
		    SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* ---- which files ---- */

bool
shim_below(const char *path)
{
	return shim.root_len > 0 && strncmp(path, shim.root, shim.root_len) == 0 &&
	    (path[shim.root_len] == '/' || path[shim.root_len] == '\0');
}

bool
shim_fd_path(int fd, char ret[PATH_ROOM])
{
	char link[64];

	(void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, ret, PATH_MAX);
	ret[n > 0 ? n : 0] = '\0';
	return n > 0;
}

void
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

bool
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
void
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
bool
shim_refuses(const struct call *c)
{
	if (!c->struck || !shim_does("fail"))
		return false;
	shim_note(c, (struct entry){ .result = shim.fault }, NULL, 0);
	pthread_mutex_unlock(&shim_mutex);
	errno = shim.fault;
	return true;
}

void
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

bool
shim_counts(enum op op)
{
	return op < OP_SEND || (shim.also >> op & 1) != 0;
}

unsigned long
shim_file_system(void)
{
	return shim.fs;
}

void
shim_peer(enum op op, int fd, char ret[PATH_ROOM])
{
	struct sockaddr_in peer = { 0 };
	socklen_t len = sizeof peer;

	ret[0] = '\0';
	if (shim_counts(op) && shim.root_len > 0 && getpeername(fd, (struct sockaddr *)&peer, &len) == 0 &&
	    peer.sin_family == AF_INET)
		(void)snprintf(ret, PATH_ROOM, "%s/:%u", shim.root, ntohs(peer.sin_port));
}

size_t
shim_part(const struct call *c, size_t len)
{
	return c->struck && (shim_does("short") || shim_does("kill-half")) ? len / 2 : len;
}

bool
shim_meets(enum op op, const char *path, size_t *len)
{
	struct call c = { .op = op, .other = "" };

	if (!shim_counts(op) || (op < OP_TLS && op != OP_CONNECT && !shim_below(path)))
		return false;
	int saved = errno;
	(void)snprintf(c.path, sizeof c.path, "%s", path);
	pthread_mutex_lock(&shim_mutex);
	c.counted = true;
	c.number = ++shim.count;
	c.struck = shim_strikes(&c);
	if (c.struck && strncmp(shim.what, "kill", 4) == 0)
		shim_die(&c);
	if (shim_refuses(&c))
		return true;
	if (len != NULL && *len > 1)
		*len = shim_part(&c, *len);
	shim_note(&c, (struct entry){ 0 }, NULL, 0);
	pthread_mutex_unlock(&shim_mutex);
	errno = saved;
	return false;
}
