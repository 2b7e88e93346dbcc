/* APPEND (RFC 3501 6.3.11) with MULTIAPPEND (RFC 3502), non-synchronising literals (RFC 7888) and
 * UIDPLUS (RFC 4315): how the lines are written, and what the answers mean. Who may use which form is
 * decided elsewhere (rules.md 2.1). */
#ifndef IMAP_APPEND_H
#define IMAP_APPEND_H

#include "imap/session.h"

/* Octets: a literal that LITERAL- lets go without waiting. */
enum { LITERAL_MINUS_MAX = 4096, APPEND_GROUP_MAX = 64 };

/* `(\Seen work) "07-Nov-2003 14:18:49 +0100" {516}`, or `{516+}` when `now`; the list of flags is
 * written also when it is empty (servers.md 2.19), the date not when it is unknown. */
void append_message(
    struct buf *out, const struct flags *f, const struct date *d, uint64_t octets, bool now);

/* [APPENDUID v set] of a tagged OK: the UIDs in ascending order. False when it is absent, is not
 * well-formed, or has a 0. */
bool append_uids(const struct resp *r, uint32_t *ret_uidvalidity, struct uidset *ret);

/* What a refusal is about. Most servers tell it by a text alone: known texts are in a table. */
enum append_fault {
	APPEND_LATER, /* wait and try again: THROTTLED, UNAVAILABLE, INUSE ... */
	APPEND_QUOTA, /* the account, or the folder, is full */
	APPEND_NO_FOLDER, /* it is gone, or may not be written to */
	APPEND_TOO_BIG, /* this message, whatever is done to it */
	APPEND_UNWANTED, /* a virus, spam: nothing of ours will change it */
	APPEND_NUL, /* octets that can be repaired */
	APPEND_BARE_LF,
	APPEND_HEADER,
	APPEND_LONG_LINE,
	APPEND_FLAGS, /* metadata that can be left out */
	APPEND_DATE,
	APPEND_OTHER
};
enum append_fault append_fault(const struct resp *r);

/* APPENDLIMIT=35651584 of the capabilities (RFC 7889); 0: none, or one for each folder. */
uint64_t append_limit(const struct caps *c);
/* APPENDLIMIT without a value: each folder has its own, which STATUS tells. */
bool append_limit_by_folder(const struct caps *c);
/* Of one folder, not the selected one. *ret 0: it has none, or the server does not tell. */
int append_folder_limit(
    struct sess *s, struct slice name, uint64_t *ret, struct err *err) WARN_UNUSED;

#endif
