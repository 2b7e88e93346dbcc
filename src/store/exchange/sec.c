/* Secondary files: records are found by their lengths alone, and headers are read where a length
 * says they are, never by looking through data (EM-13).
 *
 * A pointer into the inside of another record is told from a good one by a walk over the headers
 * from the start of the file. Where the walk is broken by a damaged header or length it says
 * nothing, and the pointer is believed if a header is there: one broken record must not spoil those
 * behind it (EM-18). A record counts as being in the way only if its end meets a header or the end
 * of the file, so that a length that grew by damage does not hide its neighbours. Starts of records
 * are kept for every n-th only, and walks are limited, so that memory and time stay bounded
 * whatever the file holds. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/exchange/reader_parts.h"

enum {
	SEC_BLANKS_MAX = 4096, /* octets of line ends between two records */
	SEC_FIELDS_MIN = 4, /* up to Islast */
	SEC_WALK_MAX = 65536, /* headers for one question ... */
	SEC_STEPS_MAX = 64 * 1024 * 1024 /* ... and for all of them */
};

enum sec_where { SEC_RECORD, SEC_INSIDE, SEC_UNKNOWN };

void
sec_fault(struct exread *r, uint32_t file, uint64_t at, enum event_no event, struct exfault *ret,
    const char *fmt, ...)
{
	char words[EXFAULT_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof words, fmt, ap);
	va_end(ap);
	*ret = exfault_at(read_name(r, file), at);
	exfault_set(ret, event, "%s", words);
}

static void
sec_close(struct sec *s)
{
	file_close(&s->fd);
	free(s->mark);
	free(s->window);
	*s = (struct sec){ .fd = -1 };
}

void
sec_close_all(struct exread *r)
{
	for (size_t i = 0; i < SEC_OPEN_MAX; i++)
		sec_close(&r->sec[i]);
}

/* Octets read, less than len only at the end; -1: errno says why. */
ssize_t
sec_pread(const struct sec *s, uint64_t at, char *to, size_t len)
{
	size_t have = 0;

	while (have < len) {
		ssize_t n = pread(s->fd, to + have, len - have, (off_t)(at + have));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

/* The same for headers, which lie close together where records are small: through a window. Data is
 * never read through it. */
static ssize_t
sec_peek(struct sec *s, uint64_t at, char *to, size_t len)
{
	if (at < s->window_at || at + len > s->window_at + s->window_len) {
		ssize_t n = sec_pread(s, at, s->window, SEC_HEAD_MAX);

		s->window_at = at;
		s->window_len = n > 0 ? (size_t)n : 0;
		if (n < 0)
			return -1;
	}
	size_t have = s->window_len - (size_t)(at - s->window_at);

	if (len > have)
		len = have;
	memcpy(to, s->window + (at - s->window_at), len);
	return (ssize_t)len;
}

/* `at` behind line ends; false: there are too many of them, or it cannot be read. */
bool
sec_skip(struct sec *s, uint64_t at, uint64_t *ret)
{
	char octets[64];

	for (uint64_t start = at; at - start < SEC_BLANKS_MAX;) {
		ssize_t n = sec_peek(s, at, octets, sizeof octets), i = 0;

		if (n < 0)
			return false;
		while (i < n && (octets[i] == '\r' || octets[i] == '\n'))
			i++;
		at += (uint64_t)i;
		if (i < (ssize_t)sizeof octets) {
			*ret = at;
			return true;
		}
	}
	return false;
}

static bool
sec_type(struct slice word, enum exrecord_type *ret)
{
	for (int t = 0; t < EXRECORD_TYPES; t++) {
		if (slice_eq_nocase(word, exrecord_type_name(t))) {
			*ret = t;
			return true;
		}
	}
	return false;
}

size_t
sec_cut(struct slice line, struct slice raw[SEC_FIELDS])
{
	struct excut cut;
	struct slice piece;
	size_t n = 0;

	excut_init(&cut, line, ',');
	for (; excut_next(&cut, &piece); n++) {
		if (n < SEC_FIELDS)
			raw[n] = piece;
	}
	return n;
}

/* The header line at `at` into `line`; NULL or what is wrong. */
const char *
sec_line(struct sec *s, uint64_t at, char line[SEC_HEAD_MAX], struct sec_head *ret)
{
	ssize_t n = sec_peek(s, at, line, 256);
	char *lf = n > 0 ? memchr(line, '\n', (size_t)n) : NULL;

	if (n == 256 && lf == NULL) {
		n = sec_peek(s, at, line, SEC_HEAD_MAX);
		lf = n > 0 ? memchr(line, '\n', (size_t)n) : NULL;
	}
	if (n < 0)
		return "cannot be read";
	if (lf == NULL)
		return n == SEC_HEAD_MAX ? "the header of a record has no end"
					 : "the file ends inside the header of a record";
	ret->at = at;
	ret->data = at + (uint64_t)(lf - line) + 1;
	ret->line_len = (size_t)(lf - line);
	if (ret->line_len > 0 && lf[-1] == '\r')
		ret->line_len--;
	return NULL;
}

/* Type, length and Islast of a header line; NULL or what is wrong. They are ASCII and stand before
 * anything that is not. */
const char *
sec_parse(const char *line, struct sec_head *io)
{
	struct slice raw[SEC_FIELDS], word;
	size_t n = sec_cut((struct slice){ line, io->line_len }, raw);

	if (n < SEC_FIELDS_MIN || !sec_type(exlex_trim(raw[0]), &io->type))
		return "no record begins here, expected a header such as Body,43,,TRUE,,,";
	word = exlex_trim(raw[1]);
	if (!slice_u64(word, INT64_MAX, &io->length))
		return "the Length of a record is no number of octets";
	if (io->length > UINT32_MAX)
		return "the Length of a record is 4 GiB or more";
	word = exlex_trim(raw[3]);
	io->last_known = exlex_truth(word, &io->last);
	if (!io->last_known && word.len > 0)
		return "Islast is neither TRUE nor FALSE";
	return NULL;
}

/* Does it begin at `at`, and does its data lie within the file? NULL or what is wrong. */
const char *
sec_head(struct sec *s, uint64_t at, struct sec_head *ret)
{
	char line[SEC_HEAD_MAX];
	const char *why = sec_line(s, at, line, ret);

	return why != NULL ? why : sec_parse(line, ret);
}

bool
sec_whole(const struct sec *s, const struct sec_head *h)
{
	return h->data <= s->size && h->length <= s->size - h->data;
}

static void
sec_heading(struct exread *r, struct sec *s)
{
	static const char want[] = "Type,Length,Encoding,Islast";
	char line[SEC_HEAD_MAX];
	struct sec_head h;
	struct exfault at = exfault_at(read_name(r, s->file), 0);

	if (sec_line(s, 0, line, &h) == NULL &&
	    slice_starts_nocase((struct slice){ line, h.line_len }, want))
		s->heading = h.data;
	else if (s->size > 0 && !r->file[s->file].said)
		read_problem(r, &at, EV_EX_LENIENT,
		    "the file does not begin with the row %s,Name,Position,Format", want);
	r->file[s->file].said = true;
	if (!sec_skip(s, s->heading, &s->furthest))
		s->furthest = s->heading;
}

/* The open file, NULL: *ret says why not. */
struct sec *
sec_open(struct exread *r, uint32_t file, const char **ret_why)
{
	struct sec *s = &r->sec[0];
	struct sec fresh = { .fd = -1, .file = file, .stride = 1 };

	for (size_t i = 0; i < SEC_OPEN_MAX; i++) {
		struct sec *have = &r->sec[i];

		if (have->fd >= 0 && have->file == file) {
			have->used = ++r->clock;
			return have;
		}
		if (have->fd < 0 || (s->fd >= 0 && have->used < s->used))
			s = have;
	}
	if (!read_open(r, file, &fresh.fd, &fresh.size, ret_why))
		return NULL;
	sec_close(s);
	*s = fresh;
	s->window = mem_new(SEC_HEAD_MAX);
	s->used = ++r->clock;
	sec_heading(r, s);
	return s;
}

/* A record begins at `at`, found by the walk: remember it if it is further than all before. */
static void
sec_mark(struct sec *s, uint64_t at)
{
	if (at <= s->furthest)
		return;
	s->furthest = at;
	if (s->found++ % s->stride != 0)
		return;
	if (s->n_marks == SEC_MARKS) {
		for (size_t i = 0; i < SEC_MARKS / 2; i++)
			s->mark[i] = s->mark[2 * i];
		s->n_marks = SEC_MARKS / 2;
		s->stride *= 2;
	}
	if (s->n_marks == s->cap_marks) {
		s->cap_marks = s->cap_marks > 0 ? s->cap_marks * 2 : 64;
		s->mark = mem_resize(s->mark, s->cap_marks, sizeof *s->mark);
	}
	s->mark[s->n_marks++] = at;
}

/* The start of a record at or before `at`, as near as is known. */
static uint64_t
sec_near(struct sec *s, uint64_t at)
{
	size_t low = 0, high = s->n_marks;
	uint64_t first;

	if (s->furthest <= at)
		return s->furthest;
	while (low < high) {
		size_t mid = (low + high) / 2;

		if (s->mark[mid] <= at)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == 0 && !sec_skip(s, s->heading, &first))
		first = s->heading;
	else if (low > 0)
		first = s->mark[low - 1];
	return s->recent <= at && s->recent > first ? s->recent : first;
}

/* What lies behind the record h: the next one or the end. False: nothing that could be one. */
bool
sec_follow(struct sec *s, const struct sec_head *h, struct sec_head *ret)
{
	uint64_t next;

	if (!sec_whole(s, h) || !sec_skip(s, h->data + h->length, &next))
		return false;
	*ret = (struct sec_head){ .at = next };
	if (next >= s->size) {
		ret->at = s->size;
		return true;
	}
	return sec_head(s, next, ret) == NULL;
}

/* Is `at` the start of a record, or inside the data of the one at *ret_of? */
static enum sec_where
sec_where(struct exread *r, struct sec *s, uint64_t at, uint64_t *ret_of)
{
	struct sec_head now, next;
	uint64_t near = sec_near(s, at);

	if (near == at)
		return SEC_RECORD;
	if (near > at || sec_head(s, near, &now) != NULL)
		return SEC_UNKNOWN;
	for (unsigned n = 0; n < SEC_WALK_MAX && r->steps < SEC_STEPS_MAX; n++, r->steps++) {
		if (!sec_follow(s, &now, &next))
			return SEC_UNKNOWN;
		sec_mark(s, next.at);
		if (next.at == at) {
			s->recent = at;
			return SEC_RECORD;
		}
		if (next.at > at) {
			*ret_of = now.at;
			return SEC_INSIDE;
		}
		now = next;
	}
	return SEC_UNKNOWN;
}

/* The file and header a pointer leads to. NULL: *ret says what is wrong with it. */
struct sec *
sec_lead(
    struct exread *r, const struct expointer *p, struct sec_head *ret_head, struct exfault *ret)
{
	int64_t file = pack_find(r, p->name);
	const char *why = NULL;
	uint64_t of = 0;

	if (file < 0) {
		*ret = exfault_at(p->name, p->offset);
		exfault_set(ret, EV_EX_UNREADABLE,
		    "no secondary file of that name lies beside the packing list");
		return NULL;
	}
	uint32_t i = (uint32_t)file;
	struct sec *s = r->file[i].primary ? NULL : sec_open(r, i, &why);

	if (s == NULL) {
		sec_fault(r, i, p->offset, EV_EX_UNREADABLE, ret, "the file cannot be read: %s",
		    why != NULL ? why : "it is a primary file, a pointer leads to a secondary one");
		return NULL;
	}
	if (p->offset >= s->size) {
		sec_fault(r, i, p->offset, EV_EX_SECONDARY, ret,
		    "the pointer leads beyond the file, which has %" PRIu64 " octets", s->size);
		return NULL;
	}
	if (p->offset < s->heading) {
		sec_fault(r, i, p->offset, EV_EX_SECONDARY, ret,
		    "the pointer leads into the row of column names, which ends at %" PRIu64,
		    s->heading);
		return NULL;
	}
	why = sec_head(s, p->offset, ret_head);
	if (why != NULL) {
		sec_fault(r, i, p->offset, EV_EX_HEADER, ret, "%s", why);
		return NULL;
	}
	if (sec_where(r, s, p->offset, &of) == SEC_INSIDE) {
		sec_fault(r, i, p->offset, EV_EX_SECONDARY, ret,
		    "the pointer leads inside the data of the record at %" PRIu64, of);
		return NULL;
	}
	return s;
}

bool
sec_check(struct exread *r, const struct sec *s, const struct sec_head *h, struct exfault *ret)
{
	if (sec_whole(s, h))
		return true;
	sec_fault(r, s->file, h->at, EV_EX_SECONDARY, ret,
	    "the record has %" PRIu64 " octets by its Length, the file only %" PRIu64 " more",
	    h->length, h->data <= s->size ? s->size - h->data : 0);
	return false;
}
