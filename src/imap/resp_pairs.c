/* Responses that are a folder and pairs of words: ACL, MYRIGHTS (RFC 4314 3.6, 3.8), METADATA (RFC
 * 5464 4.4); and QUOTA, which is a root and limits. At most RESP_PAIRS_MAX pairs, each word at most LEX_STRING_MAX. */
#include <inttypes.h>
#include <string.h>

#include "imap/resp_parts.h"

static int
pair_add(struct lex *l, struct resp *ret, struct slice name, struct slice value, struct err *err)
{
	struct pair *p = arena_take(l->arena, sizeof(*p)), **end = ret->pair_end;

	if (ret->pairs == RESP_PAIRS_MAX)
		return err_set(err, ERR_PROTOCOL, "a list of more than %d pairs", RESP_PAIRS_MAX);
	if (p == NULL)
		return resp_no_room(err);
	*p = (struct pair){ .name = name, .value = value };
	*(end != NULL ? end : &ret->pair) = p;
	ret->pair_end = &p->next;
	ret->pairs++;
	return 0;
}

static int
at_end(struct lex *l, bool *ret, struct err *err)
{
	char c;

	if (lex_blanks(l, err) < 0 || lex_peek(l, &c, err) < 0)
		return -1;
	*ret = c == '\r' || c == '\n';
	return 0;
}

static int
folder_name(struct lex *l, struct resp *ret, struct err *err)
{
	return lex_blanks(l, err) < 0 ? -1 : lex_astring(l, &ret->folder.name, err);
}

/* "INBOX anna lrs -bob w": no pairs at all is well-formed. */
int
resp_read_acl(struct lex *l, struct resp *ret, struct err *err)
{
	bool end;

	if (folder_name(l, ret, err) < 0)
		return -1;
	for (;;) {
		struct slice who, rights;

		if (at_end(l, &end, err) < 0)
			return -1;
		if (end)
			return lex_eol(l, err);
		if (lex_astring(l, &who, err) < 0 || lex_space(l, err) < 0 ||
		    lex_astring(l, &rights, err) < 0 || pair_add(l, ret, who, rights, err) < 0)
			return -1;
	}
}

int
resp_read_myrights(struct lex *l, struct resp *ret, struct err *err)
{
	struct slice rights;

	if (folder_name(l, ret, err) < 0 || lex_space(l, err) < 0 ||
	    lex_astring(l, &rights, err) < 0 ||
	    pair_add(l, ret, (struct slice){ "", 0 }, rights, err) < 0 || lex_blanks(l, err) < 0)
		return -1;
	return lex_eol(l, err);
}

/* "INBOX (/shared/comment {5} hello /private/x NIL)"; a list of names without values says that
 * they have changed, and gives no pairs. */
int
resp_read_metadata(struct lex *l, struct resp *ret, struct err *err)
{
	bool list, close, end;

	if (folder_name(l, ret, err) < 0 || at_end(l, &end, err) < 0)
		return -1;
	if (end)
		return lex_eol(l, err);
	if (lex_accept(l, '(', &list, err) < 0)
		return -1;
	if (!list)
		return lex_resync(l, err);
	for (;;) {
		struct slice entry, value;

		if (lex_blanks(l, err) < 0 || lex_accept(l, ')', &close, err) < 0)
			return -1;
		if (close)
			break;
		if (lex_astring(l, &entry, err) < 0 || lex_space(l, err) < 0 ||
		    lex_nstring(l, &value, err) < 0 || pair_add(l, ret, entry, value, err) < 0)
			return -1;
	}
	return lex_blanks(l, err) < 0 ? -1 : lex_eol(l, err);
}

/* The resource and its limit, in the units of the server. */
static int
add_limit(struct lex *l, struct resp *ret, struct slice name, uint64_t limit, struct err *err)
{
	char *text = arena_printf(l->arena, "%" PRIu64, limit);

	return text == NULL ? resp_no_room(err) : pair_add(l, ret, name, slice_str(text), err);
}

/* "root (STORAGE 10 512 MESSAGE 20 100)" (RFC 9208 5.1); storage is told in units of 1,024 octets. */
int
resp_read_quota(struct lex *l, struct resp *ret, struct err *err)
{
	struct slice name;
	bool close;

	if (folder_name(l, ret, err) < 0 || lex_blanks(l, err) < 0 || lex_expect(l, '(', err) < 0)
		return -1;
	for (;;) {
		uint64_t used, limit;

		if (lex_blanks(l, err) < 0 || lex_accept(l, ')', &close, err) < 0)
			return -1;
		if (close)
			return lex_eol(l, err);
		if (lex_atom(l, "", &name, err) < 0 || lex_space(l, err) < 0 ||
		    lex_number(l, &used, err) < 0 || lex_space(l, err) < 0 ||
		    lex_number(l, &limit, err) < 0 || add_limit(l, ret, name, limit, err) < 0)
			return -1;
		if (!slice_eq_nocase(name, "STORAGE") || used > UINT64_MAX / 1024 ||
		    limit > UINT64_MAX / 1024)
			continue;
		ret->quota_used = used * 1024;
		ret->quota_limit = limit * 1024;
	}
}
