/* What --watch does for one account: a connection with its place, a look, a pass, and what is told of the lag. The
 * threads that do it are those of watch.c. */
#ifndef APP_RUN_GUARD_H
#define APP_RUN_GUARD_H

#include <pthread.h>

#include "app/job/watched.h"
#include "app/run/watch.h"
#include "engine/watching.h"

/* One account. Only the thread that works on it touches it. */
struct guard {
	size_t at;
	int64_t account;
	const struct job *job; /* NULL: its source is not open */
	struct seat seat; /* of orders.h; all that is waited for ends with it */
	bool seated;
	struct watching *session;
	bool placed; /* the session has its place */
	struct watching_mark mark;
	bool caught_up; /* what comes from now on came while it was watched */
	int64_t told_ms; /* monotonic; since then a change is known and not copied; 0: none */
	bool behind; /* its last pass failed */
	bool forced; /* copy, whatever the look says */
	unsigned failures, alarms; /* in a row: what failed; what was told and was nothing */
	struct watched lag;
	int64_t kept_ms; /* monotonic; when lag was */
	int64_t *sample; /* of the last rounds, for the median */
};

struct post {
	struct watch *w;
	struct cancel *end;
	struct guard *guard;
	size_t n_guards, n_stay;
	struct schedule *polled;
	/* and all below */
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	unsigned passes; /* under way */
	size_t watched; /* accounts that are still watched */
	uint64_t seed;
};

/* The watch is over, with *why, for all. */
void post_end(struct post *p, const struct err *why);

void guard_begin(struct post *p, struct guard *g);
/* Before each turn: has it a seat that was not raised? What was is left, its connection closed, and while the run is
 * held it waits here. False: the watch is over, or that of the account. */
bool guard_sit(struct post *p, struct guard *g);
/* It neither has nor makes a connection. */
void guard_rise(struct post *p, struct guard *g);
/* It is not watched any more; when none is, the watch is over. */
void guard_end(struct post *p, struct guard *g);
/* Look, and copy when something has changed. *io_stay: it keeps its connection when there is a place; *ret_again: look
 * once more before anything is waited for. False: it is not watched any more; else *ret_ms is how long to wait. */
bool guard_turn(struct post *p, struct guard *g, bool *io_stay, bool *ret_again, int64_t *ret_ms);
/* How long after changes that were none. */
int64_t guard_alarm_delay(const struct post *p, const struct guard *g);
/* Others may need the place more than one that waits. */
void guard_make_room(struct post *p, struct guard *g);
/* Until something is told or it is time to look. False: the watch is over, or the connection is. */
bool guard_listen(struct post *p, struct guard *g, struct err *err) WARN_UNUSED;
/* When the next turn is; false: there is none. */
bool guard_failed(struct post *p, struct guard *g, const struct err *why, int64_t *ret_ms);
void guard_keep(const struct post *p, struct guard *g); /* its lag, in the state */

#endif
