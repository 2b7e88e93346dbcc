/* Which account is next. Accounts whose mail comes from the same server and goes to the same one are
 * a group; groups take turns, so that a slow or full server never holds up the others. Within a
 * group the largest come first where sizes are known, for the tail to be short, or those with the newest
 * mail, else they come as listed. An account that is to be tried again later is laid aside, and costs no worker meanwhile.
 *
 * What is given out has a place on its servers (hosts.h), which is the taker's. Any thread may call. */
#ifndef ENGINE_SCHEDULE_H
#define ENGINE_SCHEDULE_H

#include "engine/hosts.h"

struct schedule;

enum schedule_order { SCHEDULE_LARGEST, SCHEDULE_SMALLEST, SCHEDULE_NEWEST, SCHEDULE_LIST };

struct schedule_item {
	unsigned host[HOST_ENDS]; /* numbers of hosts.h */
	size_t n_hosts;
	uint64_t rank; /* octets of the account; for SCHEDULE_NEWEST the date of its newest message,
			  seconds since 1970; 0: unknown */
};

enum schedule_next {
	SCHEDULE_TAKE, /* work on it, give the places back (the job does), then call schedule_done or
			  schedule_again */
	SCHEDULE_CLOSED, /* its server refuses all: no place was taken; then schedule_done */
	SCHEDULE_END /* all are done, or the job ends */
};

/* Items are copied. hosts and stop outlive it. jobs: so many are at work with servers at once. */
struct schedule *schedule_new(const struct schedule_item *item, size_t n, enum schedule_order order,
    size_t jobs, struct hosts *hosts, struct cancel *stop);
void schedule_free(struct schedule *s);
/* Waits until there is something to do. */
enum schedule_next schedule_next(struct schedule *s, size_t *ret_item);
/* One that was given out needs its servers no more, what is left is to become durable: another may
 * begin. Its taker gives its places back, and calls schedule_done or schedule_again later. */
void schedule_leaves(struct schedule *s, size_t item);
void schedule_done(struct schedule *s, size_t item); /* with one that was given out */
/* Once more in `ms`. */
void schedule_again(struct schedule *s, size_t item, int64_t ms);
/* Give out nothing until it is called with false; none ends meanwhile that is not at work. */
void schedule_hold(struct schedule *s, bool hold);
/* If it is laid aside, its time has come. */
void schedule_hurry(struct schedule *s, size_t item);
/* Give out nothing more; those that were not given out stay where they are. */
void schedule_stop(struct schedule *s);

struct schedule_counts {
	size_t queued, running, waiting, done;
	int64_t next_ms; /* monotonic; when the first of the waiting is due, 0: none waits */
};
void schedule_counts(struct schedule *s, struct schedule_counts *ret);

#endif
