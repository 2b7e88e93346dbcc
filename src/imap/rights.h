/* Access rights as sets of letters, and how those of one server are said to another (RFC 4314 2.1).
 *
 * Servers of RFC 2086 know c (make folders) and d (delete messages, expunge); those of RFC 4314 have
 * k and x, t and e in their place, show c and d beside them for old clients, and name the new ones
 * in RIGHTS=. */
#ifndef IMAP_RIGHTS_H
#define IMAP_RIGHTS_H

#include "imap/caps.h"

enum { RIGHTS_TEXT_MAX = 27 };

struct rights_side {
	bool wide;	/* k, x, t and e */
	uint32_t known; /* rights the server has, a bit per letter */
};

#define RIGHT(letter) (UINT32_C(1) << ((letter) - 'a'))

/* Letters of `text`; others (digits have a meaning of the server's own) are left out. */
uint32_t rights_read(struct slice text);
void rights_text(uint32_t rights, char ret[RIGHTS_TEXT_MAX]); /* by alphabet */
void rights_side(const struct caps *c, struct rights_side *ret);
/* Without c and d where they are but other words for k, x, t and e. */
uint32_t rights_real(uint32_t rights, const struct rights_side *side);
/* The same in the letters of the other server. Where it knows only more at once, nobody gets more
 * than he had: d needs t and e, c needs k; what is denied (`negative`) is denied wholly: d for t or
 * e, c for k or x. From old to new c is k and x, d is t and e. *ret_lost: those left unsaid. */
uint32_t rights_translate(uint32_t rights, const struct rights_side *from,
    const struct rights_side *to, bool negative, uint32_t *ret_lost);
/* Is that identifier the login's own? Also without its domain, which servers leave out. */
bool rights_own(struct slice who, const char *login);

#endif
