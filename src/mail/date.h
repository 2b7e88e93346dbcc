/* INTERNALDATE (RFC 3501 date-time) and the header Date as a fallback. */
#ifndef MAIL_DATE_H
#define MAIL_DATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum { DATE_TEXT_MAX = 32 };

struct date {
	bool known;		/* false: absent or beyond repair; epoch is 0 then */
	int64_t epoch;		/* seconds since 1970, UTC; may be negative */
	int16_t zone_min;	/* minutes east of UTC as the server wrote it */
};

/* "17-Jul-1996 02:44:25 -0700": one or two day digits, padded or not; missing zone is UTC; second 60 and
 * days past the month's end are carried over. False for what cannot be a date ("00-Jan-0000 ..."). */
bool date_parse(struct slice text, struct date *ret);
/* "Wed, 17 Jul 1996 02:44:25 -0700 (PDT)": the forms of RFC 5322 3.3 and 4.3 as mailers write them.
 * False for all others, also for a zone that is not known: somebody else may know better. */
bool date_parse_mail(struct slice text, struct date *ret);
/* The IMAP form with a two-digit day, in the date's own zone. */
void date_format(const struct date *d, char ret[DATE_TEXT_MAX]);
/* A value that file names and mtimes can hold (rules.md 3.4): epoch when known and >= 0, else 0. */
int64_t date_stamp(const struct date *d);

#endif
