/* Lists of addresses as people and programs have written them (RFC 5322 3.4, 4.4, RFC 822). No
 * recipient disappears: what is no address is kept as a name with its text. */
#ifndef MAIL_ADDRESS_H
#define MAIL_ADDRESS_H

#include "base/arena.h"

struct mail_address {
	const char *name; /* UTF-8, one line, "" none */
	const char *address; /* addr-spec, "" for what is none (the name has the text then) */
};

/* At most so many of one list: the last one then has the text of all others as its name. */
enum { ADDRESSES_MAX = 65536 };

struct addresses {
	struct mail_address *one; /* in the arena */
	size_t len, cap;
};

/* Those of a field behind those that are there. Groups are flattened; the name of one without
 * members ("undisclosed-recipients:;") is an entry without an address. False: the arena is full. */
bool addresses_read(struct slice value, struct arena *a, struct addresses *io);

#endif
