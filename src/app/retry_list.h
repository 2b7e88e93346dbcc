/* retry of several accounts of a job at the same time. */
#ifndef APP_RETRY_LIST_H
#define APP_RETRY_LIST_H

#include "app/options.h"

/* Copy the accounts of these sources (URLs that the job in `dir` keeps) once more. Their passwords come
 * from the list of --users, where there is one, or from the ways that the job keeps. migrate: the job
 * goes to a server. The exit code; -1: nothing was begun. */
int retry_list(struct options *o, const char *dir, const char *const *source, size_t n, bool migrate,
    struct err *err) WARN_UNUSED;

#endif
