/* Where each folder would go: `check SOURCE DEST`, and `migrate --dry-run`. */
#ifndef APP_ACCOUNT_MAPPING_TABLE_H
#define APP_ACCOUNT_MAPPING_TABLE_H

#include "app/cli/options.h"
#include "engine/job.h"

/* Logs into both and prints the table; nothing is changed. Exit code or -1. */
int mapping_show(
    struct options *o, const char *source, const char *dest, struct err *err) WARN_UNUSED;
/* On standard output, as text or, with --json, as one object. 0; 1 when the quota of the destination has no room for it;
 * -1. */
int mapping_print(
    const struct map_result *r, const struct options *o, struct err *err) WARN_UNUSED;

#endif
