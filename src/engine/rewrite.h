/* What a server did to the octets of a message: the little that can be proved from a digest alone,
 * and words for the rest when both copies are at hand. Not thread-safe. */
#ifndef ENGINE_REWRITE_H
#define ENGINE_REWRITE_H

#include "base/buf.h"
#include "base/digest.h"

/* Digests of a copy as it is, and of what it was before a change that servers make (Courier adds a
 * last CRLF, most make CRLF of LF). Octets may be cut anywhere. */
struct rewrite;

struct rewrite *rewrite_new(void);
void rewrite_free(struct rewrite *r); /* NULL: nothing */
void rewrite_start(struct rewrite *r);
void rewrite_add(struct rewrite *r, struct slice octets);
/* Ends it. "": the octets have that digest; words: they had it before the server did this; NULL:
 * neither. Equal digests are the proof, so no second copy is needed. */
const char *rewrite_end(struct rewrite *r, const uint8_t sha256[SHA256_LEN]);

enum { REWRITE_FIELDS_MAX = 1000, REWRITE_NAMES_MAX = 8 };

/* Two copies of one message (equal identities, mail/identity.h): what the server did to its header,
 * as in "it added X-UID, Status; it changed Subject". Headers as they stand, the body may follow or
 * be cut; line ends and folds do not count. Fields beyond the maximum are not looked at. Nothing is
 * added to `out` when the fields are the same. */
void rewrite_fields(struct slice before, struct slice after, struct buf *out);

#endif
