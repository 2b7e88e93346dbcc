/* The way back from fields and attachments to a message (RFC 5322, 2045): for sources that keep no
 * message but its pieces. The result depends on the input alone: equal pieces give equal octets. */
#ifndef MAIL_REBUILD_H
#define MAIL_REBUILD_H

#include "base/spool.h"
#include "mail/parts.h"

struct rebuild_attachment {
	const char *name;	/* UTF-8 */
	struct spool *octets;
};

struct rebuild {
	const struct mail_address *from, *to, *cc, *bcc;
	size_t n_from, n_to, n_cc, n_bcc;
	const char *subject;	/* UTF-8 */
	struct date sent;
	int priority;
	struct spool *text;	/* UTF-8, CRLF; NULL: none */
};

/* Header, text and the start of the multipart if n_attachments > 0; then each attachment; then the
 * end. All line ends are CRLF. */
int rebuild_begin(const struct rebuild *r, size_t n_attachments, struct spool *out, struct err *err)
    WARN_UNUSED;
int rebuild_attach(const struct rebuild *r, const struct rebuild_attachment *a, struct spool *out,
    struct err *err) WARN_UNUSED;
int rebuild_end(const struct rebuild *r, struct spool *out, struct err *err) WARN_UNUSED;

#endif
