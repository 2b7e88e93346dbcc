/* What verify says: a line for each difference as it is found, and the sums at the end; or one JSON
 * object. Accounts that are compared at the same time may speak at the same time. */
#ifndef APP_ACCOUNT_VERIFY_OUT_H
#define APP_ACCOUNT_VERIFY_OUT_H

#include <pthread.h>

#include "app/cli/out.h"
#include "app/run/run.h"
#include "store/format.h"

struct verify_out {
	struct out out;
	struct run *run; /* options, log and display; the caller's */
	const char *against; /* what else than the state, as " and the server"; "" */
	struct difference_out differences; /* for the engine */
	size_t not_compared; /* accounts */
	pthread_mutex_t mutex;
	const char *dir; /* job directory, for what is to be done; NULL before verify_note */
	uint64_t noted, back; /* by verify_note: copies that are lost; that are there again */
	char not_noted[ERR_TEXT_MAX]; /* why nothing was noted; "" */
};

/* verify_note.c: what was found to be lost is noted in the state of the job, so that it is fetched or sent again;
 * before verify_out_close. An archive that cannot be written to, or a job that another process works on, is no
 * error: what was not noted is said. Not with --dry-run, and not what was found before an interruption. */
void verify_note(struct verify_out *v, const char *dir, enum format format, const struct err *ended);

void verify_out_open(struct verify_out *v, struct run *run, const char *against);
/* An account could not be compared, or not to its end: counted, and said in a line. `why` of kind
 * ERR_NONE: it was not tried. */
void verify_out_failed(struct verify_out *v, const char *account, const struct err *why);
/* code: what to end with; sums: they are worth a line of text. That code; -1: standard output cannot
 * be written. */
int verify_out_close(struct verify_out *v, const struct verify_counts *n, int code, bool sums,
    struct err *err) WARN_UNUSED;
/* 0 equal, 1 only explained differences, 2 others (rules.md 5). */
int verify_code(const struct verify_counts *n);
void verify_add(struct verify_counts *sum, const struct verify_counts *one);

#endif
