/* Header fields written (RFC 5322 2.2.3, 2047, 2231): folded, in ASCII, whatever the values hold.
 */
#ifndef MAIL_COMPOSE_H
#define MAIL_COMPOSE_H

#include "base/buf.h"
#include "mail/address.h"
#include "mail/date.h"

/* UTF-8 as it may stand in a field: control characters made blanks, bad octets U+FFFD, blanks at
 * both ends taken off. */
void compose_clean(struct slice value, struct buf *out);
/* "Field: value" CRLF; nothing for an empty value. */
void compose_text(const char *field, struct slice value, struct buf *out);
/* "Field: list" CRLF, an entry a line; nothing for an empty list. */
void
compose_addresses(const char *field, const struct mail_address *list, size_t n, struct buf *out);
/* "Date: Sat, 14 Mar 2015 08:26:53 +0000" CRLF; nothing for one that is not known or has no year of
 * four digits. */
void compose_date(const struct date *when, struct buf *out);
/* ";" and the parameter on lines of their own: quoted, or in pieces of RFC 2231. */
void compose_param(const char *name, struct slice value, struct buf *out);

#endif
