/* Capabilities that imex makes use of, and the protocol level that follows from them
 * (docs/quirks.md 3.1). */
#ifndef IMAP_CAPS_H
#define IMAP_CAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

enum cap {
#define CAP(name, word, use) CAP_##name,
#include "imap/caps.def"
#undef CAP
	CAPS
};

/* From the newest to the oldest. IMAP2bis: CAPABILITY is not known; IMAP2: FIND ALL.MAILBOXES neither;
 * the oldest: nor FIND MAILBOXES, there is INBOX alone. */
enum level { LEVEL_UNKNOWN, LEVEL_IMAP4REV2, LEVEL_IMAP4REV1, LEVEL_IMAP4, LEVEL_IMAP2BIS,
	LEVEL_IMAP2, LEVEL_IMAP2_FIRST };

struct caps {
	uint64_t have; /* bit per enum cap */
	bool known; /* some CAPABILITY was seen */
	struct buf text; /* all words as sent, a blank between; at most 8 KiB */
};

void caps_init(struct caps *c);
void caps_done(struct caps *c);
void caps_clear(struct caps *c);
void caps_add(struct caps *c, struct slice word);
void caps_add_text(struct caps *c, struct slice words); /* the argument of a [CAPABILITY] code */
/* What stands behind "RIGHTS=", "APPENDLIMIT=" ...; data NULL: no such word. Borrowed. */
struct slice caps_value(const struct caps *c, const char *prefix);
/* Named, or part of IMAP4rev2 where the server speaks that alone. */
bool caps_has(const struct caps *c, enum cap which);
enum level caps_level(const struct caps *c);
const char *level_name(enum level l);
bool level_has_uids(enum level l);
/* Known words that are there and in use, or that would help and are missing; a blank between. */
void caps_useful(const struct caps *c, bool present, struct buf *out);

#endif
