#include "base/human.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

void
human_bytes(uint64_t bytes, char ret[HUMAN_MAX])
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 999.5) {
		value /= 1000;
		unit++;
	}
	snprintf(
	    ret, HUMAN_MAX, unit > 0 && value < 9.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

void
human_count(uint64_t n, char ret[HUMAN_MAX])
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);
	size_t used = 0;

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			ret[used++] = ',';
		ret[used++] = digits[i];
	}
	ret[used] = '\0';
}

void
human_span(int64_t seconds, char ret[HUMAN_MAX])
{
	int64_t s = seconds < 0 ? 0 : seconds;

	if (s >= 2 * 86400)
		snprintf(ret, HUMAN_MAX, "%" PRId64 " d %" PRId64 " h", s / 86400, s / 3600 % 24);
	else if (s >= 3600)
		snprintf(ret, HUMAN_MAX, "%" PRId64 ":%02" PRId64 ":%02" PRId64, s / 3600,
		    s / 60 % 60, s % 60);
	else
		snprintf(ret, HUMAN_MAX, "%" PRId64 ":%02" PRId64, s / 60, s % 60);
}
