/* tree_ops over a shelf; a format adds its open. */
#ifndef STORE_SHELF_TREE_SHELF_H
#define STORE_SHELF_TREE_SHELF_H

#include "store/shelf.h"
#include "store/tree.h"

/* `path` is the shelf's, which for an Exchange set is not the account's directory. */
int tree_shelf_open(struct tree **ret, const char *account_dir, const char *path,
    enum format format, const struct shelf_ops *ops, struct err *err) WARN_UNUSED;
int tree_shelf_enter(struct tree *t, const struct folder_rec *rec, struct err *err) WARN_UNUSED;
int tree_shelf_look(
    struct tree *t, const struct msg *row, struct stored *ret, struct err *err) WARN_UNUSED;
bool tree_shelf_stray(struct tree *t, char ret_name[512]);
void tree_shelf_close(struct tree **t);

#endif
