/* The process that starts programs for their passwords (errand.h). It reads requests and forks for each of them, so
 * that one that takes long holds up no other; whoever asked waits at a socket of its own, and when that ends, the
 * command ends too. It knows no password but those that pass through it, listens to nothing but its socket, and
 * signals from the terminal are not for it: it ends with the process that asks. */
#include "app/users/errand.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/mem.h"

struct server {
	int fd;
	bool sealed;
	uint8_t (*allowed)[SHA256_LEN];
	size_t n_allowed, cap;
	char command[COMMAND_MAX + 1];
};

/* ---- what may be run ---- */

static bool
is_allowed(const struct server *s, const uint8_t sum[SHA256_LEN])
{
	for (size_t i = 0; i < s->n_allowed; i++)
		if (memcmp(s->allowed[i], sum, SHA256_LEN) == 0)
			return true;
	return false;
}

/* Many accounts have the same command, one after the other. */
static void
allow(struct server *s)
{
	uint8_t sum[SHA256_LEN];

	digest_once(s->command, strlen(s->command), sum);
	if (s->sealed || (s->n_allowed > 0 && memcmp(s->allowed[s->n_allowed - 1], sum, SHA256_LEN) == 0))
		return;
	if (s->n_allowed == s->cap) {
		s->cap = s->cap > 0 ? 2 * s->cap : 16;
		s->allowed = mem_resize(s->allowed, s->cap, sizeof(*s->allowed));
	}
	memcpy(s->allowed[s->n_allowed++], sum, SHA256_LEN);
}

/* ---- one command ---- */

static void
answer(int fd, enum err_kind kind, struct slice text)
{
	struct errand_head head = { .version = ERRAND_VERSION,
		.what = ERRAND_ANSWER,
		.kind = (uint32_t)kind,
		.len = (uint32_t)text.len };

	/* Who has gone needs no answer. */
	(void)(errand_put(fd, &head, sizeof(head)) && errand_put(fd, text.data, text.len));
}

static void
answer_error(int fd, const struct err *err)
{
	answer(fd, err->kind, slice_str(err->text));
}

static _Noreturn void
run(const char *command, int fd)
{
	struct secret *password = NULL;
	struct err err;

	(void)signal(SIGCHLD, SIG_DFL);
	if (password_run(command, fd, &password, &err) == 0)
		answer(fd, ERR_NONE, secret_value(password));
	else if (err.kind != ERR_INTERRUPTED)
		answer_error(fd, &err);
	secret_free(password);
	_exit(0);
}

static void
start(struct server *s, int fd)
{
	uint8_t sum[SHA256_LEN];
	struct err err;
	pid_t pid;

	digest_once(s->command, strlen(s->command), sum);
	if (s->sealed && !is_allowed(s, sum)) {
		(void)err_set(&err, ERR_CONFIG, "the command was not named when the run began");
		answer_error(fd, &err);
		return;
	}
	pid = fork();
	if (pid == 0) {
		close(s->fd);
		run(s->command, fd);
	}
	if (pid < 0) {
		(void)err_set_sys(&err, ERR_CONFIG, "start a process");
		answer_error(fd, &err);
	}
}

/* ---- requests ---- */

/* *ret_fd: the socket that came along; -1: none. */
static bool
get_head(int from, struct errand_head *ret, int *ret_fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = ret, .iov_len = sizeof(*ret) };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.room) };
	ssize_t n;

	*ret_fd = -1;
	while ((n = recvmsg(from, &m, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
		;
	if (n <= 0)
		return false;
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(ret_fd, CMSG_DATA(c), sizeof(*ret_fd));
	return errand_get(from, (char *)ret + n, sizeof(*ret) - (size_t)n);
}

static bool
serve_one(struct server *s)
{
	struct errand_head head;
	int fd;
	bool is = get_head(s->fd, &head, &fd) && head.version == ERRAND_VERSION && head.len <= COMMAND_MAX &&
	    errand_get(s->fd, s->command, head.len);

	if (is) {
		s->command[head.len] = '\0';
		if (head.what == ERRAND_ALLOW)
			allow(s);
		else if (head.what == ERRAND_SEAL)
			s->sealed = true;
		else if (head.what == ERRAND_RUN && fd >= 0)
			start(s, fd);
		else
			is = false;
	}
	if (fd >= 0)
		close(fd);
	return is;
}

void
errands_serve(int fd)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct server *s = mem_new(sizeof(*s));
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < COUNT_OF(numbers); i++)
		sigaddset(&set, numbers[i]);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	/* Its processes leave nothing behind. */
	(void)signal(SIGCHLD, SIG_IGN);
	s->fd = fd;
	while (serve_one(s))
		;
	_exit(0);
}
