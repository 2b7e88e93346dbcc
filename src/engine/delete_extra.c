/* --delete-extra: what the destination holds in a folder that imex fills and that no message of the
 * source accounts for goes away, once the folder is proved complete and each copy is seen to be there.
 *
 * Everything that is not certain leaves the folder as it is. So do more than a tenth of its messages: that
 * is rather a wrong destination. And a copy that is missing anywhere leaves all folders as they are: it
 * may have been moved to where it would count as extra. What goes is kept first (removal.h). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/removal.h"

static const struct removal_words words = { .option = "--delete-extra",
	.are = "extra",
	.what = "of the destination was extra and is removed",
	.left = EV_DEST_EXTRA,
	.removed = EV_DEST_REMOVED };

/* A folder whose extra messages may go. */
struct cleared {
	struct planned *plan;
	const struct folder_rec *rec;
	uint32_t uidvalidity;
	struct uidset uids;
	uint32_t not_whole; /* the first that the server does not give whole; 0: none */
};

struct clearing {
	struct removal r;
	struct cleared *folder;
	size_t n;
	uint64_t missing; /* copies that are not where they were put, in all folders */
	const char *missing_in; /* the first of these folders */
};

/* ---- which folders ---- */

/* NULL: the state knows a good copy of each message. */
static const char *
uncertain(const struct planned *p, const struct folder_rec *rec)
{
	const uint64_t *v = rec != NULL ? rec->verdicts : NULL;

	if (rec == NULL || !rec->proof.proved)
		return "it is not proved complete";
	if (p->renewed)
		return "its UIDVALIDITY, here or there, has changed in this run";
	if (v[VERDICT_EXCLUDED] > 0)
		return "some of its messages are left out by the selection";
	if (v[VERDICT_STORED] + v[VERDICT_GONE] < rec->listed)
		return "some of its messages are not stored there";
	return NULL;
}

/* A copy that the source has no message for any more, and that is gone, is no copy that anybody misses. */
static int
forget_if_gone(struct clearing *x, const struct folder_rec *rec, const struct msg *m, bool gone, struct err *err)
{
	if (!gone || !m->expunged || m->dest_uid == 0 || !verdict_has_file(m->verdict))
		return 0;
	batch_mirrored(x->r.l->batch, rec->id, m->uid);
	return lane_flush_if_full(x->r.l, err);
}

/* UIDs of copies that messages of the source have now; `all` are there. *ret_unknown: messages whose copy has none. */
static int
named_copies(struct clearing *x, const struct folder_rec *rec, const struct uidset *all, struct uidset *ret,
    uint64_t *ret_unknown, struct err *err)
{
	struct msg_page *page = msg_page_new();
	uint32_t after = 0;
	int rc;

	*ret_unknown = 0;
	while ((rc = state_page(x->r.l->job->state, rec->id, after, page, err)) == 0 &&
	       page->len > 0) {
		for (size_t i = 0; i < page->len; i++) {
			const struct msg *m = &page->msg[i];

			if (forget_if_gone(x, rec, m, !uidset_has(all, m->dest_uid), err) < 0)
				rc = -1;
			if (m->expunged || m->verdict != VERDICT_STORED)
				continue;
			*ret_unknown += m->dest_uid == 0;
			if (m->dest_uid != 0 && !uidset_add(ret, m->dest_uid, m->dest_uid))
				rc = err_set(err, ERR_FOLDER, "too many UIDs to look through");
		}
		if (rc < 0)
			break;
		after = page->msg[page->len - 1].uid;
	}
	msg_page_free(page);
	uidset_sort(ret);
	return rc;
}

static void
take_cleared(struct clearing *x, struct planned *p, const struct folder_rec *rec, uint32_t uidvalidity,
    const struct uidset *uids)
{
	struct cleared *e = &x->folder[x->n++];

	*e = (struct cleared){ .plan = p, .rec = rec, .uidvalidity = uidvalidity };
	uidset_init(&e->uids);
	uidset_copy(uids, &e->uids);
}

static void
judge_sets(struct clearing *x, struct planned *p, const struct folder_rec *rec,
    uint32_t uidvalidity, const struct uidset *all, const struct uidset *named, const struct uidset *shared)
{
	struct uidset extra, missing, kept;
	uint64_t n, there = uidset_count(all);

	uidset_init(&kept);
	uidset_init(&extra);
	uidset_init(&missing);
	uidset_minus(named, all, &missing);
	if (!uidset_copy(named, &kept) || !uidset_join(shared, &kept)) {
		removal_left(&x->r, "it has too many messages to look through");
		goto out;
	}
	uidset_sort(&kept);
	uidset_minus(all, &kept, &extra);
	n = uidset_count(&extra);
	if (missing.len > 0 && x->missing_in == NULL)
		x->missing_in = p->display;
	x->missing += uidset_count(&missing);
	if (!removal_too_many(&x->r, n, there) && n > 0)
		take_cleared(x, p, rec, uidvalidity, &extra);
out:
	uidset_done(&extra);
	uidset_done(&missing);
	uidset_done(&kept);
}

static int
judge_open(struct clearing *x, struct planned *p, const struct folder_rec *rec, struct err *err)
{
	struct lane *l = x->r.l;
	struct uidset all, named, shared;
	struct dest_head head;
	uint64_t unknown;
	bool same;
	int rc = removal_enter(&x->r, p, rec, &head, &same, err);

	if (rc < 0 || !same)
		return rc;
	uidset_init(&all);
	uidset_init(&named);
	uidset_init(&shared);
	rc = l->sink_ops->uids(l->sink, l->at, &all, err);
	if (rc == 0)
		rc = named_copies(x, rec, &all, &named, &unknown, err);
	if (rc == 0)
		rc = removal_shared(&x->r, rec, &shared, err);
	if (rc == 0 && unknown > 0)
		removal_left(&x->r, "of some copies the UID there is not known");
	else if (rc == 0)
		judge_sets(x, p, rec, head.uidvalidity, &all, &named, &shared);
	uidset_done(&shared);
	uidset_done(&all);
	uidset_done(&named);
	return rc;
}

static int
judge(struct clearing *x, struct planned *p, struct err *err)
{
	const struct folder_rec *rec = removal_rec(&x->r, p->folder.name);
	const char *why = uncertain(p, rec);
	bool doubts = false;

	x->r.l->plan = p;
	batch_warning_gone(x->r.l->batch, EV_DEST_EXTRA, p->display, 0);
	if (why == NULL && removal_doubts(&x->r, rec, &doubts, err) < 0)
		return -1;
	if (doubts)
		why = "some of its messages are in doubt";
	if (why == NULL && !x->r.l->sink_ops->removes(x->r.l->sink))
		why = "the server has no UIDPLUS, so no message can be removed alone";
	if (why == NULL)
		return judge_open(x, p, rec, err);
	removal_left(&x->r, why);
	return 0;
}

/* ---- removing ---- */

/* Read one and write it down. */
static int
keep_one(struct clearing *x, struct cleared *e, struct removal_group *g, uint32_t uid, struct err *err)
{
	struct lane *l = x->r.l;
	struct kept_copy copy;
	bool whole;

	if (l->sink_ops->keep(l->sink, l->at, uid, x->r.body, &copy, &whole, err) < 0)
		return -1;
	if (whole)
		return removal_keep(&x->r, g, uid, &copy, err);
	if (e->not_whole == 0)
		e->not_whole = uid;
	return 0;
}

/* All groups, until the server refuses. */
static int
remove_all(struct clearing *x, struct cleared *e, struct removal_group *g, struct err *err)
{
	uint32_t uid = 0;
	bool done = true;

	while (done && (uid = uidset_after(&e->uids, uid)) != 0) {
		if (cancel_raised(x->r.l->job->stop))
			return err_set(err, ERR_INTERRUPTED, "interrupted");
		if (keep_one(x, e, g, uid, err) < 0)
			return -1;
		if (removal_group_full(g) && removal_expunge(&x->r, g, &done, err) < 0)
			return -1;
	}
	return !done || removal_expunge(&x->r, g, &done, err) == 0 ? 0 : -1;
}

static int
forget_removed(struct clearing *x, const struct folder_rec *rec, const struct uidset *gone, struct err *err)
{
	struct msg_page *page = msg_page_new();
	uint32_t after = 0;
	int rc = 0;

	while (rc == 0 && (rc = state_page(x->r.l->job->state, rec->id, after, page, err)) == 0 && page->len > 0) {
		after = page->msg[page->len - 1].uid;
		for (size_t i = 0; rc == 0 && i < page->len; i++)
			rc = forget_if_gone(x, rec, &page->msg[i], uidset_has(gone, page->msg[i].dest_uid), err);
	}
	msg_page_free(page);
	return rc;
}

/* An answer OK is not believed: what is still there was not removed. */
static int
look_again(struct clearing *x, const struct cleared *e, struct err *err)
{
	struct lane *l = x->r.l;
	struct uidset now, gone, still;
	char why[80] = "";
	int rc;

	if (e->not_whole != 0)
		snprintf(why, sizeof(why), "; the server does not give UID %u whole", e->not_whole);
	uidset_init(&now);
	uidset_init(&gone);
	uidset_init(&still);
	rc = l->sink_ops->uids(l->sink, l->at, &now, err);
	uidset_minus(&e->uids, &now, &gone);
	uidset_minus(&e->uids, &gone, &still);
	if (rc == 0 && gone.len > 0 && e->rec->expunged > e->rec->mirrored)
		rc = forget_removed(x, e->rec, &gone, err);
	if (rc == 0 && still.len > 0)
		lane_warn(l, EV_DEST_EXTRA, 0,
		    "%" PRIu64 " of %" PRIu64 " extra messages are still there%s",
		    uidset_count(&still), uidset_count(&e->uids), why);
	uidset_done(&now);
	uidset_done(&gone);
	uidset_done(&still);
	return rc;
}

static int
remove_from(struct clearing *x, struct cleared *e, struct err *err)
{
	struct removal_group g;
	struct dest_head head;
	bool same;

	if (removal_enter(&x->r, e->plan, e->rec, &head, &same, err) < 0)
		return -1;
	if (!same || head.uidvalidity != e->uidvalidity)
		return 0;

	int rc = removal_group_open(&x->r, &g, e->plan, e->rec, e->uidvalidity, err);

	if (rc == 0)
		rc = remove_all(x, e, &g, err);
	if (rc == 0)
		rc = look_again(x, e, err);
	removal_group_close(&g);
	return rc;
}

/* ---- the account ---- */

static int
judge_all(struct clearing *x, struct plan *plan, struct err *err)
{
	for (size_t i = 0; i < plan->len; i++)
		if (!plan->folder[i].excluded && judge(x, &plan->folder[i], err) < 0)
			return -1;
	return 0;
}

static int
leave_all(struct clearing *x)
{
	for (size_t i = 0; i < x->n; i++) {
		char why[512];

		snprintf(why, sizeof(why),
		    "%" PRIu64 " copies are no longer where they were put (first in %.200s), and "
		    "may have been moved",
		    x->missing, x->missing_in);
		x->r.l->plan = x->folder[i].plan;
		removal_left(&x->r, why);
	}
	return 0;
}

static int
work(struct clearing *x, struct plan *plan, struct err *err)
{
	if (removal_begin(&x->r, err) < 0 || judge_all(x, plan, err) < 0)
		return -1;
	if (x->missing > 0)
		return leave_all(x);
	for (size_t i = 0; i < x->n; i++)
		if (remove_from(x, &x->folder[i], err) < 0)
			return -1;
	return 0;
}

int
lane_delete_extra(struct lane *l, struct plan *plan, const char *account_dir, struct err *err)
{
	struct clearing x = { .r = { .l = l, .words = &words, .account_dir = account_dir } };
	int rc;

	x.folder = mem_resize(NULL, plan->len + 1, sizeof(*x.folder));
	rc = work(&x, plan, err);
	for (size_t i = 0; i < x.n; i++)
		uidset_done(&x.folder[i].uids);
	free(x.folder);
	removal_done(&x.r);
	return rc < 0 ? -1 : lane_flush(l, false, err);
}
