/* Names of folders as paths of nested directories, for the formats that are trees: a directory a
 * level, decoded to UTF-8; INBOX, in any case, is the directory "INBOX".
 *
 * Two different wire names of an account (one delim, one personal prefix, as for maildir_name) never
 * give one path. Each component is valid UTF-8 of at most 209 octets, is none of "", "." and "..",
 * starts with no dot, holds no "/" nor control octet, and is none of the files that imex writes
 * into such a directory. It takes these forms:
 *	%25		an octet: `%`, `/`, control octets, DEL, a leading dot, octets that are not
 *			UTF-8; the dot of *.eml and of folder.*, in any case; the first letter of
 *			cur, new and tmp, in any case; a `~` that looks like those below
 *	%		alone: a level without text ("A//B", "A/")
 *	Entwürfe%	came as octets that are not modified UTF-7 (raw UTF-8, "A&B"): the same text
 *			may come in that, too
 *	%_shared	a name outside a personal prefix that is not empty, or INBOX below the prefix
 *	abc~0123456789abcdef	over 200 octets: cut at a character, and the start of the SHA-256 of
 *			the wire name up to and with this level
 *	~0123456789abcdef	the rest of a path over TREE_PATH_MAX, by the whole wire name
 *	abc~01234567	Windows names: one of several that Windows (or macOS) takes for the same, by the
 *			wire name up to this level
 * Windows names also encode <>:"\|?*, dots and blanks at the end, and the first letter of a device
 * (CON, nul.txt, COM1). */
#ifndef MAIL_TREE_NAME_H
#define MAIL_TREE_NAME_H

#include "base/buf.h"
#include "mail/folder.h"

enum { TREE_LEVEL_MAX = 200, TREE_PATH_MAX = 1024 };

struct tree_names;

struct tree_names *tree_names_new(bool windows);
void tree_names_free(struct tree_names **n);

/* All folders of the account, so that twins are known whatever the order in which they are named.
 * Replaces what an earlier call told; nothing but for Windows names. Looks at the first 4 million
 * levels: what is behind is not told apart. */
void tree_names_survey(struct tree_names *n, const struct folder *list, size_t len);

/* Path of a folder, without "/" at the ends; added to `out`. True: it had to be changed beyond
 * decoding, which is to be reported. */
bool tree_name(const struct tree_names *n, struct slice wire_name, char delim, struct slice prefix,
    struct buf *out);

/* Can this be such a path? It then leads nowhere but below the directory it is opened in, and to none
 * of the files and private directories there. */
bool tree_path_valid(const char *path);

#endif
