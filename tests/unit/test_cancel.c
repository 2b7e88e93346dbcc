/* base/cancel: everybody who sleeps wakes up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <signal.h>

#include "base/cancel.h"
#include "base/clock.h"

static bool
readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void
cancel_stays_raised_and_keeps_its_first_time(void **state)
{
	struct cancel *c = cancel_new();

	(void)state;
	assert_false(cancel_raised(c));
	assert_false(readable(cancel_fd(c)));
	assert_int_equal(cancel_since_ms(c), 0);
	cancel_raise(c);
	int64_t since = cancel_since_ms(c);

	assert_true(since > 0 && since <= clock_mono_ms());
	for (int i = 0; i < 3; i++) {
		cancel_raise(c);
		assert_true(cancel_raised(c));
		assert_true(readable(cancel_fd(c)));
		assert_int_equal(cancel_since_ms(c), since);
	}
	cancel_free(c);
}

static void
cancel_that_is_missing_is_never_raised(void **state)
{
	struct err err;

	(void)state;
	assert_false(cancel_raised(NULL));
	assert_int_equal(cancel_fd(NULL), -1);
	assert_int_equal(cancel_since_ms(NULL), 0);
	assert_int_equal(cancel_sleep(NULL, 1, &err), 0);
	cancel_watch(NULL, NULL, NULL);
	cancel_unwatch(NULL, NULL);
	cancel_free(NULL);
}

static struct cancel *of_signal;

static void
handler(int sig)
{
	(void)sig;
	cancel_raise_from_signal(of_signal);
}

static void
cancel_is_raised_from_a_signal_handler(void **state)
{
	struct sigaction now = { .sa_handler = handler }, before;
	struct err err;

	(void)state;
	of_signal = cancel_new();
	sigaction(SIGUSR1, &now, &before);
	raise(SIGUSR1);
	sigaction(SIGUSR1, &before, NULL);
	assert_true(cancel_raised(of_signal));
	assert_true(readable(cancel_fd(of_signal)));
	assert_int_equal(cancel_sleep(of_signal, 60 * SEC, &err), -1);
	assert_int_equal(err.kind, ERR_INTERRUPTED);
	cancel_free(of_signal);
}

static void
what_is_below_is_raised_alone_or_with_all(void **state)
{
	struct cancel *above = cancel_new();
	struct cancel *a = cancel_new_below(above), *b = cancel_new_below(above), *late;

	(void)state;
	cancel_raise(a);
	assert_true(cancel_raised(a));
	assert_false(cancel_raised(above));
	assert_false(cancel_raised(b));
	cancel_free(a);
	cancel_raise(above);
	assert_true(cancel_raised(b));
	assert_true(readable(cancel_fd(b)));
	late = cancel_new_below(above);
	assert_true(cancel_raised(late));
	cancel_free(b);
	cancel_free(late);
	cancel_free(above);
}

struct waiter {
	struct cancel *stop;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool waiting;
};

static void *
wait_on_cond(void *arg)
{
	struct waiter *w = arg;

	pthread_mutex_lock(&w->mutex);
	w->waiting = true;
	while (!cancel_raised(w->stop))
		pthread_cond_wait(&w->cond, &w->mutex);
	pthread_mutex_unlock(&w->mutex);
	return NULL;
}

static void *
wait_asleep(void *arg)
{
	struct waiter *w = arg;
	struct err err;

	return cancel_sleep(w->stop, 3600 * SEC, &err) < 0 && err.kind == ERR_INTERRUPTED ? w : NULL;
}

static void
cancel_wakes_threads_on_conditions_and_asleep(void **state)
{
	struct waiter w = { .stop = cancel_new(), .mutex = PTHREAD_MUTEX_INITIALIZER,
		.cond = PTHREAD_COND_INITIALIZER };
	pthread_t on_cond, asleep;
	void *woken = NULL;
	bool waiting = false;

	(void)state;
	cancel_watch(w.stop, &w.mutex, &w.cond);
	pthread_create(&on_cond, NULL, wait_on_cond, &w);
	pthread_create(&asleep, NULL, wait_asleep, &w);
	while (!waiting) {
		pthread_mutex_lock(&w.mutex);
		waiting = w.waiting;
		pthread_mutex_unlock(&w.mutex);
	}
	cancel_raise(w.stop);
	pthread_join(on_cond, NULL);
	pthread_join(asleep, &woken);
	assert_ptr_equal(woken, &w);
	cancel_unwatch(w.stop, &w.cond);
	cancel_free(w.stop);
}

static void
cancel_forgets_a_condition_that_is_unwatched(void **state)
{
	struct cancel *c = cancel_new();
	struct waiter w[20];

	(void)state;
	for (size_t i = 0; i < 20; i++) {
		pthread_mutex_init(&w[i].mutex, NULL);
		pthread_cond_init(&w[i].cond, NULL);
		cancel_watch(c, &w[i].mutex, &w[i].cond);
	}
	for (size_t i = 0; i < 20; i++) {
		cancel_unwatch(c, &w[i].cond);
		pthread_cond_destroy(&w[i].cond);
		pthread_mutex_destroy(&w[i].mutex);
	}
	cancel_raise(c);
	cancel_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cancel_stays_raised_and_keeps_its_first_time),
		cmocka_unit_test(cancel_that_is_missing_is_never_raised),
		cmocka_unit_test(cancel_is_raised_from_a_signal_handler),
		cmocka_unit_test(what_is_below_is_raised_alone_or_with_all),
		cmocka_unit_test(cancel_wakes_threads_on_conditions_and_asleep),
		cmocka_unit_test(cancel_forgets_a_condition_that_is_unwatched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
