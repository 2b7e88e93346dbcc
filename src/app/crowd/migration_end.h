/* What is said and written when the accounts of a list are through. */
#ifndef APP_CROWD_MIGRATION_END_H
#define APP_CROWD_MIGRATION_END_H

#include "app/crowd/migration.h"

/* Reports, and the summary on standard output; what ended it all is told on standard error. The exit
 * code: the worst of the accounts, 75 when it was interrupted, and that of the reason when nothing
 * could be copied. `command` and `what` (or NULL) go on with what is not complete: "imex retry DIR". */
int migration_end(struct migration *m, const char *command, const char *what, struct err *err) WARN_UNUSED;

#endif
