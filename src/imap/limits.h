/* Limits on what a peer sends (limits.def), each an integer constant of its name: octets, a count, or a
 * multiple of --timeout. */
#ifndef IMAP_LIMITS_H
#define IMAP_LIMITS_H

enum {
	LIMIT_COUNT = 1,
	LIMIT_TIMES = 1, /* of --timeout */
	LIMIT_KIB = 1024,
	LIMIT_MIB = 1024 * 1024,
	LIMIT_MIBS = 1 /* the constant counts MiB, as its octets fit no int */
};

enum {
#define LIMIT(name, number, unit, what, then, event) name = (number) * LIMIT_##unit,
#include "imap/limits.def"
#undef LIMIT
};

#endif
