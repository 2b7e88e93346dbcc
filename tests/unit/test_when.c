/* Dates as people and control files write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/cli/when.h"
#include "base/clock.h"

static void
is(const char *text, int64_t epoch)
{
	struct when w;

	if (!when_parse(text, &w))
		fail_msg("'%s' is a date", text);
	if (when_epoch(&w) != epoch)
		fail_msg("'%s' is %lld", text, (long long)when_epoch(&w));
}

static void
dates_have_three_forms_and_a_zone_if_they_say_so(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(clock_set_zone("Europe/Berlin", &err), 0);
	is("2003-11-07T14:18:49Z", 1068214729);
	is("2003-11-07T14:18:49z", 1068214729);
	is("2003-11-07T16:18:49+02:00", 1068214729);
	is("2003-11-07T02:18:49-12:00", 1068214729);
	is("2003-11-07T19:48:49+05:30", 1068214729);
	is("2003-11-07T15:18:49", 1068214729);
	is("20031107151849", 1068214729);
	is("2003-11-07", 1068159600);
	is("2004-07-01", 1088632800);
	is("16010101000000", -11644473600 - 3208);
	is("2004-02-29T00:00:00Z", 1078012800);
	is("9999-12-31T23:59:59Z", 253402300799);
	is("1969-12-31T23:59:59Z", -1);
	assert_int_equal(clock_set_zone("UTC", &err), 0);
	is("2003-11-07", 1068163200);
}

static void
what_the_calendar_does_not_have_is_no_date(void **state)
{
	static const char *const bad[] = { "", "2003", "2003-11", "2003-11-7", "2003-11-07 ",
		" 2003-11-07", "2003-11-07T", "2003-11-07T14:18", "2003-11-07T14:18:49+0200",
		"2003-11-07T14:18:49+02", "2003-11-07T14:18:49 Z", "2003-11-07T14:18:49Zx",
		"2003-11-07T14:18:49+24:00", "2003-11-07T14:18:49+02:60", "2003-11-07Z",
		"2003-02-29", "2100-02-29", "2003-00-01", "2003-13-01", "2003-04-31", "2003-01-00",
		"0000-01-01", "2003-11-07T24:00:00", "2003-11-07T23:60:00", "2003-11-07T23:59:60",
		"2003110715184", "200311071518490", "20031107151860", "20030229000000",
		"2003-11-07T15.18.49", "+003-11-07", "99999-01-01", "07-Nov-2003" };
	struct when w = { .sec = 5 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (when_parse(bad[i], &w))
			fail_msg("'%s' is no date", bad[i]);
	assert_true(w.sec == 5 && !w.given);
}

static void
every_date_goes_to_text_and_back(void **state)
{
	static const char *const forms[] = { "2003-11-07T14:18:49Z", "2003-11-07T14:18:49",
		"0001-01-01T00:00:00", "9999-12-31T23:59:59Z" };
	struct buf text;

	(void)state;
	buf_init(&text, 64);
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		struct when w;

		buf_reset(&text);
		assert_true(when_parse(forms[i], &w));
		assert_true(when_text(&w, &text));
		assert_string_equal(text.data, forms[i]);
	}
	assert_true(when_instant(5).zoned && when_instant(5).given);
	assert_false(when_text(&(struct when){ 0 }, &text));
	buf_done(&text);
}

static void
next_is(const char *text, int64_t now, int64_t next)
{
	struct when w;

	if (!when_parse_until(text, &w))
		fail_msg("'%s' is a time", text);
	if (when_next(&w, now) != next)
		fail_msg("'%s' is %lld", text, (long long)when_next(&w, now));
}

static void
a_time_of_the_day_is_the_next_one_that_clocks_show(void **state)
{
	static const char *const bad[] = { "", "6:00", "24:00", "06:60", "06:00:00", "06:00Z", "2003-11-07T14", "2003-11-07T14:1x" };
	enum { NOW = 1068214729 }; /* 15:18:49 in Berlin */
	struct when w;
	struct buf text;
	struct err err;

	(void)state;
	assert_int_equal(clock_set_zone("Europe/Berlin", &err), 0);
	next_is("15:19", NOW, NOW + 11);
	next_is("15:18", NOW, NOW - 49 + 86400);
	next_is("00:00", NOW, 1068246000);
	/* The night in which the hour from two to three is left out. */
	next_is("06:00", 1080428400, 1080446400);
	next_is("2003-11-07T15:19", NOW, NOW + 11);
	next_is("2003-11-07T14:18:50Z", NOW, NOW + 1);
	next_is("2003-11-07T15:00", NOW, NOW - 18 * 60 - 49);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (when_parse_until(bad[i], &w))
			fail_msg("'%s' is no time", bad[i]);
	buf_init(&text, 64);
	assert_true(when_parse_until("06:05", &w) && when_text(&w, &text));
	assert_string_equal(text.data, "06:05");
	buf_done(&text);
	assert_int_equal(clock_set_zone("UTC", &err), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_have_three_forms_and_a_zone_if_they_say_so),
		cmocka_unit_test(what_the_calendar_does_not_have_is_no_date),
		cmocka_unit_test(every_date_goes_to_text_and_back),
		cmocka_unit_test(a_time_of_the_day_is_the_next_one_that_clocks_show),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
