/* When to try again what has failed. */
#ifndef APP_CLI_BACKOFF_H
#define APP_CLI_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum { BACKOFF_MAX_MS = 15 * 60 * 1000 };

/* first_ms, doubled so many times, up to BACKOFF_MAX_MS. */
int64_t backoff_doubled(int64_t first_ms, unsigned times);
/* Between three and five quarters of ms, so that a crowd that failed together does not come back together. *io_seed
 * is the state of a small generator. */
int64_t backoff_jittered(uint64_t *io_seed, int64_t ms);
/* Would the next account meet the same? Then it is the end of all. */
bool failure_ends_all(const struct err *why);

#endif
