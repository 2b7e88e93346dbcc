/* net/stream over memory, over sockets, and over a carrier that moves one byte at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/socket.h"

enum { LONG = 3 * STREAM_BUFFER + 4711 };

static char text[LONG];

static int
make_text(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (size_t i = 0; i < LONG; i++) {
		seed = seed * 1664525 + 1013904223;
		text[i] = (char)(seed >> 24);
	}
	return 0;
}

/* Reads all of `input`, asking for wants and skipping amounts that vary, and compares. */
static void
reads_all(size_t len, size_t piece, size_t most)
{
	struct stream *s = stream_memory((struct slice){ text, len }, piece);
	struct slice got;
	struct err err;
	size_t at = 0, n = 0;

	while (at < len) {
		size_t want = 1 + n * 7 % most;

		if (want > len - at)
			want = len - at;
		assert_int_equal(stream_peek(s, want, &got, &err), 0);
		assert_true(got.len >= want);
		assert_memory_equal(got.data, text + at, got.len);
		size_t take = n++ % 3 == 0 ? got.len : want - n % want;

		stream_skip(s, take);
		at += take;
	}
	assert_int_equal(stream_buffered(s).len, 0);
	assert_int_equal(stream_bytes_in(s), len);
	assert_int_equal(stream_peek(s, 1, &got, &err), -1);
	assert_int_equal(err.kind, ERR_CUT);
	stream_close(&s);
	assert_null(s);
	stream_close(&s);
}

static void
stream_gives_the_same_bytes_for_every_size_of_piece(void **state)
{
	(void)state;
	for (size_t piece = 1; piece <= 130; piece++)
		reads_all(1000, piece, 100);
	reads_all(LONG, 0, 5000);
	reads_all(LONG, 4093, 9000);
	reads_all(LONG, 16384, STREAM_BUFFER);
	reads_all(LONG, STREAM_BUFFER - 1, STREAM_BUFFER);
}

static void
stream_holds_a_whole_buffer_and_moves_the_rest_to_the_front(void **state)
{
	struct stream *s = stream_memory((struct slice){ text, LONG }, 0);
	struct slice got;
	struct err err;

	(void)state;
	assert_int_equal(stream_peek(s, STREAM_BUFFER, &got, &err), 0);
	assert_int_equal(got.len, STREAM_BUFFER);
	stream_skip(s, 1);
	assert_int_equal(stream_peek(s, STREAM_BUFFER, &got, &err), 0);
	assert_int_equal(got.len, STREAM_BUFFER);
	assert_memory_equal(got.data, text + 1, STREAM_BUFFER);
	stream_close(&s);
}

static void
stream_keeps_what_it_has_when_the_end_comes_too_early(void **state)
{
	struct stream *s = stream_memory(slice_str("* OK"), 3);
	struct slice got;
	struct err err;

	(void)state;
	assert_int_equal(stream_peek(s, 5, &got, &err), -1);
	assert_int_equal(err.kind, ERR_CUT);
	assert_string_equal(err.text, "the server closed the connection");
	assert_true(slice_eq(stream_buffered(s), "* OK"));
	assert_int_equal(stream_peek(s, 4, &got, &err), 0);
	stream_close(&s);
}

static void
stream_sends_nothing_before_flush(void **state)
{
	struct stream *s = stream_memory(slice_str(NULL), 0);
	struct err err;

	(void)state;
	assert_int_equal(stream_write(s, "a1 ", 3, &err), 0);
	assert_int_equal(stream_write(s, "NOOP\r\n", 6, &err), 0);
	assert_int_equal(stream_memory_output(s).len, 0);
	assert_int_equal(stream_flush(s, &err), 0);
	assert_true(slice_eq(stream_memory_output(s), "a1 NOOP\r\n"));
	assert_int_equal(stream_flush(s, &err), 0);
	assert_int_equal(stream_bytes_out(s), 9);
	stream_close(&s);
}

static void
stream_writes_more_than_its_buffer_in_order(void **state)
{
	struct stream *s = stream_memory(slice_str(NULL), 0);
	struct err err;
	size_t at = 0;

	(void)state;
	for (size_t n = 1; at < LONG; n = n * 3 % 100003) {
		size_t len = n < LONG - at ? n : LONG - at;

		assert_int_equal(stream_write(s, text + at, len, &err), 0);
		at += len;
	}
	assert_int_equal(stream_flush(s, &err), 0);
	assert_int_equal(stream_memory_output(s).len, LONG);
	assert_memory_equal(stream_memory_output(s).data, text, LONG);
	stream_close(&s);
}

/* Takes one byte a call, and after `left` bytes fails. */
struct narrow {
	size_t left, got;
	char data[100];
};

static ssize_t
narrow_send(void *carrier, const void *data, size_t len, const struct stream_wait *wait, struct err *err)
{
	struct narrow *k = carrier;

	(void)len;
	(void)wait;
	if (k->left == 0)
		return err_set(err, ERR_CUT, "gone");
	k->left--;
	k->data[k->got++] = *(const char *)data;
	return 1;
}

static void
narrow_close(void *carrier)
{
	(void)carrier;
}

static const struct stream_ops narrow_ops = { .name = "narrow", .send = narrow_send, .close = narrow_close };

static void
stream_flush_that_fails_half_way_sends_no_byte_twice(void **state)
{
	(void)state;
	for (size_t left = 0; left < 10; left++) {
		struct narrow k = { .left = left };
		struct stream *s = stream_new(&narrow_ops, &k);
		struct err err;

		assert_int_equal(stream_write(s, "0123456789", 10, &err), 0);
		assert_int_equal(stream_flush(s, &err), -1);
		assert_int_equal(k.got, left);
		k.left = 100;
		assert_int_equal(stream_flush(s, &err), 0);
		assert_int_equal(k.got, 10);
		assert_memory_equal(k.data, "0123456789", 10);
		assert_int_equal(stream_bytes_out(s), 10);
		stream_close(&s);
	}
}

static void
stream_swap_drops_what_was_read_and_says_how_much(void **state)
{
	struct narrow k = { .left = 100 };
	struct stream *s = stream_memory(slice_str("OK\r\n* injected"), 0);
	void *memory = stream_carrier(s);
	const struct stream_ops *ops = stream_carrier_ops(s);
	struct slice got;
	struct err err;

	(void)state;
	assert_int_equal(stream_peek(s, 1, &got, &err), 0);
	stream_skip(s, 4);
	assert_int_equal(stream_swap(s, &narrow_ops, &k), 10);
	assert_int_equal(stream_buffered(s).len, 0);
	stream_close(&s);
	ops->close(memory);
}

static struct stream *
pair_open(int *ret_peer)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	*ret_peer = fd[1];
	return stream_socket(fd[0]);
}

static void
stream_gives_up_a_silent_peer_after_its_idle_time(void **state)
{
	int peer;
	struct stream *s = pair_open(&peer);
	struct slice got;
	struct err err;

	(void)state;
	stream_set_timeout(s, 20);
	assert_int_equal(stream_peek(s, 1, &got, &err), -1);
	assert_int_equal(err.kind, ERR_TIMEOUT);
	assert_string_equal(err.text, "no byte from the server for 20 ms");
	assert_int_equal(stream_waiting_since(s), 0);
	assert_int_equal(write(peer, "x", 1), 1);
	assert_int_equal(stream_peek(s, 1, &got, &err), 0);
	assert_int_equal(stream_peek(s, 2, &got, &err), -1);
	assert_int_equal(err.kind, ERR_TIMEOUT);
	stream_close(&s);
	close(peer);
}

static void
stream_gives_up_a_peer_that_takes_nothing(void **state)
{
	int peer, done = 0;
	struct stream *s = pair_open(&peer);
	struct err err;

	(void)state;
	stream_set_timeout(s, 20);
	for (int i = 0; i < 1000 && done == 0; i++)
		done = stream_write(s, text, 100000, &err);
	assert_int_equal(done, -1);
	assert_int_equal(err.kind, ERR_TIMEOUT);
	assert_string_equal(err.text, "the server takes no data for 20 ms");
	stream_close(&s);
	close(peer);
}

static void
stream_to_a_peer_that_is_gone_is_cut_and_raises_no_signal(void **state)
{
	int peer;
	struct stream *s = pair_open(&peer);
	struct slice got;
	struct err err;

	(void)state;
	assert_int_equal(write(peer, "* BYE", 5), 5);
	close(peer);
	assert_int_equal(stream_write(s, "x", 1, &err), 0);
	assert_int_equal(stream_flush(s, &err), -1);
	assert_int_equal(err.kind, ERR_CUT);
	assert_int_equal(stream_peek(s, 5, &got, &err), 0);
	assert_true(slice_eq(got, "* BYE"));
	assert_int_equal(stream_peek(s, 6, &got, &err), -1);
	assert_int_equal(err.kind, ERR_CUT);
	stream_close(&s);
}

static void
stream_stops_at_once_when_raised_even_if_bytes_are_there(void **state)
{
	int peer;
	struct stream *s = pair_open(&peer);
	struct cancel *stop = cancel_new();
	struct slice got;
	struct err err;

	(void)state;
	stream_set_cancel(s, stop);
	assert_int_equal(write(peer, "abc", 3), 3);
	assert_int_equal(stream_peek(s, 1, &got, &err), 0);
	assert_int_equal(write(peer, "def", 3), 3);
	cancel_raise(stop);
	assert_int_equal(stream_peek(s, 3, &got, &err), 0);
	assert_int_equal(stream_peek(s, 4, &got, &err), -1);
	assert_int_equal(err.kind, ERR_INTERRUPTED);
	assert_int_equal(stream_write(s, "x", 1, &err), 0);
	assert_int_equal(stream_flush(s, &err), -1);
	assert_int_equal(err.kind, ERR_INTERRUPTED);
	stream_close(&s);
	close(peer);
	cancel_free(stop);
}

static void
stream_with_grace_goes_on_after_a_raise_until_no_byte_comes(void **state)
{
	int peer;
	struct stream *s = pair_open(&peer);
	struct cancel *stop = cancel_new();
	struct slice got;
	struct err err;

	(void)state;
	stream_set_cancel(s, stop);
	stream_set_grace(s, 30);
	cancel_raise(stop);
	assert_int_equal(write(peer, "abc", 3), 3);
	assert_int_equal(stream_peek(s, 3, &got, &err), 0);
	assert_int_equal(stream_peek(s, 4, &got, &err), -1);
	assert_int_equal(err.kind, ERR_INTERRUPTED);
	stream_set_timeout(s, 5);
	assert_int_equal(stream_peek(s, 4, &got, &err), -1);
	assert_int_equal(err.kind, ERR_TIMEOUT);
	stream_close(&s);
	close(peer);
	cancel_free(stop);
}

struct raiser {
	struct stream *s;
	struct cancel *stop;
	int64_t since;
};

static void *
raise_when_it_waits(void *arg)
{
	struct raiser *r = arg;

	while ((r->since = stream_waiting_since(r->s)) == 0)
		usleep(100);
	cancel_raise(r->stop);
	return NULL;
}

static void
stream_that_waits_says_since_when_and_is_woken_by_a_raise(void **state)
{
	int peer;
	struct raiser r = { .s = pair_open(&peer), .stop = cancel_new() };
	int64_t before = clock_mono_ms();
	pthread_t thread;
	struct slice got;
	struct err err;

	(void)state;
	stream_set_cancel(r.s, r.stop);
	pthread_create(&thread, NULL, raise_when_it_waits, &r);
	assert_int_equal(stream_peek(r.s, 1, &got, &err), -1);
	pthread_join(thread, NULL);
	assert_int_equal(err.kind, ERR_INTERRUPTED);
	assert_true(r.since >= before && r.since <= clock_mono_ms());
	stream_close(&r.s);
	close(peer);
	cancel_free(r.stop);
}

static void *
pump(void *arg)
{
	int fd = *(int *)arg;

	for (size_t at = 0; at < LONG;) {
		ssize_t n = write(fd, text + at, LONG - at < 777 ? LONG - at : 777);

		if (n <= 0)
			break;
		at += (size_t)n;
	}
	shutdown(fd, SHUT_WR);
	return NULL;
}

static void
stream_over_a_socket_gives_all_bytes_to_the_end(void **state)
{
	int peer;
	struct stream *s = pair_open(&peer);
	pthread_t thread;
	struct slice got;
	struct err err;
	size_t at = 0;

	(void)state;
	pthread_create(&thread, NULL, pump, &peer);
	while (stream_peek(s, 1, &got, &err) == 0) {
		assert_true(at + got.len <= LONG);
		assert_memory_equal(got.data, text + at, got.len);
		at += got.len;
		stream_skip(s, got.len);
	}
	assert_int_equal(at, LONG);
	assert_int_equal(err.kind, ERR_CUT);
	pthread_join(thread, NULL);
	stream_close(&s);
	close(peer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stream_gives_the_same_bytes_for_every_size_of_piece),
		cmocka_unit_test(stream_holds_a_whole_buffer_and_moves_the_rest_to_the_front),
		cmocka_unit_test(stream_keeps_what_it_has_when_the_end_comes_too_early),
		cmocka_unit_test(stream_sends_nothing_before_flush),
		cmocka_unit_test(stream_writes_more_than_its_buffer_in_order),
		cmocka_unit_test(stream_flush_that_fails_half_way_sends_no_byte_twice),
		cmocka_unit_test(stream_swap_drops_what_was_read_and_says_how_much),
		cmocka_unit_test(stream_gives_up_a_silent_peer_after_its_idle_time),
		cmocka_unit_test(stream_gives_up_a_peer_that_takes_nothing),
		cmocka_unit_test(stream_to_a_peer_that_is_gone_is_cut_and_raises_no_signal),
		cmocka_unit_test(stream_stops_at_once_when_raised_even_if_bytes_are_there),
		cmocka_unit_test(stream_with_grace_goes_on_after_a_raise_until_no_byte_comes),
		cmocka_unit_test(stream_that_waits_says_since_when_and_is_woken_by_a_raise),
		cmocka_unit_test(stream_over_a_socket_gives_all_bytes_to_the_end),
	};

	return cmocka_run_group_tests(tests, make_text, NULL);
}
