/* What a run would need, and the room there is for it: for `imex check` and --dry-run. */
#ifndef APP_ACCOUNT_ROOM_CHECK_H
#define APP_ACCOUNT_ROOM_CHECK_H

#include "app/cli/options.h"
#include "app/cli/out.h"
#include "engine/job.h"

struct room_check {
	uint64_t folders, messages, octets;
	bool sizes_known;
	/* filled by room_check */
	struct room_need need; /* on the disk; valid when sizes_known */
	const char *dir; /* NULL: nothing to compare with */
	struct room_there there;
	uint64_t floor; /* stays free */
	const char *format;
};

/* A first run of what `io` counts, into `dir` (NULL: nowhere in particular). */
int room_check(struct room_check *io, const struct options *o, const struct job *job, const char *dir,
    struct err *err) WARN_UNUSED;
/* False: it does not; true also where that is not known. */
bool room_check_fits(const struct room_check *r);
void room_check_text(const struct room_check *r, struct out *o);
void room_check_json(const struct room_check *r, struct buf *b);

#endif
