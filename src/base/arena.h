/* Memory with one lifetime: taken in small pieces, given back at once. Bounded at birth: going over
 * the limit returns NULL (a peer can cause it), out of memory aborts. Not thread-safe. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/err.h"
#include "base/slice.h"

struct arena_block;
struct arena {
	struct arena_block *first, *now;
	size_t used_bytes, max_bytes;
};

void arena_init(struct arena *a, size_t max_bytes);
void arena_done(struct arena *a);
void arena_reset(struct arena *a); /* keeps one block for the next use */
/* Aligned for any type, zeroed; NULL when the limit is reached. */
void *arena_take(struct arena *a, size_t bytes);
/* NUL-terminated copy; NULL when the limit is reached. */
char *arena_copy(struct arena *a, struct slice text);
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
