/* See text.h. A text is encoded first and looked at afterwards: what needs quotes is decided on the
 * octets that a reader will see. No accepted code page has a control, a quote, a comma or a
 * semicolon inside a character, and a backslash there only brings quotes that were not needed. */
#include "store/exchange/text.h"

#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
	TEXT_PIECE = 4096,
	TEXT_ONE_MAX = EXFIELD_DATA_MAX / 4 - 16 /* quoting twice makes it four times as long */
};

static const char text_must_quote[] = "#!,\\\"%.;";

void
exfield_init(struct exfield *f)
{
	*f = (struct exfield){ 0 };
	buf_init(&f->cell, EXFIELD_MAX);
	buf_init(&f->data, EXFIELD_DATA_MAX);
	buf_init(&f->raw, EXFIELD_DATA_MAX);
	buf_init(&f->one, TEXT_ONE_MAX);
}

void
exfield_done(struct exfield *f)
{
	buf_done(&f->cell);
	buf_done(&f->data);
	buf_done(&f->raw);
	buf_done(&f->one);
}

/* In pieces, so that what does not fit is cut between characters and not left out as a whole. */
static bool
text_encode(struct codepage *page, struct slice utf8, struct buf *out, struct exnotes *io)
{
	while (utf8.len > 0) {
		size_t n = utf8.len < TEXT_PIECE ? utf8.len : TEXT_PIECE;

		if (n < utf8.len)
			n = codepage_whole_utf8((struct slice){ utf8.data, n });
		if (!codepage_encode(page, (struct slice){ utf8.data, n }, out, &io->lacks))
			return false;
		utf8 = (struct slice){ utf8.data + n, utf8.len - n };
	}
	return true;
}

/* Controls become blanks in place, from octet `from` on; CR and LF too unless they are kept. */
static void
text_clean(struct buf *b, size_t from, bool keep_breaks, struct exnotes *io)
{
	size_t to = from;
	bool after_cr = false;

	for (size_t i = from; i < b->len; i++) {
		unsigned char c = (unsigned char)b->data[i];
		bool second = c == '\n' && after_cr;

		after_cr = c == '\r';
		if (c >= 0x20 || c == '\t' || (keep_breaks && (c == '\n' || c == '\r'))) {
			b->data[to++] = (char)c;
		} else if (!second) {
			io->blanks++;
			b->data[to++] = ' ';
		}
	}
	if (b->len > 0) {
		b->len = to;
		b->data[to] = '\0';
	}
}

static bool
text_edges(struct slice octets)
{
	static const char blanks[] = " \t";

	return octets.len > 0 && (memchr(blanks, octets.data[0], 2) != NULL ||
				     memchr(blanks, octets.data[octets.len - 1], 2) != NULL);
}

static bool
text_has(struct slice octets, const char *any)
{
	for (size_t i = 0; i < octets.len; i++) {
		if (octets.data[i] != '\0' && strchr(any, octets.data[i]) != NULL)
			return true;
	}
	return false;
}

static bool
text_quote(struct slice octets, struct buf *out)
{
	buf_add_byte(out, '"');
	while (octets.len > 0) {
		const char *quote = memchr(octets.data, '"', octets.len);
		size_t n = quote != NULL ? (size_t)(quote - octets.data) + 1 : octets.len;

		buf_add(out, octets.data, n);
		if (quote != NULL)
			buf_add_byte(out, '"');
		octets = (struct slice){ octets.data + n, octets.len - n };
	}
	return buf_add_byte(out, '"');
}

static bool
text_cell(struct slice octets, const char *must_quote, struct buf *out)
{
	if (text_has(octets, must_quote) || text_edges(octets))
		return text_quote(octets, out);
	return buf_add(out, octets.data, octets.len);
}

static void
field_reset(struct exfield *f)
{
	buf_reset(&f->cell);
	buf_reset(&f->data);
	buf_reset(&f->raw);
	buf_reset(&f->one);
	f->apart = false;
	f->notes = (struct exnotes){ 0 };
}

/* A cell that is too long is not kept in part. */
static void
field_measure(struct exfield *f)
{
	if (f->cell.full) {
		f->apart = true;
		buf_reset(&f->cell);
	}
}

void
exfield_text(struct exfield *f, struct codepage *page, struct slice utf8)
{
	struct exnotes breaks = { 0 };

	field_reset(f);
	if (!text_encode(page, utf8, &f->one, &f->notes))
		f->notes.left++;
	text_clean(&f->one, 0, true, &f->notes);
	if (f->one.len > 0 && (f->one.data[0] == '"' || text_edges(buf_slice(&f->one))))
		text_quote(buf_slice(&f->one), &f->data);
	else
		buf_add(&f->data, f->one.data, f->one.len);
	text_clean(&f->one, 0, false, &breaks);
	f->apart = breaks.blanks > 0;
	f->notes.blanks += breaks.blanks;
	text_cell(buf_slice(&f->one), text_must_quote, &f->cell);
	field_measure(f);
}

/* f->one = Display[TYPE:address] in the code page; false: nothing to write. */
static bool
field_recip(struct exfield *f, struct codepage *page, const struct exrecip *r)
{
	struct slice display = r->display.len > 0 ? r->display : r->address;
	bool whole;

	buf_reset(&f->one);
	if (display.len == 0)
		return false;
	whole = text_encode(page, display, &f->one, &f->notes);
	if (r->address.len > 0) {
		whole = whole && buf_add_byte(&f->one, '[') &&
			text_encode(page, r->type.len > 0 ? r->type : slice_str("SMTP"), &f->one,
			    &f->notes) &&
			buf_add_byte(&f->one, ':') &&
			text_encode(page, r->address, &f->one, &f->notes) &&
			buf_add_byte(&f->one, ']');
	}
	if (!whole)
		f->notes.left++;
	text_clean(&f->one, 0, false, &f->notes);
	return whole;
}

/* The list in the form that may stand inside quotes: only values that hold ';' or '"' have quotes.
 * Returns how many values there are; *ret_whole: the field has to be quoted as a whole, because a
 * value holds ';' or because one value alone in quotes would be taken for such a field (2.1). */
static size_t
field_list(
    struct exfield *f, struct codepage *page, const struct exrecip *list, size_t n, bool *ret_whole)
{
	size_t values = 0;
	bool quoted = false, semicolon = false;

	for (size_t i = 0; i < n; i++) {
		if (!field_recip(f, page, &list[i]))
			continue;
		struct slice one = buf_slice(&f->one);

		if (f->raw.max - f->raw.len < 4 * one.len + 16) {
			f->notes.left++;
			continue;
		}
		if (values > 0) {
			buf_add_byte(&f->raw, ';');
			buf_add_byte(&f->cell, ';');
		}
		values++;
		quoted = text_has(one, ";\"") || text_edges(one);
		semicolon |= text_has(one, ";");
		if (quoted)
			text_quote(one, &f->raw);
		else
			buf_add(&f->raw, one.data, one.len);
		text_cell(one, text_must_quote, &f->cell);
	}
	*ret_whole = semicolon || (values == 1 && quoted);
	return values;
}

void
exfield_recips(struct exfield *f, struct codepage *page, const struct exrecip *list, size_t n)
{
	bool whole;

	field_reset(f);
	size_t values = field_list(f, page, list, n, &whole);

	if (whole) {
		buf_reset(&f->cell);
		text_quote(buf_slice(&f->raw), &f->cell);
	}
	if (whole && values == 1)
		text_quote(buf_slice(&f->raw), &f->data);
	else
		buf_add(&f->data, f->raw.data, f->raw.len);
	field_measure(f);
}

bool
expointer_write(const char *sec, uint64_t offset, struct buf *out)
{
	return buf_printf(out, "#%s(%" PRIu64 ")", sec, offset);
}

void
exfield_point(struct exfield *f, const char *sec, uint64_t offset)
{
	buf_reset(&f->cell);
	expointer_write(sec, offset, &f->cell);
}

bool
expri_line(const struct expri *l, struct buf *out)
{
	const struct slice cell[] = { l->folder, l->sender, l->to, l->cc, l->bcc, l->subject,
		slice_str(l->sent), slice_str(l->received), slice_str(l->priority),
		slice_str(l->unread ? "TRUE" : "FALSE"), slice_str(l->unsent ? "TRUE" : "FALSE"),
		l->body };

	for (size_t i = 0; i < sizeof cell / sizeof cell[0]; i++) {
		if (i > 0)
			buf_add_byte(out, ',');
		buf_add(out, cell[i].data, cell[i].len);
	}
	return buf_add_str(out, "\r\n");
}

static bool
text_plain(struct codepage *page, struct slice utf8, struct buf *out, struct exnotes *io)
{
	size_t from = out->len;

	text_encode(page, utf8, out, io);
	text_clean(out, from, false, io);
	return !out->full;
}

bool
expri_comment(struct codepage *page, int64_t time, const char *host, const char *login,
    const char *zone, struct buf *out, struct exnotes *io)
{
	time_t at = (time_t)time;
	char text[64] = "";
	struct tm tm;

	if (localtime_r(&at, &tm) != NULL)
		strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
	buf_printf(out, "! extracted %s from ", text);
	text_plain(page, slice_str(host), out, io);
	buf_add_str(out, ", user ");
	text_plain(page, slice_str(login), out, io);
	if (zone != NULL && zone[0] != '\0') {
		buf_add_str(out, "\r\n! times are in the zone ");
		text_plain(page, slice_str(zone), out, io);
	}
	return buf_add_str(out, "\r\n");
}

/* An owner is quoted only where a reader would stumble: samples leave its dots alone. */
bool
expri_heading(struct codepage *page, struct slice owner, struct buf *out, struct exnotes *io)
{
	struct buf octets;

	buf_init(&octets, TEXT_ONE_MAX);
	text_plain(page, owner, &octets, io);
	buf_add_str(out, "MAILMESSAGE,");
	text_cell(buf_slice(&octets), "#!,\\\"%;", out);
	buf_done(&octets);
	return buf_add_str(out,
	    "\r\nFolder,Sender,To,Cc,Bcc,Subject,Send-Date,Received-Date,Priority,Unread,Unsent,"
	    "Body\r\n");
}

bool
exowner_name(const char *smtp_address, const char *login, const char *host, struct buf *out)
{
	if (smtp_address != NULL && smtp_address[0] != '\0')
		return buf_printf(out, "SMTP:%s", smtp_address);
	return buf_printf(out, "SMTP:%s@%s", login, host);
}

const char *
exrecord_type_name(enum exrecord_type t)
{
	static const char *const names[EXRECORD_TYPES] = { "Body", "Attachment", "Schedule",
		"Document", "Other" };

	return names[t];
}

bool
exsec_heading(struct buf *out)
{
	return buf_add_str(out, "Type,Length,Encoding,Islast,Name,Position,Format\r\n");
}

bool
exrecord_head(const struct exrecord *r, struct codepage *page, struct buf *out, struct exnotes *io)
{
	bool named = r->type != EXRECORD_BODY && r->type != EXRECORD_OTHER;

	buf_printf(out, "%s,%" PRIu64 ",,%s,", exrecord_type_name(r->type), r->length,
	    r->last ? "TRUE" : "FALSE");
	if (named) {
		excell(page, r->name, out, io);
		buf_printf(out, ",%" PRId64 ",None\r\n", r->position);
	} else {
		buf_add_str(out, ",,\r\n");
	}
	return !out->full;
}

void
exrecord_name(unsigned n, char ret[32])
{
	snprintf(ret, 32, "attachment-%u.bin", n);
}

bool
excell(struct codepage *page, struct slice utf8, struct buf *out, struct exnotes *io)
{
	struct buf octets;

	buf_init(&octets, TEXT_ONE_MAX);
	if (!text_plain(page, utf8, &octets, io))
		io->left++;
	text_cell(buf_slice(&octets), text_must_quote, out);
	buf_done(&octets);
	return !out->full;
}

bool
exdirectory_value(struct codepage *page, struct slice utf8, struct buf *out, struct exnotes *io)
{
	struct buf escaped;

	buf_init(&escaped, TEXT_ONE_MAX);
	for (size_t i = 0; i < utf8.len; i++) {
		char c = utf8.data[i];

		if (c == '\\' || c == '\r' || c == '\n')
			buf_add_byte(&escaped, '\\');
		buf_add_byte(&escaped, (char)(c == '\r' ? 'r' : c == '\n' ? 'n' : c));
	}
	bool done = excell(page, buf_slice(&escaped), out, io);

	buf_done(&escaped);
	return done;
}

bool
exdirectory_ascii(struct slice utf8, struct buf *out)
{
	while (utf8.len > 0) {
		uint32_t c;
		size_t n = utf8_char(utf8, &c);
		char text[5] = { 0 };

		memcpy(text, utf8.data, n);
		if (c < 0x80) {
			buf_add_byte(out, (char)(c < 0x20 || c == 0x7F ? ' ' : (int)c));
		} else if (n == 1) {
			buf_add_byte(out, ' ');
		} else {
			char *ascii = g_str_to_ascii(text, "C");

			buf_add_str(out, strcmp(ascii, "?") == 0 ? " " : ascii);
			g_free(ascii);
		}
		utf8 = (struct slice){ utf8.data + n, utf8.len - n };
	}
	return !out->full;
}
