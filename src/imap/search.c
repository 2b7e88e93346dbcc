#include "imap/search.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"

enum { TEXTS_MAX = 8, PIECES_MAX = 2 * TEXTS_MAX + 5 };

/* The octet behind the string that begins here; NULL: it does not end, or has a bad escape. */
static const char *
string_end(const char *at, bool *ret_eight_bit)
{
	*ret_eight_bit = false;
	for (at++; *at != '"'; at++) {
		*ret_eight_bit |= (unsigned char)*at >= 0x80;
		if (*at == '\\' && (at[1] == '\\' || at[1] == '"'))
			at++;
		else if (*at == '\\' || *at == '\0')
			return NULL;
	}
	return at + 1;
}

static bool
has_controls(const char *key)
{
	for (; *key != '\0'; key++)
		if ((unsigned char)*key < ' ' || *key == 0x7f)
			return true;
	return false;
}

static const char *
balance_fault(const char *key)
{
	unsigned depth = 0, texts = 0;

	for (const char *at = key; *at != '\0';) {
		bool eight_bit;

		if (*at == '"') {
			if ((at = string_end(at, &eight_bit)) == NULL)
				return "each \" needs its end, and \\ stands before \" or \\ alone";
			if ((texts += eight_bit) > TEXTS_MAX)
				return "at most 8 strings that are not ASCII are";
			continue;
		}
		if ((unsigned char)*at >= 0x80 || *at == '{' || *at == '\\')
			return "text with {, \\ or letters that are not ASCII must stand in double quotes";
		if (*at == ')' && depth-- == 0)
			return "each ) needs its ( before it";
		depth += *at == '(';
		at++;
	}
	return depth > 0 ? "each ( needs its )" : NULL;
}

const char *
search_key_fault(const char *key)
{
	if (key[strspn(key, " ")] == '\0')
		return "words of RFC 3501 are, as 'FROM \"anna\" UNSEEN'";
	if (strlen(key) > SEARCH_KEY_MAX)
		return "at most 800 octets are";
	if (has_controls(key) || !utf8_valid(slice_str(key)))
		return "one line of UTF-8 is";
	if (strncasecmp(key, "CHARSET ", 8) == 0 || strncasecmp(key, "RETURN ", 7) == 0)
		return "CHARSET and RETURN are said by imex itself; a search key is";
	return balance_fault(key);
}

/* ---- asking ---- */

struct pieces {
	struct cmd_word word[PIECES_MAX];
	size_t n;
	struct buf text[TEXTS_MAX]; /* of the literals */
	size_t n_texts;
};

static void
add_raw(struct pieces *p, const char *from, const char *to, bool joined)
{
	p->word[p->n++] = (struct cmd_word){
		.text = { from, (size_t)(to - from) }, .raw = true, .joined = joined
	};
}

/* What stands between the quotes, without escapes. */
static void
add_literal(struct pieces *p, const char *from, const char *to)
{
	struct buf *text = &p->text[p->n_texts++];

	buf_init(text, SEARCH_KEY_MAX + 1);
	for (const char *at = from + 1; at < to - 1; at++) {
		at += *at == '\\';
		buf_add_byte(text, *at);
	}
	p->word[p->n++] = (struct cmd_word){ .text = buf_slice(text), .joined = true };
}

/* The key between its 8-bit strings is sent as it is. */
static void
cut_key(struct pieces *p, const char *key)
{
	const char *from = key;

	for (const char *at = key; *at != '\0';) {
		const char *end = at + 1;
		bool eight_bit = false;

		if (*at == '"')
			end = string_end(at, &eight_bit);
		if (eight_bit) {
			add_raw(p, from, at, from != key);
			add_literal(p, at, end);
			from = end;
		}
		at = end;
	}
	if (*from != '\0')
		add_raw(p, from, from + strlen(from), from != key);
}

/* Servers without UIDs answer with sequence numbers. */
static const char *
search_head(const struct sess *s, bool ascii)
{
	if (s->numbered)
		return ascii ? "SEARCH" : "SEARCH CHARSET UTF-8";
	if (caps_has(&s->caps, CAP_ESEARCH))
		return ascii ? "UID SEARCH RETURN (ALL)" : "UID SEARCH RETURN (ALL) CHARSET UTF-8";
	return ascii ? "UID SEARCH" : "UID SEARCH CHARSET UTF-8";
}

/* below: only of messages with lower UIDs; 0: of all. */
static int
send_key(struct sess *s, const char *key, uint32_t below, uint32_t *ret_tag, struct err *err)
{
	const char *head = search_head(s, sess_name_is_plain(slice_str(key)));
	struct pieces p = { .n = 0 };
	char range[32];

	add_raw(&p, head, head + strlen(head), false);
	cut_key(&p, key);
	if (below != 0) {
		snprintf(range, sizeof(range), "UID 1:%u", below - 1);
		add_raw(&p, range, range + strlen(range), false);
	}

	int rc = sess_send_words(s, 0, ret_tag, p.word, p.n, err);

	for (size_t i = 0; i < p.n_texts; i++)
		buf_done(&p.text[i]);
	return rc;
}

static int
search_refused(struct sess *s, const char *key, struct err *err)
{
	struct err why;

	sess_refused(s, &s->last, "SEARCH", &why);
	if (why.kind == ERR_THROTTLED) {
		*err = why;
		return -1;
	}
	return err_set(err, ERR_FOLDER, "the server refuses --search '%s': %s", key, s->reply);
}

/* One answer, added to what there is. *ret_below: 0, or only down to that UID was looked (RFC 9738 3.1). */
static int
take_found(struct sess *s, const char *key, uint32_t tag, struct uidset *io, uint32_t *ret_below, struct err *err)
{
	bool given = false;

	do {
		if (sess_next(s, &s->last, NULL, err) < 0)
			return -1;
		if (s->last.kind == RESP_SEARCH) {
			given = true;
			if (!uidset_join(&s->reader.set, io))
				return err_set(err, ERR_FOLDER,
				    "--search '%s' finds more UIDs than fit into memory", key);
		} else if (sess_drop(s, &s->last, err) < 0) {
			return -1;
		}
	} while (s->last.kind != RESP_TAGGED || s->last.tag != tag);
	if (s->last.state != STATE_OK)
		return search_refused(s, key, err);
	if (!given)
		return err_set(err, ERR_FOLDER,
		    "the server says OK to --search '%s', but not what it finds", key);
	*ret_below = s->last.code == CODE_MESSAGELIMIT ? (uint32_t)s->last.code_num : 0;
	return 0;
}

int
sess_search(struct sess *s, const char *key, struct uidset *ret, struct err *err)
{
	uint32_t below = 0, next = 0, tag;

	uidset_clear(ret);
	for (;;) {
		if (send_key(s, key, below, &tag, err) < 0)
			return err->kind == ERR_FOLDER ? search_refused(s, key, err) : -1;
		if (take_found(s, key, tag, ret, &next, err) < 0)
			return -1;
		uidset_sort(ret);
		if (next <= 1 || (below != 0 && next >= below))
			return 0;
		below = next;
	}
}
