/* base/arena: limits, alignment, reuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdalign.h>
#include <string.h>

#include "base/arena.h"

static void
arena_gives_zeroed_aligned_memory_also_after_a_reset(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	for (int round = 0; round < 3; round++) {
		for (size_t n = 1; n < 200; n++) {
			unsigned char *p = arena_take(&a, n);

			assert_non_null(p);
			assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
			for (size_t i = 0; i < n; i++)
				assert_int_equal(p[i], 0);
			memset(p, 0xa5, n);
		}
		arena_reset(&a);
		assert_int_equal(a.used_bytes, 0);
	}
	arena_done(&a);
}

static void
arena_refuses_what_goes_over_its_limit_and_stays_usable(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 100 * 1024);
	assert_non_null(arena_take(&a, 60 * 1024));
	assert_null(arena_take(&a, 60 * 1024));
	assert_null(arena_take(&a, SIZE_MAX));
	assert_null(arena_copy(&a, (struct slice){ "", SIZE_MAX }));
	assert_non_null(arena_take(&a, 30 * 1024));
	arena_reset(&a);
	assert_non_null(arena_take(&a, 60 * 1024));
	arena_done(&a);
	arena_done(&a);
}

static void
arena_takes_exactly_its_limit(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 1024);
	for (int i = 0; i < 64; i++)
		assert_non_null(arena_take(&a, 16));
	assert_null(arena_take(&a, 1));
	arena_done(&a);
}

static void
arena_keeps_a_common_block_but_not_a_large_one(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	void *first = arena_take(&a, 10);

	arena_take(&a, 500000);
	arena_reset(&a);
	assert_ptr_equal(arena_take(&a, 10), first);
	arena_done(&a);
	arena_take(&a, 500000);
	arena_reset(&a);
	assert_null(a.first);
	arena_done(&a);
}

static void
arena_copies_and_prints_text_with_its_nul(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 4096);
	assert_string_equal(arena_copy(&a, (struct slice){ "abcdef", 3 }), "abc");
	assert_string_equal(arena_copy(&a, slice_str(NULL)), "");
	assert_string_equal(arena_printf(&a, "%s-%d", "x", 42), "x-42");
	assert_null(arena_printf(&a, "%5000d", 1));
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arena_gives_zeroed_aligned_memory_also_after_a_reset),
		cmocka_unit_test(arena_refuses_what_goes_over_its_limit_and_stays_usable),
		cmocka_unit_test(arena_takes_exactly_its_limit),
		cmocka_unit_test(arena_keeps_a_common_block_but_not_a_large_one),
		cmocka_unit_test(arena_copies_and_prints_text_with_its_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
