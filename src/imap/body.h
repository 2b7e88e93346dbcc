/* The body ladder (rules.md 1.2): the ordered ways to ask for one whole message. A step down is
 * taken once per server and remembered; forms that do not set \Seen come first. Form numbers are
 * stored in the state and never change meaning. */
#ifndef IMAP_BODY_H
#define IMAP_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "imap/caps.h"
#include "imap/quirk.h"

enum form {
	FORM_NONE = -1,
	FORM_PEEK, /* BODY.PEEK[] */
	FORM_RFC822_PEEK,
	FORM_PEEK_PARTS, /* BODY.PEEK[HEADER] and BODY.PEEK[TEXT] */
	FORM_SLICES, /* BODY.PEEK[]<o.n>, one slice after the other */
	FORM_BODY, /* BODY[] */
	FORM_RFC822,
	FORM_RFC822_PARTS, /* RFC822.HEADER and RFC822.TEXT */
	FORM_HEADER, /* the header alone, unseen: verdict header-only */
	FORM_RFC822_HEADER, /* the same on RFC 1730 */
	FORM_MIME_PARTS, /* header and MIME parts, each alone: verdict reconstructed */
	FORM_PEEK_ZERO, /* BODY.PEEK[0] and RFC822.TEXT.PEEK: header and text on RFC 1730 */
	FORM_PARTIAL, /* PARTIAL n RFC822.PEEK o len: slices on RFC 1730 */
	FORMS
};

/* Bits of the forms that take many commands for one message: for single messages alone. */
#define FORMS_SLICED (1u << FORM_SLICES | 1u << FORM_PARTIAL)

enum { SLICE_OCTETS = 256 * 1024 };

struct ladder {
	enum level level;
	uint64_t quirks;
	bool no_source_writes; /* leave out forms that set \Seen */
	uint32_t refused; /* bit per form: learnt for the server */
};

/* Items of the FETCH, without parentheses; FORM_SLICES gives "BODY.PEEK[]", FORM_MIME_PARTS
 * the first of many. */
const char *form_items(enum form f);
bool form_sets_seen(enum form f);
bool form_sliced(enum form f);
int form_parts(enum form f); /* body items in one answer: 1, or 2 (header, then text) */
bool form_header_only(enum form f);
/* First form, best first, that is not in `tried` nor refused; whole: forms that do not give the
 * message as it is (MIME parts, the header alone) are left out. */
enum form ladder_first(const struct ladder *l, uint32_t tried, bool whole);
/* True when forms were left out only because of no_source_writes. */
bool ladder_withheld(const struct ladder *l, uint32_t tried);

#endif
