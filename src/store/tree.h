/* Reading back what a sink stored, message by message, for verify. One implementation per
 * format. */
#ifndef STORE_TREE_H
#define STORE_TREE_H

#include "base/err.h"
#include "mail/msg.h"
#include "state/state.h"

struct tree;

struct stored {
	bool found;
	char name[512];		/* as found: "cur/...", "folder.mbox at 1234"; for reports */
	uint64_t wire_bytes, file_bytes;	/* file_bytes 0: not known */
	uint8_t sha256[SHA256_LEN];	/* of the wire form, recomputed */
	uint8_t system;		/* flags that the place tells: a file name or a sidecar line */
	bool keywords_differ;	/* from the row's, as far as the place can hold them */
	bool labels_differ;	/* Gmail's, where both tell them */
	bool zone_differs;	/* that of the internal date, where both tell one */
	int64_t mtime;		/* of the file, or date_stamp of what the sidecar tells */
	/* Of formats that are read through a shelf: */
	char why[512];		/* it is there but cannot be read as a whole; the digest says nothing then */
	bool unread;		/* since the system refuses it: another time it may be whole */
	bool untold;		/* not found, since no line of the sidecar tells of it */
	bool rebuilt;		/* the octets are put together from pieces, not those of the wire: what
				 * counts is whether the stored ones are still those of the sidecar */
	bool stored_known, stored_agrees;	/* the sidecar has a digest of the stored octets */
};

struct tree_ops {
	const char *name;
	/* ERR_NO_INPUT when the directory is not there. */
	int (*open)(struct tree **ret, const char *account_dir, struct err *err);
	/* A folder without directory: err->kind is ERR_NO_INPUT. */
	int (*enter)(struct tree *t, const struct folder_rec *rec, struct err *err);
	/* Nothing that a file holds is an error; one that cannot be read is ERR_MESSAGE, or `why`. */
	int (*look)(struct tree *t, const struct msg *row, struct stored *ret, struct err *err);
	/* Names that carry imex's mark and the folder's UIDVALIDITY but belong to none of the rows
	 * looked at since enter, or are a second file of one of them; each call gives one, false at
	 * the end. Through a shelf: every message or run of octets that belongs to no such row. */
	bool (*stray)(struct tree *t, char ret_name[512]);
	void (*close)(struct tree **t);
};

extern const struct tree_ops tree_maildir, tree_mbox, tree_eml, tree_exchange;

#endif
