/* Octets that are kept for a moment: in memory up to a limit, beyond it in one file without a name.
 * One object is used for many messages: what fits in memory costs no system call, and the memory is
 * taken once. Not thread-safe. */
#ifndef BASE_SPOOL_H
#define BASE_SPOOL_H

#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

struct spool;

/* A spool takes at most this much (ERR_MESSAGE beyond): a runaway must not fill the disk. */
#define SPOOL_MAX ((uint64_t)64 << 30)

/* dir: an open directory on whose file system the file is made when it is needed (O_TMPFILE, or a
 * name that is unlinked at once); duplicated. -1: never a file, more than memory_max is
 * ERR_MESSAGE. memory_max: octets held in memory. */
struct spool *spool_new(int dir, size_t memory_max);
void spool_free(struct spool **s); /* NULL in *s: nothing */
void spool_reset(struct spool *s); /* empty again; memory is kept, the file is cut */
/* All of it, or -1 (ERR_CREATE, ERR_DISK, ERR_FULL, ERR_MESSAGE); then the spool holds an unknown
 * part of it and is good for spool_reset only. `octets` must not be borrowed from this spool. */
int spool_add(struct spool *s, struct slice octets, struct err *err) WARN_UNUSED;
uint64_t spool_len(const struct spool *s);
/* The whole in memory, or data NULL when it is in a file: then spool_fd has all of it. */
struct slice spool_memory(const struct spool *s);
int spool_fd(const struct spool *s); /* -1: in memory. Borrowed; use pread */
/* The octets from `at`, `max` of them or as many as there are; len 0: the end. Borrowed until the
 * next call on this spool. In a file they are read into memory of that size, so `max` is to be
 * bounded by the caller. */
int spool_read(struct spool *s, uint64_t at, size_t max, struct slice *ret, struct err *err)
    WARN_UNUSED;
/* Append all of it to fd at its present offset. */
int spool_copy(struct spool *s, int fd, struct err *err) WARN_UNUSED;
/* All of it as the file `name` in that directory, which appears under its name when it is whole and
 * synced; the directory is for the caller to sync. */
int spool_save(struct spool *s, int dir, const char *name, struct err *err) WARN_UNUSED;
/* Append [from, to) of it to another spool; the range is cut at the end. */
int spool_copy_range(
    struct spool *s, uint64_t from, uint64_t to, struct spool *out, struct err *err) WARN_UNUSED;

#endif
