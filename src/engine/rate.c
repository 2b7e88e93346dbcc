#include "engine/rate.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

/* The longest sleep without a look: the rate may be another by then. */
enum { LOOK_MS = SEC };

struct rate {
	pthread_mutex_t mutex;
	uint64_t octets_s;
	double saved; /* octets; negative: a debt that has to pass first */
	int64_t at_ms;
};

struct rate *
rate_new(uint64_t octets_s)
{
	struct rate *r = mem_new(sizeof(*r));

	pthread_mutex_init(&r->mutex, NULL);
	r->octets_s = octets_s;
	r->at_ms = clock_mono_ms();
	return r;
}

void
rate_free(struct rate *r)
{
	if (r == NULL)
		return;
	pthread_mutex_destroy(&r->mutex);
	free(r);
}

void
rate_set(struct rate *r, uint64_t octets_s)
{
	pthread_mutex_lock(&r->mutex);
	r->octets_s = octets_s;
	r->saved = 0;
	r->at_ms = clock_mono_ms();
	pthread_mutex_unlock(&r->mutex);
}

/* What the time since the last call has brought. */
static void
earn(struct rate *r)
{
	int64_t now_ms = clock_mono_ms();
	double most = (double)r->octets_s;

	r->saved += (double)(now_ms - r->at_ms) * most / SEC;
	if (r->saved > most)
		r->saved = most;
	r->at_ms = now_ms;
}

/* Milliseconds until nothing is owed. */
static int64_t
owed_ms(struct rate *r, size_t n)
{
	int64_t ms = 0;

	pthread_mutex_lock(&r->mutex);
	if (r->octets_s > 0) {
		earn(r);
		r->saved -= (double)n;
		if (r->saved < 0)
			ms = (int64_t)(-r->saved * SEC / (double)r->octets_s) + 1;
	}
	pthread_mutex_unlock(&r->mutex);
	return ms;
}

int
rate_spend(struct rate *r, size_t n, struct cancel *stop, struct err *err)
{
	int64_t ms;

	if (r == NULL)
		return 0;
	for (ms = owed_ms(r, n); ms > 0; ms = owed_ms(r, 0))
		if (cancel_sleep(stop, ms < LOOK_MS ? ms : LOOK_MS, err) < 0)
			return -1;
	return 0;
}
