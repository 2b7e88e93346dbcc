/* All other calls that can fail, counted where CRASH_ALSO names their kind (shim.c): reading and
 * looking below the root, sockets, the TLS library, the database, threads, and memory. Of memory the
 * "path" is LIBRARY+OFFSET of who asks, so that CRASH_LIKE can tell imex's own requests from those of
 * a library. A failure is the one that the call has: for the database CRASH_ERRNO is SQLite's code,
 * for a name's look-up EAI_AGAIN. */
#undef _FILE_OFFSET_BITS
#include "shim.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <netdb.h>
#include <openssl/err.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The function of that name that the shim stands before. */
#define NEXT(type, name) ((type)(uintptr_t)dlsym(RTLD_NEXT, name))

/* ---- who calls ---- */

/* Where the code of each object lies; the ones loaded later (a name service) have no name. */
static struct object {
	uintptr_t from, to, base;
	char name[64];
} shim_objects[64];
static size_t shim_objects_n;

static int
shim_object(struct dl_phdr_info *info, size_t size, void *user)
{
	char self[PATH_MAX];
	const char *name = info->dlpi_name;

	(void)size;
	(void)user;
	if (name[0] == '\0') {
		ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
		self[n > 0 ? n : 0] = '\0';
		name = self;
	}
	const char *slash = strrchr(name, '/');
	for (int i = 0; i < info->dlpi_phnum && shim_objects_n < 64; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		if (ph->p_type != PT_LOAD || (ph->p_flags & PF_X) == 0)
			continue;
		struct object *o = &shim_objects[shim_objects_n++];
		o->base = info->dlpi_addr;
		o->from = info->dlpi_addr + ph->p_vaddr;
		o->to = o->from + ph->p_memsz;
		(void)snprintf(o->name, sizeof o->name, "%.63s", slash != NULL ? slash + 1 : name);
	}
	return 0;
}

__attribute__((constructor)) static void
shim_map(void)
{
	(void)dl_iterate_phdr(shim_object, NULL);
}

static const struct object *
shim_object_of(const void *code)
{
	uintptr_t at = (uintptr_t)code;

	for (size_t i = 0; i < shim_objects_n; i++)
		if (at >= shim_objects[i].from && at < shim_objects[i].to)
			return &shim_objects[i];
	return NULL;
}

/* ---- reading ---- */

static bool
shim_meets_fd(enum op op, int fd, size_t *len)
{
	char path[PATH_ROOM];

	return shim_counts(op) && shim_fd_path(fd, path) && shim_meets(op, path, len);
}

static bool
shim_meets_at(enum op op, int dir, const char *name)
{
	char path[PATH_ROOM];

	if (!shim_counts(op))
		return false;
	shim_at_path(dir, name, path);
	return shim_meets(op, path, NULL);
}

ssize_t
read(int fd, void *data, size_t len)
{
	return shim_meets_fd(OP_READ, fd, &len) ? -1 : syscall(SYS_read, fd, data, len);
}

ssize_t
pread(int fd, void *data, size_t len, off_t at)
{
	return shim_meets_fd(OP_READ, fd, &len) ? -1 : syscall(SYS_pread64, fd, data, len, at);
}

ssize_t
pread64(int fd, void *data, size_t len, off_t at)
{
	return pread(fd, data, len, at);
}

DIR *
opendir(const char *name)
{
	return shim_meets_at(OP_OPEN, AT_FDCWD, name) ? NULL : NEXT(DIR * (*)(const char *), "opendir")(name);
}

DIR *
fdopendir(int fd)
{
	return shim_meets_fd(OP_OPEN, fd, NULL) ? NULL : NEXT(DIR * (*)(int), "fdopendir")(fd);
}

struct dirent *
readdir(DIR *dir)
{
	return shim_meets_fd(OP_READ, dirfd(dir), NULL)
	    ? NULL
	    : NEXT(struct dirent * (*)(DIR *), "readdir")(dir);
}

struct dirent64 *
readdir64(DIR *dir)
{
	return (struct dirent64 *)readdir(dir);
}

int
fstatat(int dir, const char *name, struct stat *ret, int flags)
{
	bool meets = name[0] == '\0' ? shim_meets_fd(OP_LOOK, dir, NULL)
				     : shim_meets_at(OP_LOOK, dir, name);

	return meets ? -1 : (int)syscall(SYS_newfstatat, dir, name, ret, flags);
}

int
fstat(int fd, struct stat *ret)
{
	return shim_meets_fd(OP_LOOK, fd, NULL) ? -1 : (int)syscall(SYS_fstat, fd, ret);
}

int
stat(const char *name, struct stat *ret)
{
	return fstatat(AT_FDCWD, name, ret, 0);
}

int
lstat(const char *name, struct stat *ret)
{
	return fstatat(AT_FDCWD, name, ret, AT_SYMLINK_NOFOLLOW);
}

int
fstatat64(int dir, const char *name, struct stat64 *ret, int flags)
{
	return fstatat(dir, name, (struct stat *)ret, flags);
}

int
fstat64(int fd, struct stat64 *ret)
{
	return fstat(fd, (struct stat *)ret);
}

int
stat64(const char *name, struct stat64 *ret)
{
	return stat(name, (struct stat *)ret);
}

int
lstat64(const char *name, struct stat64 *ret)
{
	return lstat(name, (struct stat *)ret);
}

/* ---- sockets ---- */

ssize_t
recv(int fd, void *data, size_t len, int flags)
{
	char path[PATH_ROOM];

	shim_peer(OP_RECV, fd, path);
	return shim_meets(OP_RECV, path, &len)
	    ? -1
	    : syscall(SYS_recvfrom, fd, data, len, flags, NULL, NULL);
}

int
socket(int domain, int type, int protocol)
{
	return shim_meets(OP_CONNECT, "socket", NULL)
	    ? -1
	    : (int)syscall(SYS_socket, domain, type, protocol);
}

int
connect(int fd, const struct sockaddr *to, socklen_t len)
{
	return shim_meets(OP_CONNECT, "connect", NULL) ? -1 : (int)syscall(SYS_connect, fd, to, len);
}

int
getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **ret)
{
	typedef int fn(const char *, const char *, const struct addrinfo *, struct addrinfo **);

	return shim_meets(OP_CONNECT, "getaddrinfo", NULL)
	    ? EAI_AGAIN
	    : NEXT(fn *, "getaddrinfo")(host, port, hints, ret);
}

int
poll(struct pollfd *fds, nfds_t n, int timeout)
{
	typedef int fn(struct pollfd *, nfds_t, int);

	/* Under the root's name, as it belongs to none. */
	return shim_counts(OP_WAIT) && shim_meets(OP_WAIT, getenv("CRASH_ROOT"), NULL)
	    ? -1
	    : NEXT(fn *, "poll")(fds, n, timeout);
}

/* ---- TLS: the library's own error queue tells why, as when it fails itself ---- */

static bool
shim_meets_tls(const char *name)
{
	if (!shim_meets(OP_TLS, name, NULL))
		return false;
	NEXT(void (*)(void), "ERR_new")();
	NEXT(void (*)(int, int, const char *, ...), "ERR_set_error")(ERR_LIB_SSL, ERR_R_MALLOC_FAILURE, NULL);
	return true;
}

#define TLS(type, otherwise, name, args, ...) \
	type name args; \
	type name args \
	{ \
		return shim_meets_tls(#name) ? otherwise : NEXT(type(*) args, #name)(__VA_ARGS__); \
	}
TLS(void *, NULL, SSL_CTX_new, (const void *method), method)
TLS(int, 0, SSL_CTX_load_verify_file, (void *ctx, const char *file), ctx, file)
TLS(void *, NULL, SSL_new, (void *ctx), ctx)
TLS(int, -1, SSL_connect, (void *ssl), ssl)
TLS(int, 0, SSL_read_ex, (void *ssl, void *data, size_t len, size_t *ret), ssl, data, len, ret)
TLS(int, 0, SSL_write_ex, (void *ssl, const void *data, size_t len, size_t *ret), ssl, data, len, ret)

/* ---- the database: errno is SQLite's code ---- */

/* What sqlite3_errcode says until the next call; 0: what the library says. */
static _Thread_local int shim_code;

static bool
shim_meets_database(const char *name, const void *caller)
{
	const struct object *o = shim_object_of(caller);

	/* What the library asks of itself is its own affair: it sees its failures elsewhere. */
	if (o == NULL || strncmp(o->name, "libsqlite3", 10) == 0)
		return false;
	bool meets = shim_meets(OP_DATABASE, name, NULL);
	shim_code = meets ? errno : 0;
	return meets;
}

#define DATABASE(name, args, ...) \
	int name args; \
	int name args \
	{ \
		return shim_meets_database(#name, __builtin_return_address(0)) ? shim_code : NEXT(int (*) args, #name)(__VA_ARGS__); \
	}
DATABASE(sqlite3_prepare_v2, (void *db, const char *sql, int len, void **ret, const char **end), db, sql, len,
    ret, end)
DATABASE(sqlite3_prepare_v3, (void *db, const char *sql, int len, unsigned flags, void **ret, const char **end),
    db, sql, len, flags, ret, end)
DATABASE(sqlite3_step, (void *statement), statement)
DATABASE(sqlite3_exec, (void *db, const char *sql, void *row, void *user, char **error), db, sql, row, user,
    error)

int sqlite3_open_v2(const char *path, void **ret, int flags, const char *vfs);

int
sqlite3_open_v2(const char *path, void **ret, int flags, const char *vfs)
{
	typedef int fn(const char *, void **, int, const char *);

	*ret = NULL; /* as when there is no memory for it */
	return shim_meets_database("sqlite3_open_v2", __builtin_return_address(0))
	    ? shim_code
	    : NEXT(fn *, "sqlite3_open_v2")(path, ret, flags, vfs);
}

int sqlite3_errcode(void *db);

int
sqlite3_errcode(void *db)
{
	return shim_code != 0 ? shim_code : NEXT(int (*)(void *), "sqlite3_errcode")(db);
}

const char *sqlite3_errmsg(void *db);

const char *
sqlite3_errmsg(void *db)
{
	return shim_code != 0 ? NEXT(const char *(*)(int), "sqlite3_errstr")(shim_code)
			      : NEXT(const char *(*)(void *), "sqlite3_errmsg")(db);
}

/* ---- threads, and what cancels them ---- */

int
eventfd(unsigned count, int flags)
{
	return shim_meets(OP_THREAD, "eventfd", NULL) ? -1 : (int)syscall(SYS_eventfd2, count, flags);
}

int
pthread_create(pthread_t *ret, const pthread_attr_t *attr, void *(*body)(void *), void *user)
{
	typedef int fn(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

	return shim_meets(OP_THREAD, "pthread_create", NULL)
	    ? errno
	    : NEXT(fn *, "pthread_create")(ret, attr, body, user);
}

/* ---- memory ---- */

void *__libc_malloc(size_t len);
void *__libc_calloc(size_t n, size_t each);
void *__libc_realloc(void *p, size_t len);

/* Of this thread: it is in the shim, or in the loader on the shim's behalf. */
static _Thread_local bool shim_inside __attribute__((tls_model("initial-exec")));

static bool
shim_meets_alloc(const void *caller)
{
	char place[96] = "?";

	if (shim_inside || !shim_counts(OP_ALLOC))
		return false;
	shim_inside = true;
	const struct object *o = shim_object_of(caller);
	if (o != NULL)
		(void)snprintf(place, sizeof place, "%s+%#lx", o->name,
		    (unsigned long)((uintptr_t)caller - o->base));
	bool meets = shim_meets(OP_ALLOC, place, NULL);
	shim_inside = false;
	return meets;
}

void *
malloc(size_t len)
{
	return shim_meets_alloc(__builtin_return_address(0)) ? NULL : __libc_malloc(len);
}

void *
calloc(size_t n, size_t each)
{
	return shim_meets_alloc(__builtin_return_address(0)) ? NULL : __libc_calloc(n, each);
}

void *
realloc(void *p, size_t len)
{
	return shim_meets_alloc(__builtin_return_address(0)) ? NULL : __libc_realloc(p, len);
}
