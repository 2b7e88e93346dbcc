/* The job directory as a place: may a job live there, and is somebody at work on it? What is in it
 * is the state's, the sink's and the event log's. */
#ifndef APP_JOB_JOBDIR_H
#define APP_JOB_JOBDIR_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/* For extract: make DIR and its parents, or see that it is a job's or empty. ERR_CREATE: not a
 * directory, not writable, or somebody else's files are in it; ERR_STATE: mail of imex without its
 * state. */
int jobdir_prepare(const char *dir, struct err *err) WARN_UNUSED;
/* Files that are read and a job directory (it may not be there yet) must not lie within one another:
 * the source is never written into. ERR_USAGE names `option`. */
int jobdir_apart(const char *from, const char *dir, const char *option, struct err *err) WARN_UNUSED;
/* For all others: ERR_NO_INPUT when there is no job. */
int jobdir_require(const char *dir, struct err *err) WARN_UNUSED;
/* Is there a state in it? False for what is no directory, too. */
bool jobdir_has_state(const char *dir);
/* Process that runs the job; 0: none. */
pid_t jobdir_runner(const char *dir);
/* The same or, while nobody leads those that share the job, one of them. */
pid_t jobdir_at_work(const char *dir);

#endif
