/* The accounts of a job that goes to a server, as its state keeps them: what verify and undo need to
 * find both ends again. */
#ifndef APP_JOB_PLACED_H
#define APP_JOB_PLACED_H

#include "app/cli/options.h"
#include "app/job/destined.h"
#include "app/job/stored.h"
#include "state/state.h"

struct placed {
	const char *dir;
	const char *dest; /* to.dest; NULL: no such job */
	struct destined to;
	bool files; /* the source is files, one account */
	struct stored *stored;
	struct arena arena;
};

/* The job in `dir`, or else, with `dest`, the import of what lies there into that account. ret->dest
 * is NULL when there is neither. After either end, placed_close is due. */
int placed_open(struct placed *ret, const char *dir, const char *dest, struct err *err) WARN_UNUSED;
void placed_close(struct placed *p); /* also of one that was only zeroed */
size_t placed_len(const struct placed *p);
const char *placed_source(const struct placed *p, size_t i); /* URL or path; borrowed */
/* Is account i "anna@host" or "anna"? True for the account of files. */
bool placed_is(const struct placed *p, size_t i, const char *account);
/* *ret: options for account i alone, its own arena: `given`, and below it what the job keeps.
 * options_done is due after either. */
int placed_options(const struct placed *p, size_t i, const struct options *given,
    struct options *ret, struct err *err) WARN_UNUSED;
/* DEST of account i; in p->arena. */
int placed_dest(struct placed *p, size_t i, const char **ret, struct err *err) WARN_UNUSED;
/* Which accounts does an address of the command line mean? *ret[i]: account i goes there (or, with
 * `source`, comes from there); named NULL: all. ERR_OTHER_JOB: none. *ret has placed_len items, the
 * caller frees it. */
int placed_choose(struct placed *p, const char *named, bool source, bool **ret,
    struct err *err) WARN_UNUSED;

#endif
