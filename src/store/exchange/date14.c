/* See date14.h. */
#include "store/exchange/date14.h"

#include <stdio.h>
#include <time.h>

#include "base/mem.h"

bool
date14_split(struct slice text, struct date14 *ret)
{
	static const size_t width[] = { 4, 2, 2, 2, 2, 2 };
	uint64_t part[COUNT_OF(width)];
	size_t at = 0;

	if (text.len != DATE14_LEN)
		return false;
	for (size_t i = 0; i < COUNT_OF(width); at += width[i++]) {
		if (!slice_u64((struct slice){ text.data + at, width[i] }, 9999, &part[i]))
			return false;
	}
	*ret = (struct date14){ (unsigned)part[0], (unsigned)part[1], (unsigned)part[2],
		(unsigned)part[3], (unsigned)part[4], (unsigned)part[5] };
	return true;
}

bool
date14_write(const struct date *d, char ret[DATE14_MAX])
{
	time_t at = (time_t)d->epoch;
	struct tm tm;

	ret[0] = '\0';
	if (!d->known || d->epoch == -1 || localtime_r(&at, &tm) == NULL)
		return false;
	if (tm.tm_year < DATE14_YEAR_MIN - 1900 || tm.tm_year > DATE14_YEAR_MAX - 1900)
		return false;
	return strftime(ret, DATE14_MAX, "%Y%m%d%H%M%S", &tm) == DATE14_LEN;
}

static bool
date14_possible(const struct date14 *d)
{
	static const unsigned days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (d->year % 4 == 0 && d->year % 100 != 0) || d->year % 400 == 0;

	if (d->year < DATE14_YEAR_MIN || d->year > DATE14_YEAR_MAX || d->month < 1 || d->month > 12)
		return false;
	return d->day >= 1 && d->day <= days[d->month - 1] + (d->month == 2 && leap) &&
	       d->hour < 24 && d->minute < 60 && d->second <= 60;
}

bool
date14_read(struct slice text, struct date *ret)
{
	struct date14 d;

	if (!date14_split(text, &d) || !date14_possible(&d))
		return false;

	struct tm tm = { .tm_year = (int)d.year - 1900,
		.tm_mon = (int)d.month - 1,
		.tm_mday = (int)d.day,
		.tm_hour = (int)d.hour,
		.tm_min = (int)d.minute,
		.tm_sec = (int)d.second,
		.tm_isdst = -1 };
	time_t at = mktime(&tm);

	/* -1 is also a second of 1969; it is not written, so it need not be read. */
	if (at == (time_t)-1)
		return false;
	*ret =
	    (struct date){ .known = true, .epoch = at, .zone_min = (int16_t)(tm.tm_gmtoff / 60) };
	return true;
}
