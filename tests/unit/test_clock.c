/* base/clock: the form of times and the edges of deadlines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

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

static void
zones_are_names_of_the_data_base_or_posix_strings(void **state)
{
	static const char *const good[] = { "UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires",
		"Etc/GMT+5", "CET-1CEST,M3.5.0,M10.5.0/3", "CET-1", "<+03>-3", "EST5EDT",
		"EST5EDT,M3.2.0/2:00,M11.1.0/-1", "AAA+4:30BBB3,J60/2,300" };
	static const char *const bad[] = { "", "Europe/Berln", "Europe", "../../etc/passwd", "/etc/passwd",
		"Europe/", "Europe//Berlin", "XYZ", "CET-99", "CET-1CEST,M13.5.0,M10.5.0",
		"CET-1CEST,M3.5.0", "<+3>-3", "CET-1CEST,M3.5.0,M10.5.0x", "utc\n",
		"CET-1CEST,M3.5.0/02:00:00,M10.5.0/03:00:00.", "\xff", "0" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		if (!clock_zone_known(good[i]))
			fail_msg("'%s' is a zone", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (clock_zone_known(bad[i]))
			fail_msg("'%s' is no zone", bad[i]);
}

static void
a_wrong_zone_is_refused_and_changes_nothing(void **state)
{
	struct err err = { 0 };

	(void)state;
	assert_int_equal(clock_set_zone("Europe/Berlin", &err), 0);
	assert_int_equal(clock_set_zone("Mars/Olympus", &err), -1);
	assert_int_equal(err_exit_code(err.kind), 64);
	assert_non_null(strstr(err.text, "'Mars/Olympus'"));
	assert_string_equal(clock_zone_name(), "Europe/Berlin");
	assert_true(clock_from_local(0) == -3600);
}

/* EM-16: the rule that was in force at the date itself. */
static void
local_times_are_taken_by_the_rule_of_their_own_date(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(clock_set_zone("Europe/Berlin", &err), 0);
	assert_true(clock_from_local(1073001600) == 1073001600 - 3600); /* 2004-01-02 00:00 */
	assert_true(clock_from_local(1088640000) == 1088640000 - 7200); /* 2004-07-01 00:00 */
	/* 2004-03-28 02:30 does not exist: 03:30 summer time. */
	assert_true(clock_from_local(1080441000) == 1080441000 - 3600);
	/* 2004-10-31 02:30 comes twice: the first. */
	assert_true(clock_from_local(1099189800) == 1099189800 - 7200);
	assert_true(clock_from_local(1099189800 + 3600) == 1099189800 + 3600 - 3600);
	/* Samoa jumped over 2011-12-30. */
	assert_int_equal(clock_set_zone("Pacific/Apia", &err), 0);
	assert_true(clock_from_local(1325289600) == 1325289600 - 14 * 3600); /* 12-31 00:00 */
	assert_int_equal(clock_set_zone("UTC", &err), 0);
	assert_true(clock_from_local(1099189800) == 1099189800);
	assert_true(clock_from_local(-11644473600) == -11644473600); /* 1601 */
}

static void
machine_zone_is(const char *tz, const char *zone)
{
	if (tz != NULL)
		assert_int_equal(setenv("TZ", tz, 1), 0);
	else
		unsetenv("TZ");
	assert_string_equal(clock_zone_name(), zone);
}

/* Runs first: nothing was set yet. */
static void
the_zone_of_the_machine_is_the_default(void **state)
{
	(void)state;
	machine_zone_is("Europe/Berlin", "Europe/Berlin");
	machine_zone_is(":Europe/Berlin", "Europe/Berlin");
	machine_zone_is("/usr/share/zoneinfo/Europe/Berlin", "Europe/Berlin");
	machine_zone_is("CET-1", "CET-1");
	machine_zone_is("", "UTC");
	machine_zone_is("No/Such", "UTC");
	unsetenv("TZ");
	assert_true(clock_zone_known(clock_zone_name()));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_zone_of_the_machine_is_the_default),
		cmocka_unit_test(clock_writes_iso_times_on_both_sides_of_1970),
		cmocka_unit_test(clock_has_no_deadline_for_no_time_and_for_too_much),
		cmocka_unit_test(zones_are_names_of_the_data_base_or_posix_strings),
		cmocka_unit_test(a_wrong_zone_is_refused_and_changes_nothing),
		cmocka_unit_test(local_times_are_taken_by_the_rule_of_their_own_date),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
