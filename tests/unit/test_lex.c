/* Tokens; whole responses are in tests/wire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "imap/lex.h"

static struct stream *in;
static struct arena arena;
static struct lex lex;
static struct err err;

static void
over(const char *text, size_t len, size_t piece)
{
	in = stream_memory((struct slice){ text, len }, piece);
	arena_init(&arena, 4 * 1024 * 1024);
	lex_init(&lex, in, &arena);
	lex_start(&lex);
	err = (struct err){ 0 };
}

static void
done(void)
{
	lex_done(&lex);
	arena_done(&arena);
	stream_close(&in);
}

static void
lex_waits_for_the_last_byte_of_a_literal(void **state)
{
	static const char text[] = "{11}\r\n}\r\nab {3}\r\n x";

	(void)state;
	for (size_t piece = 1; piece < sizeof(text); piece++) {
		struct slice got;

		over(text, sizeof(text) - 1, piece);
		assert_int_equal(lex_astring(&lex, &got, &err), 0);
		assert_int_equal(got.len, 11);
		assert_memory_equal(got.data, "}\r\nab {3}\r\n", 11);
		assert_int_equal(lex_space(&lex, &err), 0);
		assert_int_equal(lex_expect(&lex, 'x', &err), 0);
		done();
	}
	for (size_t len = 0; len < sizeof(text) - 3; len++) {
		struct slice got;

		over(text, len, 0);
		assert_int_equal(lex_astring(&lex, &got, &err), -1);
		assert_int_equal(err.kind, ERR_CUT);
		done();
	}
}

static void
lex_gives_nil_only_as_an_atom(void **state)
{
	static const char text[] = "NIL nil \"NIL\" {3}\r\nNIL ~{3}\r\nNIL NILx";
	static const bool nil[] = { true, true, false, false, false, false };

	(void)state;
	over(text, sizeof(text) - 1, 0);
	for (size_t i = 0; i < 5; i++) {
		struct slice got;

		assert_int_equal(lex_nstring(&lex, &got, &err), 0);
		assert_int_equal(got.data == NULL, nil[i]);
		assert_int_equal(lex_blanks(&lex, &err), 0);
	}
	done();
}

static void
number(const char *text, bool good, uint64_t want)
{
	uint64_t got = 4711;

	over(text, strlen(text), 1);
	assert_int_equal(lex_number(&lex, &got, &err), good ? 0 : -1);
	if (good)
		assert_true(got == want);
	else
		assert_int_equal(err.kind, ERR_PROTOCOL);
	done();
}

static void
lex_reads_numbers_and_what_servers_take_for_them(void **state)
{
	(void)state;
	number("0 ", true, 0);
	number("007)", true, 7);
	number("9999999999999999999 ", true, UINT64_C(9999999999999999999));
	number("99999999999999999999 ", false, 0);
	number("9.37e+06 ", true, 9370000);
	number("1e3]", true, 1000);
	number("\"12\" ", true, 12);
	number("{2}\r\n34 ", true, 34);
	number("\"18446744073709551615\" ", true, UINT64_MAX);
	number("\"18446744073709551616\" ", false, 0);
	number("1e99 ", false, 0);
	number("-1 ", false, 0);
	number("+1 ", false, 0);
	number("nan ", false, 0);
	number("inf ", false, 0);
	number("1x ", false, 0);
	number("NIL ", false, 0);
	number(" 1", false, 0);
	number("\"\" ", false, 0);
	number("1e ", false, 0);
}

static void
literal(const char *text, bool good, uint64_t want)
{
	uint64_t got = 4711;

	over(text, strlen(text), 1);
	assert_int_equal(lex_literal(&lex, &got, &err), good ? 0 : -1);
	if (good)
		assert_true(got == want);
	done();
}

static void
lex_reads_headers_of_literals(void **state)
{
	(void)state;
	literal("{0}\r\n", true, 0);
	literal("{12}\r\n", true, 12);
	literal("{12+}\r\n", true, 12);
	literal("~{12}\n", true, 12);
	literal("{4294967296}\r\n", true, UINT64_C(4294967296));
	literal("{0004294967296}\r\n", true, UINT64_C(4294967296));
	literal("{4294967297}\r\n", false, 0);
	literal("{999999999999999999}\r\n", false, 0);
	literal("{18446744073709551617}\r\n", false, 0);
	literal("{}\r\n", false, 0);
	literal("{-1}\r\n", false, 0);
	literal("{1 }\r\n", false, 0);
	literal("{1}x\r\n", false, 0);
	literal("{1\r\n", false, 0);
	literal("12}\r\n", false, 0);
}

/* After a fault anywhere in the line the next line is found. */
static void
resyncs(const char *text, size_t take)
{
	char rest = '\0';

	over(text, strlen(text), 0);
	for (size_t i = 0; i < take; i++) {
		assert_int_equal(lex_peek(&lex, &rest, &err), 0);
		lex_take(&lex);
	}
	assert_int_equal(lex_resync(&lex, &err), 0);
	assert_int_equal(lex_peek(&lex, &rest, &err), 0);
	assert_int_equal(rest, '!');
	done();
}

static void
lex_finds_the_end_of_a_line_over_literals_from_anywhere(void **state)
{
	static const char *const lines[] = {
		"a {3}\r\nb\r\n c\r\n!",
		"{0}\r\n\r\n!",
		"a {2}\r\n\r\n{2}\r\n\r\n\r\n!",
		"a {2} \r\n\r\n\r\n!",
		"a {1+}\r\n\n\r\n!",
		"abc\n!",
		"{x}\r\n!",
		"{}\r\n!",
		"3}\r\n!",
		"{3}a\r\n!",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		for (size_t take = 0; take < strcspn(lines[i], "\r\n"); take++)
			resyncs(lines[i], take);
}

/* What follows may be a message that holds lines like answers: nothing of it is one. */
static void
lex_finds_no_end_behind_a_literal_that_is_too_large(void **state)
{
	static const char *const lines[] = { "a {4294967297}\r\n0001 OK\r\n!", "{99999999999999999999}\r\n!",
		"x {1000000000000000000000000000000000000000000}\r\n!" };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		over(lines[i], strlen(lines[i]), 0);
		assert_int_equal(lex_resync(&lex, &err), -1);
		assert_int_equal(err.kind, ERR_PROTOCOL);
		done();
	}
}

static void
lex_skips_what_a_literal_owes_when_its_octets_were_not_read(void **state)
{
	static const char text[] = "{9}\r\nab\r\n{9}\r\n tail\r\n!";
	struct slice got;
	uint64_t size;
	char c;

	(void)state;
	over(text, sizeof(text) - 1, 0);
	assert_int_equal(lex_literal(&lex, &size, &err), 0);
	assert_int_equal(lex_resync(&lex, &err), 0);
	assert_int_equal(lex_peek(&lex, &c, &err), 0);
	assert_int_equal(c, '!');
	done();
	/* Read, it owes nothing, and what it ends with is no header. */
	over(text, sizeof(text) - 1, 0);
	assert_int_equal(lex_astring(&lex, &got, &err), 0);
	assert_int_equal(lex_resync(&lex, &err), 0);
	assert_int_equal(lex_peek(&lex, &c, &err), 0);
	assert_int_equal(c, '!');
	done();
}

static void
lex_keeps_the_start_of_a_response_for_the_log(void **state)
{
	size_t len = 3 * LEX_TAPE_MAX;
	char *text = malloc(len + 2);
	struct slice got, tape;

	(void)state;
	memset(text, 'a', len);
	memcpy(text + len, "\r\n", 2);
	over(text, len + 2, 0);
	assert_int_equal(lex_rest(&lex, &got, &err), 0);
	assert_int_equal(got.len, len);
	tape = lex_tape(&lex);
	assert_true(tape.len > 8000 && tape.len < LEX_TAPE_MAX);
	done();
	over("0001 OK x\r\n", 11, 0);
	assert_int_equal(lex_rest(&lex, &got, &err), 0);
	tape = lex_tape(&lex);
	assert_int_equal(tape.len, 9);
	assert_memory_equal(tape.data, "0001 OK x", 9);
	done();
	free(text);
}

static void
lex_gives_back_what_is_unread(void **state)
{
	struct slice got, rest;

	(void)state;
	over("abc def", 7, 0);
	assert_int_equal(lex_atom(&lex, "", &got, &err), 0);
	lex_pause(&lex);
	rest = stream_buffered(in);
	assert_int_equal(rest.len, 4);
	assert_memory_equal(rest.data, " def", 4);
	lex_pause(&lex);
	assert_int_equal(stream_buffered(in).len, 4);
	done();
}

static void
lex_tells_when_the_arena_is_full(void **state)
{
	struct slice got;
	char text[200];

	(void)state;
	memset(text, 'a', sizeof(text));
	text[199] = ' ';
	over(text, sizeof(text), 0);
	arena_done(&arena);
	arena_init(&arena, 64);
	assert_int_equal(lex_atom(&lex, "", &got, &err), -1);
	assert_int_equal(err.kind, ERR_PROTOCOL);
	done();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lex_waits_for_the_last_byte_of_a_literal),
		cmocka_unit_test(lex_gives_nil_only_as_an_atom),
		cmocka_unit_test(lex_reads_numbers_and_what_servers_take_for_them),
		cmocka_unit_test(lex_reads_headers_of_literals),
		cmocka_unit_test(lex_finds_the_end_of_a_line_over_literals_from_anywhere),
		cmocka_unit_test(lex_finds_no_end_behind_a_literal_that_is_too_large),
		cmocka_unit_test(lex_skips_what_a_literal_owes_when_its_octets_were_not_read),
		cmocka_unit_test(lex_keeps_the_start_of_a_response_for_the_log),
		cmocka_unit_test(lex_gives_back_what_is_unread),
		cmocka_unit_test(lex_tells_when_the_arena_is_full),
	};

	return cmocka_run_group_tests_name("lex", tests, NULL, NULL);
}
