/* Status responses (RFC 3501 7.1), tagged or not: the state, the code in brackets, the text. */
#include <string.h>

#include "base/mem.h"
#include "imap/resp_parts.h"

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
	{ "MESSAGELIMIT", CODE_MESSAGELIMIT, false },
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

/* "1000 23221"; without the second number nothing was done. */
static bool
limit_reached(struct slice text, uint64_t *ret)
{
	const char *blank = memchr(text.data, ' ', text.len);

	if (blank == NULL)
		return false;
	return slice_u64((struct slice){ blank + 1, text.len - (size_t)(blank + 1 - text.data) }, UINT32_MAX, ret);
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
		if (ret->code == CODE_MESSAGELIMIT && !limit_reached(ret->code_text, &ret->code_num))
			ret->code = CODE_OTHER;
		if (ret->code == CODE_MAILBOXID && !mailbox_id(&ret->code_text))
			ret->code = CODE_OTHER;
	}

	size_t skip = (size_t)(close - t.data) + 1;

	while (skip < t.len && t.data[skip] == ' ')
		skip++;
	ret->text = (struct slice){ t.data + skip, t.len - skip };
}

bool
resp_state_word(struct slice word, bool tagged, enum resp_state *ret)
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

int
resp_status_text(struct lex *l, struct resp *ret, struct err *err)
{
	if (lex_blanks(l, err) < 0 || lex_rest(l, &ret->text, err) < 0)
		return -1;
	status_code(ret);
	return 0;
}
