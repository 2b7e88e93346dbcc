/* FETCH responses (RFC 3501 7.4.2): items up to the next body, which is announced and left to the
 * caller. */
#include <string.h>

#include "base/mem.h"
#include "imap/resp_parts.h"

/* ---- FETCH ---- */

/* A list of words, of which some servers quote some. */
static int
fetch_words(struct lex *l, struct flag_set *set, bool (*add)(struct flag_set *, struct slice), struct err *err)
{
	flag_set_init(set, l->arena);
	if (lex_expect(l, '(', err) < 0)
		return -1;
	for (;;) {
		struct slice word;
		bool close;
		char c;

		if (lex_blanks(l, err) < 0 || lex_accept(l, ')', &close, err) < 0)
			return -1;
		if (close)
			return 0;
		if (lex_peek(l, &c, err) < 0 ||
		    (c == '"' || c == '{' ? lex_astring(l, &word, err)
					  : lex_word(l, ")", &word, err)) < 0)
			return -1;
		/* Some keywords have one (GreenMail); before a backslash it would hide a flag. */
		if (slice_starts_nocase(word, "(\\"))
			return err_set(err, ERR_PROTOCOL, "a list among flags");
		if (!add(set, word))
			return resp_no_room(err);
	}
}

static int
fetch_flags(struct lex *l, struct fetch_data *f, struct err *err)
{
	const char *labels = f->flags.labels;
	struct flag_set set;

	if (fetch_words(l, &set, flag_set_add, err) < 0)
		return -1;
	if (!flag_set_end(&set, &f->flags))
		return resp_no_room(err);
	f->flags.labels = labels;
	f->recent = f->flags.system & FLAG_RECENT;
	f->has_flags = true;
	return 0;
}

static int
fetch_date(struct lex *l, struct fetch_data *f, struct err *err)
{
	struct slice text;
	char c;

	if (lex_peek(l, &c, err) < 0 || lex_nstring(l, &text, err) < 0)
		return -1;
	/* Not quoted, it ends at the first blank: a day without its time is none. */
	f->has_date = text.data == NULL || c == '"' || c == '{';
	if (text.data == NULL || !f->has_date)
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

/* Gmail's IMAP extensions (X-GM-EXT-1). What is none of them is no reason to lose the rest. */
static int
fetch_labels(struct lex *l, struct fetch_data *f, struct err *err)
{
	struct flag_set set;
	char c;

	if (lex_peek(l, &c, err) < 0)
		return -1;
	if (c != '(')
		return lex_skip_value(l, err);
	if (fetch_words(l, &set, label_set_add, err) < 0)
		return -1;
	return label_set_end(&set, &f->flags.labels) ? 0 : resp_no_room(err);
}

static int
fetch_id(struct lex *l, uint64_t *ret, struct err *err)
{
	struct slice text;

	if (lex_nstring(l, &text, err) < 0)
		return -1;
	if (text.data == NULL || !slice_u64(text, UINT64_MAX, ret))
		*ret = 0;
	return 0;
}

static int
fetch_msgid(struct lex *l, struct fetch_data *f, struct err *err)
{
	return fetch_id(l, &f->gm_msgid, err);
}

static int
fetch_thrid(struct lex *l, struct fetch_data *f, struct err *err)
{
	return fetch_id(l, &f->gm_thrid, err);
}

static int
fetch_uid(struct lex *l, struct fetch_data *f, struct err *err)
{
	return resp_uid_number(l, &f->uid, err);
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

static int
fetch_structure(struct lex *l, struct fetch_data *f, struct err *err)
{
	return structure_read(l, &f->structure, err);
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
		return resp_no_room(err);
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
	f->section = section;
	f->has_origin = false;
	if (lex_accept(l, '[', &bracket, err) < 0)
		return -1;
	if (bracket) {
		if (fetch_section(l, &section, err) < 0 || fetch_origin(l, f, err) < 0)
			return -1;
		f->section = section;
		f->part = section.len == 0                     ? PART_WHOLE
			  : slice_eq_nocase(section, "HEADER") ? PART_HEADER
			  : slice_eq(section, "0")             ? PART_HEADER /* RFC 1730 */
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

enum item_kind { ITEM_PLAIN, ITEM_BODY, ITEM_EITHER /* "BODY (...)" without brackets is a structure */ };

/* Those of a listing first. */
static const struct item {
	const char *name;
	enum item_kind kind;
	int (*read)(struct lex *l, struct fetch_data *f, struct err *err);
} items[] = {
	{ "UID", ITEM_PLAIN, fetch_uid },
	{ "FLAGS", ITEM_PLAIN, fetch_flags },
	{ "RFC822.SIZE", ITEM_PLAIN, fetch_size },
	{ "INTERNALDATE", ITEM_PLAIN, fetch_date },
	{ "BODY", ITEM_EITHER, fetch_structure },
	{ "MODSEQ", ITEM_PLAIN, fetch_modseq },
	{ "X-GM-MSGID", ITEM_PLAIN, fetch_msgid },
	{ "X-GM-THRID", ITEM_PLAIN, fetch_thrid },
	{ "X-GM-LABELS", ITEM_PLAIN, fetch_labels },
	{ "BODYSTRUCTURE", ITEM_PLAIN, fetch_structure },
	{ "BINARY", ITEM_BODY, NULL },
	{ "RFC822", ITEM_BODY, NULL },
	{ "RFC822.PEEK", ITEM_BODY, NULL },
	{ "RFC822.HEADER", ITEM_BODY, NULL },
	{ "RFC822.TEXT", ITEM_BODY, NULL },
	{ "RFC822.TEXT.PEEK", ITEM_BODY, NULL },
};

static const struct item *
find_item(struct slice name)
{
	for (size_t i = 0; i < COUNT_OF(items); i++)
		if (slice_eq_nocase(name, items[i].name))
			return &items[i];
	return NULL;
}

static int
fetch_item(struct lex *l, struct fetch_data *f, struct err *err)
{
	const struct item *item;
	struct slice name;
	char c;

	if (lex_atom(l, "[", &name, err) < 0 || lex_peek(l, &c, err) < 0)
		return -1;
	item = find_item(name);
	if (item != NULL && (item->kind == ITEM_BODY || (item->kind == ITEM_EITHER && c == '[')))
		return fetch_body_item(l, name, f, err);
	if (lex_blanks(l, err) < 0)
		return -1;
	return item != NULL ? item->read(l, f, err) : lex_skip_value(l, err);
}

/* Items up to the next body or the end of the response. */
int
resp_fetch_items(struct lex *l, struct resp *ret, struct err *err)
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
	ret->fetch.flags.keywords = "";
	if (lex_blanks(l, err) < 0 || lex_expect(l, '(', err) < 0)
		return -1;
	return resp_fetch_items(l, ret, err);
}

int
resp_read_fetch(struct lex *l, struct resp *ret, struct err *err)
{
	ret->fetch.seq = ret->number;
	return read_fetch(l, ret, err);
}

int
resp_read_uidfetch(struct lex *l, struct resp *ret, struct err *err)
{
	ret->fetch.uid = ret->number;
	return read_fetch(l, ret, err);
}
