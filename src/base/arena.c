/* See arena.h. A chain of blocks; a piece is cut from the newest one, a piece that is too large
 * for a common block gets its own. The limit counts what was asked for, rounded up. */
#include "base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { ARENA_BLOCK = 16 * 1024 };

struct arena_block {
	struct arena_block *next;
	size_t size, used;
	alignas(max_align_t) char data[];
};

void
arena_init(struct arena *a, size_t max_bytes)
{
	*a = (struct arena){ .max_bytes = max_bytes };
}

static void
arena_free_chain(struct arena_block *b)
{
	while (b != NULL) {
		struct arena_block *next = b->next;

		free(b);
		b = next;
	}
}

void
arena_done(struct arena *a)
{
	arena_free_chain(a->first);
	arena_init(a, a->max_bytes);
}

/* A block larger than common is not kept: one large response must not hold memory for ever. */
void
arena_reset(struct arena *a)
{
	if (a->first == NULL || a->first->size > ARENA_BLOCK) {
		arena_done(a);
		return;
	}
	arena_free_chain(a->first->next);
	a->first->next = NULL;
	a->first->used = 0;
	a->now = a->first;
	a->used_bytes = 0;
}

static void
arena_grow(struct arena *a, size_t need)
{
	size_t size = need > ARENA_BLOCK ? need : ARENA_BLOCK;
	struct arena_block *b = mem_resize(NULL, sizeof(*b) + size, 1);

	*b = (struct arena_block){ .size = size };
	if (a->now != NULL)
		a->now->next = b;
	else
		a->first = b;
	a->now = b;
}

/* Without zeroing. */
static void *
arena_cut(struct arena *a, size_t bytes)
{
	const size_t align = alignof(max_align_t);

	if (bytes > a->max_bytes || bytes > SIZE_MAX - align - sizeof(struct arena_block))
		return NULL;
	size_t need = (bytes + align - 1) / align * align;

	if (need > a->max_bytes - a->used_bytes)
		return NULL;
	if (a->now == NULL || need > a->now->size - a->now->used)
		arena_grow(a, need);
	void *p = a->now->data + a->now->used;

	a->now->used += need;
	a->used_bytes += need;
	return p;
}

void *
arena_take(struct arena *a, size_t bytes)
{
	void *p = arena_cut(a, bytes > 0 ? bytes : 1);

	return p != NULL ? memset(p, 0, bytes) : NULL;
}

char *
arena_copy(struct arena *a, struct slice text)
{
	char *p = text.len < SIZE_MAX ? arena_cut(a, text.len + 1) : NULL;

	if (p == NULL)
		return NULL;
	if (text.len > 0)
		memcpy(p, text.data, text.len);
	p[text.len] = '\0';
	return p;
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	assert(len >= 0);
	char *p = arena_cut(a, (size_t)len + 1);

	if (p == NULL)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(p, (size_t)len + 1, fmt, ap);
	va_end(ap);
	return p;
}
