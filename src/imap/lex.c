#include "imap/lex.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LITERAL_MAX ((uint64_t)LITERAL_MIB_MAX * LIMIT_MIB)

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
lex_start(struct lex *l)
{
	buf_reset(&l->tape);
	l->line_bytes = 0;
	l->line_max = LEX_LINE_MAX;
	l->tail_len = 0;
	l->owed = 0;
	l->endless = false;
}

void
lex_pause(struct lex *l)
{
	if (l->at > l->from)
		stream_skip(l->in, (size_t)(l->at - l->from));
	l->at = l->from = l->end = NULL;
}

/* More octets at l->at; what was read is given back first, since the buffer may move. */
static int
lex_fill(struct lex *l, struct err *err)
{
	struct slice more;

	lex_pause(l);
	if (stream_peek(l->in, 1, &more, err) < 0)
		return -1;
	l->at = l->from = more.data;
	l->end = more.data + more.len;
	return 0;
}

int
lex_peek(struct lex *l, char *ret, struct err *err)
{
	if (l->line_bytes >= l->line_max)
		return err_set(err, ERR_PROTOCOL,
		    "a response of more than %llu octets outside literals",
		    (unsigned long long)l->line_max);
	if (l->at == l->end && lex_fill(l, err) < 0)
		return -1;
	*ret = *l->at;
	return 0;
}

void
lex_take(struct lex *l)
{
	if (l->tape.len < l->tape.max - 1)
		buf_add_byte(&l->tape, *l->at);
	l->tail[l->tail_len++ % LEX_TAIL] = *l->at;
	l->at++;
	l->line_bytes++;
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

static int
lex_run(struct lex *l, const char *always, const char *stops, struct slice *ret, struct err *err)
{
	char text[1024];
	struct buf more;
	size_t len = 0;
	int rc = -1;

	buf_init(&more, LEX_STRING_MAX);
	for (;;) {
		char c;

		if (lex_peek(l, &c, err) < 0)
			goto out;
		if (c != '\0' && (strchr(always, c) || strchr(stops, c)))
			break;
		if (len == sizeof(text)) {
			if (!buf_add(&more, text, len)) {
				err_set(err, ERR_PROTOCOL, "a word of more than %d octets",
				    LEX_STRING_MAX);
				goto out;
			}
			len = 0;
		}
		text[len++] = c;
		lex_take(l);
	}
	if (len == 0 && more.len == 0) {
		err_set(err, ERR_PROTOCOL, "expected a word, found octet 0x%02x",
		    (unsigned char)*l->at);
		goto out;
	}
	if (more.len == 0) {
		rc = lex_keep(l, (struct slice){ text, len }, ret, err);
	} else {
		buf_add(&more, text, len);
		rc = lex_keep(l, buf_slice(&more), ret, err);
	}
out:
	buf_done(&more);
	return rc;
}

int
lex_atom(struct lex *l, const char *stops, struct slice *ret, struct err *err)
{
	return lex_run(l, " ()\r\n", stops, ret, err);
}

int
lex_word(struct lex *l, const char *stops, struct slice *ret, struct err *err)
{
	return lex_run(l, " \r\n", stops, ret, err);
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
		if (c == '\r' || c == '\n') {
			err_set(err, ERR_PROTOCOL, "a quoted string without its closing quote");
			goto out;
		}
		lex_take(l);
		if (c == '"')
			break;
		if (c == '\\') {
			if (lex_peek(l, &c, err) < 0)
				goto out;
			/* GreenMail sends "b\b": only \" and \\ are escapes. */
			if (c == '"' || c == '\\')
				lex_take(l);
			else
				c = '\\';
		}
		if (!buf_add_byte(&text, c)) {
			err_set(err, ERR_PROTOCOL, "a quoted string of more than %d octets",
			    LEX_STRING_MAX);
			goto out;
		}
	}
	rc = lex_keep(l, buf_slice(&text), ret, err);
out:
	buf_done(&text);
	return rc;
}

static int
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
		if (size > LITERAL_MAX)
			return lex_too_large(l, err);
		size = size * 10 + (uint64_t)(c - '0');
		lex_take(l);
	}
	if (digits == 0)
		return err_set(err, ERR_PROTOCOL, "a literal without a size");
	if (size > LITERAL_MAX)
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
	for (; l->owed > 0; l->owed--) {
		if (lex_peek(l, &text[size - l->owed], err) < 0)
			return -1;
		lex_take(l);
		l->line_bytes--;
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
	l->at = l->from = ahead.data;
	l->end = ahead.data + ahead.len;
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
		lex_take(l);
		if (c == '\n')
			break;
		if (!buf_add_byte(&text, c)) {
			err_set(err, ERR_PROTOCOL, "a text of more than %d octets", LEX_STRING_MAX);
			goto out;
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

/* The k-th octet from the end of what was taken, from 0; NUL: not known. */
static char
tail_at(const struct lex *l, size_t k)
{
	return k < l->tail_len && k < LEX_TAIL ? l->tail[(l->tail_len - 1 - k) % LEX_TAIL] : '\0';
}

/* Size of the literal that the line just read announces at its end; false: none. */
static bool
tail_literal(const struct lex *l, uint64_t *ret)
{
	size_t k = 0, digits = 0;
	char text[LEX_TAIL];

	while (tail_at(l, k) == '\n' || tail_at(l, k) == '\r' || tail_at(l, k) == ' ' ||
	       tail_at(l, k) == '\t')
		k++;
	if (tail_at(l, k++) != '}')
		return false;
	if (tail_at(l, k) == '+')
		k++;
	for (char c; (c = tail_at(l, k)) >= '0' && c <= '9'; k++)
		text[LEX_TAIL - ++digits] = c;
	if (digits == 0 || (tail_at(l, k) != '{' && k < LEX_TAIL))
		return false;
	/* So many digits that the ring does not hold them, or a number over 64 bits. */
	if (tail_at(l, k) != '{' ||
	    !slice_u64((struct slice){ text + LEX_TAIL - digits, digits }, UINT64_MAX / 2, ret))
		*ret = UINT64_MAX;
	return true;
}

static int
lex_skip_octets(struct lex *l, uint64_t size, struct err *err)
{
	if (size > LITERAL_MAX)
		return lex_too_large(l, err);
	lex_pause(l);
	while (size > 0) {
		struct slice more;

		if (stream_peek(l->in, 1, &more, err) < 0)
			return -1;

		size_t take = more.len < size ? more.len : (size_t)size;

		stream_skip(l->in, take);
		size -= take;
	}
	return 0;
}

/* Octets of a literal that nobody reads. */
static int
lex_skip_literal(struct lex *l, uint64_t size, struct err *err)
{
	if (lex_skip_octets(l, size, err) < 0)
		return -1;
	lex_literal_read(l);
	return 0;
}

int
lex_resync(struct lex *l, struct err *err)
{
	l->line_max = LEX_NUMBERS_MAX;
	if (l->endless)
		return lex_too_large(l, err);
	if (l->owed > 0 && lex_skip_literal(l, l->owed, err) < 0)
		return -1;
	for (;;) {
		uint64_t size;
		char c;

		if (lex_peek(l, &c, err) < 0)
			return -1;
		lex_take(l);
		if (c != '\n')
			continue;
		if (!tail_literal(l, &size))
			break;
		if (lex_skip_literal(l, size, err) < 0)
			return -1;
	}
	lex_pause(l);
	return 0;
}

struct slice
lex_tape(const struct lex *l)
{
	struct slice t = buf_slice(&l->tape);

	while (t.len > 0 && (t.data[t.len - 1] == '\n' || t.data[t.len - 1] == '\r'))
		t.len--;
	return t;
}
