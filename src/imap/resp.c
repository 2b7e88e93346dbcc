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
reader_tape(const struct reader *r)
{
	return lex_tape(&r->lex);
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

/* ---- status responses ---- */

static const struct {
	const char *name;
	enum resp_code code;
	bool number;
} codes[] = {
	{ "ALERT", CODE_ALERT, false },
	{ "CAPABILITY", CODE_CAPABILITY, false },
	{ "READ-ONLY", CODE_READ_ONLY, false },
	{ "READ-WRITE", CODE_READ_WRITE, false },
	{ "UIDNEXT", CODE_UIDNEXT, true },
	{ "UIDVALIDITY", CODE_UIDVALIDITY, true },
	{ "HIGHESTMODSEQ", CODE_HIGHESTMODSEQ, true },
	{ "NOMODSEQ", CODE_NOMODSEQ, false },
	{ "CLOSED", CODE_CLOSED, false },
	{ "UNAVAILABLE", CODE_UNAVAILABLE, false },
	{ "LIMIT", CODE_LIMIT, false },
	{ "THROTTLED", CODE_THROTTLED, false },
	{ "OVERQUOTA", CODE_OVERQUOTA, false },
	{ "INUSE", CODE_INUSE, false },
	{ "AUTHENTICATIONFAILED", CODE_AUTHENTICATIONFAILED, false },
	{ "AUTHORIZATIONFAILED", CODE_AUTHORIZATIONFAILED, false },
	{ "EXPIRED", CODE_EXPIRED, false },
	{ "PRIVACYREQUIRED", CODE_PRIVACYREQUIRED, false },
	{ "NONEXISTENT", CODE_NONEXISTENT, false },
	{ "NOPERM", CODE_NOPERM, false },
	{ "SERVERBUG", CODE_SERVERBUG, false },
	{ "CLIENTBUG", CODE_CLIENTBUG, false },
	{ "CONTACTADMIN", CODE_CONTACTADMIN, false },
	{ "TRYCREATE", CODE_TRYCREATE, false },
	{ "APPENDUID", CODE_APPENDUID, false },
	{ "TOOBIG", CODE_TOOBIG, false },
	{ "ALREADYEXISTS", CODE_ALREADYEXISTS, false },
	{ "PERMANENTFLAGS", CODE_PERMANENTFLAGS, false },
	{ "NOTIFICATIONOVERFLOW", CODE_NOTIFICATIONOVERFLOW, false },
	{ "MAILBOXID", CODE_MAILBOXID, false },
};

bool
objectid_valid(struct slice text)
{
	static const char all[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] == '\0' || strchr(all, text.data[i]) == NULL)
			return false;
	return text.len > 0 && text.len <= MAILBOX_ID_MAX;
}

/* "(F123)" becomes what is inside. */
static bool
mailbox_id(struct slice *io)
{
	struct slice inside = { io->data + 1, io->len - 2 };

	if (io->len < 2 || io->data[0] != '(' || io->data[io->len - 1] != ')' || !objectid_valid(inside))
		return false;
	*io = inside;
	return true;
}

/* "[CODE args] text" over the text of a status response; a bracket that never closes is plain text.
 */
static void
status_code(struct resp *ret)
{
	struct slice t = ret->text;

	ret->code = CODE_NONE;
	if (t.len == 0 || t.data[0] != '[')
		return;

	const char *close = memchr(t.data, ']', t.len);

	if (close == NULL)
		return;

	struct slice inside = { t.data + 1, (size_t)(close - t.data) - 1 };
	const char *blank = memchr(inside.data, ' ', inside.len);
	struct slice name = { inside.data, blank ? (size_t)(blank - inside.data) : inside.len };

	ret->code = CODE_OTHER;
	ret->code_text = blank ? (struct slice){ blank + 1, inside.len - name.len - 1 }
			       : (struct slice){ "", 0 };
	for (size_t i = 0; i < COUNT_OF(codes); i++) {
		if (!slice_eq_nocase(name, codes[i].name))
			continue;
		ret->code = codes[i].code;
		/* A number that is none, or over 63 bits, is as if the code had not been sent. */
		if (codes[i].number && !slice_u64(ret->code_text, INT64_MAX, &ret->code_num))
			ret->code = CODE_OTHER;
		if (ret->code == CODE_UIDVALIDITY)
			ret->code_num = uidvalidity_fold(ret->code_num);
		if (ret->code == CODE_MAILBOXID && !mailbox_id(&ret->code_text))
			ret->code = CODE_OTHER;
	}

	size_t skip = (size_t)(close - t.data) + 1;

	while (skip < t.len && t.data[skip] == ' ')
		skip++;
	ret->text = (struct slice){ t.data + skip, t.len - skip };
}

static bool
state_word(struct slice word, bool tagged, enum resp_state *ret)
{
	static const enum resp_state all[] = { STATE_OK, STATE_NO, STATE_BAD, STATE_BYE,
		STATE_PREAUTH };

	for (size_t i = 0; i < (tagged ? 3 : COUNT_OF(all)); i++) {
		if (slice_eq_nocase(word, resp_state_name(all[i]))) {
			*ret = all[i];
			return true;
		}
	}
	return false;
}

static int
status_text(struct lex *l, struct resp *ret, struct err *err)
{
	if (lex_blanks(l, err) < 0 || lex_rest(l, &ret->text, err) < 0)
		return -1;
	status_code(ret);
	return 0;
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
	if (lex_expect(l, '(', err) < 0 || lex_astring(l, &e->prefix, err) < 0 ||
	    lex_space(l, err) < 0 || lex_nstring(l, &delim, err) < 0)
		return -1;
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

	l->line_max = LEX_NUMBERS_MAX;
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

	l->line_max = LEX_NUMBERS_MAX;
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

	l->line_max = LEX_NUMBERS_MAX;
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
	if (state_word(word, false, &ret->state)) {
		ret->kind = RESP_STATUS;
		return status_text(&r->lex, ret, err);
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
	if (!slice_u64(tag, UINT32_MAX, &n) || !state_word(word, true, &ret->state))
		return err_set(err, ERR_PROTOCOL,
		    "'%.20s %.20s' is neither a tag of ours nor an untagged response", tag.data,
		    word.data);
	ret->kind = RESP_TAGGED;
	ret->tag = (uint32_t)n;
	return status_text(&r->lex, ret, err);
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
		return status_text(&r->lex, ret, err);
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
