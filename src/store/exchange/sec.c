/* Secondary files: records are found by their lengths alone, and headers are read where a length says they
 * are, never by looking through data (EM-13).
 *
 * A pointer into the inside of another record is told from a good one by a walk over the headers from the
 * start of the file. Where the walk is broken by a damaged header or length it says nothing, and the pointer
 * is believed if a header is there: one broken record must not spoil those behind it (EM-18). A record
 * counts as being in the way only if its end meets a header or the end of the file, so that a
 * length that grew by damage does not hide its neighbours. Starts of records are kept for every n-th only,
 * and walks are limited, so that memory and time stay bounded whatever the file holds. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/exchange/reader_parts.h"

enum {
	SEC_HEAD_MAX = 4096,	/* octets of a header line */
	SEC_BLANKS_MAX = 4096,	/* octets of line ends between two records */
	SEC_FIELDS = 7,
	SEC_FIELDS_MIN = 4,	/* up to Islast */
	SEC_WALK_MAX = 65536,	/* headers for one question ... */
	SEC_STEPS_MAX = 64 * 1024 * 1024	/* ... and for all of them on one file */
};

struct sec_head {
	enum exrecord_type type;
	uint64_t at, data, length;	/* of header and data; data is behind the header line */
	bool last, last_known;
	size_t line_len;	/* of the header without its end */
};

enum sec_where { SEC_RECORD, SEC_INSIDE, SEC_UNKNOWN };

static void sec_fault(struct exread *r, uint32_t file, uint64_t at, enum event_no event,
    struct exfault *ret, const char *fmt, ...) PRINTF_LIKE(6, 7);

static void
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
	*s = (struct sec){ .fd = -1 };
}

void
sec_close_all(struct exread *r)
{
	for (size_t i = 0; i < SEC_OPEN_MAX; i++)
		sec_close(&r->sec[i]);
}

/* Octets read, less than len only at the end; -1: errno says why. */
static ssize_t
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

/* `at` behind line ends; false: there are too many of them, or it cannot be read. */
static bool
sec_skip(const struct sec *s, uint64_t at, uint64_t *ret)
{
	char octets[64];

	for (uint64_t start = at; at - start < SEC_BLANKS_MAX;) {
		ssize_t n = sec_pread(s, at, octets, sizeof octets), i = 0;

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

static size_t
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
static const char *
sec_line(const struct sec *s, uint64_t at, char line[SEC_HEAD_MAX], struct sec_head *ret)
{
	ssize_t n = sec_pread(s, at, line, 256);
	char *lf = n > 0 ? memchr(line, '\n', (size_t)n) : NULL;

	if (n == 256 && lf == NULL) {
		n = sec_pread(s, at, line, SEC_HEAD_MAX);
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

/* Type, length and Islast of a header line; NULL or what is wrong. They are ASCII and stand before anything
 * that is not. */
static const char *
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
static const char *
sec_head(const struct sec *s, uint64_t at, struct sec_head *ret)
{
	char line[SEC_HEAD_MAX];
	const char *why = sec_line(s, at, line, ret);

	return why != NULL ? why : sec_parse(line, ret);
}

static bool
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
	else if (s->size > 0)
		read_problem(r, &at, EV_EX_LENIENT,
		    "the file does not begin with the row %s,Name,Position,Format", want);
	if (!sec_skip(s, s->heading, &s->furthest))
		s->furthest = s->heading;
}

/* The open file, NULL: *ret says why not. */
static struct sec *
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
	s->mark[s->n_marks++] = at;
}

/* The start of a record at or before `at`, as near as is known. */
static uint64_t
sec_near(const struct sec *s, uint64_t at)
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
	if (low > 0)
		return s->mark[low - 1];
	return sec_skip(s, s->heading, &first) ? first : s->heading;
}

/* What lies behind the record h: the next one or the end. False: nothing that could be one. */
static bool
sec_follow(struct sec *s, const struct sec_head *h, struct sec_head *ret)
{
	uint64_t next;

	s->steps++;
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
sec_where(struct sec *s, uint64_t at, uint64_t *ret_of)
{
	struct sec_head now, next;
	uint64_t near = sec_near(s, at);

	if (near == at)
		return SEC_RECORD;
	if (near > at || sec_head(s, near, &now) != NULL)
		return SEC_UNKNOWN;
	for (unsigned n = 0; n < SEC_WALK_MAX && s->steps < SEC_STEPS_MAX; n++) {
		if (!sec_follow(s, &now, &next))
			return SEC_UNKNOWN;
		sec_mark(s, next.at);
		if (next.at == at)
			return SEC_RECORD;
		if (next.at > at) {
			*ret_of = now.at;
			return SEC_INSIDE;
		}
		now = next;
	}
	return SEC_UNKNOWN;
}

/* The file and header a pointer leads to. NULL: *ret says what is wrong with it. */
static struct sec *
sec_lead(struct exread *r, const struct expointer *p, struct sec_head *ret_head, struct exfault *ret)
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
	if (sec_where(s, p->offset, &of) == SEC_INSIDE) {
		sec_fault(r, i, p->offset, EV_EX_SECONDARY, ret,
		    "the pointer leads inside the data of the record at %" PRIu64, of);
		return NULL;
	}
	return s;
}

static bool
sec_check(struct exread *r, const struct sec *s, const struct sec_head *h, struct exfault *ret)
{
	if (sec_whole(s, h))
		return true;
	sec_fault(r, s->file, h->at, EV_EX_SECONDARY, ret,
	    "the record has %" PRIu64 " octets by its Length, the file only %" PRIu64 " more", h->length,
	    h->data <= s->size ? s->size - h->data : 0);
	return false;
}

bool
sec_other(struct exread *r, const struct expointer *p, struct buf *out, struct exfault *ret)
{
	struct sec_head h;
	struct sec *s = sec_lead(r, p, &h, ret);

	if (s == NULL || !sec_check(r, s, &h, ret))
		return false;
	if (h.type != EXRECORD_OTHER) {
		sec_fault(r, s->file, h.at, EV_EX_SECONDARY, ret,
		    "the pointer leads to a record of type %s, expected Other",
		    exrecord_type_name(h.type));
		return false;
	}
	if (!buf_reserve(out, h.length)) {
		sec_fault(r, s->file, h.at, EV_EX_SECONDARY, ret,
		    "the text has %" PRIu64 " octets, more than %d", h.length, EXREAD_OTHER_MAX);
		return false;
	}
	ssize_t n = sec_pread(s, h.data, out->data + out->len, h.length);

	if (n != (ssize_t)h.length) {
		sec_fault(r, s->file, h.data, EV_EX_UNREADABLE, ret, "the text cannot be read");
		return false;
	}
	out->len += h.length;
	return true;
}

bool
exmsg_begin(struct exread *r, const struct expointer *body, struct exmsg *ret,
    struct exfault *ret_fault)
{
	struct sec_head h;
	struct sec *s = sec_lead(r, body, &h, ret_fault);

	if (s == NULL)
		return false;
	if (h.type != EXRECORD_BODY) {
		sec_fault(r, s->file, h.at, EV_EX_SECONDARY, ret_fault,
		    "the message begins with a record of type %s, expected Body",
		    exrecord_type_name(h.type));
		return false;
	}
	*ret = (struct exmsg){ .file = s->file, .at = h.at };
	return true;
}

/* Name and position, from the decoded line. */
static void
sec_details(struct exread *r, const char *line, const struct sec_head *h, struct exmsg *m,
    struct expart *ret)
{
	struct slice raw[SEC_FIELDS] = { 0 };
	uint64_t position;

	buf_reset(&r->text);
	buf_reset(&r->scratch);
	codepage_decode(r->page, (struct slice){ line, h->line_len }, &r->text);
	sec_cut(buf_slice(&r->text), raw);
	exlex_value(raw[4], &r->scratch);

	struct slice name = exlex_trim(buf_slice(&r->scratch));

	ret->name_cut = name.len >= sizeof m->name;
	if (ret->name_cut)
		name.len = codepage_whole_utf8((struct slice){ name.data, sizeof m->name - 1 });
	memcpy(m->name, name.data, name.len);
	ret->name_made = name.len == 0 && h->type != EXRECORD_BODY && h->type != EXRECORD_OTHER;
	if (ret->name_made) {
		exrecord_name(++m->unnamed, m->name);
		name.len = strlen(m->name);
	}
	ret->head.name = (struct slice){ m->name, name.len };
	ret->head.position = -1;
	raw[5] = exlex_trim(raw[5]);
	if (slice_u64(raw[5], INT64_MAX, &position))
		ret->head.position = (int64_t)position;
	else
		ret->position_bad = raw[5].len > 0 && !slice_eq(raw[5], "-1");
	ret->head.macbinary = slice_eq_nocase(exlex_trim(raw[6]), "Macbinary");
}

/* Islast was left empty: the message goes on with what only a message can have behind its body. */
static bool
sec_is_last(struct sec *s, const struct sec_head *h)
{
	struct sec_head next;

	if (h->last_known)
		return h->last;
	return !sec_follow(s, h, &next) || next.at >= s->size || next.type == EXRECORD_BODY ||
	    next.type == EXRECORD_OTHER;
}

/* The header at m->at; false: the message cannot go on there. */
static bool
sec_next_head(struct exread *r, struct sec *s, const struct exmsg *m, char line[SEC_HEAD_MAX],
    struct sec_head *ret, struct exfault *ret_fault)
{
	const char *why;
	uint64_t at;

	if (m->n >= EXREAD_RECORDS_MAX) {
		sec_fault(r, m->file, m->at, EV_EX_SECONDARY, ret_fault,
		    "the message has more than %d records", EXREAD_RECORDS_MAX);
		return false;
	}
	if (!sec_skip(s, m->at, &at) || at >= s->size) {
		sec_fault(r, m->file, m->before, EV_EX_SECONDARY, ret_fault,
		    "this record says Islast FALSE, but no record follows");
		return false;
	}
	why = sec_line(s, at, line, ret);
	why = why != NULL ? why : sec_parse(line, ret);
	if (why != NULL && m->n > 0)
		sec_fault(r, m->file, at, EV_EX_HEADER, ret_fault,
		    "%s; by its Length the record at %" PRIu64 " ends here", why, m->before);
	else if (why != NULL)
		sec_fault(r, m->file, at, EV_EX_HEADER, ret_fault, "%s", why);
	if (why != NULL)
		return false;
	if (m->n > 0 && ret->type == EXRECORD_BODY) {
		sec_fault(r, m->file, at, EV_EX_SECONDARY, ret_fault,
		    "a new Body begins, but the record at %" PRIu64 " says Islast FALSE", m->before);
		return false;
	}
	return sec_check(r, s, ret, ret_fault);
}

/* Looks at the next octets alone: a next record that is broken must not cast doubt on this one. */
static bool
sec_end_odd(const struct sec *s, const struct sec_head *h)
{
	uint64_t end = h->data + h->length;
	struct sec_head next;
	char c;

	if (end >= s->size || sec_pread(s, end, &c, 1) != 1)
		return false;
	return c != '\r' && c != '\n' && sec_head(s, end, &next) != NULL;
}

static struct sec *
sec_again(struct exread *r, uint32_t file, uint64_t at, struct exfault *ret_fault)
{
	const char *why = NULL;
	struct sec *s = sec_open(r, file, &why);

	if (s == NULL)
		sec_fault(r, file, at, EV_EX_UNREADABLE, ret_fault, "the file cannot be read: %s", why);
	return s;
}

enum exstep
exmsg_next(struct exread *r, struct exmsg *m, struct expart *ret, struct exfault *ret_fault)
{
	char line[SEC_HEAD_MAX];
	struct sec_head h;
	struct sec *s;

	if (m->done)
		return EXSTEP_END;
	s = sec_again(r, m->file, m->at, ret_fault);
	m->done = true;
	if (s == NULL || !sec_next_head(r, s, m, line, &h, ret_fault))
		return EXSTEP_ERR;
	*ret = (struct expart){ .head = { .type = h.type, .length = h.length },
		.at = h.at,
		.data_at = h.data,
		.file = m->file };
	sec_details(r, line, &h, m, ret);
	ret->head.last = sec_is_last(s, &h);
	ret->end_odd = sec_end_odd(s, &h);
	m->done = ret->head.last;
	m->n++;
	m->before = h.at;
	m->at = h.data + h.length;
	return EXSTEP_ITEM;
}

bool
exmsg_read(struct exread *r, const struct expart *p, uint64_t from, void *data, size_t len,
    size_t *ret_len, struct exfault *ret_fault)
{
	uint64_t left = from < p->head.length ? p->head.length - from : 0;
	struct sec *s = sec_again(r, p->file, p->at, ret_fault);

	if (s == NULL)
		return false;
	if (len > left)
		len = (size_t)left;
	ssize_t n = sec_pread(s, p->data_at + from, data, len);

	if (n != (ssize_t)len) {
		sec_fault(r, p->file, p->data_at + from, EV_EX_UNREADABLE, ret_fault,
		    "the data of the record at %" PRIu64 " cannot be read: %s", p->at,
		    n < 0 ? g_strerror(errno) : "the file became shorter");
		return false;
	}
	*ret_len = len;
	return true;
}

/* MacBinary: 128 octets of header, then the data fork (Apple's MacBinary II, 1987). */
void
exmsg_macbinary(struct exread *r, const struct expart *p, uint64_t *ret_from, uint64_t *ret_len)
{
	enum { MAC_HEAD = 128, MAC_NAME = 1, MAC_NAME_MAX = 63, MAC_DATA = 83 };
	unsigned char head[MAC_HEAD];
	struct exfault fault;
	size_t n = 0;

	*ret_from = 0;
	*ret_len = p->head.length;
	if (!exmsg_read(r, p, 0, head, sizeof head, &n, &fault) || n < MAC_HEAD)
		return;
	uint64_t len = (uint64_t)head[MAC_DATA] << 24 | (uint64_t)head[MAC_DATA + 1] << 16 |
	    (uint64_t)head[MAC_DATA + 2] << 8 | head[MAC_DATA + 3];

	if (head[0] != 0 || head[74] != 0 || head[82] != 0 || head[MAC_NAME] == 0 ||
	    head[MAC_NAME] > MAC_NAME_MAX || len > p->head.length - MAC_HEAD)
		return;
	*ret_from = MAC_HEAD;
	*ret_len = len;
}

static void
sec_survey(struct exread *r, struct sec *s, uint64_t *io_records)
{
	struct sec_head now, next;
	uint64_t at;
	const char *why = NULL;

	if (!sec_skip(s, s->heading, &at))
		at = s->heading;
	if (at < s->size)
		why = sec_head(s, at, &now);
	for (; at < s->size && why == NULL; now = next) {
		*io_records += 1;
		if (!sec_follow(s, &now, &next)) {
			at = now.data;
			why = "no record begins where this one ends by its Length";
			if (!sec_whole(s, &now))
				why = "the record is longer than the file by its Length";
			at = now.at;
			break;
		}
		at = next.at;
	}
	if (why == NULL)
		return;
	struct exfault place = exfault_at(read_name(r, s->file), at);

	read_problem(r, &place, EV_EX_REST, "%s; the rest of the file is reached by pointers only", why);
}

void
exread_survey(struct exread *r, uint64_t *ret_records)
{
	uint64_t records = 0;

	for (uint32_t i = 0; i < r->n_files; i++) {
		const char *why;
		struct sec *s = r->file[i].primary || r->file[i].name == NULL ? NULL
									       : sec_open(r, i, &why);

		if (s != NULL)
			sec_survey(r, s, &records);
	}
	*ret_records = records;
}
