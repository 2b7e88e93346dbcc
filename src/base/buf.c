/* See buf.h. A buffer that owns nothing yet lends one shared NUL, so that `data` is always a
 * string; that octet is never written (cap is 0). Once a piece did not fit, nothing more is
 * taken: what is there is always the beginning of what was wanted, never a text with a hole. */
#include "base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { BUF_FIRST = 128 };

static char buf_nothing[1];

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .data = buf_nothing, .max = max };
}

void
buf_done(struct buf *b)
{
	if (b->cap > 0)
		free(b->data);
	buf_init(b, b->max);
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	b->full = false;
	if (b->cap > 0)
		b->data[0] = '\0';
	else
		b->data = buf_nothing;
}

/* `cap` counts the NUL, `max` does not. */
bool
buf_reserve(struct buf *b, size_t want)
{
	if (b->full || want > b->max - b->len) {
		b->full = true;
		return false;
	}
	size_t need = b->len + want + 1;

	if (need <= b->cap)
		return true;
	size_t cap = b->cap > 0 ? b->cap : BUF_FIRST;

	while (cap < need)
		cap = cap <= SIZE_MAX / 2 ? cap * 2 : need;
	if (cap - 1 > b->max)
		cap = b->max + 1;
	b->data = mem_resize(b->cap > 0 ? b->data : NULL, cap, 1);
	b->data[b->len] = '\0';
	b->cap = cap;
	return true;
}

bool
buf_add(struct buf *b, const void *data, size_t len)
{
	if (!buf_reserve(b, len))
		return false;
	if (len > 0)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
	return true;
}

bool
buf_add_str(struct buf *b, const char *text)
{
	return buf_add(b, text, strlen(text));
}

bool
buf_add_byte(struct buf *b, char c)
{
	return buf_add(b, &c, 1);
}

bool
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	assert(len >= 0);
	if (!buf_reserve(b, (size_t)len))
		return false;
	va_start(ap, fmt);
	vsnprintf(b->data + b->len, (size_t)len + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)len;
	return true;
}

struct slice
buf_slice(const struct buf *b)
{
	return (struct slice){ .data = b->data, .len = b->len };
}
