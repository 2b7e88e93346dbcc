/* Inside of a message taken apart, for parts*.c alone. GMime finds the structure and reads headers,
 * addresses and parameters; where a part lies in the message is kept as a range of octets, and they
 * are decoded from the spool itself: a message that is carried whole comes out as it went in, and
 * no part is ever held in memory. */
#ifndef MAIL_PARTS_INSIDE_H
#define MAIL_PARTS_INSIDE_H

#include "mail/mime.h"
#include "mail/parts.h"

/* A range of the message and how to read it. */
struct entity {
	uint64_t begin, end;
	GMimeContentEncoding encoding;	/* DEFAULT: as it is */
	const char *charset;		/* of a text; NULL: not told */
};

struct parts_gmime {
	struct spool *message;
	GByteArray *octets;		/* borrowed memory of the spool; NULL: a file */
	GMimeStream *stream;
	GMimeMessage *parsed;
	struct entity text;		/* when text_from is not TEXT_NONE */
	struct entity *entity;		/* of part i */
};

/* parts_walk.c: fills part, n_parts, text_from and the entities. */
int parts_walk(struct mail_parts *p, struct parts_gmime *g, struct err *err) WARN_UNUSED;
/* parts_name.c: a file name for a part, from what the part says or made up. */
void parts_name(struct mail_parts *p, struct mail_part *one, const char *said, size_t number);

#endif
