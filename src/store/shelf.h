/* A tree, a file or a set of files that mail is read from, one struct of functions per format.
 * source_files makes a source of it, tree_shelf a tree for verify. One thread. Calls: open,
 * folders, then per folder enter, (list | begin, read*)*; close.
 *
 * What imex wrote is read with its sidecar: UIDs, dates, keywords and digests are the original's.
 * What others wrote gets UIDs 1, 2, 3 ... in a fixed order and a UIDVALIDITY that is a digest of
 * the folder's inventory, so that a folder that changed is listed anew and matched by digest
 * instead of being taken for the old one. Nothing that a file holds is ever trusted: names do not
 * leave the place, counts and lengths are checked against the files, memory is some 32 octets a
 * message and a buffer; where a message is a file, its name as well.
 *
 * Symbolic links below the place are not followed and only regular files are opened. Limits:
 * SHELF_DEPTH_MAX levels of directories, what is below is passed over with a warning; FOLDERS_MAX folders,
 * SHELF_MESSAGES_MAX in a folder, each with an error that says so.
 *
 * Messages of an older UIDVALIDITY that imex stored and did not take back (the server renumbered
 * the folder and no longer had them) are a folder of their own, shelf_older_name. */
#ifndef STORE_SHELF_H
#define STORE_SHELF_H

#include "base/cancel.h"
#include "imap/notes.h"
#include "imap/session.h"
#include "mail/folder.h"
#include "mail/msg.h"
#include "store/format.h"

enum { SHELF_DEPTH_MAX = 2000, SHELF_MESSAGES_MAX = 16 * 1024 * 1024 };

struct shelf;

/* One account's mail, as shelf_find found it. */
struct shelf_place {
	enum format format;
	const char *path;	/* directory or file; of an Exchange set its packing list */
	const char *login, *host, *port;	/* of an imex tree: the account's; else login is a name
						 * made from the path or the set's owner, host "" */
	const char *account_dir;	/* of an Exchange set by imex: mail/ACCOUNT with the sidecars;
					 * NULL: none. Other formats: as path */
	bool ours;		/* written by imex */
	const char *dir;	/* of an imex job: the job directory; NULL: none */
};

struct shelf_found {
	struct arena arena;
	struct shelf_place *place;
	size_t len;
	enum format format;
};

/* What is at `path`: an imex job directory (also without its state), a tree of imex below mail/, a
 * Maildir, a Maildir++, a tree of nested Maildirs, an mbox file, a tree of mbox files, an eml file,
 * a tree of eml files, a packing list or a directory with one. ERR_NO_INPUT: not there or holds no
 * mail, ERR_MALFORMED: holds several formats or none that is known; the text says what was looked
 * for. */
int shelf_find(const char *path, struct shelf_found *ret, struct err *err) WARN_UNUSED;
void shelf_found_done(struct shelf_found *f);

struct shelf_body {
	enum verdict verdict;	/* VERDICT_NONE: read follows; else it cannot be had, `reason` says why */
	enum verdict good;	/* what it is once it was read whole, as the sidecar tells; VERDICT_NONE:
				 * stored */
	bool absent;		/* its file is not there; or no message has this UID */
	bool unread;		/* its file is there, and the system refuses it */
	const char *reason;	/* with file and line or offset; valid until the next begin */
	const uint8_t *sha256;	/* of the wire octets as the sidecar tells; NULL: unknown */
	bool rebuilt;		/* put together from pieces: the octets are not those of the wire */
};

struct shelf_ops {
	const char *name;
	int (*open)(struct shelf **ret, const struct shelf_place *at, struct cancel *stop,
	    struct err *err);
	/* In a fixed order, INBOX first; names in modified UTF-7 with '/' between levels (of an
	 * imex tree: the wire names and delimiter of the sidecar); special use and subscriptions as
	 * far as they are known; counts where they cost nothing. */
	int (*folders)(struct shelf *s, struct arena *a, struct folder_list *ret, struct err *err);
	/* ERR_FOLDER: it cannot be read. */
	int (*enter)(
	    struct shelf *s, const struct folder *f, struct folder_head *ret, struct err *err);
	/* Messages with a UID above `after`, ascending; none: the end. `size` is what the sidecar
	 * tells, else unknown. */
	int (*list)(struct shelf *s, uint32_t after, struct msg_page *ret, struct err *err);
	/* Position on the body of a listed message. */
	int (*begin)(struct shelf *s, uint32_t uid, struct shelf_body *ret, struct err *err);
	/* Borrowed octets of the wire form; len 0: the end. ERR_MESSAGE: the rest cannot be read. */
	int (*read)(struct shelf *s, struct slice *ret, struct err *err);
	/* For verify: where the message lies, for people ("folder.mbox at 1234"). */
	int (*where)(struct shelf *s, uint32_t uid, struct buf *out, struct err *err);
	struct notes *(*notes)(struct shelf *s);
	void (*close)(struct shelf **s);
	/* For verify; NULL: nothing to tell. */
	/* Are the stored octets of a message, whose wire form the format does not keep, those that
	 * the sidecar has the digest of? *ret_known false: it has none. */
	int (*check)(struct shelf *s, uint32_t uid, bool *ret_known, bool *ret_agrees,
	    struct err *err);
	/* What lies in the folder and belongs to no message, with its name or octet; each call
	 * gives one, 0 and ret_name "" at the end. */
	int (*stray)(struct shelf *s, char ret_name[512], struct err *err);
	/* Of the folder at hand: is there mail that cannot even be listed? Why, or NULL. NULL: never. */
	const char *(*unlisted)(struct shelf *s);
};

/* "INBOX (UIDVALIDITY 7)": the folder of what is left of an older UIDVALIDITY of `name`. */
void shelf_older_name(struct slice name, uint32_t uidvalidity, struct buf *out);

extern const struct shelf_ops shelf_maildir, shelf_mbox, shelf_eml, shelf_exchange;

#endif
