#include "imap/lex_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void
lex_init(struct lex *l, struct stream *in, struct arena *arena)
{
	*l = (struct lex){ .in = in, .arena = arena, .line_max = LEX_LINE_MAX };
	buf_init(&l->tape, LEX_TAPE_MAX);
}

void
lex_done(struct lex *l)
{
	buf_done(&l->tape);
}

void
lex_commit(struct lex *l)
{
	size_t len = (size_t)(l->at - l->mark), room = l->tape.max - 1 - l->tape.len;
	size_t last = len < LEX_TAIL ? len : LEX_TAIL;

	if (len == 0)
		return;
	buf_add(&l->tape, l->mark, len < room ? len : room);
	l->tail_len += len - last;
	for (const char *p = l->at - last; p < l->at; p++)
		l->tail[l->tail_len++ % LEX_TAIL] = *p;
	l->line_bytes += len;
	l->mark = l->at;
}

static void
lex_set_stop(struct lex *l)
{
	size_t there = (size_t)(l->end - l->at);
	uint64_t left = l->line_max > l->line_bytes ? l->line_max - l->line_bytes : 0;

	l->stop = l->at + (there < left ? there : (size_t)left);
}

static void
lex_lend(struct lex *l, struct slice part)
{
	l->at = l->from = l->mark = part.data;
	l->end = part.data + part.len;
	lex_set_stop(l);
}

void
lex_start(struct lex *l)
{
	buf_reset(&l->tape);
	l->mark = l->at;
	l->line_bytes = 0;
	l->line_max = LEX_LINE_MAX;
	l->tail_len = 0;
	l->owed = 0;
	l->endless = false;
	if (l->at != NULL)
		lex_set_stop(l);
}

void
lex_long_line(struct lex *l)
{
	l->line_max = LEX_NUMBERS_MAX;
	if (l->at == NULL)
		return;
	lex_commit(l);
	lex_set_stop(l);
}

void
lex_pause(struct lex *l)
{
	if (l->at == NULL)
		return;
	lex_commit(l);
	if (l->at > l->from)
		stream_skip(l->in, (size_t)(l->at - l->from));
	l->at = l->from = l->mark = l->end = l->stop = NULL;
}

/* What was read is given back first, since the buffer may move. */
int
lex_more(struct lex *l, struct err *err)
{
	struct slice more;

	if (l->at != NULL)
		lex_commit(l);
	if (l->line_bytes >= l->line_max)
		return err_set(err, ERR_PROTOCOL,
		    "a response of more than %llu octets outside literals",
		    (unsigned long long)l->line_max);
	lex_pause(l);
	if (stream_peek(l->in, 1, &more, err) < 0)
		return -1;
	lex_lend(l, more);
	return 0;
}

int
lex_accept(struct lex *l, char c, bool *ret, struct err *err)
{
	char next;

	if (lex_peek(l, &next, err) < 0)
		return -1;
	*ret = next == c;
	if (*ret)
		lex_take(l);
	return 0;
}

int
lex_expect(struct lex *l, char c, struct err *err)
{
	char next;

	if (lex_peek(l, &next, err) < 0)
		return -1;
	if (next != c)
		return err_set(
		    err, ERR_PROTOCOL, "expected '%c', found octet 0x%02x", c, (unsigned char)next);
	lex_take(l);
	return 0;
}

int
lex_blanks(struct lex *l, struct err *err)
{
	for (;;) {
		char c;

		if (lex_peek(l, &c, err) < 0)
			return -1;
		if (c != ' ' && c != '\t')
			return 0;
		lex_take(l);
	}
}

int
lex_space(struct lex *l, struct err *err)
{
	if (lex_expect(l, ' ', err) < 0)
		return -1;
	return lex_blanks(l, err);
}

int
lex_eol(struct lex *l, struct err *err)
{
	bool cr;

	if (lex_blanks(l, err) < 0 || lex_accept(l, '\r', &cr, err) < 0)
		return -1;
	/* A second CR before the LF has been seen from gateways that add line ends. */
	while (cr)
		if (lex_accept(l, '\r', &cr, err) < 0)
			return -1;
	return lex_expect(l, '\n', err);
}

static int
lex_keep(struct lex *l, struct slice text, struct slice *ret, struct err *err)
{
	char *copy = arena_copy(l->arena, text);

	if (copy == NULL)
		return err_set(err, ERR_PROTOCOL, "a response larger than its limit of memory");
	*ret = (struct slice){ copy, text.len };
	return 0;
}

/* Octets that end words, and atoms. */
enum { ENDS_WORD = 1, ENDS_ATOM = 2 };
static const unsigned char ends[256] = { [' '] = ENDS_WORD | ENDS_ATOM,
	['\r'] = ENDS_WORD | ENDS_ATOM,
	['\n'] = ENDS_WORD | ENDS_ATOM,
	['('] = ENDS_ATOM,
	[')'] = ENDS_ATOM };

static bool
is_one_of(const char *set, char c)
{
	for (; *set != '\0'; set++)
		if (*set == c)
			return true;
	return false;
}

static size_t
span_of_run(const struct lex *l, unsigned always, const char *stops)
{
	const char *p = l->at;

	while (p < l->stop && !(ends[(unsigned char)*p] & always) && !is_one_of(stops, *p))
		p++;
	return (size_t)(p - l->at);
}

static size_t
span_of_quoted(const struct lex *l)
{
	const char *p = l->at;

	while (p < l->stop && *p != '"' && *p != '\\' && *p != '\r' && *p != '\n')
		p++;
	return (size_t)(p - l->at);
}

static int
lex_run(struct lex *l, unsigned always, const char *stops, struct slice *ret, struct err *err)
{
	struct buf text;
	int rc = -1;
	char c;

	buf_init(&text, LEX_STRING_MAX);
	for (;;) {
		if (lex_peek(l, &c, err) < 0)
			goto out;

		struct slice part = { l->at, span_of_run(l, always, stops) };

		l->at += part.len;
		/* As a rule it ends in what is at hand. */
		if (l->at < l->stop && text.len == 0 && part.len > 0) {
			rc = lex_keep(l, part, ret, err);
			goto out;
		}
		if (!buf_add(&text, part.data, part.len)) {
			err_set(err, ERR_PROTOCOL, "a word of more than %d octets", LEX_STRING_MAX);
			goto out;
		}
		if (l->at < l->stop)
			break;
	}
	if (text.len == 0)
		err_set(err, ERR_PROTOCOL, "expected a word, found octet 0x%02x", (unsigned char)*l->at);
	else
		rc = lex_keep(l, buf_slice(&text), ret, err);
out:
	buf_done(&text);
	return rc;
}

int
lex_atom(struct lex *l, const char *stops, struct slice *ret, struct err *err)
{
	return lex_run(l, ENDS_ATOM, stops, ret, err);
}

int
lex_word(struct lex *l, const char *stops, struct slice *ret, struct err *err)
{
	return lex_run(l, ENDS_WORD, stops, ret, err);
}

bool
lex_number_of(struct slice text, uint64_t *ret)
{
	char *end;

	if (slice_u64(text, UINT64_MAX, ret))
		return true;
	/* strtod would take a sign, "0x10" and "inf" too. */
	if (text.len == 0 || text.len >= 40 || text.data[0] < '0' || text.data[0] > '9' ||
	    strspn(text.data, "0123456789.eE+-") != text.len)
		return false;

	double value = strtod(text.data, &end);

	if (end != text.data + text.len || !isfinite(value) || value >= 1e15)
		return false;
	*ret = (uint64_t)value;
	return true;
}

int
lex_number(struct lex *l, uint64_t *ret, struct err *err)
{
	struct slice text;
	uint64_t v = 0;
	int digits = 0;
	char c;

	for (;;) {
		if (lex_peek(l, &c, err) < 0)
			return -1;
		if (c < '0' || c > '9' || digits == 19)
			break;
		v = v * 10 + (uint64_t)(c - '0');
		digits++;
		lex_take(l);
	}
	if (digits > 0 &&
	    (c == ' ' || c == ')' || c == '\r' || c == '\n' || c == ']' || c == ',' || c == ':')) {
		*ret = v;
		return 0;
	}
	if (digits > 0 && c != '.' && c != 'e')
		return err_set(err, ERR_PROTOCOL,
		    "a number with octet 0x%02x in it, or over 19 digits", (unsigned char)c);
	if (c == '"' || c == '{') {
		if (lex_astring(l, &text, err) < 0)
			return -1;
	} else if (lex_atom(l, "]", &text, err) < 0) {
		return -1;
	}
	if (digits > 0) { /* 9.37e+06: the digits before the point are gone from the text */
		char *whole = arena_printf(l->arena, "%llu%s", (unsigned long long)v, text.data);

		if (whole == NULL)
			return err_set(
			    err, ERR_PROTOCOL, "a response larger than its limit of memory");
		text = slice_str(whole);
	}
	if (!lex_number_of(text, ret))
		return err_set(err, ERR_PROTOCOL, "'%.40s' is not a number", text.data);
	return 0;
}

static int
lex_quoted(struct lex *l, struct slice *ret, struct err *err)
{
	struct buf text;
	int rc = -1;

	buf_init(&text, LEX_STRING_MAX);
	if (lex_expect(l, '"', err) < 0)
		goto out;
	for (;;) {
		char c;

		if (lex_peek(l, &c, err) < 0)
			goto out;

		struct slice part = { l->at, span_of_quoted(l) };

		l->at += part.len;
		if (l->at < l->stop && *l->at == '"' && text.len == 0) {
			lex_take(l);
			rc = lex_keep(l, part, ret, err);
			goto out;
		}
		if (!buf_add(&text, part.data, part.len))
			break;
		if (l->at == l->stop)
			continue;
		c = *l->at;
		if (c == '\r' || c == '\n') {
			err_set(err, ERR_PROTOCOL, "a quoted string without its closing quote");
			goto out;
		}
		lex_take(l);
		if (c == '"') {
			rc = lex_keep(l, buf_slice(&text), ret, err);
			goto out;
		}
		if (lex_peek(l, &c, err) < 0)
			goto out;
		/* GreenMail sends "b\b": only \" and \\ are escapes. */
		if (c == '"' || c == '\\')
			lex_take(l);
		else
			c = '\\';
		if (!buf_add_byte(&text, c))
			break;
	}
	err_set(err, ERR_PROTOCOL, "a quoted string of more than %d octets", LEX_STRING_MAX);
out:
	buf_done(&text);
	return rc;
}

int
lex_too_large(struct lex *l, struct err *err)
{
	l->endless = true;
	return err_set(err, ERR_PROTOCOL, "a literal of more than %d MiB", LITERAL_MIB_MAX);
}

int
lex_literal(struct lex *l, uint64_t *ret, struct err *err)
{
	uint64_t size = 0;
	int digits = 0;
	bool ignored;

	if (lex_accept(l, '~', &ignored, err) < 0 || lex_expect(l, '{', err) < 0)
		return -1;
	for (;; digits++) {
		char c;

		if (lex_peek(l, &c, err) < 0)
			return -1;
		if (c < '0' || c > '9')
			break;
		if (size > LEX_LITERAL_MAX)
			return lex_too_large(l, err);
		size = size * 10 + (uint64_t)(c - '0');
		lex_take(l);
	}
	if (digits == 0)
		return err_set(err, ERR_PROTOCOL, "a literal without a size");
	if (size > LEX_LITERAL_MAX)
		return lex_too_large(l, err);
	if (lex_accept(l, '+', &ignored, err) < 0 || lex_expect(l, '}', err) < 0 ||
	    lex_eol(l, err) < 0)
		return -1;
	*ret = l->owed = size;
	return 0;
}

/* What follows is the line again, and its own last octets are none of a literal's header. */
void
lex_literal_read(struct lex *l)
{
	if (l->at != NULL)
		lex_commit(l);
	l->owed = 0;
	l->tail_len = 0;
	if (l->tape.len < l->tape.max - 4)
		buf_add_str(&l->tape, "...");
}

static int
lex_literal_text(struct lex *l, struct slice *ret, struct err *err)
{
	uint64_t size;

	if (lex_literal(l, &size, err) < 0)
		return -1;
	if (size > LEX_STRING_MAX)
		return err_set(err, ERR_PROTOCOL,
		    "a literal of %llu octets where no message is expected",
		    (unsigned long long)size);

	char *text = arena_take(l->arena, (size_t)size + 1);

	if (text == NULL)
		return err_set(err, ERR_PROTOCOL, "a response larger than its limit of memory");
	/* Its header is none of the tail, nor are its octets of the line. */
	lex_commit(l);
	while (l->owed > 0) {
		char c;

		if (lex_peek(l, &c, err) < 0)
			return -1;

		size_t there = (size_t)(l->stop - l->at), n = there < l->owed ? there : (size_t)l->owed;

		memcpy(text + (size - l->owed), l->at, n);
		l->at += n;
		l->owed -= n;
		lex_commit(l);
		l->line_bytes -= n;
		lex_set_stop(l);
	}
	l->tail_len = 0;
	*ret = (struct slice){ text, (size_t)size };
	return 0;
}

/* "~{" begins a literal8 (RFC 3516); a name may begin with '~' too (Cyrus). The octet behind '~' is
 * looked at, not taken. */
static int
lex_at_literal(struct lex *l, bool *ret, struct err *err)
{
	struct slice ahead;
	char c;

	if (lex_peek(l, &c, err) < 0)
		return -1;
	*ret = c == '{';
	if (c != '~')
		return 0;
	lex_pause(l);
	if (stream_peek(l->in, 2, &ahead, err) < 0)
		return -1;
	lex_lend(l, ahead);
	*ret = ahead.data[1] == '{';
	return 0;
}

int
lex_astring(struct lex *l, struct slice *ret, struct err *err)
{
	bool literal;
	char c;

	if (lex_peek(l, &c, err) < 0 || lex_at_literal(l, &literal, err) < 0)
		return -1;
	if (c == '"')
		return lex_quoted(l, ret, err);
	if (literal)
		return lex_literal_text(l, ret, err);
	return lex_atom(l, "", ret, err);
}

int
lex_nstring(struct lex *l, struct slice *ret, struct err *err)
{
	bool literal;
	char c;

	if (lex_peek(l, &c, err) < 0 || lex_at_literal(l, &literal, err) < 0 ||
	    lex_astring(l, ret, err) < 0)
		return -1;
	if (c != '"' && !literal && slice_eq_nocase(*ret, "NIL"))
		*ret = (struct slice){ 0 };
	return 0;
}

int
lex_rest(struct lex *l, struct slice *ret, struct err *err)
{
	struct buf text;
	int rc = -1;

	buf_init(&text, LEX_STRING_MAX);
	for (;;) {
		char c;

		if (lex_peek(l, &c, err) < 0)
			goto out;

		size_t there = (size_t)(l->stop - l->at);
		const char *lf = memchr(l->at, '\n', there);
		struct slice part = { l->at, lf != NULL ? (size_t)(lf - l->at) : there };

		l->at += part.len;
		if (part.len > text.max - text.len) {
			part.len = text.max - text.len;
			lex_long_line(l);
		}
		(void)buf_add(&text, part.data, part.len);
		if (lf != NULL) {
			lex_take(l);
			break;
		}
	}

	struct slice line = buf_slice(&text);

	while (line.len > 0 && line.data[line.len - 1] == '\r')
		line.len--;
	rc = lex_keep(l, line, ret, err);
out:
	buf_done(&text);
	return rc;
}

int
lex_skip_value(struct lex *l, struct err *err)
{
	int depth = 0;

	do {
		struct slice ignored;
		char c;

		if (lex_blanks(l, err) < 0 || lex_peek(l, &c, err) < 0)
			return -1;
		if (c == '(') {
			if (++depth > LEX_DEPTH_MAX)
				return err_set(err, ERR_PROTOCOL, "lists nested deeper than %d",
				    LEX_DEPTH_MAX);
			lex_take(l);
		} else if (c == ')' && depth > 0) {
			depth--;
			lex_take(l);
		} else if (lex_astring(l, &ignored, err) < 0) {
			return -1;
		}
	} while (depth > 0);
	return 0;
}
