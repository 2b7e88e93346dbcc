/* See line_reader.h. The buffer is as large as the longest line plus a block, so that a line is
 * never copied but when it straddles the end of the buffer. */
#include "store/line_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

enum { LINE_BLOCK = 64 * 1024 };

void
line_reader_init(struct line_reader *r, int fd, size_t max_bytes)
{
	*r = (struct line_reader){ .fd = fd, .max = max_bytes, .cap = LINE_BLOCK };
	r->data = mem_resize(NULL, r->cap, 1);
}

void
line_reader_done(struct line_reader *r)
{
	free(r->data);
	r->data = NULL;
}

static int
line_fill(struct line_reader *r, struct err *err)
{
	ssize_t n;

	memmove(r->data, r->data + r->done, r->len - r->done);
	r->len -= r->done;
	r->at += r->done;
	r->done = 0;
	if (r->cap - r->len < LINE_BLOCK / 2) {
		r->cap *= 2;
		r->data = mem_resize(r->data, r->cap, 1);
	}
	do
		n = pread(r->fd, r->data + r->len, r->cap - r->len, (off_t)(r->at + r->len));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_set_sys(
		    err, ERR_FOLDER, "read at octet %llu", (unsigned long long)(r->at + r->len));
	r->len += (size_t)n;
	r->end = n == 0;
	return 0;
}

static enum line_step
line_give(struct line_reader *r, size_t len, bool lf, struct slice *ret, uint64_t *ret_at)
{
	bool was_long = r->skipping || len > r->max;

	*ret = (struct slice){ r->data + r->done, len };
	*ret_at = r->at + r->done;
	r->done += len + lf;
	r->number++;
	r->skipping = false;
	if (!lf)
		return LINE_TORN;
	return was_long ? LINE_LONG : LINE_WHOLE;
}

enum line_step
line_next(struct line_reader *r, struct slice *ret, uint64_t *ret_at, struct err *err)
{
	size_t seen = 0;

	for (;;) {
		char *from = r->data + r->done;
		size_t have = r->len - r->done;
		char *lf = have > seen ? memchr(from + seen, '\n', have - seen) : NULL;

		if (lf != NULL)
			return line_give(r, (size_t)(lf - from), true, ret, ret_at);
		if (have > r->max) { /* nothing of a line that is too long is kept */
			r->skipping = true;
			r->done = r->len;
			have = 0;
		}
		if (r->end)
			return have > 0 || r->skipping ? line_give(r, have, false, ret, ret_at)
						       : LINE_END;
		seen = have;
		if (line_fill(r, err) < 0)
			return LINE_ERR;
	}
}
