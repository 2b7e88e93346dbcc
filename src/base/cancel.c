/* See cancel.h. Nobody reads the eventfd: once raised it stays readable, so every poll, now or
 * later, ends. The list of conditions has its own mutex, which is taken before a condition's
 * mutex; so nobody may watch, unwatch or raise while holding the mutex of a watched condition. */
#include "base/cancel.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

struct cancel_watcher {
	pthread_mutex_t *mutex;
	pthread_cond_t *cond;
};

struct cancel {
	atomic_bool raised;
	atomic_llong since_ms;
	_Atomic(const char *) words;
	int fd;
	pthread_mutex_t mutex;
	struct cancel_watcher *watcher;
	size_t watchers, room;
	struct cancel *above;
	/* those below, under this one's mutex */
	struct cancel *below, *next;
};

struct cancel *
cancel_new(void)
{
	struct cancel *c = mem_new(sizeof(*c));

	c->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->fd < 0)
		mem_out();
	pthread_mutex_init(&c->mutex, NULL);
	return c;
}

struct cancel *
cancel_new_below(struct cancel *above)
{
	struct cancel *c = cancel_new();

	c->above = above;
	pthread_mutex_lock(&above->mutex);
	c->next = above->below;
	above->below = c;
	pthread_mutex_unlock(&above->mutex);
	/* Raised before it was in the list, it has missed that. */
	if (cancel_raised(above))
		cancel_raise(c);
	return c;
}

static void
cancel_leave(struct cancel *c)
{
	struct cancel **at = &c->above->below;

	pthread_mutex_lock(&c->above->mutex);
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	pthread_mutex_unlock(&c->above->mutex);
}

void
cancel_free(struct cancel *c)
{
	if (c == NULL)
		return;
	if (c->above != NULL)
		cancel_leave(c);
	pthread_mutex_destroy(&c->mutex);
	close(c->fd);
	free(c->watcher);
	free(c);
}

/* The time is stored before the flag: who sees the flag sees the time. */
void
cancel_raise_from_signal(struct cancel *c)
{
	int saved = errno;
	long long never = 0;
	uint64_t one = 1;

	atomic_compare_exchange_strong(&c->since_ms, &never, clock_mono_ms());
	atomic_store(&c->raised, true);
	ssize_t n = write(c->fd, &one, sizeof(one));

	(void)n; /* EAGAIN only when it is readable already */
	errno = saved;
}

void
cancel_raise(struct cancel *c)
{
	cancel_raise_from_signal(c);
	pthread_mutex_lock(&c->mutex);
	for (size_t i = 0; i < c->watchers; i++) {
		pthread_mutex_lock(c->watcher[i].mutex);
		pthread_cond_broadcast(c->watcher[i].cond);
		pthread_mutex_unlock(c->watcher[i].mutex);
	}
	for (struct cancel *b = c->below; b != NULL; b = b->next)
		cancel_raise(b);
	pthread_mutex_unlock(&c->mutex);
}

/* The words are stored before the flag: who sees the flag sees them. */
void
cancel_raise_because(struct cancel *c, const char *words)
{
	atomic_store(&c->words, words);
	cancel_raise(c);
}

const char *
cancel_words(const struct cancel *c)
{
	return c != NULL ? atomic_load(&c->words) : NULL;
}

bool
cancel_raised(const struct cancel *c)
{
	return c != NULL && atomic_load(&c->raised);
}

int
cancel_fd(const struct cancel *c)
{
	return c != NULL ? c->fd : -1;
}

int64_t
cancel_since_ms(const struct cancel *c)
{
	return cancel_raised(c) ? atomic_load(&c->since_ms) : 0;
}

void
cancel_watch(struct cancel *c, pthread_mutex_t *mutex, pthread_cond_t *cond)
{
	if (c == NULL)
		return;
	pthread_mutex_lock(&c->mutex);
	if (c->watchers == c->room) {
		c->room = c->room * 2 + 8;
		c->watcher = mem_resize(c->watcher, c->room, sizeof(*c->watcher));
	}
	c->watcher[c->watchers++] = (struct cancel_watcher){ mutex, cond };
	pthread_mutex_unlock(&c->mutex);
}

void
cancel_unwatch(struct cancel *c, pthread_cond_t *cond)
{
	if (c == NULL)
		return;
	pthread_mutex_lock(&c->mutex);
	for (size_t i = 0; i < c->watchers; i++) {
		if (c->watcher[i].cond == cond) {
			c->watcher[i] = c->watcher[--c->watchers];
			break;
		}
	}
	pthread_mutex_unlock(&c->mutex);
}

int
cancel_sleep(struct cancel *c, int64_t ms, struct err *err)
{
	int64_t deadline_ms = clock_mono_ms() + (ms > 0 ? ms : 0);
	struct pollfd p = { .fd = cancel_fd(c), .events = POLLIN };

	while (!cancel_raised(c)) {
		int64_t left_ms = deadline_ms - clock_mono_ms();

		if (left_ms <= 0)
			return 0;
		poll(&p, 1, left_ms > INT_MAX ? INT_MAX : (int)left_ms);
	}
	return err_set(err, ERR_INTERRUPTED, "interrupted");
}
