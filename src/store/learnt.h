/* What the state keeps of a server (server_facts), as entries of the quirk table. */
#ifndef STORE_LEARNT_H
#define STORE_LEARNT_H

#include "imap/quirk.h"
#include "state/state.h"

/* Bits of enum quirk. */
uint64_t learnt_quirks(const struct server_facts *f);

#endif
