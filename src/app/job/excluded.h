/* The messages of a folder that the selection left out, by reason (EM-04: counted and listed). They
 * may be a million, so they are told as ranges of UIDs. */
#ifndef APP_JOB_EXCLUDED_H
#define APP_JOB_EXCLUDED_H

#include "imap/uidset.h"
#include "state/state.h"

/* More reasons than a job ever has: each change of --since may leave some. The last one takes what
 * is beyond. */
enum { EXCLUDED_REASONS_MAX = 16, EXCLUDED_REASON_MAX = 96 };

struct exclusion {
	char reason[EXCLUDED_REASON_MAX];	/* may be cut */
	uint64_t count;
	struct uidset uids;
};

struct excluded {
	struct exclusion item[EXCLUDED_REASONS_MAX];
	size_t len;
};

/* Reads the rows of a folder that has some; else it costs nothing. */
int excluded_read(
    struct excluded *x, struct state *t, const struct folder_rec *f, struct err *err) WARN_UNUSED;
void excluded_done(struct excluded *x);
/* "1:5,9", whole ranges in at most max bytes, with ",..." behind when there are more. */
void excluded_uids(const struct exclusion *e, size_t max, struct buf *ret);
/* "2: before --since ...; 1: flagged \Deleted" */
void excluded_words(const struct excluded *x, struct buf *ret);

#endif
