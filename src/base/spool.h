/* Octets that are kept for a moment: in memory up to a limit, beyond it in one file without a name.
 * One object is used for many messages. Not thread-safe. */
#ifndef BASE_SPOOL_H
#define BASE_SPOOL_H

#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

struct spool;

/* dir: an open directory on whose file system the file is made when it is needed (O_TMPFILE, or a
 * name that is unlinked at once); duplicated. memory_max: octets held in memory. */
struct spool *spool_new(int dir, size_t memory_max);
void spool_free(struct spool **s);
void spool_reset(struct spool *s);	/* empty again; memory is kept, a large file is cut */
int spool_add(struct spool *s, struct slice octets, struct err *err) WARN_UNUSED;
uint64_t spool_len(const struct spool *s);
/* The whole in memory, or data NULL when it is in a file: then spool_fd has all of it. */
struct slice spool_memory(const struct spool *s);
int spool_fd(const struct spool *s);	/* -1: in memory. Borrowed; use pread */
/* Up to `max` octets from `at`; len 0: the end. Borrowed until the next call. */
int spool_read(struct spool *s, uint64_t at, size_t max, struct slice *ret, struct err *err)
    WARN_UNUSED;
/* Append all of it to fd at its present offset. */
int spool_copy(struct spool *s, int fd, struct err *err) WARN_UNUSED;

#endif
