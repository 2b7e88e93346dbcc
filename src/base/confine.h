/* What the process gives up for good, so that a fault that a peer finds in it cannot be used to write elsewhere or
 * to start a program. By Landlock, where the kernel has it; else nothing is given up. */
#ifndef BASE_CONFINE_H
#define BASE_CONFINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* From here on this thread and those that it starts write only below dirs[0..n), which are there (NULL entries are
 * passed over), and to /dev/null and /dev/tty; files that are open stay open. No program is started any more.
 * *ret: it is so; false: the kernel cannot do it. An error names the directory. */
int confine_writes(const char *const *dirs, size_t n, bool *ret, struct err *err) WARN_UNUSED;

#endif
