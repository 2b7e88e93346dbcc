#include "imap/rights.h"

#include <string.h>

uint32_t
rights_read(struct slice text)
{
	uint32_t r = 0;

	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] >= 'a' && text.data[i] <= 'z')
			r |= RIGHT(text.data[i]);
	return r;
}

void
rights_text(uint32_t rights, char ret[RIGHTS_TEXT_MAX])
{
	size_t n = 0;

	for (char c = 'a'; c <= 'z'; c++)
		if (rights & RIGHT(c))
			ret[n++] = c;
	ret[n] = '\0';
}

void
rights_side(const struct caps *c, struct rights_side *ret)
{
	uint32_t more = rights_read(caps_value(c, "RIGHTS="));

	ret->wide = more & rights_read(slice_str("kxte"));
	ret->known = more | rights_read(slice_str(ret->wide ? "lrswipa" : "lrswipcda"));
}

uint32_t
rights_real(uint32_t rights, const struct rights_side *side)
{
	return side->wide ? rights & ~(RIGHT('c') | RIGHT('d')) : rights;
}

static uint32_t
widened(uint32_t r)
{
	uint32_t to = r & ~(RIGHT('c') | RIGHT('d'));

	if (r & RIGHT('c'))
		to |= RIGHT('k') | RIGHT('x');
	if (r & RIGHT('d'))
		to |= RIGHT('t') | RIGHT('e');
	return to;
}

static uint32_t
narrowed(uint32_t r, bool negative, uint32_t *io_lost)
{
	const uint32_t make = RIGHT('k') | RIGHT('x'), drop = RIGHT('t') | RIGHT('e');
	uint32_t to = r & ~(make | drop);

	if (r & (negative ? make : RIGHT('k')))
		to |= RIGHT('c');
	else
		*io_lost |= r & make;
	if (negative ? (r & drop) != 0 : (r & drop) == drop)
		to |= RIGHT('d');
	else
		*io_lost |= r & drop;
	return to;
}

uint32_t
rights_translate(uint32_t rights, const struct rights_side *from, const struct rights_side *to,
    bool negative, uint32_t *ret_lost)
{
	uint32_t r = rights_real(rights, from), lost = 0;

	if (to->wide && !from->wide)
		r = widened(r);
	else if (from->wide && !to->wide)
		r = narrowed(r, negative, &lost);
	*ret_lost = lost | (r & ~to->known);
	return r & to->known;
}

bool
rights_own(struct slice who, const char *login)
{
	size_t local = strcspn(login, "@");

	return slice_eq(who, login) ||
	       (login[local] == '@' && who.len == local && memcmp(who.data, login, local) == 0);
}
