/* See clock.h. */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t
clock_read_ms(clockid_t which)
{
	struct timespec now;

	clock_gettime(which, &now);
	return (int64_t)now.tv_sec * SEC + now.tv_nsec / 1000000;
}

/* Safe in a signal handler. */
int64_t
clock_mono_ms(void)
{
	return clock_read_ms(CLOCK_MONOTONIC);
}

int64_t
clock_wall_ms(void)
{
	return clock_read_ms(CLOCK_REALTIME);
}

void
clock_iso(int64_t wall_ms, char *out)
{
	int64_t ms = wall_ms % SEC;
	time_t sec = (time_t)(wall_ms / SEC);
	struct tm tm = { 0 };

	if (ms < 0) {
		ms += SEC;
		sec--;
	}
	if (gmtime_r(&sec, &tm) == NULL || tm.tm_year < -1900 || tm.tm_year > 8099) {
		snprintf(out, ISO_MAX, "0000-00-00T00:00:00.000Z");
		return;
	}
	/* The remainders tell the compiler that the text fits. */
	snprintf(out, ISO_MAX, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
	    (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
	    (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
	    (unsigned)tm.tm_sec % 100, (unsigned)ms % 1000);
}

int64_t
clock_deadline(int64_t ms)
{
	int64_t now = clock_mono_ms();

	return ms <= 0 || ms > INT64_MAX - now ? INT64_MAX : now + ms;
}
