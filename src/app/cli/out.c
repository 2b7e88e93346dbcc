#include "app/cli/out.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/cli/cells.h"
#include "base/event.h"
#include "base/file.h"

enum { OUT_PIECE = 64 * 1024, OUT_MAX = 4 * 1024 * 1024, OUT_WIDTH = 79 };

void
out_open(struct out *o, int fd)
{
	*o = (struct out){ .fd = fd };
	buf_init(&o->buf, OUT_MAX);
	buf_init(&o->shown, OUT_MAX);
}

static void
out_write(struct out *o, size_t len)
{
	if (o->err.kind == ERR_NONE && len > 0 && file_write(o->fd, o->buf.data, len, &o->err) < 0)
		err_wrap(&o->err, "write output");
	memmove(o->buf.data, o->buf.data + len, o->buf.len - len);
	o->buf.len -= len;
	o->buf.data[o->buf.len] = '\0';
}

/* A single piece over OUT_MAX cannot be: texts of the state are bounded far below. */
void
out_check(struct out *o)
{
	if (o->buf.full && o->err.kind == ERR_NONE)
		err_set(&o->err, ERR_DISK, "write output: a text is too long");
	if (o->buf.len >= OUT_PIECE)
		out_drain(o);
}

void
out_drain(struct out *o)
{
	if (o->buf.len > 1)
		out_write(o, o->buf.len - 1);
}

int
out_close(struct out *o, struct err *err)
{
	out_check(o);
	if (o->buf.len > 0)
		out_write(o, o->buf.len);
	buf_done(&o->buf);
	buf_done(&o->shown);
	if (o->err.kind == ERR_NONE)
		return 0;
	*err = o->err;
	return -1;
}

void
out_str(struct out *o, const char *text)
{
	buf_add_str(&o->buf, text);
	out_check(o);
}

void
out_printf(struct out *o, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	out_str(o, text);
}

static struct slice
out_shown(struct out *o, const char *text)
{
	struct slice line = slice_str(text);

	/* The end of a reply's line carries nothing for a reader. */
	while (line.len > 0 && strchr("\r\n", line.data[line.len - 1]))
		line.len--;
	buf_reset(&o->shown);
	text_visible(line, &o->shown);
	return buf_slice(&o->shown);
}

void
out_visible(struct out *o, const char *text)
{
	struct slice shown = out_shown(o, text);

	buf_add(&o->buf, shown.data, shown.len);
	out_check(o);
}

void
out_column(struct out *o, const char *text, size_t width)
{
	struct slice shown = out_shown(o, text);

	cells_column(shown, width, &o->buf);
	out_check(o);
}

void
out_wrapped(struct out *o, const char *text, size_t at, size_t indent)
{
	struct slice rest = out_shown(o, text);

	for (;;) {
		struct slice line = cells_line(rest, at < OUT_WIDTH ? OUT_WIDTH - at : 1);

		rest = (struct slice){ rest.data + line.len, rest.len - line.len };
		while (line.len > 0 && line.data[line.len - 1] == ' ')
			line.len--;
		buf_add(&o->buf, line.data, line.len);
		while (rest.len > 0 && *rest.data == ' ')
			rest = (struct slice){ rest.data + 1, rest.len - 1 };
		buf_add_byte(&o->buf, '\n');
		if (rest.len == 0)
			break;
		buf_printf(&o->buf, "%*s", (int)indent, "");
		at = indent;
	}
	out_check(o);
}
