/* What the sinks share whose folders are a tree of directories with a sidecar each: mbox, eml, and the
 * sidecars of Exchange sets. Here are directories, sidecars, batches, marks, losses and what a kill
 * leaves; a format is a struct of functions that stores the octets of a message.
 *
 * A directory may serve several records, one after the other (UIDVALIDITY changed); all of them share
 * its sidecar and its files. It holds descriptors and memory only while it is the current one, or has
 * changes that are not sealed, or batches at the keeper; else it is a path and a mark.
 *
 * The mark of a folder is lines, each with LF: that of the sidecar, then those of the format, each
 * beginning with a word of its own, then "of UIDVALIDITY" and "loss BOOK" (loss.h). As the files only
 * grow, the latest mark of all records of a directory is the one that holds, whichever record a
 * run begins with. Marks of files that serve a whole account stand in the mark of every folder that a
 * batch touched (files_mark_latest). */
#ifndef STORE_FILES_FILES_SINK_H
#define STORE_FILES_FILES_SINK_H

#include <sys/stat.h>

#include "mail/tree_name.h"
#include "store/files/files_batch.h"
#include "store/loss.h"
#include "store/sidecar.h"
#include "store/sidecar_read.h"
#include "store/sink.h"
#include "store/uidmap.h"

struct files_dir {
	struct files_dir *next;
	char *path;			/* below the account */
	char *mark;			/* as sealed last, without the folder's own lines; "" */
	dev_t dev;
	ino_t ino;
	struct files_fds *fds;		/* NULL: closed, and then nothing below is valid */
	struct sidecar sidecar;
	void *own;			/* the format's, while it is open */
	bool made;			/* just now, or by a run that was killed: tell and sync it */
	bool synced;			/* its name is durable with a batch of this run */
	bool begun;			/* opened once in this run: nothing of a kill is left */
	bool touched;			/* takes part in the batch that is collected */
	unsigned slot;			/* as this number */
	char changed[192];		/* folder_notes.changed; "" */
	struct sidecar_index *told;	/* for amend: where messages lie; NULL: not read yet */
};

struct folder_at {
	struct folder_at *next;
	int64_t id;
	uint32_t uidvalidity;
	char *name, *special_use;	/* as in the record; special_use may be NULL */
	char delim;
	struct files_dir *dir;
	char *head;			/* the sidecar's folder line */
	size_t head_key;
	char *mark;			/* as told last */
	bool touched, told;		/* told: the mark is newer than the record's */
	struct folder_notes notes;
	struct loss_book losses;	/* the format adds to it, when a message is kept */
	struct uidmap *stored;		/* UIDs in the batch that is collected; NULL: none */
	void *own;			/* the format's; freed by its `forget` */
};

struct files_format;

struct sink {
	const struct files_format *format;
	void *own;			/* the format's, of the account */
	struct sink_place place;	/* dir, known and exchange are the caller's and outlive it */
	struct cancel *stop;
	int root;
	bool by_system;
	struct tree_names *names;
	struct folder_at *folders, *current;
	struct files_dir *dirs;
	struct files_dir **held;	/* those that are open */
	size_t n_held, held_cap;
	struct files_batch *batch;	/* being collected; NULL: nothing */
	size_t lines_bytes;		/* of its sidecar lines */
	struct folder_at *into;		/* the folder of the message that was begun; NULL: none */
	uint64_t wire;			/* octets of it so far */
};

/* How a format stores messages. Calls on the sink's thread only. NULL is allowed where it says so. */
struct files_format {
	const char *name;
	/* A directory of which nothing is left is begun anew: no other file tells what lay in it. */
	bool begins_anew;
	/* The account, once its directory is there: s->own. close takes what open left half done.
	 * NULL: nothing. */
	int (*open)(struct sink *s, struct err *err);
	void (*close)(struct sink *s);
	/* A directory has been opened for s->current, with its sidecar: open the files of the format in it (d->own).
	 * d->mark has the lines of the format, to be found with files_mark_line. unclean: what is
	 * behind the mark may be what a kill left. leave: d->own away again, also half made; what
	 * was written and not sealed is taken back. NULL: nothing. */
	int (*enter)(struct sink *s, struct files_dir *d, bool unclean, struct err *err);
	void (*leave)(struct sink *s, struct files_dir *d);
	/* After an unclean end: move away what belongs to no UID of `have`. NULL: nothing. */
	int (*recover)(struct sink *s, struct folder_at *at, const struct uidmap *have,
	    uint64_t *ret_aside, struct err *err);
	/* One message. The folder's directory is open and takes part in s->batch. end fills
	 * final->file_bytes and where it lies (ret->file NULL: it is told later, with files_tell, at
	 * the latest by seal); then either keep, which cannot fail, or abandon,
	 * which is also called between begin and end. abandon must bear it if nothing was begun.
	 * Texts in *ret live until keep. */
	int (*begin)(struct sink *s, struct folder_at *at, const struct msg *m, struct err *err);
	int (*write)(struct sink *s, struct slice bytes, struct err *err);
	int (*end)(struct sink *s, struct folder_at *at, struct msg *final, struct sidecar_at *ret,
	    struct err *err);
	void (*keep)(struct sink *s, struct folder_at *at, const struct msg *final);
	void (*abandon)(struct sink *s);
	/* The octets of `was` become those of `now` too; *io is where they lie, and becomes where they
	 * will, file NULL: it cannot be. Then keep or abandon as after end. NULL: they lie where they
	 * are, the line is all. */
	int (*adopt)(struct sink *s, struct folder_at *at, const struct folder_rec *old,
	    const struct msg *was, const struct msg *now, struct sidecar_at *io, struct err *err);
	/* Of a stored copy, in the batch, beside the sidecar's line. NULL: the line is all. */
	int (*remove)(struct sink *s, struct folder_at *at, uint32_t uidvalidity,
	    const struct msg *was, struct err *err);
	/* Everything that was kept is to be in the files, and they in s->batch (files_batch_sync_fd):
	 * for the account, then for each directory that takes part. After -1 the seal may be tried
	 * again. NULL: nothing. */
	int (*seal)(struct sink *s, struct err *err);
	int (*seal_dir)(struct sink *s, struct files_dir *d, struct err *err);
	/* Lines of the format for the mark of a folder, each with LF. NULL: none. */
	void (*mark)(const struct sink *s, const struct files_dir *d, struct buf *out);
	/* folder_at.own away. NULL: there is none. */
	void (*forget)(struct folder_at *at);
};

/* The functions of sink_ops, but for open, which calls files_open with its format. */
int files_open(struct sink **ret, const struct files_format *format, const struct sink_place *at,
    struct cancel *stop, struct err *err) WARN_UNUSED;
void files_survey(struct sink *s, const struct folder *list, size_t n);
int files_name_folder(struct sink *s, const struct folder *f, struct buf *ret_path,
    bool *ret_mapped, struct err *err) WARN_UNUSED;
int files_folder(struct sink *s, const struct folder_rec *rec, const struct row_feed *rows,
    uint64_t *ret_aside, struct folder_at **ret, struct err *err) WARN_UNUSED;
void files_notes(const struct folder_at *at, struct folder_notes *ret);
void files_expect(struct sink *s, struct folder_at *at, const struct msg *m);
int files_begin(struct sink *s, struct folder_at *at, const struct msg *m, struct err *err)
    WARN_UNUSED;
int files_write(struct sink *s, struct slice bytes, struct err *err) WARN_UNUSED;
int files_end(struct sink *s, struct msg *final, struct err *err) WARN_UNUSED;
void files_abandon(struct sink *s);
int files_amend(struct sink *s, struct folder_at *at, const struct msg *was,
    const struct flags *now, struct err *err) WARN_UNUSED;
int files_adopt(struct sink *s, struct folder_at *at, const struct folder_rec *old,
    const struct msg *was, const struct msg *now, bool *ret_done, struct err *err) WARN_UNUSED;
int files_remove(struct sink *s, struct folder_at *at, uint32_t uidvalidity, const struct msg *was,
    struct err *err) WARN_UNUSED;
bool files_full(const struct sink *s);
int files_seal(struct sink *s, struct batch *b, struct pending **ret, struct err *err) WARN_UNUSED;
int files_finish(struct sink *s, struct folder_at *at, const struct folder_rec *rec,
    const struct row_feed *rows, struct err *err) WARN_UNUSED;
int files_finish_account(struct sink *s, const struct folder *list, size_t len, struct err *err)
    WARN_UNUSED;
bool files_bare(const struct sink *s, const char *path);
void files_close(struct sink **s);

/* They, for the initialiser of a sink_ops. */
#define FILES_SINK_OPS                                                                             \
	.survey = files_survey, .name_folder = files_name_folder, .folder = files_folder,          \
	.notes = files_notes, .expect = files_expect, .begin = files_begin, .write = files_write,  \
	.end = files_end, .abandon = files_abandon, .amend = files_amend, .remove = files_remove, .adopt = files_adopt,  \
	.bare = files_bare, .full = files_full, .seal = files_seal, .finish = files_finish,                            \
	.finish_account = files_finish_account, .close = files_close

/* ---- for formats ---- */

/* The sidecar line of a message whose end did not tell it. The folder has changes in the batch that is
 * collected. */
int files_tell(struct sink *s, struct folder_at *at, const struct msg *m,
    const struct sidecar_at *place, struct err *err) WARN_UNUSED;
/* The folder takes part in the batch, also without a message. */
int files_touch(struct sink *s, struct folder_at *at, struct err *err) WARN_UNUSED;
/* The line of a mark that begins with `word`, without the word and the blank behind it. */
bool files_mark_line(const char *mark, const char *word, struct slice *ret);
/* The latest of the marks "WORD <mark of grown.h>" in all records of the account. */
bool files_mark_latest(const struct sink_place *at, const char *word, struct grown_mark *ret);
/* Note for people that another program changed something; the first note of a directory stays. */
void files_changed(struct files_dir *d, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* ---- files_dir.c: directories of a sink ---- */

/* The directory of that path; made known when it is new, with the latest mark of all records that
 * have it (or `mark`). */
struct files_dir *files_dir_get(struct sink *s, const char *path, const char *mark);
/* Make the directory; d->made is set when it was not there. */
int files_dir_make(struct sink *s, struct files_dir *d, struct err *err) WARN_UNUSED;
/* Open it for a folder. *ret_longer: what the last run did not commit was cut off. */
int files_dir_open(struct sink *s, struct files_dir *d, const struct folder_at *at,
    bool *ret_longer, struct err *err) WARN_UNUSED;
/* Close all that are neither current nor have changes here or at the keeper. */
void files_dir_let_go(struct sink *s);
/* d->mark from what is open. */
void files_dir_mark(const struct sink *s, struct files_dir *d);
void files_dir_free(struct sink *s, struct files_dir *d);

#endif
