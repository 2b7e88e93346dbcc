/* base/json: commas, escapes, UTF-8, base64; what is written is read back with Jansson. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <string.h>

#include "base/json.h"

static void
json_puts_commas_between_values_only(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	json_open(&b, NULL);
	json_put_str(&b, "a", "{");
	json_put_int(&b, "b", -5);
	json_open_array(&b, "c");
	json_put_int(&b, NULL, 1);
	json_open(&b, NULL);
	json_close(&b);
	json_open(&b, NULL);
	json_put_bool(&b, "t", true);
	json_put_null(&b, "n");
	json_close(&b);
	json_put_str(&b, NULL, NULL);
	json_close_array(&b);
	json_put_bool(&b, "d", false);
	json_close(&b);
	buf_add_byte(&b, '\n');
	json_open(&b, NULL);
	json_close(&b);
	assert_string_equal(b.data,
	    "{\"a\":\"{\",\"b\":-5,\"c\":[1,{},{\"t\":true,\"n\":null},null],\"d\":false}\n{}");
	buf_done(&b);
}

static void
json_of_every_octet_is_read_back(void **state)
{
	struct buf b;
	char all[128];

	(void)state;
	for (int i = 0; i < 128; i++)
		all[i] = (char)i;
	buf_init(&b, 10000);
	json_open(&b, NULL);
	json_put_text(&b, "all", (struct slice){ all, 128 });
	json_put_str(&b, "words", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x93\xa7");
	json_close(&b);
	json_t *root = json_loads(b.data, JSON_ALLOW_NUL, NULL);

	assert_non_null(root);
	json_t *text = json_object_get(root, "all");

	assert_int_equal(json_string_length(text), 128);
	assert_memory_equal(json_string_value(text), all, 128);
	assert_string_equal(json_string_value(json_object_get(root, "words")),
	    "\xc3\xa4\xe2\x82\xac\xf0\x9f\x93\xa7");
	json_decref(root);
	assert_null(strchr(b.data, '\n'));
	assert_null(strchr(b.data, '\x1b'));
	assert_null(strchr(b.data, '\x7f'));
	buf_done(&b);
}

static void
json_gives_octets_that_are_not_utf8_a_second_time_in_base64(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	json_open(&b, NULL);
	json_put_octets(&b, "reply", slice_str("f\xfcr\xe2\x82"));
	json_put_octets(&b, "name", slice_str("f\xc3\xbcr"));
	json_close(&b);
	assert_string_equal(b.data, "{\"reply\":\"f\xef\xbf\xbdr\xef\xbf\xbd\xef\xbf\xbd\","
	    "\"reply_b64\":\"Zvxy4oI=\",\"name\":\"f\xc3\xbcr\"}");
	buf_done(&b);
}

static void
base64_follows_rfc_4648(void **state)
{
	static const char *const pair[][2] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" },
		{ "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" },
		{ "\xff\xff\xff\xfb", "////+w==" } };
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	for (size_t i = 0; i < sizeof(pair) / sizeof(*pair); i++) {
		buf_reset(&b);
		base64_add(&b, slice_str(pair[i][0]));
		assert_string_equal(b.data, pair[i][1]);
	}
	buf_done(&b);
	buf_init(&b, 7);
	base64_add(&b, slice_str("foob"));
	assert_true(b.full);
	assert_string_equal(b.data, "");
	buf_done(&b);
}

static void
utf8_has_no_overlong_no_surrogate_and_an_end(void **state)
{
	static const char *const bad[] = { "\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf",
		"\xed\xa0\x80", "\xed\xbf\xbf", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xfe", "\xff",
		"\xc3", "\xe2\x82", "\xf0\x9f\x93", "\xc3(", "a\xffz" };
	static const char *const good[] = { "", "a", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80",
		"\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf" };
	uint32_t c = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(utf8_valid(slice_str(bad[i])));
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_true(utf8_valid(slice_str(good[i])));
	assert_int_equal(utf8_next(slice_str("\xf4\x8f\xbf\xbf!"), &c), 4);
	assert_int_equal(c, 0x10ffff);
	assert_int_equal(utf8_next(slice_str(""), &c), 0);
}

static void
json_that_does_not_fit_says_so(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 20);
	json_open(&b, NULL);
	json_put_str(&b, "key", "a long text that does not fit");
	json_close(&b);
	assert_true(b.full);
	buf_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_puts_commas_between_values_only),
		cmocka_unit_test(json_of_every_octet_is_read_back),
		cmocka_unit_test(json_gives_octets_that_are_not_utf8_a_second_time_in_base64),
		cmocka_unit_test(base64_follows_rfc_4648),
		cmocka_unit_test(utf8_has_no_overlong_no_surrogate_and_an_end),
		cmocka_unit_test(json_that_does_not_fit_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
