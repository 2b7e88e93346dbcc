/* Messages without UIDs are found again, whatever happened to the folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "mail/numbering.h"

/* A message for each letter: lower case has no header, capitals have one; size and date tell a from
 * b, and A from a only by that. */
static size_t
roll(const char *letters, struct numbered *ret)
{
	size_t n = strlen(letters);

	for (size_t i = 0; i < n; i++) {
		char c = letters[i];

		ret[i] = (struct numbered){ .size_known = true, .size = (uint64_t)(c | 0x20),
			.date_known = true, .date = 1000 - (c | 0x20), .head_known = c < 'a' };
		ret[i].head[0] = (uint8_t)(ret[i].head_known ? c : 0);
	}
	return n;
}

/* The folder as it was and as it is; want: the numbers. */
static void
expect_numbers(const char *was, const char *is, const uint32_t *want)
{
	struct numbering n = { 0 };
	struct numbered seen[64];
	size_t len = roll(was, seen);

	assert_true(numbering_match(&n, seen, len));
	for (size_t i = 0; i < len; i++)
		assert_int_equal(seen[i].uid, i + 1);
	numbering_open(&n);
	len = roll(is, seen);
	assert_true(numbering_match(&n, seen, len));
	for (size_t i = 0; i < len; i++)
		assert_int_equal(seen[i].uid, want[i]);
	numbering_done(&n);
}

#define NUMBERS(...) ((const uint32_t[]){ __VA_ARGS__ })

static void
what_is_there_keeps_its_number(void **state)
{
	(void)state;
	expect_numbers("ABCD", "ABCD", NUMBERS(1, 2, 3, 4));
	expect_numbers("ABCD", "ACDE", NUMBERS(1, 3, 4, 5));
	expect_numbers("ABCD", "D", NUMBERS(4));
	expect_numbers("ABCD", "EF", NUMBERS(5, 6));
	expect_numbers("", "AB", NUMBERS(1, 2));
}

static void
order_decides_between_equal_ones(void **state)
{
	(void)state;
	expect_numbers("AAA", "AAA", NUMBERS(1, 2, 3));
	expect_numbers("AAA", "AA", NUMBERS(1, 2));
	expect_numbers("AAA", "AAAA", NUMBERS(1, 2, 3, 4));
	expect_numbers("AXBX", "BX", NUMBERS(3, 4));
	expect_numbers("AXBX", "XBX", NUMBERS(2, 3, 4));
}

static void
another_order_is_no_new_message(void **state)
{
	(void)state;
	expect_numbers("ABCD", "DCBA", NUMBERS(4, 3, 2, 1));
	expect_numbers("ABCD", "EABCD", NUMBERS(5, 1, 2, 3, 4));
	expect_numbers("ABA", "AAB", NUMBERS(1, 3, 2));
}

static void
headers_that_cannot_be_read_leave_size_and_date(void **state)
{
	(void)state;
	expect_numbers("ABC", "abc", NUMBERS(1, 2, 3));
	expect_numbers("abc", "ABC", NUMBERS(1, 2, 3));
	expect_numbers("abc", "ac", NUMBERS(1, 3));
	expect_numbers("Aa", "aA", NUMBERS(2, 1));
}

static void
numbers_are_never_given_twice(void **state)
{
	struct numbering n = { 0 };
	struct numbered seen[2];

	(void)state;
	n.next = 8; /* rows had more */
	assert_true(numbering_match(&n, seen, roll("A", seen)));
	assert_int_equal(seen[0].uid, 8);
	numbering_open(&n);
	assert_true(numbering_match(&n, seen, roll("B", seen)));
	assert_int_equal(seen[0].uid, 9);
	assert_int_equal(n.next, 10);
	numbering_done(&n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_there_keeps_its_number),
		cmocka_unit_test(order_decides_between_equal_ones),
		cmocka_unit_test(another_order_is_no_new_message),
		cmocka_unit_test(headers_that_cannot_be_read_leave_size_and_date),
		cmocka_unit_test(numbers_are_never_given_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
