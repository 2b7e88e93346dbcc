/* The run keeps to its directory (base/confine.h), and to what it needs of the kernel (base/filter.h). */
#ifndef APP_RUN_CONFINED_H
#define APP_RUN_CONFINED_H

#include "app/cli/options.h"
#include "app/job/placed.h"

/* Before the first thread that hears a server. It writes below `dir` (NULL: nowhere), where it is, --spool and the
 * directory of --metrics-file. All passwords that programs print are there, no program is started any more. */
int confined(const struct options *o, const char *dir, struct err *err) WARN_UNUSED;
/* The same for several accounts, each of which may have a program for its password and a spool of its own:
 * confined_add for each, then confined_many, and before the first server is heard errands_seal. */
struct reach {
	const char **spool;	/* those that are there */
	size_t n_spools;
};
int confined_add(struct reach *r, const struct options *of_account, struct err *err) WARN_UNUSED;
int confined_many(const struct options *o, const char *dir, const struct reach *r, struct err *err) WARN_UNUSED;
void reach_done(struct reach *r);
/* All of that for the accounts of a job that went to a server. */
int confined_placed(const struct placed *p, const bool *wanted, const struct options *given,
    struct err *err) WARN_UNUSED;

#endif
