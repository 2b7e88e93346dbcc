/* What the documents in tests/wire cannot show: what a response keeps, and for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "imap/resp.h"

static struct stream *in;
static struct reader reader;
static struct resp r;
static struct err err;

static void
over(struct slice text)
{
	in = stream_memory(text, 0);
	reader_init(&reader, in);
	err = (struct err){ 0 };
}

static void
done(void)
{
	reader_done(&reader);
	stream_close(&in);
}

static void
resp_leaves_a_body_in_the_stream(void **state)
{
	struct slice body;

	(void)state;
	over(slice_str("* 1 FETCH (UID 5 BODY[] {5}\r\nhello FLAGS ())\r\n* OK next\r\n"));
	assert_int_equal(resp_read(&reader, &r, &err), 0);
	assert_true(r.more);
	body = stream_buffered(in);
	assert_memory_equal(body.data, "hello FLAGS", 11);
	stream_skip(in, 5);
	assert_int_equal(resp_more(&reader, &r, &err), 0);
	assert_false(r.more);
	assert_true(r.fetch.has_flags);
	assert_int_equal(r.fetch.uid, 5);
	assert_int_equal(resp_read(&reader, &r, &err), 0);
	assert_int_equal(r.kind, RESP_STATUS);
	done();
}

static void
resp_keeps_what_it_knew_of_a_message_when_the_rest_is_garbage(void **state)
{
	(void)state;
	over(slice_str("* 1 FETCH (UID 5 FLAGS (\\Seen) BODY[] {1}\r\nx FLAGS oh)\r\n"));
	assert_int_equal(resp_read(&reader, &r, &err), 0);
	stream_skip(in, 1);
	assert_int_equal(resp_more(&reader, &r, &err), 0);
	assert_int_equal(r.kind, RESP_GARBAGE);
	assert_non_null(r.garbage);
	assert_false(r.more);
	assert_int_equal(r.fetch.uid, 5);
	assert_int_equal(r.fetch.flags.system, FLAG_SEEN);
	done();
}

/* A command whose answer is not recognised would be waited for. */
static void
resp_cuts_a_long_text_and_keeps_what_it_answers(void **state)
{
	static const size_t lengths[] = { LEX_STRING_MAX - 1, LEX_STRING_MAX, LEX_STRING_MAX + 1,
		LEX_LINE_MAX, 3 * LEX_LINE_MAX };
	static const char head[] = "7 NO [LIMIT] ", tail[] = "\r\n8 OK done\r\n";

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lengths); i++) {
		size_t len = sizeof(head) - 1 + lengths[i] + sizeof(tail) - 1;
		char *text = malloc(len);

		assert_non_null(text);
		memset(text, 'x', len);
		memcpy(text, head, sizeof(head) - 1);
		memcpy(text + len - (sizeof(tail) - 1), tail, sizeof(tail) - 1);
		over((struct slice){ text, len });
		assert_int_equal(resp_read(&reader, &r, &err), 0);
		assert_true(r.kind == RESP_TAGGED && r.tag == 7 && r.state == STATE_NO && r.code == CODE_LIMIT);
		assert_true(r.text.len <= LEX_STRING_MAX && r.text.data[0] == 'x');
		assert_int_equal(resp_read(&reader, &r, &err), 0);
		assert_true(r.kind == RESP_TAGGED && r.tag == 8 && r.state == STATE_OK);
		done();
		free(text);
	}
}

static void
resp_shows_the_line_without_its_bodies(void **state)
{
	struct slice tape;

	(void)state;
	over(slice_str("* 1 FETCH (UID 5 BODY[] {6}\r\nsecret FLAGS oh)\r\n"));
	assert_int_equal(resp_read(&reader, &r, &err), 0);
	stream_skip(in, 6);
	assert_int_equal(resp_more(&reader, &r, &err), 0);
	tape = reader_tape(&reader);
	assert_false(slice_has_nocase(tape, "secret"));
	assert_true(slice_has_nocase(tape, "* 1 FETCH (UID 5 BODY[] {6}"));
	assert_true(slice_has_nocase(tape, "FLAGS oh)"));
	done();
}

static void
resp_bounds_the_ranges_of_a_search(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, 64 * 1024 * 1024);
	buf_add_str(&text, "* SEARCH");
	for (uint32_t i = 0; i < UIDSET_MAX + 1; i++)
		buf_printf(&text, " %u", 2 * i + 1);
	buf_add_str(&text, "\r\n* OK next\r\n");
	over(buf_slice(&text));
	buf_done(&text);
	assert_int_equal(resp_read(&reader, &r, &err), 0);
	assert_int_equal(r.kind, RESP_GARBAGE);
	assert_true(reader.set.cap <= UIDSET_MAX);
	assert_int_equal(resp_read(&reader, &r, &err), 0);
	assert_int_equal(r.kind, RESP_STATUS);
	done();
}

static void
resp_goes_on_over_another_stream(void **state)
{
	struct stream *other = stream_memory(slice_str("* 4 EXISTS\r\n"), 1);

	(void)state;
	over(slice_str("* OK plain\r\n"));
	assert_int_equal(resp_read(&reader, &r, &err), 0);
	reader_set_stream(&reader, other);
	assert_int_equal(resp_read(&reader, &r, &err), 0);
	assert_int_equal(r.number, 4);
	stream_close(&other);
	done();
}

static void
a_uidvalidity_of_any_size_has_32_bits(void **state)
{
	(void)state;
	assert_int_equal(uidvalidity_fold(0), 0);
	assert_int_equal(uidvalidity_fold(1), 1);
	assert_int_equal(uidvalidity_fold(UINT32_MAX), UINT32_MAX);
	assert_int_equal(uidvalidity_fold(UINT64_C(0x100000001)), 1);
	assert_int_equal(uidvalidity_fold(UINT64_C(0x1a2b3c4d5e)), 0x2b3c4d44);
	assert_int_not_equal(
	    uidvalidity_fold(UINT64_C(1795365581454)), uidvalidity_fold(UINT64_C(1795365581455)));
}

static void
states_have_names(void **state)
{
	(void)state;
	assert_string_equal(resp_state_name(STATE_OK), "OK");
	assert_string_equal(resp_state_name(STATE_PREAUTH), "PREAUTH");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resp_leaves_a_body_in_the_stream),
		cmocka_unit_test(resp_keeps_what_it_knew_of_a_message_when_the_rest_is_garbage),
		cmocka_unit_test(resp_cuts_a_long_text_and_keeps_what_it_answers),
		cmocka_unit_test(resp_shows_the_line_without_its_bodies),
		cmocka_unit_test(resp_bounds_the_ranges_of_a_search),
		cmocka_unit_test(resp_goes_on_over_another_stream),
		cmocka_unit_test(a_uidvalidity_of_any_size_has_32_bits),
		cmocka_unit_test(states_have_names),
	};

	return cmocka_run_group_tests_name("resp", tests, NULL, NULL);
}
