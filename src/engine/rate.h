/* Octets a second, shared by all who spend from it. A second's worth may be saved up. */
#ifndef ENGINE_RATE_H
#define ENGINE_RATE_H

#include "base/cancel.h"

struct rate;

struct rate *rate_new(uint64_t octets_s); /* 0: no limit */
void rate_free(struct rate *r);
/* From now on so many; who sleeps finds out within a second. What was owed is forgiven. */
void rate_set(struct rate *r, uint64_t octets_s);
/* Spend n octets that have been received, and sleep until they were due. NULL: nothing.
 * ERR_INTERRUPTED. */
int rate_spend(struct rate *r, size_t n, struct cancel *stop, struct err *err) WARN_UNUSED;

#endif
