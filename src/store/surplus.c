/* See surplus.h. The edges of the line are kept while blocks pass; nothing is allocated but one block. */
#include "store/surplus.h"

#include <string.h>

#include "base/mem.h"
#include "store/pio.h"

struct edges {
	char start[SURPLUS_EDGE], end[SURPLUS_EDGE];
	size_t start_len, end_len;
	bool (*ours)(const void *arg, const struct surplus_line *line);
	const void *arg;
};

bool
surplus_starts(const struct surplus_line *line, const char *text)
{
	size_t len = strlen(text);
	size_t whole = strnlen(line->start.data, line->start.len);

	if ((whole < line->start.len || !line->whole) && whole < len)
		len = whole;
	return whole >= len && memcmp(line->start.data, text, len) == 0;
}

static void
edges_add(struct edges *e, struct slice s)
{
	size_t room = SURPLUS_EDGE - e->start_len;
	size_t n = s.len < room ? s.len : room;

	if (n > 0)
		memcpy(e->start + e->start_len, s.data, n);
	e->start_len += n;
	if (s.len > SURPLUS_EDGE) {
		s.data += s.len - SURPLUS_EDGE;
		s.len = SURPLUS_EDGE;
	}
	room = SURPLUS_EDGE - s.len;
	n = e->end_len < room ? e->end_len : room;
	memmove(e->end, e->end + e->end_len - n, n);
	if (s.len > 0)
		memcpy(e->end + n, s.data, s.len);
	e->end_len = n + s.len;
}

static bool
edges_end(struct edges *e, bool whole)
{
	const struct surplus_line line = { .start = { e->start, e->start_len },
		.end = { e->end, e->end_len },
		.whole = whole };

	e->start_len = e->end_len = 0;
	return e->ours(e->arg, &line);
}

/* False: a line of others. */
static bool
edges_block(struct edges *e, struct slice s)
{
	while (s.len > 0) {
		const char *lf = memchr(s.data, '\n', s.len);
		size_t n = lf != NULL ? (size_t)(lf - s.data) : s.len;

		edges_add(e, (struct slice){ s.data, n });
		if (lf == NULL)
			break;
		if (!edges_end(e, true))
			return false;
		s.data += n + 1;
		s.len -= n + 1;
	}
	return true;
}

int
surplus_look(int fd, uint64_t at, bool (*ours)(const void *arg, const struct surplus_line *line),
    const void *arg, bool *ret, bool *ret_nul, struct err *err)
{
	AUTO(mem_free_str) char *block = mem_resize(NULL, PIO_STEP, 1);
	struct edges e = { .ours = ours, .arg = arg };

	*ret = true;
	*ret_nul = false;
	for (size_t len = PIO_STEP; len == PIO_STEP; at += len) {
		if (pio_read(fd, at, block, PIO_STEP, &len, err) < 0)
			return -1;
		*ret_nul |= memchr(block, '\0', len) != NULL;
		*ret = *ret && edges_block(&e, (struct slice){ block, len });
	}
	if (*ret && e.start_len > 0)
		*ret = edges_end(&e, false);
	return 0;
}
