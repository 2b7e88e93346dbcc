/* See queue.h. A ring under one mutex; two conditions, so that a put wakes a getter only.
 * Timeouts are on the monotonic clock: a set wall clock must not stall a job. */
#include "base/queue.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"

struct queue {
	pthread_mutex_t mutex;
	pthread_cond_t filled, freed;
	void **item;
	size_t limit, first, len;
	bool closed;
};

struct queue *
queue_new(size_t limit)
{
	assert(limit > 0);
	struct queue *q = mem_new(sizeof(*q));
	pthread_condattr_t attr;

	q->limit = limit;
	q->item = mem_resize(NULL, limit, sizeof(*q->item));
	pthread_mutex_init(&q->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&q->filled, &attr);
	pthread_cond_init(&q->freed, &attr);
	pthread_condattr_destroy(&attr);
	return q;
}

void
queue_free(struct queue *q)
{
	if (q == NULL)
		return;
	assert(q->len == 0);
	pthread_cond_destroy(&q->filled);
	pthread_cond_destroy(&q->freed);
	pthread_mutex_destroy(&q->mutex);
	free(q->item);
	free(q);
}

bool
queue_put(struct queue *q, void *item)
{
	pthread_mutex_lock(&q->mutex);
	while (q->len == q->limit && !q->closed)
		pthread_cond_wait(&q->freed, &q->mutex);
	bool taken = !q->closed;

	if (taken)
		q->item[(q->first + q->len++) % q->limit] = item;
	pthread_mutex_unlock(&q->mutex);
	/* Behind the mutex: who is woken up needs it at once. */
	if (taken)
		pthread_cond_signal(&q->filled);
	return taken;
}

/* Mutex held. False when the time is over. */
static bool
queue_wait(struct queue *q, int64_t deadline_ms)
{
	struct timespec until = {
		.tv_sec = (time_t)(deadline_ms / SEC),
		.tv_nsec = (long)(deadline_ms % SEC) * 1000000,
	};

	if (deadline_ms == INT64_MAX)
		return pthread_cond_wait(&q->filled, &q->mutex) == 0;
	return pthread_cond_timedwait(&q->filled, &q->mutex, &until) != ETIMEDOUT;
}

void *
queue_get(struct queue *q, int timeout_ms)
{
	int64_t deadline_ms = timeout_ms < 0 ? INT64_MAX : clock_mono_ms() + timeout_ms;
	void *item = NULL;

	pthread_mutex_lock(&q->mutex);
	while (q->len == 0 && !q->closed && timeout_ms != 0 && queue_wait(q, deadline_ms))
		;
	if (q->len > 0) {
		item = q->item[q->first];
		q->first = (q->first + 1) % q->limit;
		q->len--;
		pthread_cond_signal(&q->freed);
	}
	pthread_mutex_unlock(&q->mutex);
	return item;
}

bool
queue_await(struct queue *q)
{
	pthread_mutex_lock(&q->mutex);
	while (q->len == 0 && !q->closed)
		pthread_cond_wait(&q->filled, &q->mutex);
	bool filled = q->len > 0;

	pthread_mutex_unlock(&q->mutex);
	return filled;
}

void
queue_close(struct queue *q)
{
	pthread_mutex_lock(&q->mutex);
	q->closed = true;
	pthread_cond_broadcast(&q->filled);
	pthread_cond_broadcast(&q->freed);
	pthread_mutex_unlock(&q->mutex);
}

size_t
queue_len(struct queue *q)
{
	pthread_mutex_lock(&q->mutex);
	size_t len = q->len;

	pthread_mutex_unlock(&q->mutex);
	return len;
}

bool
queue_any(struct queue *q, bool (*is)(void *item, void *arg), void *arg)
{
	bool found = false;

	pthread_mutex_lock(&q->mutex);
	for (size_t i = 0; i < q->len && !found; i++)
		found = is(q->item[(q->first + i) % q->limit], arg);
	pthread_mutex_unlock(&q->mutex);
	return found;
}
