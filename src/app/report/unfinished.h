/* What a job of imex lacks, by its state: told wherever its files could be taken for the whole account. */
#ifndef APP_REPORT_UNFINISHED_H
#define APP_REPORT_UNFINISHED_H

#include "app/report/report.h"
#include "store/shelf.h"

enum { LACKS_MAX = 400 };

/* What this account lacks; false: nothing, it is complete. */
bool account_lacks(const struct account_rec *a, const struct tally *sum, char ret_why[LACKS_MAX]);

/* Of the job that files come from. */
struct unfinished {
	struct state *state; /* NULL: nothing is known */
	struct arena arena;
	struct account_rec *account;
	size_t n_accounts;
	char why[LACKS_MAX]; /* the state cannot be read; "" */
};

/* Where there is no state nothing is known, so nothing is lacking. A damaged state is told as something that is.
 * All of them fail when the system does: no memory, a disk that cannot be read. To be closed all the same. */
int unfinished_open(struct unfinished *u, const struct shelf_place *p, struct err *err) WARN_UNUSED;
void unfinished_close(struct unfinished *u);
/* What the account of that place lacks, behind what `out` has; nothing: nothing. */
int unfinished_place(struct unfinished *u, const struct shelf_place *p, struct buf *out, struct err *err) WARN_UNUSED;
/* The same of accounts of the job that have no place at all. */
int unfinished_others(struct unfinished *u, const struct shelf_found *f, struct buf *out, struct err *err)
    WARN_UNUSED;

#endif
