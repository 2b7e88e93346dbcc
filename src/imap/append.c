#include "imap/append.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"

void
append_message(
    struct buf *out, const struct flags *f, const struct date *d, uint64_t octets, bool now)
{
	buf_add_str(out, "(");
	flags_text(f, out);
	buf_add_str(out, ")");
	if (d->known) {
		char text[DATE_TEXT_MAX];

		date_format(d, text);
		buf_printf(out, " \"%s\"", text);
	}
	buf_printf(out, " {%" PRIu64 "%s}", octets, now ? "+" : "");
}

bool
append_uids(const struct resp *r, uint32_t *ret_uidvalidity, struct uidset *ret)
{
	struct slice text = r->code_text, word;
	const char *blank;
	uint64_t validity;

	uidset_clear(ret);
	if (r->code != CODE_APPENDUID || text.len == 0)
		return false;
	blank = memchr(text.data, ' ', text.len);
	if (blank == NULL)
		return false;
	word = (struct slice){ text.data, (size_t)(blank - text.data) };
	text = (struct slice){ blank + 1, text.len - word.len - 1 };
	if (!slice_u64(word, INT64_MAX, &validity) || !uidset_parse(ret, text) || ret->len == 0) {
		uidset_clear(ret);
		return false;
	}
	uidset_sort(ret);
	*ret_uidvalidity = uidvalidity_fold(validity);
	return true;
}

/* ---- refusals ---- */

/* Words in the text of a refusal, lower case; the first that occurs decides. */
static const struct {
	const char *words;
	enum append_fault fault;
} texts[] = {
	{ "header limit reached", APPEND_HEADER }, /* one message, not a quota */
	{ "over quota", APPEND_QUOTA },
	{ "overquota", APPEND_QUOTA },
	{ "quota exceeded", APPEND_QUOTA },
	{ "exceeded your quota", APPEND_QUOTA },
	{ "storage limit", APPEND_QUOTA },
	{ "mailbox is full", APPEND_QUOTA },
	{ "mailbox full", APPEND_QUOTA },
	{ "blocks limit exceeded", APPEND_QUOTA },
	{ "inode limit exceeded", APPEND_QUOTA },
	{ "no space left", APPEND_QUOTA },
	{ "virus", APPEND_UNWANTED },
	{ "spam", APPEND_UNWANTED },
	{ "message size exceeded", APPEND_TOO_BIG },
	{ "maximum message size", APPEND_TOO_BIG },
	{ "max message size", APPEND_TOO_BIG },
	{ "too large", APPEND_TOO_BIG },
	{ "too big", APPEND_TOO_BIG },
	{ "nul char", APPEND_NUL },
	{ "contains nul", APPEND_NUL },
	{ "nul byte", APPEND_NUL },
	{ "invalid character in literal", APPEND_NUL },
	{ "bare newline", APPEND_BARE_LF },
	{ "bare lf", APPEND_BARE_LF },
	{ "bare cr", APPEND_BARE_LF },
	{ "line too long", APPEND_LONG_LINE },
	{ "long line", APPEND_LONG_LINE },
	{ "command argument error", APPEND_LONG_LINE }, /* Exchange, quirks row 15 */
	{ "invalid header", APPEND_HEADER },
	{ "header", APPEND_HEADER },
	{ "keyword", APPEND_FLAGS },
	{ "flag", APPEND_FLAGS },
	{ "date", APPEND_DATE },
	{ "read-only", APPEND_NO_FOLDER },
	{ "read only", APPEND_NO_FOLDER },
	{ "permission denied", APPEND_NO_FOLDER },
	{ "does not exist", APPEND_NO_FOLDER },
	{ "doesn't exist", APPEND_NO_FOLDER },
};

static bool
text_has(struct slice text, const char *words)
{
	size_t len = strlen(words);

	for (size_t i = 0; i + len <= text.len; i++)
		if (strncasecmp(text.data + i, words, len) == 0)
			return true;
	return false;
}

enum append_fault
append_fault(const struct resp *r)
{
	switch (r->code) {
	case CODE_OVERQUOTA:
		return APPEND_QUOTA;
	case CODE_THROTTLED:
	case CODE_UNAVAILABLE:
	case CODE_INUSE:
		return APPEND_LATER;
	case CODE_TRYCREATE:
	case CODE_NONEXISTENT:
	case CODE_NOPERM:
	case CODE_READ_ONLY:
		return APPEND_NO_FOLDER;
	case CODE_TOOBIG:
		return APPEND_TOO_BIG;
	default:
		break;
	}
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		if (text_has(r->text, texts[i].words))
			return texts[i].fault;
	return r->code == CODE_LIMIT ? APPEND_LATER : APPEND_OTHER;
}

/* ---- limits ---- */

uint64_t
append_limit(const struct caps *c)
{
	uint64_t limit = 0;

	return slice_u64(caps_value(c, "APPENDLIMIT="), INT64_MAX, &limit) ? limit : 0;
}

bool
append_limit_by_folder(const struct caps *c)
{
	static const char word[] = "APPENDLIMIT";

	for (const char *p = c->text.data; p != NULL && *p != '\0';) {
		size_t len = strcspn(p, " ");

		if (len == sizeof(word) - 1 && strncasecmp(p, word, len) == 0)
			return true;
		p += len + (p[len] == ' ');
	}
	return false;
}

int
append_folder_limit(struct sess *s, struct slice name, uint64_t *ret, struct err *err)
{
	struct resp r;
	uint32_t tag;

	*ret = 0;
	if (sess_send_named(s, 0, &tag, "STATUS", name, "(APPENDLIMIT)", err) < 0)
		return -1;
	do {
		if (sess_next(s, &r, NULL, err) < 0)
			return -1;
		if (r.kind == RESP_COUNTS)
			*ret = r.folder.counts.append_limit;
		if (sess_drop(s, &r, err) < 0)
			return -1;
	} while (r.kind != RESP_TAGGED || r.tag != tag);
	return 0;
}
