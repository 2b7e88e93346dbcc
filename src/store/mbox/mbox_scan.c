/* See mbox_scan.h. The scanner looks at whole lines only where something can be in them: in
 * headers, and in bodies at lines that begin with 'F', '>' or are blank; of each it keeps the first
 * LINE_KEEP octets. All others are passed over by memchr. */
#include "store/mbox/mbox_scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/mbox/mbox_from.h"
#include "store/shelf.h"

enum { SCAN_BLOCK = 256 * 1024, LINE_KEEP = 1024 };

static const char internal_subject[] = "DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA";

struct scanner {
	struct mbox_scan *out;
	int fd;
	uint64_t from, size;
	/* the line */
	char line[LINE_KEEP];
	size_t kept;
	uint64_t line_at;
	bool starting, keeping;
	/* before it */
	bool prev_blank;
	uint64_t blank_at;
	/* the message: out->entry[len - 1] */
	bool in_message, in_header, internal;
	uint64_t header_blank_at;
	bool cl_seen, cl_leads, cl_trusted;
	uint64_t cl, cl_end;
	uint64_t cl_good, cl_bad, cl_none, inner, quoted, requoted;
	/* a From_ line without a date, until the next line tells */
	bool pending, pending_after_blank;
	uint64_t pending_at, pending_blank_at;
	uint32_t pending_len;
};

/* ---- messages ---- */

/* Is octet `at` where a message starts, or the end? One blank line may stand before. */
static bool
scan_leads(const struct scanner *s, uint64_t at)
{
	char text[8];
	ssize_t n;

	if (at > s->size)
		return false;
	do
		n = pread(s->fd, text, sizeof text, (off_t)at);
	while (n < 0 && errno == EINTR);
	struct slice t = { text, n > 0 ? (size_t)n : 0 };
	if (t.len > s->size - at)
		t.len = (size_t)(s->size - at);
	if (t.len > 0 && t.data[0] == '\r') {
		t.data++;
		t.len--;
	}
	if (t.len > 0 && t.data[0] == '\n') {
		t.data++;
		t.len--;
	}
	return t.len == 0 || (t.len >= 5 && memcmp(t.data, "From ", 5) == 0);
}

static bool
scan_at_length(const struct scanner *s, uint64_t at)
{
	return s->cl_leads && at >= s->cl_end && at - s->cl_end <= 2;
}

/* The message ends before the start (or end of file) at `next`. */
static void
scan_end_message(struct scanner *s, uint64_t next, bool after_blank, uint64_t blank_at)
{
	struct mbox_scan *out = s->out;

	if (!s->in_message)
		return;
	struct mbox_entry *e = &out->entry[out->len - 1];
	e->end = after_blank && blank_at != s->header_blank_at ? blank_at : next;
	if (scan_at_length(s, next)) {
		e->end = s->cl_end;
		s->cl_good++;
	} else if (s->cl_seen) {
		s->cl_bad++;
	} else {
		s->cl_none++;
	}
	if (e->end < e->at + e->from_len)
		e->end = e->at + e->from_len;
	if (s->internal) {
		out->internal++;
		out->len--;
	}
}

static int
scan_start(struct scanner *s, uint64_t at, uint32_t from_len, bool after_blank, uint64_t blank_at,
    struct err *err)
{
	struct mbox_scan *out = s->out;

	scan_end_message(s, at, after_blank, blank_at);
	if (!s->in_message && out->junk > 0)
		out->junk = at - out->junk_at;
	if (out->len >= SHELF_MESSAGES_MAX)
		return err_set(err, ERR_FOLDER, "it has more than %d messages", SHELF_MESSAGES_MAX);
	if (out->len == out->cap) {
		out->cap = out->cap > 0 ? 2 * out->cap : 64;
		out->entry = mem_resize(out->entry, out->cap, sizeof *out->entry);
	}
	out->entry[out->len++] = (struct mbox_entry){ .at = at, .from_len = from_len };
	s->in_message = s->in_header = true;
	s->internal = s->cl_seen = s->cl_leads = s->cl_trusted = false;
	s->header_blank_at = UINT64_MAX;
	s->prev_blank = false;
	return 0;
}

/* ---- lines ---- */

static bool
line_is_blank(struct slice line)
{
	return line.len == 0 || slice_eq(line, "\r");
}

static void
scan_field(struct scanner *s, struct slice line)
{
	struct mbox_scan *out = s->out;
	struct slice v;
	uint64_t n;
	bool first = out->len == 1 && out->internal == 0;

	if ((v = mbox_field(line, "Content-Length")).data != NULL) {
		s->cl_seen = !s->cl_seen && slice_u64(v, INT64_MAX, &s->cl);
	} else if ((v = mbox_field(line, "X-UID")).data != NULL) {
		if (slice_u64(v, UINT32_MAX, &n))
			out->entry[out->len - 1].uid = (uint32_t)n;
	} else if (first && ((v = mbox_field(line, "X-IMAPbase")).data != NULL ||
				(v = mbox_field(line, "X-IMAP")).data != NULL)) {
		out->base_known = mbox_base(v, &out->base_uidvalidity, &out->base_last);
	} else if (first && (v = mbox_field(line, "Subject")).data != NULL) {
		s->internal = slice_starts_nocase(v, internal_subject);
	}
}

static void
scan_header_end(struct scanner *s, uint64_t next)
{
	s->in_header = false;
	s->header_blank_at = s->line_at;
	if (!s->cl_seen || s->cl > s->size - next)
		return;
	s->cl_end = next + s->cl;
	s->cl_leads = scan_leads(s, s->cl_end);
	s->cl_trusted = s->cl_leads && s->cl_bad == 0 && s->cl_none == 0;
}

static void
scan_quoted(struct scanner *s, struct slice line)
{
	size_t n = 0;

	while (n < line.len && line.data[n] == '>')
		n++;
	if (line.len - n < 5 || memcmp(line.data + n, "From ", 5) != 0)
		return;
	if (n == 1)
		s->quoted++;
	else
		s->requoted++;
}

/* A line that starts with "From ". *ret_start: it starts a message; with s->pending the next line
 * decides. */
static void
scan_from(struct scanner *s, struct slice line, uint64_t next, bool *ret_start)
{
	struct date ignored;
	bool dated = mbox_from_date(line, &ignored);

	*ret_start = false;
	if (s->in_message && !s->in_header && s->cl_trusted && s->line_at < s->cl_end) {
		s->inner++;
		return;
	}
	if (dated || (s->in_message && !s->in_header && scan_at_length(s, s->line_at))) {
		*ret_start = true;
		return;
	}
	s->pending = !s->in_message || s->prev_blank;
	if (!s->pending) {
		s->out->weak++;
		return;
	}
	s->pending_at = s->line_at;
	s->pending_len = (uint32_t)(next - s->line_at < UINT32_MAX ? next - s->line_at : 0);
	s->pending_after_blank = s->prev_blank;
	s->pending_blank_at = s->blank_at;
}

static int
scan_resolve(struct scanner *s, struct slice line, struct err *err)
{
	s->pending = false;
	if (mbox_is_field(line) && s->pending_len > 0)
		return scan_start(s, s->pending_at, s->pending_len, s->pending_after_blank,
		    s->pending_blank_at, err);
	s->out->weak++;
	return 0;
}

/* The line from line_at to `next`, of which `kept` octets are known. */
static int
scan_line(struct scanner *s, uint64_t next, struct err *err)
{
	struct slice line = { s->line, s->kept };
	bool start = false, blank, whole = next - s->line_at <= LINE_KEEP;

	if (whole && line.len > 0 && line.data[line.len - 1] == '\n')
		line.len--;
	if (s->pending && scan_resolve(s, line, err) < 0)
		return -1;
	blank = whole && line_is_blank(line);
	if (line.len >= 5 && memcmp(line.data, "From ", 5) == 0 && next - s->line_at < UINT32_MAX)
		scan_from(s, line, next, &start);
	if (start)
		return scan_start(
		    s, s->line_at, (uint32_t)(next - s->line_at), s->prev_blank, s->blank_at, err);
	if (s->in_message && s->in_header && blank)
		scan_header_end(s, next);
	else if (s->in_message && s->in_header)
		scan_field(s, line);
	else if (s->in_message && line.len > 0 && line.data[0] == '>')
		scan_quoted(s, line);
	else if (!s->in_message && !blank && !s->pending && s->out->junk++ == 0)
		s->out->junk_at = s->line_at;
	s->prev_blank = blank;
	s->blank_at = s->line_at;
	return 0;
}

/* ---- blocks ---- */

static bool
scan_keeps(const struct scanner *s, char first)
{
	return !s->in_message || s->in_header || s->pending || first == 'F' || first == '>' ||
	       first == '\n' || first == '\r';
}

static int
scan_block(struct scanner *s, struct slice in, uint64_t at, struct err *err)
{
	const char *p = in.data, *end = in.data + in.len;

	while (p < end) {
		/* A hole that a crash left in front of the first message. */
		while (s->starting && !s->in_message && p < end && *p == '\0') {
			p++;
			s->line_at++;
		}
		if (p == end)
			break;
		if (s->starting)
			s->keeping = scan_keeps(s, *p);
		s->starting = false;
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((lf != NULL ? lf + 1 : end) - p);
		if (s->keeping && s->kept < LINE_KEEP) {
			size_t more = n < LINE_KEEP - s->kept ? n : LINE_KEEP - s->kept;

			memcpy(s->line + s->kept, p, more);
			s->kept += more;
		}
		p += n;
		if (lf == NULL)
			break;
		uint64_t next = at + (uint64_t)(p - in.data);
		if (!s->keeping)
			s->prev_blank = false;
		else if (scan_line(s, next, err) < 0)
			return -1;
		s->line_at = next;
		s->kept = 0;
		s->starting = true;
	}
	return 0;
}

static int
scan_blocks(struct scanner *s, char *block, struct digest *d, struct cancel *stop, struct err *err)
{
	for (uint64_t at = s->from; at < s->size;) {
		size_t want = s->size - at < SCAN_BLOCK ? (size_t)(s->size - at) : SCAN_BLOCK;
		ssize_t n = pread(s->fd, block, want, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_sys(
			    err, ERR_FOLDER, "read at octet %llu", (unsigned long long)at);
		if (n == 0)
			return err_set(err, ERR_FOLDER, "it became shorter while it was read");
		if (cancel_raised(stop))
			return err_set(err, ERR_INTERRUPTED, "interrupted");
		if (d != NULL)
			digest_add(d, block, (size_t)n);
		if (scan_block(s, (struct slice){ block, (size_t)n }, at, err) < 0)
			return -1;
		at += (uint64_t)n;
	}
	if (!s->starting && s->keeping && scan_line(s, s->size, err) < 0)
		return -1;
	if (!s->starting && !s->keeping)
		s->prev_blank = false;
	if (s->pending)
		s->out->weak++;
	scan_end_message(s, s->size, s->prev_blank, s->blank_at);
	if (!s->in_message && s->out->junk > 0)
		s->out->junk = s->size - s->out->junk_at;
	return 0;
}

static void
scan_tell_kind(struct scanner *s)
{
	struct mbox_scan *out = s->out;
	bool lengths = s->cl_good > 0 && s->cl_bad == 0 && s->cl_none == 0;

	if (lengths && s->inner + out->weak > 0)
		out->kind = MBOX_CL2;
	else if (lengths)
		out->kind = MBOX_CL;
	else if (s->requoted > 0)
		out->kind = MBOX_RD;
	else
		out->kind = s->quoted > 0 ? MBOX_O : MBOX_PLAIN;
	out->unquote = out->kind != MBOX_CL2 && s->quoted + s->requoted > 0;
}

int
mbox_scan(int fd, uint64_t from, uint64_t size, struct digest *d, struct cancel *stop,
    struct mbox_scan *ret, struct err *err)
{
	struct scanner s = { .out = ret,
		.fd = fd,
		.from = from,
		.size = size,
		.line_at = from,
		.starting = true,
		.header_blank_at = UINT64_MAX };
	char *block = mem_resize(NULL, SCAN_BLOCK, 1);

	*ret = (struct mbox_scan){ .len = 0 };
	int done = scan_blocks(&s, block, d, stop, err);
	free(block);
	if (done < 0)
		mbox_scan_done(ret);
	else
		scan_tell_kind(&s);
	return done;
}

void
mbox_scan_done(struct mbox_scan *s)
{
	free(s->entry);
	*s = (struct mbox_scan){ .len = 0 };
}

const char *
mbox_kind_words(enum mbox_kind k)
{
	static const char *const words[] = {
		[MBOX_PLAIN] = "no line in it is quoted",
		[MBOX_O] = "mboxo or mboxrd: lines \">From \" lose their '>'",
		[MBOX_RD] = "mboxrd: lines \">From \", \">>From \" lose one '>'",
		[MBOX_CL] = "mboxcl: Content-Length tells where messages end",
		[MBOX_CL2] = "mboxcl2: Content-Length tells where messages end, nothing is quoted",
	};

	return words[k];
}

bool
mbox_starts(struct slice start)
{
	struct date ignored;

	while (
	    start.len > 0 && (*start.data == '\0' || *start.data == '\n' || *start.data == '\r')) {
		start.data++;
		start.len--;
	}
	if (start.len < 5 || memcmp(start.data, "From ", 5) != 0)
		return false;
	const char *lf = memchr(start.data, '\n', start.len);
	if (lf == NULL)
		return false;
	struct slice line = { start.data, (size_t)(lf - start.data) };
	struct slice rest = { lf + 1, start.len - line.len - 1 };
	const char *end = memchr(rest.data, '\n', rest.len);
	if (end != NULL)
		rest.len = (size_t)(end - rest.data);
	return mbox_from_date(line, &ignored) || mbox_is_field(rest);
}

bool
mbox_starts_inside(struct slice start)
{
	while (start.len > 0) {
		const char *lf = memchr(start.data, '\n', start.len);
		size_t n = lf != NULL ? (size_t)(lf - start.data) + 1 : start.len;

		if (*start.data == 'F' && mbox_starts(start))
			return true;
		start.data += n;
		start.len -= n;
	}
	return false;
}
