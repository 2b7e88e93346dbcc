/* Known deviations of servers: one table (quirks.def). Those of products are matched on greeting, ID
 * or host name once a session; the others are seen while a run goes on. The flow never asks for a
 * product, only for a behaviour. */
#ifndef IMAP_QUIRK_H
#define IMAP_QUIRK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum quirk {
#define QUIRK(kind, id, name, sign, does, why, rows, scene) QUIRK_##id,
#include "imap/quirks.def"
#undef QUIRK
	QUIRKS
};
/* The others, those of destinations, are never asked for. */
_Static_assert(QUIRK_LITERAL_WAITS <= 64, "a set of quirks is a uint64_t");

enum quirk_kind {
	QUIRK_IS_MATCHED, /* by words of greeting, ID or host */
	QUIRK_IS_KEPT, /* seen, and kept in the state for all accounts of the server */
	QUIRK_IS_SEEN, /* seen and treated where it occurs */
	QUIRK_IS_ALWAYS /* a precaution with every server */
};

/* One entry; quirks.def says what each of them is. */
struct quirk_entry {
	enum quirk_kind kind;
	const char *name, *sign, *does, *why, *rows, *scene;
};

/* Bits of all quirks whose match occurs in greeting, product or host (case ignored); NULLs are
 * fine. */
uint64_t quirks_of(const char *greeting, const char *product, const char *host);
static inline bool
quirk_in(uint64_t set, enum quirk q)
{
	return q < QUIRK_LITERAL_WAITS && (set >> q & 1);
}
static inline void
quirk_add(uint64_t *set, enum quirk q)
{
	*set |= UINT64_C(1) << q;
}
const struct quirk_entry *quirk_get(enum quirk q);
const char *quirk_kind_name(enum quirk_kind k); /* one word, for programs */
/* The entry with this name; NULL: none. */
const struct quirk_entry *quirk_find(const char *name);

#endif
