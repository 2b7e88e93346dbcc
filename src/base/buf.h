/* A growing buffer with a maximum given at birth. The data is always NUL-terminated. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/slice.h"

struct buf {
	char *data;
	size_t len, cap, max;
	bool full; /* something did not fit; nothing more is taken until buf_reset */
};

void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b);
void buf_reset(struct buf *b);
/* False (and b->full) when it would go over the maximum; nothing of that piece is added. */
bool buf_add(struct buf *b, const void *data, size_t len);
bool buf_add_str(struct buf *b, const char *text);
bool buf_add_byte(struct buf *b, char c);
bool buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
struct slice buf_slice(const struct buf *b);
/* Room for `want` more bytes at b->data + b->len (the caller then raises len); false over the
 * maximum. */
bool buf_reserve(struct buf *b, size_t want);

#endif
