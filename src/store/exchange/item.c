/* A data line of MAILMESSAGE becomes an item. Only what makes the line as a whole doubtful (too few
 * fields, quotes out of order, no body) is a fault; a field that cannot be used is a warning, since
 * a wrong date must not cost the message (EM-14). */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "store/exchange/reader_parts.h"

struct item {
	struct exread *r;
	struct exitem *ret;
	struct exfault at; /* the line */
	struct slice text;
	struct slice raw[PRI_FIELDS];
	bool full; /* the arena is */
};

static const char *const item_names[PRI_FIELDS] = { "Folder", "Sender", "To", "Cc", "Bcc",
	"Subject", "Send-Date", "Received-Date", "Priority", "Unread", "Unsent", "Body" };

static void
item_damage(struct item *m, size_t at, enum event_no event, const char *fmt, ...) PRINTF_LIKE(4, 5);
static void
item_warn(struct item *m, int field, enum event_no event, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* The first fault counts. at: octet of the line, SIZE_MAX: the line as a whole. */
static void
item_damage(struct item *m, size_t at, enum event_no event, const char *fmt, ...)
{
	char words[EXFAULT_TEXT_MAX];
	va_list ap;

	if (m->ret->damaged)
		return;
	va_start(ap, fmt);
	vsnprintf(words, sizeof words, fmt, ap);
	va_end(ap);
	m->ret->damaged = true;
	m->ret->fault = m->at;
	m->ret->fault.column = at == SIZE_MAX ? 0 : excut_column(m->text, at);
	exfault_set(&m->ret->fault, event, "%s", words);
}

/* field -1: the line. */
static void
item_warn(struct item *m, int field, enum event_no event, const char *fmt, ...)
{
	char words[EXFAULT_TEXT_MAX];
	va_list ap;

	m->ret->warnings++;
	if (m->ret->n_warnings == EXREAD_WARNINGS_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(words, sizeof words, fmt, ap);
	va_end(ap);
	struct exfault *f = &m->ret->warning[m->ret->n_warnings++];

	*f = m->at;
	if (field >= 0) {
		f->column = excut_column(m->text, (size_t)(m->raw[field].data - m->text.data));
		exfault_set(f, event, "%s: %s", item_names[field], words);
	} else {
		exfault_set(f, event, "%s", words);
	}
}

static struct slice
item_keep(struct item *m, struct slice text)
{
	char *copy = text.len > 0 ? arena_copy(&m->r->item, text) : NULL;

	m->full |= text.len > 0 && copy == NULL;
	return (struct slice){ copy != NULL ? copy : "", copy != NULL ? text.len : 0 };
}

/* For people: what a field holds, not too much of it. */
static struct slice
item_short(struct slice text)
{
	enum { SHORT = 60 };

	if (text.len <= SHORT)
		return text;
	return (struct slice){ text.data, codepage_whole_utf8((struct slice){ text.data, SHORT }) };
}

/* Cut the line into fields; more than twelve are right and of no meaning here. */
static void
item_cut(struct item *m)
{
	struct excut cut;
	struct slice raw;
	size_t n = 0;

	excut_init(&cut, m->text, ',');
	for (; excut_next(&cut, &raw); n++) {
		if (n < PRI_FIELDS)
			m->raw[n] = raw;
	}
	m->ret->fields = n;
	if (cut.is_stray)
		item_damage(m, cut.stray, EV_EX_QUOTE,
		    "text follows a closing quote, expected ',' or ';' or the end of the line; "
		    "count the "
		    "quotes, one inside a value is doubled");
	else if (cut.open)
		item_damage(m, SIZE_MAX, EV_EX_QUOTE, "a quote is not closed; count the quotes");
	if (n < PRI_FIELDS)
		item_damage(m, SIZE_MAX, EV_EX_LINE,
		    "%zu fields, expected 12 (Folder,Sender,To, ... Unsent,Body)", n);
}

/* The text of a field that may be a pointer: in the line, or from the record. False: nothing to be
 * had, which was said. */
static bool
item_resolve(struct item *m, int field, struct slice *ret)
{
	struct exread *r = m->r;
	struct expointer pointer;
	struct exfault fault;

	*ret = m->raw[field];
	switch (exlex_pointer(m->raw[field], &pointer)) {
	case EXPOINTER_NOT:
		return true;
	case EXPOINTER_BAD:
		item_warn(m, field, EV_EX_FIELD,
		    "'%.*s' begins with # and is no pointer such as #00000001.SEC(50); taken as "
		    "text",
		    SLICE_ARG(item_short(m->raw[field])));
		return true;
	case EXPOINTER_GOOD:
		break;
	}
	buf_reset(&r->other);
	buf_reset(&r->scratch);
	if (!sec_other(r, &pointer, &r->other, &fault)) {
		item_warn(m, field, fault.event, "%s", fault.text);
		return false;
	}
	codepage_decode(r->page, buf_slice(&r->other), &r->scratch);
	*ret = item_keep(m, buf_slice(&r->scratch));
	return true;
}

static struct slice
item_text(struct item *m, int field)
{
	struct slice raw;

	if (!item_resolve(m, field, &raw))
		return (struct slice){ "", 0 };
	buf_reset(&m->r->scratch);
	exlex_value(raw, &m->r->scratch);
	return item_keep(m, buf_slice(&m->r->scratch));
}

static bool
recip_type_ok(struct slice type)
{
	if (type.len == 0 || type.len > 32)
		return false;
	for (size_t i = 0; i < type.len; i++) {
		if (!g_ascii_isalnum(type.data[i]) && strchr("-_.&", type.data[i]) == NULL)
			return false;
	}
	return true;
}

/* "TYPE:address" */
static bool
recip_address(struct slice text, struct exrecip *io)
{
	const char *colon = text.len > 0 ? memchr(text.data, ':', text.len) : NULL;

	if (colon == NULL)
		return false;
	struct slice type = { text.data, (size_t)(colon - text.data) };

	if (!recip_type_ok(type))
		return false;
	io->type = type;
	io->address = exlex_trim((struct slice){ colon + 1, text.len - type.len - 1 });
	return true;
}

/* The last bracket that a type follows: an address may have brackets itself, user@[192.0.2.1]. */
struct exrecip
exrecip_read(struct slice text)
{
	struct exrecip r = { 0 };

	text = exlex_trim(text);
	r.display = text;
	if (text.len > 0 && text.data[text.len - 1] == ']') {
		for (size_t i = text.len - 1; i-- > 0;) {
			struct slice in = { text.data + i + 1, text.len - i - 2 };

			if (text.data[i] != '[' || !recip_address(in, &r))
				continue;
			r.display = exlex_trim((struct slice){ text.data, i });
			return r;
		}
	}
	if (slice_starts_nocase(text, "SMTP:") && recip_address(text, &r))
		r.display = (struct slice){ text.data, 0 };
	return r;
}

static struct exrecip
item_keep_recip(struct item *m, struct slice text)
{
	return exrecip_read(item_keep(m, text));
}

/* Line breaks between the values of a record are no data. */
static struct slice
item_trim(struct slice part)
{
	while (part.len > 0 && strchr(" \t\r\n", part.data[0]) != NULL)
		part = (struct slice){ part.data + 1, part.len - 1 };
	while (part.len > 0 && strchr(" \t\r\n", part.data[part.len - 1]) != NULL)
		part.len--;
	return part;
}

/* How many values, and how many of them fit. */
static size_t
item_count(struct item *m, int field, struct excut cut)
{
	struct slice part;
	size_t n = 0;

	while (excut_next(&cut, &part))
		n += item_trim(part).len > 0;
	if (n <= EXREAD_RECIPS_MAX)
		return n;
	item_warn(m, field, EV_EX_FIELD, "%zu recipients, more than %d; the rest is left out", n,
	    EXREAD_RECIPS_MAX);
	return EXREAD_RECIPS_MAX;
}

static struct exrecips
item_recips(struct item *m, int field)
{
	struct exread *r = m->r;
	struct exrecips list = { 0 };
	struct slice raw, part;
	struct excut cut;
	struct buf value;

	if (!item_resolve(m, field, &raw) || raw.len == 0)
		return list;
	/* The text of a list quoted as a whole lies in scratch, which item_resolve needs no more.
	 */
	if (!exlex_list(raw, &r->scratch, &cut))
		return list;
	size_t n = item_count(m, field, cut);

	list.recip = n > 0 ? arena_take(&r->item, n * sizeof *list.recip) : NULL;
	if (list.recip == NULL) {
		m->full |= n > 0;
		return list;
	}
	buf_init(&value, r->scratch.max);
	while (list.len < n && excut_next(&cut, &part)) {
		part = item_trim(part);
		if (part.len == 0)
			continue;
		buf_reset(&value);
		exlex_value(part, &value);
		list.recip[list.len++] = item_keep_recip(m, buf_slice(&value));
	}
	if (cut.is_stray)
		item_warn(m, field, EV_EX_QUOTE,
		    "text follows a closing quote inside the list; count the quotes");
	buf_done(&value);
	return list;
}

static struct exrecip
item_sender(struct item *m)
{
	struct slice text = item_text(m, PRI_SENDER);

	return text.len > 0 ? exrecip_read(text) : (struct exrecip){ { "", 0 }, { 0 }, { 0 } };
}

/* An unquoted word; fields such as dates are quoted by some. */
static struct slice
item_word(struct item *m, int field)
{
	buf_reset(&m->r->scratch);
	exlex_value(exlex_trim(m->raw[field]), &m->r->scratch);
	return exlex_trim(buf_slice(&m->r->scratch));
}

static struct date
item_date(struct item *m, int field)
{
	struct slice word = item_word(m, field);
	struct date d = { 0 };

	if (word.len > 0 && !date14_read(word, &d))
		item_warn(m, field, EV_EX_FIELD,
		    "'%.*s' is no date, expected 14 digits YYYYMMDDHHMMSS; the date is left empty",
		    SLICE_ARG(item_short(word)));
	return d;
}

static void
item_priority(struct item *m)
{
	struct slice word = item_word(m, PRI_PRIORITY);

	m->ret->priority_known = true;
	if (slice_eq(word, "-1"))
		m->ret->priority = -1;
	else if (slice_eq(word, "1") || slice_eq(word, "+1"))
		m->ret->priority = 1;
	else if (!slice_eq(word, "0"))
		m->ret->priority_known = false;
	if (!m->ret->priority_known && word.len > 0)
		item_warn(m, PRI_PRIORITY, EV_EX_FIELD, "'%.*s', expected -1, 0 or 1; 0 is taken",
		    SLICE_ARG(item_short(word)));
}

static bool
item_truth(struct item *m, int field)
{
	struct slice word = item_word(m, field);
	bool truth = false;

	if (word.len > 0 && !exlex_truth(word, &truth))
		item_warn(m, field, EV_EX_FIELD, "'%.*s', expected TRUE or FALSE; FALSE is taken",
		    SLICE_ARG(item_short(word)));
	return truth;
}

static void
item_body(struct item *m)
{
	struct slice raw = exlex_trim(m->raw[PRI_BODY]);
	struct expointer pointer;
	size_t at = (size_t)(m->raw[PRI_BODY].data - m->text.data);

	if (exlex_pointer(raw, &pointer) != EXPOINTER_GOOD) {
		item_damage(m, at, EV_EX_LINE,
		    "the Body is '%.*s', expected a pointer such as #00000001.SEC(50): a file name "
		    "without "
		    "path, and an octet",
		    SLICE_ARG(item_short(raw)));
		return;
	}
	m->ret->body.offset = pointer.offset;
	m->ret->body.name = item_keep(m, pointer.name);
	m->ret->has_body = !m->full;
}

static void
item_fields(struct item *m)
{
	struct exitem *ret = m->ret;

	item_body(m);
	ret->folder = item_text(m, PRI_FOLDER);
	ret->sender = item_sender(m);
	ret->to = item_recips(m, PRI_TO);
	ret->cc = item_recips(m, PRI_CC);
	ret->bcc = item_recips(m, PRI_BCC);
	ret->subject = item_text(m, PRI_SUBJECT);
	ret->sent = item_date(m, PRI_SENT);
	ret->received = item_date(m, PRI_RECEIVED);
	item_priority(m);
	ret->unread = item_truth(m, PRI_UNREAD);
	ret->unsent = item_truth(m, PRI_UNSENT);
	if (m->full)
		item_damage(m, SIZE_MAX, EV_EX_LINE,
		    "the values are over the limit of memory for one line; the last are missing");
}

/* CR and NUL become blanks, in the decoded text: they are ASCII in every page. */
static void
item_clean(struct item *m)
{
	struct buf *text = &m->r->text;

	for (size_t i = 0; i < text->len; i++) {
		if (text->data[i] == '\r' || text->data[i] == '\0')
			text->data[i] = ' ';
	}
	item_warn(m, -1, EV_EX_LENIENT, "holds NUL or a CR without LF; they are taken for blanks");
}

static void
item_octets(struct item *m)
{
	if (codepage_number(m->r->page) != 65001 &&
	    memmem(m->text.data, m->text.len, "\xEF\xBF\xBD", 3) != NULL)
		item_warn(m, -1, EV_EX_FIELD,
		    "holds octets that code page %u has no character for; is the number in the "
		    "packing "
		    "list right?",
		    codepage_number(m->r->page));
}

void
item_read(struct exread *r, uint32_t file, const struct exline *line, struct exitem *ret)
{
	struct item m = { .r = r,
		.ret = ret,
		.at = exfault_in_line(read_name(r, file), line->line, 0, line->at) };

	*ret = (struct exitem){ .place = { file, line->line, line->at },
		.file = r->file[file].listed,
		.folder.data = "",
		.subject.data = "" };
	arena_reset(&r->item);
	buf_reset(&r->text);
	codepage_decode(r->page, line->text, &r->text);
	m.text = buf_slice(&r->text);
	if (line->odd)
		item_clean(&m);
	if (line->rejoined)
		item_warn(&m, -1, EV_EX_LENIENT,
		    "a line break inside quotes is taken for a blank (lines %" PRIu64 " to %" PRIu64
		    ")",
		    line->line, line->last);
	if (line->too_long)
		item_damage(&m, SIZE_MAX, EV_EX_LINE,
		    "longer than %d octets; the rest of the line is skipped", EXLEX_LINE_MAX);
	item_octets(&m);
	item_cut(&m);
	if (ret->fields >= PRI_FIELDS)
		item_fields(&m);
}
