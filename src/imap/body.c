#include "imap/body.h"

#include <stddef.h>

#include "base/mem.h"

static const struct {
	const char *items;
	bool sets_seen, header_only;
	int parts;
} forms[FORMS] = {
	[FORM_PEEK] = { "BODY.PEEK[]", false, false, 1 },
	[FORM_RFC822_PEEK] = { "RFC822.PEEK", false, false, 1 },
	[FORM_PEEK_PARTS] = { "BODY.PEEK[HEADER] BODY.PEEK[TEXT]", false, false, 2 },
	[FORM_SLICES] = { "BODY.PEEK[]", false, false, 1 },
	[FORM_BODY] = { "BODY[]", true, false, 1 },
	[FORM_RFC822] = { "RFC822", true, false, 1 },
	[FORM_RFC822_PARTS] = { "RFC822.HEADER RFC822.TEXT", true, false, 2 },
	[FORM_HEADER] = { "BODY.PEEK[HEADER]", false, true, 1 },
	[FORM_RFC822_HEADER] = { "RFC822.HEADER", false, true, 1 },
	[FORM_MIME_PARTS] = { "BODY.PEEK[1]", false, false, 1 },
	[FORM_PEEK_ZERO] = { "BODY.PEEK[0] RFC822.TEXT.PEEK", false, false, 2 },
	[FORM_PARTIAL] = { "PARTIAL RFC822.PEEK", false, false, 1 },
};

static const enum form rev1[] = { FORM_PEEK, FORM_RFC822_PEEK, FORM_PEEK_PARTS, FORM_SLICES,
	FORM_BODY, FORM_RFC822, FORM_RFC822_PARTS, FORM_MIME_PARTS, FORM_HEADER,
	FORM_RFC822_HEADER };
/* RFC 1730 has sections by number only: BODY[HEADER] and slices belong to RFC 2060. BODY.PEEK[]
 * stays, since many servers know more than they say; it costs one refused command. */
static const enum form rfc1730[] = { FORM_RFC822_PEEK, FORM_PEEK, FORM_PEEK_ZERO, FORM_PARTIAL,
	FORM_RFC822, FORM_RFC822_PARTS, FORM_RFC822_HEADER };
/* Nothing leaves a message unread, but its header. */
static const enum form imap2[] = { FORM_RFC822, FORM_RFC822_PARTS, FORM_RFC822_HEADER };
/* RFC822 is gone from IMAP4rev2 (RFC 9051 appendix E). */
static const enum form rev2[] = { FORM_PEEK, FORM_PEEK_PARTS, FORM_SLICES, FORM_BODY,
	FORM_MIME_PARTS, FORM_HEADER };

const char *
form_items(enum form f)
{
	return forms[f].items;
}

bool
form_sets_seen(enum form f)
{
	return forms[f].sets_seen;
}

bool
form_sliced(enum form f)
{
	return FORMS_SLICED >> f & 1;
}

int
form_parts(enum form f)
{
	return forms[f].parts;
}

bool
form_header_only(enum form f)
{
	return forms[f].header_only;
}

static const enum form *
ladder_of(enum level level, size_t *ret_len)
{
	if (!level_has_uids(level)) {
		*ret_len = COUNT_OF(imap2);
		return imap2;
	}
	if (level == LEVEL_IMAP4) {
		*ret_len = COUNT_OF(rfc1730);
		return rfc1730;
	}
	if (level == LEVEL_IMAP4REV2) {
		*ret_len = COUNT_OF(rev2);
		return rev2;
	}
	*ret_len = COUNT_OF(rev1);
	return rev1;
}

static bool
forbidden(const struct ladder *l, enum form f)
{
	if (quirk_in(l->quirks, QUIRK_NO_RFC822) && (f == FORM_RFC822 || f == FORM_RFC822_PEEK))
		return true;
	return quirk_in(l->quirks, QUIRK_NO_CHECKED_SLICES) && f == FORM_SLICES;
}

enum form
ladder_first(const struct ladder *l, uint32_t tried, bool whole)
{
	size_t len;
	const enum form *order = ladder_of(l->level, &len);

	for (size_t i = 0; i < len; i++) {
		enum form f = order[i];

		if ((tried | l->refused) >> f & 1 || forbidden(l, f) ||
		    (whole && (forms[f].header_only || f == FORM_MIME_PARTS)) ||
		    (l->no_source_writes && forms[f].sets_seen))
			continue;
		return f;
	}
	return FORM_NONE;
}

bool
ladder_withheld(const struct ladder *l, uint32_t tried)
{
	struct ladder all = *l;

	all.no_source_writes = false;
	return l->no_source_writes && ladder_first(&all, tried, true) != FORM_NONE;
}
