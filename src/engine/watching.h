/* The connection that watches one account of a source: it looks whether anything has changed since the last look,
 * and waits to be told of a change. What has changed is not read here: that is job_copy's.
 *
 * Told by IDLE (RFC 2177), which speaks of one open folder, INBOX as a rule, or by NOTIFY (RFC 5465), which speaks of
 * all of them; a server that has neither, or refuses them, is only looked at. A look is LIST with counts, one round
 * trip where LIST-STATUS is offered. Nothing is sent behind an IDLE, and it lasts WATCHING_IDLE_MS at the most. */
#ifndef ENGINE_WATCHING_H
#define ENGINE_WATCHING_H

#include "base/digest.h"
#include "engine/job.h"
#include "imap/limits.h"

enum {
	WATCHING_IDLE_MS = 9 * 60 * 1000, /* RFC 2177 bears 29 minutes; some firewalls forget after 10 */
};

/* What the folders looked like; outlives the connection. Zeroed: never looked at, so all is new. */
struct watching_mark {
	bool known;
	uint8_t sum[SHA256_LEN];
};

struct watching;

/* Connect and log in to job->source. `stays`: it is going to wait, so what tells of changes is asked for; else it
 * only looks. Everything ends with ERR_INTERRUPTED when `end` is raised. job and end are borrowed. */
int watching_open(struct watching **ret, const struct job *job, bool stays, struct cancel *end,
    struct err *err) WARN_UNUSED;
void watching_close(struct watching **w); /* NULL: nothing */
/* *ret_changed: the selected folders are not what *io says, which is then brought up to date; or their counts cannot be
 * had, so that nobody knows. */
int watching_look(struct watching *w, struct watching_mark *io, bool *ret_changed, struct err *err) WARN_UNUSED;

enum watching_told {
	WATCHING_SILENCE, /* the time is over */
	WATCHING_NEWS, /* something has changed: look */
	WATCHING_FLAGS /* flags have, of which a look may see nothing */
};
/* After a look: until the server tells something, or for poll_ms, or, where NOTIFY tells everything, WATCHING_IDLE_MS. */
int watching_wait(struct watching *w, int64_t poll_ms, enum watching_told *ret, struct err *err) WARN_UNUSED;

#endif
