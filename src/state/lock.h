/* One process runs a job: DIR/imex.lock, locked with flock, holding "pid host start" for people. */
#ifndef STATE_LOCK_H
#define STATE_LOCK_H

#include "base/err.h"

struct job_lock;

/* ERR_BUSY names the process that has it. The file stays when the lock goes: removing it would race. */
int job_lock_take(struct job_lock **ret, const char *job_dir, struct err *err) WARN_UNUSED;
void job_lock_free(struct job_lock **l);

#endif
