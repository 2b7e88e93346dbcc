/* Insides of crowd.h, shared by crowd.c and crowd_watch.c. */
#ifndef APP_CROWD_CROWD_WALK_H
#define APP_CROWD_CROWD_WALK_H

#include <pthread.h>

#include "app/crowd/crowd.h"
#include "app/job/ceilings.h"
#include "app/run/share.h"

enum { EXITS = 128 };

/* What is kept of a row between its tries. */
struct attempt {
	unsigned failed, throttled;
	bool refused; /* its login */
	bool held; /* it was cut short, and goes on when the run does */
};

struct walk {
	struct crowd *c;
	int (*last)(void *arg, struct err *err);
	struct hosts *hosts;
	struct ceilings *ceilings;
	struct orders *orders;
	struct share *share; /* NULL: with nobody */
	struct order_name *name; /* by row */
	struct schedule *schedule;
	struct schedule_item *item; /* by row */
	struct attempt *attempt;
	/* the numbers of c, and all below */
	pthread_mutex_t mutex;
	size_t alike[ERR_KINDS]; /* accounts that failed for good */
	size_t elsewhere[EXITS]; /* the same in other processes, by exit code */
	size_t ended; /* accounts */
	bool last_pass; /* of a watch: another day is not waited for */
	uint64_t jitter; /* state of a small generator */
};

/* A schedule of all accounts, from which orders and hosts are told. */
void crowd_schedule(struct walk *w);
/* All accounts of the schedule, by as many threads as there may be, of which this is one; until it ends. */
void crowd_workers(struct walk *w);
/* The exit code of the account; it has its places, and gives them back. */
int crowd_copy_one(struct walk *w, size_t at, enum seat_end *ret_end, struct err *why);
void crowd_tell_waits(const struct walk *w, size_t at, const struct err *why, int64_t until_ms);
void crowd_tell_lost(const struct walk *w, size_t at, const struct err *why);

/* crowd_watch.c: until the watch ends; then all once more. */
void crowd_watch(struct walk *w);

#endif
