/* One account under two names (rules.md 2.6): copying it into itself would never end. */
#ifndef ENGINE_SAME_H
#define ENGINE_SAME_H

#include "engine/copy.h"
#include "imap/session.h"

/* The same login on the same server, or the same folders with equal UIDVALIDITY, UIDNEXT, counts and
 * HIGHESTMODSEQ, at least one of them with mail. Counts must be known on both sides, else they are not the same. */
bool same_account(const struct endpoint *a, const struct folder_list *list_a,
    const struct endpoint *b, const struct folder_list *list_b);
/* The same of a lane whose source and destination have been listed. Where all is equal but there is no mail, which
 * two fresh accounts may have in common (UIDVALIDITY 1, UIDNEXT 1), a marker decides: a folder that is made on the
 * destination, looked for on the source, and removed again. A destination that refuses it is another account. */
int same_lane(struct lane *l, const struct folder_list *source, bool *ret, struct err *err) WARN_UNUSED;

#endif
