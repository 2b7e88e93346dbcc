#include "engine/hosts.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"

enum { RAISE_MS = 5 * 60 * 1000, POLL_MS = 100 };

struct host {
	char *name;
	unsigned open, ceiling; /* ceiling 0: none is known */
	int64_t refused_ms; /* monotonic, of the last refusal or raise; 0: none */
	int64_t held_until_ms;
	unsigned refusals; /* connections, with others of ours open */
	unsigned logins; /* under way */
	unsigned logins_refused; /* in a row */
	bool closed;
};

struct hosts {
	pthread_mutex_t mutex;
	pthread_cond_t left; /* a place may be free */
	unsigned per_host;
	struct host **host; /* by number: a host never moves */
	size_t len, room;
	unsigned *by_name; /* numbers, sorted */
	pthread_mutex_t *watch_mutex;
	pthread_cond_t *watch_cond;
};

struct hosts *
hosts_new(unsigned per_host)
{
	struct hosts *h = mem_new(sizeof(*h));

	pthread_mutex_init(&h->mutex, NULL);
	pthread_cond_init(&h->left, NULL);
	h->per_host = per_host;
	return h;
}

void
hosts_free(struct hosts *h)
{
	if (h == NULL)
		return;
	for (size_t i = 0; i < h->len; i++) {
		free(h->host[i]->name);
		free(h->host[i]);
	}
	free(h->host);
	free(h->by_name);
	pthread_cond_destroy(&h->left);
	pthread_mutex_destroy(&h->mutex);
	free(h);
}

/* Where the name stands in by_name, or belongs. */
static size_t
place_of(const struct hosts *h, const char *name, bool *ret_there)
{
	size_t lo = 0, hi = h->len;

	*ret_there = false;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = strcasecmp(h->host[h->by_name[mid]]->name, name);

		if (c == 0)
			*ret_there = true;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void
host_add(struct hosts *h, size_t at, const char *name)
{
	struct host *new = mem_new(sizeof(*new));

	if (h->len == h->room) {
		h->room = h->room * 2 + 16;
		h->host = mem_resize(h->host, h->room, sizeof(struct host *));
		h->by_name = mem_resize(h->by_name, h->room, sizeof(*h->by_name));
	}
	new->name = mem_copy_str(name);
	memmove(h->by_name + at + 1, h->by_name + at, (h->len - at) * sizeof(*h->by_name));
	h->by_name[at] = (unsigned)h->len;
	h->host[h->len++] = new;
}

unsigned
hosts_find(struct hosts *h, const char *host_port)
{
	bool there;

	pthread_mutex_lock(&h->mutex);

	size_t at = place_of(h, host_port, &there);

	if (!there)
		host_add(h, at, host_port);

	unsigned id = h->by_name[at];

	pthread_mutex_unlock(&h->mutex);
	return id;
}

const char *
hosts_name(const struct hosts *h, unsigned id)
{
	return h->host[id]->name;
}

/* ---- places ---- */

static unsigned
limit_of(const struct hosts *h, struct host *t, int64_t now_ms)
{
	if (t->ceiling > 0 && t->open >= t->ceiling && now_ms - t->refused_ms >= RAISE_MS) {
		t->ceiling++;
		t->refused_ms = now_ms;
	}
	if (t->ceiling == 0)
		return h->per_host > 0 ? h->per_host : UINT_MAX;
	return h->per_host > 0 && h->per_host < t->ceiling ? h->per_host : t->ceiling;
}

/* How many places id[i] takes of its host, up to and with i: both ends may be one server. */
static unsigned
needed(const unsigned *id, size_t i)
{
	unsigned n = 1;

	for (size_t j = 0; j < i; j++)
		n += id[j] == id[i];
	return n;
}

static bool
try_locked(struct hosts *h, const unsigned *id, size_t n)
{
	int64_t now_ms = clock_mono_ms();

	for (size_t i = 0; i < n; i++) {
		struct host *t = h->host[id[i]];
		unsigned more = needed(id, i), limit = limit_of(h, t, now_ms);

		/* Of a limit of one an account that goes from a server to the same one needs two. */
		if (t->held_until_ms > now_ms || (t->open > 0 && t->open + more > limit) ||
		    (t->logins > 0 && t->logins_refused + t->logins + more > HOST_REFUSALS_MAX))
			return false;
	}
	for (size_t i = 0; i < n; i++) {
		h->host[id[i]]->open++;
		h->host[id[i]]->logins++;
	}
	return true;
}

bool
hosts_try(struct hosts *h, const unsigned *id, size_t n)
{
	pthread_mutex_lock(&h->mutex);

	bool got = try_locked(h, id, n);

	pthread_mutex_unlock(&h->mutex);
	return got;
}

bool
hosts_try_stay(struct hosts *h, unsigned id)
{
	pthread_mutex_lock(&h->mutex);

	struct host *t = h->host[id];
	unsigned limit = limit_of(h, t, clock_mono_ms());
	bool got = limit >= 2 * HOST_ENDS && t->open < limit / 2 && try_locked(h, &id, 1);

	pthread_mutex_unlock(&h->mutex);
	return got;
}

bool
hosts_full(struct hosts *h, unsigned id, size_t more)
{
	pthread_mutex_lock(&h->mutex);

	struct host *t = h->host[id];
	bool full = t->open + more > limit_of(h, t, clock_mono_ms());

	pthread_mutex_unlock(&h->mutex);
	return full;
}

/* The time of a hold passes without a word: hence the short waits. */
static void
wait_a_little(struct hosts *h)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += POLL_MS * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	pthread_cond_timedwait(&h->left, &h->mutex, &until);
}

int
hosts_enter(struct hosts *h, const unsigned *id, size_t n, struct cancel *stop, struct err *err)
{
	bool got;

	pthread_mutex_lock(&h->mutex);
	while (!(got = try_locked(h, id, n)) && !cancel_raised(stop))
		wait_a_little(h);
	pthread_mutex_unlock(&h->mutex);
	return got ? 0 : err_set(err, ERR_INTERRUPTED, "interrupted");
}

static void
tell_watcher(struct hosts *h)
{
	if (h->watch_cond == NULL)
		return;
	pthread_mutex_lock(h->watch_mutex);
	pthread_cond_broadcast(h->watch_cond);
	pthread_mutex_unlock(h->watch_mutex);
}

void
hosts_leave(struct hosts *h, const unsigned *id, size_t n)
{
	pthread_mutex_lock(&h->mutex);
	for (size_t i = 0; i < n; i++)
		h->host[id[i]]->open--;
	pthread_cond_broadcast(&h->left);
	pthread_mutex_unlock(&h->mutex);
	tell_watcher(h);
}

/* ---- what servers say ---- */

bool
hosts_refused(struct hosts *h, unsigned id, unsigned *ret_now)
{
	struct host *t = h->host[id];

	pthread_mutex_lock(&h->mutex);

	/* One place is that of the refused connection itself. */
	bool others = t->open > 1;

	if (others && (t->ceiling == 0 || t->open - 1 < t->ceiling))
		t->ceiling = t->open - 1;
	if (others)
		t->refused_ms = clock_mono_ms();
	*ret_now = t->ceiling;
	t->refusals += others;
	pthread_mutex_unlock(&h->mutex);
	return others;
}

void
hosts_hold(struct hosts *h, unsigned id, int64_t ms)
{
	int64_t until_ms = clock_mono_ms() + ms;

	pthread_mutex_lock(&h->mutex);
	if (until_ms > h->host[id]->held_until_ms)
		h->host[id]->held_until_ms = until_ms;
	pthread_mutex_unlock(&h->mutex);
}

bool
hosts_login(struct hosts *h, unsigned id, enum login_end how)
{
	struct host *t = h->host[id];
	bool closes = false;

	pthread_mutex_lock(&h->mutex);
	t->logins--;
	if (how == LOGIN_TAKEN)
		t->logins_refused = 0;
	if (how == LOGIN_REFUSED)
		closes = ++t->logins_refused == HOST_REFUSALS_MAX;
	t->closed |= closes;
	pthread_cond_broadcast(&h->left);
	pthread_mutex_unlock(&h->mutex);
	tell_watcher(h);
	return closes;
}

bool
hosts_closed(struct hosts *h, unsigned id)
{
	pthread_mutex_lock(&h->mutex);

	bool closed = h->host[id]->closed;

	pthread_mutex_unlock(&h->mutex);
	return closed;
}

void
hosts_watch(struct hosts *h, pthread_mutex_t *mutex, pthread_cond_t *cond)
{
	h->watch_mutex = mutex;
	h->watch_cond = cond;
}

/* ---- from run to run ---- */

size_t
hosts_count(const struct hosts *h)
{
	return h->len;
}

void
hosts_begin_with(struct hosts *h, unsigned id, unsigned ceiling)
{
	pthread_mutex_lock(&h->mutex);
	h->host[id]->ceiling = ceiling;
	h->host[id]->refused_ms = clock_mono_ms();
	pthread_mutex_unlock(&h->mutex);
}

unsigned
hosts_bears(struct hosts *h, unsigned id, unsigned *ret_refusals)
{
	pthread_mutex_lock(&h->mutex);

	unsigned ceiling = h->host[id]->ceiling;

	*ret_refusals = h->host[id]->refusals;
	pthread_mutex_unlock(&h->mutex);
	return ceiling;
}
