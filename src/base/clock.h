/* Time. Monotonic for deadlines, wall time for what people read. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

enum { SEC = 1000, ISO_MAX = 32 };

int64_t clock_mono_ms(void);
int64_t clock_wall_ms(void); /* since 1970, UTC */
/* "2026-11-22T16:03:11.123Z"; out has ISO_MAX bytes. */
void clock_iso(int64_t wall_ms, char *out);
/* Absolute deadline `ms` from now; ms <= 0: INT64_MAX. */
int64_t clock_deadline(int64_t ms);

#endif
