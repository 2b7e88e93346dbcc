/* Flags that imex's own fetch may have set on the source (rules.md 1.4), put back. A fresh session
 * looks whether \Seen really appeared; only then the folder is selected for writing, \Seen taken
 * away again, and read back. */
#ifndef IMAP_DEBT_H
#define IMAP_DEBT_H

#include "imap/number.h"

struct debt_result {
	bool look; /* by the caller: when some are \Seen tell their number and change nothing yet */
	uint64_t seen; /* messages that were \Seen before the attempt */
	struct uidset paid; /* in order now: unchanged, restored, or no longer there */
	struct uidset unpaid; /* still \Seen after the attempt */
	char reply[512]; /* of the command that was refused; "" */
};

struct debt {
	struct slice folder;
	uint32_t uidvalidity;
	const struct uidset *owed; /* UIDs that lacked \Seen before */
	const struct numbering *numbering; /* of a server without UIDs; else NULL */
	const char *items; /* by which such a server lists */
	bool no_examine; /* it has refused EXAMINE before */
};

/* *ret is zero but for `look`; the caller frees with debt_result_done, also after -1. */
int debt_pay(const struct endpoint *at, struct cancel *stop, const struct debt *d,
    struct debt_result *ret, struct err *err) WARN_UNUSED;
void debt_result_done(struct debt_result *r);

#endif
