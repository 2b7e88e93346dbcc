/* What the source tells of itself. A form that is refused is told only when it is known whether
 * another one works in its place: that makes it a warning or an error. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/from_imap/source_imap.h"

void
source_note(struct source *s, enum event_no no, enum event_level level, uint32_t uid,
    const char *reply, bool standing, const char *text)
{
	struct event e = {
		.no = no, .level = level, .folder = s->folder, .uid = uid, .reply = slice_str(reply)
	};

	if (reply == NULL)
		e.reply = (struct slice){ 0 };
	notes_add(&s->notes, &e, standing, "%s", text);
}

void
source_note_status(struct source *s)
{
	const struct event e = {
		.no = EV_COUNT_DIFFERS, .level = LEVEL_WARNING, .folder = s->folder, .passing = true
	};

	notes_add(&s->notes, &e, true,
	    "STATUS counts more messages than the open folder shows: some were removed meanwhile, or are hidden");
}

void
source_refusal(struct source *s, uint32_t uid, const char *command, const char *reply)
{
	if (s->n_refusals == REFUSALS_MAX)
		return;
	s->refusal[s->n_refusals++] = (struct refusal){ .command = mem_copy_str(command),
		.reply = mem_copy_str(reply),
		.reply_bytes = s->s->reply_octets,
		.folder = mem_copy_str(s->folder),
		.uid = uid };
}

void
source_recovered(struct source *s, enum form by)
{
	char text[160];

	snprintf(text, sizeof(text),
	    "the server refuses this form; %s works and is used instead, for all messages",
	    form_sliced(by) ? "one slice after the other" : form_items(by));
	for (size_t i = 0; i < s->n_refusals; i++) {
		struct refusal *r = &s->refusal[i];
		struct event e = { .no = EV_REFUSED,
			.level = LEVEL_WARNING,
			.folder = r->folder,
			.uid = r->uid,
			.command = r->command,
			.reply = slice_str(r->reply),
			.reply_bytes = r->reply_bytes };

		notes_add(&s->notes, &e, true, "%s", text);
		free(r->command);
		free(r->reply);
		free(r->folder);
	}
	s->n_refusals = 0;
}
