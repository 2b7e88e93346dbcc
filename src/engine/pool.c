/* The boards of an account, under one lock. Portions belong to the board; one that is lent is the helper's
 * until it comes back, also when the board is gone meanwhile. */
#include "engine/pool.h"

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"

enum { SPARE_MAX = POOL_HELD_MAX / PORTION_OCTETS };

struct board {
	struct board *next;
	struct pool *pool;
	struct errand errand;
	bool open;
	struct portion *first, **end;
};

struct pool {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct cancel *stop;
	int dir;
	unsigned owners, helpers;
	struct board *boards;
	uint64_t last_board, held;
	struct spool *spare[SPARE_MAX];
	size_t n_spare;
};

struct pool *
pool_new(const char *dir, struct cancel *stop)
{
	struct pool *p = mem_new(sizeof(*p));

	pthread_mutex_init(&p->mutex, NULL);
	pthread_cond_init(&p->changed, NULL);
	p->stop = stop;
	/* Without it a portion that does not fit into memory is left to its owner. */
	p->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cancel_watch(stop, &p->mutex, &p->changed);
	return p;
}

void
pool_free(struct pool **ref)
{
	struct pool *p = *ref;

	if (p == NULL)
		return;
	assert(p->boards == NULL && p->helpers == 0);
	cancel_unwatch(p->stop, &p->changed);
	while (p->n_spare > 0)
		spool_free(&p->spare[--p->n_spare]);
	file_close(&p->dir);
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->mutex);
	free(p);
	*ref = NULL;
}

static void
pool_change(struct pool *p, unsigned *io, int more)
{
	pthread_mutex_lock(&p->mutex);
	*io = (unsigned)((int)*io + more);
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->mutex);
}

void
pool_owners(struct pool *p, int more)
{
	pool_change(p, &p->owners, more);
}

void
pool_helpers(struct pool *p, int more)
{
	pool_change(p, &p->helpers, more);
}

unsigned
pool_others(struct pool *p)
{
	pthread_mutex_lock(&p->mutex);
	unsigned n = p->owners + p->helpers - 1;
	pthread_mutex_unlock(&p->mutex);
	return n;
}

/* With the lock, from here to the next headline. */

/* It holds octets no more. */
static void
portion_empty(struct pool *p, struct portion *o)
{
	p->held -= o->held;
	o->held = 0;
	if (o->spool != NULL && p->n_spare < SPARE_MAX) {
		spool_reset(o->spool);
		p->spare[p->n_spare++] = o->spool;
		o->spool = NULL;
	}
	spool_free(&o->spool);
	pthread_cond_broadcast(&p->changed);
}

static void
portion_free(struct pool *p, struct portion *o)
{
	portion_empty(p, o);
	free(o);
}

static struct spool *
pool_spool(struct pool *p)
{
	return p->n_spare > 0 ? p->spare[--p->n_spare] : spool_new(p->dir, PORTION_OCTETS);
}

/* Sizes are what the server says, 0 where it says none: then it may be all that fits. */
static uint64_t
portion_octets(const struct portion *o)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < o->n; i++) {
		if (!o->part[i].want.size_known || o->part[i].want.size >= PORTION_OCTETS - sum)
			return PORTION_OCTETS;
		sum += o->part[i].want.size;
	}
	return sum;
}

static struct portion *
board_find(const struct board *b, enum portion_state state)
{
	struct portion *o = b->first;

	while (o != NULL && o->state != state)
		o = o->next;
	return o;
}

/* How many portions of it helpers could have; *ret_first the first of them. */
static size_t
board_lends(const struct board *b, struct portion **ret_first)
{
	size_t n = 0;

	*ret_first = NULL;
	for (struct portion *o = b->first; b->open && o != NULL; o = o->next) {
		if (o->state != PORTION_FREE || o->alone)
			continue;
		if (*ret_first == NULL)
			*ret_first = o;
		n++;
	}
	return n;
}

/* The owner of the first portion can always go on, so what is held never stays. */
static bool
pool_bears(const struct pool *p, const struct portion *o)
{
	return o->held > 0 || p->held == 0 || p->held + portion_octets(o) <= POOL_HELD_MAX;
}

static const struct board *
pool_busiest(const struct pool *p)
{
	const struct board *found = NULL;
	size_t most = 0;

	for (const struct board *b = p->boards; b != NULL; b = b->next) {
		struct portion *first;
		size_t n = board_lends(b, &first);

		if (n > most && pool_bears(p, first)) {
			most = n;
			found = b;
		}
	}
	return found;
}

static struct board *
pool_find(const struct pool *p, uint64_t board)
{
	struct board *b = p->boards;

	while (b != NULL && b->errand.board != board)
		b = b->next;
	return b;
}

/* ---- the owner of a folder ---- */

struct board *
board_new(struct pool *p, struct planned *plan, uint32_t uidvalidity)
{
	struct board *b = mem_new(sizeof(*b));

	b->pool = p;
	b->end = &b->first;
	pthread_mutex_lock(&p->mutex);
	b->errand =
	    (struct errand){ .board = ++p->last_board, .plan = plan, .uidvalidity = uidvalidity };
	b->next = p->boards;
	p->boards = b;
	pthread_mutex_unlock(&p->mutex);
	return b;
}

void
board_free(struct board **ref)
{
	struct board *b = *ref, **at;
	struct pool *p;

	if (b == NULL)
		return;
	p = b->pool;
	pthread_mutex_lock(&p->mutex);
	for (at = &p->boards; *at != b;)
		at = &(*at)->next;
	*at = b->next;
	while (b->first != NULL) {
		struct portion *o = b->first;

		b->first = o->next;
		o->board = NULL;
		if (o->state != PORTION_LENT)
			portion_free(p, o);
	}
	pthread_mutex_unlock(&p->mutex);
	free(b);
	*ref = NULL;
}

static void
board_add_one(struct board *b, const struct live *page, const struct want *want, size_t n, bool alone)
{
	struct portion *o = mem_new(sizeof(*o) + n * sizeof(o->part[0]));

	o->board = b;
	o->page = page;
	o->alone = alone;
	o->n = n;
	for (size_t i = 0; i < n; i++)
		o->part[i].want = want[i];
	*b->end = o;
	b->end = &o->next;
}

void
board_add(struct board *b, const struct live *page, const struct want *want, size_t n, size_t each,
    bool alone)
{
	size_t from = 0;
	uint64_t octets = 0;

	if (n == 0)
		return;
	pthread_mutex_lock(&b->pool->mutex);
	for (size_t i = 0; i < n && !alone; i++) {
		if (i > from && (i - from == each || octets + want[i].size > PORTION_OCTETS)) {
			board_add_one(b, page, want + from, i - from, false);
			from = i;
			octets = 0;
		}
		octets += want[i].size;
	}
	board_add_one(b, page, want + from, n - from, alone);
	pthread_cond_broadcast(&b->pool->changed);
	pthread_mutex_unlock(&b->pool->mutex);
}

void
board_open(struct board *b)
{
	pthread_mutex_lock(&b->pool->mutex);
	b->open = true;
	pthread_cond_broadcast(&b->pool->changed);
	pthread_mutex_unlock(&b->pool->mutex);
}

struct portion *
board_first(struct board *b, const struct live *page)
{
	/* Nobody else adds or takes away. */
	return b->first != NULL && b->first->page == page ? b->first : NULL;
}

struct portion *
board_back(struct board *b)
{
	pthread_mutex_lock(&b->pool->mutex);
	struct portion *o = board_find(b, PORTION_BACK);
	pthread_mutex_unlock(&b->pool->mutex);
	return o;
}

struct portion *
board_take(struct board *b)
{
	pthread_mutex_lock(&b->pool->mutex);
	struct portion *o = board_find(b, PORTION_FREE);

	if (o != NULL)
		o->state = PORTION_ASKED;
	pthread_mutex_unlock(&b->pool->mutex);
	return o;
}

int
board_wait(struct board *b, struct portion *o, enum portion_state *ret, struct err *err)
{
	struct pool *p = b->pool;
	int rc = 0;

	pthread_mutex_lock(&p->mutex);
	while (o->state == PORTION_LENT && !cancel_raised(p->stop))
		pthread_cond_wait(&p->changed, &p->mutex);
	*ret = o->state;
	if (o->state == PORTION_LENT)
		rc = err_set(err, ERR_INTERRUPTED, "interrupted");
	pthread_mutex_unlock(&p->mutex);
	return rc;
}

bool
board_unasked(struct board *b)
{
	bool any = false;

	pthread_mutex_lock(&b->pool->mutex);
	for (const struct portion *o = b->first; o != NULL && !any; o = o->next)
		any = o->state != PORTION_ASKED && o->state != PORTION_DONE;
	pthread_mutex_unlock(&b->pool->mutex);
	return any;
}

void
board_done(struct portion *o)
{
	pthread_mutex_lock(&o->board->pool->mutex);
	o->state = PORTION_DONE;
	pthread_mutex_unlock(&o->board->pool->mutex);
}

static void
board_unlink(struct board *b, struct portion *o)
{
	struct portion **at = &b->first;

	while (*at != o)
		at = &(*at)->next;
	*at = o->next;
	if (b->end == &o->next)
		b->end = at;
}

/* Behind the others of its page, where one connection would put aside what did not come whole: asked for at
 * once its answer would stand behind those to later portions, which would be stored before their turn. */
static void
board_postpone(struct board *b, struct portion *o)
{
	struct portion **at = &b->first;

	board_unlink(b, o);
	for (struct portion *other = b->first; other != NULL; other = other->next)
		if (other->page == o->page)
			at = &other->next;
	o->next = *at;
	*at = o;
	if (b->end == at)
		b->end = &o->next;
	portion_empty(b->pool, o);
}

void
board_stored(struct board *b, struct portion *o)
{
	bool left = false;

	pthread_mutex_lock(&b->pool->mutex);
	for (size_t i = 0; i < o->n && o->state == PORTION_BACK; i++) {
		if (o->part[i].end != PART_LEFT)
			continue;
		o->part[i].end = PART_OPEN;
		left = true;
	}
	if (left) {
		o->state = PORTION_FREE;
		o->alone = true;
		board_postpone(b, o);
	} else {
		board_unlink(b, o);
		portion_free(b->pool, o);
	}
	pthread_mutex_unlock(&b->pool->mutex);
}

/* ---- helpers ---- */

bool
pool_wait(struct pool *p, struct errand *ret)
{
	const struct board *b;

	pthread_mutex_lock(&p->mutex);
	while ((b = pool_busiest(p)) == NULL && p->owners > 0 && !cancel_raised(p->stop))
		pthread_cond_wait(&p->changed, &p->mutex);
	if (b != NULL)
		*ret = b->errand;
	bool more = b != NULL && !cancel_raised(p->stop);
	pthread_mutex_unlock(&p->mutex);
	return more;
}

struct portion *
pool_borrow(struct pool *p, const struct errand *e)
{
	struct portion *o = NULL;

	pthread_mutex_lock(&p->mutex);
	const struct board *b = pool_find(p, e->board);

	if (b != NULL && board_lends(b, &o) > 0 && pool_bears(p, o)) {
		o->state = PORTION_LENT;
		if (o->held == 0)
			p->held += o->held = portion_octets(o);
		if (o->spool == NULL)
			o->spool = pool_spool(p);
	} else {
		o = NULL;
	}
	pthread_mutex_unlock(&p->mutex);
	return o;
}

bool
pool_wants(struct pool *p, const struct portion *lent)
{
	pthread_mutex_lock(&p->mutex);
	bool wants = lent->board != NULL;
	pthread_mutex_unlock(&p->mutex);
	return wants;
}

void
pool_return(struct pool *p, struct portion **lent)
{
	struct portion *o = *lent;
	bool open = false;

	for (size_t i = 0; i < o->n; i++)
		open |= o->part[i].end == PART_OPEN;
	pthread_mutex_lock(&p->mutex);
	if (o->board == NULL) {
		portion_free(p, o);
	} else {
		o->state = open ? PORTION_FREE : PORTION_BACK;
		pthread_cond_broadcast(&p->changed);
	}
	pthread_mutex_unlock(&p->mutex);
	*lent = NULL;
}
