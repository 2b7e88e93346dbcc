/* What a format cannot hold, counted while messages are stored: header fields and flags without a
 * column, characters that the code page lacks, names that had to be made up. Counts live in the
 * folder's mark, so that they are committed with the rows they speak of and a resumed run tells the
 * same numbers as an undisturbed one. */
#ifndef STORE_LOSS_H
#define STORE_LOSS_H

#include "base/buf.h"
#include "base/slice.h"

enum loss_kind {
	LOSS_HEADER,		/* a header field has no column; name: the field's */
	LOSS_FLAG,		/* a system flag has no column; name: "\\Answered" */
	LOSS_KEYWORD,		/* a keyword has no column */
	LOSS_CHARACTER,		/* the code page lacks it; name: "U+20AC in Subject" */
	LOSS_HTML,		/* the body was HTML: its text is the body, itself an attachment */
	LOSS_NAME,		/* an attachment without a name got one; name: the first */
	LOSS_DATE,		/* a date that 14 digits cannot tell, left empty */
	LOSS_FOLDER,		/* a folder name had to be changed; name: what it became */
	LOSS_PART,		/* a MIME part could not be decoded; it is there as it came */
	LOSS_UNSENT,		/* unsent because it lies in the Drafts folder, not by its flag */
	LOSS_KINDS
};

enum { LOSS_NAMES_MAX = 24, LOSS_NAME_MAX = 48 };

/* One name of a kind. The last of a kind has an empty name and counts names beyond LOSS_NAMES_MAX,
 * and those of kinds that have none: its `messages` may count one message for each such name. */
struct loss {
	enum loss_kind kind;
	char name[LOSS_NAME_MAX];	/* printable ASCII, cut */
	uint64_t messages;	/* that had it */
	uint64_t times;		/* characters: how many in all; else as messages */
	uint32_t first_uid;
};

/* In the order of the kinds, within a kind in the order of arrival; at most LOSS_KINDS *
 * (LOSS_NAMES_MAX + 1). All zeros is an empty book. */
struct loss_book {
	struct loss *loss;
	size_t len, cap;
};

void loss_init(struct loss_book *b);
void loss_done(struct loss_book *b);
/* `name` may hold any octets; empty: the kind has no names. Told once per message and name by the
 * caller. */
void loss_add(struct loss_book *b, enum loss_kind kind, struct slice name, uint32_t uid,
    uint64_t times);
/* What another book counts, as if it had been told to this one. */
void loss_merge(struct loss_book *b, const struct loss_book *more);
/* As one line without blanks at the ends, for a mark, and back; false: not such a line, and the
 * book is as it was. An empty book is an empty line. */
void loss_text(const struct loss_book *b, struct buf *out);
bool loss_read(struct loss_book *b, struct slice text);
/* A sentence for people on everything of one kind: "at least 12 messages have header fields that
 * exchange files have no column for: Message-ID (12), Received (11), others (3)"; empty: nothing of
 * that kind. The number of messages is the largest of one name, the least that is certain. */
void loss_words(const struct loss_book *b, enum loss_kind kind, struct buf *out);

#endif
