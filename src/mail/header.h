/* The few header fields by which people recognise a message (rules.md 1.7). */
#ifndef MAIL_HEADER_H
#define MAIL_HEADER_H

#include "base/arena.h"
#include "mail/date.h"

enum { HEADER_MAX = 64 * 1024 };	/* octets looked at */

struct header_facts {
	const char *from, *date, *subject, *message_id;	/* UTF-8, one line, "" when absent; in the arena */
	struct date sent;				/* Date, else the newest Received; !known: neither parses */
};

/* `header`: raw header octets, a truncated one is fine. Never fails: what is not there is "". */
void header_read(struct slice header, struct arena *a, struct header_facts *ret);
enum { BOUNDARY_MAX = 200 };

/* The boundary of a multipart (RFC 2046 5.1.1); false: the header names none, or one that cannot be. */
bool header_boundary(struct slice header, char ret[BOUNDARY_MAX + 1]);
/* Known texts that servers give in place of a message (quirks.md row 13). */
bool body_is_placeholder(struct slice start_of_body, const char **ret_which);
/* The same of the header alone, which the server gave apart from the text. */
bool header_is_placeholder(struct slice header);

#endif
