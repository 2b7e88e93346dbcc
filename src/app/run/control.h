/* The control side of a run: signals, the worker thread, the display.
 *
 * A thread of its own waits for signals, which are blocked everywhere else, so that a terminal that
 * has stopped (Ctrl-S) or a full disk never delays the second Ctrl-C. The first SIGINT or SIGTERM
 * raises the cancel, the second ends the process at once with 75. SIGHUP is the same when the
 * terminal has gone that the run was started from; else, as from logrotate, it is for the log. */
#ifndef APP_RUN_CONTROL_H
#define APP_RUN_CONTROL_H

#include "app/report/metrics.h"
#include "app/report/screen.h"
#include "base/cancel.h"

struct control;

/* From here on signals are ours; call it before any other thread starts, and before anything is waited for. `s` may be
 * NULL. */
int control_open(struct control **ret, struct cancel *stop, struct screen *s, struct err *err) WARN_UNUSED;
void control_close(struct control **c);
/* Kept new while control_run runs. Before it; NULL: none. */
void control_set_metrics(struct control *c, struct metrics *m);
/* What the drawing thread does besides, while control_run runs: after SIGHUP, and each second or more
 * often. Before it; NULL: nothing. */
void control_set_reopen(struct control *c, void (*reopen)(void *arg), void *arg);
void control_set_tick(struct control *c, void (*tick)(void *arg), void *arg);
/* While `end` is not NULL the first signal raises that alone, and the next one is the first that raises the cancel. */
void control_soften(struct control *c, struct cancel *end);
/* work(arg, err) in a thread of its own, while this one draws. Its result. */
int control_run(struct control *c, int (*work)(void *arg, struct err *err), void *arg,
    struct err *err) WARN_UNUSED;

#endif
