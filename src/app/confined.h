/* The run keeps to its directory (base/confine.h). */
#ifndef APP_CONFINED_H
#define APP_CONFINED_H

#include "app/options.h"

/* Before the first thread that hears a server, with `dir` there. commands: programs that print passwords are yet to
 * be started, so that nothing is given up. */
int confined(const struct options *o, const char *dir, bool commands, struct err *err) WARN_UNUSED;

#endif
