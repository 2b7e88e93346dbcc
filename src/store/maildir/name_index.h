/* Which file of a folder holds a message whose exact name is not there, because another program
 * changed its flags or moved it to new/. Memory is bounded: a window of the directory is held, by
 * ascending UID, and read again when a UID beyond it is asked for. A snapshot: names that appear
 * later are not seen. */
#ifndef STORE_MAILDIR_NAME_INDEX_H
#define STORE_MAILDIR_NAME_INDEX_H

#include "store/maildir/maildir.h"

enum { NAME_INDEX_PATH_MAX = MAILDIR_NAME_MAX + 4 };

/* `folder` is borrowed. */
struct name_index *name_index_new(int folder, uint32_t uidvalidity);
void name_index_free(struct name_index **x);
uint32_t name_index_uidvalidity(const struct name_index *x);
/* "cur/NAME" or "new/NAME" of the message with this identity, the first in order of names when
 * there are several; "" when there is none. */
int name_index_find(struct name_index *x, uint32_t uid, struct slice identity,
    char ret[NAME_INDEX_PATH_MAX], struct err *err) WARN_UNUSED;

#endif
