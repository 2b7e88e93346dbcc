/* See ahead.h. The session lives under a stop signal of its own, below the owner's: to give it up is
 * to raise that, which ends every wait that the thread may be in. */
#include "imap/ahead.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

struct sess_ahead {
	const struct endpoint *at;
	struct cancel *stop;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t told;
	bool go; /* mutex */
	bool joined, taken; /* of the owner */
	/* of the thread, until it is joined */
	struct sess *s;
	struct err err;
	int rc;
};

/* How long it stood there; the answer comes with the signal to stop, too. */
static int64_t
wait_for_go(struct sess_ahead *a)
{
	int64_t began_ms = clock_mono_ms();

	cancel_watch(a->stop, &a->mutex, &a->told);
	pthread_mutex_lock(&a->mutex);
	while (!a->go && !cancel_raised(a->stop))
		pthread_cond_wait(&a->told, &a->mutex);
	pthread_mutex_unlock(&a->mutex);
	cancel_unwatch(a->stop, &a->told);
	return clock_mono_ms() - began_ms;
}

static void *
ahead_thread(void *arg)
{
	struct sess_ahead *a = arg;

	a->rc = sess_reach(&a->s, a->at, a->stop, &a->err);
	if (a->rc < 0)
		return NULL;

	bool kept = wait_for_go(a) > AHEAD_KEPT_MS;

	if (cancel_raised(a->stop)) {
		a->rc = err_set(&a->err, ERR_INTERRUPTED, "interrupted");
	} else if (kept) {
		sess_close(&a->s);
		a->rc = sess_open(&a->s, a->at, a->stop, &a->err);
	} else {
		a->rc = sess_begin(a->s, &a->err);
	}
	return NULL;
}

static void
ahead_free(struct sess_ahead *a)
{
	sess_close(&a->s);
	cancel_free(a->stop);
	pthread_cond_destroy(&a->told);
	pthread_mutex_destroy(&a->mutex);
	free(a);
}

struct sess_ahead *
sess_ahead_start(const struct endpoint *at, struct cancel *stop)
{
	struct sess_ahead *a = mem_new(sizeof(*a));

	a->at = at;
	a->stop = cancel_new_below(stop);
	pthread_mutex_init(&a->mutex, NULL);
	pthread_cond_init(&a->told, NULL);
	if (pthread_create(&a->thread, NULL, ahead_thread, a) == 0)
		return a;
	ahead_free(a);
	return NULL;
}

void
sess_ahead_go(struct sess_ahead *a)
{
	if (a == NULL)
		return;
	pthread_mutex_lock(&a->mutex);
	a->go = true;
	pthread_cond_signal(&a->told);
	pthread_mutex_unlock(&a->mutex);
}

bool
sess_ahead_there(const struct sess_ahead *a)
{
	return a != NULL && !a->taken;
}

static void
ahead_join(struct sess_ahead *a)
{
	if (!a->joined)
		pthread_join(a->thread, NULL);
	a->joined = true;
}

int
sess_ahead_wait(struct sess_ahead *a, struct err *err)
{
	if (a == NULL)
		return 0;
	sess_ahead_go(a);
	ahead_join(a);
	if (a->rc < 0)
		*err = a->err;
	return a->rc;
}

int
sess_ahead_take(struct sess_ahead *a, struct sess **ret, struct err *err)
{
	int rc = sess_ahead_wait(a, err);

	a->taken = true;
	*ret = a->s;
	a->s = NULL;
	return rc;
}

void
sess_ahead_close(struct sess_ahead **ap)
{
	struct sess_ahead *a = *ap;

	if (a == NULL)
		return;
	if (!a->taken) {
		cancel_raise(a->stop);
		ahead_join(a);
	}
	ahead_free(a);
	*ap = NULL;
}
