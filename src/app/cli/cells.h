/* Columns on a terminal: how wide UTF-8 text is (wcwidth), and how much of it fits. The text is
 * valid UTF-8 without control characters (text_visible made it so); anything else counts one column
 * an octet. */
#ifndef APP_CLI_CELLS_H
#define APP_CLI_CELLS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"

/* Once at the start: the locale's characters, for wcwidth. True: the terminal takes UTF-8. */
bool cells_locale(void);
size_t cells_width(struct slice text);
/* The longest beginning that is at most `width` wide and ends between characters (marks stay with
 * theirs). */
struct slice cells_fit(struct slice text, size_t width);
/* The same, cut behind the last blank when the text goes on; at least one character. */
struct slice cells_line(struct slice text, size_t width);
/* Exactly `width` columns: filled with blanks, or cut with "~" as the last one. */
void cells_column(struct slice text, size_t width, struct buf *out);
/* For terminals without UTF-8: every other character becomes "?". */
void cells_ascii(struct buf *text);

#endif
