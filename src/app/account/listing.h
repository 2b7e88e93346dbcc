/* What files hold, listed for people or programs: `import --dry-run`, and `verify` of files that no
 * state speaks of. */
#ifndef APP_ACCOUNT_LISTING_H
#define APP_ACCOUNT_LISTING_H

#include "app/cli/options.h"

/* Reads every message at `path` and lists accounts and folders. With --job, the
 * event log and report.json, the same as --json prints, go to that directory. Exit code: 0 all can be read, 1 something is worth reading, 2 some of it
 * cannot be read; -1: nothing was begun. */
int listing_files(struct options *o, const char *path, struct err *err) WARN_UNUSED;

#endif
