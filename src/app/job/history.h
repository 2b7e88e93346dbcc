/* The history of runs: what a run notes when it begins, and how reports show it. */
#ifndef APP_JOB_HISTORY_H
#define APP_JOB_HISTORY_H

#include "app/cli/options.h"
#include "state/state.h"

/* Note the run with its command line, as "extract SOURCE --to=DIR", quoted for a shell where it must be: it would
 * run again, but for the command that gives a password, which is left out, as it may spell one out. */
int history_begin(struct state *t, const struct options *o, int64_t *ret_run, struct err *err) WARN_UNUSED;
/* "exit code 0", "killed", or for the last one "running or killed". */
const char *history_end(const struct run_rec *r, char ret[32]);

#endif
