/* The messages of an mbox file, found in one pass by blocks: memory is 24 octets a message and two
 * buffers, however long a line is.
 *
 * A message starts at a line "From " with a date in it, or at one without when a blank line stands
 * before it and a header field behind it (Thunderbird writes such). Which of the kinds a file is:
 *	mboxcl2	every message has a Content-Length that leads exactly to the next start or the end,
 *		and lines "From " stand unquoted inside messages: nothing is unquoted
 *	mboxcl	the lengths lead there, no unquoted ones inside: quoted as in mboxo
 *	mboxrd	there are lines ">>From ": each ">+From " loses one '>'
 *	mboxo	only ">From ": what it was before cannot be known (mboxrd writes the same); one '>'
 *is taken away, which is right for all mboxrd files and for all but those lines of mboxo files that
 *were ">From " in the mail already A single Content-Length is believed over a start inside it only
 *when all messages so far had one that was right: mail that was sent with such a field must not
 *swallow its neighbours. */
#ifndef STORE_MBOX_MBOX_SCAN_H
#define STORE_MBOX_MBOX_SCAN_H

#include "base/cancel.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/slice.h"

struct mbox_entry {
	uint64_t at, end; /* of the From_ line; behind the last octet of the message */
	uint32_t uid; /* of X-UID, until numbers are given */
	uint32_t from_len; /* of the From_ line with its end */
	bool rd; /* imex wrote it, so that lines are quoted as in mboxrd, whatever the others say */
};

enum mbox_kind { MBOX_PLAIN, MBOX_O, MBOX_RD, MBOX_CL, MBOX_CL2 };

struct mbox_scan {
	struct mbox_entry *entry;
	size_t len, cap;
	enum mbox_kind kind;
	bool unquote;
	uint64_t junk; /* octets before the first message that are not blank lines */
	uint64_t junk_at;
	uint64_t weak; /* lines "From " that were taken for text */
	uint64_t internal; /* pseudo messages of UW's programs, left out */
	bool base_known; /* X-IMAPbase or X-IMAP of the first message */
	uint32_t base_uidvalidity, base_last;
};

/* Octets from `from` to `size` of fd. `d` (may be NULL) gets all of them. ERR_FOLDER: it cannot be
 * read, or has more than SHELF_MESSAGES_MAX messages. */
int mbox_scan(int fd, uint64_t from, uint64_t size, struct digest *d, struct cancel *stop,
    struct mbox_scan *ret, struct err *err) WARN_UNUSED;
void mbox_scan_done(struct mbox_scan *s);
const char *mbox_kind_words(enum mbox_kind k);
/* Does a file start as an mbox does? Its first octets. */
bool mbox_starts(struct slice start);
/* The same at any line of them: something else stands before the first message. */
bool mbox_starts_inside(struct slice start);

#endif
