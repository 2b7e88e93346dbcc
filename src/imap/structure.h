/* BODYSTRUCTURE (RFC 3501 7.4.2) as far as it is needed to ask for the parts of a message one by
 * one. Read leniently: what cannot be understood inside is a leaf of unknown type, which can be
 * asked for all the same. A message/rfc822 is a leaf, and so is what is nested too deep.
 * Everything is in the lexer's arena. */
#ifndef IMAP_STRUCTURE_H
#define IMAP_STRUCTURE_H

#include "imap/lex.h"

enum { STRUCTURE_VALUES_MAX = 32 * 1024 };

struct mime_param {
	struct slice name, value;
	struct mime_param *next;
};

struct structure {
	bool multipart, size_known;
	const char *type; /* "image/png": lower case, only octets of a MIME token */
	struct mime_param *param;
	struct slice encoding; /* of a leaf; empty: not given */
	uint64_t size; /* of a leaf, as it is transferred */
	size_t parts; /* in this tree, itself included */
	struct structure *child, *next; /* children of a multipart, in their order */
};

/* *ret NULL: the value is none, or over a limit; it was read to its end. -1 as lex.h says. */
int structure_read(struct lex *l, const struct structure **ret, struct err *err) WARN_UNUSED;
/* Value of a parameter; data NULL: there is none. */
struct slice structure_param(const struct structure *s, const char *name);

#endif
