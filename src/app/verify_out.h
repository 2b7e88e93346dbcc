/* What verify says: a line for each difference as it is found, and the sums at the end; or one JSON
 * object. Accounts that are compared at the same time may speak at the same time. */
#ifndef APP_VERIFY_OUT_H
#define APP_VERIFY_OUT_H

#include <pthread.h>

#include "app/out.h"
#include "app/run.h"

struct verify_out {
	struct out out;
	struct run *run; /* options, log and display; the caller's */
	const char *against; /* what else than the state, as " and the server"; "" */
	struct difference_out differences; /* for the engine */
	size_t not_compared; /* accounts */
	pthread_mutex_t mutex;
};

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
