/* See shelf_wire.h. Taking back the quoting: of ">>>From " any one '>' may go, so the last is held
 * back instead of the first, and the memory of it is one octet however long the row of '>' is. */
#include "store/shelf/shelf_wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "mail/eol.h"

enum { WIRE_BLOCK = 64 * 1024, WIRE_HELD = 8 };

static const char wire_from[] = "From ";

void
wire_init(struct wire *w)
{
	*w = (struct wire){ .in = mem_resize(NULL, WIRE_BLOCK, 1),
		.mid = mem_resize(NULL, WIRE_BLOCK + WIRE_HELD, 1),
		.out = mem_resize(NULL, WIRE_BLOCK + WIRE_HELD, 2) };
}

void
wire_done(struct wire *w)
{
	free(w->in);
	free(w->mid);
	free(w->out);
	w->in = w->mid = w->out = NULL;
}

void
wire_start(struct wire *w, const struct wire_run *run)
{
	w->run = *run;
	w->start = run->at;
	w->line_start = true;
	w->held = false;
	w->matched = 0;
	w->told = run->form != WIRE_TOLD;
	w->watch = w->cr = w->lone = w->paired = false;
}

bool
wire_mixed(const struct wire *w)
{
	return w->lone && w->paired;
}

const char *
wire_words(const struct wire *w)
{
	return w->run.form == WIRE_AS_IS ? "every octet is kept as it is"
					 : "the lone LFs were made CRLF";
}

/* ---- reading ---- */

static int
wire_fill(struct wire *w, size_t *ret_len, struct err *err)
{
	uint64_t hole = w->start + w->run.hole_at, left;
	ssize_t n;

	if (w->run.hole_len > 0 && w->run.at == hole) {
		w->run.at = w->run.hole_len < w->run.end - w->run.at ? w->run.at + w->run.hole_len
								     : w->run.end;
		w->run.hole_len = 0;
	}
	left = w->run.end - w->run.at;
	if (w->run.hole_len > 0 && w->run.at < hole && hole - w->run.at < left)
		left = hole - w->run.at;
	*ret_len = 0;
	if (left == 0)
		return 0;
	do
		n = pread(w->run.fd, w->in, left < WIRE_BLOCK ? (size_t)left : WIRE_BLOCK,
		    (off_t)w->run.at);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_set_sys(
		    err, ERR_MESSAGE, "read at octet %llu", (unsigned long long)w->run.at);
	if (n == 0)
		return err_set(err, ERR_MESSAGE,
		    "the file became shorter: nothing at octet %llu, it went up to %llu",
		    (unsigned long long)w->run.at, (unsigned long long)w->run.end);
	w->run.at += (uint64_t)n;
	*ret_len = (size_t)n;
	return 0;
}

/* ---- quoting ---- */

/* What is held is no quoted "From ", or the message ends: give it. */
static char *
quote_give(struct wire *w, char *to)
{
	if (w->held)
		*to++ = '>';
	memcpy(to, wire_from, w->matched);
	to += w->matched;
	w->held = false;
	w->matched = 0;
	return to;
}

/* One octet at the start of a line or behind a held '>'. */
static char *
quote_step(struct wire *w, char c, char *to)
{
	if (c == '>' && w->matched == 0) {
		if (w->held)
			*to++ = '>';
		w->held = true;
		return to;
	}
	if (w->held && c == wire_from[w->matched]) {
		if (++w->matched == sizeof wire_from - 1) {
			w->held = false;
			to = quote_give(w, to);
			w->line_start = false;
		}
		return to;
	}
	to = quote_give(w, to);
	*to++ = c;
	w->line_start = c == '\n';
	return to;
}

static size_t
quote_undo(struct wire *w, struct slice in, char *out)
{
	const char *p = in.data, *end = in.data + in.len;
	char *to = out;

	while (p < end) {
		if (w->line_start) {
			to = quote_step(w, *p++, to);
			continue;
		}
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((lf != NULL ? lf + 1 : end) - p);
		memcpy(to, p, n);
		to += n;
		p += n;
		w->line_start = lf != NULL;
	}
	return (size_t)(to - out);
}

/* ---- line ends ---- */

static void
ends_tell(struct wire *w, struct slice in)
{
	const char *lf = memchr(in.data, '\n', in.len);

	if (lf == NULL)
		return;
	bool cr = lf > in.data ? lf[-1] == '\r' : w->cr;
	w->told = true;
	w->watch = cr;
	w->run.form = cr ? WIRE_AS_IS : WIRE_TOLD;
}

/* Nothing is changed; is there a lone LF among the CRLFs? */
static void
ends_watch(struct wire *w, struct slice in)
{
	const char *p = in.data, *end = in.data + in.len, *lf;

	while (!w->lone && (lf = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		bool cr = lf > in.data ? lf[-1] == '\r' : w->cr;

		w->paired = w->paired || cr;
		w->lone = w->lone || !cr;
		p = lf + 1;
	}
	w->cr = in.data[in.len - 1] == '\r';
}

/* Lone LFs become CRLF. */
static size_t
ends_widen(struct wire *w, struct slice in, char *out)
{
	const char *p = in.data, *end = in.data + in.len;
	char *to = out;

	while (p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((lf != NULL ? lf : end) - p);

		if (n > 0) {
			memcpy(to, p, n);
			to += n;
			w->cr = p[n - 1] == '\r';
		}
		p += n;
		if (lf == NULL)
			break;
		if (w->cr)
			w->paired = true;
		else
			w->lone = true;
		if (!w->cr)
			*to++ = '\r';
		*to++ = '\n';
		w->cr = false;
		p++;
	}
	return (size_t)(to - out);
}

static struct slice
wire_ends(struct wire *w, struct slice in)
{
	if (!w->told && in.len > 0)
		ends_tell(w, in);
	if (w->watch && in.len > 0)
		ends_watch(w, in);
	if (w->run.form == WIRE_AS_IS || in.len == 0)
		return in;
	if (!w->told) { /* no line end yet */
		w->cr = in.data[in.len - 1] == '\r';
		return in;
	}
	size_t n = w->run.form == WIRE_LF ? eol_lf_to_crlf(in, w->out) : ends_widen(w, in, w->out);
	return (struct slice){ w->out, n };
}

int
wire_read(struct wire *w, struct slice *ret, struct err *err)
{
	struct slice part;

	do {
		size_t n;

		if (wire_fill(w, &n, err) < 0)
			return -1;
		part = (struct slice){ w->in, n };
		if (w->run.unquote && n > 0)
			part = (struct slice){ w->mid, quote_undo(w, part, w->mid) };
		else if (w->run.unquote)
			part = (struct slice){ w->mid, (size_t)(quote_give(w, w->mid) - w->mid) };
		if (n == 0 && part.len == 0)
			break;
	} while (part.len == 0);
	*ret = wire_ends(w, part);
	return 0;
}
