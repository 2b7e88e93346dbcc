/* Durations, numbers, pins, and the word that was meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/cli/values.h"
#include "base/mem.h"

static void
durations_take_every_unit_and_none(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {
		{ "500ms", 500 }, { "2s", 2000 }, { "90", 90000 }, { "5m", 300000 },
		{ "1h", 3600000 }, { "7d", 604800000 }, { "0s", 0 }, { "3S", 3000 },
	};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ms = -1;
		assert_true(value_duration(good[i].text, &ms));
		assert_int_equal(ms, good[i].ms);
	}
}

static void
durations_refuse_what_is_none_or_overflows(void **state)
{
	static const char *const bad[] = {
		"", "s", "-1s", "1.5s", "1 s", "5x", "1sm", "99999999999999999999s", "36501d",
		"9223372036854775807d",
	};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(value_duration(bad[i], &ms));
}

static void
sizes_take_units_of_1024(void **state)
{
	static const struct {
		const char *text;
		uint64_t octets;
	} good[] = {
		{ "0", 0 }, { "500", 500 }, { "500B", 500 }, { "10k", 10240 }, { "45M", 47185920 },
		{ "2g", 2147483648 }, { "1T", 1099511627776 },
	};
	static const char *const bad[] = { "", "M", "-1", "1.5M", "1 M", "1MB", "5x",
		"99999999999T", "18446744073709551616" };
	uint64_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(value_size(good[i].text, &n));
		assert_true(n == good[i].octets);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(value_size(bad[i], &n));
}

static void
a_mode_lets_the_owner_read_and_write(void **state)
{
	static const char *const bad[] = { "", "64", "440", "1777", "00640", "0x1a0", "648", "-640", "640 " };
	unsigned mode;

	(void)state;
	assert_true(value_mode("640", &mode) && mode == 0640);
	assert_true(value_mode("0777", &mode) && mode == 0777);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(value_mode(bad[i], &mode));
}

static void
per_cent_are_1_to_100(void **state)
{
	unsigned n = 0;

	(void)state;
	assert_true(value_percent("5%", &n) && n == 5);
	assert_true(value_percent("100", &n) && n == 100);
	assert_false(value_percent("0%", &n));
	assert_false(value_percent("101", &n));
	assert_false(value_percent("5%%", &n));
	assert_false(value_percent("%", &n));
	assert_false(value_percent("", &n));
}

static void
truth_has_eight_words(void **state)
{
	bool b;

	(void)state;
	assert_true(value_truth("YES", &b) && b);
	assert_true(value_truth("on", &b) && b);
	assert_true(value_truth("1", &b) && b);
	assert_true(value_truth("False", &b) && !b);
	assert_true(value_truth("0", &b) && !b);
	assert_false(value_truth("ye", &b));
	assert_false(value_truth("", &b));
}

static void
choices_match_whole_words(void **state)
{
	(void)state;
	assert_int_equal(value_choice("lf", "lf|crlf"), 0);
	assert_int_equal(value_choice("CRLF", "lf|crlf"), 1);
	assert_int_equal(value_choice("crl", "lf|crlf"), -1);
	assert_int_equal(value_choice("lf|crlf", "lf|crlf"), -1);
	assert_int_equal(value_choice("", "lf|crlf"), -1);
}

static void
pins_are_hex_or_base64_of_32_octets(void **state)
{
	(void)state;
	assert_true(value_pin("sha256:0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef"));
	assert_true(value_pin("sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="));
	assert_false(value_pin("sha256:0123"));
	assert_false(value_pin("sha1:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"));
	assert_false(value_pin("sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuF=="));
	assert_false(value_pin(""));
}

static void
distance_counts_a_swap_once(void **state)
{
	(void)state;
	assert_int_equal(edit_distance("", "abc"), 3);
	assert_int_equal(edit_distance("abc", ""), 3);
	assert_int_equal(edit_distance("extract", "extract"), 0);
	assert_int_equal(edit_distance("exrtact", "extract"), 1);
	assert_int_equal(edit_distance("flder", "folder"), 1);
	assert_int_equal(edit_distance("kitten", "sitting"), 3);
}

static void
distance_bounds_what_it_looks_at(void **state)
{
	char word[5000];

	(void)state;
	for (size_t i = 0; i < sizeof(word) - 1; i++)
		word[i] = 'x';
	word[sizeof(word) - 1] = '\0';
	assert_int_equal(edit_distance(word, "folder"), 63);
}

static void
nearest_prefers_what_begins_with_the_word(void **state)
{
	struct nearest n;

	(void)state;
	nearest_init(&n, "pass");
	nearest_try(&n, "deep");
	nearest_try(&n, "password-file");
	nearest_try(&n, "json");
	assert_string_equal(n.best, "password-file");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mode_lets_the_owner_read_and_write),
		cmocka_unit_test(durations_take_every_unit_and_none),
		cmocka_unit_test(durations_refuse_what_is_none_or_overflows),
		cmocka_unit_test(sizes_take_units_of_1024),
		cmocka_unit_test(per_cent_are_1_to_100),
		cmocka_unit_test(truth_has_eight_words),
		cmocka_unit_test(choices_match_whole_words),
		cmocka_unit_test(pins_are_hex_or_base64_of_32_octets),
		cmocka_unit_test(distance_counts_a_swap_once),
		cmocka_unit_test(distance_bounds_what_it_looks_at),
		cmocka_unit_test(nearest_prefers_what_begins_with_the_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
