/* Dates of migration files: 14 digits YYYYMMDDHHMMSS in local time (exchange-migration 2). The zone
 * is the process's, by TZ and tzset; local time is computed with the rule in force at the date
 * itself (EM-16). Of the hour that comes twice in autumn one is lost: 14 digits cannot tell them
 * apart. */
#ifndef STORE_EXCHANGE_DATE14_H
#define STORE_EXCHANGE_DATE14_H

#include "mail/date.h"

enum { DATE14_LEN = 14, DATE14_MAX = 15, DATE14_YEAR_MIN = 1601, DATE14_YEAR_MAX = 9998 };

/* The same form tells a duration: years, months, days, hours, minutes, seconds. */
struct date14 {
	unsigned year, month, day, hour, minute, second;
};
/* 14 digits and nothing else; any numbers. */
bool date14_split(struct slice text, struct date14 *ret);

/* False, and "": a date that is unknown or that the form or the readers of it cannot hold: before
 * 1601 (where the time of Windows begins), the years 9999 and 1 (placeholders for none), and -1,
 * which failed conversions leave behind (EM-14). */
bool date14_write(const struct date *d, char ret[DATE14_MAX]);
/* Seconds since 1970 and the zone's distance at that time. False: not 14 digits, no such day or
 * time, or out of the range above. A time that a change of the clock left out is carried over. */
bool date14_read(struct slice text, struct date *ret);

#endif
