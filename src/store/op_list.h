/* What a batch of a sink does with the names of files, in the order of the calls. Operations hold offsets into one
 * text of names, so that a batch of 4,096 messages is few allocations. */
#ifndef STORE_OP_LIST_H
#define STORE_OP_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum op_kind { OP_NONE, OP_ADD, OP_RENAME, OP_REMOVE };

struct op {
	enum op_kind kind;
	unsigned dir; /* a number of the batch */
	int fd; /* of what is added, owned; -1: none */
	uint32_t from, to; /* offsets of names; UINT32_MAX: no name */
	bool again; /* of OP_ADD: what has its place or identity already is set aside */
	bool keep; /* of OP_REMOVE: set aside, not removed */
	bool saved; /* a file of this name was there, and has another now */
	bool older; /* and is an older copy */
};

struct op_list {
	struct op *op;
	size_t len, cap;
	size_t n_files; /* OP_ADD */
	uint64_t bytes; /* of these */
	struct buf names;
};

/* names_max: octets of all names with their NULs. Who adds more has not looked whether the batch is full. */
void op_list_init(struct op_list *l, size_t names_max);
void op_list_done(struct op_list *l);

/* from, to NULL: no name. */
struct op *op_list_put(struct op_list *l, enum op_kind kind, unsigned dir, int fd, const char *from, const char *to);
/* A message of so many octets under a name for the time being; takes fd. */
void op_list_add(struct op_list *l, unsigned dir, int fd, const char *from, const char *to, uint64_t bytes);
/* The last operation, which is an OP_ADD: its message comes again. */
void op_list_again(struct op_list *l);
/* The last operation, which is an OP_REMOVE, sets aside; `from` not NULL: under that name. */
void op_list_keep(struct op_list *l, const char *from);

/* "" without a name. */
const char *op_from(const struct op_list *l, const struct op *o);
const char *op_to(const struct op_list *l, const struct op *o);

#endif
