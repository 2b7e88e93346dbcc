/* A stored file gets a second name: that of the same message under another UIDVALIDITY. Like any new file
 * it is in a directory for half-done ones first, and gets its name when the batch is synced; the older name
 * goes in a later batch. So a kill in between leaves a message with two names and never without one. */
#ifndef STORE_ADOPTED_H
#define STORE_ADOPTED_H

#include "base/err.h"

/* dir_from/from is linked as dir_to/to, in place of what has that name. *ret_fd: of the file, to be read;
 * -1: nothing was done, since it is not there, has not so many octets, or the file system has no links. */
int adopted_link(int dir_from, const char *from, int dir_to, const char *to, uint64_t octets, int *ret_fd,
    struct err *err) WARN_UNUSED;

#endif
