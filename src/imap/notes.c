#include "imap/notes.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NOTES_ARENA = 8 * 1024 * 1024 };

void
notes_init(struct notes *n)
{
	n->len = 0;
	n->dropped = 0;
	n->in_clear = false;
	arena_init(&n->arena, NOTES_ARENA);
}

void
notes_done(struct notes *n)
{
	arena_done(&n->arena);
}

void
notes_clear(struct notes *n)
{
	n->len = 0;
	n->dropped = 0;
	arena_reset(&n->arena);
}

void
notes_add(struct notes *n, const struct event *e, bool standing, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	if (n->len == NOTES_MAX) {
		n->dropped++;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	struct note *note = &n->note[n->len];

	note->event = *e;
	note->standing = standing;
	note->text = arena_copy(&n->arena, slice_str(text));
	if (e->folder != NULL)
		note->event.folder = arena_copy(&n->arena, slice_str(e->folder));
	if (e->command != NULL)
		note->event.command = arena_copy(&n->arena, slice_str(e->command));
	if (e->reply.data != NULL)
		note->event.reply.data = arena_copy(&n->arena, e->reply);
	if (note->event.reply.data == NULL)
		note->event.reply.len = 0;
	if (note->text == NULL)
		n->dropped++;
	else
		n->len++;
}

void
notes_move(struct notes *to, struct notes *from, const char *folder)
{
	for (size_t i = 0; i < from->len; i++) {
		struct note *n = &from->note[i];

		if (n->event.folder == NULL)
			n->event.folder = folder;
		notes_add(to, &n->event, n->standing, "%s", n->text);
	}
	to->in_clear |= from->in_clear;
	notes_clear(from);
}
