#include "engine/hosts.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"

enum { POLL_MS = 100, ENDS_MAX = 2 * HOST_ENDS, BRAKE_MIN_MS = 250, BRAKE_MAX_MS = 60 * 1000 };

struct host {
	char *name;
	unsigned open; /* places: logins, in and out */
	unsigned logins; /* under way */
	unsigned in; /* that are logged in */
	unsigned out; /* that were refused, or are being closed */
	struct ceiling ceiling;
	int64_t held_until_ms;
	int64_t brake_ms, braked_ms; /* last wait that nobody has asked for, and when it began */
	unsigned told; /* account that was told to wait, with no login taken since */
	unsigned logins_refused; /* in a row */
	bool closed;
	/* Of a job that is shared. */
	unsigned others_open, others_logins; /* of other processes, as last heard */
	int64_t heard_ms; /* monotonic */
	bool learnt; /* what the state does not know yet: ceiling, hold, closed */
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
	struct state *state; /* NULL: no other process */
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

/* ---- shared with other processes ---- */

/* Between the clock of the state and ours. */
static int64_t
wall_of(int64_t mono_ms)
{
	return mono_ms != 0 ? mono_ms - clock_mono_ms() + clock_wall_ms() : 0;
}

static int64_t
mono_of(int64_t wall_ms)
{
	return wall_ms != 0 ? wall_ms - clock_wall_ms() + clock_mono_ms() : 0;
}

static struct place
host_tell(struct host *t)
{
	struct place p = { .host = t->name, .learnt = t->learnt };

	p.bearing = (struct bearing){ .ceiling = t->ceiling.now,
		.ceiling_ms = wall_of(t->ceiling.changed_ms),
		.held_until_ms = wall_of(t->held_until_ms),
		.closed = t->closed };
	t->learnt = false;
	return p;
}

static void
host_hear(struct host *t, const struct place *p)
{
	int64_t held_ms = mono_of(p->bearing.held_until_ms);

	t->others_open = p->all_open > t->open ? p->all_open - t->open : 0;
	t->others_logins = p->all_logins > t->logins ? p->all_logins - t->logins : 0;
	t->ceiling.now = p->bearing.ceiling;
	t->ceiling.changed_ms = mono_of(p->bearing.ceiling_ms);
	if (held_ms > t->held_until_ms)
		t->held_until_ms = held_ms;
	t->logins_refused = p->refused;
	t->closed |= p->bearing.closed;
	t->heard_ms = clock_mono_ms();
}

/* Add to our places there, which open and logins are already, and hear of all. Mutex held. False: the
 * state has failed, and its run ends. */
static bool
hosts_tell(struct hosts *h, const unsigned *id, size_t n, int open, int logins, enum login_end told)
{
	struct place place[ENDS_MAX];
	struct err ignored;

	if (h->state == NULL)
		return true;
	for (size_t i = 0; i < n; i++) {
		place[i] = host_tell(h->host[id[i]]);
		place[i].open = open;
		place[i].logins = logins;
		place[i].told = told == LOGIN_REFUSED ? LOGINS_REFUSED
				: told == LOGIN_NONE  ? LOGINS_SAME
						      : LOGINS_GOOD;
	}
	if (state_places(h->state, place, n, &ignored) < 0)
		return false;
	for (size_t i = 0; i < n; i++)
		host_hear(h->host[id[i]], &place[i]);
	return true;
}

/* Mutex held. */
static void
host_learnt(struct hosts *h, unsigned id)
{
	h->host[id]->learnt = true;
	(void)hosts_tell(h, &id, 1, 0, 0, LOGIN_NONE);
}

int
hosts_share(struct hosts *h, struct state *t, struct err *err)
{
	int rc = 0;

	pthread_mutex_lock(&h->mutex);
	for (size_t i = 0; rc == 0 && i < h->len; i++) {
		struct host *host = h->host[i];

		host->learnt = host->ceiling.now > 0 || host->held_until_ms > 0 || host->closed;
		struct place p = host_tell(host);
		p.open = (int)host->open;
		p.logins = (int)host->logins;
		p.told = host->logins_refused > 0 ? LOGINS_REFUSED : LOGINS_SAME;
		rc = state_places(t, &p, 1, err);
		struct place more = { .host = host->name, .told = LOGINS_REFUSED };
		for (unsigned k = 1; rc == 0 && k < host->logins_refused; k++)
			rc = state_places(t, &more, 1, err);
		if (rc == 0)
			host->others_open = p.all_open - host->open;
	}
	if (rc == 0)
		h->state = t;
	pthread_mutex_unlock(&h->mutex);
	return rc;
}

/* ---- places ---- */

static unsigned
all_open(const struct host *t)
{
	return t->open + t->others_open;
}

/* Of other processes it is known how many are logging in, and not how many are being closed. */
static unsigned
all_in(const struct host *t)
{
	return t->in + (t->others_open > t->others_logins ? t->others_open - t->others_logins : 0);
}

static unsigned
limit_of(const struct hosts *h, struct host *t, int64_t now_ms)
{
	t->learnt |= ceiling_raise(&t->ceiling, all_in(t), now_ms);

	unsigned limit = t->ceiling.now > 0 ? t->ceiling.now : UINT_MAX;

	return h->per_host > 0 && h->per_host < limit ? h->per_host : limit;
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
fits(const struct hosts *h, const unsigned *id, size_t n)
{
	int64_t now_ms = clock_mono_ms();

	for (size_t i = 0; i < n; i++) {
		struct host *t = h->host[id[i]];
		unsigned more = needed(id, i), limit = limit_of(h, t, now_ms);
		unsigned open = all_open(t), logins = t->logins + t->others_logins;

		/* Of a limit of one an account that goes from a server to the same one needs two. */
		if (t->held_until_ms > now_ms || (open > 0 && open + more > limit) ||
		    (logins > 0 && t->logins_refused + logins + more > HOST_REFUSALS_MAX))
			return false;
	}
	return true;
}

static void
count_places(struct hosts *h, const unsigned *id, size_t n, int change)
{
	for (size_t i = 0; i < n; i++) {
		h->host[id[i]]->open += (unsigned)change;
		h->host[id[i]]->logins += (unsigned)change;
	}
}

/* What was heard a moment ago still holds: a full server is not asked for by each of many threads. */
static bool
heard_lately(const struct hosts *h, const unsigned *id, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (clock_mono_ms() - h->host[id[i]]->heard_ms >= POLL_MS)
			return false;
	return true;
}

/* Write them down, then look whether they fit among those of all. */
static bool
try_shared(struct hosts *h, const unsigned *id, size_t n)
{
	if (!fits(h, id, n) && heard_lately(h, id, n))
		return false;
	count_places(h, id, n, 1);
	if (!hosts_tell(h, id, n, 1, 1, LOGIN_NONE)) {
		count_places(h, id, n, -1);
		return false;
	}
	count_places(h, id, n, -1);
	if (fits(h, id, n)) {
		count_places(h, id, n, 1);
		return true;
	}
	(void)hosts_tell(h, id, n, -1, -1, LOGIN_NONE);
	return false;
}

static bool
try_locked(struct hosts *h, const unsigned *id, size_t n)
{
	if (h->state != NULL)
		return try_shared(h, id, n);
	if (!fits(h, id, n))
		return false;
	count_places(h, id, n, 1);
	return true;
}

bool
hosts_try(struct hosts *h, const unsigned *id, size_t n)
{
	pthread_mutex_lock(&h->mutex);

	bool got = try_locked(h, id, n), closed = false;

	/* Another process may have closed it, as we have heard now. */
	for (size_t i = 0; got && h->state != NULL && i < n; i++)
		closed |= h->host[id[i]]->closed;
	if (closed) {
		count_places(h, id, n, -1);
		(void)hosts_tell(h, id, n, -1, -1, LOGIN_NONE);
	}
	pthread_mutex_unlock(&h->mutex);
	return got && !closed;
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
	pthread_cond_signal(h->watch_cond);
	pthread_mutex_unlock(h->watch_mutex);
}

void
hosts_leave(struct hosts *h, const unsigned *id, size_t n)
{
	pthread_mutex_lock(&h->mutex);
	for (size_t i = 0; i < n; i++) {
		struct host *t = h->host[id[i]];

		assert(t->out > 0);
		t->open--;
		t->out--;
	}
	(void)hosts_tell(h, id, n, -1, 0, LOGIN_NONE);
	pthread_cond_broadcast(&h->left);
	pthread_mutex_unlock(&h->mutex);
	tell_watcher(h);
}

/* ---- what servers say ---- */

/* One account that is told to wait waits by itself; two in a row, and it is the server that asks. */
static void
host_hold(struct host *t, const struct refusal *r, unsigned account)
{
	int64_t until_ms = clock_mono_ms() + r->after_ms;
	bool all = r->of_server || (t->told != 0 && t->told != account);

	t->told = account;
	if (!all || until_ms <= t->held_until_ms)
		return;
	t->held_until_ms = until_ms;
	t->learnt = true;
}

/* It greets nobody, and names no time: all wait, longer each time until one is let in. Those that were on their way
 * when the last wait began say nothing new. */
static void
host_brake(struct host *t, int64_t began_ms)
{
	int64_t now_ms = clock_mono_ms();

	if (began_ms < t->braked_ms)
		return;
	t->brake_ms = t->brake_ms == 0 ? BRAKE_MIN_MS : 2 * t->brake_ms < BRAKE_MAX_MS ? 2 * t->brake_ms : BRAKE_MAX_MS;
	t->braked_ms = now_ms;
	if (now_ms + t->brake_ms <= t->held_until_ms)
		return;
	t->held_until_ms = now_ms + t->brake_ms;
	t->learnt = true;
}

bool
hosts_refused(struct hosts *h, unsigned id, const struct refusal *r, unsigned *ret_now)
{
	struct host *t = h->host[id];
	unsigned account = (unsigned)r->account + 1; /* 0: none */

	pthread_mutex_lock(&h->mutex);
	(void)hosts_tell(h, &id, 1, 0, 0, LOGIN_NONE);

	unsigned was = t->ceiling.now, others = all_open(t) - t->out;
	/* Who names a time speaks of that, and not of how many there are. */
	bool lowers = r->after_ms == 0 && ceiling_refused(&t->ceiling, r, all_in(t), others, clock_mono_ms());

	t->learnt |= lowers || t->ceiling.now != was;
	if (r->after_ms > 0)
		host_hold(t, r, account);
	else if (!lowers && r->of_server && !r->silent && all_in(t) == 0)
		host_brake(t, r->began_ms);
	if (t->learnt)
		host_learnt(h, id);
	*ret_now = t->ceiling.now;
	pthread_mutex_unlock(&h->mutex);
	return lowers;
}

bool
hosts_login(struct hosts *h, unsigned id, enum login_end how)
{
	struct host *t = h->host[id];
	bool closes = false;

	pthread_mutex_lock(&h->mutex);
	t->logins--;
	t->in += how == LOGIN_TAKEN;
	t->out += how != LOGIN_TAKEN;
	if (how == LOGIN_TAKEN || how == LOGIN_OVER)
		t->logins_refused = t->told = 0, t->brake_ms = 0;
	if (how == LOGIN_REFUSED)
		t->logins_refused++;
	/* Where others count too, the state has the number: one of us finds it full. */
	(void)hosts_tell(h, &id, 1, 0, -1, how);
	if (how == LOGIN_TAKEN)
		t->learnt |= ceiling_in(&t->ceiling, all_in(t), clock_mono_ms());
	closes = how == LOGIN_REFUSED && t->logins_refused == HOST_REFUSALS_MAX;
	t->closed |= closes;
	if (closes || t->learnt)
		host_learnt(h, id);
	pthread_cond_broadcast(&h->left);
	pthread_mutex_unlock(&h->mutex);
	tell_watcher(h);
	return closes;
}

void
hosts_out(struct hosts *h, unsigned id)
{
	struct host *t = h->host[id];

	pthread_mutex_lock(&h->mutex);
	assert(t->in > 0);
	ceiling_out(&t->ceiling, all_in(t), clock_mono_ms());
	t->in--;
	t->out++;
	pthread_mutex_unlock(&h->mutex);
}

void
hosts_back(struct hosts *h, unsigned id)
{
	struct host *t = h->host[id];

	pthread_mutex_lock(&h->mutex);
	assert(t->out > 0);
	t->out--;
	t->in++;
	t->told = 0;
	if (ceiling_in(&t->ceiling, all_in(t), clock_mono_ms()))
		host_learnt(h, id);
	pthread_mutex_unlock(&h->mutex);
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
	ceiling_begin(&h->host[id]->ceiling, ceiling, clock_mono_ms());
	pthread_mutex_unlock(&h->mutex);
}

struct ceiling
hosts_bears(struct hosts *h, unsigned id)
{
	pthread_mutex_lock(&h->mutex);

	struct ceiling now = h->host[id]->ceiling;

	pthread_mutex_unlock(&h->mutex);
	return now;
}
