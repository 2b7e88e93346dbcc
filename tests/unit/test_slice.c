/* base/slice: comparisons and numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/slice.h"

static void
slice_compares_bytes_and_then_lengths(void **state)
{
	(void)state;
	assert_true(slice_eq(slice_str("INBOX"), "INBOX"));
	assert_false(slice_eq(slice_str("INBOX"), "INBO"));
	assert_false(slice_eq(slice_str("inbox"), "INBOX"));
	assert_true(slice_eq(slice_str(NULL), ""));
	assert_true(slice_same((struct slice){ "a\0b", 3 }, (struct slice){ "a\0b", 3 }));
	assert_false(slice_same((struct slice){ "a\0b", 3 }, (struct slice){ "a\0c", 3 }));
	assert_true(slice_cmp(slice_str("a"), slice_str("b")) < 0);
	assert_true(slice_cmp(slice_str("ab"), slice_str("a")) > 0);
	assert_true(slice_cmp(slice_str("a"), slice_str("ab")) < 0);
	assert_int_equal(slice_cmp(slice_str(""), slice_str(NULL)), 0);
	assert_true(slice_cmp(slice_str("\xff"), slice_str("a")) > 0);
}

static void
slice_ignores_case_of_ascii_only(void **state)
{
	(void)state;
	assert_true(slice_eq_nocase(slice_str("iNbOx"), "InBoX"));
	assert_false(slice_eq_nocase(slice_str("inbox2"), "inbox"));
	assert_false(slice_eq_nocase(slice_str("\xc4"), "\xe4"));
	assert_false(slice_eq_nocase(slice_str("["), "{"));
	assert_false(slice_eq_nocase(slice_str("@"), "`"));
	assert_true(slice_starts_nocase(slice_str("Ok [x]"), "oK "));
	assert_false(slice_starts_nocase(slice_str("O"), "OK"));
}

static void
slice_finds_a_needle_at_either_end_and_an_empty_one_everywhere(void **state)
{
	(void)state;
	assert_true(slice_has_nocase(slice_str("Dovecot ready"), "dovecot"));
	assert_true(slice_has_nocase(slice_str("Dovecot ready"), "READY"));
	assert_false(slice_has_nocase(slice_str("Dovecot read"), "ready"));
	assert_true(slice_has_nocase(slice_str(""), ""));
	assert_true(slice_has_nocase(slice_str("a"), ""));
	assert_false(slice_has_nocase(slice_str(NULL), "a"));
}

static void
slice_reads_numbers_up_to_the_limit_and_nothing_else(void **state)
{
	static const char *const bad[] = { "", "-1", "+1", " 1", "1 ", "0x1", "1.", "18446744073709551616",
		"99999999999999999999999" };
	uint64_t n = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(slice_u64(slice_str(bad[i]), UINT64_MAX, &n));
	assert_int_equal(n, 7);
	assert_true(slice_u64(slice_str("18446744073709551615"), UINT64_MAX, &n));
	assert_true(n == UINT64_MAX);
	assert_true(slice_u64(slice_str("4294967295"), UINT32_MAX, &n));
	assert_false(slice_u64(slice_str("4294967296"), UINT32_MAX, &n));
	assert_true(slice_u64(slice_str("0000000000000000000000012"), 12, &n));
	assert_int_equal(n, 12);
	assert_false(slice_u64(slice_str("13"), 12, &n));
	assert_true(slice_u64(slice_str("0"), 0, &n));
	assert_false(slice_u64(slice_str("9"), 5, &n));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slice_compares_bytes_and_then_lengths),
		cmocka_unit_test(slice_ignores_case_of_ascii_only),
		cmocka_unit_test(slice_finds_a_needle_at_either_end_and_an_empty_one_everywhere),
		cmocka_unit_test(slice_reads_numbers_up_to_the_limit_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
