/* --metrics-file: the numbers of the run in the text format of Prometheus, for the textfile collector
 * of its node exporter. The file is replaced as a whole every few seconds and at the end, so that a
 * reader never sees half of it; it stays behind, with imex_run_finished 1. */
#ifndef APP_REPORT_METRICS_H
#define APP_REPORT_METRICS_H

#include "app/report/meter.h"
#include "base/buf.h"
#include "base/err.h"

struct metrics;

/* path NULL: none, and so *ret; nothing happens in the calls below then. ERR_CREATE: it cannot be
 * written. */
int metrics_open(struct metrics **ret, const char *path, const char *job, struct progress_all *p,
    struct err *err) WARN_UNUSED;
void metrics_tick(struct metrics *m);
/* The last state of things; code: the exit code of the run. */
void metrics_close(struct metrics **m, int code);
/* The text itself. */
void metrics_text(const struct view *v, const char *job, int64_t started_ms, int64_t now_ms, int code,
    struct buf *out);

#endif
