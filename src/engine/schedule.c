#include "engine/schedule.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"

/* The longest wait without a look: holds of hosts end without a word. */
enum { LOOK_MS = 1000 };

/* Accounts of one pair of servers: first those whose second time has come, then item[head..len). */
struct group {
	unsigned host[HOST_ENDS];
	size_t n_hosts;
	size_t *item;
	size_t head, len, room;
	size_t *again; /* due, the first in front */
	size_t n_again, again_room;
};

struct aside {
	size_t item;
	int64_t due_ms;
};

struct schedule {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct hosts *hosts;
	struct cancel *stop;
	struct group *group;
	size_t n_groups, group_room;
	size_t turn; /* the group that is asked first */
	size_t *group_of; /* by item */
	struct aside *aside;
	size_t n_aside, aside_room;
	size_t jobs, queued, running, done;
	size_t busy; /* of the running, those that need their servers */
	bool *needs_servers; /* by item */
	bool stopped, held;
};

/* ---- making it ---- */

static bool
same_hosts(const struct group *g, const struct schedule_item *i)
{
	return g->n_hosts == i->n_hosts &&
	       memcmp(g->host, i->host, i->n_hosts * sizeof(*g->host)) == 0;
}

/* Lists name a server many times in a row: the last group is looked at first. */
static size_t
group_for(struct schedule *s, const struct schedule_item *i)
{
	for (size_t k = s->n_groups; k > 0; k--)
		if (same_hosts(&s->group[k - 1], i))
			return k - 1;
	if (s->n_groups == s->group_room) {
		s->group_room = s->group_room * 2 + 16;
		s->group = mem_resize(s->group, s->group_room, sizeof(*s->group));
	}

	struct group *g = &s->group[s->n_groups];

	*g = (struct group){ .n_hosts = i->n_hosts };
	memcpy(g->host, i->host, i->n_hosts * sizeof(*g->host));
	return s->n_groups++;
}

static void
list_add(size_t **list, size_t *len, size_t *room, size_t item)
{
	if (*len == *room) {
		*room = *room * 2 + 16;
		*list = mem_resize(*list, *room, sizeof(**list));
	}
	(*list)[(*len)++] = item;
}

struct ranked {
	size_t item;
	uint64_t rank;
};

static int
greater_first(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->rank != y->rank)
		return x->rank > y->rank ? -1 : 1;
	return x->item < y->item ? -1 : 1;
}

/* Unknown ones come last: that is where small ones belong, and nobody knows better. */
static int
smaller_first(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->rank != y->rank && x->rank > 0 && y->rank > 0)
		return x->rank < y->rank ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank > 0 ? -1 : 1;
	return x->item < y->item ? -1 : 1;
}

struct schedule *
schedule_new(const struct schedule_item *item, size_t n, enum schedule_order order,
    size_t jobs, struct hosts *hosts, struct cancel *stop)
{
	struct schedule *s = mem_new(sizeof(*s));
	struct ranked *rank = mem_resize(NULL, n + 1, sizeof(*rank));

	pthread_mutex_init(&s->mutex, NULL);

	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->changed, &attr);
	pthread_condattr_destroy(&attr);
	s->hosts = hosts;
	s->stop = stop;
	s->group_of = mem_resize(NULL, n + 1, sizeof(*s->group_of));
	s->needs_servers = mem_new(n + 1);
	s->jobs = jobs;
	s->queued = n;
	for (size_t i = 0; i < n; i++)
		rank[i] = (struct ranked){ i, item[i].rank };
	if (order != SCHEDULE_LIST && n > 1)
		qsort(rank, n, sizeof(*rank),
		    order == SCHEDULE_SMALLEST ? smaller_first : greater_first);
	for (size_t i = 0; i < n; i++) {
		size_t k = group_for(s, &item[rank[i].item]);

		s->group_of[rank[i].item] = k;
		list_add(&s->group[k].item, &s->group[k].len, &s->group[k].room, rank[i].item);
	}
	free(rank);
	hosts_watch(hosts, &s->mutex, &s->changed);
	cancel_watch(stop, &s->mutex, &s->changed);
	return s;
}

void
schedule_free(struct schedule *s)
{
	if (s == NULL)
		return;
	hosts_watch(s->hosts, NULL, NULL);
	cancel_unwatch(s->stop, &s->changed);
	for (size_t i = 0; i < s->n_groups; i++) {
		free(s->group[i].item);
		free(s->group[i].again);
	}
	free(s->group);
	free(s->group_of);
	free(s->needs_servers);
	free(s->aside);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->mutex);
	free(s);
}

/* ---- giving out ---- */

/* Those whose time has come go back to their groups. Returns when the next is due, 0: none waits. */
static int64_t
take_back_due(struct schedule *s)
{
	int64_t now_ms = clock_mono_ms(), next_ms = 0;
	size_t kept = 0;

	for (size_t i = 0; i < s->n_aside; i++) {
		struct aside *a = &s->aside[i];

		if (a->due_ms <= now_ms) {
			struct group *g = &s->group[s->group_of[a->item]];

			list_add(&g->again, &g->n_again, &g->again_room, a->item);
			s->queued++;
			continue;
		}
		if (next_ms == 0 || a->due_ms < next_ms)
			next_ms = a->due_ms;
		s->aside[kept++] = *a;
	}
	s->n_aside = kept;
	return next_ms;
}

static bool
group_empty(const struct group *g)
{
	return g->n_again == 0 && g->head == g->len;
}

static size_t
group_take(struct group *g)
{
	if (g->n_again == 0)
		return g->item[g->head++];

	size_t item = g->again[0];

	g->n_again--;
	memmove(g->again, g->again + 1, g->n_again * sizeof(*g->again));
	return item;
}

static bool
group_closed(const struct schedule *s, const struct group *g)
{
	for (size_t i = 0; i < g->n_hosts; i++)
		if (hosts_closed(s->hosts, g->host[i]))
			return true;
	return false;
}

static bool
give_out(struct schedule *s, size_t *ret_item, enum schedule_next *ret)
{
	for (size_t i = 0; i < s->n_groups && !s->held && s->busy < s->jobs; i++) {
		size_t k = (s->turn + i) % s->n_groups;
		struct group *g = &s->group[k];

		if (group_empty(g))
			continue;
		*ret = group_closed(s, g) ? SCHEDULE_CLOSED : SCHEDULE_TAKE;
		if (*ret == SCHEDULE_TAKE && !hosts_try(s->hosts, g->host, g->n_hosts))
			continue;
		*ret_item = group_take(g);
		s->turn = k + 1;
		s->queued--;
		s->running++;
		s->busy++;
		s->needs_servers[*ret_item] = true;
		return true;
	}
	return false;
}

static void
wait_until(struct schedule *s, int64_t due_ms)
{
	int64_t ms = clock_mono_ms() + LOOK_MS;
	struct timespec until;

	if (due_ms > 0 && due_ms < ms)
		ms = due_ms;
	until.tv_sec = ms / SEC;
	until.tv_nsec = ms % SEC * 1000000L;
	pthread_cond_timedwait(&s->changed, &s->mutex, &until);
}

/* There may be one to give out: to any of those who wait, for all look for the same. Who takes it wakes the
 * next, should there be more; to wake all each time would cost more than many accounts do. */
static void
wake_one(struct schedule *s)
{
	if (s->queued > 0 && s->busy < s->jobs)
		pthread_cond_signal(&s->changed);
}

enum schedule_next
schedule_next(struct schedule *s, size_t *ret_item)
{
	enum schedule_next next = SCHEDULE_END;

	pthread_mutex_lock(&s->mutex);
	while (!s->stopped && !cancel_raised(s->stop)) {
		int64_t due_ms = take_back_due(s);

		if (give_out(s, ret_item, &next)) {
			wake_one(s);
			break;
		}
		next = SCHEDULE_END;
		/* One that runs may come back to be tried again. */
		if (s->queued == 0 && s->n_aside == 0 && s->running == 0)
			break;
		wait_until(s, due_ms);
	}
	pthread_mutex_unlock(&s->mutex);
	return next;
}

/* Mutex held. */
static void
leave_servers(struct schedule *s, size_t item)
{
	s->busy -= s->needs_servers[item];
	s->needs_servers[item] = false;
}

void
schedule_leaves(struct schedule *s, size_t item)
{
	pthread_mutex_lock(&s->mutex);
	leave_servers(s, item);
	wake_one(s);
	pthread_mutex_unlock(&s->mutex);
}

void
schedule_done(struct schedule *s, size_t item)
{
	pthread_mutex_lock(&s->mutex);
	leave_servers(s, item);
	s->running--;
	s->done++;
	/* All of them end. */
	if (s->queued == 0 && s->n_aside == 0 && s->running == 0)
		pthread_cond_broadcast(&s->changed);
	wake_one(s);
	pthread_mutex_unlock(&s->mutex);
}

void
schedule_again(struct schedule *s, size_t item, int64_t ms)
{
	pthread_mutex_lock(&s->mutex);
	if (s->n_aside == s->aside_room) {
		s->aside_room = s->aside_room * 2 + 16;
		s->aside = mem_resize(s->aside, s->aside_room, sizeof(*s->aside));
	}
	s->aside[s->n_aside++] = (struct aside){ item, clock_mono_ms() + ms };
	leave_servers(s, item);
	s->running--;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->mutex);
}

void
schedule_hold(struct schedule *s, bool hold)
{
	pthread_mutex_lock(&s->mutex);
	s->held = hold;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->mutex);
}

void
schedule_hurry(struct schedule *s, size_t item)
{
	pthread_mutex_lock(&s->mutex);
	for (size_t i = 0; i < s->n_aside; i++)
		if (s->aside[i].item == item)
			s->aside[i].due_ms = 0;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->mutex);
}

void
schedule_stop(struct schedule *s)
{
	pthread_mutex_lock(&s->mutex);
	s->stopped = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->mutex);
}

void
schedule_counts(struct schedule *s, struct schedule_counts *ret)
{
	*ret = (struct schedule_counts){ 0 };
	pthread_mutex_lock(&s->mutex);
	ret->queued = s->queued;
	ret->running = s->running;
	ret->waiting = s->n_aside;
	ret->done = s->done;
	for (size_t i = 0; i < s->n_aside; i++)
		if (ret->next_ms == 0 || s->aside[i].due_ms < ret->next_ms)
			ret->next_ms = s->aside[i].due_ms;
	pthread_mutex_unlock(&s->mutex);
}
