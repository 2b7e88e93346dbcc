/* base/queue between threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "base/queue.h"

enum { ITEMS = 5000, PRODUCERS = 3 };

static void *
produce(void *arg)
{
	struct queue *q = arg;

	for (uintptr_t i = 1; i <= ITEMS; i++) {
		if (!queue_put(q, (void *)i))
			return NULL;
	}
	return q;
}

static void
queue_gives_every_item_once_in_the_order_of_each_producer(void **state)
{
	struct queue *q = queue_new(7);
	pthread_t thread[PRODUCERS];
	uintptr_t sum = 0;

	(void)state;
	for (int i = 0; i < PRODUCERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, produce, q), 0);
	for (int i = 0; i < PRODUCERS * ITEMS; i++) {
		void *item = queue_get(q, -1);

		assert_non_null(item);
		assert_in_range(queue_len(q), 0, 7);
		sum += (uintptr_t)item;
	}
	assert_int_equal(sum, (uintptr_t)PRODUCERS * ITEMS * (ITEMS + 1) / 2);
	for (int i = 0; i < PRODUCERS; i++) {
		void *done = NULL;

		pthread_join(thread[i], &done);
		assert_non_null(done);
	}
	assert_null(queue_get(q, 0));
	queue_free(q);
}

static void
queue_that_is_closed_wakes_a_waiting_producer_and_is_drained(void **state)
{
	struct queue *q = queue_new(2);
	pthread_t thread;
	void *done = q;
	uintptr_t got = 0;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, produce, q), 0);
	while (queue_len(q) < 2)
		;
	queue_close(q);
	pthread_join(thread, &done);
	assert_null(done);
	for (void *item = queue_get(q, -1); item != NULL; item = queue_get(q, -1))
		assert_int_equal((uintptr_t)item, ++got);
	assert_int_equal(got, 2);
	assert_false(queue_put(q, q));
	queue_free(q);
}

static void *
consume(void *arg)
{
	return queue_get(arg, -1);
}

static void
queue_that_is_closed_wakes_a_waiting_consumer(void **state)
{
	struct queue *q = queue_new(1);
	pthread_t thread;
	void *got = q;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, consume, q), 0);
	queue_close(q);
	pthread_join(thread, &got);
	assert_null(got);
	queue_free(q);
	queue_free(NULL);
}

static void
queue_get_gives_up_after_its_time(void **state)
{
	struct queue *q = queue_new(1);

	(void)state;
	assert_null(queue_get(q, 0));
	assert_null(queue_get(q, 20));
	assert_true(queue_put(q, q));
	assert_ptr_equal(queue_get(q, 20), q);
	queue_free(q);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queue_gives_every_item_once_in_the_order_of_each_producer),
		cmocka_unit_test(queue_that_is_closed_wakes_a_waiting_producer_and_is_drained),
		cmocka_unit_test(queue_that_is_closed_wakes_a_waiting_consumer),
		cmocka_unit_test(queue_get_gives_up_after_its_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
