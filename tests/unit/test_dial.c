/* net/dial: from a name to a socket, and the words when that fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/dial.h"
#include "net/socket.h"

static int
listen_on(int backlog, char port[8])
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	snprintf(port, 8, "%u", ntohs(at.sin_port));
	return fd;
}

static void
talks_to(const char *host, const char *port, int listener)
{
	struct stream *s = NULL;
	struct slice got;
	struct err err;

	assert_int_equal(dial_tcp(host, port, 10 * SEC, NULL, &s, &err), 0);
	int peer = accept(listener, NULL, NULL);

	assert_true(peer >= 0);
	assert_int_equal(write(peer, "* OK\r\n", 6), 6);
	assert_int_equal(stream_peek(s, 6, &got, &err), 0);
	int on = 0;
	socklen_t len = sizeof(on);

	getsockopt(socket_fd(stream_carrier(s)), IPPROTO_TCP, TCP_NODELAY, &on, &len);
	assert_true(on);
	getsockopt(socket_fd(stream_carrier(s)), SOL_SOCKET, SO_KEEPALIVE, &on, &len);
	assert_true(on);
	close(peer);
	stream_close(&s);
}

static void
dial_connects_to_an_address_and_to_a_name(void **state)
{
	char port[8];
	int listener = listen_on(5, port);

	(void)state;
	talks_to("127.0.0.1", port, listener);
	talks_to("localhost", port, listener);	/* ::1, where it is, refuses first */
	close(listener);
}

static void
dial_names_host_port_and_reason_of_a_closed_port(void **state)
{
	char port[8], want[100];
	struct stream *s = NULL;
	struct err err;

	(void)state;
	close(listen_on(5, port));
	assert_int_equal(dial_tcp("127.0.0.1", port, 10 * SEC, NULL, &s, &err), -1);
	assert_int_equal(err.kind, ERR_CONNECT);
	snprintf(want, sizeof(want), "cannot connect to 127.0.0.1 port %s: Connection refused", port);
	assert_string_equal(err.text, want);
	assert_int_equal(dial_tcp("localhost", port, 10 * SEC, NULL, &s, &err), -1);
	assert_int_equal(err.kind, ERR_CONNECT);
	assert_non_null(strstr(err.text, "127.0.0.1: Connection refused"));
	assert_null(s);
}

static void
dial_says_that_a_host_is_not_found(void **state)
{
	struct stream *s = NULL;
	struct err err;

	(void)state;
	assert_int_equal(dial_tcp("no such host", "143", 10 * SEC, NULL, &s, &err), -1);
	assert_true(err.kind == ERR_NO_HOST || err.kind == ERR_TIMEOUT);
	assert_non_null(strstr(err.text, "'no such host'"));
}

static void
dial_refuses_a_port_that_is_none(void **state)
{
	static const char *const bad[] = { "imap", "70000", "-1", "", "0" };
	struct stream *s = NULL;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(dial_tcp("127.0.0.1", bad[i], 10 * SEC, NULL, &s, &err), -1);
		assert_int_equal(err.kind, ERR_USAGE);
	}
}

static void
dial_gives_up_a_host_that_does_not_answer(void **state)
{
	char port[8];
	int listener = listen_on(0, port), filler[4];
	struct sockaddr_in at;
	socklen_t len = sizeof(at);
	struct stream *s = NULL;
	struct err err;

	(void)state;
	getsockname(listener, (struct sockaddr *)&at, &len);
	for (size_t i = 0; i < 4; i++) {
		filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		assert_true(connect(filler[i], (struct sockaddr *)&at, len) <= 0);
	}
	assert_int_equal(dial_tcp("127.0.0.1", port, 50, NULL, &s, &err), -1);
	assert_int_equal(err.kind, ERR_CONNECT);
	assert_non_null(strstr(err.text, ": no answer"));
	for (size_t i = 0; i < 4; i++)
		close(filler[i]);
	close(listener);
}

static void
dial_ends_when_the_job_is_stopped(void **state)
{
	char port[8];
	int listener = listen_on(5, port);
	struct cancel *stop = cancel_new();
	struct stream *s = NULL;
	struct err err;

	(void)state;
	cancel_raise(stop);
	for (int i = 0; i < 20; i++) {	/* the look-ups go on behind our back and clean up by themselves */
		assert_int_equal(dial_tcp("localhost", port, 10 * SEC, stop, &s, &err), -1);
		assert_int_equal(err.kind, ERR_INTERRUPTED);
	}
	usleep(50000);
	close(listener);
	cancel_free(stop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dial_connects_to_an_address_and_to_a_name),
		cmocka_unit_test(dial_names_host_port_and_reason_of_a_closed_port),
		cmocka_unit_test(dial_says_that_a_host_is_not_found),
		cmocka_unit_test(dial_refuses_a_port_that_is_none),
		cmocka_unit_test(dial_gives_up_a_host_that_does_not_answer),
		cmocka_unit_test(dial_ends_when_the_job_is_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
