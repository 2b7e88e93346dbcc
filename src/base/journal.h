/* The journal of systemd, in its native protocol: one datagram an event, with a field for each thing that is
 * known of it, so that journalctl IMEX_ACCOUNT=anna finds them. Linux alone; syslog(3) is the portable way. */
#ifndef BASE_JOURNAL_H
#define BASE_JOURNAL_H

#include "base/event.h"

#define JOURNAL_PATH "/run/systemd/journal/socket"

struct journal;

/* path: the journal's socket, kept. ERR_CONFIG: there is none. */
int journal_open(struct journal **ret, const char *path, struct err *err) WARN_UNUSED;
void journal_close(struct journal **j);
/* The event, with `words` as its message. What the journal does not take within a second is left to
 * events.jsonl. NULL j: nothing. Not for two threads at the same time. */
void journal_put(struct journal *j, const struct event *e, const char *words);

#endif
