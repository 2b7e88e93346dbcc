/* Windows code pages (437, 850, 932, 1252, 10000, 65001 ...) to and from UTF-8, over iconv. One
 * object is for one thread. */
#ifndef MAIL_CODEPAGE_H
#define MAIL_CODEPAGE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct codepage;

/* ERR_USAGE for a number that this system cannot convert; the text says what is accepted. */
int codepage_open(struct codepage **ret, unsigned number, struct err *err) WARN_UNUSED;
void codepage_close(struct codepage **c);
unsigned codepage_number(const struct codepage *c);

struct codepage_lacks {
	uint64_t count;		/* characters that the code page lacks, written '?' */
	uint32_t first;		/* the first of them, 0: none */
};
/* UTF-8 (octets that are not UTF-8 count as lacking U+FFFD) appended to `out`; false: out is full.
 * *io_lacks is added to. Whole characters only: `text` must not end inside one. */
bool codepage_encode(
    struct codepage *c, struct slice text, struct buf *out, struct codepage_lacks *io_lacks);
/* Every octet gives something: one without a character gives U+0080..U+009F where Windows does,
 * else U+FFFD. 256 octets of a single-octet page come back by codepage_encode where each has a
 * character. */
bool codepage_decode(struct codepage *c, struct slice octets, struct buf *utf8);

#endif
