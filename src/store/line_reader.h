/* Lines of a file that anybody may have written: read by blocks, numbered, each with a maximum. */
#ifndef STORE_LINE_READER_H
#define STORE_LINE_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

struct line_reader {
	int fd; /* borrowed */
	char *data;
	size_t len, done, cap, max;
	uint64_t at; /* octet of data[0] in the file */
	uint64_t number; /* of the last line given; from 1 */
	bool end, skipping;
};

enum line_step { LINE_ERR = -1, LINE_END, LINE_WHOLE, LINE_LONG, LINE_TORN };

void line_reader_init(struct line_reader *r, int fd, size_t max_bytes);
void line_reader_done(struct line_reader *r);
/* LINE_WHOLE: *ret is it without LF, *ret_at its octet. LINE_LONG: it is longer than the maximum
 * and was passed over. LINE_TORN: the last one, without LF. Borrowed until the next call.
 * ERR_FOLDER. */
enum line_step
line_next(struct line_reader *r, struct slice *ret, uint64_t *ret_at, struct err *err) WARN_UNUSED;

#endif
