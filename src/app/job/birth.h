/* What is fixed when a job is born (rules.md 3.7): format, line ends, code page, time zone. It need
 * not be said again, and must be known before a run begins: dates without a zone are meant in the
 * job's, and the zone of the process is set before it has threads. */
#ifndef APP_JOB_BIRTH_H
#define APP_JOB_BIRTH_H

#include "app/cli/options.h"
#include "engine/job.h"
#include "state/state.h"

/* Take over from the job in `dir`, if there is one, what the options do not say; set the zone of
 * the process; see that the options fit each other. dir NULL: no job. Errors of an existing job
 * come when it is opened for the run, those of the options are ERR_USAGE. */
int birth_settle(struct options *o, const char *dir, struct err *err) WARN_UNUSED;
/* The options as the state keeps and compares them. */
void birth_of(const struct options *o, const char *command, struct job_birth *ret);
/* The window of --since and --before for the engine. */
void birth_window(const struct options *o, struct selection *ret);

#endif
