/* See socket.h. Sockets are non-blocking: a call first tries, and only then polls for the socket
 * and the stop signal together. A try that succeeds costs one system call. SIGPIPE is kept away
 * by MSG_NOSIGNAL and not by a handler: a library must not own the process's signals. */
#include "net/socket.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

struct socket {
	int fd;
};

/* The end of one wait that began at start_ms, and whether it is the stop that ends it. */
static int64_t
socket_until(const struct stream_wait *wait, int64_t start_ms, bool *ret_stopped)
{
	int64_t until_ms = wait->deadline_ms;

	if (wait->idle_ms > 0 && start_ms < until_ms - wait->idle_ms)
		until_ms = start_ms + wait->idle_ms;
	*ret_stopped = false;
	if (cancel_raised(wait->stop)) {
		int64_t since_ms = cancel_since_ms(wait->stop);
		int64_t grace_ms = wait->grace_ms > 0 ? wait->grace_ms : 0;
		int64_t end_ms = (since_ms > start_ms ? since_ms : start_ms) + grace_ms;

		*ret_stopped = grace_ms == 0 || end_ms < until_ms;
		if (*ret_stopped)
			until_ms = end_ms;
	}
	return until_ms;
}

static int
socket_time_over(const struct stream_wait *wait, short events, int64_t waited_ms, struct err *err)
{
	const char *what =
	    events & POLLOUT ? "the server takes no data for" : "no byte from the server for";
	int64_t ms = wait->idle_ms > 0 && waited_ms >= wait->idle_ms ? wait->idle_ms : waited_ms;

	if (ms >= SEC)
		return err_set(err, ERR_TIMEOUT, "%s %" PRId64 " s", what, ms / SEC);
	return err_set(err, ERR_TIMEOUT, "%s %" PRId64 " ms", what, ms);
}

static int
socket_poll(int fd, short events, const struct stream_wait *wait, short *ret_events,
    struct err *err)
{
	int64_t start_ms = clock_mono_ms();

	for (;;) {
		bool stopped;
		int64_t until_ms = socket_until(wait, start_ms, &stopped);
		int64_t left_ms = until_ms - clock_mono_ms();
		int stop_fd = cancel_raised(wait->stop) ? -1 : cancel_fd(wait->stop);
		struct pollfd p[2] = { { .fd = fd, .events = events },
			{ .fd = stop_fd, .events = POLLIN } };

		if (left_ms <= 0 && stopped)
			return err_set(err, ERR_INTERRUPTED, "interrupted");
		if (left_ms <= 0)
			return socket_time_over(wait, events, clock_mono_ms() - start_ms, err);
		int n = poll(p, 2,
		    until_ms == INT64_MAX ? -1
		    : left_ms > INT_MAX   ? INT_MAX
					  : (int)left_ms);

		if (n < 0 && errno != EINTR)
			return err_set_sys(err, ERR_CUT, "cannot wait for the connection");
		if (n > 0 && p[0].revents != 0) {
			*ret_events = p[0].revents;
			return 0;
		}
	}
}

static int
socket_wait_events(int fd, short events, const struct stream_wait *wait, short *ret_events,
    struct err *err)
{
	if (wait->since_ms != NULL)
		atomic_store_explicit(wait->since_ms, clock_mono_ms(), memory_order_relaxed);
	int done = socket_poll(fd, events, wait, ret_events, err);

	if (wait->since_ms != NULL)
		atomic_store_explicit(wait->since_ms, 0, memory_order_relaxed);
	return done;
}

int
socket_wait(int fd, short events, const struct stream_wait *wait, struct err *err)
{
	short ready;

	return socket_wait_events(fd, events, wait, &ready, err);
}

int
socket_wait_room(int fd, const struct stream_wait *wait, bool *ret_input, struct err *err)
{
	short ready = 0;
	int done =
	    socket_wait_events(fd, wait->or_input ? POLLOUT | POLLIN : POLLOUT, wait, &ready, err);

	*ret_input = done == 0 && (ready & POLLIN) && !(ready & POLLOUT);
	return done;
}

ssize_t
socket_try_recv(int fd, void *data, size_t max)
{
	ssize_t n = -1;

	do {
		n = recv(fd, data, max, MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	return n;
}

ssize_t
socket_try_send(int fd, const void *data, size_t len)
{
	ssize_t n = -1;

	do {
		n = send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n;
}

int
socket_lost(struct err *err)
{
	return err_set_sys(err, ERR_CUT, "connection lost");
}

static ssize_t
socket_recv(void *carrier, void *data, size_t max, const struct stream_wait *wait, struct err *err)
{
	struct socket *k = carrier;

	for (;;) {
		ssize_t n = socket_try_recv(k->fd, data, max);

		if (n >= 0)
			return n;
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			return socket_lost(err);
		if (wait->at_once)
			return STREAM_NOTHING;
		if (socket_wait(k->fd, POLLIN, wait, err) < 0)
			return -1;
	}
}

static ssize_t
socket_send(
    void *carrier, const void *data, size_t len, const struct stream_wait *wait, struct err *err)
{
	struct socket *k = carrier;

	for (;;) {
		ssize_t n = socket_try_send(k->fd, data, len);

		if (n >= 0)
			return n;
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			return socket_lost(err);

		bool input;

		if (socket_wait_room(k->fd, wait, &input, err) < 0)
			return -1;
		if (input)
			return STREAM_NOTHING;
	}
}

static void
socket_close(void *carrier)
{
	struct socket *k = carrier;

	if (k == NULL)
		return;
	close(k->fd);
	free(k);
}

const struct stream_ops socket_ops = {
	.name = "socket",
	.recv = socket_recv,
	.send = socket_send,
	.close = socket_close,
};

struct stream *
stream_socket(int fd)
{
	struct socket *k = mem_new(sizeof(*k));
	int flags = fcntl(fd, F_GETFL);

	assert(flags >= 0);
	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	k->fd = fd;
	return stream_new(&socket_ops, k);
}

int
socket_fd(const void *carrier)
{
	const struct socket *k = carrier;

	return k->fd;
}
