#include "engine/forecast.h"

#include <stdio.h>

#include "base/human.h"
#include "engine/run.h"

/* Octets beside those of a message: its line in a sidecar, its row in the state, its line in front of
 * it (mbox). Estimates, for mail with a few keywords; the half of a block comes on top of a file. */
enum { LINE_OCTETS = 400, ROW_OCTETS = 400, FROM_OCTETS = 60 };
/* Made once a folder: directories, the sidecar, files for other programs. */
enum { MAILDIR_INODES = 8, FILES_INODES = 3 };

bool
selection_picks(const struct selection *sel)
{
	return sel->has_since || sel->has_before || sel->skip_deleted || sel->unseen ||
	       sel->min_size > 0 || sel->max_size > 0 || sel->search != NULL;
}

static const struct folder_rec *
record_of(const struct folder *f, const struct folder_rec *known, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!known[i].vanished && slice_eq(f->name, known[i].name) &&
		    (f->counts.uidvalidity == 0 || f->counts.uidvalidity == known[i].uidvalidity))
			return &known[i];
	return NULL;
}

static uint64_t
beyond(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

static void
add_folder(struct forecast *io, const struct folder *f, const struct folder_rec *r, bool picks)
{
	uint64_t more = beyond(f->counts.messages, r != NULL ? r->listed : 0);

	if (!(f->attrs & FOLDER_COUNTED)) {
		io->known = false;
		return;
	}
	if (more == 0)
		return;
	io->folders++;
	io->messages += more;
	if (f->counts.bytes_known)
		io->octets += beyond(f->counts.bytes, r != NULL ? r->bytes : 0);
	io->known &= f->counts.bytes_known && !picks;
}

void
forecast_plan(const struct plan *p, const struct selection *sel, const struct folder_rec *known,
    size_t n_known, struct forecast *ret)
{
	bool picks = selection_picks(sel);

	*ret = (struct forecast){ .known = true };
	for (size_t i = 0; i < p->len; i++) {
		const struct folder *f = &p->folder[i].folder;

		if (!p->folder[i].excluded)
			add_folder(ret, f, record_of(f, known, n_known), picks);
	}
}

void
forecast_need(const struct job *job, const struct forecast *f, uint64_t block, struct room_need *ret)
{
	uint64_t each = LINE_OCTETS + ROW_OCTETS, folders = f->folders;

	*ret = (struct room_need){ 0 };
	if (job->dest != NULL) {
		ret->octets = f->messages * ROW_OCTETS;
		return;
	}
	ret->octets = f->octets;
	switch (job->format) {
	case FORMAT_MAILDIR:
		ret->inodes = f->messages + folders * MAILDIR_INODES;
		each += block / 2;
		break;
	case FORMAT_EML:
		ret->inodes = f->messages + folders * FILES_INODES;
		each += block / 2;
		break;
	case FORMAT_MBOX:
		ret->inodes = folders * FILES_INODES;
		each += FROM_OCTETS;
		break;
	default:
		/* It is spooled before it is taken apart, and its parts are written. */
		ret->inodes = folders;
		ret->octets *= job->writing.full_source ? 3 : 2;
		break;
	}
	ret->octets += f->messages * each + ret->inodes / 4 * (folders > 0 ? block : 0) / 4;
}

/* ---- of an account ---- */

static bool
dest_holds_mail(const struct lane *l)
{
	const struct folder_list *there = l->sink_ops->listed(l->sink);

	for (size_t i = 0; i < there->len; i++)
		if (there->folder[i].counts.messages > 0)
			return true;
	return false;
}

/* Mail that is there may be the same, and is not copied again: then it is only sure that what is more
 * than the whole limit cannot fit. */
static int
look_at_quota(struct run *r, struct lane *l, struct err *err)
{
	uint64_t used, limit;

	if (l->sink_ops->quota == NULL)
		return 0;
	if (l->sink_ops->quota(l->sink, &used, &limit, err) < 0)
		return -1;
	if (limit == 0)
		return 0;
	room_close(&r->shared.quota);
	r->shared.quota = room_of_quota(
	    r->n_known == 0 && dest_holds_mail(l) ? limit : beyond(limit, used));
	return 0;
}

static int
promise_all(struct run *r, const struct forecast *f, const struct room_need *disk, struct err *err)
{
	const struct room_need there = { .octets = f->octets };

	if (room_promise(r->job->room, &r->shared.disk_share, disk, "the account", err) < 0 ||
	    room_promise(r->shared.quota, &r->shared.quota_share, &there, "the account", err) < 0)
		return -1;
	r->shared.promised = true;
	return 0;
}

static void
tell(struct lane *l, const struct forecast *f, const struct room_need *disk)
{
	char octets[HUMAN_MAX], need[ROOM_TEXT_MAX];

	human_bytes(f->octets, octets);
	room_need_text(disk, need);
	if (f->known)
		lane_event(l, EV_FORECAST, "%llu messages of %s to come; on the disk about %s",
		    (unsigned long long)f->messages, octets, need);
	else
		lane_event(l, EV_FORECAST,
		    "sizes are not known before the folders are listed: each part is compared with the "
		    "room there is before it is fetched");
}

int
run_forecast(struct run *r, struct lane *l, struct err *err)
{
	struct forecast f;
	struct room_need disk;

	if (r->job->room == NULL || r->shared.promised)
		return 0;
	if (room_hold(r->job->room, err) < 0)
		return -1;
	forecast_plan(&r->plan, &r->job->selection, r->known, r->n_known, &f);
	if (f.messages == 0 && f.known)
		return 0;
	forecast_need(r->job, &f, room_block(r->job->room), &disk);
	tell(l, &f, &disk);
	if (look_at_quota(r, l, err) < 0)
		return -1;
	return f.known ? promise_all(r, &f, &disk, err) : 0;
}

/* ---- of a page ---- */

/* Of so many messages of a folder that is there. */
static void
page_need(const struct lane *l, uint64_t messages, uint64_t octets, struct room_need *ret)
{
	const struct forecast f = { .messages = messages, .octets = octets };

	forecast_need(l->job, &f, room_block(l->job->room), ret);
}

int
lane_promise(struct lane *l, uint64_t messages, uint64_t octets, struct err *err)
{
	const struct room_need there = { .octets = octets };
	struct room_need disk;
	char what[400];

	if (l->job->room == NULL || l->shared->promised || messages == 0)
		return 0;
	page_need(l, messages, octets, &disk);
	snprintf(what, sizeof(what), "what comes next of the folder '%s' (%llu messages)",
	    l->plan->display, (unsigned long long)messages);
	return room_promise(l->job->room, &l->disk_share, &disk, what, err) < 0 ||
			   room_promise(l->shared->quota, &l->quota_share, &there, what, err) < 0
		   ? -1
		   : 0;
}

void
lane_promise_kept(struct lane *l, uint64_t octets)
{
	const struct room_need there = { .octets = octets };
	struct shared *s = l->shared;
	struct room_need disk;

	if (l->job->room == NULL)
		return;
	page_need(l, 1, octets, &disk);
	room_came(l->job->room, s->promised ? &s->disk_share : &l->disk_share, &disk);
	room_came(s->quota, s->promised ? &s->quota_share : &l->quota_share, &there);
}

int
lane_room_holds(struct lane *l, struct err *err)
{
	struct err ignored;

	if (room_hold(l->job->room, err) == 0)
		return 0;
	(void)!lane_flush(l, true, &ignored);
	return -1;
}

void
lane_promise_over(struct lane *l)
{
	if (l->job->room == NULL)
		return;
	room_leave(l->job->room, &l->disk_share);
	room_leave(l->shared->quota, &l->quota_share);
}
