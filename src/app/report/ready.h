/* status --ready AGE: is everything there, and new enough, so that the cut-over may begin? */
#ifndef APP_REPORT_READY_H
#define APP_REPORT_READY_H

#include "app/report/report.h"

/* "GO" or "NO-GO", and each account that is not ready with the reason. The exit code: 0 go, 2 not; -1:
 * it cannot be written. age_ms: how long ago the last good run of an account may have ended. */
int ready_print(struct report *r, int64_t age_ms, bool json, struct err *err) WARN_UNUSED;

#endif
