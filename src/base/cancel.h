/* One stop signal for a job: a flag, an eventfd that every blocking poll watches, and the condition
 * variables to broadcast. cancel_raise is async-signal-safe only through cancel_raise_from_signal.
 */
#ifndef BASE_CANCEL_H
#define BASE_CANCEL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct cancel;

struct cancel *cancel_new(void);
/* One that is raised with `above`, and can be raised alone; it is freed before `above` is. */
struct cancel *cancel_new_below(struct cancel *above);
void cancel_free(struct cancel *c); /* NULL: nothing */
void cancel_raise(struct cancel *c);
void cancel_raise_from_signal(struct cancel *c); /* flag and eventfd only */
/* One account alone is ended, and that is why; `words` lives as long as c. */
void cancel_raise_because(struct cancel *c, const char *words);
const char *cancel_words(const struct cancel *c); /* of the latter; NULL: none, also for NULL */
bool cancel_raised(const struct cancel *c); /* NULL: false */
int cancel_fd(const struct cancel *c); /* readable once raised; -1 for NULL */
int64_t
cancel_since_ms(const struct cancel *c); /* monotonic time of the first raise; 0: not raised */
/* Register a condition to be broadcast by cancel_raise (with its mutex held). Nobody holds that
 * mutex while calling cancel_raise, cancel_watch or cancel_unwatch. NULL: nothing. */
void cancel_watch(struct cancel *c, pthread_mutex_t *mutex, pthread_cond_t *cond);
void cancel_unwatch(struct cancel *c, pthread_cond_t *cond);
/* Sleep; 0 when the time passed, -1 with ERR_INTERRUPTED when raised. */
int cancel_sleep(struct cancel *c, int64_t ms, struct err *err) WARN_UNUSED;

#endif
