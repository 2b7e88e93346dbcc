#include "store/pace.h"

enum { MESSAGES = 100, OCTETS_LIKE_ONE = 32 * 1024, SLOW_BELOW = 2, TIMES_QUICKER = 10 };

void
pace_init(struct pace *p, int64_t span_ms)
{
	*p = (struct pace){ .span_ms = span_ms };
}

void
pace_new_connection(struct pace *p)
{
	p->from_ms = 0;
	p->octets = 0;
	p->messages = 0;
}

bool
pace_add(struct pace *p, uint64_t octets, int64_t waited_ms)
{
	int64_t ms = waited_ms - p->from_ms;
	bool slow;

	p->messages++;
	p->octets += octets;
	if (p->messages < MESSAGES && ms < p->span_ms)
		return false;
	p->now = ((double)p->messages + (double)p->octets / OCTETS_LIKE_ONE) * 1000 / (double)(ms > 0 ? ms : 1);
	slow = ms >= p->span_ms && p->now < SLOW_BELOW && p->now * TIMES_QUICKER < p->best;
	if (p->now > p->best)
		p->best = p->now;
	p->from_ms = waited_ms;
	p->octets = 0;
	p->messages = 0;
	return slow;
}
