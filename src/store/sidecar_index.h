/* The inside of an index of sidecars: made by sidecar_read.c, asked through sidecar_index.c. */
#ifndef STORE_SIDECAR_INDEX_H
#define STORE_SIDECAR_INDEX_H

#include "store/sidecar_read.h"

struct sidecar_index {
	int dir;
	char *shown;
	struct arena arena;
	struct sidecar_folder folder;
	struct sidecar_entry *entry, *amend;
	size_t len, cap, n_amend;
	struct arena scratch;
	uint32_t *older; /* UIDVALIDITYs, in the order they were met */
	size_t n_older, last_older;
	uint32_t last_uidvalidity;
	unsigned noted, numbers;
	uint64_t damaged;
	/* the file that lines are read from, and a piece of it */
	unsigned open_number;
	int fd;
	char *window;
	uint64_t window_at;
	size_t window_len;
};

bool
sidecar_entry_same(const struct sidecar_entry *a, const struct sidecar_entry *b); /* one message */

#endif
