/* Commands over a list of users (--users FILE). */
#ifndef APP_CROWD_LISTS_H
#define APP_CROWD_LISTS_H

#include "app/account/extract.h"
#include "app/users/userlist.h"

/* The list of --users, with --only and --limit. All that is wrong with it is told at once, before
 * anything is contacted: ERR_MALFORMED. dest: DEST for rows that name none, NULL when they must;
 * with_dest: mail goes to a server. userlist_done is due after either. */
int lists_read(struct options *o, bool with_dest, const char *dest, struct userlist *u,
    struct err *err) WARN_UNUSED;
/* Copy its accounts into the job of `dir`. The exit code of the job; -1: nothing was begun. into NULL:
 * into files; else into->dest is NULL when each row names its own. */
int lists_copy(struct options *o, const char *dir, const struct into *into,
    struct err *err) WARN_UNUSED;
/* `import`: the mail of its accounts in the job `dir` goes to where each row says, or to `dest` (may be NULL). */
int lists_import(struct options *o, const char *dir, const char *dest, struct err *err) WARN_UNUSED;
/* `verify DIR`: compare each account with its server, and of a job that went to servers with both. */
int lists_verify(struct options *o, struct err *err) WARN_UNUSED;
/* `check`: log into every account, and print a table of them. */
int lists_check(struct options *o, struct err *err) WARN_UNUSED;

#endif
