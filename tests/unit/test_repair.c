/* A message is changed as little as the server asks for, and one kind of change at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "mail/repair.h"

static void
repaired_is(enum repair how, struct slice in, struct slice want)
{
	struct spool *from = spool_new(-1, 1024 * 1024), *to = spool_new(-1, 1024 * 1024);
	struct err err = { 0 };
	struct slice got;
	bool changed;

	assert_int_equal(spool_add(from, in, &err), 0);
	assert_int_equal(repair_message(how, from, to, &changed, &err), 0);
	got = spool_memory(to);
	assert_int_equal(got.len, want.len);
	if (want.len > 0)
		assert_memory_equal(got.data, want.data, want.len);
	assert_int_equal(changed, in.len != want.len || memcmp(in.data, want.data, in.len) != 0);
	/* Repaired once there is nothing left to repair. */
	spool_reset(from);
	assert_int_equal(spool_copy_range(to, 0, UINT64_MAX, from, &err), 0);
	assert_int_equal(repair_message(how, from, to, &changed, &err), 0);
	assert_false(changed);
	spool_free(&from);
	spool_free(&to);
}

static void
text_is(enum repair how, const char *in, const char *want)
{
	repaired_is(how, slice_str(in), slice_str(want));
}

static void
repair_replaces_nul(void **state)
{
	(void)state;
	repaired_is(REPAIR_NUL, (struct slice){ "A: b\r\n\r\nx\0y\0", 12 },
	    (struct slice){ "A: b\r\n\r\nx\x80y\x80", 12 });
	text_is(REPAIR_NUL, "A: b\r\n\r\nno\r\n", "A: b\r\n\r\nno\r\n");
	text_is(REPAIR_NUL, "", "");
}

static void
repair_makes_line_ends_crlf(void **state)
{
	(void)state;
	text_is(REPAIR_EOL, "A: b\n\nx\n", "A: b\r\n\r\nx\r\n");
	text_is(REPAIR_EOL, "A: b\r\n\rx\r\r\n", "A: b\r\n\r\nx\r\n\r\n");
	text_is(REPAIR_EOL, "x\r", "x\r\n");
	text_is(REPAIR_EOL, "x\n\r\n", "x\r\n\r\n");
	text_is(REPAIR_EOL, "x\r\ny", "x\r\ny");
}

static void
repair_encodes_8bit_words_of_the_header(void **state)
{
	(void)state;
	text_is(REPAIR_HEADER, "Subject: \303\274ber uns\r\n\r\n\303\274\r\n",
	    "Subject: =?utf-8?q?=C3=BCber?= uns\r\n\r\n\303\274\r\n");
	text_is(REPAIR_HEADER, "From: J\374rgen <j@x>\r\n\r\n",
	    "From: =?iso-8859-1?q?J=FCrgen?= <j@x>\r\n\r\n");
	text_is(REPAIR_HEADER, "From anna\r\nA: b\r\n c\r\n\r\n",
	    "X-Damaged-Line: From anna\r\nA: b\r\n c\r\n\r\n");
	text_is(REPAIR_HEADER, "A: b\n\nbody without end", "A: b\n\nbody without end");
}

static void
repair_encodes_long_words_in_pieces(void **state)
{
	struct buf in;
	struct spool *from = spool_new(-1, 1024 * 1024), *to = spool_new(-1, 1024 * 1024);
	struct err err = { 0 };
	struct slice got;
	bool changed;
	size_t column = 0;

	(void)state;
	buf_init(&in, 4096);
	buf_add_str(&in, "Subject: ");
	for (int i = 0; i < 100; i++)
		buf_add_str(&in, "\303\274");
	buf_add_str(&in, "\r\n\r\n");
	assert_int_equal(spool_add(from, buf_slice(&in), &err), 0);
	buf_done(&in);
	assert_int_equal(repair_message(REPAIR_HEADER, from, to, &changed, &err), 0);
	assert_true(changed);
	got = spool_memory(to);
	for (size_t i = 0; i < got.len; i++) {
		assert_true((unsigned char)got.data[i] < 0x80);
		column = got.data[i] == '\n' ? 0 : column + 1;
		assert_true(column < 100);
	}
	/* No character is divided: each word ends after =BC. */
	for (const char *p = got.data; (p = strstr(p, "?=\r\n")) != NULL; p += 2)
		assert_memory_equal(p - 3, "=BC", 3);
	spool_free(&from);
	spool_free(&to);
}

static void
repair_breaks_long_lines(void **state)
{
	enum { LONG = 5000 };
	char *in = malloc(LONG + 32);
	struct spool *from = spool_new(-1, 1024 * 1024), *to = spool_new(-1, 1024 * 1024);
	struct err err = { 0 };
	struct slice got;
	bool changed;
	size_t column = 0, octets = 0;

	(void)state;
	memcpy(in, "A: b\r\n\r\n", 8);
	memset(in + 8, 'x', LONG);
	memcpy(in + 8 + LONG, "\r\n", 3);
	assert_int_equal(spool_add(from, slice_str(in), &err), 0);
	assert_int_equal(repair_message(REPAIR_LINES, from, to, &changed, &err), 0);
	assert_true(changed);
	got = spool_memory(to);
	for (size_t i = 0; i < got.len; i++) {
		octets += got.data[i] == 'x';
		column = got.data[i] == '\n' ? 0 : column + 1;
		assert_true(column <= 999);
	}
	assert_int_equal(octets, LONG);
	spool_free(&from);
	spool_free(&to);
	free(in);
}

static void
repair_folds_long_lines_of_the_header(void **state)
{
	enum { WORDS = 300 };
	struct buf in;
	struct spool *from = spool_new(-1, 1024 * 1024), *to = spool_new(-1, 1024 * 1024);
	struct err err = { 0 };
	struct slice got;
	bool changed;

	(void)state;
	buf_init(&in, WORDS * 8 + 64);
	buf_add_str(&in, "To:");
	for (int i = 0; i < WORDS; i++)
		buf_add_str(&in, " a@b.c,");
	buf_add_str(&in, "\r\n\r\nbody\r\n");
	assert_int_equal(spool_add(from, buf_slice(&in), &err), 0);
	buf_done(&in);
	assert_int_equal(repair_message(REPAIR_LINES, from, to, &changed, &err), 0);
	assert_true(changed);
	got = spool_memory(to);
	/* What follows a break in the header begins with a blank. */
	for (size_t i = 0; i + 6 < got.len; i++)
		if (got.data[i] == '\n' && got.data[i + 1] != '\r' && memcmp(got.data + i, "\nbody", 5))
			assert_int_equal(got.data[i + 1], ' ');
	spool_free(&from);
	spool_free(&to);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(repair_replaces_nul),
		cmocka_unit_test(repair_makes_line_ends_crlf),
		cmocka_unit_test(repair_encodes_8bit_words_of_the_header),
		cmocka_unit_test(repair_encodes_long_words_in_pieces),
		cmocka_unit_test(repair_breaks_long_lines),
		cmocka_unit_test(repair_folds_long_lines_of_the_header),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
