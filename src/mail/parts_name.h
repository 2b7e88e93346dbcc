/* Names of files that parts become. */
#ifndef MAIL_PARTS_NAME_H
#define MAIL_PARTS_NAME_H

#include "base/buf.h"

/* What a message calls a file, as a plain file name added to `out`: the last component of a path of
 * any system, without control characters and blanks at the ends, at most `max` octets (the
 * extension is kept). False, and nothing added: nothing is left. */
bool part_name_clean(struct slice name, size_t max, struct buf *out);
/* Extension without its dot; "bin" for a type that is not known, "txt" for such a text. */
const char *type_extension(const char *type);
/* Of a file name; "application/octet-stream" for what is not known. */
const char *type_of_name(struct slice name);

#endif
