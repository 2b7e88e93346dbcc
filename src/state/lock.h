/* Who works on a job. imex.lock, locked with flock and holding "pid host start" for people, is that of
 * the one process that leads; imex.process.N, likewise, with a number that the state gives and never gives again,
 * that of each process that writes. Both end with the process, whatever ends it. */
#ifndef STATE_LOCK_H
#define STATE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct job_lock;

/* ERR_BUSY names the process that has it. The file stays when the lock goes: removing it would race. */
int job_lock_take(struct job_lock **ret, const char *job_dir, struct err *err) WARN_UNUSED;
void job_lock_free(struct job_lock **l);

int process_lock_take(
    struct job_lock **ret, const char *job_dir, int64_t number, struct err *err) WARN_UNUSED;
/* Does that process live? Not to be asked of one's own. When it cannot be told, it does. */
bool process_lock_held(const char *job_dir, int64_t number);
/* Of one that does not, or is about to end. */
void process_lock_remove(const char *job_dir, int64_t number);

#endif
