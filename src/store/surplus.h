/* What stands behind a mark: our own run that was killed wrote it, or another program did. It is
 * looked at line by line, whatever their length. */
#ifndef STORE_SURPLUS_H
#define STORE_SURPLUS_H

#include "base/err.h"
#include "base/slice.h"

enum { SURPLUS_EDGE = 64 };

struct surplus_line {
	struct slice start, end;	/* its first and last SURPLUS_EDGE octets, without LF */
	bool whole;			/* it has an LF; else it is the last, which a kill may tear */
};

/* *ret: every line from `at` to the end of the file is `ours`. *ret_nul: one of them holds NUL, as what
 * a power cut tore does. ERR_DISK. */
int surplus_look(int fd, uint64_t at, bool (*ours)(const void *arg, const struct surplus_line *line),
    const void *arg, bool *ret, bool *ret_nul, struct err *err) WARN_UNUSED;

/* The line begins with it; one that is not whole may end within it, and so may one with a NUL, behind
 * which a power cut took octets. */
bool surplus_starts(const struct surplus_line *line, const char *text);

#endif
