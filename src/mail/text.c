/* Line ends (see text.h). What is right already, which is nearly all text, goes on in one piece. */
#include "mail/text.h"

#include <string.h>

int
text_lines_add(struct text_lines *t, struct slice piece, struct spool *out, struct err *err)
{
	const char *from = piece.data, *p = from, *end = p + piece.len;
	static const struct slice crlf = { "\r\n", 2 };

	if (t->cr && p < end) {
		from = p += *p == '\n';
		t->cr = false;
	}
	while (p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
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
		if (spool_add(out, (struct slice){ from, (size_t)(stop - from) }, err) < 0 ||
		    spool_add(out, crlf, err) < 0)
			return -1;
		from = p = stop + 1;
		t->cr = cr != NULL && p == end;
	}
	return spool_add(out, (struct slice){ from, (size_t)(end - from) }, err);
}
