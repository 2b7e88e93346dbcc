/* What a server did to a message, as far as it can be told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/rewrite.h"

/* The message that was sent and the copy, which is cut in every way into three. */
static void
assert_how(const char *sent, const char *copy, const char *how)
{
	struct rewrite *r = rewrite_new();
	uint8_t sum[SHA256_LEN];
	size_t len = strlen(copy);

	digest_once(sent, strlen(sent), sum);
	for (size_t i = 0; i <= len; i++) {
		for (size_t k = i; k <= len; k++) {
			rewrite_start(r);
			rewrite_add(r, (struct slice){ copy, i });
			rewrite_add(r, (struct slice){ copy + i, k - i });
			rewrite_add(r, (struct slice){ copy + k, len - k });

			const char *is = rewrite_end(r, sum);

			if (how == NULL)
				assert_null(is);
			else
				assert_string_equal(is, how);
		}
	}
	rewrite_free(r);
}

static void
digest_alone_proves_line_ends(void **state)
{
	(void)state;
	assert_how("a\r\nb\r\n", "a\r\nb\r\n", "");
	assert_how("a\r\nb", "a\r\nb\r\n", "the server added a line end at the end");
	assert_how("a\nb\n", "a\r\nb\r\n", "the server made CRLF of its LF");
	assert_how(
	    "a\nb", "a\r\nb\r\n", "the server made CRLF of its LF and added a line end at the end");
	assert_how("a\rb\n\r", "a\rb\r\n\r", "the server made CRLF of its LF");
	assert_how("", "", "");
	assert_how("", "\r\n", "the server added a line end at the end");
	assert_how("\r", "\r", "");
}

static void
anything_else_proves_nothing(void **state)
{
	(void)state;
	assert_how("a\r\nb", "a\r\nc\r\n", NULL);
	assert_how("a\r\nb\r\n", "a\r\nb", NULL);
	assert_how("a\nb\r\n", "a\r\nb\r\n", NULL); /* mixed: which LF was alone is not known */
	assert_how("a", "", NULL);
	assert_how("a\r\n", "a\r\n\r\n\r\n", NULL);
}

static void
long_copies_pass_the_room(void **state)
{
	enum { LINES = 5000 };
	char *sent = mem_new(LINES * 3 + 1), *copy = mem_new(LINES * 4 + 1);
	struct rewrite *r = rewrite_new();
	uint8_t sum[SHA256_LEN];

	(void)state;
	for (size_t i = 0; i < LINES; i++) {
		memcpy(sent + 3 * i, "ab\n", 3);
		memcpy(copy + 4 * i, "ab\r\n", 4);
	}
	digest_once(sent, LINES * 3 - 1, sum);
	rewrite_start(r);
	rewrite_add(r, slice_str(copy));
	assert_string_equal(
	    rewrite_end(r, sum), "the server made CRLF of its LF and added a line end at the end");
	rewrite_free(r);
	rewrite_free(NULL);
	free(sent);
	free(copy);
}

static void
assert_fields(const char *before, const char *after, const char *told)
{
	struct buf out;

	buf_init(&out, 4096);
	rewrite_fields(slice_str(before), slice_str(after), &out);
	assert_string_equal(out.data ? out.data : "", told);
	buf_done(&out);
}

static void
header_fields_are_told(void **state)
{
	(void)state;
	assert_fields("A: 1\r\nB: 2\r\n\r\nx", "A: 1\nB:\n 2\n\ny", "");
	assert_fields("A: 1\r\n\r\n", "X-UID: 7\r\nA: 1\r\nStatus: RO\r\nstatus: O\r\n\r\n",
	    "it added X-UID, Status");
	assert_fields("A: 1\r\nStatus: R\r\n\r\n", "A: 1\r\n\r\n", "it left out Status");
	assert_fields("Subject: gr\xfcn\r\n\r\n", "Subject: grXn\r\n\r\n", "it changed Subject");
	assert_fields("A: 1\r\nB: 2\r\nA: 3\r\n\r\n", "B: 2\r\nA: 3\r\nC: 1\r\nA: 4\r\n\r\n",
	    "it added C; it changed A");
	assert_fields("", "A: 1\r\n\r\n", "it added A");
	assert_fields("no field", "", "");
}

static void
many_fields_are_bounded(void **state)
{
	struct buf before, after;

	(void)state;
	buf_init(&before, 1024 * 1024);
	buf_init(&after, 1024 * 1024);
	for (int i = 0; i < 5000; i++) {
		buf_printf(&before, "A%d: x\r\n", i);
		buf_printf(&after, "B%d: x\r\n", i);
	}
	assert_fields(before.data, after.data,
	    "it added B0, B1, B2, B3, B4, B5, B6, B7 and others; "
	    "it left out A0, A1, A2, A3, A4, A5, A6, A7 and others");
	buf_done(&before);
	buf_done(&after);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digest_alone_proves_line_ends),
		cmocka_unit_test(anything_else_proves_nothing),
		cmocka_unit_test(long_copies_pass_the_room),
		cmocka_unit_test(header_fields_are_told),
		cmocka_unit_test(many_fields_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
