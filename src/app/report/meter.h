/* What the progress display says: numbers read from the engine's counters, smoothed, and laid out
 * for a width. Pure but for reading the counters; the terminal is screen.c's. */
#ifndef APP_REPORT_METER_H
#define APP_REPORT_METER_H

#include <stdbool.h>

#include "base/buf.h"
#include "engine/progress.h"

struct meter {
	int64_t start_ms, last_ms;	/* monotonic; 0: nothing read yet */
	uint64_t last_bytes, last_messages;
	double bytes_s, messages_s;	/* smoothed over about five seconds */
};

struct view {
	unsigned folders_done, folders_total, problems;
	uint64_t messages_done, messages_total, messages_new, bytes_done, bytes_total;
	uint64_t bytes_s, messages_s;
	int64_t elapsed_s, eta_s;	/* eta -1: unknown */
	enum waiting waiting;
	int64_t wait_s;			/* left of a back-off */
	char folder[256];		/* as the server named it */
	/* of a list of accounts; total 0: there is none */
	unsigned accounts_total, accounts_done, accounts_failed, accounts_running, accounts_waiting;
};

void meter_read(struct meter *m, struct progress_all *p, int64_t now_ms, struct view *ret);
/* Two lines of at most `width` columns, without line ends: numbers; folder and what it waits for.
 * Fields that find no room are left out, the least important first. */
void view_numbers(const struct view *v, size_t width, struct buf *out);
void view_place(const struct view *v, size_t width, struct buf *out);
/* One JSON object for programs, with a line end. */
void view_json(const struct view *v, bool done, struct buf *out);

#endif
