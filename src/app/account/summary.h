/* The last words of a run on one account. */
#ifndef APP_ACCOUNT_SUMMARY_H
#define APP_ACCOUNT_SUMMARY_H

#include "app/report/report.h"

struct summary {
	const char *dir, *source;	/* as the user wrote them */
	const char *dest, *to;		/* DEST as written, its account; NULL: files */
	const char *again;		/* the command, "imex extract" */
	int code;			/* the exit code to come */
	uint64_t fresh;			/* messages stored by this run, if known of one account */
	bool fresh_known;
	bool verified;			/* the files have been read back and are right */
};

int summary_print(struct report *r, const struct account_rec *a, const struct summary *s,
    struct err *err) WARN_UNUSED;

#endif
