/* Servers without UIDs: messages are told apart by what they are (mail/numbering.h), and spoken of by
 * their present sequence numbers. A session keeps both beside each other: FETCH responses get the UID
 * that imex has given, commands with UIDs are sent with sequence numbers. Such servers are sent one
 * command at a time, so that EXPUNGE cannot change what a number means on its way. */
#ifndef IMAP_NUMBER_H
#define IMAP_NUMBER_H

#include "imap/session.h"
#include "mail/numbering.h"

/* "UID VERB set rest"; without UIDs "VERB set rest" with the sequence numbers of those that are still
 * there, and NOOP if none is. `set` as in the command, "3:7,9" or "5:*". */
int sess_send_set(struct sess *s, int kind, uint32_t *ret_tag, const char *verb, const char *set,
    const char *rest, struct err *err) WARN_UNUSED;

/* Number the messages of the open folder that have no number yet: their metadata are listed with
 * `items`, the headers read. With `only` (NULL: all) headers are read where they may decide about
 * those UIDs; the numbers of others mean nothing then. ERR_REFUSED_BAD: the server does not take
 * `items`. */
int sess_number(struct sess *s, const char *items, const struct uidset *only,
    struct numbering *io, struct err *err) WARN_UNUSED;

/* For the books. 0: it has none. */
uint32_t number_uid(const struct sess *s, uint32_t seq);
uint32_t number_expunge(struct sess *s, uint32_t seq); /* forget it; returns its UID */
bool number_there(const struct sess *s, uint32_t uid);

#endif
