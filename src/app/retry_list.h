/* retry of several accounts of a job at the same time, and imex worker. */
#ifndef APP_RETRY_LIST_H
#define APP_RETRY_LIST_H

#include "app/options.h"
#include "state/state.h"

/* Copy the accounts of these sources (URLs that the job in `dir` keeps) once more. Their passwords come
 * from the list of --users, where there is one, or from the ways that the job keeps. migrate: the job
 * goes to a server. joined: the accounts of the sources, of a run whose work is shared (imex worker); NULL: a
 * run of its own. The exit code; -1: nothing was begun. */
int retry_list(struct options *o, const char *dir, const char *const *source, size_t n, bool migrate,
    const struct account_rec *joined, struct err *err) WARN_UNUSED;

#endif
