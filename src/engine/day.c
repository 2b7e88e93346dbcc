/* --max-per-day: what may be fetched of an account on one UTC day. Octets are counted in its state, in this run as
 * they come; what is asked for counts until it has come, so that no window is larger than what is left. */
#include "base/clock.h"
#include "engine/run.h"

enum { DAY_S = 86400 };

static int64_t
today(void)
{
	return clock_wall_ms() / SEC / DAY_S;
}

static uint64_t
received(const struct job *job)
{
	return job->progress != NULL ? atomic_load(&job->progress->bytes_done) : 0;
}

int
run_day_begin(struct run *r, struct err *err)
{
	uint64_t used, limit = r->job->max_per_day;

	r->shared.day_before = received(r->job);
	r->shared.day_left = UINT64_MAX;
	if (limit == 0)
		return 0;
	if (state_account_day(r->job->state, &r->lease, today(), 0, &used, err) < 0)
		return -1;
	r->shared.day_left = limit > used ? limit - used : 0;
	return 0;
}

void
run_day_end(struct run *r)
{
	uint64_t came = received(r->job) - r->shared.day_before, total;
	struct err ignored;

	/* For the next run and the next try. What cannot be kept is no reason to fail an account. */
	if (came > 0)
		(void)!state_account_day(r->job->state, &r->lease, today(), came, &total, &ignored);
}

uint64_t
lane_day_left(const struct lane *l)
{
	const struct shared *s = l->shared;
	uint64_t spent = received(l->job) - s->day_before + atomic_load(&s->day_asked);

	if (s->day_left == UINT64_MAX)
		return UINT64_MAX;
	return s->day_left > spent ? s->day_left - spent : 0;
}

void
lane_day_asked(struct lane *l, uint64_t octets)
{
	l->day_asked += octets;
	atomic_fetch_add(&l->shared->day_asked, octets);
}

void
lane_day_came(struct lane *l, uint64_t octets)
{
	uint64_t n = octets < l->day_asked ? octets : l->day_asked;

	l->day_asked -= n;
	atomic_fetch_sub(&l->shared->day_asked, n);
}

bool
lane_day_spent(const struct lane *l)
{
	return received(l->job) - l->shared->day_before >= l->shared->day_left;
}

int
lane_day_over(struct err *err)
{
	int64_t day_ms = (int64_t)DAY_S * SEC;

	err_set(err, ERR_DAY, "what may be fetched on one day (--max-per-day) is fetched");
	err->after_ms = day_ms - clock_wall_ms() % day_ms;
	return -1;
}
