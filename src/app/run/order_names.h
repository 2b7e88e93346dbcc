/* Which account of a run does a request mean? "anna", "anna@host" or "anna@host:port"; a login that
 * several servers have is not enough. */
#ifndef APP_RUN_ORDER_NAMES_H
#define APP_RUN_ORDER_NAMES_H

#include <stddef.h>

#include "app/run/order.h"

enum { ORDER_NAME_MAX = 512, ORDER_NAMES_TOLD = 8 };

struct order_name {
	const char *login, *host, *port;
};
struct order_names {
	const struct order_name *name; /* borrowed */
	size_t n;
};

/* False: *a has the exit code and says why not: there is none (and which is like it), or there are
 * several. */
bool order_names_find(
    const struct order_names *l, const char *text, size_t *ret, struct order_answer *a);
/* "anna@host" or "anna@host:port"; cut if it is too long. */
void order_name_text(const struct order_name *n, bool port, char ret[ORDER_NAME_MAX]);

#endif
