/* The work of `extract` and, for each account, of `retry`. */
#ifndef APP_EXTRACT_H
#define APP_EXTRACT_H

#include "app/options.h"

/* Copy the account of `source` into the job directory. The exit code, with everything said; -1:
 * nothing was begun. */
int extract_account(
    struct options *o, const char *dir, const char *source, struct err *err) WARN_UNUSED;

#endif
