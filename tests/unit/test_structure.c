/* BODYSTRUCTURE: what is understood of real and of hostile ones, however they arrive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "imap/resp.h"

#define LEAF "(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"utf-8\") NIL NIL \"7BIT\" 12 1)"

static void
tell(const struct structure *s, struct buf *out)
{
	if (!s->multipart) {
		buf_printf(out, "%s", s->type);
		if (s->size_known)
			buf_printf(out, ":%llu", (unsigned long long)s->size);
		return;
	}
	buf_printf(out, "%s", s->type);
	if (structure_param(s, "boundary").data != NULL)
		buf_printf(out, ";%s", structure_param(s, "boundary").data);
	buf_add_str(out, "[");
	for (const struct structure *c = s->child; c != NULL; c = c->next) {
		tell(c, out);
		buf_add_str(out, c->next ? " " : "");
	}
	buf_add_str(out, "]");
}

/* The structure in words, from pieces of `piece` octets; what follows must be read rightly, too. */
static void
read_in_pieces(const char *value, size_t piece, bool *ret_garbage, struct buf *out)
{
	struct buf text;
	struct reader reader;
	struct resp r;
	struct err err = { 0 };

	buf_init(&text, 4 * 1024 * 1024);
	buf_printf(&text, "* 3 FETCH (BODYSTRUCTURE %s UID 9)\r\n* 4 EXISTS\r\n", value);

	struct stream *in = stream_memory(buf_slice(&text), piece);

	reader_init(&reader, in);
	assert_int_equal(resp_read(&reader, &r, &err), 0);
	*ret_garbage = r.kind == RESP_GARBAGE;
	if (!*ret_garbage) {
		assert_int_equal(r.kind, RESP_FETCH);
		assert_int_equal(r.fetch.uid, 9);
		if (r.fetch.structure != NULL)
			tell(r.fetch.structure, out);
	}
	assert_int_equal(resp_read(&reader, &r, &err), 0);
	assert_int_equal(r.kind, RESP_EXISTS);
	reader_done(&reader);
	stream_close(&in);
	buf_done(&text);
}

/* Also cut at every octet. */
static void
is(const char *value, const char *want)
{
	for (size_t piece = 0; piece <= strlen(value) && piece < 400; piece++) {
		struct buf got;
		bool garbage;

		buf_init(&got, 64 * 1024);
		read_in_pieces(value, piece, &garbage, &got);
		assert_false(garbage);
		assert_string_equal(got.len ? got.data : "", want);
		buf_done(&got);
	}
}

static void
structure_reads_one_part(void **state)
{
	(void)state;
	is(LEAF, "text/plain:12");
	is("(\"image\" \"PNG\" NIL \"<id>\" {3}\r\na)b \"base64\" {2}\r\n99 NIL (\"inline\" NIL) "
	   "NIL)",
	    "image/png:99");
}

static void
structure_reads_parts_in_their_order_and_depth(void **state)
{
	(void)state;
	is("(" LEAF LEAF " \"MIXED\" (\"BOUNDARY\" \"=_b\") NIL NIL)",
	    "multipart/mixed;=_b[text/plain:12 text/plain:12]");
	is("((" LEAF " \"alternative\")" LEAF " \"mixed\" (\"boundary\" {2}\r\nxy))",
	    "multipart/mixed;xy[multipart/alternative[text/plain:12] text/plain:12]");
}

static void
structure_takes_a_mail_in_the_mail_as_one_part(void **state)
{
	(void)state;
	is("((\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 500 (NIL \"s\" NIL NIL NIL NIL NIL NIL "
	   "NIL NIL) "
	   "(" LEAF LEAF " \"mixed\") 20) \"mixed\")",
	    "multipart/mixed[message/rfc822:500]");
}

static void
structure_counts_a_part_that_it_cannot_understand(void **state)
{
	(void)state;
	is("(" LEAF " NIL " LEAF " \"mixed\")",
	    "multipart/mixed[text/plain:12 application/octet-stream text/plain:12]");
	is("(" LEAF "() \"mixed\")", "multipart/mixed[text/plain:12 application/octet-stream]");
	is("(" LEAF " NIL (\"boundary\" \"b\"))",
	    "multipart/mixed[text/plain:12]"); /* no subtype: NIL stands in its place */
	is("(\"te xt\" \"pl\\\"ain\" NIL NIL NIL \"7bit\" -1)", "x-unknown/x-unknown");
}

static void
structure_is_none_where_nothing_is_told(void **state)
{
	static const char *const none[] = { "NIL", "()", "(NIL)", "\"text\"", "{2}\r\nab",
		"(NIL NIL)", "(\"text\")", "(\"text\" (\"a\" \"b\"))", "12" };

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		is(none[i], "");
}

static void
structure_that_never_closes_spoils_its_response_alone(void **state)
{
	static const char *const broken[] = { "((((", "(\"text", "(\"text\" NIL" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (size_t piece = 0; piece < 40; piece++) {
			struct buf got;
			bool garbage;

			buf_init(&got, 1024);
			read_in_pieces(broken[i], piece, &garbage, &got);
			assert_true(garbage);
			buf_done(&got);
		}
	}
}

/* `n` lists in each other around a leaf. */
static void
nested(size_t n, size_t piece, struct buf *ret)
{
	struct buf value;
	bool garbage;

	buf_init(&value, 2 * 1024 * 1024);
	for (size_t i = 0; i < n; i++)
		buf_add_byte(&value, '(');
	buf_add_str(&value, LEAF);
	for (size_t i = 0; i < n; i++)
		buf_add_str(&value, " \"mixed\")");
	read_in_pieces(value.data, piece, &garbage, ret);
	assert_false(garbage);
	buf_done(&value);
}

static void
structure_takes_what_is_nested_too_deep_as_one_part(void **state)
{
	static const size_t depths[] = { STRUCTURE_DEPTH_MAX + 1, LEX_DEPTH_MAX, LEX_DEPTH_MAX + 1,
		10 * 1000, 80 * 1000 };

	(void)state;
	for (size_t i = 0; i < sizeof(depths) / sizeof(*depths); i++) {
		struct buf got;
		size_t open = 0;

		buf_init(&got, 64 * 1024);
		nested(depths[i], i % 2 ? 0 : 4096, &got);
		for (size_t k = 0; k < got.len; k++)
			open += got.data[k] == '[';
		assert_int_equal(open, STRUCTURE_DEPTH_MAX);
		assert_non_null(strstr(got.data, "[application/octet-stream]"));
		buf_done(&got);
	}
}

/* `n` parts beside each other. */
static void
wide(size_t n, struct buf *ret)
{
	struct buf value;
	bool garbage;

	buf_init(&value, 4 * 1024 * 1024);
	buf_add_str(&value, "(");
	for (size_t i = 0; i < n; i++)
		buf_add_str(&value, "(\"a\" \"b\")");
	buf_add_str(&value, " \"mixed\")");
	read_in_pieces(value.data, 0, &garbage, ret);
	assert_false(garbage);
	buf_done(&value);
}

static void
structure_of_too_many_parts_is_none(void **state)
{
	static const struct {
		size_t parts;
		bool known;
	} of[] = { { STRUCTURE_PARTS_MAX - 1, true }, { STRUCTURE_PARTS_MAX, false },
		{ STRUCTURE_VALUES_MAX, false } };

	(void)state;
	for (size_t i = 0; i < sizeof(of) / sizeof(*of); i++) {
		struct buf got;

		buf_init(&got, 64 * 1024);
		wide(of[i].parts, &got);
		assert_int_equal(got.len > 0, of[i].known);
		buf_done(&got);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(structure_reads_one_part),
		cmocka_unit_test(structure_reads_parts_in_their_order_and_depth),
		cmocka_unit_test(structure_takes_a_mail_in_the_mail_as_one_part),
		cmocka_unit_test(structure_counts_a_part_that_it_cannot_understand),
		cmocka_unit_test(structure_is_none_where_nothing_is_told),
		cmocka_unit_test(structure_that_never_closes_spoils_its_response_alone),
		cmocka_unit_test(structure_takes_what_is_nested_too_deep_as_one_part),
		cmocka_unit_test(structure_of_too_many_parts_is_none),
	};

	return cmocka_run_group_tests_name("structure", tests, NULL, NULL);
}
