/* The parts of the Maildir shelf: which folders a tree has, and which messages a folder. */
#ifndef STORE_MAILDIR_SHELF_MAILDIR_H
#define STORE_MAILDIR_SHELF_MAILDIR_H

#include "store/maildir/shelf_uidlist.h"
#include "store/shelf/shelf_base.h"
#include "store/shelf/shelf_wire.h"

/* A message: its UID and its file. */
struct maildir_item {
	uint32_t uid;
	uint32_t name : 30; /* number in the list of its directory */
	uint32_t is_new : 1; /* in new/, else in cur/ */
	uint32_t ours : 1; /* named by imex, of the UIDVALIDITY at hand */
};

struct shelf {
	struct shelf_base base;
	/* of the folder at hand */
	int folder, part[2]; /* part: cur/ and new/; -1: not there */
	struct sidecar_index *index; /* NULL: imex did not write it */
	uint32_t uidvalidity, uidnext;
	uint32_t given; /* the UIDVALIDITY that goes with the UIDs (shelf_uidvalidity_made) */
	struct dir_list names[2]; /* of cur/ and new/ */
	struct maildir_item *item;
	size_t len, cap;
	struct arena arena; /* names of keywords */
	const char *keyword[KEYWORD_NAMES];
	uint32_t nameless; /* letters without a name that were told */
	bool mixed_told;
	/* of the message at hand */
	struct wire wire;
	int fd;
	struct arena body_arena;
	struct sidecar_line line;
	char *shown;
};

const char *maildir_item_name(const struct shelf *s, const struct maildir_item *m);

/* shelf_maildir_tree.c */
int maildir_find_folders(struct shelf *s, struct err *err) WARN_UNUSED;
/* shelf_maildir_enter.c: everything of the folder at hand up to `uidnext`. */
int maildir_load(struct shelf *s, struct err *err) WARN_UNUSED;
/* The names of cur/ and new/; what is no regular file is noted. */
int maildir_read_names(
    struct shelf *s, int folder, struct dir_list names[2], struct err *err) WARN_UNUSED;

#endif
