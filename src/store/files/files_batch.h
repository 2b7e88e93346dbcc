/* What the sinks of directory trees give away to the keeper: the changes of one batch, made visible and
 * durable by its sync in this order (rules.md 3.1, 4.1, 4.2):
 *	sidecar lines appended
 *	new files from .imex-tmp to their names, in the order of the calls
 *	syncfs, or fsync of every file and directory
 *	older copies removed, synced again if there were any
 * Up to the first sync a failure is undone. The batch owns all it needs: descriptors, names, lines.
 *
 * A file that has the name of a new one already is kept in .imex-tmp until the new one is durable. It
 * goes then if it is an older copy, which the caller says with files_batch_remove, or the same again
 * (date and octets); what somebody else put there stays in .imex-tmp. */
#ifndef STORE_FILES_FILES_BATCH_H
#define STORE_FILES_FILES_BATCH_H

#include <stdatomic.h>

#include "base/buf.h"
#include "base/err.h"
#include "state/state.h"

#define FILES_TMP ".imex-tmp"

/* files_dir.c: a file gets the name `to` in FILES_TMP of `root`, which is made, and made again when another connection
 * of the account, which closes, removes it meanwhile, since nothing is in it. */
int files_tmp_take(int dir, const char *from, int root, const char *to, struct err *err) WARN_UNUSED;

/* The descriptors of one directory, shared by the sink's thread and the batches that the keeper has. */
struct files_fds {
	atomic_uint refs;
	char *path;			/* below the account */
	int dir;
	int sidecar;			/* appended by the keeper alone; -1: none */
	/* Length of the format's own file from which on a failed batch has spoilt it; UINT64_MAX:
	 * none failed. */
	_Atomic uint64_t spoilt_from;
};

/* Takes dir. */
struct files_fds *files_fds_new(const char *path, int dir);
struct files_fds *files_fds_ref(struct files_fds *f);
void files_fds_unref(struct files_fds **f);

struct files_batch;

/* root: of the account, duplicated; by_system: syncfs. */
int files_batch_new(struct files_batch **ret, int root, bool by_system, struct err *err)
    WARN_UNUSED;
/* As what the keeper frees. */
void files_batch_free(struct files_batch **b);
struct pending *files_batch_pending(struct files_batch *b);

/* A directory takes part; its number for the calls below. `made`: its name may not be durable, nor
 * those of the directories above it. */
unsigned files_batch_dir(struct files_batch *b, struct files_fds *fds, bool made);
/* Takes fd; `from` is a path below the account. bytes: for the size of the batch. */
void files_batch_add(struct files_batch *b, unsigned dir, int fd, const char *from, const char *to,
    uint64_t bytes);
/* The file that was added last was stored once and its copy lost: what has its name is kept, also where a run was
 * killed before it could say whose it is. */
void files_batch_again(struct files_batch *b);
void files_batch_remove(struct files_batch *b, unsigned dir, const char *name);
/* What was given last, a removal, is of a copy that is lost (msg_lost): what lies in its place is kept in the
 * private directory, by the name `from`, which nothing else of the batch has. */
void files_batch_keep(struct files_batch *b, const char *from);
/* Takes fd, of a file or a directory that is to be durable too. */
void files_batch_sync_fd(struct files_batch *b, int fd, const char *name);
/* The format's own file of the directory had so many octets before this batch; the smallest counts. */
void files_batch_from(struct files_batch *b, unsigned dir, uint64_t from);
/* So many octets more are in the batch. */
void files_batch_bytes(struct files_batch *b, uint64_t bytes);
/* Takes lines; once a directory, before the batch is given away. */
void files_batch_close_dir(
    struct files_batch *b, unsigned dir, struct buf *lines, uint64_t lines_from);
/* max_files: 0 is the batch's own limit. */
bool files_batch_full(const struct files_batch *b, int max_files);

#endif
