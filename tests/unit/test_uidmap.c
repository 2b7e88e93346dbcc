#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "store/uidmap.h"

static void
map_tells_new_from_known(void **state)
{
	struct uidmap *m = uidmap_new();

	(void)state;
	assert_false(uidmap_has(m, 5));
	assert_true(uidmap_add(m, 5));
	assert_false(uidmap_add(m, 5));
	assert_true(uidmap_has(m, 5));
	assert_false(uidmap_has(m, 5 + 65536));
	uidmap_free(&m);
	assert_null(m);
	uidmap_free(&m);
}

static void
map_holds_both_ends_of_the_range(void **state)
{
	struct uidmap *m = uidmap_new();

	(void)state;
	assert_true(uidmap_add(m, UINT32_MAX));
	assert_true(uidmap_add(m, 0));
	assert_true(uidmap_has(m, 0) && uidmap_has(m, UINT32_MAX));
	assert_false(uidmap_has(m, 1) || uidmap_has(m, UINT32_MAX - 1));
	uidmap_free(&m);
}

/* Every third UID over several blocks, in an order that jumps; lists become bits on the way. */
static void
map_stays_right_when_lists_become_bits(void **state)
{
	struct uidmap *m = uidmap_new();
	const uint32_t n = 70001, step = 3, stride = 7919; /* stride is prime: meets each once */

	(void)state;
	for (uint32_t i = 0; i < n; i++)
		assert_true(uidmap_add(m, (uint32_t)((uint64_t)i * stride % n) * step));
	for (uint32_t uid = 0; uid < n * step; uid++)
		assert_int_equal(uidmap_has(m, uid), uid % step == 0);
	for (uint32_t i = 0; i < n; i++)
		assert_false(uidmap_add(m, i * step));
	uidmap_free(&m);
}

static void
map_holds_a_full_block(void **state)
{
	struct uidmap *m = uidmap_new();

	(void)state;
	for (uint32_t uid = 65536; uid < 131072; uid++)
		assert_true(uidmap_add(m, uid));
	assert_false(uidmap_has(m, 65535) || uidmap_has(m, 131072));
	for (uint32_t uid = 65536; uid < 131072; uid++)
		assert_true(uidmap_has(m, uid));
	uidmap_free(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(map_tells_new_from_known),
		cmocka_unit_test(map_holds_both_ends_of_the_range),
		cmocka_unit_test(map_stays_right_when_lists_become_bits),
		cmocka_unit_test(map_holds_a_full_block),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
