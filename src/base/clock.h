/* Time. Monotonic for deadlines, wall time for what people read, and the one time zone of the
 * process, in which files hold local times and people give dates. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum { SEC = 1000, ISO_MAX = 32, ZONE_MAX = 40 };

int64_t clock_mono_ms(void);
int64_t clock_wall_ms(void); /* since 1970, UTC */
/* "2026-11-22T16:03:11.123Z"; out has ISO_MAX bytes. */
void clock_iso(int64_t wall_ms, char *out);
/* Absolute deadline `ms` from now; ms <= 0: INT64_MAX. */
int64_t clock_deadline(int64_t ms);

/* ---- the time zone (clock_zone.c) ---- */

/* A name under /usr/share/zoneinfo ("Europe/Berlin"), "UTC", or a POSIX TZ string
 * ("CET-1CEST,M3.5.0,M10.5.0/3"), of less than ZONE_MAX octets. */
bool clock_zone_known(const char *name);
/* Make it the zone of the process. Before other threads start: it changes the environment.
 * ERR_USAGE: no such zone. */
int clock_set_zone(const char *name, struct err *err) WARN_UNUSED;
/* The zone that was set; before that the machine's: TZ, else the name behind /etc/localtime, else
 * UTC. Static. */
const char *clock_zone_name(void);
/* The instant at which clocks of the zone show `local` (seconds since 1970 as if it were UTC). Of
 * an hour that comes twice it is the first; a time that is skipped is as late as if it had not
 * been. */
int64_t clock_from_local(int64_t local);

#endif
