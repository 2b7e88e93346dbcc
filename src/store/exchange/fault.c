/* See fault.h. */
#include "store/exchange/fault.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct exfault
exfault_in_line(struct slice file, uint64_t line, uint64_t column, uint64_t at)
{
	struct exfault f = { .event = EV_EX_LINE, .line = line, .column = column, .at = at };

	snprintf(f.file, sizeof f.file, "%.*s", SLICE_ARG(file));
	return f;
}

struct exfault
exfault_at(struct slice file, uint64_t at)
{
	return exfault_in_line(file, 0, 0, at);
}

void
exfault_set(struct exfault *f, enum event_no event, const char *fmt, ...)
{
	va_list ap;

	if (f->line == 0)
		snprintf(f->text, sizeof f->text, "%s at octet %" PRIu64 ": ", f->file, f->at);
	else if (f->column == 0)
		snprintf(f->text, sizeof f->text, "%s line %" PRIu64 ": ", f->file, f->line);
	else
		snprintf(f->text, sizeof f->text, "%s line %" PRIu64 ", column %" PRIu64 ": ",
		    f->file, f->line, f->column);
	size_t len = strlen(f->text);

	va_start(ap, fmt);
	vsnprintf(f->text + len, sizeof f->text - len, fmt, ap);
	va_end(ap);
	f->event = event;
}
