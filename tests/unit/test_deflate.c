/* net/deflate: what both sides say comes whole, however it is cut; a peer that packs nonsense, or for ever, is cut off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include "base/mem.h"
#include "net/deflate.h"
#include "net/socket.h"

enum { LONG = 3 * STREAM_BUFFER + 4711, PACKED_MAX = 2 * LONG };

static char text[LONG], packed[PACKED_MAX];

/* Half of it noise, half of it one letter: some packs badly, some all too well. */
static int
make_text(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (size_t i = 0; i < LONG; i++) {
		seed = seed * 1664525 + 1013904223;
		text[i] = i / 10000 % 2 == 0 ? 'x' : (char)(seed >> 24);
	}
	return 0;
}

/* As a server does, with a flush behind each `step` octets. */
static size_t
pack(size_t len, size_t step, bool end)
{
	z_stream z = { .next_out = (Bytef *)packed, .avail_out = PACKED_MAX };

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	for (size_t at = 0; at < len; at += step) {
		z.next_in = (Bytef *)text + at;
		z.avail_in = (uInt)(step < len - at ? step : len - at);
		assert_int_equal(deflate(&z, Z_SYNC_FLUSH), Z_OK);
	}
	if (end)
		assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	size_t n = PACKED_MAX - z.avail_out;

	(void)deflateEnd(&z);
	return n;
}

static void
reads_all(struct stream *s, size_t len)
{
	struct slice got;
	struct err err;

	for (size_t at = 0; at < len; at += got.len) {
		assert_int_equal(stream_peek(s, 1, &got, &err), 0);
		assert_true(got.len <= len - at);
		assert_memory_equal(got.data, text + at, got.len);
		stream_skip(s, got.len);
	}
}

static void
what_is_heard_is_whole_for_every_size_of_piece(void **state)
{
	static const size_t steps[] = { 1000, 100000, LONG }, pieces[] = { 0, 3, 1000, 70000 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		size_t n = pack(LONG, steps[i], false);

		for (size_t k = 0; k < COUNT_OF(pieces); k++) {
			struct stream *s = stream_memory((struct slice){ packed, n }, pieces[k]);
			struct slice got;
			struct err err;

			deflate_start(s);
			reads_all(s, LONG);
			assert_int_equal(stream_peek(s, 1, &got, &err), -1);
			assert_int_equal(err.kind, ERR_CUT);
			stream_close(&s);
		}
	}
}

static void
what_came_with_the_answer_is_compressed_already(void **state)
{
	size_t n = pack(70000, 70000, false);
	char *both = mem_resize(NULL, n + 4, 1);
	struct slice got;
	struct err err;

	(void)state;
	memcpy(both, "OK\r\n", 4);
	memcpy(both + 4, packed, n);

	struct stream *s = stream_memory((struct slice){ both, n + 4 }, 0);

	assert_int_equal(stream_peek(s, 5, &got, &err), 0);
	stream_skip(s, 4);
	deflate_start(s);
	reads_all(s, 70000);
	stream_close(&s);
	free(both);
}

static void
a_stream_that_ends_is_the_end_of_the_connection(void **state)
{
	size_t n = pack(5000, 5000, true);
	struct slice got;
	struct err err;

	(void)state;
	memcpy(packed + n, "more", 4);

	struct stream *s = stream_memory((struct slice){ packed, n + 4 }, 0);

	deflate_start(s);
	reads_all(s, 5000);
	assert_int_equal(stream_peek(s, 1, &got, &err), -1);
	assert_int_equal(err.kind, ERR_CUT);
	stream_close(&s);
}

static void
damage_is_an_error(void **state)
{
	size_t n = pack(20000, 20000, false);
	struct slice got;
	struct err err;

	(void)state;
	memset(packed, 0xff, 10); /* a block of a kind that there is not */

	struct stream *s = stream_memory((struct slice){ packed, n }, 0);

	deflate_start(s);
	while (stream_peek(s, 1, &got, &err) == 0)
		stream_skip(s, got.len);
	assert_int_equal(err.kind, ERR_CUT);
	assert_non_null(strstr(err.text, "damaged"));
	stream_close(&s);
}

/* Empty blocks without end (a flush with nothing before it): neither a wait nor a word. */
static void
octets_that_say_nothing_are_bounded(void **state)
{
	static const char empty[] = { 0, 0, 0, (char)0xff, (char)0xff };
	enum { TIMES = 200000 };
	char *many = mem_resize(NULL, TIMES, sizeof(empty));
	struct slice got;
	struct err err;

	(void)state;
	for (size_t i = 0; i < TIMES; i++)
		memcpy(many + i * sizeof(empty), empty, sizeof(empty));

	struct stream *s = stream_memory((struct slice){ many, TIMES * sizeof(empty) }, 1000);

	deflate_start(s);
	assert_int_equal(stream_peek(s, 1, &got, &err), -1);
	assert_int_equal(err.kind, ERR_CUT);
	assert_non_null(strstr(err.text, "say nothing"));
	stream_close(&s);
	free(many);
}

/* A carrier that takes an octet at a time, and at first has something to be read instead. */
struct narrow {
	size_t nothing, got;
	char *data;
};

static ssize_t
narrow_send(void *carrier, const void *data, size_t len, const struct stream_wait *wait, struct err *err)
{
	struct narrow *k = carrier;

	(void)len;
	(void)err;
	if (wait->or_input && k->nothing > 0 && k->got % 100 == 50) {
		k->nothing--;
		return STREAM_NOTHING;
	}
	k->data[k->got++] = *(const char *)data;
	return 1;
}

static ssize_t
narrow_recv(void *carrier, void *data, size_t max, const struct stream_wait *wait, struct err *err)
{
	(void)carrier;
	(void)data;
	(void)max;
	(void)err;
	assert_true(wait->at_once);
	return STREAM_NOTHING;
}

static void
narrow_close(void *carrier)
{
	(void)carrier;
}

static const struct stream_ops narrow_ops = {
	.name = "narrow", .send = narrow_send, .recv = narrow_recv, .close = narrow_close
};

static void
what_is_said_is_whole_and_said_once(void **state)
{
	struct narrow k = { .nothing = 500, .data = packed };
	struct stream *s = stream_new(&narrow_ops, &k);
	char *back = mem_resize(NULL, LONG + 1, 1);
	struct err err;

	(void)state;
	deflate_start(s);
	for (size_t at = 0, step = 1; at < LONG; at += step, step = step * 3 % 90001) {
		if (step > LONG - at)
			step = LONG - at;
		assert_int_equal(stream_write(s, text + at, step, &err), 0);
		assert_int_equal(stream_flush(s, &err), 0);
	}
	assert_int_equal(stream_bytes_out(s), LONG);

	z_stream z = { .next_in = (Bytef *)packed, .avail_in = (uInt)k.got, .next_out = (Bytef *)back, .avail_out = LONG + 1 };

	assert_int_equal(inflateInit2(&z, -15), Z_OK);
	assert_int_equal(inflate(&z, Z_SYNC_FLUSH), Z_OK);
	assert_int_equal(z.avail_out, 1);
	assert_memory_equal(back, text, LONG);
	(void)inflateEnd(&z);
	stream_close(&s);
	free(back);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_heard_is_whole_for_every_size_of_piece),
		cmocka_unit_test(what_came_with_the_answer_is_compressed_already),
		cmocka_unit_test(a_stream_that_ends_is_the_end_of_the_connection),
		cmocka_unit_test(damage_is_an_error),
		cmocka_unit_test(octets_that_say_nothing_are_bounded),
		cmocka_unit_test(what_is_said_is_whole_and_said_once),
	};

	return cmocka_run_group_tests(tests, make_text, NULL);
}
