/* What the job keeps of its list before the first account begins, so that `status` shows what is still to
 * come, and `retry` can begin what a run never came to: the queue, and for each account that the job does
 * not know yet its options and where it goes. Two commits, however long the list is. */
#ifndef APP_CROWD_ENLIST_H
#define APP_CROWD_ENLIST_H

#include "app/crowd/migration.h"

/* Fills m->row with what is known from earlier runs. */
int enlist(struct migration *m, struct err *err) WARN_UNUSED;

/* Those of `which` are queued once more in the same run. */
void enlist_again(const struct migration *m, const bool *which);

#endif
