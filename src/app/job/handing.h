/* --owner and --mode: to whom mail is handed. */
#ifndef APP_JOB_HANDING_H
#define APP_JOB_HANDING_H

#include "app/cli/options.h"

/* For the whole process, before it has threads and before anything is contacted. ERR_USAGE: not USER[:GROUP];
 * ERR_CONFIG: nobody has that name here, or only root may do that. */
int handing_settle(const struct options *o, struct err *err) WARN_UNUSED;

#endif
