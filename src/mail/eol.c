/* Line ends. The hot path of every stored message: lines are found with memchr, which the C
 * library does many octets at a time, and copied whole. */
#include "mail/eol.h"

#include <string.h>

void
eol_start(struct eol *e)
{
	*e = (struct eol){ .cr_held = false };
}

/* Copy the octets before the next line end or offender; *io is moved to `to`. */
static char *
eol_copy(char *out, const char **io, const char *to)
{
	size_t len = (size_t)(to - *io);

	memcpy(out, *io, len);
	*io = to;
	return out + len;
}

/* The octets of [p, end) up to the first that is not reversible; a CR at the very end is held.
 * Returns where it stopped in *p and the end of what was written. */
static char *
eol_lines(struct eol *e, const char **p, const char *end, char *out)
{
	while (*p < end) {
		const char *cr = memchr(*p, '\r', (size_t)(end - *p));
		const char *stop = cr != NULL ? cr : end;
		const char *bare = memchr(*p, '\n', (size_t)(stop - *p));

		out = eol_copy(out, p, bare != NULL ? bare : stop);
		if (bare != NULL || (cr != NULL && cr + 1 < end && cr[1] != '\n')) {
			e->broken = true;
			return out;
		}
		if (cr == NULL)
			return out;
		if (cr + 1 == end) {
			e->cr_held = true;
			*p = end;
			return out;
		}
		*out++ = '\n';
		*p = cr + 2;
	}
	return out;
}

size_t
eol_crlf_to_lf(struct eol *e, struct slice in, char *out, size_t *ret_used)
{
	*ret_used = 0;
	if (in.len == 0 || e->broken)
		return 0;
	const char *p = in.len > 0 ? in.data : "", *end = p + in.len;
	char *to = out;
	if (e->cr_held) {
		if (*p != '\n') {
			e->broken = true;
			return 0;
		}
		*to++ = '\n';
		p++;
		e->cr_held = false;
	}
	to = eol_lines(e, &p, end, to);
	*ret_used = (size_t)(p - in.data);
	return (size_t)(to - out);
}

bool
eol_end(struct eol *e)
{
	return !e->broken && !e->cr_held;
}

size_t
eol_lf_to_crlf(struct slice in, char *out)
{
	const char *p = in.len > 0 ? in.data : "", *end = p + in.len;
	char *to = out;

	while (p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));

		to = eol_copy(to, &p, lf != NULL ? lf : end);
		if (lf != NULL) {
			*to++ = '\r';
			*to++ = '\n';
			p++;
		}
	}
	return (size_t)(to - out);
}
