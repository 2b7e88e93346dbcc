/* What a Maildir sink gives away to the keeper: the changes of one batch, made visible and durable
 * by its sync in this order (rules.md 3.1, 4.1, 4.2):
 *	dovecot-keywords of folders that got new letters, each durable before any name uses them
 *	sidecar lines appended
 *	the first messages of a folder at once (maildir_first.h)
 *	new messages from tmp/ to cur/ and flag changes, in the order of the calls; what has the identity of one
 *	that comes again goes to tmp/ before
 *	dovecot-uidlist and subscriptions in place where there are none
 *	syncfs, or fsync of every file and directory
 *	older copies removed, other dovecot-uidlist and subscriptions in place, synced again if there were any
 * Up to the first sync a failure is undone. The batch owns all it needs: descriptors, names,
 * lines. */
#ifndef STORE_MAILDIR_MAILDIR_BATCH_H
#define STORE_MAILDIR_MAILDIR_BATCH_H

#include "store/keywords.h"
#include "store/maildir/maildir.h"
#include "store/sidecar.h"

enum {
	BATCH_FILES = 128, BATCH_FILES_SYNCFS = 4096, BATCH_OPS = 16384, BATCH_FOLDERS = 256,
	BATCH_BYTES = 64 * 1024 * 1024, BATCH_LINES = 4 * 1024 * 1024,
	BATCH_FOLDER_FDS = 6		/* directories, sidecar, index file */
};

#define UIDLIST_FILE "dovecot-uidlist"
#define UIDLIST_NEW "dovecot-uidlist.imex-new"
#define SUBSCRIPTIONS_FILE "subscriptions"
#define SUBSCRIPTIONS_NEW "subscriptions.imex-new"

struct maildir_batch;

/* root is duplicated; by_system: syncfs. */
int maildir_batch_new(struct maildir_batch **ret, int root, bool by_system, struct err *err)
    WARN_UNUSED;
/* As what the keeper frees. */
void maildir_batch_free(struct maildir_batch **b);
struct pending *maildir_batch_pending(struct maildir_batch *b);

/* A folder takes part; its number for the calls below. */
unsigned maildir_batch_folder(struct maildir_batch *b, struct maildir_dirs *dirs);
/* Its directories were made just now. */
void maildir_batch_made(struct maildir_batch *b, unsigned folder);
/* Takes fd, of tmp/cur (maildir_first_open): messages of this folder that are added with two equal names are
 * there. */
void maildir_batch_first(struct maildir_batch *b, unsigned folder, int fd);
/* Takes fd; tmp/from becomes cur/to. bytes: for the size of the batch. */
void maildir_batch_add(struct maildir_batch *b, unsigned folder, int fd, const char *from,
    const char *to, uint64_t bytes);
/* The message that was added last was stored once and its copy lost: what has its identity now, whoever made
 * it what it is, goes to tmp/ under a name of its own (<identity>.damaged), unless it has the same octets. */
void maildir_batch_again(struct maildir_batch *b);
void maildir_batch_rename(struct maildir_batch *b, unsigned folder, const char *from,
    const char *to);
void maildir_batch_remove(struct maildir_batch *b, unsigned folder, const char *name);
/* What was given last, a removal, is of a copy that is lost (msg_lost): what lies in its place moves to tmp/. */
void maildir_batch_keep(struct maildir_batch *b);
/* Does the batch store the message of that name (again), under whatever name? */
bool maildir_batch_stores(const struct maildir_batch *b, unsigned folder, const char *name,
    bool *ret_same_name);
/* Takes fd: of UIDLIST_NEW, complete; replaces one given before. */
void maildir_batch_uidlist(struct maildir_batch *b, unsigned folder, int fd);
/* Takes fd: of SUBSCRIPTIONS_NEW in the root, complete; replaces one given before. */
void maildir_batch_subscriptions(struct maildir_batch *b, int fd);
/* Takes both; once a folder, before the batch is given away. */
void maildir_batch_close_folder(struct maildir_batch *b, unsigned folder, struct buf *lines,
    uint64_t from, struct keywords_change *letters);
bool maildir_batch_full(const struct maildir_batch *b, int max_files);

#endif
