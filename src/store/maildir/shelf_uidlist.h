/* Numbers that another server gave to the files of a Maildir: dovecot-uidlist (versions 1 and 3)
 * and courierimapuiddb (version 1). Names and numbers are taken as far as they make sense:
 * ascending UIDs, each line a name. Also the keyword letters of dovecot-keywords. */
#ifndef STORE_MAILDIR_SHELF_UIDLIST_H
#define STORE_MAILDIR_SHELF_UIDLIST_H

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

struct uidlist {
	bool known; /* false: there is none, or its first line cannot be read */
	const char *file; /* its name; NULL: there is none */
	uint32_t uidvalidity, uidnext;
	uint64_t damaged; /* lines that were passed over; the number of the first */
	uint64_t first_damaged;
};

/* Calls see for each line; `base` is the name without flags. A list that is not known gives none.
 * ERR_FOLDER: it is there and cannot be read. */
int uidlist_read(int folder, struct uidlist *ret,
    void (*see)(void *arg, uint32_t uid, struct slice base), void *arg,
    struct err *err) WARN_UNUSED;

/* Octets before ":2," (or ";2,", "!2," of file systems without colons); the flags follow it. */
size_t maildir_base_len(const char *name);
const char *maildir_letters(const char *name); /* behind it; "" when there are none */

enum { KEYWORD_NAMES = 26 };

/* Names of the letters a to z, in the arena; NULL: none. ERR_FOLDER: the file is there and cannot be
 * read; without it keywords would be lost unsaid. */
int keyword_names_read(int folder, struct arena *a, const char *ret[KEYWORD_NAMES],
    struct err *err) WARN_UNUSED;

#endif
