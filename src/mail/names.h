/* Names of folders and accounts: modified UTF-7 (RFC 3501 5.1.3), the Maildir++ form (rules.md
 * 3.3), the ACCOUNT directory (rules.md 3.2). All pure functions on text; results go into a buf
 * of the caller. */
#ifndef MAIL_NAMES_H
#define MAIL_NAMES_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"

/* Modified UTF-7 to UTF-8. False, and nothing added, when it is not valid, or not the one form
 * in which RFC 3501 lets it be written (the caller keeps the raw octets then), or over 16 KiB. */
bool mutf7_decode(struct slice name, struct buf *utf8);
/* UTF-8 to modified UTF-7; octets that are not UTF-8 are encoded as U+00xx so that nothing is
 * lost. */
void mutf7_encode(struct slice utf8, struct buf *out);
/* Cut to `len` octets or less. Inside "&...-" the run ends where whole characters end, so that what
 * is left can still be read; its '-' may make it one octet more. */
void mutf7_cut(struct buf *name, size_t len);
/* For people: decoded when valid, else the octets; control characters are left for text_visible. */
void folder_display(struct slice wire_name, struct buf *utf8);

/* One folder of an account as Maildir++ directory name below the root: "" for INBOX, ".A.B"
 * otherwise, levels split at `delim` (0: flat), in modified UTF-7. `prefix` is the personal
 * namespace prefix of the account ("INBOX." on Courier, "" on most servers), given for every
 * folder alike, also for those that do not start with it. Any case of INBOX is INBOX. Returns
 * true when the name had to be changed beyond this plain rule (to be reported).
 *
 * The result is always one path component that is not "." or ".." and has no "/", control
 * character or 8-bit octet. Two different wire names of an account (one delim, one prefix) never
 * give the same result, which takes these forms:
 *	\2e		`.`, `/`, `\`, a leading `~` and control octets, in hexadecimal
 *	\		as a whole level: an empty one ("A//B", "A/", the prefix alone)
 *	.\_shared.x	a name outside a prefix that is not empty, or else "shared.x" and
 *			"INBOX.shared.x" would meet; "INBOX.INBOX" is .\_INBOX, as ".INBOX" would be
 *			taken for INBOX itself
 *	.Entw&APw-rfe\	raw UTF-8 of old servers, written in modified UTF-7: the same name may
 *			come in that, too
 *	.Entw&APw-rfe\_	other raw octets, taken for Latin-1 (Dovecot's listescape panics on a
 *			name that is not UTF-8 when unescaped, so \fc is not used)
 *	.A.B\~0123...	over 240 bytes: cut, and 16 digits of the SHA-256 of the wire name
 * Octets that are not valid modified UTF-7 (also: not the one canonical form) stay as they are
 * and count as changed. */
bool maildir_name(struct slice wire_name, char delim, struct slice prefix, struct buf *out);
/* The same as one path component of a directory of ours: without the dot in front, "INBOX" for INBOX. */
void folder_component(
    struct slice wire_name, char delim, struct slice prefix, struct buf *out);

/* ACCOUNT of design.md section 3: user@host[%3Aport], percent-encoded, cut + ~hash over 200
 * bytes. port "" or a default one adds nothing, host "" (files of another program) leaves the login
 * alone; an IPv6 host stands in (encoded) brackets. Twins by case are told apart by the state. */
void account_dir(struct slice user, const char *host, const char *port, struct buf *out);
/* Equal but for ASCII case; also when wholly equal. */
bool name_twins(struct slice a, struct slice b);

#endif
