/* Is this the same message? Servers add headers, change line ends, replace octets that they do not
 * like (docs/servers-seen.md, rules.md 2.2). Two copies are the same message when their identities
 * are equal:
 *
 *	head: digest over the header fields that servers leave alone (From, Sender, Reply-To, To, Cc,
 *		Bcc, Subject, Date, Message-ID, In-Reply-To, References, MIME-Version,
 *		Content-Type, Content-Transfer-Encoding), in the order in which they stand, each
 *		unfolded, runs of blanks made one, blanks around the value left out, names in lower
 *		case; what is absent counts as absent. NUL and octets over 0x7f count as the letter
 *		X, which is what Cyrus makes of them. Lines that are no field and continue none
 *		belong to it too, with their octets; an mbox From_ line at the start does not.
 *	whole: digest over head and the body without its line ends: servers make CRLF of a CR or LF
 *		that stands alone, drop it, add one at the end, break long lines; NUL taken for 0x80 (Dovecot, UW), any number of '>'
 *		before "From " at the start of a line left out. Other octets over 0x7f count: two
 *		drafts may differ in nothing else.
 *
 * A line of the header ends at LF, and CR counts nowhere in it. A message without an empty line is all header.
 *
 * No Message-ID is needed. Not proof against somebody who makes two messages alike on purpose: equal
 * identities of different octets are the same message to imex, which the manual says. Memory is a few
 * kilobytes, whatever the message is. */
#ifndef MAIL_IDENTITY_H
#define MAIL_IDENTITY_H

#include "base/digest.h"
#include "base/slice.h"

struct identity {
	uint8_t head[SHA256_LEN], whole[SHA256_LEN];
	uint8_t exact[SHA256_LEN]; /* of the octets as they are */
	uint64_t octets;
};

struct identity_maker;

struct identity_maker *identity_new(void);
void identity_free(struct identity_maker *m); /* NULL: nothing */
void identity_start(struct identity_maker *m);
void identity_add(struct identity_maker *m, struct slice octets); /* cut anywhere */
void identity_end(struct identity_maker *m, struct identity *ret);
/* `head` of a header alone, with or without the empty line at its end. Begins anew: what was added
 * before is forgotten. */
void identity_head(struct identity_maker *m, struct slice header, uint8_t ret[SHA256_LEN]);

#endif
