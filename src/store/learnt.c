#include "store/learnt.h"

#include "base/mem.h"

static const struct {
	uint32_t learnt;
	enum quirk quirk;
} table[] = {
	{ LEARNT_NO_SEARCH, QUIRK_NO_SEARCH },
	{ LEARNT_SIZES_WRONG, QUIRK_SIZES_WRONG },
	{ LEARNT_NO_CHANGES, QUIRK_NO_CHANGES },
	{ LEARNT_NO_LIST_RETURN, QUIRK_NO_LIST_RETURN },
	{ LEARNT_NO_STATUS, QUIRK_NO_STATUS },
	{ LEARNT_SINGLES, QUIRK_SINGLES },
};

uint64_t
learnt_quirks(const struct server_facts *f)
{
	uint64_t set = 0;

	for (size_t i = 0; i < COUNT_OF(table); i++)
		if (f->quirks & table[i].learnt)
			quirk_add(&set, table[i].quirk);
	if ((f->quirks & LEARNT_LISTINGS) != 0)
		quirk_add(&set, QUIRK_LISTING_FORM);
	/* The state does not tell whether it was BAD or came empty. */
	if (f->refused_forms != 0)
		quirk_add(&set, QUIRK_FORM_REFUSED);
	if (f->connections > 0)
		quirk_add(&set, QUIRK_CEILING);
	return set;
}
