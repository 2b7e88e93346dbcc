#include "store/op_list.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

void
op_list_init(struct op_list *l, size_t names_max)
{
	*l = (struct op_list){ 0 };
	buf_init(&l->names, names_max);
}

void
op_list_done(struct op_list *l)
{
	for (size_t i = 0; i < l->len; i++)
		file_close(&l->op[i].fd);
	buf_done(&l->names);
	free(l->op);
	*l = (struct op_list){ 0 };
}

static uint32_t
name_put(struct op_list *l, const char *name)
{
	if (name == NULL)
		return UINT32_MAX;

	uint32_t at = (uint32_t)l->names.len;
	bool fits = buf_add(&l->names, name, strlen(name) + 1);

	assert(fits);
	return at;
}

struct op *
op_list_put(struct op_list *l, enum op_kind kind, unsigned dir, int fd, const char *from, const char *to)
{
	if (l->len == l->cap) {
		l->cap = l->cap > 0 ? 2 * l->cap : 64;
		l->op = mem_resize(l->op, l->cap, sizeof(*l->op));
	}

	uint32_t at = name_put(l, from);
	struct op *o = &l->op[l->len++];

	*o = (struct op){ .kind = kind, .dir = dir, .fd = fd, .from = at, .to = name_put(l, to) };
	return o;
}

void
op_list_add(struct op_list *l, unsigned dir, int fd, const char *from, const char *to, uint64_t bytes)
{
	(void)op_list_put(l, OP_ADD, dir, fd, from, to);
	l->n_files++;
	l->bytes += bytes;
}

static struct op *
last_of(struct op_list *l, enum op_kind kind)
{
	assert(l->len > 0 && l->op[l->len - 1].kind == kind);
	return &l->op[l->len - 1];
}

void
op_list_again(struct op_list *l)
{
	last_of(l, OP_ADD)->again = true;
}

void
op_list_keep(struct op_list *l, const char *from)
{
	struct op *o = last_of(l, OP_REMOVE);

	if (from != NULL)
		o->from = name_put(l, from);
	o->keep = true;
}

static const char *
name_at(const struct op_list *l, uint32_t at)
{
	return at != UINT32_MAX ? l->names.data + at : "";
}

const char *
op_from(const struct op_list *l, const struct op *o)
{
	return name_at(l, o->from);
}

const char *
op_to(const struct op_list *l, const struct op *o)
{
	return name_at(l, o->to);
}
