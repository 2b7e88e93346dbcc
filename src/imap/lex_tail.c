/* The end of what was read: whether it announces a literal, how a reader that has lost its way finds the next response,
 * and what the log gets. */
#include "imap/lex_parts.h"

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
	if (size > LEX_LITERAL_MAX)
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
	lex_long_line(l);
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
		lex_commit(l);
		if (!tail_literal(l, &size))
			break;
		if (lex_skip_literal(l, size, err) < 0)
			return -1;
	}
	lex_pause(l);
	return 0;
}

struct slice
lex_tape(struct lex *l)
{
	struct slice t;

	if (l->at != NULL)
		lex_commit(l);
	t = buf_slice(&l->tape);

	while (t.len > 0 && (t.data[t.len - 1] == '\n' || t.data[t.len - 1] == '\r'))
		t.len--;
	return t;
}

uint64_t
lex_octets(struct lex *l)
{
	uint64_t n;
	size_t there;

	if (l->at != NULL)
		lex_commit(l);
	n = l->line_bytes;
	there = l->tail_len < LEX_TAIL ? l->tail_len : LEX_TAIL;
	for (size_t i = 1; i <= there && i <= 2 && n > 0; i++) {
		char c = l->tail[(l->tail_len - i) % LEX_TAIL];

		if (c != '\r' && c != '\n')
			break;
		n--;
	}
	return n;
}
