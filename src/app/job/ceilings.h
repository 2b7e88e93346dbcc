/* How many connections servers bear, from run to run: a note "ceiling/host:port" of the job for each server
 * that has refused one. A run begins with that, opens no more until it has held for five minutes (hosts.h),
 * and leaves one more to the next run if so many were logged in side by side and none was refused; so a server is asked for one
 * too many at most once in two runs. What holds now for processes that share a run is another thing, gone
 * with them: struct bearing in state.h. */
#ifndef APP_JOB_CEILINGS_H
#define APP_JOB_CEILINGS_H

#include "app/cli/out.h"
#include "engine/hosts.h"
#include "state/state.h"

struct ceilings;

/* Of all hosts that there are now. What cannot be read is not known. state NULL: nothing is kept. */
struct ceilings *ceilings_begin(struct hosts *h, struct state *t);
/* An account has connections to these, or has given them back: what was learnt is kept at once. */
void ceilings_look(struct ceilings *c, const unsigned *id, size_t n);
/* Of the whole run. */
void ceilings_end(struct ceilings **c);

/* What is kept, for people and programs; nothing where nothing is. */
int ceilings_text(struct state *t, struct out *o, struct err *err) WARN_UNUSED;
int ceilings_json(struct state *t, struct buf *b, struct err *err) WARN_UNUSED;

#endif
