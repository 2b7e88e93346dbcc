/* One account under two names (rules.md 2.6): copying it into itself would never end. */
#ifndef ENGINE_SAME_H
#define ENGINE_SAME_H

#include "imap/session.h"

/* The same login on the same server, or the same folders with equal UIDVALIDITY, UIDNEXT, counts and
 * HIGHESTMODSEQ, at least one of them with mail. Counts must be known on both sides, else they are not the same. */
bool same_account(const struct endpoint *a, const struct folder_list *list_a,
    const struct endpoint *b, const struct folder_list *list_b);

#endif
