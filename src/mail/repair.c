#include "mail/repair.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"

enum { OUT_MAX = 64 * 1024, LINE_LIMIT = 998, LINE_BREAK = 990, WORD_MAX = 60 };

struct mender {
	enum repair what;
	struct spool *to;
	struct buf out;
	bool changed, header, at_start;	/* at_start: of a line */
	char before;			/* the octet before; 0 at the beginning */
	size_t column;
	/* REPAIR_HEADER: the line so far, without its end */
	struct buf line;
	bool raw;			/* the line is too long to be judged: it passes */
	bool folds;			/* the line before was a field: this may go on with it */
};

const char *
repair_words(enum repair r)
{
	static const char *const words[REPAIRS] = { "NUL octets replaced by 0x80",
		"line ends made CRLF", "8-bit octets and damaged lines of the header encoded",
		"lines over 998 octets broken" };

	return words[r];
}

static int
mender_flush(struct mender *m, struct err *err)
{
	int rc = m->out.len > 0 ? spool_add(m->to, buf_slice(&m->out), err) : 0;

	buf_reset(&m->out);
	return rc;
}

static int
put(struct mender *m, const char *data, size_t len, struct err *err)
{
	if (m->out.len + len > OUT_MAX && mender_flush(m, err) < 0)
		return -1;
	if (len > OUT_MAX)
		return spool_add(m->to, (struct slice){ data, len }, err);
	buf_add(&m->out, data, len);
	return 0;
}

/* ---- octet by octet ---- */

static int
mend_eol(struct mender *m, char c, struct err *err)
{
	if (m->before == '\r' && c != '\n') {
		m->changed = true;
		if (put(m, "\n", 1, err) < 0)
			return -1;
	}
	if (c == '\n' && m->before != '\r') {
		m->changed = true;
		if (put(m, "\r", 1, err) < 0)
			return -1;
	}
	return put(m, &c, 1, err);
}

/* In the header a broken line must go on with a blank; the header ends at the empty line. */
static int
mend_lines(struct mender *m, char c, struct err *err)
{
	if (c == '\n') {
		if (m->column == 0)
			m->header = false;
		m->column = 0;
		return put(m, &c, 1, err);
	}
	if (c == '\r')
		return put(m, &c, 1, err);
	if (m->column >= LINE_BREAK && (m->column >= LINE_LIMIT - 4 || c == ' ' || c == '\t')) {
		const char *by = !m->header ? "\r\n" : c == ' ' || c == '\t' ? "\r\n" : "\r\n ";

		m->changed = true;
		m->column = m->header && by[2] != '\0';
		if (put(m, by, strlen(by), err) < 0)
			return -1;
	}
	m->column++;
	return put(m, &c, 1, err);
}

/* ---- header lines ---- */

static bool
is_8bit(const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)data[i] >= 0x80)
			return true;
	return false;
}

/* "Müller" as =?utf-8?q?M=C3=BCller?=, in pieces that fit a line; quotes, commas and brackets around
 * the word stay outside. */
static int
put_word(struct mender *m, const char *data, size_t len, struct err *err)
{
	static const char around[] = "\"'(),<>;:[]";
	size_t from = 0, to = len;
	bool utf8;

	while (from < to && strchr(around, data[from]) != NULL)
		from++;
	while (to > from && strchr(around, data[to - 1]) != NULL)
		to--;
	utf8 = utf8_valid((struct slice){ data + from, to - from });
	if (put(m, data, from, err) < 0)
		return -1;
	for (size_t at = from; at < to;) {
		char word[WORD_MAX + 32];
		size_t n = (size_t)snprintf(
		    word, sizeof(word), "=?%s?q?", utf8 ? "utf-8" : "iso-8859-1");

		while (at < to && n < WORD_MAX) {
			unsigned char c = (unsigned char)data[at];

			/* A character is not divided between two words. */
			if (utf8 && n > WORD_MAX - 12 && (c & 0xc0) != 0x80)
				break;
			if (isalnum(c))
				word[n++] = (char)c;
			else
				n += (size_t)snprintf(word + n, sizeof(word) - n, "=%02X", c);
			at++;
		}
		memcpy(word + n, "?=", 2);
		if (put(m, word, n + 2, err) < 0 || (at < to && put(m, "\r\n ", 3, err) < 0))
			return -1;
	}
	return put(m, data + to, len - to, err);
}

static int
put_words(struct mender *m, const char *data, size_t len, struct err *err)
{
	for (size_t at = 0; at < len;) {
		size_t end = at;

		while (end < len && data[end] != ' ' && data[end] != '\t')
			end++;
		if (is_8bit(data + at, end - at)) {
			m->changed = true;
			if (put_word(m, data + at, end - at, err) < 0)
				return -1;
		} else if (put(m, data + at, end - at, err) < 0) {
			return -1;
		}
		if (end < len && put(m, data + end++, 1, err) < 0)
			return -1;
		at = end;
	}
	return 0;
}

static bool
is_field(struct slice line)
{
	for (size_t i = 0; i < line.len; i++) {
		unsigned char c = (unsigned char)line.data[i];

		if (c == ':')
			return i > 0;
		if (c <= ' ' || c >= 0x7f)
			return false;
	}
	return false;
}

static int
mend_header_line(struct mender *m, const char *end, struct err *err)
{
	struct slice line = buf_slice(&m->line);
	bool blank = line.len > 0 && (line.data[0] == ' ' || line.data[0] == '\t');
	int rc = 0;

	if (line.len == 0) {
		m->header = false;
	} else if (!(blank ? m->folds : is_field(line))) {
		m->changed = true;
		rc = put(m, "X-Damaged-Line: ", 16, err);
	}
	m->folds = line.len > 0;
	if (rc == 0)
		rc = put_words(m, line.data, line.len, err);
	if (rc == 0)
		rc = put(m, end, strlen(end), err);
	buf_reset(&m->line);
	return rc;
}

static int
mend_header(struct mender *m, char c, struct err *err)
{
	if (!m->header || m->raw) {
		m->raw = m->raw && c != '\n';
		return put(m, &c, 1, err);
	}
	if (c != '\n') {
		if (m->line.len < OUT_MAX) {
			buf_add_byte(&m->line, c);
			return 0;
		}
		m->raw = true;
		if (put(m, m->line.data, m->line.len, err) < 0)
			return -1;
		buf_reset(&m->line);
		return put(m, &c, 1, err);
	}

	const char *end = "\n";

	if (m->line.len > 0 && m->line.data[m->line.len - 1] == '\r') {
		m->line.data[--m->line.len] = '\0';
		end = "\r\n";
	}
	return mend_header_line(m, end, err);
}

static int
mend(struct mender *m, char c, struct err *err)
{
	switch (m->what) {
	case REPAIR_NUL:
		if (c == '\0') {
			m->changed = true;
			c = '\x80';
		}
		return put(m, &c, 1, err);
	case REPAIR_EOL:
		return mend_eol(m, c, err);
	case REPAIR_LINES:
		return mend_lines(m, c, err);
	default:
		return mend_header(m, c, err);
	}
}

static int
mend_end(struct mender *m, struct err *err)
{
	if (m->what == REPAIR_EOL && m->before == '\r') {
		m->changed = true;
		return put(m, "\n", 1, err);
	}
	if (m->what == REPAIR_HEADER && m->line.len > 0)
		return mend_header_line(m, "", err);
	return 0;
}

int
repair_message(
    enum repair r, struct spool *from, struct spool *to, bool *ret_changed, struct err *err)
{
	struct mender m = { .what = r, .to = to, .header = true };
	uint64_t at = 0;
	int rc = 0;

	spool_reset(to);
	buf_init(&m.out, OUT_MAX + 16);
	buf_init(&m.line, OUT_MAX + 16);
	while (rc == 0) {
		struct slice part;

		rc = spool_read(from, at, OUT_MAX, &part, err);
		if (rc < 0 || part.len == 0)
			break;
		for (size_t i = 0; rc == 0 && i < part.len; i++) {
			rc = mend(&m, part.data[i], err);
			m.before = part.data[i];
		}
		at += part.len;
	}
	if (rc == 0)
		rc = mend_end(&m, err);
	if (rc == 0)
		rc = mender_flush(&m, err);
	*ret_changed = m.changed;
	buf_done(&m.out);
	buf_done(&m.line);
	return rc;
}
