#include "app/run/alone.h"

#include "base/clock.h"

enum { LOOK_MS = 200 };

static void
alone_sit(struct alone *a)
{
	struct job *job = &a->run->job;

	orders_sit(a->orders, &a->seat, 0);
	job->stop = a->seat.stop;
	job->rate = a->seat.rate;
	job->rate_own = a->seat.rate_own;
	a->seated = true;
}

/* A session that is on its way listens to the seat's stop. */
static enum seat_end
alone_rise(struct alone *a, struct err *err)
{
	struct job *job = &a->run->job;

	sess_ahead_close(&job->ahead);
	job->stop = a->run->stop;
	job->rate = job->rate_own = NULL;
	a->seated = false;
	return orders_rise(a->orders, &a->seat, err);
}

bool
alone_begin(struct alone *a, struct run *r, const struct order_name *name)
{
	a->run = r;
	a->name = *name;
	a->orders = orders_new(r->o, &a->name, 1, r->stop, &r->all);
	r->job.ret_lease = &a->lease;
	if (!orders_hold_account(a->orders, 0))
		alone_sit(a);
	return a->seated;
}

int
alone_listen(struct alone *a, const char *dir, struct err *err)
{
	if (orders_listen(a->orders, dir, a->run->state, a->run->log, err) < 0)
		return -1;
	control_set_tick(a->run->control, orders_tick, a->orders);
	return 0;
}

/* It is listed and counted again. */
static void
alone_count_anew(struct progress *p)
{
	progress_again(p);
	atomic_store(&p->bytes_total, atomic_load(&p->bytes_done));
}

static int
alone_put_by(struct alone *a, struct err *err)
{
	alone_count_anew(&a->run->progress);
	a->held = true;
	return state_account_wait(a->run->state, &a->lease, 0, orders_held_words, err);
}

/* Tomorrow is for another run. */
static void
alone_tell_day(struct alone *a, const struct err *why)
{
	struct event e = { .no = EV_ACCOUNT_AGAIN, .level = LEVEL_INFO, .account = a->name.login };
	int64_t until_ms = clock_wall_ms() + why->after_ms;
	struct err ignored;

	evlog_put(a->run->log, &e, "%s; a run tomorrow (UTC) goes on", why->text);
	(void)!state_account_wait(a->run->state, &a->lease, until_ms, why->text, &ignored);
}

/* *ret_end SEAT_HELD: it is to be gone on with. */
static int
alone_try(struct alone *a, enum seat_end *ret_end, struct err *err)
{
	struct err why = { 0 };
	int rc;

	if (!a->seated)
		alone_sit(a);
	a->held = false;
	rc = job_copy(&a->run->job, &why);
	a->started |= atomic_load(&a->run->progress.folders_total) > 0;
	*ret_end = alone_rise(a, &why);
	if (*ret_end == SEAT_HELD && alone_put_by(a, &why) < 0)
		*ret_end = SEAT_KEPT;
	if (rc < 0 && why.kind == ERR_DAY)
		alone_tell_day(a, &why);
	if (rc < 0)
		*err = why;
	return rc;
}

int
alone_copy(struct alone *a, struct err *err)
{
	for (;;) {
		struct err why = { 0 };
		enum seat_end end;

		while (orders_hold_account(a->orders, 0))
			if (cancel_sleep(a->run->stop, LOOK_MS, err) < 0)
				return -1;

		int rc = alone_try(a, &end, &why);

		if (end == SEAT_HELD)
			continue;
		if (rc < 0)
			*err = why;
		return rc;
	}
}

int
alone_pass(struct alone *a, struct err *err)
{
	enum seat_end ignored;

	return alone_try(a, &ignored, err);
}

void
alone_end(struct alone *a)
{
	struct err why;

	if (!a->held)
		return;
	(void)err_set(&why, ERR_INTERRUPTED, "interrupted while the run was held");
	run_account_lost(a->run, &a->lease, &why);
}

void
alone_done(struct alone *a)
{
	struct err none = { 0 };

	if (!a->run)
		return;
	if (a->seated)
		(void)alone_rise(a, &none);
	orders_free(&a->orders);
}
