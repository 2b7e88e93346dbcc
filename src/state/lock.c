/* The locks on a job directory. flock rather than the database's own lock, so that a second
 * process is refused before it touches anything and can be told who is there; and rather than
 * fcntl, whose lock any close of the file drops. */
#include "state/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

enum { LOCK_TEXT_MAX = 400 };

struct job_lock {
	int fd;
};

/* The words of the one who has it, for an error. */
static int
job_lock_busy(int fd, const char *job_dir, struct err *err)
{
	char text[LOCK_TEXT_MAX + 1];
	ssize_t n = pread(fd, text, LOCK_TEXT_MAX, 0);
	size_t len = 0;

	while (len < (size_t)(n > 0 ? n : 0) && text[len] > ' ' && text[len] < 0x7f)
		len++;
	text[len] = '\0';
	return err_set(err, ERR_BUSY,
	    "process %s works on job directory '%s' (%s/imex.lock): wait for it or stop it",
	    len > 0 ? text : "(unknown)", job_dir, job_dir);
}

static int
job_lock_sign(int fd, const char *path, struct err *err)
{
	char host[256] = "", start[ISO_MAX], text[LOCK_TEXT_MAX];

	(void)gethostname(host, sizeof host - 1);
	clock_iso(clock_wall_ms(), start);
	int len = snprintf(text, sizeof text, "%ld %s %s\n", (long)getpid(), host, start);
	if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_set_sys(err, ERR_DISK, "write '%s'", path);
	return file_write(fd, text, (size_t)len, err) < 0 ? err_wrap(err, "'%s'", path) : 0;
}

/* Open and lock; ERR_BUSY, with the file, when another process has it and how has LOCK_NB. */
static int
lock_open(const char *path, int how, int *ret, struct err *err)
{
	AUTO(file_close)
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600);

	if (fd < 0)
		return err_set_sys(err, ERR_CREATE, "create '%s'", path);
	while (flock(fd, how) < 0) {
		if (errno == EWOULDBLOCK) {
			*ret = fd;
			fd = -1;
			return err_set(err, ERR_BUSY, "'%s' is locked", path);
		}
		if (errno != EINTR)
			return err_set_sys(err, ERR_DISK, "lock '%s'", path);
	}
	*ret = fd;
	fd = -1;
	return 0;
}

static void
lock_keep(struct job_lock **ret, int *fd)
{
	*ret = mem_new(sizeof **ret);
	(*ret)->fd = *fd;
	*fd = -1;
}

int
job_lock_take(struct job_lock **ret, const char *job_dir, struct err *err)
{
	AUTO(file_close) int fd = -1;
	AUTO(mem_free_str) char *path = NULL;

	if (asprintf(&path, "%s/imex.lock", job_dir) < 0)
		mem_out();
	if (lock_open(path, LOCK_EX | LOCK_NB, &fd, err) < 0)
		return fd >= 0 ? job_lock_busy(fd, job_dir, err) : -1;
	if (job_lock_sign(fd, path, err) < 0)
		return -1;
	lock_keep(ret, &fd);
	return 0;
}

/* ---- one a process ---- */

static char *
process_path(const char *job_dir, int64_t number)
{
	char *path;

	if (asprintf(&path, "%s/imex.process.%lld", job_dir, (long long)number) < 0)
		mem_out();
	return path;
}

int
process_lock_take(struct job_lock **ret, const char *job_dir, int64_t number, struct err *err)
{
	AUTO(file_close) int fd = -1;
	AUTO(mem_free_str) char *path = process_path(job_dir, number);

	/* The number is ours: who has it locked is looking, for an instant. */
	if (lock_open(path, LOCK_EX, &fd, err) < 0 || job_lock_sign(fd, path, err) < 0)
		return -1;
	lock_keep(ret, &fd);
	return 0;
}

bool
process_lock_held(const char *job_dir, int64_t number)
{
	AUTO(mem_free_str) char *path = process_path(job_dir, number);
	AUTO(file_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return errno != ENOENT;
	return flock(fd, LOCK_SH | LOCK_NB) < 0;
}

void
process_lock_remove(const char *job_dir, int64_t number)
{
	AUTO(mem_free_str) char *path = process_path(job_dir, number);

	(void)unlink(path);
}

void
job_lock_free(struct job_lock **l)
{
	if (*l == NULL)
		return;
	file_close(&(*l)->fd);
	free(*l);
	*l = NULL;
}
