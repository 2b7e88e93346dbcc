/* For the tests of mail/mapping.h: rows are added to a table, then made. */
#ifndef MAPPING_HELP_H
#define MAPPING_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "mail/mapping.h"
#include "mail/names.h"

enum { FOLDERS_TEST = 64 };

struct table {
	struct arena arena;
	struct folder source[FOLDERS_TEST], target[FOLDERS_TEST];
	size_t n, n_target;
	struct mapping_side side;
	struct mapping_rule rule[8];
	struct mapping_rules rules;
	struct mapped *to;
	char from_delim;
	const char *from_prefix;
	struct err err;
};

static inline struct table *
table_new(char from_delim, const char *from_prefix, char to_delim, const char *to_prefix)
{
	struct table *t = mem_new(sizeof(*t));

	arena_init(&t->arena, 64 * 1024 * 1024);
	t->from_delim = from_delim;
	t->from_prefix = from_prefix;
	t->side = (struct mapping_side){
		.folder = t->target, .delim = to_delim, .prefix = slice_str(to_prefix)
	};
	t->rules.rule = t->rule;
	return t;
}

static inline void
table_free(struct table *t)
{
	arena_done(&t->arena);
	free(t);
}

static inline struct folder *
from_octets(struct table *t, const char *name, size_t len)
{
	struct folder *f = &t->source[t->n++];

	assert_true(t->n <= FOLDERS_TEST);
	*f = (struct folder){
		.name = { name, len }, .delim = t->from_delim, .prefix = slice_str(t->from_prefix)
	};
	return f;
}

static inline struct folder *
from(struct table *t, const char *name)
{
	return from_octets(t, name, strlen(name));
}

static inline struct folder *
there(struct table *t, const char *name, const char *use)
{
	struct folder *f = &t->target[t->n_target++];

	assert_true(t->n_target <= FOLDERS_TEST);
	*f = (struct folder){ .name = slice_str(name), .delim = t->side.delim, .special_use = use };
	return f;
}

static inline void
map(struct table *t, const char *a, const char *b)
{
	t->rule[t->rules.n_rules++] = (struct mapping_rule){ a, b };
}

static inline int
made(struct table *t)
{
	t->side.n = t->n_target;
	return mapping_make(&t->rules, t->source, t->n, &t->side, &t->arena, &t->to, &t->err);
}

static inline const struct mapped *
row(const struct table *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (slice_eq(t->source[i].name, name))
			return &t->to[i];
	fail_msg("no folder '%s'", name);
	return NULL;
}

#endif
