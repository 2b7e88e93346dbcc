/* Known messages are sorted by what tells them apart, then by place. Each that is seen takes the first
 * equal one behind the last that was found, so that of equal ones the order decides; if there is none,
 * the first equal one before it. A header that could not be read, now or then, leaves size and
 * date to decide, in a second pass over what is left; a size or date that was not told leaves the
 * header, and what both have. */
#include "mail/numbering.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct key {
	struct numbered *of;
	size_t at; /* its place */
	size_t first_free; /* of the first key of equal ones: how many of them are taken from the front */
};

struct matcher {
	struct key *key;
	size_t len;
	size_t behind; /* place behind the last that was found */
	bool heads;
};

void
numbering_done(struct numbering *n)
{
	free(n->one);
	*n = (struct numbering){ 0 };
}

void
numbering_clear(struct numbering *n)
{
	n->len = n->stored = 0;
	n->next = 0;
}

void
numbering_open(struct numbering *n)
{
	for (size_t i = 0; i < n->len; i++)
		n->one[i].taken = false;
}

bool
numbering_add(struct numbering *n, const struct numbered *one)
{
	if (n->len == NUMBERED_MAX)
		return false;
	if (n->len == n->cap) {
		n->cap = n->cap ? n->cap * 2 : 256;
		n->one = mem_resize(n->one, n->cap, sizeof(*n->one));
	}
	n->one[n->len++] = *one;
	if (one->uid >= n->next)
		n->next = one->uid + 1;
	return true;
}

bool
numbering_copy(const struct numbering *from, struct numbering *to)
{
	numbering_clear(to);
	for (size_t i = 0; i < from->len; i++)
		if (!numbering_add(to, &from->one[i]))
			return false;
	to->stored = from->stored;
	to->next = from->next;
	numbering_open(to);
	return true;
}

static int
key_cmp(const struct numbered *x, const struct numbered *y, bool heads)
{
	if (x->size_known != y->size_known)
		return x->size_known - y->size_known;
	if (x->size_known && x->size != y->size)
		return x->size < y->size ? -1 : 1;
	if (x->date_known != y->date_known)
		return x->date_known - y->date_known;
	if (x->date_known && x->date != y->date)
		return x->date < y->date ? -1 : 1;
	if (!heads)
		return 0;
	if (x->head_known != y->head_known)
		return x->head_known - y->head_known;
	return x->head_known ? memcmp(x->head, y->head, SHA256_LEN) : 0;
}

static int
by_place(const struct key *x, const struct key *y)
{
	return x->at < y->at ? -1 : x->at > y->at;
}

static int
with_heads(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	int d = key_cmp(x->of, y->of, true);

	return d ? d : by_place(x, y);
}

static int
without_heads(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	int d = key_cmp(x->of, y->of, false);

	return d ? d : by_place(x, y);
}

/* First key that is not before (what, place). */
static size_t
key_find(const struct matcher *m, const struct numbered *what, size_t place)
{
	size_t lo = 0, hi = m->len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int d = key_cmp(m->key[mid].of, what, m->heads);

		if (d < 0 || (d == 0 && m->key[mid].at < place))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool
key_is(const struct matcher *m, size_t i, const struct numbered *what)
{
	return i < m->len && key_cmp(m->key[i].of, what, m->heads) == 0;
}

static struct key *
key_take(struct matcher *m, const struct numbered *what)
{
	size_t i = key_find(m, what, m->behind);

	while (key_is(m, i, what) && m->key[i].of->taken)
		i++;
	if (!key_is(m, i, what)) {
		size_t first = key_find(m, what, 0);

		if (!key_is(m, first, what))
			return NULL;
		i = first + m->key[first].first_free;
		while (key_is(m, i, what) && m->key[i].of->taken)
			i++;
		m->key[first].first_free = i - first;
		if (!key_is(m, i, what))
			return NULL;
	}
	if (m->key[i].at >= m->behind)
		m->behind = m->key[i].at + 1;
	return &m->key[i];
}

/* Known ones that may be compared: all, or without heads in common those that lack one. */
static void
matcher_init(struct matcher *m, struct numbering *n, bool heads, bool headless_only)
{
	*m = (struct matcher){ .heads = heads };
	m->key = mem_resize(NULL, n->len + 1, sizeof(*m->key));
	for (size_t i = 0; i < n->len; i++)
		if (!n->one[i].taken && !(headless_only && n->one[i].head_known))
			m->key[m->len++] = (struct key){ .of = &n->one[i], .at = i };
	qsort(m->key, m->len, sizeof(*m->key), heads ? with_heads : without_heads);
}

static void
match_pass(struct matcher *m, struct numbered *seen, size_t len, bool headless_too, bool headed_too)
{
	for (size_t i = 0; i < len; i++) {
		if (seen[i].uid != 0 || !(seen[i].head_known ? headed_too : headless_too))
			continue;

		struct key *k = key_take(m, &seen[i]);

		if (k == NULL)
			continue;
		k->of->taken = seen[i].taken = true;
		seen[i].uid = k->of->uid;
		if (seen[i].head_known && !k->of->head_known) {
			memcpy(k->of->head, seen[i].head, SHA256_LEN);
			k->of->head_known = true;
		}
	}
	free(m->key);
}

static int
by_head(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	int d = memcmp(x->of->head, y->of->head, SHA256_LEN);

	return d ? d : by_place(x, y);
}

static size_t
head_find(const struct matcher *m, const uint8_t head[SHA256_LEN])
{
	size_t lo = 0, hi = m->len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (memcmp(m->key[mid].of->head, head, SHA256_LEN) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* One of them was not told all, and nothing that both have differs. */
static bool
may_be_one(const struct numbered *x, const struct numbered *y)
{
	if (x->size_known == y->size_known && x->date_known == y->date_known)
		return false;
	return !(x->size_known && y->size_known && x->size != y->size) &&
	       !(x->date_known && y->date_known && x->date != y->date);
}

/* Of equal headers a few are looked at: they are rare, and many of them would take for ever. */
static void
match_heads(struct numbering *n, struct numbered *seen, size_t len)
{
	enum { EQUAL_MAX = 64 };
	struct matcher m = { .key = mem_resize(NULL, n->len + 1, sizeof(*m.key)) };

	for (size_t i = 0; i < n->len; i++)
		if (!n->one[i].taken && n->one[i].head_known)
			m.key[m.len++] = (struct key){ .of = &n->one[i], .at = i };
	qsort(m.key, m.len, sizeof(*m.key), by_head);
	for (size_t i = 0; i < len && m.len > 0; i++) {
		if (seen[i].uid != 0 || !seen[i].head_known)
			continue;
		for (size_t k = head_find(&m, seen[i].head), tries = 0;
		     k < m.len && tries < EQUAL_MAX && memcmp(m.key[k].of->head, seen[i].head, SHA256_LEN) == 0;
		     k++, tries++) {
			if (m.key[k].of->taken || !may_be_one(m.key[k].of, &seen[i]))
				continue;
			m.key[k].of->taken = seen[i].taken = true;
			seen[i].uid = m.key[k].of->uid;
			break;
		}
	}
	free(m.key);
}

bool
numbering_match(struct numbering *n, struct numbered *seen, size_t len)
{
	struct matcher m;

	matcher_init(&m, n, true, false);
	match_pass(&m, seen, len, true, true);
	matcher_init(&m, n, false, false);
	match_pass(&m, seen, len, true, false);
	matcher_init(&m, n, false, true);
	match_pass(&m, seen, len, false, true);
	match_heads(n, seen, len);
	if (n->next == 0)
		n->next = 1;
	for (size_t i = 0; i < len; i++) {
		if (seen[i].uid != 0)
			continue;
		if (n->next == UINT32_MAX)
			return false;
		seen[i].uid = n->next;
		seen[i].taken = true;
		if (!numbering_add(n, &seen[i]))
			return false;
	}
	return true;
}
