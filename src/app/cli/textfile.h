/* A text file that somebody else wrote and that may hold passwords: read at once into memory that
 * never moves, made UTF-8, and wiped. */
#ifndef APP_CLI_TEXTFILE_H
#define APP_CLI_TEXTFILE_H

#include "base/err.h"
#include "base/slice.h"

enum { TEXTFILE_MAX = 64 * 1024 * 1024 };

struct textfile {
	char *data;	/* NUL-terminated; no octet before that is NUL. Owned, may be written to */
	size_t len, size;
};

/* codepage 0: UTF-8 if it is valid, else Windows-1252 if no line is UTF-8 with letters beyond ASCII; another: the text is in that one, unless it
 * begins with the mark of UTF-8 or UTF-16. ERR_NO_INPUT, ERR_DISK; ERR_MALFORMED: over `max` octets
 * (at most TEXTFILE_MAX), NUL, lines of two kinds, or not UTF-8 or UTF-16 where the mark or 65001 says so; ERR_USAGE: no
 * such code page.
 * Pipes may be read too. */
int textfile_read(struct textfile *ret, const char *path, size_t max, unsigned codepage,
    struct err *err) WARN_UNUSED;
/* Makes UTF-8 of text that is there; on failure it is wiped. `name` is for errors. */
int textfile_of(struct textfile *ret, struct slice text, const char *name, unsigned codepage,
    struct err *err) WARN_UNUSED;
void textfile_done(struct textfile *t);

#endif
