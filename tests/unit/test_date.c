/* Internal dates as servers write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "mail/date.h"

struct sample {
	const char *text;
	int64_t epoch;
	int zone_min;
};

static void
assert_samples(const struct sample *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct date d;

		if (!date_parse(slice_str(s[i].text), &d))
			fail_msg("'%s' was refused", s[i].text);
		if (!d.known || d.epoch != s[i].epoch || d.zone_min != s[i].zone_min)
			fail_msg("'%s' is %lld %+d", s[i].text, (long long)d.epoch, d.zone_min);
	}
}

static void
dates_of_the_rfc_are_read(void **state)
{
	static const struct sample good[] = {
		{ "17-Jul-1996 02:44:25 -0700", 837596665, -420 }, { "01-Jan-1970 00:00:00 +0000", 0, 0 },
		{ " 7-Nov-2016 18:49:23 +0200", 1478537363, 120 }, { "29-Feb-2000 23:59:59 +0530", 951848999, 330 },
		{ "31-Dec-1969 23:59:59 +0000", -1, 0 }, { "01-Jan-0001 00:00:00 +0000", -62135596800, 0 },
		{ "31-Dec-9999 23:59:59 +0000", 253402300799, 0 }, { "01-jan-2100 00:00:00 -0000", 4102444800, 0 },
		{ "01-Jan-1970 00:00:00 +2400", -86400, 1440 }, { "01-Jan-1970 00:00:00 -1200", 43200, -720 },
	};

	(void)state;
	assert_samples(good, COUNT_OF(good));
}

static void
dates_of_odd_servers_are_read(void **state)
{
	static const struct sample odd[] = {
		{ "7-Nov-2016 18:49:23 +0200", 1478537363, 120 }, { "17-Jul-1996 02:44:25", 837571465, 0 },
		{ "30-Jun-2012 23:59:60 +0000", 1341100800, 0 }, { "31-Feb-2001 00:00:00 +0000", 983577600, 0 },
		{ "17-Jul-1996 2:44:25 -0700", 837596665, -420 }, { "17-Jul-1996 02:44 -0700", 837596640, -420 },
		{ "17-Jul-96 02:44:25-PDT", 837596665, -420 }, { "17-Jul-1996 02:44:25 GMT", 837571465, 0 },
		{ "17-Jul-05 02:44:25 Z", 1121568265, 0 }, { "17-Jul-1996", 837561600, 0 },
		{ "17 Jul 1996 02:44:25 -0700 (PDT)", 837596665, -420 }, { "17-Jul-1996 02:44:25 -07:00", 837596665, -420 },
		{ "  17-JUL-1996   02:44:25   -0700  ", 837596665, -420 },
	};

	(void)state;
	assert_samples(odd, COUNT_OF(odd));
}

static void
zones_that_are_none_leave_the_clock(void **state)
{
	static const struct sample odd[] = {
		{ "17-Jul-1996 02:44:25 +10039", 837571465, 0 }, { "17-Jul-1996 02:44:25 +9900", 837571465, 0 },
		{ "17-Jul-1996 02:44:25 +02", 837571465, 0 }, { "17-Jul-1996 02:44:25 0200", 837571465, 0 },
		{ "17-Jul-1996 02:44:25 +", 837571465, 0 }, { "17-Jul-1996 02:44:25 MARS", 837571465, 0 },
		{ "17-Jul-1996 02:44:25 +2401", 837571465, 0 }, { "17-Jul-1996 02:44:25 +0200x", 837571465, 0 },
		{ "17-Jul-1996 02:44:25 --200", 837571465, 0 }, { "17-Jul-1996 02:44:25 \xff", 837571465, 0 },
	};

	(void)state;
	assert_samples(odd, COUNT_OF(odd));
}

static void
what_cannot_be_a_date_is_unknown_never_now(void **state)
{
	static const char *const bad[] = {
		"", " ", "00-Jan-0000 00:00:00 +0000", "01-Jan-0000 00:00:00 +0000", "32-Jan-2000 00:00:00 +0000",
		"01-Foo-2000 00:00:00 +0000", "01-Jan-200 00:00:00 +0000", "1-Ja", "01/01/2000", "01-Jan-2000 24:00:00 +0000",
		"01-Jan-2000 00:60:00 +0000", "01-Jan-2000 00:00:61 +0000", "01-Jan-2000 :00:00", "01-Jan-2000 00",
		"001-Jan-2000 00:00:00 +0000", "-1-Jan-2000 00:00:00 +0000", "NIL", "31-Dec-9999 23:59:60 +0000",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct date d = { .known = true, .epoch = 77, .zone_min = 7 };

		if (date_parse(slice_str(bad[i]), &d))
			fail_msg("'%s' was taken", bad[i]);
		assert_true(!d.known && d.epoch == 0 && d.zone_min == 0);
		assert_int_equal(date_stamp(&d), 0);
	}
}

static void
cut_anywhere_a_date_is_read_or_unknown(void **state)
{
	static const char whole[] = " 7-Nov-2016 18:49:23 +0200";

	(void)state;
	for (size_t len = 0; len < sizeof(whole); len++) {
		char *exact = mem_resize(NULL, len + 1, 1);	/* an octet read behind it is seen by ASan */
		struct date d;

		memcpy(exact, whole, len);
		exact = mem_resize(exact, len > 0 ? len : 1, 1);
		(void)date_parse((struct slice){ exact, len }, &d);
		free(exact);
	}
}

static void
format_writes_two_digits_and_the_own_zone(void **state)
{
	char text[DATE_TEXT_MAX];

	(void)state;
	date_format(&(struct date){ true, 1478537363, 120 }, text);
	assert_string_equal(text, "07-Nov-2016 18:49:23 +0200");
	date_format(&(struct date){ true, -1, -90 }, text);
	assert_string_equal(text, "31-Dec-1969 22:29:59 -0130");
	date_format(&(struct date){ .known = false }, text);
	assert_string_equal(text, "");
	date_format(&(struct date){ true, INT64_MAX, 0 }, text);
	assert_string_equal(text, "");
	date_format(&(struct date){ true, INT64_MIN, INT16_MIN }, text);
	assert_string_equal(text, "");
}

static void
parse_gives_back_what_format_was_given(void **state)
{
	(void)state;
	srand(3);
	for (int i = 0; i < 200000; i++) {
		int64_t first = -62135596800, span = 253402300799 - first;
		int64_t random = ((int64_t)rand() << 31 ^ rand()) % (span + 1);
		struct date d = { true, first + (random < 0 ? -random : random), (int16_t)(rand() % 2881 - 1440) }, got;
		char text[DATE_TEXT_MAX];

		if (i % 4 == 0)
			d.epoch = i % 8 == 0 ? first + 86400 + i : 253402300799 - 86400 - i;
		date_format(&d, text);
		if (*text == '\0')	/* its own zone carries it out of the years 1 to 9999 */
			continue;
		assert_true(date_parse(slice_str(text), &got));
		assert_true(got.epoch == d.epoch && got.zone_min == d.zone_min);
	}
}

static void
stamp_is_never_negative(void **state)
{
	(void)state;
	assert_int_equal(date_stamp(&(struct date){ true, 5, 600 }), 5);
	assert_int_equal(date_stamp(&(struct date){ true, -5, 0 }), 0);
	assert_int_equal(date_stamp(&(struct date){ false, 5, 0 }), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_of_the_rfc_are_read),
		cmocka_unit_test(dates_of_odd_servers_are_read),
		cmocka_unit_test(zones_that_are_none_leave_the_clock),
		cmocka_unit_test(what_cannot_be_a_date_is_unknown_never_now),
		cmocka_unit_test(cut_anywhere_a_date_is_read_or_unknown),
		cmocka_unit_test(format_writes_two_digits_and_the_own_zone),
		cmocka_unit_test(parse_gives_back_what_format_was_given),
		cmocka_unit_test(stamp_is_never_negative),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
