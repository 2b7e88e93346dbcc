/* LIST, LSUB and STATUS responses, and folder names as servers really send them. */
#include <string.h>

#include "base/mem.h"
#include "imap/resp_parts.h"

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
			return resp_no_room(err);
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
			       : resp_no_room(err);
	if (rc == 0)
		*ret = (struct slice){ copy, text.len };
	buf_done(&text);
	return rc;
}

/* "* MAILBOX name": raw octets to the end of the line as a rule, which may have blanks. */
int
resp_read_mailbox(struct lex *l, struct resp *ret, struct err *err)
{
	if (lex_blanks(l, err) < 0 || folder_name(l, &ret->folder.name, err) < 0)
		return -1;
	return lex_resync(l, err);
}

/* LIST and LSUB; extended data after the name is skipped. */
int
resp_read_list(struct lex *l, struct resp *ret, struct err *err)
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
	} else if (slice_eq_nocase(item, "APPENDLIMIT")) {
		c->append_limit = v;
	}
}

/* MAILBOXID (F123), from the bracket on; what is no id is as if it had not been sent. */
static int
count_id(struct lex *l, struct folder *f, struct err *err)
{
	char id[MAILBOX_ID_MAX + 2];
	struct slice text = { id, 0 };
	bool whole;
	char c;

	lex_take(l);
	for (;;) {
		if (lex_peek(l, &c, err) < 0)
			return -1;
		if (!objectid_valid((struct slice){ &c, 1 }) || text.len == sizeof(id))
			break;
		lex_take(l);
		id[text.len++] = c;
	}
	for (whole = c == ')'; c != ')';)
		if (lex_skip_value(l, err) < 0 || lex_blanks(l, err) < 0 || lex_peek(l, &c, err) < 0)
			return -1;
	lex_take(l);
	if (whole && objectid_valid(text) && (f->mailbox_id = arena_copy(l->arena, text)) == NULL)
		return resp_no_room(err);
	return 0;
}

int
resp_read_counts(struct lex *l, struct resp *ret, struct err *err)
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
			if ((slice_eq_nocase(item, "MAILBOXID") ? count_id(l, &ret->folder, err)
								 : lex_skip_value(l, err)) < 0)
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
