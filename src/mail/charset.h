/* Text in the charsets of mail to UTF-8, piece by piece. What a message calls its charset is never
 * trusted: names are looked up in a table (charsets.def), never handed to iconv, and every octet
 * gives something. The UTF-8 that comes out is valid. One converter at a time in a thread. */
#ifndef MAIL_CHARSET_H
#define MAIL_CHARSET_H

#include "base/buf.h"

enum charset_kind {
	CHARSET_UTF8, /* octets that are not UTF-8 give U+FFFD */
	CHARSET_MIXED, /* none, ASCII or unknown: UTF-8 where it is valid, else windows-1252 */
	CHARSET_WINDOWS, /* windows-1252, also for ISO 8859-1 */
	CHARSET_ICONV
};

enum { CHARSET_HELD = 16 };

struct charset {
	enum charset_kind kind;
	void *converter; /* the thread's own, kept for its next text */
	unsigned char held[CHARSET_HELD]; /* the beginning of a character */
	size_t n_held;
};

/* Any name; false: it is not known, and taken as CHARSET_MIXED. */
bool charset_start(struct charset *c, struct slice name);
/* `out` is bounded by its maximum: what does not fit is lost (out->full). 4 octets for each one of
 * `in`, and 64, are enough. */
void charset_step(struct charset *c, struct slice in, struct buf *out);
void charset_end(struct charset *c, struct buf *out); /* a character cut by the end is U+FFFD */
void charset_once(struct slice name, struct slice in, struct buf *out);

/* An iconv_t; (iconv_t)-1: this system has no such table. Names are ours, never a peer's. */
void *charset_iconv(const char *to, const char *from);

/* Is it ASCII without NUL? Eight octets at a time. */
size_t ascii_run(struct slice text); /* octets before the first that is not ASCII */
bool utf8_put(struct buf *out, uint32_t c); /* what is no character: U+FFFD */

#endif
