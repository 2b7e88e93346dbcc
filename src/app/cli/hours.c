#include "app/cli/hours.h"

#include <time.h>

#include "base/clock.h"

enum { DAY_MINUTES = 24 * 60 };

/* HH or HH:MM; where it ends, NULL: it is none. */
static const char *
hours_time(const char *at, int *ret)
{
	int n[2] = { 0, 0 };

	for (int part = 0; part < 2; part++) {
		for (int digit = 0; digit < 2; digit++, at++) {
			if (*at < '0' || *at > '9')
				return NULL;
			n[part] = 10 * n[part] + *at - '0';
		}
		if (part == 1 || *at != ':')
			break;
		at++;
	}
	*ret = 60 * n[0] + n[1];
	return n[1] < 60 && *ret <= DAY_MINUTES ? at : NULL;
}

bool
hours_parse(const char *text, struct hours *ret)
{
	struct hours h = { .given = true };
	const char *at = hours_time(text, &h.from);

	if (!at || *at != '-')
		return false;
	at = hours_time(at + 1, &h.to);
	if (!at || *at != '\0' || h.from == h.to || h.from == DAY_MINUTES)
		return false;
	*ret = h;
	return true;
}

static bool
local_time(int64_t wall_ms, struct tm *ret)
{
	time_t t = (time_t)(wall_ms / SEC);

	return localtime_r(&t, ret) != NULL;
}

bool
hours_open(const struct hours *h, int64_t wall_ms)
{
	struct tm tm;

	if (!h->given || !local_time(wall_ms, &tm))
		return true;

	int now = 60 * tm.tm_hour + tm.tm_min;

	if (h->from < h->to)
		return now >= h->from && now < h->to;
	return now >= h->from || now < h->to;
}

/* When the hours begin on that day, by summer time or not (dst 1, 0) or as mktime has it (-1). -1: they do not. */
static int64_t
begin_ms(const struct hours *h, struct tm day, int dst)
{
	day.tm_hour = h->from / 60;
	day.tm_min = h->from % 60;
	day.tm_sec = 0;
	day.tm_isdst = dst;

	int64_t ms = (int64_t)mktime(&day) * SEC;

	return dst >= 0 && 60 * day.tm_hour + day.tm_min != h->from ? -1 : ms;
}

/* mktime knows the days on which clocks are changed. When they are put back a time comes twice. */
int64_t
hours_next_ms(const struct hours *h, int64_t wall_ms)
{
	int64_t next_ms = wall_ms;
	struct tm tm;

	for (int day = 0; day < 2 && local_time(wall_ms, &tm); day++) {
		tm.tm_mday += day;
		for (int dst = -1; dst <= 1; dst++) {
			int64_t ms = begin_ms(h, tm, dst);

			if (ms > wall_ms && (next_ms == wall_ms || ms < next_ms))
				next_ms = ms;
		}
	}
	return next_ms;
}
