/* Header fields: where they end, the words, dates and parameters in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "mail/charset.h"
#include "mail/field.h"

static const char *
text_of(struct slice value)
{
	static struct buf b;

	if (b.max == 0)
		buf_init(&b, 64 << 20);
	buf_reset(&b);
	field_text(value, &b);
	assert_true(utf8_valid(buf_slice(&b)));
	return b.data;
}

#define TEXT(value, want) assert_string_equal(text_of(slice_str(value)), want)

static void
encoded_words_are_decoded(void **state)
{
	(void)state;
	TEXT("plain", "plain");
	TEXT("  a\r\n b\r\n\tc ", "a b c");
	TEXT("=?utf-8?B?R3LDvMOfZQ==?=", "Gr\xc3\xbc\xc3\x9f" "e");
	TEXT("=?ISO-8859-1*de?q?J=FCrgen_M=FCller?= <x>", "J\xc3\xbcrgen M\xc3\xbcller <x>");
	TEXT("a =?utf-8?Q?b?=\r\n =?utf-8?Q?c?= d", "a bc d");
	TEXT("=?utf-8?Q?a?= b =?utf-8?Q?c?=", "a b c");
	TEXT("=?iso-8859-2?Q?=B3?= =?koi8-r?B?0A==?=", "\xc5\x82\xd0\xbf");
	TEXT("=?iso-2022-jp?B?GyRCRnxLXDhsGyhC?=", "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e");
	TEXT("Re: [=?utf-8?Q?x=5Fy?=]", "Re: [x_y]");
	TEXT("=?utf-8?Q?=41?=", "A");
	TEXT("=?utf-8?B?QQ?=", "A"); /* no padding */
	TEXT("=?utf-8?Q?two words?=", "two words"); /* forbidden, and common */
	TEXT("=?us-ascii?Q?a=0D=0Ab=00c?=", "a  b c");
}

static void
a_character_cut_between_words_is_whole(void **state)
{
	(void)state;
	TEXT("=?utf-8?Q?=E2=82?= =?utf-8?Q?=AC?=", "\xe2\x82\xac");
	TEXT("=?utf-8?Q?=E2=82?= =?iso-8859-1?Q?=AC?=", "\xef\xbf\xbd\xc2\xac");
	TEXT("=?shift_jis?B?lA==?= =?SHIFT_JIS?B?Vg==?=", "\xe4\xb9\x8b");
}

static void
what_is_no_word_stays(void **state)
{
	static const char *const same[] = { "=?", "=?utf-8", "=?utf-8?Q", "=?utf-8?Q?", "=?utf-8?Q?x",
		"=?utf-8?X?a?=", "=??Q?a?=", "a=b?c", "=?=?=?=?", "?=" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(same); i++)
		TEXT(same[i], same[i]);
	TEXT("=?utf-8?Q?" "?=x", "x");
	TEXT("=?x?Q?=?utf-8?Q?a?=", "=?utf-8?Q?a"); /* ends at the first "?=" */
}

static void
octets_without_a_charset_are_utf8_or_windows(void **state)
{
	(void)state;
	TEXT("caf\xc3\xa9 caf\xe9 \x80", "caf\xc3\xa9 caf\xc3\xa9 \xe2\x82\xac");
	TEXT("=?no-such-charset?Q?caf=E9?=", "caf\xc3\xa9");
	TEXT("=?utf-8?Q?caf=E9?=", "caf\xef\xbf\xbd");
	TEXT("=?utf-8//IGNORE?Q?=E9?=", "\xc3\xa9");
	TEXT("\xc2\x85" "a\xc2\x9b" "b", "a  b"); /* control characters of two octets */
}

static void
one_mebibyte_of_words_takes_no_time(void **state)
{
	static const char *const pieces[] = { "=?utf-8?Q?", "=?utf-8?Q?a?=", "=?", "?=", "=", "=?x?B?=", "\"", "(", "a;", "\";" };
	struct params p;
	struct buf b;

	(void)state;
	buf_init(&b, 2 << 20);
	for (size_t i = 0; i < COUNT_OF(pieces); i++) {
		buf_reset(&b);
		while (b.len < 1 << 20)
			buf_add_str(&b, pieces[i]);
		(void)text_of(buf_slice(&b));
		params_read(buf_slice(&b), &p);
	}
	buf_done(&b);
}

static void
long_names_of_charsets_do_no_harm(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 32 << 20);
	buf_add_str(&b, "=?");
	for (int i = 0; i < 9 << 20; i++)
		buf_add_byte(&b, 'a');
	buf_add_str(&b, "?Q?x?=");
	assert_int_equal(strlen(text_of(buf_slice(&b))), b.len);
	buf_done(&b);
}

/* ---- the end of a header ---- */

#define ENDS(text, want) \
	do { \
		size_t got_ = 0; \
		assert_true(field_header_len(slice_str(text), &got_)); \
		assert_int_equal(got_, want); \
	} while (0)

static void
a_header_ends_at_a_blank_line_or_where_it_cannot_go_on(void **state)
{
	size_t len;

	(void)state;
	ENDS("a: b\r\n\r\nbody", 8);
	ENDS("a: b\n\nbody", 6);
	ENDS("\r\nbody", 2);
	ENDS("a: b\r\n c\r\n\td\r\n\r\n", 16);
	ENDS("a: b\r\nbody without colon\r\n", 6);
	ENDS("a: b\r\n--x:y\r\n", 6);
	ENDS("body\r\n", 0);
	ENDS(" a: b\r\n\r\n", 0);
	ENDS("From x@y Mon\r\na : b\r\n>From z\r\nc:\r\n\r\n", 36);
	ENDS("Subject: a\r\nbroken\r\nFrom: x\r\n\r\n", 31);
	ENDS("Subject: a\r\nbody\r\nNote: x\r\n", 12);
	ENDS("broken\r\nFrom: x\r\n\r\n", 0);
	assert_false(field_header_len(slice_str(""), &len));
	assert_false(field_header_len(slice_str("a: b\r\n"), &len));
	assert_false(field_header_len(slice_str("a: b\r\nc"), &len));
}

static void
a_field_broken_without_a_blank_is_whole(void **state)
{
	struct slice rest = slice_str("Subject: a\r\nb c\r\nFrom: x\r\n>From y\r\nTo: z\r\n\r\nCc: body");
	struct field f;

	(void)state;
	assert_true(field_next(&rest, &f));
	assert_string_equal(text_of(f.value), "a b c");
	assert_true(field_next(&rest, &f));
	assert_string_equal(text_of(f.value), "x");
	assert_true(field_next(&rest, &f));
	assert_true(slice_eq(f.name, "To"));
	assert_false(field_next(&rest, &f));
}

/* ---- dates ---- */

static void
dates_of_mail_are_read_alike_with_and_without_gmime(void **state)
{
	static const struct {
		const char *text;
		int64_t epoch;
	} dates[] = {
		{ "Sat, 14 Mar 2015 09:26:53 +0100", 1426321613 },
		{ "14 Mar 2015 09:26:53 +0100 (CET)", 1426321613 },
		{ "Sat, 14 Mar 15 08:26:53 GMT", 1426321613 },
		{ "Sat,  14 Mar 2015 08:26:53 UT", 1426321613 },
		{ "Wed, 31 Dec 1969 23:59:59 +0000", -1 },
		{ "Fri, 31 Dec 1999 23:59:59 +0000", 946684799 },
		{ "Sat, 01 Jan 2000 00:00:00 +0000", 946684800 },
		{ "Wed, 20 Jan 2038 00:00:00 +0000", 2147558400 },
		{ "Fri, 01 Jan 2106 00:00:00 +0000", 4291747200 },
		{ "Sat Mar 14 09:26:53 2015 +0100", 1426321613 },
	};
	static const char *const none[] = { "", " ", "soon", "-1", "0", "\xff\xfe", "Mon, 99 Foo 2015 09:26:53" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(dates); i++) {
		struct date d = { 0 };

		if (!field_date(slice_str(dates[i].text), &d) || d.epoch != dates[i].epoch)
			fail_msg("'%s' is %lld", dates[i].text, (long long)d.epoch);
	}
	for (size_t i = 0; i < COUNT_OF(none); i++) {
		struct date d = { 0 };
		if (field_date(slice_str(none[i]), &d))
			fail_msg("'%s' is no date", none[i]);
	}
}

/* ---- parameters ---- */

static const char *
param_of(const char *value, const char *name)
{
	static struct buf b;
	struct params p;

	if (b.max == 0)
		buf_init(&b, PARAM_VALUE_MAX * 4);
	buf_reset(&b);
	params_read(slice_str(value), &p);
	return params_text(&p, name, &b) ? b.data : NULL;
}

static void
em_20_names_are_found_in_every_form(void **state)
{
	(void)state;
	assert_string_equal(param_of("attachment; filename=\"a b.txt\"", "filename"), "a b.txt");
	assert_string_equal(param_of("attachment; FileName = a.txt ; x=y", "filename"), "a.txt");
	assert_string_equal(param_of("x; filename=a b.txt; y", "filename"), "a b.txt");
	assert_string_equal(param_of("x; filename*=UTF-8''Gr%C3%BC%C3%9Fe.txt", "filename"),
	    "Gr\xc3\xbc\xc3\x9f" "e.txt");
	assert_string_equal(param_of("x; filename*=iso-8859-1'de'%fc.txt", "filename"), "\xc3\xbc.txt");
	assert_string_equal(param_of("x; name*1*=%BC.; name*2=\"t;t\"; name*0*=utf-8''a%C3", "name"),
	    "a\xc3\xbc.t;t");
	assert_string_equal(param_of("x; name*0=a; name*1=b", "name"), "ab");
	assert_string_equal(param_of("x; filename=\"=?utf-8?B?w7wudHh0?=\"", "filename"), "\xc3\xbc.txt");
	assert_string_equal(param_of("x; filename==?utf-8?Q?=C3=BC?=", "filename"), "\xc3\xbc");
	assert_string_equal(param_of("x; filename=\"caf\xe9\"", "filename"), "caf\xc3\xa9");
	assert_string_equal(param_of("x; name=old; name*=utf-8''new", "name"), "new");
	assert_string_equal(param_of("x; name=\"a\\\"b\\\\c\"", "name"), "a\"b\\c");
	assert_string_equal(param_of("x; name=\"C:\\temp\\a.doc\"", "name"), "C:\\temp\\a.doc");
	assert_string_equal(param_of("x; name=\"a\r\n b\"", "name"), "a b");
	assert_string_equal(param_of("x; name=\"open; y=z", "name"), "open");
	assert_string_equal(param_of("x; name=\"open; y=z", "y"), "z");
	assert_null(param_of("x; name=", "name"));
	assert_null(param_of("x; name=\"\"", "name"));
	assert_null(param_of("x", "name"));
	assert_null(param_of("", "name"));
	assert_null(param_of("x; names=1; *=2; *0=3; name*x=4", "name"));
}

static void
tokens_lose_their_comments(void **state)
{
	struct params p;
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	params_read(slice_str("text/plain; charset=us-ascii (Plain text); boundary=\"a b\""), &p);
	assert_true(params_octets(&p, "charset", 64, &b));
	assert_string_equal(b.data, "us-ascii");
	buf_reset(&b);
	assert_true(params_octets(&p, "boundary", 64, &b));
	assert_string_equal(b.data, "a b");
	buf_reset(&b);
	assert_false(params_octets(&p, "boundary", 2, &b));
	buf_done(&b);
}

/* ---- charsets ---- */

static void
text_cut_anywhere_gives_the_same(void **state)
{
	static const struct {
		const char *charset, *octets;
	} texts[] = {
		{ "utf-8", "a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80 \xe2\x82 \xff z\xf0\x9f" },
		{ "us-ascii", "a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80 \xe2\x82 \xff z\xf0\x9f" },
		{ "iso-8859-1", "a\xfc\x80" },
		{ "iso-2022-jp", "a\x1b$BF|K\\8l\x1b(B z" },
		{ "shift_jis", "\x93\xfa\x96{\x8c\xea z\x93" },
		{ "gb2312", "\xd6\xd0\xce\xc4 z\xd6" },
		{ "utf-7", "Gr+APwA3w-e z+" },
		{ "euc-jp", "\xc6\xfc\xcb\xdc\x8f\xb0\xa1 z" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct slice name = slice_str(texts[i].charset), all = slice_str(texts[i].octets);
		struct buf whole, cut;

		buf_init(&whole, 1000);
		buf_init(&cut, 1000);
		charset_once(name, all, &whole);
		assert_true(utf8_valid(buf_slice(&whole)));
		assert_non_null(strchr(whole.data, 'z') != NULL || i == 2 ? "" : NULL);
		for (size_t step = 1; step < all.len; step++) {
			struct charset c;

			buf_reset(&cut);
			assert_true(charset_start(&c, name));
			for (size_t at = 0; at < all.len; at += step)
				charset_step(&c, (struct slice){ all.data + at,
						     all.len - at < step ? all.len - at : step }, &cut);
			charset_end(&c, &cut);
			assert_string_equal(cut.data, whole.data);
		}
		buf_done(&whole);
		buf_done(&cut);
	}
}

static void
every_charset_of_the_table_is_there(void **state)
{
	static const char *const names[] = {
#define CHARSET(name, kind, iconv_name) name,
#include "mail/charsets.def"
#undef CHARSET
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct charset c;
		struct buf b;

		if (i > 0 && strcmp(names[i - 1], names[i]) >= 0)
			fail_msg("%s stands in the wrong place", names[i]);
		if (!charset_start(&c, slice_str(names[i])))
			fail_msg("no converter for %s", names[i]);
		buf_init(&b, 4096);
		for (int o = 0; o < 256; o++) {
			char octet = (char)o;
			charset_step(&c, (struct slice){ &octet, 1 }, &b);
		}
		charset_end(&c, &b);
		if (b.full || b.len == 0 || !utf8_valid(buf_slice(&b)))
			fail_msg("%s gives what is no UTF-8", names[i]);
		buf_done(&b);
	}
}

static void
bad_utf8_gives_one_mark_for_each_beginning(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	charset_once(slice_str("utf-8"), slice_str("\xc0\x80|\xed\xa0\x80|\xf0\x9f\x98|\xe2\x82"), &b);
	assert_string_equal(b.data, "\xef\xbf\xbd\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|"
				    "\xef\xbf\xbd|\xef\xbf\xbd");
	buf_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encoded_words_are_decoded),
		cmocka_unit_test(a_character_cut_between_words_is_whole),
		cmocka_unit_test(what_is_no_word_stays),
		cmocka_unit_test(octets_without_a_charset_are_utf8_or_windows),
		cmocka_unit_test(one_mebibyte_of_words_takes_no_time),
		cmocka_unit_test(long_names_of_charsets_do_no_harm),
		cmocka_unit_test(a_header_ends_at_a_blank_line_or_where_it_cannot_go_on),
		cmocka_unit_test(a_field_broken_without_a_blank_is_whole),
		cmocka_unit_test(dates_of_mail_are_read_alike_with_and_without_gmime),
		cmocka_unit_test(em_20_names_are_found_in_every_form),
		cmocka_unit_test(tokens_lose_their_comments),
		cmocka_unit_test(text_cut_anywhere_gives_the_same),
		cmocka_unit_test(every_charset_of_the_table_is_there),
		cmocka_unit_test(bad_utf8_gives_one_mark_for_each_beginning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
