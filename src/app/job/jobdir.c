#include "app/job/jobdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/slice.h"

/* What a job directory may hold before its state does: an end by kill -9 or a fresh file system may
 * leave these. */
static const char *const harmless[] = {
	".", "..", "events.jsonl", "imex.lock", "mail", "lost+found", "quarantine", "import",
	"removed", "removed.jsonl",
};

static bool
name_is_process(const char *name)
{
	return strncmp(name, "imex.process.", 13) == 0;
}

static bool
name_is_harmless(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(harmless); i++)
		if (strcmp(name, harmless[i]) == 0)
			return true;
	return strncmp(name, "imex.db-", 8) == 0 || name_is_process(name) || strncmp(name, "report.", 7) == 0;
}

/* Calls see(name) until it says true; that name goes to found. False: none, or no such directory; or
 * it could not be read, as errno tells then (0: it was read to its end). */
static bool
dir_find(int at, const char *path, bool (*see)(int dir, const char *name), char *found, size_t max)
{
	/* What the user named may be a link; what is found below is looked at as it is. */
	int follow = at == AT_FDCWD ? 0 : O_NOFOLLOW;
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | follow);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	bool hit = false;

	if (!d) {
		int sys = errno;
		file_close(&fd);
		errno = sys;
		return false;
	}
	while (!hit && (errno = 0, e = readdir(d)) != NULL) {
		hit = see(dirfd(d), e->d_name);
		if (hit && found)
			snprintf(found, max, "%s", e->d_name);
	}
	int sys = hit ? 0 : errno;
	closedir(d);
	errno = sys;
	return hit;
}

static bool
see_foreign(int dir, const char *name)
{
	(void)dir;
	return !name_is_harmless(name);
}

static bool
see_imex_file(int dir, const char *name)
{
	(void)dir;
	return strstr(name, ".imex,") != NULL || strcmp(name, "folder.jsonl") == 0;
}

static bool
name_ends(const char *name, const char *end)
{
	size_t len = strlen(name), n = strlen(end);

	return len >= n && strcasecmp(name + len - n, end) == 0;
}

static bool
see_mail_folder(int dir, const char *name)
{
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	if (strcmp(name, "cur") == 0 || strcmp(name, "new") == 0)
		return dir_find(dir, name, see_imex_file, NULL, 0);
	return strcmp(name, "folder.jsonl") == 0 || dir_find(dir, name, see_mail_folder, NULL, 0);
}

static bool
see_account(int dir, const char *name)
{
	if (name[0] == '.')
		return false;
	return name_ends(name, ".PKL") || name_ends(name, ".PRI") ||
	       dir_find(dir, name, see_imex_file, NULL, 0) ||
	       dir_find(dir, name, see_mail_folder, NULL, 0);
}

static bool
see_mail(int dir, const char *name)
{
	return strcmp(name, "mail") == 0 && dir_find(dir, name, see_account, NULL, 0);
}

static bool
see_state(int dir, const char *name)
{
	(void)dir;
	return strcmp(name, "imex.db") == 0;
}

/* Behind dir_find: was the directory not read although it is one? */
static bool
dir_unread(void)
{
	return errno != 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP;
}

static int
jobdir_check(const char *dir, struct err *err)
{
	char name[NAME_MAX + 1];

	if (dir_find(AT_FDCWD, dir, see_state, NULL, 0))
		return 0;
	if (dir_unread())
		return err_set_sys(err, ERR_DISK, "list job directory '%s'", dir);
	if (dir_find(AT_FDCWD, dir, see_mail, NULL, 0))
		return err_set(err, ERR_STATE,
		    "'%s' holds mail that imex stored but not its state, imex.db; put imex.db back "
		    "from a copy, or extract into another directory",
		    dir);
	if (dir_find(AT_FDCWD, dir, see_foreign, name, sizeof(name)))
		return err_set(err, ERR_CREATE,
		    "'%s' is no job directory of imex and not empty ('%s' is there); name another "
		    "directory",
		    dir, name);
	return dir_unread() ? err_set_sys(err, ERR_DISK, "list job directory '%s'", dir) : 0;
}

int
jobdir_prepare(const char *dir, struct err *err)
{
	struct stat st;

	if (stat(dir, &st) < 0) {
		if (errno != ENOENT)
			return err_set_sys(err, ERR_CREATE, "job directory '%s'", dir);
		return file_make_dirs(dir, err) < 0 ? err_wrap(err, "job directory '%s'", dir) : 0;
	}
	if (!S_ISDIR(st.st_mode))
		return err_set(
		    err, ERR_CREATE, "'%s' is a file, not a directory; name another for --to", dir);
	if (faccessat(AT_FDCWD, dir, R_OK | W_OK | X_OK, AT_EACCESS) < 0)
		return err_set_sys(err, ERR_CREATE, "cannot use '%s' for a job", dir);
	return jobdir_check(dir, err);
}

/* ---- apart from its source ---- */

/* The path without links, of its nearest ancestor that is there. Caller frees. */
static char *
real_ancestor(const char *path)
{
	char *left = mem_copy_str(path), *real;

	while ((real = realpath(*left != '\0' ? left : ".", NULL)) == NULL && *left != '\0') {
		char *slash = strrchr(left, '/');

		if (slash == left && slash[1] != '\0')
			slash++;
		if (slash != NULL)
			*slash = '\0';
		else
			*left = '\0';
	}
	free(left);
	return real;
}

static bool
is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && (path[len] == '/' || path[len] == '\0' || len == 1);
}

int
jobdir_apart(const char *from, const char *dir, const char *option, struct err *err)
{
	char *source = realpath(from, NULL), *real = realpath(dir, NULL);
	char *target = real != NULL ? real : real_ancestor(dir);
	bool within = source != NULL && target != NULL && is_below(target, source);
	/* A job directory that is there yet: nothing is read out of it. */
	bool around = source != NULL && real != NULL && is_below(source, real);

	free(source);
	free(target);
	if (!within && !around)
		return 0;
	return err_set(err, ERR_USAGE,
	    "'%s' and '%s' lie within one another; name another directory for %s", from, dir,
	    option);
}

bool
jobdir_has_state(const char *dir)
{
	return dir_find(AT_FDCWD, dir, see_state, NULL, 0);
}

int
jobdir_require(const char *dir, struct err *err)
{
	struct stat st;

	if (stat(dir, &st) < 0)
		return err_set_sys(err, ERR_NO_INPUT, "job directory '%s'", dir);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_NO_INPUT, "'%s' is a file, not a job directory", dir);
	if (faccessat(AT_FDCWD, dir, R_OK | X_OK, AT_EACCESS) < 0)
		return err_set_sys(err, ERR_NO_INPUT, "job directory '%s'", dir);
	if (dir_find(AT_FDCWD, dir, see_state, NULL, 0))
		return 0;
	if (dir_unread())
		return err_set_sys(err, ERR_DISK, "list job directory '%s'", dir);
	return err_set(
	    err, ERR_NO_INPUT, "'%s' is no job directory: there is no imex.db in it", dir);
}

/* The process that the lock file names. */
static pid_t
jobdir_signed(int fd)
{
	char text[32];
	ssize_t n = pread(fd, text, sizeof(text), 0);
	size_t digits = 0;
	uint64_t pid;

	while (n > 0 && digits < (size_t)n && text[digits] >= '0' && text[digits] <= '9')
		digits++;
	return slice_u64((struct slice){ text, digits }, INT32_MAX, &pid) ? (pid_t)pid : 0;
}

/* The lock is tried only when that process is alive: a run that starts now must not find it taken
 * by us. */
static pid_t
jobdir_locks(int at, const char *name)
{
	AUTO(file_close) int fd = openat(at, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	pid_t pid = fd < 0 ? 0 : jobdir_signed(fd);

	if (pid <= 0 || (kill(pid, 0) < 0 && errno == ESRCH))
		return 0;
	if (flock(fd, LOCK_SH | LOCK_NB) == 0)
		return 0;
	return errno == EWOULDBLOCK ? pid : 0;
}

pid_t
jobdir_runner(const char *dir)
{
	AUTO(file_close) int at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return at >= 0 ? jobdir_locks(at, "imex.lock") : 0;
}

static bool
see_process(int dir, const char *name)
{
	return name_is_process(name) && jobdir_locks(dir, name) != 0;
}

pid_t
jobdir_at_work(const char *dir)
{
	AUTO(file_close) int at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pid_t pid = at >= 0 ? jobdir_locks(at, "imex.lock") : 0;
	char name[NAME_MAX + 1];

	if (pid == 0 && at >= 0 && dir_find(at, ".", see_process, name, sizeof(name)))
		pid = jobdir_locks(at, name);
	return pid;
}
