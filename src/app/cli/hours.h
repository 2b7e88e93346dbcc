/* --hours 20-06: when work may go on, by the clocks of the process's zone. */
#ifndef APP_CLI_HOURS_H
#define APP_CLI_HOURS_H

#include <stdbool.h>
#include <stdint.h>

struct hours {
	bool given;		/* false: always */
	int from, to;		/* minutes of the day; from > to: over midnight */
};

/* "20-06", "20:30-24": hours 00 to 23 (at the end 24), with or without minutes. False: none. */
bool hours_parse(const char *text, struct hours *ret);
bool hours_open(const struct hours *h, int64_t wall_ms);
/* The wall time from which on they are open again, of hours that are not open then. */
int64_t hours_next_ms(const struct hours *h, int64_t wall_ms);

#endif
