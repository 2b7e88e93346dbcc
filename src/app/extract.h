/* The work of `extract` and, for each account, of `retry` and `control`. */
#ifndef APP_EXTRACT_H
#define APP_EXTRACT_H

#include "app/options.h"
#include "app/report.h"

/* What became of one account of a list. */
struct extract_result {
	struct tally sum;	/* zeroed when it never got to its folders */
	uint64_t warnings;
	struct err why;		/* what ended it; kind NONE: it went to its end */
};

/* Copy the account of `source` into the job directory. The exit code; -1: nothing was begun. `many`
 * NULL: all is said and the reports are written. Else the code is this account's alone, nothing is
 * said, *many (zeroed by the caller) is filled, and the reports are the caller's. */
int extract_account(struct options *o, const char *dir, const char *source,
    struct extract_result *many, struct err *err) WARN_UNUSED;
/* After a list: the files of all its accounts become one set (exchange; nothing for other formats). */
int extract_close_set(const struct options *o, const char *dir, struct err *err) WARN_UNUSED;

#endif
