/* The parts of the Exchange shelf. */
#ifndef STORE_SHELF_EXCHANGE_H
#define STORE_SHELF_EXCHANGE_H

#include "store/exchange/lists.h"
#include "store/exchange/message.h"
#include "store/shelf_base.h"

/* A data line of a set that no sidecar tells of. */
struct exline_at {
	uint32_t uid;
	uint32_t set;
	struct explace place;
};

/* A folder of such a set. */
struct exset_folder {
	char *name;	/* wire */
	const char *special_use;
	struct exline_at *line;	/* ascending UIDs */
	size_t len, cap;
};

struct shelf {
	struct shelf_base base;
	bool ours;
	struct exlists lists;
	struct cancel *stop;
	char *owner;	/* address whose lines are looked at; NULL: ours */
	/* all folders of a set that is not ours */
	struct exset_folder *folder;
	size_t n_folders, folders_cap;
	bool indexed;
	char lost[640];	/* first fault of the set that may hide messages; "" */
	uint32_t uidvalidity;	/* of all of them */
	/* of the folder at hand */
	const struct exset_folder *at;
	int dir;
	struct sidecar_index *index;
	const struct sidecar_entry *entry;
	size_t n_entry;
	/* of the message at hand */
	struct exmessage *message;
	struct spool *octets;
	uint64_t given;
	struct arena arena;
	struct sidecar_line line;
	struct exfault fault;
};

/* shelf_exchange_index.c: folders and lines of the owner. */
int exshelf_index(struct shelf *s, struct err *err) WARN_UNUSED;
void exshelf_index_free(struct shelf *s);
const struct exline_at *exshelf_line(const struct shelf *s, uint32_t uid);
/* Metadata of a line that was read. */
void exshelf_meta(const struct exitem *item, struct msg *ret);

#endif
