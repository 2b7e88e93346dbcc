/* Names of folders and accounts: modified UTF-7 (RFC 3501 5.1.3), the Maildir++ form (rules.md 3.3), the
 * ACCOUNT directory (rules.md 3.2). All pure functions on text; results go into a buf of the caller. */
#ifndef MAIL_NAMES_H
#define MAIL_NAMES_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"

/* Modified UTF-7 to UTF-8. False when it is not valid (the caller keeps the raw octets then). */
bool mutf7_decode(struct slice name, struct buf *utf8);
/* UTF-8 to modified UTF-7; octets that are not UTF-8 are encoded as U+00xx so that nothing is lost. */
void mutf7_encode(struct slice utf8, struct buf *out);
/* For people: decoded when valid, else the octets; control characters are left for text_visible. */
void folder_display(struct slice wire_name, struct buf *utf8);

/* One folder of an account as Maildir++ directory name below the root: "" for INBOX, ".A.B" otherwise, levels
 * split at `delim` (0: flat), modified UTF-7, unsafe octets escaped `\2e`, cut + hash above 240 bytes.
 * `prefix` is the personal namespace prefix to strip ("INBOX." on Courier). Any case of INBOX is INBOX.
 * Returns true when the name had to be changed beyond the plain rule (to be reported). The result is always one
 * path component that is not "." or ".." and has no "/", control character or NUL. */
bool maildir_name(struct slice wire_name, char delim, struct slice prefix, struct buf *out);

/* ACCOUNT of design.md section 3: user@host[%3Aport], percent-encoded, cut + ~hash over 200 bytes. port "" or a
 * default one adds nothing. Twins by case are told apart by the caller (state). */
void account_dir(struct slice user, const char *host, const char *port, struct buf *out);
/* Equal but for ASCII case. */
bool name_twins(struct slice a, struct slice b);

#endif
