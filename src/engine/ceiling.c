#include "engine/ceiling.h"

static unsigned
min_of(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static unsigned
max_of(unsigned a, unsigned b)
{
	return a > b ? a : b;
}

bool
refusal_of(const struct err *why, size_t account, int64_t began_ms, struct refusal *ret)
{
	bool silent = why->kind == ERR_CONNECT || (why->kind == ERR_CUT && why->of_server);

	if (!silent && why->kind != ERR_THROTTLED && why->kind != ERR_BYE)
		return false;
	*ret = (struct refusal){ .account = account,
		.of_server = why->of_server,
		.silent = silent,
		.after_ms = why->after_ms,
		.began_ms = began_ms };
	return true;
}

void
ceiling_begin(struct ceiling *c, unsigned kept, int64_t now_ms)
{
	c->now = kept;
	c->kept = kept > 0 ? kept - 1 : 0;
	c->changed_ms = now_ms;
}

static bool
is_lately(const struct ceiling *c, int64_t now_ms)
{
	return now_ms - c->borne_ms < CEILING_RAISE_MS;
}

bool
ceiling_in(struct ceiling *c, unsigned in, int64_t now_ms)
{
	c->most = max_of(c->most, in);
	if (in < c->borne && is_lately(c, now_ms))
		return false;
	c->borne = in;
	c->borne_ms = now_ms;
	c->doubts = 0;
	if (c->now == 0 || in <= c->now)
		return false;
	c->now = in;
	c->changed_ms = now_ms;
	return true;
}

void
ceiling_out(struct ceiling *c, unsigned in, int64_t now_ms)
{
	if (in >= c->borne)
		c->borne_ms = now_ms;
}

bool
ceiling_raise(struct ceiling *c, unsigned in, int64_t now_ms)
{
	if (c->now == 0 || in < c->now || now_ms - c->changed_ms < CEILING_RAISE_MS)
		return false;
	c->now++;
	c->changed_ms = now_ms;
	return true;
}

/* Does the refusal concern the account alone? It does if it comes again with no more open than it has taught
 * itself, or if as many were logged in a moment ago; a server that bears less now refuses one after the other. */
static bool
is_its_own(struct ceiling *c, unsigned account, unsigned others, int64_t now_ms)
{
	if (account == c->teacher && others < c->now) {
		c->now = c->before;
		c->own = account;
		c->teacher = 0;
	}
	if (account == c->own)
		return true;
	if (others >= c->borne || !is_lately(c, now_ms))
		return false;
	return others + 1 < c->borne || ++c->doubts < CEILING_DOUBTS_MAX;
}

/* Who lets nobody in is busy, or is being started: that says nothing of how many it bears, but where it is asked for one
 * more than an earlier run has seen. */
static bool
is_of_all(const struct ceiling *c, const struct refusal *r, unsigned in, unsigned others, int64_t now_ms)
{
	bool seen = c->borne > 0 && is_lately(c, now_ms), trial = c->kept > 0 && others >= c->kept;

	return in == 0 && (r->silent || (!seen && !trial));
}

/* What is known to be borne still: those that are in, what was borne lately and can have been there when this one was
 * refused, and what an earlier run has seen, as long as that is below what is refused now. */
static unsigned
still_borne(struct ceiling *c, unsigned in, unsigned others, int64_t now_ms)
{
	c->borne = min_of(c->borne, others);
	if (c->now > 0)
		c->kept = min_of(c->kept, c->now - 1);

	unsigned seen = max_of(in, c->kept);

	if (is_lately(c, now_ms))
		seen = max_of(seen, c->borne);
	return max_of(seen, 1);
}

bool
ceiling_refused(struct ceiling *c, const struct refusal *r, unsigned in, unsigned others, int64_t now_ms)
{
	unsigned account = r->of_server && !r->silent ? 0 : (unsigned)r->account + 1; /* 0: none */

	if (is_of_all(c, r, in, others, now_ms))
		return false;
	/* Some may have gone since the server has counted. */
	if (c->borne_ms > r->began_ms)
		others = max_of(others, c->borne);
	if ((account != 0 && is_its_own(c, account, others, now_ms)) || others == 0)
		return false;
	c->changed_ms = now_ms;
	c->refusals++;

	unsigned bears = still_borne(c, in, others, now_ms);

	if (c->now > 0 && bears >= c->now)
		return true;
	c->before = c->now;
	c->teacher = account;
	c->now = bears;
	return true;
}
