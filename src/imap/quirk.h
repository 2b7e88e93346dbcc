/* Known deviations of server products: one table (quirks.def), matched on ID, greeting or host name
 * once a session. The flow never asks for a product, only for a behaviour. */
#ifndef IMAP_QUIRK_H
#define IMAP_QUIRK_H

#include <stdbool.h>
#include <stddef.h>

enum quirk {
#define QUIRK(name, match, why) QUIRK_##name,
#include "imap/quirks.def"
#undef QUIRK
	QUIRKS
};

/* Bits of all quirks whose match occurs in greeting, product or host (case ignored); NULLs are
 * fine. */
unsigned quirks_of(const char *greeting, const char *product, const char *host);
static inline bool
quirk_in(unsigned set, enum quirk q)
{
	return set >> q & 1;
}
const char *quirk_name(enum quirk q);
const char *quirk_why(enum quirk q);

#endif
