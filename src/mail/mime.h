/* GMime, begun once for the whole program, and what our uses of it share. */
#ifndef MAIL_MIME_H
#define MAIL_MIME_H

#include <gmime/gmime.h>

#include "base/arena.h"

/* Tables of the library, and options for mail as it is: encoded words and parameters in wrong
 * places are decoded, 8-bit text without a charset is UTF-8 where it can be, else Latin-1. Any
 * thread, any number of times; the result lives as long as the program. */
GMimeParserOptions *mime_options(void);
/* One line of valid UTF-8 of at most `max` octets, control characters made blanks, in the arena; ""
 * when the arena is full. */
const char *mime_line(const char *text, size_t max, struct arena *a);

#endif
