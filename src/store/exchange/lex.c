/* See lex.h. The file is read through a window of 64 KiB with pread, so that a place can be kept
 * and returned to: that is how a line break inside quotes is tried and taken back. A line is held
 * up to a maximum and its rest only counted. */
#include "store/exchange/lex.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

enum { LEX_WINDOW = 64 * 1024, LEX_CTRL_Z = 0x1A };

struct exlex {
	int fd;
	const char *name;
	struct codepage *page;
	uint64_t at, line; /* of the next physical line */
	uint64_t from; /* of the window in the file */
	size_t len;
	struct buf text;
	char window[LEX_WINDOW];
};

/* What a physical line adds to the text. */
struct lex_piece {
	bool cut, unended, odd;
	bool end; /* there was no line */
	size_t quotes;
};

struct exlex *
exlex_new(int fd, const char *name, struct codepage *page)
{
	struct exlex *l = mem_new(sizeof *l);

	*l = (struct exlex){ .fd = fd, .name = name, .page = page, .line = 1 };
	buf_init(&l->text, EXLEX_LINE_MAX);
	return l;
}

void
exlex_free(struct exlex **l)
{
	if (*l != NULL)
		buf_done(&(*l)->text);
	free(*l);
	*l = NULL;
}

void
exlex_seek(struct exlex *l, uint64_t at, uint64_t line)
{
	l->at = at;
	l->line = line;
}

void
exlex_tell(const struct exlex *l, uint64_t *ret_at, uint64_t *ret_line)
{
	*ret_at = l->at;
	*ret_line = l->line;
}

/* What the file has at `at`, at least one octet unless it ends there. */
static int
lex_window(struct exlex *l, struct slice *ret, struct err *err)
{
	if (l->at < l->from || l->at >= l->from + l->len) {
		ssize_t n;

		do {
			n = pread(l->fd, l->window, sizeof l->window, (off_t)l->at);
		} while (n < 0 && errno == EINTR);
		l->from = l->at;
		l->len = n > 0 ? (size_t)n : 0;
		if (n < 0)
			return err_set_sys(err, ERR_DISK, "cannot read '%s'", l->name);
	}
	*ret = (struct slice){ l->window + (l->at - l->from), (size_t)(l->from + l->len - l->at) };
	return 0;
}

static void
lex_take(struct exlex *l, struct slice part, struct lex_piece *p)
{
	size_t room = l->text.max - l->text.len;

	p->cut |= part.len > room;
	buf_add(&l->text, part.data, part.len < room ? part.len : room);
}

/* Octets of a finished piece that are worth a word. */
static void
lex_look(struct slice piece, struct lex_piece *p)
{
	for (size_t i = 0; i < piece.len; i++) {
		p->quotes += piece.data[i] == '"';
		p->odd |= piece.data[i] == '\0' || piece.data[i] == '\r';
	}
}

/* Append the next physical line to the text, without its end. */
static int
lex_physical(struct exlex *l, struct lex_piece *ret, struct err *err)
{
	size_t start = l->text.len;
	struct lex_piece p = { .end = true };
	struct slice have = { 0 };

	for (;;) {
		if (lex_window(l, &have, err) < 0)
			return -1;
		if (l->at == 0 && have.len >= 3 && memcmp(have.data, "\xEF\xBB\xBF", 3) == 0)
			have = (struct slice){ have.data + 3, have.len - 3 };
		p.end = p.end && have.len == 0;
		if (have.len == 0)
			break;
		const char *lf = memchr(have.data, '\n', have.len);
		size_t n = lf != NULL ? (size_t)(lf - have.data) : have.len;

		lex_take(l, (struct slice){ have.data, n }, &p);
		l->at = l->from + (size_t)(have.data - l->window) + n + (lf != NULL);
		if (lf != NULL)
			break;
	}
	p.unended = have.len == 0;
	l->line += !p.end;
	if (!p.cut && l->text.len > start && l->text.data[l->text.len - 1] == '\r')
		l->text.len--;
	lex_look((struct slice){ l->text.data + start, l->text.len - start }, &p);
	*ret = p;
	return 0;
}

static bool
lex_continued(struct exlex *l)
{
	struct slice t = buf_slice(&l->text);

	if (t.len < 2 || t.data[t.len - 1] != '\\' || t.data[t.len - 2] != '\\')
		return false;
	return l->page == NULL ||
	       codepage_whole(l->page, (struct slice){ t.data, t.len - 2 }) == t.len - 2;
}

/* Every quote begins a value or ends one. */
static bool
lex_in_order(struct slice text)
{
	struct excut c;
	struct slice piece;

	excut_init(&c, text, ',');
	while (excut_next(&c, &piece)) {
		if (memchr(piece.data, '"', piece.len) != NULL && piece.data[0] != '"')
			return false;
	}
	return !c.is_stray && !c.open;
}

/* The line ended inside quotes: take the break for a blank if the quotes then come right. */
static int
lex_rejoin(struct exlex *l, size_t *io_quotes, struct lex_piece *io_piece, struct exline *io,
    struct err *err)
{
	size_t len = l->text.len, quotes = *io_quotes;
	uint64_t at = l->at, line = l->line;
	struct lex_piece p = *io_piece;
	bool odd = p.odd;

	for (unsigned i = 0; i < EXLEX_BREAKS_MAX && quotes % 2 == 1; i++) {
		size_t start = l->text.len + 1;

		if (!buf_add_byte(&l->text, ' '))
			break;
		if (lex_physical(l, &p, err) < 0)
			return -1;
		if (p.end || p.cut || l->text.len == start ||
		    l->text.len - len > EXLEX_BREAKS_OCTETS)
			break;
		quotes += p.quotes;
		odd |= p.odd;
	}
	if (quotes % 2 == 0 && lex_in_order(buf_slice(&l->text))) {
		io->rejoined = true;
		io_piece->unended = p.unended;
		io_piece->odd = odd;
		*io_quotes = quotes;
		return 0;
	}
	l->text.len = len;
	l->text.full = false;
	exlex_seek(l, at, line);
	return 0;
}

static int
lex_join(struct exlex *l, struct lex_piece *io, struct exline *ret, struct err *err)
{
	size_t quotes = io->quotes;
	bool tried = false;

	while (!io->cut && !io->unended) {
		if (quotes % 2 == 1 && !tried) {
			tried = true;
			if (lex_rejoin(l, &quotes, io, ret, err) < 0)
				return -1;
			continue;
		}
		if (quotes % 2 == 1 || !lex_continued(l))
			break;
		struct lex_piece p;

		l->text.len -= 2;
		if (lex_physical(l, &p, err) < 0)
			return -1;
		quotes += p.quotes;
		io->unended = p.unended;
		io->cut = p.cut;
		io->odd |= p.odd;
	}
	return 0;
}

enum exstep
exlex_next(struct exlex *l, bool join, struct exline *ret, struct err *err)
{
	struct exline line = { .line = l->line, .at = l->at };
	struct lex_piece p;

	buf_reset(&l->text);
	if (lex_physical(l, &p, err) < 0)
		return EXSTEP_ERR;
	if (p.end || (p.unended && l->text.len == 1 && l->text.data[0] == LEX_CTRL_Z))
		return EXSTEP_END;
	if (l->text.len == 0)
		line.kind = EXLINE_BLANK;
	else if (l->text.data[0] == '!')
		line.kind = EXLINE_COMMENT;
	else if (join && lex_join(l, &p, &line, err) < 0)
		return EXSTEP_ERR;
	line.text = buf_slice(&l->text);
	line.last = l->line - 1;
	line.too_long = p.cut;
	line.unended = p.unended;
	line.odd = p.odd;
	*ret = line;
	return EXSTEP_ITEM;
}

void
excut_init(struct excut *c, struct slice text, char separator)
{
	*c = (struct excut){ .text = text, .separator = separator };
}

static void
excut_stray(struct excut *c, size_t at)
{
	c->stray = c->is_stray ? c->stray : at;
	c->is_stray = true;
}

bool
excut_next(struct excut *c, struct slice *ret)
{
	size_t start = c->at, at = c->at;
	bool quoted = false;

	if (c->done)
		return false;
	for (; at < c->text.len && (quoted || c->text.data[at] != c->separator); at++) {
		char now = c->text.data[at];

		if (now == '"')
			quoted = !quoted;
		else if (!quoted && at > start && c->text.data[at - 1] == '"' && now != ',' &&
			 now != ';')
			excut_stray(c, at);
	}
	c->open |= quoted;
	c->done = at >= c->text.len;
	c->at = at + 1;
	*ret = (struct slice){ c->text.data + start, at - start };
	return true;
}

size_t
excut_column(struct slice text, size_t at)
{
	size_t column = 1;

	for (size_t i = 0; i < at && i < text.len; i++)
		column += ((unsigned char)text.data[i] & 0xC0) != 0x80;
	return column;
}

bool
exlex_quoted(struct slice raw)
{
	if (raw.len < 2 || raw.data[0] != '"')
		return false;
	for (size_t i = 1; i < raw.len; i++) {
		if (raw.data[i] != '"')
			continue;
		if (i + 1 == raw.len)
			return true;
		if (raw.data[++i] != '"')
			return false;
	}
	return false;
}

bool
exlex_value(struct slice raw, struct buf *out)
{
	if (!exlex_quoted(raw))
		return buf_add(out, raw.data, raw.len);
	for (size_t i = 1; i + 1 < raw.len; i++) {
		i += raw.data[i] == '"';
		if (!buf_add_byte(out, raw.data[i]))
			return false;
	}
	return true;
}

bool
exlex_list(struct slice raw, struct buf *scratch, struct excut *ret)
{
	if (exlex_quoted(raw)) {
		buf_reset(scratch);
		if (!exlex_value(raw, scratch))
			return false;
		raw = buf_slice(scratch);
	}
	excut_init(ret, raw, ';');
	return true;
}

bool
exlex_name_ok(struct slice name)
{
	if (name.len == 0 || name.len > 255 || slice_eq(name, ".") || slice_eq(name, ".."))
		return false;
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.data[i];

		if (c < 0x20 || c == 0x7F || strchr("#();,\\/:*?\"<>|", c) != NULL)
			return false;
	}
	return true;
}

enum expointer_is
exlex_pointer(struct slice raw, struct expointer *ret)
{
	struct expointer p;

	if (raw.len == 0 || raw.data[0] != '#')
		return EXPOINTER_NOT;
	const char *open = memchr(raw.data, '(', raw.len);

	if (open == NULL || raw.data[raw.len - 1] != ')')
		return EXPOINTER_BAD;
	p.name = (struct slice){ raw.data + 1, (size_t)(open - raw.data - 1) };
	if (!exlex_name_ok(p.name) ||
	    !slice_u64((struct slice){ open + 1, (size_t)(raw.data + raw.len - open - 2) },
		INT64_MAX, &p.offset))
		return EXPOINTER_BAD;
	*ret = p;
	return EXPOINTER_GOOD;
}

bool
exlex_directory(struct slice value, struct buf *out, size_t *ret_bad)
{
	*ret_bad = 0;
	for (size_t i = 0; i < value.len; i++) {
		char c = value.data[i], next = i + 1 < value.len ? value.data[i + 1] : '\0';

		if (c == '\\' && (next == 'r' || next == 'n' || next == '\\')) {
			c = next == 'r' ? '\r' : next == 'n' ? '\n' : '\\';
			i++;
		} else if (c == '\\') {
			*ret_bad += 1;
		}
		if (!buf_add_byte(out, c))
			return false;
	}
	return true;
}

struct slice
exlex_trim(struct slice text)
{
	while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
		text = (struct slice){ text.data + 1, text.len - 1 };
	while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t'))
		text.len--;
	return text;
}

bool
exlex_truth(struct slice raw, bool *ret)
{
	struct slice word = exlex_trim(raw);

	if (!slice_eq_nocase(word, "TRUE") && !slice_eq_nocase(word, "FALSE"))
		return false;
	*ret = word.len == 4;
	return true;
}
