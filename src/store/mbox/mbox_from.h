/* The line "From sender date" that starts a message in an mbox (RFC 4155), as many programs write
 * it, and the header fields by which they keep flags. */
#ifndef STORE_MBOX_MBOX_FROM_H
#define STORE_MBOX_MBOX_FROM_H

#include "mail/date.h"
#include "mail/flags.h"

/* `line` begins with "From "; without its end. False: no date in it. asctime form, or that of RFC
 * 822 behind a day of the week; no zone is UTC. */
bool mbox_from_date(struct slice line, struct date *ret);
/* "Name: ..." */
bool mbox_is_field(struct slice line);
/* The value without blanks around it when the field has that name; NULL data: another. */
struct slice mbox_field(struct slice line, const char *name);

/* Status and X-Status (mutt, UW, Dovecot), X-Keywords, X-Mozilla-Status and X-Mozilla-Keys: flags
 * and keywords of a header that ends at a blank line or the end. False: arena limit. */
bool mbox_flags(struct slice header, struct arena *a, struct flags *ret);
/* "X-IMAPbase: 1275660208 0000000012 ..." */
bool mbox_base(struct slice value, uint32_t *ret_uidvalidity, uint32_t *ret_last);

#endif
