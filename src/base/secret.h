/* A password or token: wiped when freed, never printed, never in an error. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/buf.h"
#include "base/slice.h"

struct secret;

struct secret *secret_new(struct slice value); /* the caller wipes its own copy */
void secret_free(struct secret *s); /* NULL is fine */
struct slice secret_value(const struct secret *s); /* borrowed; do not keep */
void secret_wipe(void *data, size_t len);
/* From here on this process leaves no core file, which would hold its secrets, and no other program of its
 * user may look into its memory. */
void secret_no_dumps(void);
/* Copy `text` into out with every occurrence of the secret, and of its base64 form, replaced by
 * "***" (rules.md 1.10). `s` may be NULL. */
void secret_mask(const struct secret *s, struct slice text, struct buf *out);

#endif
