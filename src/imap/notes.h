/* What a session has to tell: events for the log and, some of them, standing warnings. It collects
 * them, and whoever drives the session takes them, so that logging and the state have one place. At
 * most NOTES_MAX are held; further ones are counted. */
#ifndef IMAP_NOTES_H
#define IMAP_NOTES_H

#include "base/arena.h"
#include "base/event.h"

enum { NOTES_MAX = 512 };

struct note {
	struct event event; /* account is filled in by the taker; texts live until notes_clear */
	const char *text;
	bool standing; /* keep as a warning in the state: exit code 1 */
};

struct notes {
	struct note note[NOTES_MAX];
	size_t len;
	uint64_t dropped;
	bool in_clear; /* a session went on without TLS, as the user lets it; notes_clear keeps it */
	struct arena arena;
};

void notes_init(struct notes *n);
void notes_done(struct notes *n);
void notes_clear(struct notes *n);
/* Texts of `e` are copied. */
void notes_add(struct notes *n, const struct event *e, bool standing, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* `from` goes behind `to`; those of no folder get this one (NULL: none). */
void notes_move(struct notes *to, struct notes *from, const char *folder);

#endif
