/* A borrowed run of bytes; never owns, may contain NUL. */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slice {
	const char *data;
	size_t len;
};

#define SLICE_ARG(s) (int)(s).len, (s).data /* for "%.*s" */

struct slice slice_str(const char *text); /* NULL gives an empty slice */
bool slice_eq(struct slice a, const char *text);
bool slice_eq_nocase(struct slice a, const char *text); /* ASCII only */
bool slice_same(struct slice a, struct slice b);
bool slice_starts_nocase(struct slice a, const char *prefix);
bool slice_has_nocase(struct slice hay, const char *needle);
int slice_cmp(struct slice a, struct slice b); /* bytewise, then by length */
/* Decimal digits only, no sign, no blank; false when empty, other bytes, or above max. */
bool slice_u64(struct slice a, uint64_t max, uint64_t *ret);

#endif
