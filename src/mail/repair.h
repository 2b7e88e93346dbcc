/* A message changed as little as a server that refuses it asks for, one kind of change at a time
 * (design.md 6.7). The caller records both digests. */
#ifndef MAIL_REPAIR_H
#define MAIL_REPAIR_H

#include "base/spool.h"

enum repair {
	REPAIR_NUL,	/* NUL octets become 0x80 (as Dovecot and UW do) */
	REPAIR_EOL,	/* CR and LF that stand alone become CRLF */
	REPAIR_HEADER,	/* raw 8-bit words of the header become encoded words (RFC 2047); lines that are
			 * no field become "X-Damaged-Line: ..." */
	REPAIR_LINES,	/* lines over 998 octets (RFC 5322 2.1.1) are broken: those of the header are
			 * folded */
	REPAIRS
};

const char *repair_words(enum repair r);	/* "NUL octets replaced" */
/* *ret_changed false: there was nothing to repair, `to` equals `from`. `to` is emptied first. */
int repair_message(enum repair r, struct spool *from, struct spool *to, bool *ret_changed,
    struct err *err) WARN_UNUSED;

#endif
