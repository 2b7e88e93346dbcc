/* The directory of an account that a sink of files writes in. */
#ifndef STORE_SINK_ROOT_H
#define STORE_SINK_ROOT_H

#include "store/sink.h"

/* Makes it, durably, puts in order what a killed run left undone above it, and opens it. *ret_by_system: one
 * sync of the file system does for all of a batch. */
int sink_root_open(int *ret, bool *ret_by_system, const struct sink_place *at, struct err *err) WARN_UNUSED;

#endif
