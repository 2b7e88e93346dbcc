/* What files hold, without copying anything: for `imex import --dry-run`, and for `imex verify` of
 * files that no state speaks of. Every message is read to its end, since only that shows what
 * cannot be had; where a sidecar tells a digest it is compared. */
#ifndef ENGINE_INVENTORY_H
#define ENGINE_INVENTORY_H

#include "engine/job.h"

struct inventory_folder {
	const char *name;	/* UTF-8 */
	bool excluded;		/* by the selection: nothing below is known */
	uint64_t messages, bytes, unread, deleted;
	uint64_t faulty;	/* cannot be read, or not what the sidecar says */
	uint64_t rebuilt;
	int64_t oldest, newest;	/* seconds since 1970; valid when dated > 0 */
	uint64_t dated;
};

enum trouble { TROUBLE_UNREADABLE, TROUBLE_DIFFERS, TROUBLE_NOTE };

/* Told as they come; texts live for the call. */
struct inventory_out {
	void (*folder)(void *arg, const struct inventory_folder *f);
	void (*trouble)(void *arg, enum trouble kind, const char *folder, uint32_t uid,
	    const char *text);
	void *arg;
};

struct inventory_sum {
	uint64_t folders, messages, bytes, faulty, notes, rebuilt;
};

/* `job` gives selection, stop, progress; the place is job->from. */
int job_inventory(const struct job *job, const struct inventory_out *out, struct inventory_sum *io,
    struct err *err) WARN_UNUSED;

#endif
