/* The packing lists of one directory read together: a first run has written imex.PKL, later ones
 * imex-2.PKL and so on, each naming only what was new (rules.md 3.8). */
#ifndef STORE_EXCHANGE_LISTS_H
#define STORE_EXCHANGE_LISTS_H

#include "store/exchange/reader.h"

enum { EXLISTS_MAX = 1000 };

struct exlists {
	struct exread **set;
	size_t len;
	char *dir;	/* path, without '/' at its end */
};

/* `path`: a packing list, or a directory: then all of them, in the order of their runs. A list that
 * cannot be read is an error. ERR_NO_INPUT: there is none. */
int exlists_open(struct exlists *ret, const char *path, struct err *err) WARN_UNUSED;
void exlists_close(struct exlists *l);	/* zeroed: nothing */

/* The file that a list names so; false: none does. */
bool exlists_find(const struct exlists *l, const char *name, size_t *ret_set, uint32_t *ret_file);
/* The owner of this address in one list: -1 when it is not in it. */
int64_t exlists_owner(const struct exread *r, const char *address);
/* "ana@example.org" of "SMTP:ana@example.org"; other types keep theirs, and so does what would not come out
 * again (shelf_exchange.c): of "SMTP:ana" and "ana" each has mail of its own. */
const char *exlists_login(const char *owner);

#endif
