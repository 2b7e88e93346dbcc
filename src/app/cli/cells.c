#include "app/cli/cells.h"

#include <langinfo.h>
#include <locale.h>
#include <stdint.h>
#include <string.h>
#include <wchar.h>

bool
cells_locale(void)
{
	setlocale(LC_CTYPE, "");
	if (strcmp(nl_langinfo(CODESET), "UTF-8") == 0)
		return true;
	/* Reports are UTF-8 in any locale, and their columns need its widths. */
	setlocale(LC_CTYPE, "C.UTF-8");
	return false;
}

/* One character: its octets and columns. */
static size_t
cells_char(struct slice text, size_t *ret_width)
{
	unsigned char first = (unsigned char)*text.data;
	size_t len = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
	uint32_t c = first;
	int width;

	*ret_width = 1;
	if (len == 1 || len > text.len)
		return 1;
	c &= 0xffu >> (len + 1);
	for (size_t i = 1; i < len; i++)
		c = c << 6 | ((unsigned char)text.data[i] & 0x3f);
	width = wcwidth((wchar_t)c);
	*ret_width = width < 0 ? 1 : (size_t)width;
	return len;
}

static struct slice
cells_after(struct slice text, size_t len)
{
	return (struct slice){ text.data + len, text.len - len };
}

size_t
cells_width(struct slice text)
{
	size_t sum = 0, width;

	while (text.len > 0) {
		text = cells_after(text, cells_char(text, &width));
		sum += width;
	}
	return sum;
}

struct slice
cells_fit(struct slice text, size_t width)
{
	struct slice rest = text;
	size_t used = 0, wide;

	while (rest.len > 0) {
		size_t len = cells_char(rest, &wide);

		if (used + wide > width)
			break;
		used += wide;
		rest = cells_after(rest, len);
	}
	return (struct slice){ text.data, text.len - rest.len };
}

struct slice
cells_line(struct slice text, size_t width)
{
	struct slice line = cells_fit(text, width);
	size_t wide;

	if (line.len == text.len)
		return line;
	for (size_t len = line.len; len > 0; len--)
		if (text.data[len] == ' ' || text.data[len - 1] == ' ')
			return (struct slice){ text.data, len };
	if (line.len == 0)
		line.len = cells_char(text, &wide);
	return line;
}

void
cells_column(struct slice text, size_t width, struct buf *out)
{
	bool cut = cells_width(text) > width;
	struct slice part = cut && width > 0 ? cells_fit(text, width - 1) : cells_fit(text, width);
	size_t used = cells_width(part);

	buf_add(out, part.data, part.len);
	if (cut && width > 0) {
		buf_add_byte(out, '~');
		used++;
	}
	while (used++ < width)
		buf_add_byte(out, ' ');
}

void
cells_ascii(struct buf *text)
{
	size_t used = 0;

	for (size_t i = 0; i < text->len; i++) {
		unsigned char c = (unsigned char)text->data[i];

		if (c < 0x80 || c >= 0xc0)
			text->data[used++] = (char)(c < 0x80 ? c : '?');
	}
	if (text->data)
		text->data[used] = '\0';
	text->len = used;
}
