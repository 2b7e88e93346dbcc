/* Looking at an account without changing anything: `check`, and `extract --dry-run`. */
#ifndef APP_ACCOUNT_CHECK_H
#define APP_ACCOUNT_CHECK_H

#include "app/cli/options.h"

/* Prints what the server is and what a run would do; `to` not NULL: and whether there is room where it would write. Exit
 * code, 1 when there is not or folders may be missing in the list; or -1. */
int check_account(
    struct options *o, const char *source, const char *to, struct err *err) WARN_UNUSED;

/* Folders that a run would copy. */
struct check_result;
size_t check_folders(const struct check_result *r);

#endif
