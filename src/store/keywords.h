/* Keyword letters of one folder: the file dovecot-keywords ("0 $Forwarded"), letter 'a' + number
 * (rules.md 3.3). A letter in use is never given another keyword; new ones are given in the order
 * of first use. */
#ifndef STORE_KEYWORDS_H
#define STORE_KEYWORDS_H

#include "base/buf.h"
#include "base/err.h"

#define KEYWORDS_FILE "dovecot-keywords"
#define KEYWORDS_NEW "dovecot-keywords.imex-new"

enum { KEYWORD_LETTERS = 26 };

struct keywords {
	char *name[KEYWORD_LETTERS];	/* NULL: free, or lost below `used` */
	unsigned used;			/* letters from here on have never been given */
	struct buf text;		/* the file as it is to be */
	size_t saved;			/* as much of the text is in the file, or on its way */
};

/* What a batch has to write: the file must still be the first `before` octets of text. text.data
 * NULL: nothing. */
struct keywords_change {
	struct buf text;
	size_t before;
};

int keywords_load(struct keywords *k, int folder, struct err *err) WARN_UNUSED;
void keywords_done(struct keywords *k);
/* Bit n for the letter 'a' + n of each of the `list` (struct flags). `give`: new letters for those
 * without one. *ret_left is the first that has none, and none can be given; empty otherwise. */
uint32_t keywords_letters(struct keywords *k, const char *list, bool give, struct slice *ret_left);
/* Taken by the batch that is sealed; zeroed when nothing changed since the last. */
void keywords_take(struct keywords *k, struct keywords_change *ret);

/* Make the change durable under its name. ERR_BUSY when another program changed the file meanwhile:
 * its letters may be ours. Frees nothing. */
int keywords_write(const struct keywords_change *c, int folder, struct err *err) WARN_UNUSED;

#endif
