/* What a watch has to tell of an account: kept in the state, for status and report. */
#ifndef APP_JOB_WATCHED_H
#define APP_JOB_WATCHED_H

#include "state/state.h"

struct watched {
	bool now;			/* it is being watched, as long as the process lives */
	int64_t since_ms, equal_ms;	/* wall; the begin, and when nothing was missing last, 0: never yet */
	uint64_t came;			/* messages that came while it was watched and are stored */
	/* From the server telling of mail, or the look that found it, to that mail being stored. */
	uint64_t rounds;		/* so often; 0: the two below say nothing */
	int64_t longest_ms, median_ms;
};

struct watched_list {
	struct job_note *note;
	size_t len;
};

int watched_keep(struct state *t, int64_t account, const struct watched *w, struct err *err) WARN_UNUSED;
/* Of all accounts; in the arena. */
int watched_read(struct watched_list *ret, struct state *t, struct arena *a, struct err *err) WARN_UNUSED;
/* False: it was never watched. */
bool watched_of(const struct watched_list *l, int64_t account, struct watched *ret);

#endif
