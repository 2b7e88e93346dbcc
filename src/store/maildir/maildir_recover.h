/* After an unclean end: files of messages that no row knows go back to tmp/, where fetching them
 * again overwrites them (rules.md 3.1). Nothing is ever unlinked but imex's own half-written index
 * files. */
#ifndef STORE_MAILDIR_MAILDIR_RECOVER_H
#define STORE_MAILDIR_MAILDIR_RECOVER_H

#include "base/cancel.h"
#include "store/maildir/maildir.h"
#include "store/sink.h"

/* Names of this UIDVALIDITY in cur/ and new/ without a row in `rows` that has a file; their number
 * in *ret_aside. */
int maildir_recover(struct maildir_dirs *d, uint32_t uidvalidity, const struct row_feed *rows,
    struct cancel *stop, uint64_t *ret_aside, struct err *err) WARN_UNUSED;

/* What is left in tmp/cur moves to tmp/, under the names that messages on their way have there. */
int maildir_recover_first(const struct maildir_dirs *d, struct err *err) WARN_UNUSED;

/* Half-written index files of the folder go, and what is in tmp/cur to tmp/: later, the folder may have more than its
 * first messages. */
int maildir_recover_files(const struct maildir_dirs *d, struct err *err) WARN_UNUSED;

#endif
