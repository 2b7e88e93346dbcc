/* Code pages: every octet comes back, what is lost is counted, and pieces may be cut anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <errno.h>
#include <iconv.h>
#include <string.h>

#include "base/mem.h"
#include "mail/codepage.h"

static struct buf text, back;
static struct codepage *page;
static struct err err;

static unsigned unloaded; /* calls from now on that say EINVAL, as the C library does without memory for a table */

iconv_t
iconv_open(const char *to, const char *from)
{
	iconv_t (*next)(const char *, const char *);

	if (unloaded > 0) {
		unloaded--;
		errno = EINVAL;
		return (iconv_t)-1;
	}
	*(void **)&next = dlsym(RTLD_NEXT, "iconv_open");
	return next(to, from);
}

static int
begin(void **state)
{
	(void)state;
	buf_init(&text, 1 << 20);
	buf_init(&back, 1 << 20);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	buf_done(&text);
	buf_done(&back);
	codepage_close(&page);
	return 0;
}

static void
open_page(unsigned number)
{
	codepage_close(&page);
	buf_reset(&text);
	buf_reset(&back);
	assert_int_equal(codepage_open(&page, number, &err), 0);
	assert_int_equal(codepage_number(page), number);
}

static void
encodes(const char *utf8, const char *octets, uint64_t count, uint32_t first)
{
	struct codepage_lacks lacks = { 0 };

	buf_reset(&back);
	assert_true(codepage_encode(page, slice_str(utf8), &back, &lacks));
	assert_string_equal(back.data, octets);
	assert_int_equal(lacks.count, count);
	assert_int_equal(lacks.first, first);
}

static void
decodes(const char *octets, const char *utf8)
{
	buf_reset(&text);
	assert_true(codepage_decode(page, slice_str(octets), &text));
	assert_string_equal(text.data, utf8);
}

/* EM-10 */
static void
em_10_all_octets_of_437_and_10000_and_125x_come_back(void **state)
{
	static const unsigned pages[] = { 437, 10000, 850, 852, 866, 1250, 1251, 1252, 1254, 1256,
		1258, 20866, 28591, 28605 };
	char octets[256];

	(void)state;
	for (unsigned i = 0; i < 256; i++)
		octets[i] = (char)i;
	for (size_t i = 0; i < COUNT_OF(pages); i++) {
		struct codepage_lacks lacks = { 0 };

		open_page(pages[i]);
		assert_true(codepage_decode(page, (struct slice){ octets, 256 }, &text));
		assert_true(codepage_encode(page, buf_slice(&text), &back, &lacks));
		assert_int_equal(back.len, 256);
		assert_memory_equal(back.data, octets, 256);
		assert_int_equal(lacks.count, 0);
	}
}

/* EM-10: the characters that Q174725 names. */
static void
em_10_greek_letters_ligatures_and_the_integral_keep_their_octets(void **state)
{
	(void)state;
	open_page(437);
	decodes("\xE0\xF4\xF5\xEE", "α⌠⌡ε");
	open_page(10000);
	decodes("\xDE\xDF\xF5\xB7", "ﬁﬂı∑");
}

static void
what_the_page_lacks_is_counted_and_the_first_is_named(void **state)
{
	(void)state;
	open_page(1252);
	encodes("5 € → ∞", "5 \x80 ? ?", 2, 0x2192);
	open_page(850);
	encodes("5 €", "5 ?", 1, 0x20AC);
	open_page(1252);
	encodes("a\xFF"
		"b\xC3",
	    "a?b?", 2, 0xFFFD);
	encodes("\xF3\xA0\x81\xA7", "?", 1, 0xE0067);
}

static void
octets_without_a_character_are_c1_or_the_replacement(void **state)
{
	(void)state;
	open_page(1252);
	decodes("\x81\x8D", "\xC2\x81\xC2\x8D");
	encodes("\xC2\x81\xC2\x8D\xC2\x80", "\x81\x8D?", 1, 0x80);
	open_page(20127);
	decodes("a\xE9", "a\xEF\xBF\xBD");
	open_page(1253);
	decodes("\xAA", "\xEF\xBF\xBD");
}

static void
two_octets_of_932_are_one_character(void **state)
{
	(void)state;
	open_page(932);
	decodes("\x93\xFA\x96{\x8C\xEA \x95\\.", "日本語 表.");
	encodes("日本語 表.", "\x93\xFA\x96{\x8C\xEA \x95\\.", 0, 0);
	/* a first octet without its second, and one before a line end, which is kept */
	decodes("\x93\r\n", "\xEF\xBF\xBD\r\n");
	decodes("a\x93", "a\xEF\xBF\xBD");
	encodes("😀", "?", 1, 0x1F600);
	/* two kinds of wave: one is written as the other, and counted */
	encodes("～", "\x81\x60", 0, 0);
	encodes("〜", "\x81\x60", 1, 0x301C);
}

static void
a_letter_with_two_marks_is_written_apart(void **state)
{
	(void)state;
	open_page(1258);
	encodes("Ạ", "A\xF2", 0, 0);
	decodes("A\xF2", "A\xCC\xA3");
}

static void
a_yen_sign_never_becomes_a_backslash(void **state)
{
	(void)state;
	open_page(932);
	encodes("\xC2\xA5", "?", 1, 0xA5);
	encodes("\\", "\\", 0, 0);
}

static void
four_octets_of_54936_are_one_character(void **state)
{
	struct codepage_lacks lacks = { 0 };

	(void)state;
	open_page(54936);
	assert_true(codepage_encode(page, slice_str("中€😀ſ"), &back, &lacks));
	assert_int_equal(lacks.count, 0);
	assert_true(codepage_decode(page, buf_slice(&back), &text));
	assert_string_equal(text.data, "中€😀ſ");
}

static void
pieces_cut_anywhere_give_the_same_text(void **state)
{
	static const struct {
		unsigned number;
		const char *octets;
	} row[] = {
		{ 932, "\x93\xFA\x96{\x8C\xEA\x95\\\xB1 \x93\r\n\x93\xFA\x80\xA0\xFF\x93" },
		{ 54936, "\x81\x30\x81\x30\xD6\xD0\x95\x32\x82\x36\xA2\xE3\x81\x30" },
		{ 949, "\xB0\xA1\xB0 \xFF\xB0" },
		{ 51932, "\x8F\xB0\xA1\x8E\xB1\xC6\xFC\x8F\xB0" },
		{ 65001, "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\x80\xE2\x82" },
		{ 1252, "\xE9\x80\xFF" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(row); i++) {
		struct slice all = slice_str(row[i].octets);

		for (size_t cut = 0; cut <= all.len; cut++) {
			open_page(row[i].number);
			size_t n = codepage_whole(page, (struct slice){ all.data, cut });

			assert_true(n <= cut && cut - n <= 3);
			assert_true(codepage_decode(page, all, &text));
			assert_true(codepage_decode(page, (struct slice){ all.data, n }, &back));
			assert_true(codepage_decode(
			    page, (struct slice){ all.data + n, all.len - n }, &back));
			assert_string_equal(back.data, text.data);
		}
	}
}

static void
utf8_is_checked_octet_by_octet(void **state)
{
	uint32_t c;

	(void)state;
	open_page(65001);
	encodes("é€😀", "é€😀", 0, 0);
	encodes("\xC0\x80\xED\xA0\x80", "?????", 5, 0xFFFD);
	decodes(
	    "\xC0\x80\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
	assert_int_equal(utf8_char(slice_str("\xF0\x9F\x98\x80"), &c), 4);
	assert_int_equal(c, 0x1F600);
	assert_int_equal(utf8_char(slice_str("\xF4\x90\x80\x80"), &c), 1);
	assert_int_equal(c, 0xFFFD);
}

static void
unicode_states_and_ebcdic_are_refused_with_the_reason(void **state)
{
	static const struct {
		unsigned number;
		const char *word;
	} row[] = { { 1200, "UNICODE" }, { 1201, "UNICODE" }, { 12000, "UTF-32" },
		{ 65000, "UTF-7" }, { 50220, "states" }, { 1026, "ASCII" }, { 500, "ASCII" },
		{ 0, "no such table" }, { 99999, "no such table" },
		{ 4294967295U, "no such table" } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(row); i++) {
		assert_int_equal(codepage_open(&page, row[i].number, &err), -1);
		assert_int_equal(err.kind, ERR_USAGE);
		assert_non_null(strstr(err.text, row[i].word));
		assert_non_null(strstr(err.text, "accepted are"));
		assert_null(page);
	}
}

static void
a_full_buffer_is_told(void **state)
{
	struct codepage_lacks lacks = { 0 };
	struct buf small;

	(void)state;
	open_page(1252);
	buf_init(&small, 3);
	assert_false(codepage_encode(page, slice_str("éééé"), &small, &lacks));
	buf_reset(&small);
	assert_false(codepage_decode(page, slice_str("\xE9\xE9"), &small));
	buf_done(&small);
}

static void
a_table_for_which_memory_lacked_is_asked_for_again(void **state)
{
	(void)state;
	unloaded = 1;
	open_page(1252);
	codepage_close(&page);
	unloaded = 2;
	assert_int_equal(codepage_open(&page, 1252, &err), -1);
	assert_int_equal(err.kind, ERR_USAGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
		T(em_10_all_octets_of_437_and_10000_and_125x_come_back),
		T(em_10_greek_letters_ligatures_and_the_integral_keep_their_octets),
		T(what_the_page_lacks_is_counted_and_the_first_is_named),
		T(octets_without_a_character_are_c1_or_the_replacement),
		T(two_octets_of_932_are_one_character),
		T(a_letter_with_two_marks_is_written_apart),
		T(a_yen_sign_never_becomes_a_backslash),
		T(four_octets_of_54936_are_one_character),
		T(pieces_cut_anywhere_give_the_same_text),
		T(utf8_is_checked_octet_by_octet),
		T(unicode_states_and_ebcdic_are_refused_with_the_reason),
		T(a_full_buffer_is_told),
		T(a_table_for_which_memory_lacked_is_asked_for_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
