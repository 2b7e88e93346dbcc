/* A header has one digest, whether it comes alone or with its body, and however it is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "mail/head.h"

static void
digest_cut(struct head *h, const char *text, size_t cut, uint8_t ret[HEAD_LEN])
{
	size_t len = strlen(text);

	head_start(h);
	head_add(h, (struct slice){ text, cut });
	head_add(h, (struct slice){ text + cut, len - cut });
	head_end(h, ret);
}

static void
same(const char *one, const char *other, bool wanted)
{
	struct head *h = head_new();
	uint8_t a[HEAD_LEN], b[HEAD_LEN];

	digest_cut(h, one, 0, a);
	for (size_t cut = 0; cut <= strlen(other); cut++) {
		digest_cut(h, other, cut, b);
		assert_int_equal(memcmp(a, b, HEAD_LEN) == 0, wanted);
	}
	head_free(h);
}

static void
the_body_does_not_count(void **state)
{
	(void)state;
	same("A: b\r\nC: d\r\n", "A: b\r\nC: d\r\n\r\n", true);
	same("A: b\r\nC: d\r\n\r\n", "A: b\r\nC: d\r\n\r\nbody\r\n\r\nmore\r\n", true);
	same("A: b\nC: d\n", "A: b\nC: d\n\nbody\n", true);
	same("", "\r\nbody\r\n", true);
}

static void
each_octet_of_the_header_counts(void **state)
{
	(void)state;
	same("A: b\r\nC: d\r\n\r\n", "A: b\r\nC: e\r\n\r\n", false);
	same("A: b\r\nC: d\r\n\r\n", "A: b\r\nC: d\r\n\tmore\r\n\r\n", false);
	same("A: b\r\n\r\n", "A: b\n\n", false);
	same("A: b\r\n\r\n", "A: b\r\n\r\r\n", false);
	same("A: b\r\n", "A: b\r\n\r", false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_body_does_not_count),
		cmocka_unit_test(each_octet_of_the_header_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
