/* The accounts of a list, many at a time (crowd.h), into one job, or from files into a server. One bad
 * account never stops the others; what would fail for each of them (a full disk, Ctrl-C) ends it all. */
#ifndef APP_CROWD_MIGRATION_H
#define APP_CROWD_MIGRATION_H

#include "app/account/extract.h"
#include "app/crowd/crowd.h"
#include "app/job/stored.h"
#include "store/shelf.h"

/* What the state knows of a row's account. */
struct migration_row {
	int64_t account;		/* in the state; 0: not there */
	/* of the last try */
	struct lease lease;		/* account 0: it was not claimed */
	struct tally sum;
	uint64_t warnings;
	uint64_t came;			/* messages that it stored */
	/* of all of them */
	struct progress_sum counted;	/* as the display has it */
	struct migration_source *source;	/* of a watched account; NULL: closed */
	uint64_t bytes_known;
	int64_t newest;			/* date of its newest message; 0: unknown, or not asked for */
};

struct migration {
	struct options *o;		/* of all accounts, jobs and limits among them */
	const char *dir;		/* job directory */
	const struct userlist *list;
	const struct into *into;	/* NULL: into files; its dest may have %u */
	bool own_dests;			/* rows name where they go: so each is kept for itself */
	const struct shelf_found *found;	/* mail that goes there; NULL: from the rows' servers */
	/* Of `retry`: what the job keeps of each row's account, and which of it; NULL: nothing. */
	const struct stored *stored;
	const size_t *entry;
	bool shares;			/* others may come and share the work (imex worker) */
	const struct account_rec *joined;	/* by row: this process came to share it; NULL: it began it */
	struct run run;			/* control, log, and the state unless `found` */
	int64_t number;			/* of the run in the state's history */
	struct crowd crowd;
	struct migration_row *row;	/* what is known of each row's account */
	/* sums over accounts that have come to their end; the mutex of migration_account.c */
	struct tally sum;
	uint64_t warnings;
};

/* Opens m->run: control and log, and, unless its mail is what goes elsewhere, the job in m->dir with a run
 * in its history. After either outcome migration_close is due. */
int migration_open(struct migration *m, struct err *err) WARN_UNUSED;
/* Those of row `at`, into a copy of m->o with an arena of its own: what the job keeps of the account, and
 * what the row says. */
int migration_options(const struct migration *m, size_t at, struct options *o,
    struct err *err) WARN_UNUSED;
/* A line on standard output for each account, unless o->quiet; failures are told on standard error
 * then. Reports are not written. */
void migration_run(struct migration *m);
/* The run has ended with that exit code: into the history, and for --metrics-file. The code again; -1: it
 * was that already, or cannot be kept. */
int migration_finish(struct migration *m, int code, struct err *err) WARN_UNUSED;
void migration_close(struct migration *m);

#endif
