/* The parts of the eml shelf. */
#ifndef STORE_EML_SHELF_EML_H
#define STORE_EML_SHELF_EML_H

#include "store/shelf/shelf_base.h"

/* A message that no sidecar tells of. */
struct eml_item {
	uint32_t uid;
	uint32_t name; /* number in the list of names */
};

struct shelf {
	struct shelf_base base;
	/* of the folder at hand */
	int folder;
	struct sidecar_index *index; /* NULL: imex did not write it */
	const struct sidecar_entry *entry; /* of the UIDVALIDITY at hand */
	size_t n_entry;
	uint32_t uidvalidity, uidnext; /* uidvalidity: that goes with the UIDs (shelf_uidvalidity_made) */
	struct dir_list names;
	struct eml_item *item; /* UIDs above those of the entries, ascending */
	size_t len;
	bool mixed_told;
	/* of the message at hand */
	struct wire wire;
	int fd;
	struct arena arena;
	struct sidecar_line line;
	char shown[512];
};

/* shelf_eml_tree.c */
int eml_find_folders(struct shelf *s, struct err *err) WARN_UNUSED;
int eml_load(struct shelf *s, struct err *err) WARN_UNUSED;

#endif
