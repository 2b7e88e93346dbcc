/* Sizes of accounts that `check --users` has seen, kept in the job that will copy them, so that the largest
 * come first in its very first run. A note for each, "checked/ACCOUNT": octets in decimal digits. They
 * are no accounts yet: who is only looked at is not queued. The next run takes them over, and what its
 * listing tells wins from then on. */
#ifndef APP_JOB_CHECKED_H
#define APP_JOB_CHECKED_H

#include "app/users/userlist.h"
#include "state/state.h"

struct checked; /* of one check */

struct checked *checked_new(size_t n);
void checked_free(struct checked *c);
void checked_add(struct checked *c, const struct user_row *row, uint64_t octets);
/* All that were added, in one commit. */
int checked_keep(struct checked *c, struct state *t, struct err *err) WARN_UNUSED;

/* Into rec->bytes_known of those that there are notes of; and these are taken away. */
int checked_take(struct state *t, struct account_rec *rec, size_t n, struct err *err) WARN_UNUSED;

#endif
