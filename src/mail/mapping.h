/* What the folders of a source are called on the server they go to. Pure functions on the lists of
 * both sides; nothing is sent. Equal input gives equal names, also when some of them were made by an
 * earlier run. */
#ifndef MAIL_MAPPING_H
#define MAIL_MAPPING_H

#include "base/buf.h"
#include "base/err.h"
#include "mail/folder.h"

/* From the command line, UTF-8, levels divided by '/' whatever the servers use; INBOX in any case. */
struct mapping_rule {
	const char *from, *to; /* --map FROM=TO: the folder and what lies below it */
};
struct mapping_rules {
	const struct mapping_rule *rule; /* the longest `from` that matches wins */
	size_t n_rules;
	const char *prefix; /* --prefix: put before the name of each folder but INBOX; NULL */
	const char *under; /* --under: everything, INBOX too, goes below this folder; NULL */
};

/* The server that mail goes to, as it lists itself. */
struct mapping_side {
	const struct folder *folder;
	size_t n;
	char delim; /* 0: flat, no levels */
	struct slice prefix; /* of the personal namespace: "INBOX." */
};

enum mapped_how {
	MAPPED_PLAIN, /* the same name, in the other server's delimiter and prefix */
	MAPPED_USE, /* goes to the folder with the same special use */
	MAPPED_RULE, /* --map, --prefix, --under */
	MAPPED_REPLACED /* the server cannot have the name: `why` */
};

struct mapped {
	const char *name; /* wire octets, modified UTF-7, with prefix and delimiter of the target */
	enum mapped_how how;
	const char *why; /* words for people when MAPPED_REPLACED; else NULL */
	bool exists; /* it is in the list of the target */
	bool below_noinferiors; /* its parent cannot have children: expect a refusal */
};

enum { MAPPED_NAME_MAX = 240 }; /* octets; longer ones are cut and end in '~' and 16 hex digits */

/* One name for each source folder, in their order, never one twice (twins by ASCII case count as one
 * name, since many servers take them for one: the second gets "~2"). What lies below a folder
 * follows it, whatever it is called. INBOX goes to INBOX unless a rule says otherwise, and nothing
 * else does. A folder with a special use (RFC 6154) goes to the target's folder of that use, where
 * there is exactly one and no rule speaks; of several such folders one goes there.
 *
 * Replaced, reversibly, each octet of UTF-8 as =XX in hexadecimal: the target's delimiter inside a
 * level, '=' when two digits follow it or when it is all of a level, control characters, '%' and
 * '*', blanks at the start or end of a level; an empty level is "=". With delim 0 on the target the
 * levels are joined by "=2F". A name that the target lists already in raw UTF-8 is given so.
 *
 * ERR_USAGE: two folders that a rule sends to one name (both are named), a rule that is no name. */
int mapping_make(const struct mapping_rules *rules, const struct folder *source, size_t n,
    const struct mapping_side *target, struct arena *a, struct mapped **ret,
    struct err *err) WARN_UNUSED;
/* Rules that stand for no folder of the source, appended to `out` as one sentence; false: none. A
 * mistyped name must not look like a folder that was moved. */
bool mapping_unmatched(
    const struct mapping_rules *rules, const struct folder *source, size_t n, struct buf *out);
/* Folders keep the names under which an earlier run has filled them: kept[i] for made[i], NULL for a
 * folder that has none. Another folder that now has such a name by the rules gets a number, so that
 * mail of two folders never meets in one. */
int mapping_keep(struct mapped *made, size_t n, const char *const *kept, struct arena *a,
    struct err *err) WARN_UNUSED;
/* A name of the target that a server refuses though nothing is wrong with it: the same with every
 * octet but letters, digits, blank, '-' and '_' replaced; *ret NULL when that is no change. Whether
 * another folder has the new name is for the caller to see. */
int mapping_stricter(const struct mapping_side *target, const char *name, struct arena *a,
    const char **ret, struct err *err) WARN_UNUSED;
/* A name below a folder of the target that says it has none below it (\NoInferiors), as where a folder is one file of
 * mail: the same beside that folder, with "=2F" between the levels as on a server without any; *ret NULL: it is below
 * none. */
int mapping_beside(const struct mapping_side *target, const char *name, struct arena *a,
    const char **ret, struct err *err) WARN_UNUSED;

#endif
