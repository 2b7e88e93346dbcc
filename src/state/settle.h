/* The files of batches made durable, many at once: one sync of the file system for all of a group. */
#ifndef STATE_SETTLE_H
#define STATE_SETTLE_H

#include <sys/stat.h>

#include "state/state.h"

enum { SETTLE_MAX = 64 };

/* A file system that is synced as a whole: a descriptor on it that was opened before anything of the job
 * was written there, so that it is told of every write that failed; -1: none. */
struct settle_system {
	int fd;
	dev_t device;
};

/* `dir` is on it. */
int settle_system_open(struct settle_system *ret, const char *dir, struct err *err) WARN_UNUSED;
/* In their order; how many in front are durable, and why the next is not in err. Those behind are as if they had
 * never been. Entries may be NULL. *ret_shared: the whole file system of s was synced. */
size_t settle_all(const struct settle_system *s, struct pending *const *p, size_t n,
    bool *ret_shared, struct err *err) WARN_UNUSED;
/* One alone. */
int settle_one(struct pending *p, struct err *err) WARN_UNUSED;

#endif
