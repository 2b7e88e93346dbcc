/* What the header of a message tells people. For parts.c alone. */
#ifndef MAIL_PARTS_HEAD_H
#define MAIL_PARTS_HEAD_H

#include "mail/parts.h"

/* Fill in the fields of *p that stand in the header. False: the arena is full. */
bool parts_head(struct mail_parts *p, struct slice header);

#endif
