/* What /bin/sh prints, in the process that starts programs (errand_serve.c). */
#include "app/users/password.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

extern char **environ;

enum { END_MS = 2000, LOOK_MS_MAX = 32 };

struct running {
	pid_t pid;
	bool leads;	/* a process group */
	int hangup;
};

static bool
has_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* With a terminal the command stays in its foreground, where it may ask something; without, it gets a group of its
 * own, so that what it starts can be ended with it. */
static int
spawn(struct running *r, const char *command, int out_fd, struct err *err)
{
	char *argv[] = { (char[]){ "sh" }, (char[]){ "-c" }, mem_copy_str(command), NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t set;
	int rc;

	r->leads = !has_terminal();
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, out_fd, STDOUT_FILENO);
	posix_spawnattr_init(&attr);
	sigemptyset(&set);
	posix_spawnattr_setsigmask(&attr, &set);
	sigaddset(&set, SIGPIPE);
	sigaddset(&set, SIGXFSZ);
	posix_spawnattr_setsigdefault(&attr, &set);
	posix_spawnattr_setflags(&attr,
	    (short)(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | (r->leads ? POSIX_SPAWN_SETPGROUP : 0)));
	rc = posix_spawn(&r->pid, "/bin/sh", &files, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	mem_free_str(&argv[2]);
	errno = rc;
	return rc == 0 ? 0 : err_set_sys(err, ERR_CONFIG, "start /bin/sh");
}

static bool
hung_up(const struct running *r, int timeout_ms)
{
	struct pollfd at = { .fd = r->hangup, .events = POLLIN };

	return poll(&at, 1, timeout_ms) > 0;
}

/* Everything the command prints is read, so that it never dies of a closed pipe; what is over the
 * limit is dropped. */
static int
read_pipe(const struct running *r, int fd, struct buf *out, struct err *err)
{
	struct pollfd at[] = { { .fd = fd, .events = POLLIN }, { .fd = r->hangup, .events = POLLIN } };
	char piece[512];
	ssize_t n = 1;

	while (n != 0) {
		if (poll(at, COUNT_OF(at), -1) < 0 && errno != EINTR)
			return err_set_sys(err, ERR_CONFIG, "wait for the command");
		if (at[1].revents)
			return err_set(err, ERR_INTERRUPTED, "nobody waits for the command any more");
		n = at[0].revents ? read(fd, piece, sizeof(piece)) : -1;
		if (n < 0 && at[0].revents && errno != EINTR)
			return err_set_sys(err, ERR_DISK, "read from the command");
		if (n > 0)
			buf_add(out, piece, (size_t)n);
	}
	secret_wipe(piece, sizeof(piece));
	return 0;
}

static void
end(const struct running *r, int number)
{
	(void)kill(r->leads ? -r->pid : r->pid, number);
}

/* True when it has ended before until_ms (0: never), or nobody waits any more. */
static bool
has_ended(const struct running *r, int64_t until_ms, int *ret_status)
{
	for (int ms = 1;; ms = ms < LOOK_MS_MAX ? 2 * ms : ms) {
		pid_t got = waitpid(r->pid, ret_status, WNOHANG);

		if (got == r->pid)
			return true;
		if (got < 0 && errno != EINTR)
			return false;
		if (until_ms == 0 && hung_up(r, ms))
			return false;
		if (until_ms > 0 && clock_mono_ms() >= until_ms)
			return false;
		if (until_ms > 0)
			(void)nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000L }, NULL);
	}
}

/* It may have a terminal to put back. */
static void
end_and_wait(const struct running *r)
{
	int status;

	end(r, SIGTERM);
	if (has_ended(r, clock_mono_ms() + END_MS, &status))
		return;
	end(r, SIGKILL);
	while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
		;
}

static int
wait_for(const struct running *r, struct err *err)
{
	int status;

	if (!has_ended(r, 0, &status)) {
		end_and_wait(r);
		return err_set(err, ERR_INTERRUPTED, "nobody waits for the command any more");
	}
	if (WIFSIGNALED(status))
		return err_set(
		    err, ERR_CONFIG, "the command was ended by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return err_set(
		    err, ERR_CONFIG, "the command ended with exit code %d", WEXITSTATUS(status));
	return 0;
}

static int
output(const char *command, int hangup, struct buf *out, struct err *err)
{
	struct running r = { .hangup = hangup };
	int pipe_fds[2], rc;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_set_sys(err, ERR_CONFIG, "make a pipe");
	rc = spawn(&r, command, pipe_fds[1], err);
	close(pipe_fds[1]);
	if (rc == 0 && (rc = read_pipe(&r, pipe_fds[0], out, err)) < 0)
		end_and_wait(&r);
	else if (rc == 0)
		rc = wait_for(&r, err);
	close(pipe_fds[0]);
	return rc;
}

int
password_run(const char *command, int hangup, struct secret **ret, struct err *err)
{
	struct buf text;
	int rc;

	buf_init(&text, PASSWORD_MAX);
	/* No growing, so that no piece of it is left behind in freed memory. */
	if (!buf_reserve(&text, PASSWORD_MAX - 1))
		rc = err_set(err, ERR_CONFIG, "no room");
	else
		rc = output(command, hangup, &text, err);
	struct secret *s = password_first_line(&text);

	if (rc == 0 && !s)
		rc = err_set(err, ERR_CONFIG,
		    text.full ? "the command printed too much" : "the command printed nothing");
	buf_done(&text);
	if (rc < 0) {
		secret_free(s);
		return -1;
	}
	*ret = s;
	return 0;
}
