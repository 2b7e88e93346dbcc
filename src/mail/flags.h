/* Message flags (RFC 3501 2.3.2) and keywords. */
#ifndef MAIL_FLAGS_H
#define MAIL_FLAGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"

enum {
	FLAG_ANSWERED = 1, FLAG_DELETED = 2, FLAG_DRAFT = 4, FLAG_FLAGGED = 8, FLAG_SEEN = 16,
	FLAG_RECENT = 32,	/* of the session, never stored */
	FLAGS_STORED = 31
};

struct flags {
	uint8_t system;		/* FLAG_*; FLAG_RECENT is not part of equality */
	const char *keywords;	/* sorted bytewise, unique, one blank between, "" for none; unknown backslash
				 * flags are kept here with their backslash; a blank or control octet inside a
				 * keyword is written %20. Borrowed (an arena's) */
	const char *labels;	/* of Gmail (X-GM-LABELS), as on the wire, sorted bytewise, unique, an LF between;
				 * "" for none, NULL: not told. Borrowed */
};

/* Collects the flags of one FETCH answer. */
struct flag_set {
	uint8_t system;
	size_t len, cap;
	struct slice *keyword;	/* into the arena */
	struct arena *arena;
};

void flag_set_init(struct flag_set *f, struct arena *a);
bool flag_set_add(struct flag_set *f, struct slice name);	/* "\\Seen", "$Forwarded"; false: arena limit */
bool flag_set_end(struct flag_set *f, struct flags *ret);
/* One label after another is added, then their text is made; false: arena limit. */
bool label_set_add(struct flag_set *f, struct slice name);
bool label_set_end(struct flag_set *f, const char **ret);
/* The next one of flags.labels; false: none is left. */
bool label_next(const char **at, struct slice *ret);
bool label_in(const char *labels, struct slice label);
/* Is it what a folder with that name or use is called as a label? A message has it by being in that folder. */
bool label_is_folder(struct slice label, struct slice name, const char *special_use);
/* May a copy be given it? Of those of Gmail's own some would take the message out of its folders, and one is a flag. */
bool label_is_given(struct slice label);
/* Labels that are not told of one of them make no difference. */
bool flags_equal(const struct flags *a, const struct flags *b);
/* "\\Answered \\Seen $Forwarded" for people and for STORE; without \Recent. */
void flags_text(const struct flags *f, struct buf *out);
/* Maildir letters DFRST for the system flags, in ASCII order. */
void flags_maildir(uint8_t system, char ret[8]);

#endif
