/* Line ends (see text.h). Runs of lines that are right already, which is nearly all text, are
 * copied in one piece. */
#include "mail/text.h"

#include <string.h>

void
text_lines_add(struct text_lines *t, struct slice piece, struct buf *out)
{
	const char *from = piece.data, *p = from, *end = p + piece.len;

	if (t->cr && p < end) {
		from = p += *p == '\n';
		t->cr = false;
	}
	const char *lf = p; /* the next one at or behind p; it is not looked for twice */
	while (p < end) {
		if (lf != NULL && (lf < p || *lf != '\n'))
			lf = memchr(p, '\n', (size_t)(end - p));
		const char *stop = lf != NULL ? lf : end;
		const char *cr = memchr(p, '\r', (size_t)(stop - p));

		if (cr != NULL && cr + 1 == lf) {
			p = lf + 1;
			continue;
		}
		if (cr != NULL)
			stop = cr;
		if (stop == end)
			break;
		buf_add(out, from, (size_t)(stop - from));
		buf_add(out, "\r\n", 2);
		from = p = stop + 1;
		t->cr = cr != NULL && p == end;
	}
	buf_add(out, from, (size_t)(end - from));
}
