/* Blocks of 65,536 UIDs by their upper half, each a sorted list of lower halves, or a bit for each
 * once the list would be longer than that (8 KiB). Adding in ascending order, the usual one, is an
 * append. */
#include "store/uidmap.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { BLOCK_LIST_MAX = 4096, BLOCK_BITS = 65536 };

struct block {
	uint16_t high;
	uint16_t len, cap; /* of list; cap 0: bits */
	union {
		uint16_t *list;
		uint64_t *bits;
	};
};

struct uidmap {
	struct block *block;
	size_t len, cap;
};

struct uidmap *
uidmap_new(void)
{
	return mem_new(sizeof(struct uidmap));
}

void
uidmap_free(struct uidmap **m)
{
	if (*m == NULL)
		return;
	for (size_t i = 0; i < (*m)->len; i++)
		free((*m)->block[i].list);
	free((*m)->block);
	free(*m);
	*m = NULL;
}

/* Place of the first block that is not below `high`. */
static size_t
uidmap_place(const struct uidmap *m, uint16_t high)
{
	size_t from = 0, to = m->len;

	if (to > 0 && m->block[to - 1].high < high)
		return to;
	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (m->block[mid].high < high)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

static struct block *
uidmap_block(struct uidmap *m, uint16_t high)
{
	size_t at = uidmap_place(m, high);

	if (at < m->len && m->block[at].high == high)
		return &m->block[at];
	if (m->len == m->cap) {
		m->cap = m->cap > 0 ? 2 * m->cap : 8;
		m->block = mem_resize(m->block, m->cap, sizeof *m->block);
	}
	memmove(&m->block[at + 1], &m->block[at], (m->len - at) * sizeof *m->block);
	m->len++;
	m->block[at] =
	    (struct block){ .high = high, .cap = 4, .list = mem_resize(NULL, 4, sizeof(uint16_t)) };
	return &m->block[at];
}

static size_t
block_place(const struct block *b, uint16_t low)
{
	size_t from = 0, to = b->len;

	if (to > 0 && b->list[to - 1] < low)
		return to;
	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (b->list[mid] < low)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

static bool
block_has(const struct block *b, uint16_t low)
{
	if (b->cap == 0)
		return (b->bits[low / 64] >> low % 64 & 1) != 0;
	size_t at = block_place(b, low);
	return at < b->len && b->list[at] == low;
}

static void
block_to_bits(struct block *b)
{
	uint64_t *bits = mem_new(BLOCK_BITS / 8);

	for (size_t i = 0; i < b->len; i++)
		bits[b->list[i] / 64] |= UINT64_C(1) << b->list[i] % 64;
	free(b->list);
	b->bits = bits;
	b->cap = 0;
}

static void
block_insert(struct block *b, uint16_t low)
{
	if (b->len == b->cap) {
		b->cap = (uint16_t)(2 * b->cap);
		b->list = mem_resize(b->list, b->cap, sizeof *b->list);
	}
	size_t at = block_place(b, low);
	memmove(&b->list[at + 1], &b->list[at], (b->len - at) * sizeof *b->list);
	b->list[at] = low;
	b->len++;
}

bool
uidmap_add(struct uidmap *m, uint32_t uid)
{
	struct block *b = uidmap_block(m, (uint16_t)(uid >> 16));
	uint16_t low = (uint16_t)uid;

	if (block_has(b, low))
		return false;
	if (b->cap > 0 && b->len == BLOCK_LIST_MAX)
		block_to_bits(b);
	if (b->cap > 0)
		block_insert(b, low);
	else
		b->bits[low / 64] |= UINT64_C(1) << low % 64;
	return true;
}

bool
uidmap_has(const struct uidmap *m, uint32_t uid)
{
	size_t at = uidmap_place(m, (uint16_t)(uid >> 16));

	return at < m->len && m->block[at].high == uid >> 16 &&
	    block_has(&m->block[at], (uint16_t)uid);
}
