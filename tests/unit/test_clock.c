/* base/clock: the form of times and the edges of deadlines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"

static void
clock_writes_iso_times_on_both_sides_of_1970(void **state)
{
	char text[ISO_MAX];

	(void)state;
	clock_iso(0, text);
	assert_string_equal(text, "1970-01-01T00:00:00.000Z");
	clock_iso(1795363391123, text);
	assert_string_equal(text, "2026-11-22T16:03:11.123Z");
	clock_iso(-1, text);
	assert_string_equal(text, "1969-12-31T23:59:59.999Z");
	clock_iso(-1000, text);
	assert_string_equal(text, "1969-12-31T23:59:59.000Z");
	clock_iso(INT64_MAX, text);
	assert_string_equal(text, "0000-00-00T00:00:00.000Z");
	clock_iso(INT64_MIN, text);
	assert_string_equal(text, "0000-00-00T00:00:00.000Z");
}

static void
clock_has_no_deadline_for_no_time_and_for_too_much(void **state)
{
	(void)state;
	assert_true(clock_deadline(0) == INT64_MAX);
	assert_true(clock_deadline(-5) == INT64_MAX);
	assert_true(clock_deadline(INT64_MAX) == INT64_MAX);
	int64_t before = clock_mono_ms();

	assert_true(clock_deadline(5000) >= before + 5000);
	assert_true(clock_deadline(5000) < before + 3600 * SEC);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clock_writes_iso_times_on_both_sides_of_1970),
		cmocka_unit_test(clock_has_no_deadline_for_no_time_and_for_too_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
