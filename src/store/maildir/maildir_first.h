/* The first messages of a folder. While its cur/ and tmp/ are empty a directory tmp/cur takes its place: messages get
 * their names there, and one rename shows them all (rules.md 3.1), where each would need one of its own, which
 * is a seventh of what a small message costs. Where that rename is refused, since another program delivered
 * meanwhile or the file system cannot do it, each message is moved alone. */
#ifndef STORE_MAILDIR_MAILDIR_FIRST_H
#define STORE_MAILDIR_MAILDIR_FIRST_H

#include "store/maildir/maildir.h"

/* *ret: tmp/cur, made now, or -1: messages go to tmp/ as ever, since something is there, or cur/ has another owner or
 * other rights than a directory made now. What a kill has left in tmp/cur moves to tmp/. */
int maildir_first_open(const struct maildir_dirs *d, int *ret, struct err *err) WARN_UNUSED;
/* tmp/cur, open as *first, becomes cur/; *first is what was cur/ then. False: refused. */
bool maildir_first_place(struct maildir_dirs *d, int *first);
/* After a refusal, when its messages were moved away: it is taken away. */
void maildir_first_drop(const struct maildir_dirs *d);

#endif
