/* An Exchange set of imex as a tree: the set lies beside the directory with the account's sidecars.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/shelf/tree_shelf.h"

static int
tree_exchange_open(struct tree **ret, const char *account_dir, struct err *err)
{
	size_t len = strlen(account_dir);
	char *path = NULL;

	while (len > 1 && account_dir[len - 1] == '/')
		len--;
	while (len > 0 && account_dir[len - 1] != '/')
		len--;
	if (asprintf(&path, "%.*simex.PKL", (int)len, account_dir) < 0)
		mem_out();
	int done = tree_shelf_open(ret, account_dir, path, FORMAT_EXCHANGE, &shelf_exchange, err);
	free(path);
	return done;
}

const struct tree_ops tree_exchange = {
	.name = "exchange",
	.open = tree_exchange_open,
	.enter = tree_shelf_enter,
	.look = tree_shelf_look,
	.stray = tree_shelf_stray,
	.close = tree_shelf_close,
};
