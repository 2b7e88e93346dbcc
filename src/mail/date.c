/* INTERNALDATE. Servers write it with one or two day digits, padded or not, without a zone, with
 * a leap second, with zones that no clock knows, and old ones (RFC 1176) as "17-Jul-96
 * 02:44:25-PDT". A date is never guessed from the clock: what cannot be read is unknown, and the
 * caller keeps the text. */
#include "mail/date.h"

#include <string.h>

#include "base/mem.h"

enum { DAY_S = 86400, ZONE_MAX_MIN = 24 * 60, YEAR_MAX = 9999 };

static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

struct date_cursor {
	const char *p, *end;
};

struct date_fields {
	int year, month, day, hour, minute, second;
};

/* Days from 1970-01-01 of the proleptic Gregorian calendar; day may lie past the month's end. */
static int64_t
date_days(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy + day - 1 - 719468;
}

static void
date_civil(int64_t days, struct date_fields *ret)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;

	ret->day = (int)(doy - (153 * mp + 2) / 5 + 1);
	ret->month = (int)(mp < 10 ? mp + 3 : mp - 9);
	ret->year = (int)(yoe + era * 400 + (ret->month <= 2));
}

static bool
date_skip(struct date_cursor *c, char want)
{
	if (c->p == c->end || *c->p != want)
		return false;
	c->p++;
	return true;
}

static void
date_blanks(struct date_cursor *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t'))
		c->p++;
}

/* Up to `max` digits; returns how many there were. */
static int
date_number(struct date_cursor *c, int max, int *ret)
{
	int n = 0, value = 0;

	while (n < max && c->p < c->end && *c->p >= '0' && *c->p <= '9') {
		value = value * 10 + (*c->p++ - '0');
		n++;
	}
	*ret = value;
	return n;
}

static bool
date_month(struct date_cursor *c, int *ret)
{
	for (int i = 0; i < 12 && c->end - c->p >= 3; i++) {
		char name[4] = { month_names[3 * i], month_names[3 * i + 1], month_names[3 * i + 2],
			'\0' };

		if (slice_eq_nocase((struct slice){ c->p, 3 }, name)) {
			c->p += 3;
			*ret = i + 1;
			return true;
		}
	}
	return false;
}

static bool
date_day(struct date_cursor *c, struct date_fields *f)
{
	date_blanks(c);
	if (date_number(c, 2, &f->day) == 0 || f->day < 1 || f->day > 31)
		return false;
	if (!date_skip(c, '-') && !date_skip(c, ' '))
		return false;
	if (!date_month(c, &f->month) || (!date_skip(c, '-') && !date_skip(c, ' ')))
		return false;
	int digits = date_number(c, 4, &f->year);
	if (digits == 2)
		f->year += f->year < 70 ? 2000 : 1900;
	else if (digits != 4)
		return false;
	return f->year >= 1;
}

/* "02:44:25"; seconds may be missing and be 60; no time at all is midnight. */
static bool
date_time(struct date_cursor *c, struct date_fields *f)
{
	date_blanks(c);
	if (c->p == c->end)
		return true;
	if (date_number(c, 2, &f->hour) == 0 || f->hour > 23 || !date_skip(c, ':'))
		return false;
	if (date_number(c, 2, &f->minute) == 0 || f->minute > 59)
		return false;
	return !date_skip(c, ':') || (date_number(c, 2, &f->second) > 0 && f->second <= 60);
}

/* "PDT" of RFC 1176 and RFC 822 dates. */
static bool
date_zone_name(struct slice name, int *ret)
{
	static const struct {
		const char *name;
		int minutes;
	} zones[] = {
		{ "UT", 0 },
		{ "UTC", 0 },
		{ "GMT", 0 },
		{ "Z", 0 },
		{ "EST", -300 },
		{ "EDT", -240 },
		{ "CST", -360 },
		{ "CDT", -300 },
		{ "MST", -420 },
		{ "MDT", -360 },
		{ "PST", -480 },
		{ "PDT", -420 },
		{ "BST", 60 },
		{ "WET", 0 },
		{ "CET", 60 },
		{ "MET", 60 },
		{ "CEST", 120 },
		{ "EET", 120 },
		{ "JST", 540 },
	};

	for (size_t i = 0; i < COUNT_OF(zones); i++) {
		if (slice_eq_nocase(name, zones[i].name)) {
			*ret = zones[i].minutes;
			return true;
		}
	}
	return false;
}

static int
date_zone_digits(struct date_cursor *c, int sign)
{
	int hours, minutes;

	if (date_number(c, 2, &hours) != 2)
		return 0;
	(void)date_skip(c, ':');
	if (date_number(c, 2, &minutes) != 2)
		return 0;
	date_blanks(c);
	if (c->p < c->end && *c->p != '(') /* "+10039", "+0200x" */
		return 0;
	int zone = hours * 60 + minutes;
	return zone <= ZONE_MAX_MIN ? sign * zone : 0;
}

/* Minutes east of UTC. What is no zone counts as UTC: the clock is kept, the caller has the
 * text. */
static int
date_zone(struct date_cursor *c)
{
	date_blanks(c);
	bool minus = c->p < c->end && *c->p == '-';
	bool signed_zone = minus || (c->p < c->end && *c->p == '+');
	if (signed_zone)
		c->p++;
	if (c->p < c->end && *c->p >= '0' && *c->p <= '9')
		return signed_zone ? date_zone_digits(c, minus ? -1 : 1) : 0;
	while (c->end > c->p && c->end[-1] == ' ')
		c->end--;
	int zone;
	return date_zone_name((struct slice){ c->p, (size_t)(c->end - c->p) }, &zone) ? zone : 0;
}

bool
date_parse(struct slice text, struct date *ret)
{
	struct date_cursor c = { text.data, text.data + text.len };
	struct date_fields f = { 0 };

	*ret = (struct date){ .known = false };
	if (text.len == 0 || !date_day(&c, &f) || !date_time(&c, &f))
		return false;
	int64_t local =
	    date_days(f.year, f.month, f.day) * DAY_S + f.hour * 3600 + f.minute * 60 + f.second;
	if (local >= date_days(YEAR_MAX + 1, 1, 1) * DAY_S) /* carried out of the calendar */
		return false;
	int zone = date_zone(&c);
	*ret =
	    (struct date){ .known = true, .epoch = local - 60 * zone, .zone_min = (int16_t)zone };
	return true;
}

/* The name of the day before its comma; RFC 5322 lets both away. */
static void
date_weekday(struct date_cursor *c)
{
	const char *p = c->p;

	date_blanks(c);
	while (c->p < c->end && ((*c->p | 0x20) >= 'a' && (*c->p | 0x20) <= 'z'))
		c->p++;
	if (!date_skip(c, ','))
		c->p = p;
}

/* Is what follows a zone that date_zone reads without guessing? A comment may stand behind it. */
static bool
date_zone_known(const struct date_cursor *at, struct date_cursor *ret)
{
	struct date_cursor c = *at;
	int value;

	date_blanks(&c);
	const char *from = c.p;
	if (date_skip(&c, '+') || date_skip(&c, '-')) {
		if (date_number(&c, 4, &value) != 4 || value % 100 > 59 || value > 1400)
			return false;
	} else {
		while (c.p < c.end && *c.p >= 'A' && *c.p <= 'Z')
			c.p++;
		if (!date_zone_name((struct slice){ from, (size_t)(c.p - from) }, &value))
			return false;
	}
	*ret = (struct date_cursor){ from, c.p };
	date_blanks(&c);
	return c.p == c.end || *c.p == '(';
}

bool
date_parse_mail(struct slice text, struct date *ret)
{
	struct date_cursor c = { text.data, text.data + text.len }, zone;
	struct date_fields f = { 0 };

	*ret = (struct date){ .known = false };
	if (text.len == 0)
		return false;
	date_weekday(&c);
	if (!date_day(&c, &f) || c.p == c.end || !date_time(&c, &f) || !date_zone_known(&c, &zone))
		return false;
	int64_t local =
	    date_days(f.year, f.month, f.day) * DAY_S + f.hour * 3600 + f.minute * 60 + f.second;
	int minutes = date_zone(&zone);
	*ret = (struct date){ .known = true,
		.epoch = local - 60 * minutes,
		.zone_min = (int16_t)minutes };
	return true;
}

static void
date_put(char *to, int value, int digits)
{
	for (int i = digits - 1; i >= 0; i--) {
		to[i] = (char)('0' + value % 10);
		value /= 10;
	}
}

void
date_format(const struct date *d, char ret[DATE_TEXT_MAX])
{
	static const char form[] = "dd-Mon-yyyy hh:mm:ss +hhmm";
	int64_t first = date_days(1, 1, 1) * DAY_S, last = date_days(YEAR_MAX + 1, 1, 1) * DAY_S;
	int zone = d->zone_min;

	ret[0] = '\0';
	if (!d->known || zone > ZONE_MAX_MIN || zone < -ZONE_MAX_MIN ||
	    d->epoch < first - 60 * zone || d->epoch >= last - 60 * zone)
		return;
	int64_t local = d->epoch + 60 * zone;
	int64_t days = (local >= 0 ? local : local - (DAY_S - 1)) / DAY_S;
	int clock = (int)(local - days * DAY_S);
	struct date_fields f;
	date_civil(days, &f);
	memcpy(ret, form, sizeof form);
	date_put(ret, f.day, 2);
	memcpy(ret + 3, month_names + 3 * (f.month - 1), 3);
	date_put(ret + 7, f.year, 4);
	date_put(ret + 12, clock / 3600, 2);
	date_put(ret + 15, clock / 60 % 60, 2);
	date_put(ret + 18, clock % 60, 2);
	ret[21] = zone < 0 ? '-' : '+';
	date_put(ret + 22, (zone < 0 ? -zone : zone) / 60, 2);
	date_put(ret + 24, (zone < 0 ? -zone : zone) % 60, 2);
}

int64_t
date_stamp(const struct date *d)
{
	return d->known && d->epoch >= 0 ? d->epoch : 0;
}
