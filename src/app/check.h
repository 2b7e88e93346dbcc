/* Looking at an account without changing anything: `check`, and `extract --dry-run`. */
#ifndef APP_CHECK_H
#define APP_CHECK_H

#include "app/options.h"

/* Prints what the server is and what a run would do; `to` not NULL: and where it would write. Exit
 * code or -1. */
int check_account(
    struct options *o, const char *source, const char *to, struct err *err) WARN_UNUSED;

#endif
