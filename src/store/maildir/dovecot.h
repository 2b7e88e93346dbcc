/* Index files that Dovecot reads in a Maildir++ tree, so that it serves UIDs, their order,
 * UIDVALIDITY and subscriptions as the source had them (rules.md 3.3). */
#ifndef STORE_MAILDIR_DOVECOT_H
#define STORE_MAILDIR_DOVECOT_H

#include "base/cancel.h"
#include "mail/folder.h"
#include "store/sink.h"

/* Write UIDLIST_NEW for a folder from its rows: *ret_fd is the complete file, open, not synced; -1
 * when nothing is to be done: the list is right as it is, or Dovecot has taken it over (another
 * GUID, names or numbers that are not imex's), or the source has no UIDVALIDITY. `account`: name of
 * the account's directory. */
int dovecot_uidlist(int folder, const char *account, const struct folder_rec *rec,
    const struct row_feed *rows, struct cancel *stop, int *ret_fd, struct err *err) WARN_UNUSED;

/* Write SUBSCRIPTIONS_NEW in the root: *ret_fd is the complete file, open, not synced; -1 when
 * `subscriptions` is right as it is. Names are the directories', levels between TABs. */
int dovecot_subscriptions(int root, const struct folder *list, size_t len, int *ret_fd,
    struct err *err) WARN_UNUSED;

#endif
