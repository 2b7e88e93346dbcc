/* Where messages go. One struct of functions per kind. One thread; what seal gives away belongs to the keeper. A
 * sink knows nothing of the engine and is usable alone. Per message: begin, write*, then end or abandon. */
#ifndef STORE_SINK_H
#define STORE_SINK_H

#include "base/cancel.h"
#include "base/err.h"
#include "base/slice.h"
#include "mail/folder.h"
#include "mail/msg.h"
#include "state/state.h"

enum sink_trait {
	SINK_NEEDS_SIZE = 1,	/* begin needs the exact number of octets */
	SINK_ONE_WRITER = 2,	/* one thread an account */
	SINK_INTENT = 4,	/* wants intents journalled before a message is begun */
	SINK_AMENDS = 8,	/* can change flags of a stored message */
	SINK_REMOVES = 16
};

struct sink_place {
	const char *dir;	/* mail/ACCOUNT, absolute or relative to the working directory */
	bool keep_crlf;		/* --eol=crlf */
	bool unclean;		/* the last run was killed: set aside what has no committed row */
	int batch_files;	/* open files a batch may hold, from the descriptor limit */
};

struct sink;

/* A folder opened in a sink; owned by the sink, valid until its close. */
struct folder_at;

/* Rows of the state for the one who asks, so that a sink needs no state handle: returns 0 and page->len 0 at the end. */
struct row_feed {
	int (*next)(void *arg, uint32_t after, struct msg_page *ret, struct err *err);
	void *arg;
};

struct sink_ops {
	const char *name;
	unsigned traits;
	int (*open)(struct sink **ret, const struct sink_place *at, struct cancel *stop, struct err *err);
	/* Directory name of a folder for its record; true in *ret_mapped when it had to be changed. */
	int (*name_folder)(struct sink *s, const struct folder *f, struct buf *ret_path, bool *ret_mapped, struct err *err);
	/* Make or reopen the folder rec->path; rec->mark is what the last commit left. After an unclean end `rows` tells
	 * which messages are committed: other imex names are moved to tmp/ (their number in *ret_aside). */
	int (*folder)(struct sink *s, const struct folder_rec *rec, const struct row_feed *rows, uint64_t *ret_aside,
	    struct folder_at **ret, struct err *err);
	int (*begin)(struct sink *s, struct folder_at *at, const struct msg *m, struct err *err);
	int (*write)(struct sink *s, struct slice bytes, struct err *err);
	/* `final` has UID, date, flags, wire_bytes, sha256, verdict; the sink sets final->file_bytes. The final
	 * name appears when the batch is synced. */
	int (*end)(struct sink *s, struct msg *final, struct err *err);
	void (*abandon)(struct sink *s);
	/* Flags of the stored message `was` become `now`. Idempotent: repeated after a crash. */
	int (*amend)(struct sink *s, struct folder_at *at, const struct msg *was, const struct flags *now, struct err *err);
	/* Remove a stored copy. Idempotent. */
	int (*remove)(struct sink *s, struct folder_at *at, const struct msg *was, struct err *err);
	/* Is this batch as large as it should get? */
	bool (*full)(const struct sink *s);
	/* Give away what was ended since the last seal: files, names, sidecar lines. *ret NULL when nothing. `mark` is
	 * told per folder with batch_mark into b, so that mark and rows are one commit. */
	int (*seal)(struct sink *s, struct batch *b, struct pending **ret, struct err *err);
	/* After the last commit of a folder: index files for other programs (dovecot-uidlist, dovecot-keywords). */
	int (*finish)(struct sink *s, struct folder_at *at, const struct folder_rec *rec, const struct row_feed *rows, struct err *err);
	/* After the last folder: subscriptions. */
	int (*finish_account)(struct sink *s, const struct folder *list, size_t len, struct err *err);
	void (*close)(struct sink **s);
};

extern const struct sink_ops sink_maildir;

#endif
