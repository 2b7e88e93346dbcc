/* --watch: after the full run accounts stay watched, and what comes is copied at once.
 *
 * The first --watch-idle accounts have a thread and a connection each, which waits to be told (engine/watching.h);
 * the others are looked at every --watch-poll by as many threads as --jobs says: connect, look, leave. Where something
 * has changed a pass runs, which is the copying of any run; at most --jobs of them at a time. The mark of the folders
 * is from before the pass, so that what comes during a pass makes another one. The first look has no mark: what came
 * since the account's run is caught up with.
 *
 * A connection that is lost is made again, later each time. A server that tells of changes that are none is listened
 * to later each time, too. A refused login is the end of an account's watch, and so is imex job stop or skip.
 *
 * While the run is held (orders.h) no account has a connection; when it goes on they look again. A watch that ends
 * then has no last pass, since nothing may be contacted. */
#ifndef APP_RUN_WATCH_H
#define APP_RUN_WATCH_H

#include "app/run/orders.h"
#include "app/run/run.h"
#include "engine/schedule.h"

struct watch_ops {
	/* Is it to be watched, and as which account of the state? 0: no. */
	int64_t (*account)(void *arg, size_t at);
	const char *(*login)(void *arg, size_t at); /* for events */
	/* Where its mail comes from; *ret is good until `done`. */
	int (*source)(void *arg, size_t at, const struct job **ret, struct err *err);
	void (*done)(void *arg, size_t at);
	/* Copy what is missing; *ret_came: messages stored by that, also after a failure. It waits for nothing when
	 * `stop` is raised. ERR_INTERRUPTED also when the run is held. */
	int (*pass)(void *arg, size_t at, struct cancel *stop, uint64_t *ret_came, struct err *err);
	/* Its last pass failed, and it looks again at that wall time. */
	void (*waits)(void *arg, size_t at, const struct err *why, int64_t until_ms);
	/* Its login was refused, or it was stopped (ERR_STOPPED): it is not watched any more. */
	void (*lost)(void *arg, size_t at, const struct err *why);
};

struct watch {
	const struct watch_ops *ops;
	void *arg;
	const struct options *o;
	struct run *run;
	struct orders *orders;
	size_t n; /* accounts */
	/* NULL, or the limits of the servers, and those of each account. */
	struct hosts *hosts;
	const struct schedule_item *item;
	struct err ended; /* out: what forbids a last pass; kind NONE: nothing */
};

/* Do --watch and --until fit the rest? When the format is certain and the time zone set. */
int watch_fit(const struct options *o, struct err *err) WARN_UNUSED;
/* Until the first signal, --until, or the end of all watches; signals are as ever afterwards. */
void watch_run(struct watch *w);

#endif
