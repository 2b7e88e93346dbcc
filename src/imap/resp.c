/* A recursive descent over the lexer, one function per rule of the grammar, table-driven where the
 * grammar is a list of words. Rejected: assembling lines first (a body literal may be gigabytes),
 * generated parsers (real servers do not follow the grammar they would be generated from). */
#include "imap/resp.h"

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

static int
no_room(struct err *err)
{
	return err_set(err, ERR_PROTOCOL, "a response larger than its limit of memory");
}

static int
uid_number(struct lex *l, uint32_t *ret, struct err *err)
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
};

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
		    more > 8192 ? NULL : arena_take(l->arena, more * sizeof(*grown));

		if (grown == NULL)
			return err_set(err, ERR_PROTOCOL, "a list of more than 8192 words");
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
	struct ns_entry *e = arena_take(l->arena, sizeof(*e));
	struct ns_entry **end = &ret->ns;
	struct slice delim;
	char c;

	if (e == NULL)
		return no_room(err);
	if (lex_expect(l, '(', err) < 0 || lex_astring(l, &e->prefix, err) < 0 ||
	    lex_space(l, err) < 0 || lex_nstring(l, &delim, err) < 0)
		return -1;
	e->kind = kind;
	e->delim = delim.data && delim.len == 1 ? delim.data[0] : 0;
	while (*end != NULL)
		end = &(*end)->next;
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

/* ---- LIST, LSUB, STATUS ---- */

static const struct {
	const char *name;
	unsigned attr;
	bool special;
} attributes[] = {
	{ "\\Noselect", FOLDER_NOSELECT, false },
	{ "\\NonExistent", FOLDER_NOSELECT, false },
	{ "\\Noinferiors", FOLDER_NOINFERIORS, false },
	{ "\\Subscribed", FOLDER_SUBSCRIBED, false },
	{ "\\All", 0, true },
	{ "\\Archive", 0, true },
	{ "\\Drafts", 0, true },
	{ "\\Flagged", 0, true },
	{ "\\Junk", 0, true },
	{ "\\Sent", 0, true },
	{ "\\Trash", 0, true },
	{ "\\Important", 0, true },
};

static int
list_attribute(struct lex *l, struct slice word, struct folder *f, struct err *err)
{
	for (size_t i = 0; i < COUNT_OF(attributes); i++) {
		if (!slice_eq_nocase(word, attributes[i].name))
			continue;
		f->attrs |= attributes[i].attr;
		if (!attributes[i].special)
			continue;
		f->special_use = f->special_use ? arena_printf(l->arena, "%s %s", f->special_use,
						      attributes[i].name)
						: attributes[i].name;
		if (f->special_use == NULL)
			return no_room(err);
	}
	return 0;
}

static int
list_attributes(struct lex *l, struct folder *f, struct err *err)
{
	if (lex_expect(l, '(', err) < 0)
		return -1;
	for (;;) {
		struct slice word;
		bool close;

		if (lex_blanks(l, err) < 0 || lex_accept(l, ')', &close, err) < 0)
			return -1;
		if (close)
			return 0;
		if (lex_atom(l, "", &word, err) < 0 || list_attribute(l, word, f, err) < 0)
			return -1;
	}
}

/* Octets up to the closing quote, which is taken; \" and \\ are escapes. */
static int
name_quoted(struct lex *l, struct buf *out, struct err *err)
{
	for (;;) {
		char c;

		if (lex_peek(l, &c, err) < 0)
			return -1;
		if (c == '\r' || c == '\n')
			return err_set(
			    err, ERR_PROTOCOL, "a quoted string without its closing quote");
		lex_take(l);
		if (c == '"')
			return 0;
		if (c == '\\') {
			if (lex_peek(l, &c, err) < 0)
				return -1;
			if (c == '"' || c == '\\')
				lex_take(l);
			else
				c = '\\';
		}
		buf_add_byte(out, c);
	}
}

/* GreenMail sends "q"q": a quote ends the name only where the line ends or a list follows. */
static int
name_after_quote(struct lex *l, struct buf *out, struct err *err)
{
	for (;;) {
		if (name_quoted(l, out, err) < 0)
			return -1;

		size_t len = out->len;
		char c;

		buf_add_byte(out, '"');
		for (;;) {
			if (lex_peek(l, &c, err) < 0)
				return -1;
			if (c != ' ' && c != '\t')
				break;
			lex_take(l);
			buf_add_byte(out, c);
		}
		if (c == '\r' || c == '\n' || c == '(') {
			out->len = len;
			return 0;
		}
	}
}

/* Without quotes: to the end of the line (Exchange sends blanks and tabs so), or to a blank and a
 * list. */
static int
name_bare(struct lex *l, struct buf *out, struct err *err)
{
	char c, last = 'x';

	for (;; last = c) {
		if (lex_peek(l, &c, err) < 0)
			return -1;
		if (c == '\r' || c == '\n')
			break;
		if (c == '(' && (last == ' ' || last == '\t')) {
			while (out->len > 0 &&
			       (out->data[out->len - 1] == ' ' || out->data[out->len - 1] == '\t'))
				out->len--;
			break;
		}
		lex_take(l);
		buf_add_byte(out, c);
	}
	return out->len > 0 ? 0 : err_set(err, ERR_PROTOCOL, "expected a folder name");
}

static int
folder_name(struct lex *l, struct slice *ret, struct err *err)
{
	struct buf text;
	char c;

	if (lex_peek(l, &c, err) < 0)
		return -1;
	if (c == '{')
		return lex_astring(l, ret, err);
	buf_init(&text, LEX_STRING_MAX);
	if (c == '"')
		lex_take(l);

	int rc = c == '"' ? name_after_quote(l, &text, err) : name_bare(l, &text, err);
	char *copy = rc == 0 && !text.full ? arena_copy(l->arena, buf_slice(&text)) : NULL;

	if (rc == 0 && copy == NULL)
		rc = text.full ? err_set(err, ERR_PROTOCOL, "a folder name of more than %d octets",
				     LEX_STRING_MAX)
			       : no_room(err);
	*ret = (struct slice){ copy, text.len };
	buf_done(&text);
	return rc;
}

/* LIST and LSUB; extended data after the name is skipped. */
static int
read_list(struct lex *l, struct resp *ret, struct err *err)
{
	struct slice delim;
	char c;

	if (lex_blanks(l, err) < 0 || list_attributes(l, &ret->folder, err) < 0 ||
	    lex_space(l, err) < 0 || lex_nstring(l, &delim, err) < 0 || lex_space(l, err) < 0 ||
	    folder_name(l, &ret->folder.name, err) < 0)
		return -1;
	ret->folder.delim = delim.data && delim.len == 1 ? delim.data[0] : 0;
	for (;;) {
		if (lex_blanks(l, err) < 0 || lex_peek(l, &c, err) < 0)
			return -1;
		if (c == '\r' || c == '\n')
			return lex_eol(l, err);
		if (lex_skip_value(l, err) < 0)
			return -1;
	}
}

static void
count_item(struct slice item, uint64_t v, struct folder_counts *c)
{
	if (slice_eq_nocase(item, "MESSAGES") && v <= UINT32_MAX) {
		c->messages = (uint32_t)v;
	} else if (slice_eq_nocase(item, "UIDNEXT")) {
		c->uidnext = v <= UINT32_MAX ? (uint32_t)v : 0;
	} else if (slice_eq_nocase(item, "UIDVALIDITY")) {
		c->uidvalidity = uidvalidity_fold(v);
	} else if (slice_eq_nocase(item, "HIGHESTMODSEQ")) {
		c->highestmodseq = v;
	} else if (slice_eq_nocase(item, "SIZE")) {
		c->bytes = v;
		c->bytes_known = true;
	}
}

static int
read_counts(struct lex *l, struct resp *ret, struct err *err)
{
	if (lex_blanks(l, err) < 0 || folder_name(l, &ret->folder.name, err) < 0 ||
	    lex_blanks(l, err) < 0 || lex_expect(l, '(', err) < 0)
		return -1;
	for (;;) {
		struct slice item, text;
		uint64_t v;
		bool close;
		char c;

		if (lex_blanks(l, err) < 0 || lex_accept(l, ')', &close, err) < 0)
			return -1;
		if (close)
			return lex_eol(l, err);
		if (lex_atom(l, "", &item, err) < 0 || lex_space(l, err) < 0 ||
		    lex_peek(l, &c, err) < 0)
			return -1;
		if (c == '(') {
			if (lex_skip_value(l, err) < 0)
				return -1;
			continue;
		}
		if (lex_nstring(l, &text, err) < 0)
			return -1;
		if (!slice_u64(text, INT64_MAX, &v))
			continue;
		if (slice_eq_nocase(item, "MESSAGES") && v <= UINT32_MAX)
			ret->folder.attrs |= FOLDER_COUNTED;
		count_item(item, v, &ret->folder.counts);
	}
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

/* ---- FETCH ---- */

static int
fetch_flags(struct lex *l, struct fetch_data *f, struct err *err)
{
	struct flag_set set;

	flag_set_init(&set, l->arena);
	if (lex_expect(l, '(', err) < 0)
		return -1;
	for (;;) {
		struct slice word;
		bool close;
		char c;

		if (lex_blanks(l, err) < 0 || lex_accept(l, ')', &close, err) < 0)
			return -1;
		if (close)
			break;
		if (lex_peek(l, &c, err) < 0 ||
		    (c == '"' || c == '{' ? lex_astring(l, &word, err)
					  : lex_word(l, ")", &word, err)) < 0)
			return -1;
		if (!flag_set_add(&set, word))
			return no_room(err);
	}
	if (!flag_set_end(&set, &f->flags))
		return no_room(err);
	f->recent = f->flags.system & FLAG_RECENT;
	f->has_flags = true;
	return 0;
}

static int
fetch_date(struct lex *l, struct fetch_data *f, struct err *err)
{
	struct slice text;

	if (lex_nstring(l, &text, err) < 0)
		return -1;
	f->has_date = true;
	if (text.data == NULL)
		return 0;
	f->raw_date = text.data;
	if (date_parse(text, &f->date)) {
		char again[DATE_TEXT_MAX];

		date_format(&f->date, again);
		if (slice_eq(text, again))
			f->raw_date = NULL;
	}
	return 0;
}

static int
fetch_modseq(struct lex *l, struct fetch_data *f, struct err *err)
{
	if (lex_expect(l, '(', err) < 0 || lex_number(l, &f->modseq, err) < 0)
		return -1;
	return lex_expect(l, ')', err);
}

static int
fetch_uid(struct lex *l, struct fetch_data *f, struct err *err)
{
	return uid_number(l, &f->uid, err);
}

/* NIL, a negative number or one of 65 bits is 0, "unknown": a size is no reason to lose the rest of
 * the line. */
static int
fetch_size(struct lex *l, struct fetch_data *f, struct err *err)
{
	struct slice text;

	f->has_size = true;
	if (lex_nstring(l, &text, err) < 0)
		return -1;
	if (text.data == NULL || !lex_number_of(text, &f->size))
		f->size = 0;
	return 0;
}

/* Text between the brackets of BODY[...], which may hold blanks and a list: HEADER.FIELDS
 * (SUBJECT). */
static int
fetch_section(struct lex *l, struct slice *ret, struct err *err)
{
	char text[512];
	size_t len = 0;

	for (;;) {
		char c;

		if (lex_peek(l, &c, err) < 0)
			return -1;
		if (c == '\r' || c == '\n' || len == sizeof(text))
			return err_set(
			    err, ERR_PROTOCOL, "a body section without its closing bracket");
		lex_take(l);
		if (c == ']')
			break;
		text[len++] = c;
	}

	char *copy = arena_copy(l->arena, (struct slice){ text, len });

	if (copy == NULL)
		return no_room(err);
	*ret = (struct slice){ copy, len };
	return 0;
}

static int
fetch_origin(struct lex *l, struct fetch_data *f, struct err *err)
{
	bool open;

	if (lex_accept(l, '<', &open, err) < 0)
		return -1;
	f->has_origin = open;
	if (!open)
		return 0;

	struct slice text;
	bool close;

	if (lex_atom(l, ">", &text, err) < 0 || lex_accept(l, '>', &close, err) < 0)
		return -1;
	if (!close || !slice_u64(text, INT64_MAX, &f->origin))
		return err_set(
		    err, ERR_PROTOCOL, "'<%.20s' is not the origin of a body slice", text.data);
	return 0;
}

static int
fetch_body_item(struct lex *l, struct slice name, struct fetch_data *f, struct err *err)
{
	struct slice section = { "", 0 };
	bool bracket;

	f->part = PART_WHOLE;
	f->has_origin = false;
	if (lex_accept(l, '[', &bracket, err) < 0)
		return -1;
	if (bracket) {
		if (fetch_section(l, &section, err) < 0 || fetch_origin(l, f, err) < 0)
			return -1;
		f->part = section.len == 0                     ? PART_WHOLE
			  : slice_eq_nocase(section, "HEADER") ? PART_HEADER
			  : slice_eq_nocase(section, "TEXT")   ? PART_TEXT
							       : PART_OTHER;
	} else if (slice_eq_nocase(name, "RFC822.HEADER")) {
		f->part = PART_HEADER;
	} else if (slice_starts_nocase(name, "RFC822.TEXT")) {
		f->part = PART_TEXT;
	}
	if (lex_blanks(l, err) < 0)
		return -1;

	char c;

	if (lex_peek(l, &c, err) < 0)
		return -1;
	if (c == '{' || c == '~') {
		f->body = BODY_LITERAL;
		return lex_literal(l, &f->octets, err);
	}
	if (lex_nstring(l, &f->text, err) < 0)
		return -1;
	f->body = f->text.data ? BODY_INLINE : BODY_NIL;
	f->octets = f->text.len;
	return 0;
}

static const struct {
	const char *name;
	int (*read)(struct lex *l, struct fetch_data *f, struct err *err);
} items[] = {
	{ "UID", fetch_uid },
	{ "FLAGS", fetch_flags },
	{ "RFC822.SIZE", fetch_size },
	{ "INTERNALDATE", fetch_date },
	{ "MODSEQ", fetch_modseq },
};

static bool
is_body_item(struct slice name)
{
	return slice_eq_nocase(name, "BODY") || slice_eq_nocase(name, "BINARY") ||
	       slice_eq_nocase(name, "RFC822") || slice_eq_nocase(name, "RFC822.PEEK") ||
	       slice_eq_nocase(name, "RFC822.HEADER") || slice_eq_nocase(name, "RFC822.TEXT") ||
	       slice_eq_nocase(name, "RFC822.TEXT.PEEK");
}

static int
fetch_item(struct lex *l, struct fetch_data *f, struct err *err)
{
	struct slice name;

	if (lex_atom(l, "[", &name, err) < 0)
		return -1;
	if (is_body_item(name)) {
		char c;

		if (lex_peek(l, &c, err) < 0)
			return -1;
		/* "BODY (...)" without brackets is a structure. */
		if (c == '[' || !slice_eq_nocase(name, "BODY"))
			return fetch_body_item(l, name, f, err);
	}
	if (lex_blanks(l, err) < 0)
		return -1;
	for (size_t i = 0; i < COUNT_OF(items); i++)
		if (slice_eq_nocase(name, items[i].name))
			return items[i].read(l, f, err);
	return lex_skip_value(l, err);
}

/* Items up to the next body or the end of the response. */
static int
fetch_items(struct lex *l, struct resp *ret, struct err *err)
{
	struct fetch_data *f = &ret->fetch;

	f->body = BODY_NONE;
	ret->more = false;
	for (;;) {
		bool close;

		if (lex_blanks(l, err) < 0 || lex_accept(l, ')', &close, err) < 0)
			return -1;
		if (close)
			return lex_eol(l, err);
		if (fetch_item(l, f, err) < 0)
			return -1;
		if (f->body != BODY_NONE) {
			ret->more = true;
			return 0;
		}
	}
}

static int
read_fetch(struct lex *l, struct resp *ret, struct err *err)
{
	ret->kind = RESP_FETCH;
	ret->fetch.seq = ret->number;
	ret->fetch.flags.keywords = "";
	if (lex_blanks(l, err) < 0 || lex_expect(l, '(', err) < 0)
		return -1;
	return fetch_items(l, ret, err);
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
	if (slice_eq_nocase(word, "FETCH"))
		return read_fetch(&r->lex, ret, err);
	ret->kind = slice_eq_nocase(word, "EXISTS")    ? RESP_EXISTS
		    : slice_eq_nocase(word, "RECENT")  ? RESP_RECENT
		    : slice_eq_nocase(word, "EXPUNGE") ? RESP_EXPUNGE
						       : RESP_OTHER;
	return lex_resync(&r->lex, err);
}

static int
read_named(struct reader *r, struct slice word, struct resp *ret, struct err *err)
{
	struct lex *l = &r->lex;

	if (slice_eq_nocase(word, "CAPABILITY")) {
		ret->kind = RESP_CAPABILITY;
		return read_words(l, ret, err);
	}
	if (slice_eq_nocase(word, "ENABLED")) {
		ret->kind = RESP_ENABLED;
		return read_words(l, ret, err);
	}
	if (slice_eq_nocase(word, "ID")) {
		ret->kind = RESP_ID;
		return read_id(l, ret, err);
	}
	if (slice_eq_nocase(word, "NAMESPACE")) {
		ret->kind = RESP_NAMESPACE;
		return read_namespace(l, ret, err);
	}
	if (slice_eq_nocase(word, "LIST") || slice_eq_nocase(word, "LSUB") ||
	    slice_eq_nocase(word, "XLIST")) {
		ret->kind = slice_eq_nocase(word, "LSUB") ? RESP_LSUB : RESP_LIST;
		return read_list(l, ret, err);
	}
	if (slice_eq_nocase(word, "STATUS")) {
		ret->kind = RESP_COUNTS;
		return read_counts(l, ret, err);
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

	int rc = settle(r, io, fetch_items(&r->lex, io, &local), &local);

	if (rc < 0)
		*err = local;
	return rc;
}
