/* The work of `convert`, and of `retry` in a job that converts. */
#ifndef APP_COMMANDS_CONVERT_H
#define APP_COMMANDS_CONVERT_H

#include "app/cli/options.h"

/* Convert what lies at `source` into the job directory. The exit code, with everything said; -1:
 * nothing was begun. */
int convert_files(struct options *o, const char *source, const char *dir, struct err *err)
    WARN_UNUSED;

#endif
