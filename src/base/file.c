/* See file.h. Directories may be symbolic links (people move a job to a larger disk), files may
 * not: what we open for writing is what we made. A descriptor knows no name, so file_write and
 * file_sync say only what failed; the caller wraps with the path. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/vfs.h>
#endif

#include "base/mem.h"

enum { FILE_MODE = 0600, FILE_DIR_MODE = 0700, FILE_READ_STEP = 16 * 1024 };

void
file_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int
file_make(int dir, const char *path, bool *ret_made, struct err *err)
{
	struct stat st;

	*ret_made = mkdirat(dir, path, FILE_DIR_MODE) == 0;
	if (*ret_made)
		return 0;
	if (errno != EEXIST)
		return err_set_sys(err, ERR_CREATE, "cannot make directory '%s'", path);
	if (fstatat(dir, path, &st, 0) < 0)
		return err_set_sys(err, ERR_CREATE, "cannot use '%s'", path);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_CREATE, "'%s' is there and is not a directory", path);
	return 0;
}

int
file_make_dir(int dir, const char *path, struct err *err)
{
	bool made;

	return file_make(dir, path, &made, err);
}

static int
file_open(int dir, const char *path, int flags)
{
	int fd = -1;

	do {
		fd = openat(dir, path, flags | O_CLOEXEC, FILE_MODE);
	} while (fd < 0 && errno == EINTR);
	return fd;
}

int
file_open_dir(int dir, const char *path, int *ret, struct err *err)
{
	int fd = file_open(dir, path, O_RDONLY | O_DIRECTORY);

	if (fd < 0)
		return err_set_sys(err,
		    errno == ENOENT || errno == ENOTDIR ? ERR_NO_INPUT : ERR_DISK,
		    "cannot open directory '%s'", path);
	*ret = fd;
	return 0;
}

int
file_create(int dir, const char *path, int *ret, struct err *err)
{
	int fd = file_open(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW);

	if (fd < 0)
		return err_set_sys(err, ERR_CREATE, "cannot create '%s'", path);
	*ret = fd;
	return 0;
}

int
file_create_exclusive(int dir, const char *path, int *ret, struct err *err)
{
	int fd = file_open(dir, path, O_WRONLY | O_CREAT | O_EXCL);

	if (fd < 0 && errno == EEXIST)
		return 1;
	if (fd < 0)
		return err_set_sys(err, ERR_CREATE, "cannot create '%s'", path);
	*ret = fd;
	return 0;
}

int
file_open_append(int dir, const char *path, int *ret, struct err *err)
{
	int fd = file_open(dir, path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW);

	if (fd < 0)
		return err_set_sys(err, ERR_CREATE, "cannot open '%s' for appending", path);
	*ret = fd;
	return 0;
}

int
file_write(int fd, const void *data, size_t len, struct err *err)
{
	const char *at = data;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_set_sys(err, ERR_DISK, "write");
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int
file_rename(int from_dir, const char *from, int to_dir, const char *to, struct err *err)
{
	if (renameat(from_dir, from, to_dir, to) < 0)
		return err_set_sys(err, ERR_DISK, "cannot rename '%s' to '%s'", from, to);
	return 0;
}

bool
file_there(int dir, const char *path)
{
	return faccessat(dir, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int
file_set_time(int fd, int64_t at, struct err *err)
{
	static const int64_t bound[] = { INT64_MAX, UINT32_MAX, INT32_MAX };

	for (size_t i = 0; i < COUNT_OF(bound); i++) {
		struct timespec time = { .tv_sec = at < bound[i] ? at : bound[i] };
		struct timespec times[2] = { time, time };

		if (futimens(fd, times) == 0)
			return 0;
		if (errno != EINVAL && errno != EOVERFLOW && errno != ERANGE)
			break;
	}
	return err_set_sys(err, ERR_DISK, "set the date");
}

bool
file_time_is(int64_t has, int64_t at)
{
	return has == at || (has < at && has >= INT32_MAX);
}

/* Some file systems do not know how to sync a directory and say EINVAL: there it is not needed. */
int
file_sync(int fd, struct err *err)
{
	struct stat st;

	while (fsync(fd) < 0) {
		if (errno == EINTR)
			continue;
		int sys = errno;

		if (sys == EINVAL && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
			return 0;
		errno = sys;
		return err_set_sys(err, ERR_DISK, "sync");
	}
	return 0;
}

/* The directory that holds `path`; a path that ends in a slash is not passed. */
static int
file_open_parent(int dir, const char *path)
{
	AUTO(mem_free_str) char *parent = mem_copy_str(path);
	char *slash = strrchr(parent, '/');

	if (slash != NULL)
		slash[slash == parent] = '\0';
	return file_open(dir, slash != NULL ? parent : ".", O_RDONLY | O_DIRECTORY);
}

/* What is stored below is lost with the name of a directory above it, so a new name is made
 * durable, and by MAKE_ALL_DURABLE also one that is there: a run that was killed may have made it and
 * no more. Who may write a directory and not read it cannot sync it. */
enum make { MAKE_DURABLE, MAKE_ALL_DURABLE, MAKE_FOR_SYSTEM };

static int
file_make_synced(const char *path, enum make how, struct err *err)
{
	AUTO(file_close) int above = -1;
	bool made;

	if (file_make(AT_FDCWD, path, &made, err) < 0)
		return -1;
	if (made || how == MAKE_ALL_DURABLE)
		above = file_open_parent(AT_FDCWD, path);
	if (above < 0 && made && errno != EACCES)
		return err_set_sys(err, ERR_CREATE, "cannot open the directory above '%s'", path);
	if (above < 0 || (how == MAKE_FOR_SYSTEM && file_can_syncfs(above)))
		return 0;
	return file_sync(above, err) < 0 ? err_wrap(err, "the directory above '%s'", path) : 0;
}

/* Each part of it, from above. */
static int
file_make_above(const char *path, enum make how, struct err *err)
{
	AUTO(mem_free_str) char *part = mem_copy_str(path);

	for (char *at = part; *at != '\0'; at++) {
		if (*at != '/' || at == part || at[-1] == '/')
			continue;
		*at = '\0';
		int done = file_make_synced(part, how, err);

		*at = '/';
		if (done < 0)
			return -1;
	}
	return 0;
}

static bool
file_is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int
file_make_dirs(const char *path, struct err *err)
{
	if (!file_is_dir(path) && file_make_above(path, MAKE_DURABLE, err) < 0)
		return -1;
	return file_make_synced(path, MAKE_ALL_DURABLE, err);
}

int
file_make_dirs_for_system(const char *path, struct err *err)
{
	if (!file_is_dir(path) && file_make_above(path, MAKE_FOR_SYSTEM, err) < 0)
		return -1;
	return file_make_synced(path, MAKE_FOR_SYSTEM, err);
}

int
file_have_dirs(const char *path, struct err *err)
{
	return file_is_dir(path) ? 0 : file_make_dirs(path, err);
}

static int
file_read_all(int fd, const char *path, struct buf *b, struct err *err)
{
	char chunk[FILE_READ_STEP];

	for (;;) {
		ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_sys(err, ERR_DISK, "cannot read '%s'", path);
		if (n == 0)
			return 0;
		if (!buf_add(b, chunk, (size_t)n))
			return err_set(
			    err, ERR_MALFORMED, "'%s' is larger than %zu bytes", path, b->max);
	}
}

int
file_read(int dir, const char *path, struct buf *b, struct err *err)
{
	AUTO(file_close) int fd = file_open(dir, path, O_RDONLY);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set_sys(err, ERR_NO_INPUT, "cannot open '%s'", path);
	if (fd < 0)
		return err_set_sys(err, ERR_DISK, "cannot open '%s'", path);
	return file_read_all(fd, path, b, err);
}

/* Up to FILE_READ_STEP octets, fewer at the end only; -1: they cannot be read. */
static ssize_t
file_step(int fd, char *ret)
{
	size_t len = 0;

	while (len < FILE_READ_STEP) {
		ssize_t n = read(fd, ret + len, FILE_READ_STEP - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

/* A pipe is not waited for. */
static int
file_open_regular(int dir, const char *path, off_t *ret_len)
{
	int fd = file_open(dir, path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
	struct stat st;

	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)))
		file_close(&fd);
	if (fd >= 0)
		*ret_len = st.st_size;
	return fd;
}

bool
file_same(int dir, const char *path, int other_dir, const char *other)
{
	off_t len = 0, other_len = 0;
	AUTO(file_close) int fd = file_open_regular(dir, path, &len);
	AUTO(file_close) int other_fd = file_open_regular(other_dir, other, &other_len);
	char a[FILE_READ_STEP], b[FILE_READ_STEP];
	ssize_t n;

	if (fd < 0 || other_fd < 0 || len != other_len)
		return false;
	do {
		n = file_step(fd, a);
		if (n < 0 || file_step(other_fd, b) != n || memcmp(a, b, (size_t)n) != 0)
			return false;
	} while (n > 0);
	return true;
}

static int
file_sync_parent(int dir, const char *path, struct err *err)
{
	AUTO(file_close) int fd = file_open_parent(dir, path);

	if (fd < 0)
		return err_set_sys(err, ERR_DISK, "cannot open the directory of '%s'", path);
	return file_sync(fd, err) < 0 ? err_wrap(err, "the directory of '%s'", path) : 0;
}

static int
file_write_synced(int dir, const char *path, struct slice data,
    int (*made)(int fd, const char *path, struct err *err), struct err *err)
{
	AUTO(file_close) int fd = -1;

	if (file_create(dir, path, &fd, err) < 0 || (made != NULL && made(fd, path, err) < 0))
		return -1;
	if (file_write(fd, data.data, data.len, err) < 0 || file_sync(fd, err) < 0)
		return err_wrap(err, "'%s'", path);
	return 0;
}

int
file_replace(int dir, const char *path, struct slice data, struct err *err)
{
	return file_replace_as(dir, path, data, NULL, err);
}

/* The temporary name is fixed: what a killed run left behind is overwritten by the next. */
int
file_replace_as(int dir, const char *path, struct slice data,
    int (*made)(int fd, const char *path, struct err *err), struct err *err)
{
	struct buf temp;
	int done = -1;

	buf_init(&temp, 64 * 1024);
	buf_printf(&temp, "%s.imex-new", path);
	if (temp.full)
		done = err_set(err, ERR_CREATE, "file name too long");
	else if (file_write_synced(dir, temp.data, data, made, err) == 0)
		done = file_rename(dir, temp.data, dir, path, err);
	if (done < 0 && !temp.full)
		unlinkat(dir, temp.data, 0);
	buf_done(&temp);
	return done < 0 ? -1 : file_sync_parent(dir, path, err);
}

#ifdef __linux__

static uint32_t
file_system_of(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 ? (uint32_t)fs.f_type : 0;
}

static bool
file_is_one_of(uint32_t type, const uint32_t *list, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (list[i] == type)
			return true;
	}
	return false;
}

/* syncfs tells of lost writes since Linux 5.8; before, it says that all is well (syncfs(2)). */
static bool
file_kernel_reports(void)
{
	struct utsname u;
	char *rest = NULL;

	if (uname(&u) < 0)
		return false;
	unsigned long major = strtoul(u.release, &rest, 10);
	unsigned long minor = *rest == '.' ? strtoul(rest + 1, NULL, 10) : 0;

	return major > 5 || (major == 5 && minor >= 8);
}

/* Not here: overlayfs and ZFS (their errors reach syncfs only in some versions), anything
 * networked. */
bool
file_can_syncfs(int fd)
{
	static const uint32_t known[] = {
		0x0000ef53, /* ext2, ext3, ext4 */
		0x58465342, /* xfs */
		0x9123683e, /* btrfs */
		0xf2f52010, /* f2fs */
		0x01021994, /* tmpfs: nothing survives a power cut either way */
	};

	return file_is_one_of(file_system_of(fd), known, COUNT_OF(known)) && file_kernel_reports();
}

bool
file_is_network(int fd)
{
	static const uint32_t known[] = {
		0x00006969, /* NFS */
		0x0000517b, 0xff534d42, 0xfe534d42, /* SMB, CIFS, SMB2 */
		0x0000564c, 0x01021997, /* NCP, 9P */
		0x00c36400, /* Ceph */
		0x65735546, /* FUSE: sshfs, glusterfs, s3fs and the like */
		0x5346414f, 0x6b414653, 0x73757245, /* AFS, kAFS, Coda */
		0x01161970, 0x7461636f, /* GFS2, OCFS2 */
		0x0bd00bd0, 0x47504653, /* Lustre, GPFS */
	};

	return file_is_one_of(file_system_of(fd), known, COUNT_OF(known));
}

int
file_sync_system(int fd, struct err *err)
{
	while (syncfs(fd) < 0) {
		if (errno != EINTR)
			return err_set_sys(err, ERR_DISK, "sync the file system");
	}
	return 0;
}

#else /* Everywhere else each file and directory is synced by itself; file_sync_system is not      \
	 called. */

bool
file_can_syncfs(int fd)
{
	(void)fd;
	return false;
}

bool
file_is_network(int fd)
{
	(void)fd;
	return false;
}

int
file_sync_system(int fd, struct err *err)
{
	return file_sync(fd, err);
}

#endif

size_t
file_raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 256;
	struct rlimit more = { .rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max };

	if (setrlimit(RLIMIT_NOFILE, &more) == 0)
		limit = more;
	return limit.rlim_cur == RLIM_INFINITY ? SIZE_MAX : (size_t)limit.rlim_cur;
}
