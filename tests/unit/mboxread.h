/* An mboxrd reader for tests, written from the description of the format alone: once by the places that
 * the sidecar tells, once as a program does that knows nothing of imex. */
#ifndef TESTS_UNIT_MBOXREAD_H
#define TESTS_UNIT_MBOXREAD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/mbox/mbox_out.h"

struct octets {
	char *data; /* malloc'ed, with a NUL behind it */
	size_t len;
};

/* Does a line ">+From " begin here? Then its first octet is a quote. */
static inline bool
read_is_quoted(const char *at, const char *end)
{
	const char *p = at;

	while (p < end && *p == '>')
		p++;
	return p > at && end - p >= 5 && memcmp(p, "From ", 5) == 0;
}

static inline struct octets
read_unquoted(const char *data, size_t len)
{
	struct octets out = { malloc(len + 1), 0 };

	for (size_t i = 0; i < len; i++) {
		if ((i == 0 || data[i - 1] == '\n') && read_is_quoted(data + i, data + len))
			continue;
		out.data[out.len++] = data[i];
	}
	out.data[out.len] = '\0';
	return out;
}

static inline struct octets
read_wide(struct octets in)
{
	struct octets out = { malloc(2 * in.len + 1), 0 };

	for (size_t i = 0; i < in.len; i++) {
		if (in.data[i] == '\n')
			out.data[out.len++] = '\r';
		out.data[out.len++] = in.data[i];
	}
	out.data[out.len] = '\0';
	free(in.data);
	return out;
}

/* The wire octets of the message at a place; data NULL when there is no such place in the file. */
static inline struct octets
read_at(const char *file, size_t len, const struct mbox_place *p)
{
	const char *at = file + p->at;

	if (p->at >= len || strncmp(at, "From ", 5) != 0)
		return (struct octets){ 0 };
	const char *body = memchr(at, '\n', len - p->at);
	if (body == NULL || p->stored > len - (size_t)(++body - file) ||
	    p->status_at + p->status_len > p->stored)
		return (struct octets){ 0 };
	char *clean = malloc(p->stored + 1);
	size_t tail = p->stored - p->status_at - p->status_len;
	memcpy(clean, body, p->status_at);
	memcpy(clean + p->status_at, body + p->status_at + p->status_len, tail);
	struct octets out = read_unquoted(clean, p->stored - p->status_len);
	free(clean);
	return p->lf ? read_wide(out) : out;
}

/* The next message of a file as any program reads it: *io is moved behind it. A message begins at the
 * start of the file, or behind an empty line, with "From "; one empty line at its end is not of it.
 * data NULL: no more. */
static inline struct octets
read_next(const char *file, size_t len, size_t *io)
{
	const char *at = file + *io, *end = file + len;
	const char *body = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;

	if (body == NULL || strncmp(at, "From ", 5) != 0)
		return (struct octets){ 0 };
	body++;
	const char *stop = body;
	while (stop < end) {
		if (end - stop >= 5 && memcmp(stop, "From ", 5) == 0)
			break;
		const char *lf = memchr(stop, '\n', (size_t)(end - stop));
		stop = lf != NULL ? lf + 1 : end;
	}
	*io = (size_t)(stop - file);
	size_t n = (size_t)(stop - body);
	if (n > 0 && body[n - 1] == '\n')
		n -= n > 1 && body[n - 2] == '\r' ? 2 : 1;
	return read_unquoted(body, n);
}

#endif
