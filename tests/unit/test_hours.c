/* app/hours: when work may go on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/cli/hours.h"
#include "base/clock.h"
#include "base/mem.h"

/* The instant at which clocks show that time of 2026-11-26, a Thursday. */
static int64_t
at(int hour, int minute)
{
	return (clock_from_local(1795651200) + 3600 * hour + 60 * minute) * SEC;
}

static void
zone(const char *name)
{
	struct err err;

	assert_int_equal(clock_set_zone(name, &err), 0);
}

static void
hours_have_two_times_of_the_day(void **state)
{
	static const char *const bad[] = { "", "20", "20-", "-06", "20-20", "8-17", "20-6", "24-06", "20-25",
		"20:60-06", "20-06:", "20-24:01", "20 -06", "20-06 ", "20:3-06", "20-06-08", "2000-0600" };
	struct hours h;

	(void)state;
	assert_true(hours_parse("20-06", &h));
	assert_true(h.given);
	assert_int_equal(h.from, 20 * 60);
	assert_int_equal(h.to, 6 * 60);
	assert_true(hours_parse("00:01-24:00", &h));
	assert_int_equal(h.from, 1);
	assert_int_equal(h.to, 24 * 60);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (hours_parse(bad[i], &h))
			fail_msg("'%s' was accepted", bad[i]);
}

static void
hours_are_open_from_the_first_minute_up_to_the_last(void **state)
{
	struct hours day, night, always = { 0 };

	(void)state;
	zone("UTC");
	assert_true(hours_parse("09:30-17", &day));
	assert_true(hours_parse("20-06", &night));
	assert_false(hours_open(&day, at(9, 29)));
	assert_true(hours_open(&day, at(9, 30)));
	assert_true(hours_open(&day, at(16, 59)));
	assert_false(hours_open(&day, at(17, 0)));
	assert_true(hours_open(&night, at(20, 0)));
	assert_true(hours_open(&night, at(23, 59)));
	assert_true(hours_open(&night, at(0, 0)));
	assert_true(hours_open(&night, at(5, 59)));
	assert_false(hours_open(&night, at(6, 0)));
	assert_false(hours_open(&night, at(19, 59)));
	assert_true(hours_open(&always, at(12, 0)));
}

static void
hours_begin_again_today_or_tomorrow(void **state)
{
	struct hours day, night;

	(void)state;
	zone("UTC");
	assert_true(hours_parse("09:30-17", &day));
	assert_true(hours_parse("20-06", &night));
	assert_true(hours_next_ms(&night, at(6, 0)) == at(20, 0));
	assert_true(hours_next_ms(&day, at(1, 0)) == at(9, 30));
	assert_true(hours_next_ms(&day, at(17, 0)) == at(24 + 9, 30));
}

/* Where clocks jump from 02:00 to 03:00, hours that begin in between begin with the jump. */
static void
hours_are_those_of_the_zone(void **state)
{
	const int64_t night = INT64_C(1774742400) * SEC; /* 2026-03-29T00:00Z: 01:00 in Berlin */
	struct hours h;

	(void)state;
	zone("Europe/Berlin");
	assert_true(hours_parse("02:30-05", &h));
	assert_false(hours_open(&h, night));
	assert_true(hours_open(&h, night + 3600 * SEC)); /* 03:00 */
	assert_true(hours_next_ms(&h, night) > night);
	assert_true(hours_next_ms(&h, night) <= night + 2 * 3600 * SEC);
	assert_true(hours_parse("01-02", &h));
	assert_true(hours_open(&h, night));
	zone("UTC");
	assert_false(hours_open(&h, night));
}

/* Where they are put back from 03:00 to 02:00, 02:30 comes twice. */
static void
hours_begin_at_the_next_of_two(void **state)
{
	const int64_t night = INT64_C(1792886400) * SEC; /* 2026-10-25T00:00Z: 02:00 in Berlin */
	struct hours h;

	(void)state;
	zone("Europe/Berlin");
	assert_true(hours_parse("02:30-02:40", &h));
	assert_true(hours_next_ms(&h, night) == night + 30 * 60 * SEC);
	assert_true(hours_next_ms(&h, night + 50 * 60 * SEC) == night + 90 * 60 * SEC);
	assert_true(hours_next_ms(&h, night + 70 * 60 * SEC) == night + 90 * 60 * SEC);
	assert_true(hours_next_ms(&h, night + 110 * 60 * SEC) == night + (25 * 60 + 30) * 60 * SEC);
}

/* By looking at each minute. */
static int64_t
first_open(const struct hours *h, int64_t wall_ms)
{
	int64_t at_ms = wall_ms - wall_ms % (60 * SEC);

	do
		at_ms += 60 * SEC;
	while (!hours_open(h, at_ms));
	return at_ms;
}

static void
compare_around(int64_t change_s, const char *text)
{
	struct hours h;

	assert_true(hours_parse(text, &h));
	for (int64_t ms = (change_s - 26 * 3600) * SEC; ms < (change_s + 26 * 3600) * SEC; ms += 1200 * SEC)
		if (!hours_open(&h, ms) && hours_next_ms(&h, ms) != first_open(&h, ms))
			fail_msg("%s at %lld: next %lld, but %lld is the first minute", text, (long long)(ms / SEC),
			    (long long)(hours_next_ms(&h, ms) / SEC), (long long)(first_open(&h, ms) / SEC));
}

static void
hours_begin_at_the_first_minute_of_days_with_other_clocks(void **state)
{
	static const struct {
		const char *zone;
		int64_t change_s;
	} days[] = { { "Europe/Berlin", 1774746000 }, { "Europe/Berlin", 1792890000 }, /* an hour is left out, comes twice */
		{ "America/New_York", 1772953200 }, { "America/New_York", 1793512800 },
		{ "Australia/Lord_Howe", 1775314800 }, { "Australia/Lord_Howe", 1791041400 }, /* half an hour */
		{ "Africa/Cairo", 1776981600 }, /* midnight is left out */
		{ "Pacific/Apia", 1325239200 } }; /* a whole day was */
	static const char *const hours[] = { "02-03", "02:30-05", "02:15-02:45", "01:30-02:30", "03-04", "20-06", "00-24", "23:30-02:10",
		"00:10-00:50", "00-01", "01-02", "01:45-02", "02-24" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(days); i++) {
		zone(days[i].zone);
		for (size_t k = 0; k < COUNT_OF(hours); k++)
			compare_around(days[i].change_s, hours[k]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hours_have_two_times_of_the_day),
		cmocka_unit_test(hours_are_open_from_the_first_minute_up_to_the_last),
		cmocka_unit_test(hours_begin_again_today_or_tomorrow),
		cmocka_unit_test(hours_are_those_of_the_zone),
		cmocka_unit_test(hours_begin_at_the_next_of_two),
		cmocka_unit_test(hours_begin_at_the_first_minute_of_days_with_other_clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
