/* Dates as people and control files give them. Without a zone they are local times, of which only
 * the job knows the zone: they become instants late. */
#ifndef APP_CLI_WHEN_H
#define APP_CLI_WHEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct when {
	bool given, zoned;
	bool daily;	/* a time of the day: sec is since midnight */
	int64_t sec;	/* since 1970, UTC; not zoned: the local time as if it were UTC */
};

/* 2003-11-07, 2003-11-07T14:18:49 with nothing, Z or +02:00 behind it, or the Migration Wizard's
 * 20031107141849. A date alone is its first second. False for anything else, and for dates that the
 * calendar does not have. */
bool when_parse(const char *text, struct when *ret);
/* Likewise, and without the seconds, or a time of the day alone: 06:00. */
bool when_parse_until(const char *text, struct when *ret);
/* The instant; of a time of the day the next one after `now` (both seconds since 1970). */
int64_t when_next(const struct when *w, int64_t now);
/* The instant, a local time by the zone of the process (base/clock.h). */
int64_t when_epoch(const struct when *w);
struct when when_instant(int64_t epoch);
/* The form that when_parse takes back. False: not given. */
bool when_text(const struct when *w, struct buf *ret);

#endif
