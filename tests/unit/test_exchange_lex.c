/* Lines, fields and values of migration files: the vectors of the format's description, and damage.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/exchange/lex.h"
#include "tempdir.h"

static struct codepage *page;
static struct exlex *lex;
static struct err err;
static struct exline line;
static int fd = -1;

static void
close_lex(void)
{
	exlex_free(&lex);
	file_close(&fd);
}

static int
end(void **state)
{
	close_lex();
	codepage_close(&page);
	return temp_dir_remove(state);
}

static void
open_octets(const char *data, size_t len)
{
	close_lex();
	temp_write("x.PRI", data, len, "wb");
	fd = open(temp_path("x.PRI"), O_RDONLY | O_CLOEXEC);
	lex = exlex_new(fd, "x.PRI", page);
}

static void
open_text(const char *text)
{
	open_octets(text, strlen(text));
}

static enum exstep
next(bool join)
{
	return exlex_next(lex, join, &line, &err);
}

static void
gives(bool join, enum exline_kind kind, const char *text, uint64_t number, uint64_t at)
{
	assert_int_equal(next(join), EXSTEP_ITEM);
	assert_int_equal(line.kind, kind);
	assert_int_equal(line.text.len, strlen(text));
	assert_memory_equal(line.text.data, text, line.text.len);
	assert_int_equal(line.line, number);
	assert_int_equal(line.at, at);
}

static void
lines_end_with_crlf_or_lf_and_have_a_place(void **state)
{
	(void)state;
	open_text("one\r\n\r\n! note\r\ntwo\nlast");
	gives(true, EXLINE_TEXT, "one", 1, 0);
	gives(true, EXLINE_BLANK, "", 2, 5);
	gives(true, EXLINE_COMMENT, "! note", 3, 7);
	gives(true, EXLINE_TEXT, "two", 4, 15);
	assert_false(line.unended);
	gives(true, EXLINE_TEXT, "last", 5, 19);
	assert_true(line.unended);
	assert_int_equal(next(true), EXSTEP_END);
	exlex_seek(lex, 15, 4);
	gives(true, EXLINE_TEXT, "two", 4, 15);
}

static void
an_octet_order_mark_and_the_end_mark_of_dos_are_passed_over(void **state)
{
	(void)state;
	open_text("\xEF\xBB\xBF"
		  "1252\r\n\x1A");
	gives(false, EXLINE_TEXT, "1252", 1, 0);
	assert_int_equal(next(false), EXSTEP_END);
	open_text("\xEF\xBB\xBF");
	assert_int_equal(next(false), EXSTEP_END);
	open_text("");
	assert_int_equal(next(false), EXSTEP_END);
}

/* A.7: joined in MAILMESSAGE, not in DIRECTORY, not in a comment. */
static void
two_backslashes_at_the_end_join_lines_where_they_may(void **state)
{
	(void)state;
	open_text("a,b,\\\\\r\nc\\\\\r\nd\r\nx\r\n! n\\\\\r\ny\r\n");
	gives(true, EXLINE_TEXT, "a,b,cd", 1, 0);
	assert_int_equal(line.last, 3);
	gives(true, EXLINE_TEXT, "x", 4, 16);
	gives(true, EXLINE_COMMENT, "! n\\\\", 5, 19);
	gives(true, EXLINE_TEXT, "y", 6, 26);
	open_text("a\\\\\r\nb\r\n");
	gives(false, EXLINE_TEXT, "a\\\\", 1, 0);
	gives(false, EXLINE_TEXT, "b", 2, 5);
	open_text("a\\\\");
	gives(true, EXLINE_TEXT, "a\\\\", 1, 0);
}

static void
the_second_octet_of_a_character_is_no_backslash(void **state)
{
	(void)state;
	assert_int_equal(codepage_open(&page, 932, &err), 0);
	open_text("\x95\\\\\r\nb\r\n");
	gives(true, EXLINE_TEXT, "\x95\\\\", 1, 0);
	open_text("\x95\\\\\\\r\nb\r\n");
	gives(true, EXLINE_TEXT, "\x95\\b", 1, 0);
}

static void
a_line_break_inside_quotes_is_mended_only_if_quotes_then_come_right(void **state)
{
	(void)state;
	open_text("a,\"b\r\nc\",d\r\nnext\r\n");
	gives(true, EXLINE_TEXT, "a,\"b c\",d", 1, 0);
	assert_true(line.rejoined);
	gives(true, EXLINE_TEXT, "next", 3, 12);
	assert_false(line.rejoined);
	/* an open quote does not eat the lines behind it */
	open_text("a,\"b,c\r\nInbox,\"Lee\",d\r\nx\r\n");
	gives(true, EXLINE_TEXT, "a,\"b,c", 1, 0);
	assert_false(line.rejoined);
	gives(true, EXLINE_TEXT, "Inbox,\"Lee\",d", 2, 8);
	gives(true, EXLINE_TEXT, "x", 3, 23);
	open_text("\"a\r\n\r\nb\"\r\n");
	gives(true, EXLINE_TEXT, "\"a", 1, 0);
	gives(true, EXLINE_BLANK, "", 2, 4);
	open_text("\"a\r\nb\"\r\n");
	gives(false, EXLINE_TEXT, "\"a", 1, 0);
}

static void
an_endless_line_is_cut_and_the_next_one_found(void **state)
{
	enum { LEN = EXLEX_LINE_MAX + 300000 };
	char *big = mem_new(LEN + 8);

	(void)state;
	memset(big, 'x', LEN);
	memcpy(big + LEN, "\r\nend\r\n", 7);
	open_octets(big, LEN + 7);
	assert_int_equal(next(true), EXSTEP_ITEM);
	assert_true(line.too_long);
	assert_int_equal(line.text.len, EXLEX_LINE_MAX);
	gives(true, EXLINE_TEXT, "end", 2, LEN + 2);
	assert_false(line.too_long);
	/* the same through continuation, and with a quote that nobody closes */
	for (size_t i = 0; i + 100 < LEN; i += 100)
		memcpy(big + i, "\\\\\r\n", 4);
	open_octets(big, LEN + 7);
	assert_int_equal(next(true), EXSTEP_ITEM);
	assert_true(line.too_long);
	big[0] = '"';
	open_octets(big, LEN + 7);
	while (next(true) == EXSTEP_ITEM)
		assert_true(line.text.len <= EXLEX_LINE_MAX);
	free(big);
}

static void
nul_and_a_lone_cr_are_told(void **state)
{
	(void)state;
	open_octets("a\0b\r\nc\rd\r\ne\r\n", 13);
	assert_int_equal(next(true), EXSTEP_ITEM);
	assert_true(line.odd);
	assert_int_equal(line.text.len, 3);
	gives(true, EXLINE_TEXT, "c\rd", 2, 5);
	assert_true(line.odd);
	gives(true, EXLINE_TEXT, "e", 3, 10);
	assert_false(line.odd);
}

/* Cut `text` at `separator` and compare the values, joined by '|'. */
static void
values(const char *text, char separator, const char *want)
{
	struct buf out, scratch;
	struct excut c;
	struct slice raw;

	buf_init(&out, 4096);
	buf_init(&scratch, 4096);
	if (separator == ';')
		assert_true(exlex_list(slice_str(text), &scratch, &c));
	else
		excut_init(&c, slice_str(text), separator);
	for (bool first = true; excut_next(&c, &raw); first = false) {
		if (!first)
			buf_add_byte(&out, '|');
		assert_true(exlex_value(raw, &out));
	}
	assert_string_equal(out.data, want);
	assert_false(c.is_stray);
	assert_false(c.open);
	buf_done(&out);
	buf_done(&scratch);
}

/* A.7 */
static void
quoted_fields_and_lists_give_their_values(void **state)
{
	(void)state;
	values("\"Lee, Bill\"", ',', "Lee, Bill");
	values("\"my name is \"\"X\"\"\"", ',', "my name is \"X\"");
	values("a,,\"b,c\",", ',', "a||b,c|");
	values("\"a@x\";\"b c@x\"", ';', "a@x|b c@x");
	values("\"SMTP:a@x.org;\"\"X400:C=US;A= ;P=Y\"\"\"", ';', "SMTP:a@x.org|X400:C=US;A= ;P=Y");
	values("\"Lee, Bill\"", ';', "Lee, Bill");
	values("a;b", ';', "a|b");
	values("\"\"", ',', "");
	values("", ',', "");
}

/* A.7 */
static void
text_behind_a_closing_quote_is_found_with_its_column(void **state)
{
	struct excut c;
	struct slice raw;

	(void)state;
	excut_init(&c, slice_str("é,\"abc\"d,e"), ',');
	while (excut_next(&c, &raw))
		;
	assert_true(c.is_stray);
	assert_int_equal(excut_column(c.text, c.stray), 8);
	excut_init(&c, slice_str("a,\"abc"), ',');
	while (excut_next(&c, &raw))
		;
	assert_true(c.open);
	/* EM-26: a quote before the whole list instead of one value */
	excut_init(&c, slice_str("\"Lee, Bill\"[SMTP:b@x];Ann"), ',');
	while (excut_next(&c, &raw))
		;
	assert_true(c.is_stray);
}

/* A.7 */
static void
a_pointer_is_one_only_without_quotes_and_within_bounds(void **state)
{
	static const char *const bad[] = { "#", "#A.SEC", "#A.SEC()", "#A.SEC(-1)", "#A.SEC( 5)",
		"#A.SEC(5) ", "#..\\x.SEC(5)", "#a/b.SEC(5)", "#..(5)", "#.(5)", "#(5)",
		"#C:a.SEC(5)", "#A.SEC(9223372036854775808)", "#A.SEC(5)(6)", "#A\x01.SEC(5)",
		"#A.SEC(0x5)", "#A.SEC(5" };
	struct expointer p;

	(void)state;
	assert_int_equal(exlex_pointer(slice_str("#A.SEC(50)"), &p), EXPOINTER_GOOD);
	assert_true(slice_eq(p.name, "A.SEC"));
	assert_int_equal(p.offset, 50);
	assert_int_equal(
	    exlex_pointer(slice_str("#A.SEC(9223372036854775807)"), &p), EXPOINTER_GOOD);
	assert_int_equal(exlex_pointer(slice_str("\"#A.SEC(50)\""), &p), EXPOINTER_NOT);
	assert_int_equal(exlex_pointer(slice_str(""), &p), EXPOINTER_NOT);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(exlex_pointer(slice_str(bad[i]), &p), EXPOINTER_BAD);
}

/* EM-28 */
static void
em_28_backslashes_of_a_directory_value_are_read_back(void **state)
{
	struct buf out;
	size_t bad;

	(void)state;
	buf_init(&out, 100);
	assert_true(exlex_directory(slice_str("a\\\\r\\\\new\\r\\n"), &out, &bad));
	assert_string_equal(out.data, "a\\r\\new\r\n");
	assert_int_equal(bad, 0);
	buf_reset(&out);
	assert_true(exlex_directory(slice_str("a\\b\\"), &out, &bad));
	assert_string_equal(out.data, "a\\b\\");
	assert_int_equal(bad, 2);
	buf_done(&out);
}

static void
truth_is_read_in_any_case(void **state)
{
	bool t = false;

	(void)state;
	assert_true(exlex_truth(slice_str(" True "), &t) && t);
	assert_true(exlex_truth(slice_str("FALSE"), &t) && !t);
	assert_false(exlex_truth(slice_str("yes"), &t));
	assert_false(exlex_truth(slice_str(""), &t));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, temp_dir_make, end)
		T(lines_end_with_crlf_or_lf_and_have_a_place),
		T(an_octet_order_mark_and_the_end_mark_of_dos_are_passed_over),
		T(two_backslashes_at_the_end_join_lines_where_they_may),
		T(the_second_octet_of_a_character_is_no_backslash),
		T(a_line_break_inside_quotes_is_mended_only_if_quotes_then_come_right),
		T(an_endless_line_is_cut_and_the_next_one_found),
		T(nul_and_a_lone_cr_are_told),
		T(quoted_fields_and_lists_give_their_values),
		T(text_behind_a_closing_quote_is_found_with_its_column),
		T(a_pointer_is_one_only_without_quotes_and_within_bounds),
		T(em_28_backslashes_of_a_directory_value_are_read_back),
		T(truth_is_read_in_any_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
