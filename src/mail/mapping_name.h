/* Insides of mapping.h: one name at a time, without the others. Texts are UTF-8 with the octet
 * LEVEL_SEP, which no UTF-8 has, between levels. */
#ifndef MAIL_MAPPING_NAME_H
#define MAIL_MAPPING_NAME_H

#include "base/buf.h"
#include "mail/mapping.h"

#define LEVEL_SEP '\xff'

enum why_bit {
	WHY_DELIM = 1,
	WHY_FLAT = 2, /* levels joined, since the target has none */
	WHY_EQUALS = 4,
	WHY_CONTROL = 8,
	WHY_WILD = 16,
	WHY_BLANK = 32,
	WHY_EMPTY = 64,
	WHY_LONG = 128,
	WHY_TWIN = 256,
	WHY_RAW = 512 /* no modified UTF-7 */
};
enum { WHY_BITS = 10, WIRE_NAME_MAX = 8 * 1024 * 1024 };

/* The target as far as names need it; what makes no sense in it is left out. */
struct naming {
	char delim; /* 0: flat */
	struct slice prefix;
};

struct naming naming_of(const struct mapping_side *target);
/* Put "; " between the words of all bits; NULL: none, or no room in `a`. */
const char *why_words(unsigned why, struct arena *a);

/* The levels of a wire name, decoded; adds to *why. */
void text_of_wire(struct slice wire, char delim, struct buf *out, unsigned *why);
/* Next level of *text, taken off; *text gets data NULL behind the last. */
struct slice text_level(struct slice *text);
size_t text_depth(struct slice text);

/* `text` below `head`, wire octets that end where the first level goes on: escaped and in modified
 * UTF-7; flat: levels joined. Adds to *why. */
void name_add(struct slice text, char delim, struct buf *out, unsigned *why);
/* Delimiter, or what stands for it on a flat server. */
void name_add_delim(char delim, struct buf *out, unsigned *why);
/* Over MAPPED_NAME_MAX octets: cut, '~' and digits of the whole; modified UTF-7 stays valid. */
void name_cut(struct buf *name, unsigned *why);
/* Raw UTF-8 as modified UTF-7, in any case INBOX as INBOX: what two spellings of one name have in
 * common. Other octets stay. */
void name_common(struct slice wire, struct buf *out);

#endif
