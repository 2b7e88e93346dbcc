/* base/buf: the maximum, the NUL, and that a full buffer takes nothing more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/buf.h"

static void
buf_is_a_string_from_birth(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	assert_string_equal(b.data, "");
	buf_reset(&b);
	assert_string_equal(b.data, "");
	assert_true(buf_add(&b, NULL, 0));
	assert_string_equal(b.data, "");
	buf_done(&b);
	buf_done(&b);
	assert_string_equal(b.data, "");
}

static void
buf_takes_its_maximum_and_not_one_byte_more(void **state)
{
	struct buf b;

	(void)state;
	for (size_t max = 0; max < 300; max++) {
		buf_init(&b, max);
		for (size_t i = 0; i < max; i++)
			assert_true(buf_add_byte(&b, 'x'));
		assert_false(b.full);
		assert_false(buf_add_byte(&b, 'x'));
		assert_true(b.full);
		assert_int_equal(b.len, max);
		assert_int_equal(strlen(b.data), max);
		buf_done(&b);
	}
}

static void
buf_takes_nothing_after_a_piece_that_did_not_fit(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 5);
	assert_true(buf_add_str(&b, "abc"));
	assert_false(buf_add_str(&b, "def"));
	assert_false(buf_add_str(&b, "d"));
	assert_false(buf_printf(&b, "%d", 1));
	assert_string_equal(b.data, "abc");
	buf_reset(&b);
	assert_false(b.full);
	assert_true(buf_printf(&b, "%05d", 42));
	assert_string_equal(b.data, "00042");
	assert_false(buf_printf(&b, "%d", 1));
	buf_done(&b);
}

static void
buf_reserves_room_for_the_caller_to_fill(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	assert_true(buf_add_str(&b, "ab"));
	assert_true(buf_reserve(&b, 998));
	memset(b.data + b.len, 'c', 998);
	b.len += 998;
	assert_int_equal(buf_slice(&b).len, 1000);
	assert_false(buf_reserve(&b, SIZE_MAX));
	buf_done(&b);
}

static void
buf_keeps_bytes_that_are_nul(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	buf_add(&b, "a\0b", 3);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.data, "a\0b", 4);
	buf_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buf_is_a_string_from_birth),
		cmocka_unit_test(buf_takes_its_maximum_and_not_one_byte_more),
		cmocka_unit_test(buf_takes_nothing_after_a_piece_that_did_not_fit),
		cmocka_unit_test(buf_reserves_room_for_the_caller_to_fill),
		cmocka_unit_test(buf_keeps_bytes_that_are_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
