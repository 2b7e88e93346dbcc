/* What stands in the place of a message, in a Maildir folder: found wherever another program moved it, and put
 * aside in tmp/, under <identity>.damaged, where it is not what was stored. For the keeper alone. */
#ifndef STORE_MAILDIR_MAILDIR_ASIDE_H
#define STORE_MAILDIR_MAILDIR_ASIDE_H

#include "store/maildir/maildir.h"
#include "store/maildir/name_index.h"

/* Where is the message now whose file should be cur/name? "" nowhere. Only flags or the directory
 * may differ. */
int maildir_find(struct maildir_dirs *d, const char *name, char ret[NAME_INDEX_PATH_MAX], struct err *err)
    WARN_UNUSED;
/* tmp/identity is about to become cur/to: what has that identity goes aside, unless it has the same octets. A
 * failed batch leaves it in tmp/. */
int maildir_aside(struct maildir_dirs *d, const char *identity, const char *to, struct err *err) WARN_UNUSED;
/* The copy of cur/name is lost: what lies in its place may be somebody's work. */
int maildir_aside_lost(struct maildir_dirs *d, const char *name, struct err *err) WARN_UNUSED;

#endif
