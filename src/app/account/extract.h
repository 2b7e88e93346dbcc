/* The work of `extract` and, for each account, of `retry` and `control`. */
#ifndef APP_ACCOUNT_EXTRACT_H
#define APP_ACCOUNT_EXTRACT_H

#include "app/cli/options.h"
#include "app/report/report.h"
#include "app/run/run.h"

/* What became of one account of a list. */
struct extract_result {
	struct tally sum;	/* zeroed when it never got to its folders */
	uint64_t warnings;
	uint64_t came;		/* messages that were stored */
	struct lease lease;	/* account 0: it was not claimed */
	struct err why;		/* what ended it; kind NONE: it went to its end */
};

/* One account among others. */
struct extract_many {
	struct run *above;	/* with control, and the job's state and log */
	bool own_job;		/* an import of a job: it has a directory of its own */
	struct shares *shares;
	const struct seat *seat;
	struct progress_sum *counted;	/* of the account's tries so far, as in progress_instead */
	struct extract_result result;	/* zeroed by the caller */
};

/* A run that is not from a server into files. */
struct into {
	const char *command;		/* "migrate", "import" */
	const char *dest;		/* URL of the server that mail goes to; %u: the login */
	bool own_dest;			/* other accounts of the job go elsewhere: a list says where */
	const struct shelf_place *from;	/* files; NULL: the server of `source` */
	const struct shelf_found *all;	/* `from` is taken since it is the only one of these; NULL: it was named */
	bool retry;			/* what was refused goes once more */
};

/* Begin the job in `dir`: prepare the directory, open state and log, hold what is fixed against the
 * options. Birth must be settled (birth_settle). */
int extract_begin_job(struct run *r, const char *dir, const struct into *into, struct err *err) WARN_UNUSED;
/* Copy the account of `source` into the job directory. The exit code; -1: nothing was begun. `many`
 * NULL: all is said and the reports are written. Else the code is this account's alone, nothing is
 * said, many->result is filled, and the reports are the caller's but for those of an own job. `into`
 * NULL: from a server into files; with into->from, source is the path that they were found at. */
int extract_account(struct options *o, const char *dir, const char *source, const struct into *into,
    struct extract_many *many, struct err *err) WARN_UNUSED;

#endif
