/* The accounts of a list, one after the other, into one job, or from files into a server. One bad account never stops the
 * others; what would fail for each of them (a full disk, Ctrl-C) ends it all. A server that refuses
 * five accounts in a row is left alone: going on would lock its users out (rules.md 5). */
#ifndef APP_MIGRATION_H
#define APP_MIGRATION_H

#include "app/report.h"
#include "app/userlist.h"
#include "store/shelf.h"

struct migration {
	const struct options *o;	/* of all accounts */
	const char *dir;		/* job directory */
	const struct userlist *list;
	struct evlog *log;
	const char *dest;		/* URL of the server that mail goes to, with %u; NULL: files */
	const struct shelf_found *found;	/* mail that goes there; NULL: from the rows' servers */
	/* what became of them */
	size_t complete, warned, failed, untried;	/* accounts; untried ones count as failed, too */
	struct tally sum;
	uint64_t warnings;
	struct err ended;		/* what ended it all; kind NONE: nothing */
};

/* A line on standard output for each account, unless o->quiet; failures are told on standard error
 * then. Reports are not written. */
void migration_run(struct migration *m);
/* 0, 1 or 2: the worst. */
int migration_code(const struct migration *m);

#endif
