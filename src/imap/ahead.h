/* A session that a thread of its own opens, while its owner does other things: makes the state,
 * opens the other side. It connects, reads the greeting and starts TLS at once, but stops in front of
 * the login until it is told to go on: what is found wrong meanwhile costs nobody a login. A server
 * may not like to be kept waiting there: after AHEAD_KEPT_MS the connection is made anew.
 *
 * One thread owns it, and hands it to whoever takes the session. */
#ifndef IMAP_AHEAD_H
#define IMAP_AHEAD_H

#include "imap/session.h"

enum { AHEAD_KEPT_MS = 10 * 1000 };

struct sess_ahead;

/* `at` and `stop` are borrowed and outlive it. NULL where no thread can be had: the session is then
 * opened when it is needed. */
struct sess_ahead *sess_ahead_start(const struct endpoint *at, struct cancel *stop);
/* It may log in. Does not wait. NULL: nothing. */
void sess_ahead_go(struct sess_ahead *a);
/* Is there a session that nobody has taken? NULL: no. */
bool sess_ahead_there(const struct sess_ahead *a);
/* Tells it to go and waits until its opening is over: 0, or -1 and why; whoever takes it is told the same. NULL: 0. */
int sess_ahead_wait(struct sess_ahead *a, struct err *err) WARN_UNUSED;
/* Once: tells it to go and waits for it. As sess_open; the session is closed before its ahead. */
int sess_ahead_take(struct sess_ahead *a, struct sess **ret, struct err *err) WARN_UNUSED;
/* What nobody has taken is given up at once, wherever it is. */
void sess_ahead_close(struct sess_ahead **a);

#endif
