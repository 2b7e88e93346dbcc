/* Text on its way to a file or to standard output: collected, written in pieces, the first error
 * kept, so that whoever prints need not look after each line. */
#ifndef APP_CLI_OUT_H
#define APP_CLI_OUT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/human.h"
#include "base/slice.h"

struct out {
	int fd;
	struct buf buf;		/* base/json.h may write into it: call out_check now and then */
	struct buf shown;	/* scratch of out_visible */
	struct err err;		/* ERR_NONE while all is well */
};

void out_open(struct out *o, int fd);
/* Write the rest and free the memory; the descriptor stays open. -1: the first error, also of what
 * came before. */
int out_close(struct out *o, struct err *err) WARN_UNUSED;
void out_str(struct out *o, const char *text);
void out_printf(struct out *o, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Write what has been collected but for its last byte, to which JSON's commas look. */
void out_drain(struct out *o);
/* The same when a piece has come together that is worth a write. */
void out_check(struct out *o);

/* Text that came from a server or a file: control characters made visible. NULL is "". */
void out_visible(struct out *o, const char *text);
/* The same in exactly `width` columns, filled with blanks or cut with "~" at the end. */
void out_column(struct out *o, const char *text, size_t width);
/* The same wrapped at 79 columns behind `indent` blanks; the first line goes on where it is, at
 * column `at`. Ends the line. */
void out_wrapped(struct out *o, const char *text, size_t at, size_t indent);

#endif
