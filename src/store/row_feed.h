/* Reading through the rows of a folder, for recovery. */
#ifndef STORE_ROW_FEED_H
#define STORE_ROW_FEED_H

#include "base/cancel.h"
#include "store/sink.h"
#include "store/uidmap.h"

/* Add the UIDs of all rows that have a file, or had one that was lost (msg_lost): what lies in its place
 * is looked at when it is stored again. ERR_INTERRUPTED when `stop` is raised. */
int row_feed_stored(struct uidmap *have, const struct row_feed *rows, struct cancel *stop,
    struct err *err) WARN_UNUSED;

#endif
