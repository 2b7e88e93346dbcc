/* The progress display: two lines at the foot of a terminal, redrawn in place, or a JSON line a
 * second. It shares standard error with the event lines, which hide it while they print. */
#ifndef APP_REPORT_SCREEN_H
#define APP_REPORT_SCREEN_H

#include "app/cli/options.h"
#include "engine/progress.h"

struct screen;

/* NULL: nothing is to be shown (no terminal, --progress=none, --quiet). */
struct screen *screen_open(enum progress_choice how, bool quiet, struct progress_all *p);
/* The last JSON line, or the display wiped away. */
void screen_close(struct screen **s);
/* Draw when it is time to. NULL: nothing, also in the calls below. */
void screen_tick(struct screen *s, bool now);
int screen_period_ms(const struct screen *s);	/* between ticks */
/* Around lines of others, from any thread; they nest. The argument is a struct screen
 * (evlog_set_screen). */
void screen_hide(void *screen);
void screen_show(void *screen);
/* One line of ours to standard error. */
void screen_say(struct screen *s, const char *line);

#endif
