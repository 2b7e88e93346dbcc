/* Windows code pages (437, 850, 932, 1252, 10000, 65001 ...) to and from UTF-8, over iconv. One
 * object is for one thread.
 *
 * Accepted is what keeps the delimiters of text files: every octet below 0x80 is ASCII, and there
 * is no state from one character to the next. So UTF-16 (1200, 1201 "UNICODE"), UTF-32, UTF-7,
 * ISO-2022 and EBCDIC are refused, with the reason. Large texts go through in pieces: cut UTF-8
 * with codepage_whole_utf8, octets of the page with codepage_whole. */
#ifndef MAIL_CODEPAGE_H
#define MAIL_CODEPAGE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct codepage;

/* ERR_USAGE for a number that this system cannot convert or that cannot be used for text files; the
 * text says why and what is accepted. */
int codepage_open(struct codepage **ret, unsigned number, struct err *err) WARN_UNUSED;
void codepage_close(struct codepage **c);
unsigned codepage_number(const struct codepage *c);

/* Characters that the code page lacks, written '?', or as one that it has and that is much the same
 * (U+301C in 932 comes back as U+FF5E). */
struct codepage_lacks {
	uint64_t count;
	uint32_t first;		/* the first of them, 0: none */
};
/* UTF-8 (octets that are not UTF-8 count as lacking U+FFFD) appended to `out`; false: out is full.
 * *io_lacks is added to. Whole characters only: `text` must not end inside one. A character beyond
 * ASCII never becomes ASCII (glibc would turn a yen sign into a backslash in 932), it is lacking. */
bool codepage_encode(
    struct codepage *c, struct slice text, struct buf *out, struct codepage_lacks *io_lacks);
/* Every octet gives something: one without a character gives U+0080..U+009F where Windows does (of
 * 874, 932 and 125x), else U+FFFD. 256 octets of a single-octet page come back by codepage_encode
 * where each has a character; all of them do in 437, 850, 1252 and 10000. */
bool codepage_decode(struct codepage *c, struct slice octets, struct buf *utf8);

/* Octets from the start that end with a whole character, to be decoded while more are to come; at
 * most 3 octets are left over. At the end of the text all is decoded, whole or not. */
size_t codepage_whole(struct codepage *c, struct slice octets);
size_t codepage_whole_utf8(struct slice text);
/* One character at the start of `text` (not empty); octets that are not UTF-8 (overlong forms and
 * surrogates too) are U+FFFD of length 1. */
size_t utf8_char(struct slice text, uint32_t *ret);
/* Append a character up to U+10FFFF. */
bool utf8_add(struct buf *out, uint32_t c);

#endif
