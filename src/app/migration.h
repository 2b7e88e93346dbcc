/* The accounts of a list, many at a time, into one job, or from files into a server. One bad account
 * never stops the others; what would fail for each of them (a full disk, Ctrl-C) ends it all. An
 * account whose connection fails, or that is told to wait, is tried again later. A server that refuses
 * five accounts in a row is left alone: going on would lock its users out; and when too many accounts
 * fail alike, something is wrong with all of them, and the job stops (rules.md 5). */
#ifndef APP_MIGRATION_H
#define APP_MIGRATION_H

#include "app/extract.h"
#include "app/userlist.h"
#include "store/shelf.h"

struct migration {
	struct options *o;		/* of all accounts, jobs and limits among them */
	const char *dir;		/* job directory */
	const struct userlist *list;
	const struct into *into;	/* NULL: into files; its dest may have %u */
	const struct shelf_found *found;	/* mail that goes there; NULL: from the rows' servers */
	struct run run;			/* control, log, and the state unless `found` */
	/* what became of them */
	size_t complete, warned, failed, untried;	/* accounts; untried ones count as failed, too */
	struct tally sum;
	uint64_t warnings;
	struct err ended;		/* what ended it all; kind NONE: nothing */
};

/* Opens m->run: control and log, and the job in m->dir unless its mail is what goes elsewhere. */
int migration_open(struct migration *m, struct err *err) WARN_UNUSED;
/* A line on standard output for each account, unless o->quiet; failures are told on standard error
 * then. Reports are not written. */
void migration_run(struct migration *m);
/* 0, 1 or 2: the worst. */
int migration_code(const struct migration *m);

#endif
