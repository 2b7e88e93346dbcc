/* Folders that LIST "" "*" does not name: because one broken folder empties the whole answer (quirks
 * row 29), or because the server hides some (rows 25, 26, 41). Nothing may be unanswered. What is
 * found is added to the list, whose order is lost then, and told as a warning. */
#ifndef IMAP_UNLISTED_H
#define IMAP_UNLISTED_H

#include "imap/session.h"

/* LIST "" "%", then below each name; what is in the list stays. \HasNoChildren is not believed (row 41).
 * io->refused is set if a level was refused, or there are too many. */
int unlisted_by_level(
    struct sess *s, struct folder_list *io, struct arena *a, struct err *err) WARN_UNUSED;
/* INBOX that LIST calls \Noselect, and that STATUS knows: it can be opened. */
int unlisted_inbox(struct sess *s, struct folder_list *io, struct err *err) WARN_UNUSED;
/* Of the subscribed names, and on servers that are known for it of the usual ones, those that STATUS
 * knows; `io` in order. */
int unlisted_find(struct sess *s, const struct folder_list *lsub, struct folder_list *io,
    struct arena *a, struct err *err) WARN_UNUSED;
/* Of names that the server told elsewhere, or that an earlier run has met, those that STATUS knows; `io` in order.
 * Where many in a row are gone the others are, too. */
int unlisted_named(struct sess *s, const struct folder_list *names, struct folder_list *io,
    struct arena *a, struct err *err) WARN_UNUSED;
/* Of the names that others in the list lie below, and that are not in it, those that STATUS knows; `io` in order.
 * io->refused is set if there are too many. */
int unlisted_parents(
    struct sess *s, struct folder_list *io, struct arena *a, struct err *err) WARN_UNUSED;

#endif
