/* retry of several accounts of a job at the same time, and imex worker. */
#ifndef APP_CROWD_RETRY_LIST_H
#define APP_CROWD_RETRY_LIST_H

#include "app/job/stored.h"

/* Some of the accounts whose options a job keeps. */
struct retry_choice {
	struct stored *stored; /* owned; NULL: nothing was read */
	size_t *entry; /* owned, ascending: which of `stored` */
	size_t len;
};

void retry_choice_done(struct retry_choice *c); /* frees what it owns; it is empty then */

/* Copy these accounts of the job in `dir` once more. Their passwords come from the list of --users,
 * where there is one, or from the ways that the job keeps. migrate: the job goes to a server.
 * joined: the accounts of the choice, of a run whose work is shared (imex worker); NULL: a run of
 * its own. The exit code; -1: nothing was begun. */
int retry_list(struct options *o, const char *dir, const struct retry_choice *c, bool migrate,
    const struct account_rec *joined, struct err *err) WARN_UNUSED;

#endif
