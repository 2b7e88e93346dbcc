/* Access rights and annotations of an account's folders (--acl, --metadata). */
#ifndef ENGINE_EXTRAS_H
#define ENGINE_EXTRAS_H

#include "imap/extras.h"

struct lane;
struct plan;

/* What both sides have of `want` (enum extra); what one lacks is a warning. */
unsigned extras_possible(struct lane *l, unsigned want);
/* For each folder that is not excluded. -1: a session ended; calling it again goes on, since what is
 * there is not sent again. */
int extras_copy(struct lane *l, struct plan *plan, unsigned what, struct err *err) WARN_UNUSED;

#endif
