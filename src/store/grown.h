/* A file that only grows: sidecars, mbox files, the files of an Exchange set (rules.md 3.6).
 *
 * The state keeps a mark of it: number of the file, committed length, inode, and a digest of the
 * last 4 KiB before that length. What is behind the length was not committed and is cut off by the
 * next run, but only if inode, length and digest agree; a file that was copied or restored, which
 * has another inode but the very length and the digest, is gone on with, for nothing is cut then.
 * Else it is left as it is and the next number is started, for another program has changed it.
 *
 * The descriptor is the caller's; so is the order of writing and syncing. */
#ifndef STORE_GROWN_H
#define STORE_GROWN_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/slice.h"

enum { GROWN_TAIL = 4096, GROWN_MARK_MAX = 128, GROWN_NAME_MAX = 64, GROWN_NUMBER_MAX = 9999 };

struct grown {
	unsigned number;		/* 1: the first */
	uint64_t len, inode;		/* len: as far as it is known to this object */
	char tail[GROWN_TAIL];		/* the last octets before len */
	size_t tail_len;
};

/* The mark as numbers. */
struct grown_mark {
	unsigned number;
	uint64_t len, inode;
	char tail[SHA256_HEX];
};

enum grown_found {
	GROWN_AS_LEFT,
	GROWN_LONGER,		/* cut back: the last run wrote what it did not commit */
	GROWN_LEFT		/* changed by another program: left, a new one started */
};

enum grown_claim {
	GROWN_OURS,		/* may be cut */
	GROWN_OTHERS,		/* ours, but of something else: left without a word */
	GROWN_FOREIGN
};

/* How files of one kind are called and known. */
struct grown_kind {
	void (*name)(const void *arg, unsigned number, char ret[GROWN_NAME_MAX]);
	/* Whose are octets that no mark speaks of? `start` is what is there, up to start_max of
	 * them: at the start of a file without a mark (`at` 0, never empty), or, if the kind says
	 * so, behind the committed length. */
	enum grown_claim (*claim)(const void *arg, struct slice start, uint64_t at, bool unclean);
	/* All of it, once the start is claimed as ours: others may have written behind what a run
	 * left that was killed. NULL: the start is enough. */
	int (*look)(const void *arg, int fd, uint64_t at, bool unclean, bool *ret_ours,
	    struct err *err);
	size_t start_max;
	bool ask_surplus;	/* claim also what is behind the mark; else it is ours */
	const void *arg;
};

/* NAME, NAME.2, NAME.3 ... */
void grown_name(const char *name, unsigned number, char ret[GROWN_NAME_MAX]);

/* Open the file that `mark` (NULL: none) speaks of, or the first number from there on that is free
 * or ours, and make it as long as committed; *ret_fd is open for reading and appending. */
int grown_open(struct grown *g, int dir, const struct grown_kind *kind,
    const struct grown_mark *mark, bool unclean, int *ret_fd, enum grown_found *ret_found,
    struct err *err) WARN_UNUSED;

/* Octets were or will be appended. */
void grown_add(struct grown *g, struct slice octets);
/* The same for one who writes a file without keeping its end: it is `len` octets long now; looks
 * and reads the end back. ERR_DISK: it is not, or has no name any more. */
int grown_look(struct grown *g, int fd, uint64_t len, struct err *err) WARN_UNUSED;

/* The mark of file `name` as it is, up to octet `len`, if it begins as `was` says (NULL: however). *ret_there
 * false: it does not, or is not there, or shorter. */
int grown_mark_now(int dir, const char *name, unsigned number, uint64_t len, const struct grown_mark *was,
    struct grown_mark *ret, bool *ret_there, struct err *err) WARN_UNUSED;
/* "NUMBER LENGTH INODE DIGEST" */
void grown_mark_text(const struct grown *g, char ret[GROWN_MARK_MAX]);
/* Takes such words off the start of *s, with the blank behind them; false: they are not there. */
bool grown_mark_read(struct slice *s, struct grown_mark *ret);
/* Is `a` of a later time than `b`? The file only grows and numbers only rise. */
bool grown_mark_later(const struct grown_mark *a, const struct grown_mark *b);
/* The next word of *s, taken off with the blank behind it. */
struct slice grown_word(struct slice *s);

/* Append at `from` (descriptor with O_APPEND) if the file ends there, and undo that. */
int grown_append(int fd, uint64_t from, struct slice octets, struct err *err) WARN_UNUSED;
void grown_cut(int fd, uint64_t from);

#endif
