/* What a process does that shares its job with others (imex worker). Each second it looks who is
 * there: tells its places when the first one comes, frees what a dead one had, does what imex job
 * has told the process that leads, and takes the lead when that is gone. All goes through the
 * state. */
#ifndef APP_RUN_SHARE_H
#define APP_RUN_SHARE_H

#include "app/run/orders.h"
#include "app/run/run.h"

struct share;

/* For the accounts of a list, below run->state; joined: it came to share. All outlive it. */
struct share *share_new(
    struct run *run, const char *dir, struct hosts *hosts, struct orders *orders, bool joined);
void share_free(struct share **s);
/* By the thread that draws. NULL: nothing is shared. */
void share_tick(struct share *s);
/* Are there others, or were there? */
bool share_on(const struct share *s);
/* Until all others know of this one, and have told their places. ERR_INTERRUPTED. */
int share_wait(struct share *s, struct err *err) WARN_UNUSED;

/* What the run of a list says of limits, kept for those that come to share it. */
int share_keep_options(struct state *t, const struct options *o, struct err *err) WARN_UNUSED;
int share_take_options(struct state *t, struct options *o, struct err *err) WARN_UNUSED;

#endif
