#include "app/users/errand.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

/* One of the process, as standard output is. */
static struct {
	pthread_mutex_t mutex;	/* one request at a time on `fd` */
	int fd;			/* -1: there is none */
	pid_t pid;
} errands = { .mutex = PTHREAD_MUTEX_INITIALIZER, .fd = -1 };

bool
errand_put(int fd, const void *data, size_t len)
{
	for (const char *at = data; len > 0;) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

bool
errand_get(int fd, void *data, size_t len)
{
	for (char *at = data; len > 0;) {
		ssize_t n = recv(fd, at, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

/* ---- begin and end ---- */

static int
errands_begin(struct err *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set_sys(err, ERR_CONFIG, "make a socket");
	errands.pid = fork();
	if (errands.pid == 0) {
		close(pair[0]);
		errands_serve(pair[1]);
	}
	close(pair[1]);
	if (errands.pid < 0) {
		close(pair[0]);
		return err_set_sys(err, ERR_CONFIG, "start a process");
	}
	errands.fd = pair[0];
	return 0;
}

int
errands_open(struct err *err)
{
	pthread_mutex_lock(&errands.mutex);
	int rc = errands.fd < 0 ? errands_begin(err) : 0;

	pthread_mutex_unlock(&errands.mutex);
	return rc;
}

void
errands_close(void)
{
	pthread_mutex_lock(&errands.mutex);
	if (errands.fd >= 0) {
		close(errands.fd);
		errands.fd = -1;
		while (waitpid(errands.pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	pthread_mutex_unlock(&errands.mutex);
}

/* ---- asking ---- */

/* The head takes the socket along. */
static bool
put_head(const struct errand_head *head, int answer)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .room = { 0 } };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)head, .iov_len = sizeof(*head) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (answer >= 0) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control.room);
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(answer));
		memcpy(CMSG_DATA(c), &answer, sizeof(answer));
	}
	while ((n = sendmsg(errands.fd, &m, MSG_NOSIGNAL)) < 0 && errno == EINTR)
		;
	return n > 0 && errand_put(errands.fd, (const char *)head + n, sizeof(*head) - (size_t)n);
}

/* answer: -1 for none. */
static int
ask(enum errand_what what, const char *command, int answer, struct err *err)
{
	struct errand_head head = { .version = ERRAND_VERSION, .what = (uint16_t)what };
	size_t len = strlen(command);
	bool is;

	if (len > COMMAND_MAX)
		return err_set(err, ERR_CONFIG, "the command has more than %d octets", COMMAND_MAX);
	head.len = (uint32_t)len;
	pthread_mutex_lock(&errands.mutex);
	is = errands.fd >= 0 && put_head(&head, answer) && errand_put(errands.fd, command, len);
	pthread_mutex_unlock(&errands.mutex);
	return is ? 0 : err_set(err, ERR_CONFIG, "the process that starts commands has ended");
}

int
errands_allow(const char *command, struct err *err)
{
	if (command == NULL)
		return 0;
	return errands_open(err) < 0 ? -1 : ask(ERRAND_ALLOW, command, -1, err);
}

int
errands_seal(struct err *err)
{
	return errands_open(err) < 0 ? -1 : ask(ERRAND_SEAL, "", -1, err);
}

/* ---- the answer ---- */

static int
await(int fd, struct cancel *stop, struct err *err)
{
	struct pollfd at[] = { { .fd = fd, .events = POLLIN }, { .fd = cancel_fd(stop), .events = POLLIN } };

	while (poll(at, COUNT_OF(at), -1) < 0)
		if (errno != EINTR)
			return err_set_sys(err, ERR_CONFIG, "wait for the command");
	/* An answer that has come is taken. */
	return at[0].revents ? 0 : err_set(err, ERR_INTERRUPTED, "interrupted while the command ran");
}

static int
take_answer(int fd, struct secret **ret, struct err *err)
{
	struct errand_head head;
	char text[ERRAND_ANSWER_MAX];
	int rc = 0;

	if (!errand_get(fd, &head, sizeof(head)) || head.version != ERRAND_VERSION ||
	    head.what != ERRAND_ANSWER || head.len > sizeof(text) || head.kind >= ERR_KINDS ||
	    !errand_get(fd, text, head.len))
		return err_set(err, ERR_CONFIG, "the process that starts commands has ended");
	if (head.kind == ERR_NONE)
		*ret = secret_new((struct slice){ text, head.len });
	else
		rc = err_set(err, (enum err_kind)head.kind, "%.*s", (int)head.len, text);
	secret_wipe(text, sizeof(text));
	return rc;
}

int
errand_run(const char *command, struct cancel *stop, struct secret **ret, struct err *err)
{
	int pair[2], rc;

	if (errands_open(err) < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set_sys(err, ERR_CONFIG, "make a socket");
	rc = ask(ERRAND_RUN, command, pair[1], err);
	close(pair[1]);
	if (rc == 0)
		rc = await(pair[0], stop, err);
	if (rc == 0)
		rc = take_answer(pair[0], ret, err);
	close(pair[0]);
	return rc;
}
