#include "imap/uidset.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void
uidset_init(struct uidset *s)
{
	*s = (struct uidset){ 0 };
}

void
uidset_done(struct uidset *s)
{
	free(s->range);
	*s = (struct uidset){ 0 };
}

void
uidset_clear(struct uidset *s)
{
	s->len = 0;
	s->unsorted = false;
}

bool
uidset_add(struct uidset *s, uint32_t lo, uint32_t hi)
{
	if (lo == 0 || hi == 0)
		return false;
	if (lo > hi) {
		uint32_t swap = lo;

		lo = hi;
		hi = swap;
	}
	if (s->len > 0) {
		struct uidrange *last = &s->range[s->len - 1];

		if (lo >= last->lo && lo <= last->hi) {
			if (hi > last->hi)
				last->hi = hi;
			return true;
		}
		if (last->hi != UINT32_MAX && lo == last->hi + 1) {
			last->hi = hi;
			return true;
		}
		if (lo < last->lo)
			s->unsorted = true;
	}
	if (s->len >= UIDSET_MAX)
		return false;
	if (s->len == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 16;
		s->range = mem_resize(s->range, s->cap, sizeof(*s->range));
	}
	s->range[s->len++] = (struct uidrange){ .lo = lo, .hi = hi };
	return true;
}

static int
range_cmp(const void *a, const void *b)
{
	const struct uidrange *x = a, *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

void
uidset_sort(struct uidset *s)
{
	if (!s->unsorted)
		return;
	qsort(s->range, s->len, sizeof(*s->range), range_cmp);

	size_t out = 0;

	for (size_t i = 1; i < s->len; i++) {
		struct uidrange *last = &s->range[out], r = s->range[i];

		if (last->hi == UINT32_MAX || r.lo <= last->hi + 1) {
			if (r.hi > last->hi)
				last->hi = r.hi;
		} else {
			s->range[++out] = r;
		}
	}
	s->len = s->len ? out + 1 : 0;
	s->unsorted = false;
}

/* Index of the first range whose hi >= uid; len when there is none. */
static size_t
uidset_find(const struct uidset *s, uint32_t uid)
{
	size_t lo = 0, hi = s->len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->range[mid].hi < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool
uidset_has(const struct uidset *s, uint32_t uid)
{
	size_t i = uidset_find(s, uid);

	return i < s->len && s->range[i].lo <= uid;
}

bool
uidset_remove(struct uidset *s, uint32_t uid)
{
	size_t i = uidset_find(s, uid);

	if (i == s->len || s->range[i].lo > uid)
		return true;

	struct uidrange r = s->range[i];

	if (r.lo == r.hi) {
		memmove(&s->range[i], &s->range[i + 1], (s->len - i - 1) * sizeof(r));
		s->len--;
		return true;
	}
	if (uid == r.lo) {
		s->range[i].lo++;
		return true;
	}
	if (uid == r.hi) {
		s->range[i].hi--;
		return true;
	}
	if (s->len >= UIDSET_MAX)
		return false;
	if (s->len == s->cap) {
		s->cap *= 2;
		s->range = mem_resize(s->range, s->cap, sizeof(*s->range));
	}
	memmove(&s->range[i + 1], &s->range[i], (s->len - i) * sizeof(r));
	s->len++;
	s->range[i].hi = uid - 1;
	s->range[i + 1].lo = uid + 1;
	return true;
}

uint64_t
uidset_count(const struct uidset *s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s->len; i++)
		n += (uint64_t)s->range[i].hi - s->range[i].lo + 1;
	return n;
}

uint64_t
uidset_count_below(const struct uidset *s, uint32_t uid)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s->len && s->range[i].lo < uid; i++) {
		uint32_t hi = s->range[i].hi < uid ? s->range[i].hi : uid - 1;

		n += (uint64_t)hi - s->range[i].lo + 1;
	}
	return n;
}

uint32_t
uidset_last(const struct uidset *s)
{
	return s->len ? s->range[s->len - 1].hi : 0;
}

uint32_t
uidset_nth(const struct uidset *s, uint64_t n)
{
	if (n == 0)
		return 0;
	for (size_t i = 0; i < s->len; i++) {
		uint64_t here = (uint64_t)s->range[i].hi - s->range[i].lo + 1;

		if (n <= here)
			return s->range[i].lo + (uint32_t)(n - 1);
		n -= here;
	}
	return 0;
}

uint32_t
uidset_after(const struct uidset *s, uint32_t uid)
{
	if (uid == UINT32_MAX)
		return 0;

	size_t i = uidset_find(s, uid + 1);

	if (i == s->len)
		return 0;
	return s->range[i].lo > uid ? s->range[i].lo : uid + 1;
}

void
uidset_minus(const struct uidset *a, const struct uidset *b, struct uidset *out)
{
	size_t j = 0;

	for (size_t i = 0; i < a->len; i++) {
		uint64_t lo = a->range[i].lo;
		uint32_t hi = a->range[i].hi;

		while (j < b->len && b->range[j].hi < lo)
			j++;
		for (size_t k = j; k < b->len && b->range[k].lo <= hi && lo <= hi; k++) {
			if (b->range[k].lo > lo)
				uidset_add(out, (uint32_t)lo, b->range[k].lo - 1);
			lo = (uint64_t)b->range[k].hi + 1;
		}
		if (lo <= hi)
			uidset_add(out, (uint32_t)lo, hi);
	}
}

bool
uidset_join(const struct uidset *from, struct uidset *to)
{
	for (size_t i = 0; i < from->len; i++)
		if (!uidset_add(to, from->range[i].lo, from->range[i].hi))
			return false;
	return true;
}

bool
uidset_copy(const struct uidset *from, struct uidset *to)
{
	uidset_clear(to);
	return uidset_join(from, to);
}

static bool
parse_uid(struct slice *text, uint32_t *ret)
{
	size_t n = 0;
	uint64_t v;

	while (n < text->len && text->data[n] >= '0' && text->data[n] <= '9')
		n++;
	if (!slice_u64((struct slice){ text->data, n }, UINT32_MAX, &v) || v == 0)
		return false;
	*ret = (uint32_t)v;
	text->data += n;
	text->len -= n;
	return true;
}

static bool
take_byte(struct slice *text, char c)
{
	if (text->len == 0 || text->data[0] != c)
		return false;
	text->data++;
	text->len--;
	return true;
}

bool
uidset_parse(struct uidset *s, struct slice text)
{
	do {
		uint32_t lo, hi;

		if (!parse_uid(&text, &lo))
			return false;
		hi = lo;
		if (take_byte(&text, ':') && !parse_uid(&text, &hi))
			return false;
		if (!uidset_add(s, lo, hi))
			return false;
	} while (take_byte(&text, ','));
	uidset_sort(s);
	return text.len == 0;
}

size_t
uidset_text(const struct uidset *s, size_t first, size_t max_bytes, struct buf *out)
{
	size_t start = out->len, i;

	for (i = first; i < s->len; i++) {
		/* Two numbers of ten digits, colon, comma. */
		if (out->len - start + 22 > max_bytes)
			break;
		if (i > first)
			buf_add_byte(out, ',');
		buf_printf(out, "%u", s->range[i].lo);
		if (s->range[i].hi != s->range[i].lo)
			buf_printf(out, ":%u", s->range[i].hi);
	}
	return i - first;
}
