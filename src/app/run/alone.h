/* One account that is the whole run: it has a seat as one of a list has (orders.h), and goes on by
 * itself when the run is held no more. */
#ifndef APP_RUN_ALONE_H
#define APP_RUN_ALONE_H

#include "app/run/orders.h"
#include "app/run/run.h"

struct alone {
	struct run *run;	/* NULL: not begun */
	struct order_name name;
	struct orders *orders;
	struct seat seat;
	bool seated;
	bool started;		/* a try got to its folders */
	bool held;		/* it was cut short, and goes on when the run does */
	struct lease lease;
};

/* The run is open. Its job's stop and rates are those of the seat; false: it is held, and has none yet,
 * so that nothing is to be contacted. The names are borrowed. */
bool alone_begin(struct alone *a, struct run *r, const struct order_name *name);
/* Job directory, state and log are there. */
int alone_listen(struct alone *a, const char *dir, struct err *err) WARN_UNUSED;
/* job_copy, as often as it takes. */
int alone_copy(struct alone *a, struct err *err) WARN_UNUSED;
/* The same once; ERR_INTERRUPTED also when the run is held. */
int alone_pass(struct alone *a, struct err *err) WARN_UNUSED;
/* The run ends: what is held then is interrupted, and the state tells that. */
void alone_end(struct alone *a);
void alone_done(struct alone *a); /* before run_close */

#endif
