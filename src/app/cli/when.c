#include "app/cli/when.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/slice.h"

/* `n` digits at *at, which moves on. */
static bool
when_digits(const char **at, size_t n, int *ret)
{
	uint64_t value;

	if (strspn(*at, "0123456789") < n || !slice_u64((struct slice){ *at, n }, 9999, &value))
		return false;
	*ret = (int)value;
	*at += n;
	return true;
}

static bool
when_mark(const char **at, char c)
{
	if (**at != c)
		return false;
	++*at;
	return true;
}

static int
month_days(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

/* The fields of a date that the calendar has, counted as UTC. */
static bool
when_count(const struct tm *tm, int64_t *ret)
{
	struct tm copy = *tm;

	if (tm->tm_year < 1 || tm->tm_mon < 1 || tm->tm_mon > 12 || tm->tm_mday < 1 ||
	    tm->tm_mday > month_days(tm->tm_year, tm->tm_mon) || tm->tm_hour > 23 ||
	    tm->tm_min > 59 || tm->tm_sec > 59)
		return false;
	copy.tm_year -= 1900;
	copy.tm_mon -= 1;
	*ret = timegm(&copy);
	return true;
}

/* Nothing, Z, or +hh:mm up to the end. */
static bool
when_zone(const char *at, struct when *ret)
{
	int hours, minutes, sign;

	ret->zoned = *at != '\0';
	if (*at == '\0' || strcmp(at, "Z") == 0 || strcmp(at, "z") == 0)
		return true;
	sign = *at == '-' ? -1 : 1;
	if (!when_mark(&at, '+') && !when_mark(&at, '-'))
		return false;
	if (!when_digits(&at, 2, &hours) || !when_mark(&at, ':') || !when_digits(&at, 2, &minutes))
		return false;
	ret->sec -= sign * (hours * 3600 + minutes * 60);
	return *at == '\0' && hours <= 23 && minutes <= 59;
}

static bool
when_parse_wizard(const char *text, struct when *ret)
{
	struct tm tm = { 0 };

	return when_digits(&text, 4, &tm.tm_year) && when_digits(&text, 2, &tm.tm_mon) &&
	       when_digits(&text, 2, &tm.tm_mday) && when_digits(&text, 2, &tm.tm_hour) &&
	       when_digits(&text, 2, &tm.tm_min) && when_digits(&text, 2, &tm.tm_sec) &&
	       *text == '\0' && when_count(&tm, &ret->sec);
}

static bool
when_parse_iso(const char *text, struct when *ret)
{
	struct tm tm = { 0 };

	if (!when_digits(&text, 4, &tm.tm_year) || !when_mark(&text, '-') ||
	    !when_digits(&text, 2, &tm.tm_mon) || !when_mark(&text, '-') ||
	    !when_digits(&text, 2, &tm.tm_mday))
		return false;
	if (*text == '\0')
		return when_count(&tm, &ret->sec);
	if ((!when_mark(&text, 'T') && !when_mark(&text, 't')) ||
	    !when_digits(&text, 2, &tm.tm_hour) || !when_mark(&text, ':') ||
	    !when_digits(&text, 2, &tm.tm_min) || !when_mark(&text, ':') ||
	    !when_digits(&text, 2, &tm.tm_sec))
		return false;
	return when_count(&tm, &ret->sec) && when_zone(text, ret);
}

bool
when_parse(const char *text, struct when *ret)
{
	struct when w = { .given = true };

	if (strspn(text, "0123456789") == 14 ? !when_parse_wizard(text, &w)
					     : !when_parse_iso(text, &w))
		return false;
	*ret = w;
	return true;
}

static bool
when_parse_daily(const char *text, struct when *ret)
{
	int hours, minutes;

	if (!when_digits(&text, 2, &hours) || !when_mark(&text, ':') || !when_digits(&text, 2, &minutes) ||
	    *text != '\0' || hours > 23 || minutes > 59)
		return false;
	*ret = (struct when){ .given = true, .daily = true, .sec = hours * 3600 + minutes * 60 };
	return true;
}

bool
when_parse_until(const char *text, struct when *ret)
{
	enum { TO_THE_MINUTE = sizeof("2026-11-28T06:00") - 1 };
	char whole[32];

	if (when_parse_daily(text, ret) || when_parse(text, ret))
		return true;
	if (strlen(text) != TO_THE_MINUTE)
		return false;
	snprintf(whole, sizeof(whole), "%s:00", text);
	return when_parse(whole, ret);
}

int64_t
when_next(const struct when *w, int64_t now)
{
	time_t at = (time_t)now;
	struct tm tm;
	int64_t next;

	if (!w->daily)
		return when_epoch(w);
	localtime_r(&at, &tm);
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	next = timegm(&tm) + w->sec;
	return clock_from_local(next) > now ? clock_from_local(next) : clock_from_local(next + 86400);
}

int64_t
when_epoch(const struct when *w)
{
	return w->zoned ? w->sec : clock_from_local(w->sec);
}

struct when
when_instant(int64_t epoch)
{
	return (struct when){ .given = true, .zoned = true, .sec = epoch };
}

bool
when_text(const struct when *w, struct buf *ret)
{
	char at[ISO_MAX];

	if (!w->given)
		return false;
	if (w->daily)
		return buf_printf(ret, "%02d:%02d", (int)(w->sec / 3600), (int)(w->sec / 60 % 60));
	clock_iso(w->sec * SEC, at);
	return buf_printf(ret, "%.19s%s", at, w->zoned ? "Z" : "");
}
