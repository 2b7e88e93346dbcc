/* Tokens of RFC 3501 section 9 straight from the stream: no line is assembled, so a response may be
 * split anywhere. Text is copied into the arena of the response. The grammar is read leniently
 * (spec quirks, servers.md 2.18): an atom ends only at a blank, a parenthesis or the line's end,
 * 8-bit octets and DEL are taken, numbers as literals too.
 *
 * Return values: 0, or -1 with *err: ERR_PROTOCOL when the octets do not fit (lex_resync then finds
 * the end of the response), or what the stream says. Limits are those of imap/limits.def. Behind the
 * header of a literal over LITERAL_MIB_MAX nothing can be told from a message: lex_resync then gives
 * ERR_PROTOCOL, and the session has to end. The first LEX_TAPE_MAX octets of a response, bodies left out, are kept for the event log. */
#ifndef IMAP_LEX_H
#define IMAP_LEX_H

#include "base/arena.h"
#include "base/buf.h"
#include "imap/limits.h"
#include "net/stream.h"

enum {
	LEX_TAPE_MAX = 8 * 1024 + 64,
	LEX_TAIL = 32
};

struct lex {
	struct stream *in;
	struct arena *arena;
	const char *at,
	    *end; /* into the stream's buffer; what lies before `at` is skipped by lex_pause */
	const char *from; /* start of the part not yet skipped */
	const char *mark; /* start of the part not yet on the tape */
	const char *stop; /* up to here octets may be taken: `end`, or where the line has too many */
	struct buf tape;
	uint64_t line_bytes, line_max; /* up to `mark` */
	char tail[LEX_TAIL]; /* ring of the line's last octets up to `mark`, to see a literal's header while
				resyncing */
	size_t tail_len; /* octets put into the ring so far */
	uint64_t owed; /* octets of a literal that was announced and not read */
	bool endless; /* one is too large to be skipped: there is no end of the response */
};

void lex_init(struct lex *l, struct stream *in, struct arena *arena);
void lex_done(struct lex *l);
/* A new response: empties the tape and the counters. */
void lex_start(struct lex *l);
/* Give the stream back what is unread: before anyone else reads it, and after the end of a
 * response. */
void lex_pause(struct lex *l);

int lex_more(struct lex *l, struct err *err) WARN_UNUSED; /* an octet at l->at */
static inline int WARN_UNUSED
lex_peek(struct lex *l, char *ret, struct err *err)
{
	if (l->at == l->stop && lex_more(l, err) < 0)
		return -1;
	*ret = *l->at;
	return 0;
}
/* The octet just peeked. */
static inline void
lex_take(struct lex *l)
{
	l->at++;
}
/* Lists of numbers have no end: from here on the line may have so many octets. */
void lex_long_line(struct lex *l);
int lex_accept(struct lex *l, char c, bool *ret, struct err *err) WARN_UNUSED;
int lex_expect(struct lex *l, char c, struct err *err) WARN_UNUSED;
int lex_space(struct lex *l, struct err *err) WARN_UNUSED; /* one or more blanks */
int lex_blanks(struct lex *l, struct err *err) WARN_UNUSED; /* any number */
int lex_eol(struct lex *l, struct err *err) WARN_UNUSED; /* CRLF, or LF alone */
/* Run of octets up to a blank, a parenthesis or the end; `stops` adds further ones. Never empty. */
int lex_atom(struct lex *l, const char *stops, struct slice *ret, struct err *err) WARN_UNUSED;
/* The same with parentheses in it, unless `stops` has them: capabilities, flags (GreenMail: FLAGS
 * (a(b)). */
int lex_word(struct lex *l, const char *stops, struct slice *ret, struct err *err) WARN_UNUSED;
/* Digits up to 2^64-1; also "9.37e+06" (mail.ru) and a quoted number. */
int lex_number(struct lex *l, uint64_t *ret, struct err *err) WARN_UNUSED;
/* The same over NUL-terminated text; servers print numbers through a float (quirks row 37). */
bool lex_number_of(struct slice text, uint64_t *ret);
/* Quoted, literal or atom; NIL gives data NULL. */
int lex_nstring(struct lex *l, struct slice *ret, struct err *err) WARN_UNUSED;
int
lex_astring(struct lex *l, struct slice *ret, struct err *err) WARN_UNUSED; /* NIL is the atom */
/* At '{' (or "~{"): the size; the octets follow and are the caller's to read after lex_pause, who
 * then says so. */
int lex_literal(struct lex *l, uint64_t *ret, struct err *err) WARN_UNUSED;
void lex_literal_read(struct lex *l);
/* To the end of the line, eaten; of a longer text the first LEX_STRING_MAX octets: that it ends a command is worth
 * more than what it says. */
int lex_rest(struct lex *l, struct slice *ret, struct err *err) WARN_UNUSED;
int lex_skip_value(
    struct lex *l, struct err *err) WARN_UNUSED; /* atom, string or list of any depth allowed */
/* Skip to the end of the response, over literals. */
int lex_resync(struct lex *l, struct err *err) WARN_UNUSED;
struct slice lex_tape(struct lex *l);
uint64_t lex_octets(struct lex *l); /* of the line so far, without its end */

#endif
