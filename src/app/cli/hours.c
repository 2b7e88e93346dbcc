#include "app/cli/hours.h"

#include <time.h>

#include "base/clock.h"

enum { DAY_MINUTES = 24 * 60, DAYS_MAX = 3 /* one may be left out */ };

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

/* Each minute is looked at: on days on which clocks are changed a time of the day comes twice, or not at all, and hours
 * that lie in what is left out do not come on that day. It is a matter of a millisecond, once in a while. */
int64_t
hours_next_ms(const struct hours *h, int64_t wall_ms)
{
	const int64_t minute_ms = 60 * SEC;
	int64_t at_ms = wall_ms - wall_ms % minute_ms;

	for (int minutes = 0; minutes < DAYS_MAX * DAY_MINUTES; minutes++) {
		at_ms += minute_ms;
		if (hours_open(h, at_ms))
			return at_ms;
	}
	return wall_ms;
}
