/* Finds the sections of all primary files, once, when a set is opened: whose mail each holds and
 * where its lines are. DIRECTORY and PAB are no mail; their lines are looked at for faults and
 * counted.
 *
 * A heading is known by its first word, in a line of at most two fields behind a blank line, a
 * comment or the start of the file, for a data line may be in a folder called "PAB". Without the
 * blank line it must be followed by its row of column names: else the lines of the next mailbox
 * would go to the one before. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/exchange/reader_parts.h"

enum { PAB_FIELDS = 24, PAB_REQUIRED = 3, SCAN_FIELDS = 32, DIRECTORY_FIELDS_MAX = 1000 };

enum scan_kind { SCAN_NONE, SCAN_MAIL, SCAN_PAB, SCAN_DIRECTORY, SCAN_BAD };

static const char *const mail_columns[PRI_FIELDS] = { "Folder", "Sender", "To", "Cc", "Bcc",
	"Subject", "Send-Date", "Received-Date", "Priority", "Unread", "Unsent", "Body" };
static const char *const pab_columns[PAB_FIELDS] = { "Obj-class", "Display-Name", "Email-Address",
	"First", "Last", "Address", "City", "State", "Zip", "Country", "Title", "Company",
	"Department", "Office", "Assistant", "Bus-Num", "Bus2-Num", "Assist-Num", "Fax-Num",
	"Home-Num", "Home2-Num", "Mobile-Num", "Pager-Num", "Note" };

struct scan {
	struct exread *r;
	uint32_t file;
	struct exlex *lex;
	enum scan_kind kind;
	bool columns; /* the row of column names is due */
	bool fresh; /* nothing but blanks or a comment since the last text */
	/* the section under way */
	struct exfault heading;
	uint32_t owner;
	size_t fields; /* of the row of columns */
	uint64_t bad_from, bad_lines, last; /* of a bad one: first and last line */
	char why[256];
	enum event_no event;
	/* the line under way */
	struct exline line;
	struct exfault at;
	struct slice raw[SCAN_FIELDS];
	size_t n; /* fields of the line, may be above SCAN_FIELDS */
	struct excut cut;
};

static bool
scan_is(const struct scan *s, size_t i, const char *word)
{
	return i < s->n && i < SCAN_FIELDS && slice_eq_nocase(exlex_trim(s->raw[i]), word);
}

static bool
scan_columns_are(const struct scan *s, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!scan_is(s, i, names[i]))
			return false;
	}
	return true;
}

static void
scan_cut(struct scan *s)
{
	struct exread *r = s->r;
	struct slice raw;

	buf_reset(&r->text);
	codepage_decode(r->page, s->line.text, &r->text);
	s->n = 0;
	excut_init(&s->cut, buf_slice(&r->text), ',');
	for (; excut_next(&s->cut, &raw); s->n++) {
		if (s->n < SCAN_FIELDS)
			s->raw[s->n] = raw;
	}
	s->at = exfault_in_line(read_name(r, s->file), s->line.line, 0, s->line.at);
}

static enum exstep
scan_line(struct scan *s, struct err *err)
{
	enum exstep step = exlex_next(s->lex, s->kind != SCAN_DIRECTORY, &s->line, err);

	if (step == EXSTEP_ITEM && s->line.kind == EXLINE_TEXT)
		scan_cut(s);
	return step;
}

static void scan_spoil(struct scan *s, enum event_no event, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The section under way is skipped from this line on; said when its end is known. */
static void
scan_spoil(struct scan *s, enum event_no event, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->why, sizeof s->why, fmt, ap);
	va_end(ap);
	s->kind = SCAN_BAD;
	s->event = event;
	s->heading = s->at;
	s->bad_from = s->line.line;
	s->bad_lines = 0;
}

static struct exsection *
scan_new_section(struct exread *r)
{
	if (r->n_sections == r->cap_sections) {
		r->cap_sections = r->cap_sections > 0 ? r->cap_sections * 2 : 16;
		r->section = mem_resize(r->section, r->cap_sections, sizeof *r->section);
	}
	r->section[r->n_sections] = (struct exsection){ 0 };
	return &r->section[r->n_sections++];
}

static void
scan_close(struct scan *s, uint64_t end)
{
	struct exread *r = s->r;

	if (s->kind == SCAN_MAIL && !s->columns)
		r->section[r->n_sections - 1].end = end;
	if (s->columns && s->kind != SCAN_BAD) {
		read_problem(r, &s->heading, EV_EX_SECTION,
		    "the section ends before its row of column names");
	} else if (s->kind == SCAN_BAD) {
		r->totals.skipped_lines += s->bad_lines;
		read_problem(r, &s->heading, s->event,
		    "%s; lines %" PRIu64 " to %" PRIu64 " are skipped (%" PRIu64 " with text)",
		    s->why, s->bad_from, s->last, s->bad_lines);
	}
	s->kind = SCAN_NONE;
	s->columns = false;
}

/* Index of the owner with that address, a new one if need be. */
static uint32_t
scan_owner(struct exread *r, const char *address, bool is_public, bool migrate)
{
	char *lower = g_ascii_strdown(address, -1);
	gpointer had = g_hash_table_lookup(r->by_owner, lower);

	if (had != NULL) {
		g_free(lower);
		return (uint32_t)(GPOINTER_TO_SIZE(had) - 1);
	}
	if (r->n_owners == r->cap_owners) {
		r->cap_owners = r->cap_owners > 0 ? r->cap_owners * 2 : 16;
		r->owner = mem_resize(r->owner, r->cap_owners, sizeof *r->owner);
		r->own = mem_resize(r->own, r->cap_owners, sizeof *r->own);
	}
	r->owner[r->n_owners] =
	    (struct exowner){ .address = arena_copy(&r->arena, slice_str(address)),
		    .is_public = is_public,
		    .migrate = migrate };
	r->own[r->n_owners++] = (struct exown){ 0 };
	g_hash_table_insert(r->by_owner, lower, GSIZE_TO_POINTER(r->n_owners));
	return (uint32_t)r->n_owners - 1;
}

static bool
scan_mail_owner(struct scan *s)
{
	struct exread *r = s->r;
	struct slice value;
	bool migrate, is_public;

	buf_reset(&r->scratch);
	exlex_value(exlex_trim(s->raw[1]), &r->scratch);
	value = exlex_trim(buf_slice(&r->scratch));
	migrate = slice_starts_nocase(value, "MIGRATE:");
	if (migrate)
		value = (struct slice){ value.data + 8, value.len - 8 };
	is_public =
	    slice_eq_nocase(value, "PublicMessages") || slice_eq_nocase(value, "PublicMessage");
	if (is_public)
		value = slice_str("PublicMessages");
	if (value.len == 0 || value.len > EXOWNER_MAX ||
	    memchr(value.data, '\0', value.len) != NULL)
		return false;
	AUTO(mem_free_str) char *address = g_strndup(value.data, value.len);

	if (!is_public && memchr(value.data, ':', value.len) == NULL)
		read_problem(r, &s->at, EV_EX_LENIENT,
		    "the owner '%s' has no type, expected for example SMTP:%s", address, address);
	s->owner = scan_owner(r, address, is_public, migrate);
	return true;
}

/* A line that opens a section, good or not. */
static void
scan_heading(struct scan *s)
{
	bool mail = scan_is(s, 0, "MAILMESSAGE"), directory = scan_is(s, 0, "DIRECTORY");
	size_t want = directory ? 1 : 2;

	scan_close(s, s->line.at);
	s->heading = s->at;
	s->columns = true;
	s->kind = mail ? SCAN_MAIL : directory ? SCAN_DIRECTORY : SCAN_PAB;
	if (s->n != want)
		scan_spoil(s, mail || directory ? EV_EX_SECTION : EV_EX_PAB,
		    "the heading of a section has %zu fields, expected %zu (%s)", s->n, want,
		    mail        ? "MAILMESSAGE,SMTP:address"
		    : directory ? "DIRECTORY"
				: "PAB,SMTP:address");
	else if (mail && s->r->n_sections >= EXREAD_SECTIONS_MAX)
		scan_spoil(s, EV_EX_SECTION, "more than %d sections", EXREAD_SECTIONS_MAX);
	else if (mail && !scan_mail_owner(s))
		scan_spoil(s, EV_EX_SECTION,
		    "MAILMESSAGE names no owner, expected for example "
		    "MAILMESSAGE,SMTP:ana@example.org");
	else if (s->kind == SCAN_PAB)
		s->r->totals.pab_sections++;
}

static bool
scan_is_keyword(const struct scan *s)
{
	return scan_is(s, 0, "MAILMESSAGE") || scan_is(s, 0, "DIRECTORY") || scan_is(s, 0, "PAB");
}

/* A row of column names right behind? The line under way is not disturbed. */
static bool
scan_columns_follow(struct scan *s, struct err *err)
{
	struct exline next = { 0 };
	uint64_t at, line;

	exlex_tell(s->lex, &at, &line);
	enum exstep step = exlex_next(s->lex, false, &next, err);
	bool yes = step == EXSTEP_ITEM && (slice_starts_nocase(next.text, "Folder,Sender,") ||
					      slice_starts_nocase(next.text, "Obj-class,"));

	exlex_seek(s->lex, at, line);
	return yes;
}

static bool
scan_is_heading(struct scan *s, struct err *err)
{
	if (!scan_is_keyword(s) || s->line.too_long)
		return false;
	if (s->fresh || s->kind == SCAN_NONE)
		return s->n < PRI_FIELDS;
	if (s->n > 2 || !scan_columns_follow(s, err))
		return false;
	read_problem(s->r, &s->at, EV_EX_LENIENT,
	    "a section begins without a blank line before its heading");
	return true;
}

static void
scan_mail_columns(struct scan *s)
{
	struct exread *r = s->r;

	if (s->n < PRI_FIELDS || !scan_columns_are(s, mail_columns, PRI_FIELDS)) {
		scan_spoil(s, EV_EX_SECTION,
		    "the row of column names has %zu fields, expected the 12 of "
		    "\"Folder,Sender,To,Cc,"
		    "Bcc,Subject,Send-Date,Received-Date,Priority,Unread,Unsent,Body\" in this "
		    "order",
		    s->n);
		return;
	}
	struct exsection *n = scan_new_section(r);
	struct exown *own = &r->own[s->owner];

	n->file = s->file;
	exlex_tell(s->lex, &n->at, &n->line);
	if (own->last != 0)
		r->section[own->last - 1].next = (uint32_t)r->n_sections;
	else
		own->first = (uint32_t)r->n_sections;
	own->last = (uint32_t)r->n_sections;
	r->owner[s->owner].sections++;
	r->totals.mail_sections++;
}

static void
scan_directory_columns(struct scan *s)
{
	s->fields = s->n;
	if (!scan_is(s, 0, "Obj-class") || !scan_is(s, 1, "Mode") || s->n > DIRECTORY_FIELDS_MAX)
		scan_spoil(s, EV_EX_SECTION,
		    "the row of column names has %zu fields, expected Obj-class and Mode first, at "
		    "most "
		    "%d",
		    s->n, DIRECTORY_FIELDS_MAX);
}

static void
scan_columns(struct scan *s)
{
	s->columns = false;
	if (s->kind == SCAN_MAIL)
		scan_mail_columns(s);
	else if (s->kind == SCAN_DIRECTORY)
		scan_directory_columns(s);
	else if (s->n != PAB_FIELDS)
		scan_spoil(s, EV_EX_PAB,
		    "the row of column names of an address book has %zu fields, expected %d", s->n,
		    PAB_FIELDS);
	else if (!scan_columns_are(s, pab_columns, PAB_FIELDS))
		scan_spoil(s, EV_EX_PAB,
		    "the row of column names of an address book has other names than expected "
		    "(Obj-class,Display-Name,Email-Address, ... Pager-Num,Note)");
}

static void scan_directory_fault(struct scan *s, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void
scan_directory_fault(struct scan *s, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	s->r->totals.directory_faults++;
	read_problem(s->r, &s->at, EV_EX_DIRECTORY, "%s", text);
}

/* EM-28: a backslash that is not \r, \n or \\. The line is cut again, for it may have many columns.
 */
static void
scan_directory_slashes(struct scan *s)
{
	struct exread *r = s->r;
	struct excut cut;
	struct slice raw;
	size_t column = 0, bad = 0;

	excut_init(&cut, buf_slice(&r->text), ',');
	while (excut_next(&cut, &raw)) {
		column++;
		if (memchr(raw.data, '\\', raw.len) == NULL)
			continue;
		buf_reset(&r->scratch);
		buf_reset(&r->other);
		exlex_value(raw, &r->scratch);
		exlex_directory(buf_slice(&r->scratch), &r->other, &bad);
		if (bad > 0)
			scan_directory_fault(s,
			    "field %zu has a single backslash; expected \\\\, or \\r and \\n for "
			    "CR and "
			    "LF",
			    column);
	}
}

static void
scan_directory(struct scan *s)
{
	s->r->totals.directory_objects++;
	if (s->cut.is_stray || s->cut.open) {
		s->at.column = s->cut.open ? 0 : excut_column(s->cut.text, s->cut.stray);
		s->r->totals.directory_faults++;
		read_problem(s->r, &s->at, EV_EX_QUOTE,
		    "text follows a closing quote, or a quote is not closed; count the quotes");
	} else if (s->n != s->fields) {
		scan_directory_fault(
		    s, "%zu fields, expected %zu as the row of column names has", s->n, s->fields);
	} else if (!scan_is(s, 1, "create")) {
		scan_directory_fault(
		    s, "the Mode is '%.*s', expected create", SLICE_ARG(s->raw[1]));
	} else if (memchr(s->r->text.data, '\\', s->r->text.len) != NULL) {
		scan_directory_slashes(s);
	}
}

static void
scan_pab(struct scan *s)
{
	s->r->totals.pab_entries++;
	if (s->cut.is_stray || s->cut.open)
		read_problem(s->r, &s->at, EV_EX_QUOTE,
		    "text follows a closing quote, or a quote is not closed; count the quotes");
	else if (s->n < PAB_REQUIRED || exlex_trim(s->raw[0]).len == 0 ||
		 exlex_trim(s->raw[1]).len == 0 || exlex_trim(s->raw[2]).len == 0)
		read_problem(s->r, &s->at, EV_EX_LINE,
		    "an entry of an address book needs Obj-class, Display-Name and Email-Address");
}

static void
scan_text(struct scan *s, struct err *err)
{
	struct exread *r = s->r;

	if (scan_is_heading(s, err)) {
		scan_heading(s);
	} else if (s->kind == SCAN_NONE) {
		scan_spoil(s, EV_EX_SECTION,
		    "text outside of a section, expected MAILMESSAGE, PAB or DIRECTORY");
	} else if (s->columns && s->kind != SCAN_BAD) {
		scan_columns(s);
	} else if (s->kind == SCAN_MAIL) {
		r->owner[s->owner].lines++;
		r->totals.mail_lines++;
	} else if (s->kind == SCAN_PAB) {
		scan_pab(s);
	} else if (s->kind == SCAN_DIRECTORY) {
		scan_directory(s);
	}
	s->bad_lines += s->kind == SCAN_BAD;
	s->last = s->line.last;
	s->fresh = false;
}

static int
scan_lines(struct scan *s, struct err *err)
{
	enum exstep step;
	uint64_t at, line;

	while ((step = scan_line(s, err)) == EXSTEP_ITEM) {
		if (s->line.kind == EXLINE_TEXT)
			scan_text(s, err);
		else
			s->fresh = true;
	}
	exlex_tell(s->lex, &at, &line);
	scan_close(s, at);
	return step == EXSTEP_ERR ? -1 : 0;
}

static void
scan_file(struct exread *r, uint32_t file)
{
	AUTO(file_close) int fd = -1;
	struct scan s = { .r = r, .file = file, .fresh = true };
	struct err err = { 0 };
	const char *why;
	uint64_t size;
	struct exfault at = exfault_in_line(read_name(r, file), 1, 0, 0);

	if (!read_open(r, file, &fd, &size, &why)) {
		read_problem(r, &at, EV_EX_UNREADABLE, "cannot be read: %s", why);
		return;
	}
	if (size == 0)
		read_problem(r, &at, EV_EX_UNREADABLE,
		    "has 0 octets, expected a section; it was cut, take it from another copy");
	s.lex = exlex_new(fd, r->file[file].name, r->page);
	s.at = at;
	if (scan_lines(&s, &err) < 0)
		read_problem(r, &s.at, EV_EX_UNREADABLE, "cannot be read on: %s", err.text);
	exlex_free(&s.lex);
}

void
section_scan(struct exread *r)
{
	for (uint32_t i = 0; i < r->n_files; i++) {
		if (r->file[i].primary && r->file[i].name != NULL)
			scan_file(r, i);
	}
}
