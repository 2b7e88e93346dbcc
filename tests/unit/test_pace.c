/* store/pace: a server that grows slow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/pace.h"

enum { SPAN = 60 * 1000 };

/* So many messages, each with so long a wait; how often it was told to be slow. */
static unsigned
go(struct pace *p, unsigned messages, uint64_t octets, int64_t each_ms, int64_t *io_ms)
{
	unsigned slow = 0;

	for (unsigned i = 0; i < messages; i++)
		slow += pace_add(p, octets, *io_ms += each_ms);
	return slow;
}

static void
slow_is_what_was_quick_before(void **state)
{
	struct pace p;
	int64_t ms = 0;

	(void)state;
	pace_init(&p, SPAN);
	assert_int_equal(go(&p, 1000, 4096, 5, &ms), 0);
	/* One in two seconds: told after each minute. */
	assert_int_equal(go(&p, 29, 4096, 2000, &ms), 0);
	assert_int_equal(go(&p, 1, 4096, 2000, &ms), 1);
	assert_int_equal(go(&p, 30, 4096, 2000, &ms), 1);
	assert_true(p.now < 1 && p.best > 100);
}

static void
a_server_that_always_was_slow_is_as_it_is(void **state)
{
	struct pace p;
	int64_t ms = 0;

	(void)state;
	pace_init(&p, SPAN);
	assert_int_equal(go(&p, 500, 4096, 2000, &ms), 0);
}

static void
large_messages_take_their_time(void **state)
{
	struct pace p;
	int64_t ms = 0;

	(void)state;
	pace_init(&p, SPAN);
	assert_int_equal(go(&p, 1000, 4096, 5, &ms), 0);
	/* 20 MiB in 20 seconds each. */
	assert_int_equal(go(&p, 12, 20 << 20, 20000, &ms), 0);
	assert_int_equal(go(&p, 3, 4096, 0, &ms), 0);
}

static void
three_a_second_are_not_slow(void **state)
{
	struct pace p;
	int64_t ms = 0;

	(void)state;
	pace_init(&p, SPAN);
	assert_int_equal(go(&p, 1000, 4096, 5, &ms), 0);
	assert_int_equal(go(&p, 400, 4096, 333, &ms), 0);
}

static void
a_new_connection_counts_from_nothing(void **state)
{
	struct pace p;
	int64_t ms = 0;

	(void)state;
	pace_init(&p, SPAN);
	assert_int_equal(go(&p, 1000, 4096, 5, &ms), 0);
	assert_int_equal(go(&p, 20, 4096, 2000, &ms), 0);
	pace_new_connection(&p);
	ms = 0;
	assert_int_equal(go(&p, 29, 4096, 2000, &ms), 0);
	assert_int_equal(go(&p, 1, 4096, 2000, &ms), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slow_is_what_was_quick_before),
		cmocka_unit_test(a_server_that_always_was_slow_is_as_it_is),
		cmocka_unit_test(large_messages_take_their_time),
		cmocka_unit_test(three_a_second_are_not_slow),
		cmocka_unit_test(a_new_connection_counts_from_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
