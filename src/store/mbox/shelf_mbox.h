/* The parts of the mbox shelf. */
#ifndef STORE_MBOX_SHELF_MBOX_H
#define STORE_MBOX_SHELF_MBOX_H

#include <limits.h>

#include "store/mbox/mbox_scan.h"
#include "store/shelf/shelf_base.h"

/* Where a line of the sidecar says that a message lies. */
struct mbox_told {
	uint64_t at, stored;
};

/* A file of the folder at hand. Of imex: scan has what other programs appended. */
struct mbox_file {
	char name[NAME_MAX + 1];
	struct mbox_scan scan; /* entries with their UIDs */
	uint64_t covered; /* octets before the scanned ones */
	bool told; /* by a line of the sidecar; the last place of it */
	struct mbox_told last;
};

struct shelf {
	struct shelf_base base;
	/* of the folder at hand */
	int folder;
	struct sidecar_index *index; /* NULL: imex did not write it */
	const struct sidecar_entry *entry; /* of the UIDVALIDITY at hand */
	size_t n_entry;
	uint32_t uidvalidity, uidnext;
	uint32_t given; /* the UIDVALIDITY that goes with the UIDs (shelf_uidvalidity_made) */
	struct mbox_file *file;
	size_t n_file;
	bool mixed_told;
	/* of the message at hand */
	struct wire wire;
	int fd;
	char fd_name[NAME_MAX + 1]; /* kept open from message to message */
	uint64_t fd_size;
	struct arena arena;
	struct sidecar_line line;
	char shown[NAME_MAX + 64];
	/* of stray */
	size_t stray_file;
	uint64_t stray_at;
	struct mbox_told *place;
	size_t n_place, cap_place;
};

/* shelf_mbox_tree.c */
int mbox_find_folders(struct shelf *s, struct err *err) WARN_UNUSED;
/* shelf_mbox_enter.c: everything of the folder at hand up to `uidnext`. */
int mbox_load(struct shelf *s, struct err *err) WARN_UNUSED;
/* Open NAME as s->fd, or keep it. 0 or errno. */
int mbox_open_file(struct shelf *s, const char *name);
/* Length of the From_ line at `at` of s->fd with its end; 0: there is none. */
uint32_t mbox_from_len(struct shelf *s, uint64_t at);
/* A scanned message; NULL: none has the UID. */
const struct mbox_entry *
mbox_entry_of(const struct shelf *s, uint32_t uid, const struct mbox_file **ret_file);
/* All places in a file that a line or a scan tells of, by ascending octet, each once. */
int mbox_read_places(struct shelf *s, const struct mbox_file *f, struct err *err) WARN_UNUSED;
int mbox_stray(struct shelf *s, char ret_name[512], struct err *err);

#endif
