/* Insides of the Maildir sink, shared by maildir_sink.c (messages and batches) and maildir_folder.c
 * (its folders). */
#ifndef STORE_MAILDIR_MAILDIR_SINK_H
#define STORE_MAILDIR_MAILDIR_SINK_H

#include "store/keywords.h"
#include "store/maildir/maildir.h"
#include "store/maildir/maildir_batch.h"
#include "store/maildir/maildir_body.h"
#include "store/maildir/name_index.h"
#include "store/sidecar.h"
#include "store/sink.h"

enum { FOLDER_NOTE_MAX = 160 };

/* What a folder needs only while it is worked on. */
struct folder_open {
	struct maildir_dirs *dirs;
	struct sidecar sidecar;
	struct keywords keywords;
	struct name_index *older; /* files that are adopted; NULL: none was looked for */
};

struct folder_at {
	struct folder_at *next;
	int64_t id;
	char *path, *head; /* head: the sidecar's folder line */
	size_t head_key;
	uint32_t uidvalidity;
	char mark[SIDECAR_MARK_MAX];
	struct folder_notes notes;
	char changed[FOLDER_NOTE_MAX];
	struct folder_open *open;
	int first; /* tmp/cur while the batch is collected, borrowed of it; -1: none */
	bool touched; /* takes part in the batch that is collected, as number `slot` */
	bool has_rows; /* the state knew messages of it when it was opened */
	bool made, finished;
	bool begun; /* it has had its first message, or is about to */
	bool told; /* the mark is newer than the record's */
	unsigned slot;
};

struct sink {
	char *account; /* name of the directory */
	int root;
	bool keep_crlf, unclean, restored, by_system;
	int batch_files;
	struct cancel *stop;
	struct folder_at *folders, *current;
	struct folder_at **held; /* those that are open */
	size_t n_held, held_cap;
	struct maildir_batch *batch;
	size_t lines_bytes; /* sidecar lines of the batch */
	struct body body;
	struct folder_at *into; /* the folder of the message that was begun; NULL: none */
};

/* maildir_folder.c */
/* As sink.h says: nothing is left of it; found or made, with what a kill has left put right, and the current one then. */
bool maildir_bare(const struct sink *s, const char *path);
int maildir_folder(struct sink *s, const struct folder_rec *rec, const struct row_feed *rows,
    uint64_t *ret_aside, struct folder_at **ret, struct err *err) WARN_UNUSED;
/* It is the one that is worked on: open; others are closed that have no changes. */
int maildir_enter(struct sink *s, struct folder_at *at, struct err *err) WARN_UNUSED;
/* The folder, which is open, takes part in the batch; one is begun if there is none. */
int maildir_need_batch(struct sink *s, struct err *err) WARN_UNUSED;
int maildir_touch(struct sink *s, struct folder_at *at, struct err *err) WARN_UNUSED;
void maildir_at_free(struct folder_at *at);
/* Of the folder, which is touched: tmp/cur as at->first, if its next message is one of the first. */
int maildir_begin_first(struct sink *s, struct folder_at *at, struct err *err) WARN_UNUSED;
/* Close what is neither current nor has changes here or at the keeper. */
void maildir_let_go(struct sink *s);
/* The directories of a folder that lacks some; *ret_made when it did. */
int maildir_folder_dirs(int root, const char *path, bool *ret_made, struct err *err) WARN_UNUSED;
/* Name the folder in front of *err; -1. */
int maildir_wrap(const struct folder_at *at, struct err *err);

#endif
