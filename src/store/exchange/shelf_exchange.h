/* The parts of the Exchange shelf. */
#ifndef STORE_EXCHANGE_SHELF_EXCHANGE_H
#define STORE_EXCHANGE_SHELF_EXCHANGE_H

#include <glib.h>

#include "store/exchange/lists.h"
#include "store/exchange/message.h"
#include "store/shelf/shelf_base.h"

/* A data line that no sidecar tells of. */
struct exline_at {
	uint32_t uid;
	uint32_t set;
	struct explace place;
};

/* A folder of such lines. */
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
	char *owner;	/* address whose lines are looked at; of ours that without an address given, or NULL */
	/* all folders with lines that no sidecar tells of; of a set that is not ours all */
	struct exset_folder *folder;
	size_t n_folders, folders_cap;
	bool indexed;
	char lost[640];	/* first fault of the set that may hide messages; "" */
	uint32_t uidvalidity;	/* of all folders of a set that is not ours */
	/* of the folder at hand */
	struct exset_folder *at;
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
/* A folder by its wire name, added with the special use when it is new. Valid until the next is added. */
struct exset_folder *exshelf_folder(struct shelf *s, GHashTable *known, const char *name, const char *special_use);
int exshelf_add_line(
    struct exset_folder *f, uint32_t set, const struct explace *place, struct err *err) WARN_UNUSED;
/* "Proyectos\Banyan" to modified UTF-7 with '/'; the use of a name that Exchange knows, or NULL. */
const char *exshelf_wire_name(struct slice folder, struct buf *out);
const struct exline_at *exshelf_line(const struct shelf *s, uint32_t uid);
/* Metadata of a line that was read. */
void exshelf_meta(const struct exitem *item, struct msg *ret);

/* shelf_exchange_untold.c: of a set of imex, whose folders are in s->base, sorted: the account's lines that no sidecar
 * tells of, in s->folder. Folders that no sidecar tells of either are added to s->base. */
int exshelf_untold(struct shelf *s, struct err *err) WARN_UNUSED;

#endif
