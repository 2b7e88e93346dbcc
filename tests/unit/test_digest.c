/* base/digest against the vectors of FIPS 180-4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/digest.h"

static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char nothing[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

static void
digest_gives_the_known_sums(void **state)
{
	uint8_t sum[SHA256_LEN];
	char hex[SHA256_HEX];

	(void)state;
	digest_once("abc", 3, sum);
	digest_hex(sum, hex);
	assert_string_equal(hex, abc);
	digest_once("", 0, sum);
	digest_hex(sum, hex);
	assert_string_equal(hex, nothing);
}

static void
digest_is_used_again_and_does_not_care_about_pieces(void **state)
{
	struct digest *d = digest_new();
	uint8_t sum[SHA256_LEN];
	char hex[SHA256_HEX];

	(void)state;
	for (int i = 0; i < 3; i++) {
		digest_start(d);
		digest_add(d, "a", 1);
		digest_add(d, "", 0);
		digest_add(d, "bc", 2);
		digest_end(d, sum);
		digest_hex(sum, hex);
		assert_string_equal(hex, abc);
	}
	digest_start(d);
	digest_add(d, "thrown away", 11);
	digest_start(d);
	digest_end(d, sum);
	digest_hex(sum, hex);
	assert_string_equal(hex, nothing);
	digest_free(d);
	digest_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digest_gives_the_known_sums),
		cmocka_unit_test(digest_is_used_again_and_does_not_care_about_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
