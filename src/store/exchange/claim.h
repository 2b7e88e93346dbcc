/* The files of an account in a set: their names, and whose octets stand behind a mark or in a file
 * without one (grown.h). */
#ifndef STORE_EXCHANGE_CLAIM_H
#define STORE_EXCHANGE_CLAIM_H

#include "store/grown.h"

struct exclaim {
	struct grown_kind kind;		/* arg is this struct: it stays where it is */
	unsigned number;		/* of the account's files */
	char pointer[16];		/* how pointers into its secondary files begin */
};

void exclaim_pri(struct exclaim *c, unsigned number);
void exclaim_sec(struct exclaim *c, unsigned number);

#endif
