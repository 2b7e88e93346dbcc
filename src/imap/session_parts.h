/* Insides of the session, shared by session.c (commands, answers, the books) and session_open.c. */
#ifndef IMAP_SESSION_PARTS_H
#define IMAP_SESSION_PARTS_H

#include "imap/session.h"

/* What the server sent last, without secrets that it may echo, into s->reply; of what came before TLS, where it is
 * required, not a word. */
void sess_secret_reply(struct sess *s);
/* A BYE that is in s->reply: -1, ERR_LOGIN, ERR_THROTTLED (with the wait it names) or ERR_BYE. */
int sess_bye(struct sess *s, const struct resp *r, struct err *err);

#endif
