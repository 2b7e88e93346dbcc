/* After each drawing the cursor stands at the first column of the first of our lines. When the
 * window is resized, a terminal that wraps lines anew keeps it at the start of that line and one
 * that does not leaves it alone: in both "clear from here to the end of the screen" wipes exactly
 * our lines. Saving the cursor, or counting wrapped rows, fails in one or the other. Lines are one
 * column short of the width, so that none ever wraps. */
#include "app/report/screen.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "app/cli/cells.h"
#include "app/report/meter.h"
#include "base/clock.h"
#include "base/mem.h"

enum { DRAW_MS = 200, JSON_MS = 1000, FIRST_MS = 300, SCREEN_TEXT_MAX = 16 * 1024 };

struct screen {
	pthread_mutex_t mutex;
	struct progress_all *progress;
	struct meter meter;
	bool json;
	bool utf8;
	bool drawn;		/* our lines are on the screen */
	int hidden;		/* how many asked for it */
	int64_t next_ms;	/* draw not before */
};

static bool
screen_is_terminal(void)
{
	const char *term = getenv("TERM");

	return isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb") != 0;
}

struct screen *
screen_open(enum progress_choice how, bool quiet, struct progress_all *p)
{
	struct screen *s;

	if (how == PROGRESS_NONE || (how == PROGRESS_AUTO && (quiet || !screen_is_terminal())))
		return NULL;
	s = mem_new(sizeof(*s));
	s->progress = p;
	s->json = how == PROGRESS_JSON;
	s->utf8 = cells_locale();
	s->next_ms = clock_mono_ms() + (s->json ? JSON_MS : FIRST_MS);
	pthread_mutex_init(&s->mutex, NULL);
	return s;
}

/* A terminal that cannot take it is no reason to stop: what cannot be written is dropped. */
static void
screen_put(struct buf *text)
{
	ssize_t n = 0;

	for (size_t at = 0; at < text->len && n >= 0; at += (size_t)n)
		n = write(STDERR_FILENO, text->data + at, text->len - at);
}

static size_t
screen_width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return 80;
	return size.ws_col;
}

static void
screen_draw(struct screen *s)
{
	size_t width = screen_width() - 1;
	struct buf line, text;
	struct view v;

	meter_read(&s->meter, s->progress, clock_mono_ms(), &v);
	buf_init(&line, SCREEN_TEXT_MAX);
	buf_init(&text, SCREEN_TEXT_MAX);
	view_numbers(&v, width, &line);
	buf_printf(&text, "\r\033[J%s\r\n", line.data ? line.data : "");
	buf_reset(&line);
	view_place(&v, width, &line);
	if (!s->utf8)
		cells_ascii(&line);
	buf_printf(&text, "%s\r\033[A", line.data ? line.data : "");
	screen_put(&text);
	s->drawn = true;
	buf_done(&line);
	buf_done(&text);
}

static void
screen_json(struct screen *s, bool done)
{
	struct buf text;
	struct view v;

	meter_read(&s->meter, s->progress, clock_mono_ms(), &v);
	buf_init(&text, SCREEN_TEXT_MAX);
	view_json(&v, done, &text);
	screen_put(&text);
	buf_done(&text);
}

static void
screen_wipe(struct screen *s)
{
	static char wipe[] = "\r\033[J";

	if (s->drawn)
		screen_put(&(struct buf){ .data = wipe, .len = sizeof(wipe) - 1 });
	s->drawn = false;
}

void
screen_close(struct screen **s)
{
	if (!*s)
		return;
	if ((*s)->json)
		screen_json(*s, true);
	else
		screen_wipe(*s);
	pthread_mutex_destroy(&(*s)->mutex);
	free(*s);
	*s = NULL;
}

int
screen_period_ms(const struct screen *s)
{
	return s && !s->json ? DRAW_MS : JSON_MS;
}

void
screen_tick(struct screen *s, bool now)
{
	int64_t clock = clock_mono_ms();

	if (!s)
		return;
	pthread_mutex_lock(&s->mutex);
	if (s->hidden == 0 && (clock >= s->next_ms || (now && s->drawn))) {
		s->next_ms = clock + (s->json ? JSON_MS : DRAW_MS) - 10;
		if (s->json)
			screen_json(s, false);
		else
			screen_draw(s);
	}
	pthread_mutex_unlock(&s->mutex);
}

void
screen_hide(void *screen)
{
	struct screen *s = screen;

	if (!s)
		return;
	pthread_mutex_lock(&s->mutex);
	s->hidden++;
	screen_wipe(s);
	pthread_mutex_unlock(&s->mutex);
}

void
screen_show(void *screen)
{
	struct screen *s = screen;

	if (!s)
		return;
	pthread_mutex_lock(&s->mutex);
	s->hidden--;
	pthread_mutex_unlock(&s->mutex);
}

void
screen_say(struct screen *s, const char *line)
{
	screen_hide(s);
	fprintf(stderr, "%s\n", line);
	screen_show(s);
}
