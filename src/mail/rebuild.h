/* The way back from fields and attachments to a message (RFC 5322, 2045 to 2047, 2231): for sources
 * that keep no message but its pieces. The result depends on the input alone: equal pieces give
 * equal octets. Nothing that a field holds can end its line: control characters become blanks,
 * octets that are not UTF-8 become U+FFFD.
 *
 * An address that is none (blanks, no "@" ...) is written as a name, and a name without an address
 * as an empty group ("Name:;"), which mail/address.h reads back as that name. */
#ifndef MAIL_REBUILD_H
#define MAIL_REBUILD_H

#include "base/spool.h"
#include "mail/parts.h"

enum { REBUILD_BOUNDARY_MAX = 64 };

struct rebuild_attachment {
	const char *name; /* UTF-8; "": "attachment.bin" */
	struct spool *octets;
};

struct rebuild {
	const struct mail_address *from, *to, *cc, *bcc;
	size_t n_from, n_to, n_cc, n_bcc;
	const char *subject; /* UTF-8; NULL or "": no Subject */
	struct date sent; /* written in UTC; !known: no Date */
	int priority; /* X-Priority and Importance when not 0 */
	struct spool *text; /* UTF-8, CRLF; NULL: none */
	/* rebuild_begin's own */
	bool multipart;
	char boundary[REBUILD_BOUNDARY_MAX]; /* a digest of all the above */
};

/* Header, text and the start of the multipart if n_attachments > 0; then each attachment; then the
 * end. Appended to `out`; all line ends that are made are CRLF. The text is 7bit where it may be,
 * else quoted-printable or base64; either way it decodes to its own octets. */
int rebuild_begin(struct rebuild *r, size_t n_attachments, struct spool *out, struct err *err)
    WARN_UNUSED;
/* base64, with a type by its name's extension. An ".eml" whose octets may stand in a message as
 * they are (lines of 998 octets, CRLF, no NUL, not our boundary) is a message/rfc822. */
int rebuild_attach(const struct rebuild *r, const struct rebuild_attachment *a, struct spool *out,
    struct err *err) WARN_UNUSED;
int rebuild_end(const struct rebuild *r, struct spool *out, struct err *err) WARN_UNUSED;

#endif
