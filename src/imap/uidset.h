/* A set of UIDs as ascending ranges (RFC 3501 sequence-set). In UID order the n-th member is
 * message number n, so the set of a whole folder is also its sequence map. At most UIDSET_MAX
 * ranges: a peer cannot make it grow further. */
#ifndef IMAP_UIDSET_H
#define IMAP_UIDSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "imap/limits.h"

struct uidrange {
	uint32_t lo, hi; /* 1 <= lo <= hi */
};

struct uidset {
	struct uidrange *range;
	size_t len, cap;
	bool unsorted; /* something was added out of order; uidset_sort mends it */
};

void uidset_init(struct uidset *s);
void uidset_done(struct uidset *s);
void uidset_clear(struct uidset *s);
/* Add lo..hi (swapped when descending; 0 is refused). False: over the limit or 0. */
bool uidset_add(struct uidset *s, uint32_t lo, uint32_t hi);
void
uidset_sort(struct uidset *s); /* sort and join; the queries below need it after unordered adding */
bool uidset_has(const struct uidset *s, uint32_t uid);
/* False: it is in the middle of a range, and one range more would be over the limit. */
bool uidset_remove(struct uidset *s, uint32_t uid);
uint64_t uidset_count(const struct uidset *s);
uint64_t uidset_count_below(const struct uidset *s, uint32_t uid);
uint32_t uidset_last(const struct uidset *s); /* 0: empty */
uint32_t uidset_nth(const struct uidset *s, uint64_t n); /* n from 1; 0: none */
uint32_t uidset_after(const struct uidset *s, uint32_t uid); /* smallest member > uid; 0: none */
/* Members of a that are not in b, appended to out. */
void uidset_minus(const struct uidset *a, const struct uidset *b, struct uidset *out);
/* All of `from` into `to`, beside what is there, or instead of it. False: over the limit. */
bool uidset_join(const struct uidset *from, struct uidset *to);
bool uidset_copy(const struct uidset *from, struct uidset *to);
/* Parse "1:4,7"; '*' is refused. False on anything else; what was read before stays. */
bool uidset_parse(struct uidset *s, struct slice text);
/* Append as text, whole ranges only, at most max_bytes; returns the number of ranges written, from
 * range `first`. */
size_t uidset_text(const struct uidset *s, size_t first, size_t max_bytes, struct buf *out);

#endif
