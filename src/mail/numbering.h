/* The identity of messages on servers without UIDs (IMAP2bis, IMAP2). imex gives each a number of its
 * own, ascending, never used twice in a folder, kept in the state; everything else takes it for the
 * UID. A later session finds a message again by size, internal date and the digest of its header,
 * in their order: what was expunged in between, and what is new, may stand anywhere. Two equal
 * messages have two numbers. */
#ifndef MAIL_NUMBERING_H
#define MAIL_NUMBERING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"

enum { NUMBERED_MAX = 4 * 1024 * 1024 };

struct numbered {
	uint32_t uid; /* 0: none yet */
	bool size_known, date_known, head_known;
	bool taken; /* a message of the folder that is open has it */
	uint64_t size;
	int64_t date; /* seconds since 1970 */
	uint8_t head[SHA256_LEN]; /* of the header as RFC822.HEADER gives it */
};

struct numbering {
	struct numbered *one; /* in the order in which the numbers were given */
	size_t len, cap;
	size_t stored; /* so many from the first are durable */
	uint32_t next; /* above all that were ever given */
};

void numbering_done(struct numbering *n);
void numbering_clear(struct numbering *n);
bool numbering_copy(const struct numbering *from, struct numbering *to); /* none of them taken */
/* False: NUMBERED_MAX is reached. */
bool numbering_add(struct numbering *n, const struct numbered *one);
/* The folder is opened anew: no number is taken. */
void numbering_open(struct numbering *n);
/* Give each of seen[], messages in their order, its number: the one it had, else the next, which is
 * added to n. Numbers that are taken stay so. False: NUMBERED_MAX is reached. */
bool numbering_match(struct numbering *n, struct numbered *seen, size_t len);

#endif
