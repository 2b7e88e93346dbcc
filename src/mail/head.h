/* A digest of the header of a message as it is on the wire: of all octets in front of the empty line, so
 * that BODY[HEADER] and the whole message give the same. It recognises a message whose UID has changed
 * without reading its body; where header fields may differ, mail/identity.h compares. */
#ifndef MAIL_HEAD_H
#define MAIL_HEAD_H

#include "base/slice.h"

enum { HEAD_LEN = 16 };	/* the first octets of SHA-256 */

struct head;

struct head *head_new(void);
void head_free(struct head *h);	/* NULL: nothing */
void head_start(struct head *h);
void head_add(struct head *h, struct slice octets);	/* cut anywhere; what follows the header is ignored */
void head_end(struct head *h, uint8_t ret[HEAD_LEN]);

#endif
