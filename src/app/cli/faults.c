#include "app/cli/faults.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/event.h"

enum { FAULT_LINE_MAX = 1024 };

void
faults_init(struct faults *f)
{
	*f = (struct faults){ 0 };
	buf_init(&f->text, (size_t)FAULTS_TOLD_MAX * FAULT_LINE_MAX);
}

void
faults_done(struct faults *f)
{
	buf_done(&f->text);
	f->count = 0;
}

void
faults_add(struct faults *f, const char *file, unsigned line, const char *fmt, ...)
{
	char text[FAULT_LINE_MAX / 2], at[16] = "";
	struct buf shown;
	va_list ap;

	if (f->count++ >= FAULTS_TOLD_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (line > 0)
		snprintf(at, sizeof(at), ":%u", line);
	/* What the file says is made visible: it may hold what a terminal obeys. */
	buf_init(&shown, FAULT_LINE_MAX);
	text_visible(slice_str(file), &shown);
	buf_printf(&shown, "%s: ", at);
	text_visible(slice_str(text), &shown);
	buf_add(&f->text, shown.data, shown.len);
	buf_add_byte(&f->text, '\n');
	buf_done(&shown);
}

int
faults_end(const struct faults *f, struct err *err)
{
	if (f->count == 0)
		return 0;
	if (f->count == 1)
		return err_set(err, ERR_MALFORMED, "%.*s", (int)f->text.len - 1, f->text.data);
	fputs(f->text.data, stderr);
	if (f->count > FAULTS_TOLD_MAX)
		return err_set(err, ERR_MALFORMED,
		    "%zu faults, of which the first %d are told; nothing was contacted", f->count,
		    FAULTS_TOLD_MAX);
	return err_set(err, ERR_MALFORMED, "%zu faults; nothing was contacted", f->count);
}
