/* base/secret: what is masked in the echo of a server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/secret.h"

static void
masks_to(const char *secret, const char *text, const char *want)
{
	struct secret *s = secret_new(slice_str(secret));
	struct buf b;

	buf_init(&b, 1000);
	secret_mask(s, slice_str(text), &b);
	assert_string_equal(b.data, want);
	buf_done(&b);
	secret_free(s);
}

static void
secret_is_masked_wherever_it_occurs(void **state)
{
	(void)state;
	masks_to("hunter2", "BAD \"0001 LOGIN u hunter2\"", "BAD \"0001 LOGIN u ***\"");
	masks_to("hunter2", "hunter2hunter2 hunter", "****** hunter");
	masks_to("hunter2", "hunter2", "***");
	masks_to("aab", "aaab", "a***");
	masks_to("x", "no such letter", "no such letter");
}

static void
secret_is_masked_as_a_quoted_string_and_as_base64(void **state)
{
	(void)state;
	masks_to("a\"b\\c", "BAD LOGIN u \"a\\\"b\\\\c\" a\"b\\c", "BAD LOGIN u \"***\" ***");
	masks_to("secret", "BAD c2VjcmV0 (c2VjcmV0)", "BAD *** (***)");
	masks_to("secre", "BAD c2VjcmU= c2VjcmU.", "BAD *** ***.");
}

static void
secret_that_is_empty_or_missing_masks_nothing(void **state)
{
	struct buf b;

	(void)state;
	masks_to("", "as it is", "as it is");
	buf_init(&b, 100);
	secret_mask(NULL, slice_str("as it is"), &b);
	assert_string_equal(b.data, "as it is");
	buf_done(&b);
	secret_free(NULL);
}

static void
secret_masks_octets_with_nul(void **state)
{
	struct secret *s = secret_new((struct slice){ "a\0b", 3 });
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	secret_mask(s, (struct slice){ "x a\0b y", 7 }, &b);
	assert_string_equal(b.data, "x *** y");
	assert_int_equal(secret_value(s).len, 3);
	assert_memory_equal(secret_value(s).data, "a\0b", 4);
	buf_done(&b);
	secret_free(s);
}

static void
secret_never_shows_in_a_buffer_that_is_too_small(void **state)
{
	struct secret *s = secret_new(slice_str("hunter2"));
	struct buf b;

	(void)state;
	for (size_t max = 0; max < 20; max++) {
		buf_init(&b, max);
		secret_mask(s, slice_str("LOGIN u hunter2 \"hunter2\""), &b);
		assert_null(strstr(b.data, "h"));
		buf_done(&b);
	}
	secret_free(s);
}

static void
secret_wipe_leaves_zeros(void **state)
{
	char text[] = "hunter2";

	(void)state;
	secret_wipe(text, sizeof(text));
	secret_wipe(NULL, 0);
	for (size_t i = 0; i < sizeof(text); i++)
		assert_int_equal(text[i], 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secret_is_masked_wherever_it_occurs),
		cmocka_unit_test(secret_is_masked_as_a_quoted_string_and_as_base64),
		cmocka_unit_test(secret_that_is_empty_or_missing_masks_nothing),
		cmocka_unit_test(secret_masks_octets_with_nul),
		cmocka_unit_test(secret_never_shows_in_a_buffer_that_is_too_small),
		cmocka_unit_test(secret_wipe_leaves_zeros),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
