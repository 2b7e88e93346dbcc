/* A recursive descent over the lexer, one function per rule of the grammar, table-driven where the
 * grammar is a list of words. Rejected: assembling lines first (a body literal may be gigabytes),
 * generated parsers (real servers do not follow the grammar they would be generated from). */
#include "imap/resp_parts.h"

#include <string.h>

#include "base/mem.h"

void
reader_init(struct reader *r, struct stream *in)
{
	arena_init(&r->arena, RESP_ARENA_MAX);
	lex_init(&r->lex, in, &r->arena);
	uidset_init(&r->set);
	r->search_tag = 0;
}

void
reader_done(struct reader *r)
{
	lex_done(&r->lex);
	arena_done(&r->arena);
	uidset_done(&r->set);
}

void
reader_set_stream(struct reader *r, struct stream *in)
{
	r->lex.in = in;
}

struct slice
reader_tape(struct reader *r)
{
	return lex_tape(&r->lex);
}

uint64_t
reader_octets(struct reader *r)
{
	return lex_octets(&r->lex);
}

const char *
resp_state_name(enum resp_state s)
{
	static const char *const name[] = { "OK", "NO", "BAD", "BYE", "PREAUTH" };

	return name[s];
}

int
resp_no_room(struct err *err)
{
	return err_set(err, ERR_PROTOCOL, "a response larger than its limit of memory");
}

int
resp_uid_number(struct lex *l, uint32_t *ret, struct err *err)
{
	uint64_t v;

	if (lex_number(l, &v, err) < 0)
		return -1;
	if (v == 0 || v > UINT32_MAX)
		return err_set(err, ERR_PROTOCOL, "%llu is not a message number or UID",
		    (unsigned long long)v);
	*ret = (uint32_t)v;
	return 0;
}

uint32_t
uidvalidity_fold(uint64_t v)
{
	uint32_t folded = (uint32_t)(v ^ v >> 32);

	return v > UINT32_MAX && folded == 0 ? 1 : folded;
}

/* ---- words ---- */

static int
words_add(struct lex *l, struct resp *ret, struct slice word, size_t *cap, struct err *err)
{
	if (ret->words == *cap) {
		size_t more = *cap ? *cap * 2 : 32;
		struct slice *grown =
		    more > RESP_WORDS_MAX ? NULL : arena_take(l->arena, more * sizeof(*grown));

		if (grown == NULL)
			return err_set(err, ERR_PROTOCOL, "a list of more than %d words",
			    RESP_WORDS_MAX);
		if (ret->words > 0)
			memcpy(grown, ret->word, ret->words * sizeof(*grown));
		ret->word = grown;
		*cap = more;
	}
	ret->word[ret->words++] = word;
	return 0;
}

static int
read_words(struct lex *l, struct resp *ret, struct err *err)
{
	size_t cap = 0;

	for (;;) {
		struct slice word;
		char c;

		if (lex_blanks(l, err) < 0 || lex_peek(l, &c, err) < 0)
			return -1;
		if (c == '\r' || c == '\n')
			return lex_eol(l, err);
		if (lex_word(l, "", &word, err) < 0 || words_add(l, ret, word, &cap, err) < 0)
			return -1;
	}
}

static int
read_id(struct lex *l, struct resp *ret, struct err *err)
{
	size_t cap = 0;
	bool list;

	if (lex_blanks(l, err) < 0 || lex_accept(l, '(', &list, err) < 0)
		return -1;
	if (!list)
		return lex_skip_value(l, err) < 0 ? -1 : lex_eol(l, err);
	for (;;) {
		struct slice word;
		bool close;

		if (lex_blanks(l, err) < 0 || lex_accept(l, ')', &close, err) < 0)
			return -1;
		if (close)
			return lex_eol(l, err);
		if (lex_nstring(l, &word, err) < 0 || words_add(l, ret, word, &cap, err) < 0)
			return -1;
	}
}

/* ---- NAMESPACE (RFC 2342) ---- */

static int
ns_one(struct lex *l, enum folder_attr kind, struct resp *ret, struct err *err)
{
	struct ns_entry *e = arena_take(l->arena, sizeof(*e)), **end = &ret->ns;
	struct slice delim;
	size_t n = 0;
	char c;

	for (; *end != NULL; end = &(*end)->next)
		n++;
	if (n == RESP_SPACES_MAX)
		return err_set(err, ERR_PROTOCOL, "more than %d namespaces", RESP_SPACES_MAX);
	if (e == NULL)
		return resp_no_room(err);
	if (lex_expect(l, '(', err) < 0 || lex_nstring(l, &e->prefix, err) < 0 ||
	    lex_space(l, err) < 0 || lex_nstring(l, &delim, err) < 0)
		return -1;
	if (e->prefix.data == NULL)
		e->prefix = slice_str("");
	e->kind = kind;
	e->delim = delim.data && delim.len == 1 ? delim.data[0] : 0;
	*end = e;
	for (;;) { /* extensions of RFC 4466 */
		if (lex_blanks(l, err) < 0 || lex_peek(l, &c, err) < 0)
			return -1;
		if (c == ')')
			break;
		if (lex_skip_value(l, err) < 0)
			return -1;
	}
	lex_take(l);
	return 0;
}

static int
read_namespace(struct lex *l, struct resp *ret, struct err *err)
{
	static const enum folder_attr kinds[] = { 0, FOLDER_OTHER_USERS, FOLDER_SHARED };

	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		bool list;

		if (lex_blanks(l, err) < 0 || lex_accept(l, '(', &list, err) < 0)
			return -1;
		if (!list) {
			if (lex_skip_value(l, err) < 0)
				return -1;
			continue;
		}
		for (;;) {
			bool close;

			if (lex_blanks(l, err) < 0 || lex_accept(l, ')', &close, err) < 0)
				return -1;
			if (close)
				break;
			if (ns_one(l, kinds[i], ret, err) < 0)
				return -1;
		}
	}
	return lex_eol(l, err);
}

/* ---- SEARCH, ESEARCH, VANISHED ---- */

static int
set_add(struct reader *r, uint64_t lo, uint64_t hi, struct err *err)
{
	if (lo == 0 || hi == 0 || lo > UINT32_MAX || hi > UINT32_MAX)
		return err_set(err, ERR_PROTOCOL, "a UID of 0 or above 2^32-1");
	if (!uidset_add(&r->set, (uint32_t)lo, (uint32_t)hi))
		return err_set(err, ERR_PROTOCOL, "a set of more than %d ranges", UIDSET_MAX);
	return 0;
}

static int
read_search(struct reader *r, struct resp *ret, struct err *err)
{
	struct lex *l = &r->lex;

	lex_long_line(l);
	uidset_clear(&r->set);
	ret->has_uidset = true;
	for (;;) {
		uint64_t n;
		char c;

		if (lex_blanks(l, err) < 0 || lex_peek(l, &c, err) < 0)
			return -1;
		if (c == '\r' || c == '\n')
			break;
		if (c == '(') { /* (MODSEQ n) */
			if (lex_skip_value(l, err) < 0)
				return -1;
			continue;
		}
		if (lex_number(l, &n, err) < 0 || set_add(r, n, n, err) < 0)
			return -1;
	}
	uidset_sort(&r->set);
	return lex_eol(l, err);
}

static int
read_set(struct reader *r, struct err *err)
{
	struct lex *l = &r->lex;
	bool more;

	do {
		uint64_t lo, hi;
		bool range;

		if (lex_number(l, &lo, err) < 0 || lex_accept(l, ':', &range, err) < 0)
			return -1;
		hi = lo;
		if (range && lex_number(l, &hi, err) < 0)
			return -1;
		if (set_add(r, lo, hi, err) < 0 || lex_accept(l, ',', &more, err) < 0)
			return -1;
	} while (more);
	uidset_sort(&r->set);
	return 0;
}

/* "(TAG "A1") UID ALL 1:3 COUNT 3" (RFC 4731). */
static int
read_esearch(struct reader *r, struct resp *ret, struct err *err)
{
	struct lex *l = &r->lex;

	lex_long_line(l);
	uidset_clear(&r->set);
	ret->kind = RESP_SEARCH;
	ret->has_uidset = true;
	for (;;) {
		struct slice word;
		char c;

		if (lex_blanks(l, err) < 0 || lex_peek(l, &c, err) < 0)
			return -1;
		if (c == '\r' || c == '\n')
			return lex_eol(l, err);
		if (c == '(') {
			if (lex_skip_value(l, err) < 0)
				return -1;
			continue;
		}
		if (lex_atom(l, "", &word, err) < 0)
			return -1;
		if (slice_eq_nocase(word, "UID"))
			continue;
		if (lex_space(l, err) < 0)
			return -1;
		if (slice_eq_nocase(word, "ALL") ? read_set(r, err) < 0
						 : lex_skip_value(l, err) < 0)
			return -1;
	}
}

static int
read_vanished(struct reader *r, struct resp *ret, struct err *err)
{
	struct lex *l = &r->lex;
	char c;

	lex_long_line(l);
	uidset_clear(&r->set);
	ret->has_uidset = true;
	if (lex_blanks(l, err) < 0 || lex_peek(l, &c, err) < 0)
		return -1;
	if (c == '(') {
		ret->vanished_earlier = true;
		if (lex_skip_value(l, err) < 0 || lex_blanks(l, err) < 0)
			return -1;
	}
	if (read_set(r, err) < 0)
		return -1;
	return lex_eol(l, err);
}

/* ---- dispatch ---- */

static int
read_numbered(struct reader *r, struct slice number, struct resp *ret, struct err *err)
{
	struct slice word;
	uint64_t n;

	if (!slice_u64(number, UINT32_MAX, &n))
		return err_set(
		    err, ERR_PROTOCOL, "message number '%.20s' does not fit 32 bits", number.data);
	ret->number = (uint32_t)n;
	if (lex_space(&r->lex, err) < 0 || lex_atom(&r->lex, "", &word, err) < 0)
		return -1;
	/* STORE is FETCH by another name (RFC 1176, obsolete already there). */
	if (slice_eq_nocase(word, "FETCH") || slice_eq_nocase(word, "STORE"))
		return resp_read_fetch(&r->lex, ret, err);
	if (slice_eq_nocase(word, "UIDFETCH"))
		return resp_read_uidfetch(&r->lex, ret, err);
	ret->kind = slice_eq_nocase(word, "EXISTS")    ? RESP_EXISTS
		    : slice_eq_nocase(word, "RECENT")  ? RESP_RECENT
		    : slice_eq_nocase(word, "EXPUNGE") ? RESP_EXPUNGE
						       : RESP_OTHER;
	return lex_resync(&r->lex, err);
}

static const struct {
	const char *word;
	enum resp_kind kind;
	int (*read)(struct lex *l, struct resp *ret, struct err *err);
} named[] = {
	{ "CAPABILITY", RESP_CAPABILITY, read_words },
	{ "ENABLED", RESP_ENABLED, read_words },
	{ "ID", RESP_ID, read_id },
	{ "NAMESPACE", RESP_NAMESPACE, read_namespace },
	{ "STATUS", RESP_COUNTS, resp_read_counts },
	{ "MAILBOX", RESP_MAILBOX, resp_read_mailbox },
	{ "QUOTA", RESP_QUOTA, resp_read_quota },
	{ "ACL", RESP_ACL, resp_read_acl },
	{ "MYRIGHTS", RESP_MYRIGHTS, resp_read_myrights },
	{ "METADATA", RESP_METADATA, resp_read_metadata },
};

static int
read_named(struct reader *r, struct slice word, struct resp *ret, struct err *err)
{
	struct lex *l = &r->lex;

	if (slice_eq_nocase(word, "LIST") || slice_eq_nocase(word, "LSUB") ||
	    slice_eq_nocase(word, "XLIST")) {
		ret->kind = slice_eq_nocase(word, "LSUB") ? RESP_LSUB : RESP_LIST;
		return resp_read_list(l, ret, err);
	}
	if (slice_eq_nocase(word, "SEARCH")) {
		ret->kind = RESP_SEARCH;
		return read_search(r, ret, err);
	}
	if (slice_eq_nocase(word, "ESEARCH"))
		return read_esearch(r, ret, err);
	if (slice_eq_nocase(word, "VANISHED")) {
		ret->kind = RESP_VANISHED;
		return read_vanished(r, ret, err);
	}
	for (size_t i = 0; i < COUNT_OF(named); i++)
		if (slice_eq_nocase(word, named[i].word)) {
			ret->kind = named[i].kind;
			return named[i].read(l, ret, err);
		}
	/* Of no interest, but it may hold literals: skipped like what cannot be parsed. */
	ret->kind = slice_eq_nocase(word, "FLAGS") ? RESP_FLAGS : RESP_OTHER;
	return lex_resync(l, err);
}

static int
read_untagged(struct reader *r, struct resp *ret, struct err *err)
{
	struct slice word;

	if (lex_blanks(&r->lex, err) < 0 || lex_atom(&r->lex, "", &word, err) < 0)
		return -1;
	if (resp_state_word(word, false, &ret->state)) {
		ret->kind = RESP_STATUS;
		return resp_status_text(&r->lex, ret, err);
	}
	if (word.data[0] >= '0' && word.data[0] <= '9')
		return read_numbered(r, word, ret, err);
	return read_named(r, word, ret, err);
}

static int
read_tagged(struct reader *r, struct resp *ret, struct err *err)
{
	struct slice tag, word;
	uint64_t n;

	if (lex_atom(&r->lex, "", &tag, err) < 0 || lex_space(&r->lex, err) < 0 ||
	    lex_atom(&r->lex, "", &word, err) < 0)
		return -1;
	if (!slice_u64(tag, UINT32_MAX, &n) || !resp_state_word(word, true, &ret->state))
		return err_set(err, ERR_PROTOCOL,
		    "'%.20s %.20s' is neither a tag of ours nor an untagged response", tag.data,
		    word.data);
	ret->kind = RESP_TAGGED;
	ret->tag = (uint32_t)n;
	return resp_status_text(&r->lex, ret, err);
}

static int
read_any(struct reader *r, struct resp *ret, struct err *err)
{
	char c;

	/* Empty lines between responses have been seen (quirks row 21 is about the other side). */
	for (;;) {
		if (lex_peek(&r->lex, &c, err) < 0)
			return -1;
		if (c != '\r' && c != '\n')
			break;
		lex_take(&r->lex);
	}
	if (c == '+') {
		lex_take(&r->lex);
		ret->kind = RESP_CONTINUE;
		return resp_status_text(&r->lex, ret, err);
	}
	if (c == '*') {
		lex_take(&r->lex);
		return read_untagged(r, ret, err);
	}
	return read_tagged(r, ret, err);
}

/* What cannot be parsed is skipped to its end and handed on as garbage; the stream's own errors go
 * up. */
static int
settle(struct reader *r, struct resp *ret, int rc, struct err *err)
{
	if (rc < 0) {
		if (err->kind != ERR_PROTOCOL)
			return -1;
		ret->garbage = arena_copy(&r->arena, slice_str(err->text));
		if (ret->garbage == NULL)
			ret->garbage = "too large";
		ret->kind = RESP_GARBAGE;
		ret->more = false;
		if (lex_resync(&r->lex, err) < 0)
			return -1;
	}
	lex_pause(&r->lex);
	return 0;
}

int
resp_read(struct reader *r, struct resp *ret, struct err *err)
{
	struct err local = { 0 };

	memset(ret, 0, sizeof(*ret));
	arena_reset(&r->arena);
	lex_start(&r->lex);

	int rc = settle(r, ret, read_any(r, ret, &local), &local);

	if (rc < 0)
		*err = local;
	return rc;
}

int
resp_more(struct reader *r, struct resp *io, struct err *err)
{
	struct err local = { 0 };

	lex_literal_read(&r->lex);

	int rc = settle(r, io, resp_fetch_items(&r->lex, io, &local), &local);

	if (rc < 0)
		*err = local;
	return rc;
}
