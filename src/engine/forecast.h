/* What an account needs before its first body is asked for, and whether there is room for it: octets and
 * inodes on the disk of the job directory, and octets of the destination's quota (rules.md 3.10).
 *
 * Where the folder list tells all sizes (STATUS=SIZE, files), the account promises all at once, and is
 * not begun when that does not fit. Else, and where messages are selected one by one, each page of the
 * listing promises what it is about to ask for. Nothing is asked of the server that it is not asked
 * anyway, but for the quota, once an account. */
#ifndef ENGINE_FORECAST_H
#define ENGINE_FORECAST_H

#include "engine/copy.h"
#include "engine/room.h"

struct forecast {
	uint64_t folders, messages, octets; /* of what is not stored yet */
	bool known;			    /* octets are those of all of them */
};

/* Are single messages left out? Then sizes of folders say too much. */
bool selection_picks(const struct selection *sel);
/* known: what the state has of the account; none: 0. */
void forecast_plan(const struct plan *p, const struct selection *sel, const struct folder_rec *known,
    size_t n_known, struct forecast *ret);
/* On the disk of the job directory, where files take `block` octets at least. */
void forecast_need(
    const struct job *job, const struct forecast *f, uint64_t block, struct room_need *ret);

/* Before the account is begun; both sides are connected. ERR_NO_ROOM, ERR_FULL. */
struct run;
int run_forecast(struct run *r, struct lane *l, struct err *err) WARN_UNUSED;
/* Of a page of the open folder, what is about to be asked for. ERR_NO_ROOM. */
int lane_promise(struct lane *l, uint64_t messages, uint64_t octets, struct err *err) WARN_UNUSED;
void lane_promise_kept(struct lane *l, uint64_t octets); /* one message is stored */
/* Does as much stay free as should? ERR_FULL: it does not; what was fetched so far is committed. */
int lane_room_holds(struct lane *l, struct err *err) WARN_UNUSED;
/* What was promised of the folder will not come, or not in this way. */
void lane_promise_over(struct lane *l);

#endif
