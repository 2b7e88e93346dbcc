/* --delete-extra: what the destination holds in a folder that imex fills and that no message of the
 * source accounts for goes away, once the folder is proved complete and each copy is seen to be there.
 *
 * Everything that is not certain leaves the folder as it is. So do more than a tenth of its messages: that
 * is rather a wrong destination. And a copy that is missing anywhere leaves all folders as they are: it
 * may have been moved to where it would count as extra. What goes is kept first (removed.h). */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "engine/copy.h"
#include "engine/removed.h"
#include "mail/header.h"
#include "mail/names.h"

enum {
	GROUP_MSGS = 64,	/* kept, then removed, together */
	GROUP_OCTETS_MAX = 64 * 1024 * 1024
};

/* A folder whose extra messages may go. */
struct cleared {
	struct planned *plan;
	const struct folder_rec *rec;
	uint32_t uidvalidity;
	struct uidset uids;
	uint32_t not_whole; /* the first that the server does not give whole; 0: none */
};

struct clearing {
	struct lane *l;
	const char *account_dir;
	struct cleared *folder;
	size_t n;
	uint64_t missing; /* copies that are not where they were put, in all folders */
	const char *missing_in; /* the first of these folders */
	struct folder_rec *rec;
	size_t n_recs;
	struct arena arena;
	struct spool *body;
};

/* ---- which folders ---- */

static const struct folder_rec *
rec_of(const struct clearing *x, const struct planned *p)
{
	for (size_t i = 0; i < x->n_recs; i++)
		if (!x->rec[i].vanished && slice_eq(p->folder.name, x->rec[i].name))
			return &x->rec[i];
	return NULL;
}

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

static int
has_doubts(struct clearing *x, const struct folder_rec *rec, bool *ret, struct err *err)
{
	struct arena a;
	struct intent *list;
	size_t n = 0;
	int rc;

	arena_init(&a, 256 * 1024 * 1024);
	rc = state_intents(x->l->job->state, rec->id, &a, &list, &n, err);
	arena_done(&a);
	*ret = n > 0;
	return rc;
}

/* UIDs of copies that messages of the source have now. *ret_unknown: messages whose copy has none. */
static int
named_copies(
    struct clearing *x, const struct folder_rec *rec, struct uidset *ret, uint64_t *ret_unknown,
    struct err *err)
{
	struct msg_page *page = msg_page_new();
	uint32_t after = 0;
	int rc;

	*ret_unknown = 0;
	while ((rc = state_page(x->l->job->state, rec->id, after, page, err)) == 0 &&
	       page->len > 0) {
		for (size_t i = 0; i < page->len; i++) {
			const struct msg *m = &page->msg[i];

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
left(struct lane *l, const char *why)
{
	lane_warn(l, EV_DEST_EXTRA, 0, "--delete-extra removes nothing from this folder: %s", why);
}

/* Open it; *ret_same false: it is not the folder that the rows speak of, and the next run looks for
 * each message again. */
static int
enter(struct clearing *x, struct planned *p, const struct folder_rec *rec, struct dest_head *ret,
    bool *ret_same, struct err *err)
{
	struct lane *l = x->l;
	const struct row_feed feed = { .next = lane_feed_rows, .arg = l };
	uint64_t aside;

	*ret_same = false;
	l->plan = p;
	l->rec = *rec;
	if (l->sink_ops->folder(l->sink, &l->rec, &feed, &aside, &l->at, err) < 0) {
		if (err->scope > SCOPE_FOLDER)
			return -1;
		left(l, err->text);
		*err = (struct err){ 0 };
		return 0;
	}
	l->sink_ops->head(l->at, ret);
	*ret_same = ret->was == 0;
	if (*ret_same)
		return 0;
	l->rec.proof.proved = l->rec.proof.carried = false;
	l->rec.proof.why = "UIDVALIDITY of the folder on the destination has changed";
	l->rec.mark = NULL;
	batch_folder(l->batch, &l->rec);
	left(l, l->rec.proof.why);
	return lane_flush(l, true, err);
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
    uint32_t uidvalidity, const struct uidset *all, const struct uidset *named)
{
	struct uidset extra, missing;
	uint64_t n, there = uidset_count(all);
	char why[160];

	uidset_init(&extra);
	uidset_init(&missing);
	uidset_minus(all, named, &extra);
	uidset_minus(named, all, &missing);
	n = uidset_count(&extra);
	if (missing.len > 0 && x->missing_in == NULL)
		x->missing_in = p->display;
	x->missing += uidset_count(&missing);
	snprintf(why, sizeof(why),
	    "%" PRIu64 " of its %" PRIu64 " messages are extra, that is more than %d %%", n, there,
	    EXTRA_CEILING_PERCENT);
	if (n * 100 > there * EXTRA_CEILING_PERCENT)
		left(x->l, why);
	else if (n > 0)
		take_cleared(x, p, rec, uidvalidity, &extra);
	uidset_done(&extra);
	uidset_done(&missing);
}

static int
judge_open(struct clearing *x, struct planned *p, const struct folder_rec *rec, struct err *err)
{
	struct lane *l = x->l;
	struct uidset all, named;
	struct dest_head head;
	uint64_t unknown;
	bool same;
	int rc = enter(x, p, rec, &head, &same, err);

	if (rc < 0 || !same)
		return rc;
	uidset_init(&all);
	uidset_init(&named);
	rc = l->sink_ops->uids(l->sink, l->at, &all, err);
	if (rc == 0)
		rc = named_copies(x, rec, &named, &unknown, err);
	if (rc == 0 && unknown > 0)
		left(l, "of some copies the UID there is not known");
	else if (rc == 0)
		judge_sets(x, p, rec, head.uidvalidity, &all, &named);
	uidset_done(&all);
	uidset_done(&named);
	return rc;
}

static int
judge(struct clearing *x, struct planned *p, struct err *err)
{
	const struct folder_rec *rec = rec_of(x, p);
	const char *why = uncertain(p, rec);
	bool doubts = false;

	x->l->plan = p;
	batch_warning_gone(x->l->batch, EV_DEST_EXTRA, p->display, 0);
	if (why == NULL && has_doubts(x, rec, &doubts, err) < 0)
		return -1;
	if (doubts)
		why = "some of its messages are in doubt";
	if (why == NULL && !x->l->sink_ops->removes(x->l->sink))
		why = "the server has no UIDPLUS, so no message can be removed alone";
	if (why == NULL)
		return judge_open(x, p, rec, err);
	left(x->l, why);
	return 0;
}

/* ---- removing ---- */

/* A group that is kept, to be removed together. */
struct group {
	struct uidset uids, marked; /* marked: \Deleted before */
	uint64_t octets;
	struct {
		uint32_t uid;
		const char *text;
	} msg[GROUP_MSGS];
	size_t n;
	struct arena arena;
};

static void
group_add(struct clearing *x, struct group *g, uint32_t uid, const struct kept_copy *copy,
    const struct header_facts *head, const char *file)
{
	bool subjects = !x->l->job->no_subjects;
	char date[DATE_TEXT_MAX] = "unknown", sha256[SHA256_HEX];
	const char *text;

	if (copy->date.known)
		date_format(&copy->date, date);
	digest_hex(copy->sha256, sha256);
	text = arena_printf(&g->arena,
	    "UID %u of the destination was extra and is removed: %.300s%s%.200s, internal date %s, "
	    "Message-ID %.300s, %" PRIu64 " octets, SHA-256 %s; kept as %s",
	    uid, subjects ? head->subject : "", subjects ? ", from " : "",
	    subjects ? head->from : "(no subject told)", date,
	    *head->message_id != '\0' ? head->message_id : "none", copy->octets, sha256, file);
	g->msg[g->n].uid = uid;
	g->msg[g->n++].text = text != NULL ? text : file;
	g->octets += copy->octets;
	uidset_add(&g->uids, uid, uid);
	if (copy->flags & FLAG_DELETED)
		uidset_add(&g->marked, uid, uid);
}

/* Read one and write it down. */
static int
keep_one(struct clearing *x, struct cleared *e, struct removed *r, struct group *g, uint32_t uid,
    struct err *err)
{
	struct lane *l = x->l;
	struct kept_copy copy;
	struct header_facts head;
	struct slice start;
	const char *file;
	bool whole;

	if (l->sink_ops->keep(l->sink, l->at, uid, x->body, &copy, &whole, err) < 0)
		return -1;
	if (!whole) {
		if (e->not_whole == 0)
			e->not_whole = uid;
		return 0;
	}
	if (spool_read(x->body, 0, HEADER_MAX, &start, err) < 0)
		return -1;
	header_read(start, &g->arena, &head);
	if (removed_save(r, uid, &copy, &head, x->body, &g->arena, &file, err) < 0)
		return -1;
	group_add(x, g, uid, &copy, &head, file);
	return 0;
}

static int
remove_group(struct clearing *x, struct removed *r, struct group *g, bool *ret_done, struct err *err)
{
	struct lane *l = x->l;

	*ret_done = true;
	if (g->n == 0)
		return 0;
	uidset_sort(&g->uids);
	uidset_sort(&g->marked);
	if (removed_commit(r, err) < 0 ||
	    l->sink_ops->expunge(l->sink, l->at, &g->uids, &g->marked, ret_done, err) < 0)
		return -1;
	for (size_t i = 0; *ret_done && i < g->n; i++)
		lane_event(l, EV_DEST_REMOVED, "%s", g->msg[i].text);
	return 0;
}

static void
group_reset(struct group *g)
{
	uidset_clear(&g->uids);
	uidset_clear(&g->marked);
	arena_reset(&g->arena);
	g->octets = 0;
	g->n = 0;
}

/* All groups, until the server refuses. */
static int
remove_all(struct clearing *x, struct cleared *e, struct removed *r, struct group *g, struct err *err)
{
	uint32_t uid = 0;
	bool done = true;

	while (done && (uid = uidset_after(&e->uids, uid)) != 0) {
		if (cancel_raised(x->l->job->stop))
			return err_set(err, ERR_INTERRUPTED, "interrupted");
		if (keep_one(x, e, r, g, uid, err) < 0)
			return -1;
		if (g->n < GROUP_MSGS && g->octets < GROUP_OCTETS_MAX)
			continue;
		if (remove_group(x, r, g, &done, err) < 0)
			return -1;
		group_reset(g);
	}
	return !done || remove_group(x, r, g, &done, err) == 0 ? 0 : -1;
}

/* An answer OK is not believed: what is still there was not removed. */
static int
look_again(struct clearing *x, const struct cleared *e, struct err *err)
{
	struct lane *l = x->l;
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
	struct lane *l = x->l;
	const struct endpoint *to = &l->job->dest->server;
	struct removed r = { .job_dir = l->job->dir,
		.account = l->account,
		.uidvalidity = e->uidvalidity,
		.dir = -1,
		.no_subjects = l->job->no_subjects };
	struct group g = { .n = 0 };
	struct dest_head head;
	struct buf name;
	bool same;

	if (enter(x, e->plan, e->rec, &head, &same, err) < 0)
		return -1;
	if (!same || head.uidvalidity != e->uidvalidity)
		return 0;
	buf_init(&name, 64 * 1024);
	folder_display(slice_str(e->rec->path), &name);
	r.folder = name.data;
	r.destination = arena_printf(&x->arena, "%s@%s", to->login, to->host);
	arena_init(&g.arena, 16 * 1024 * 1024);

	int rc = removed_open(&r, x->account_dir, &e->plan->folder, err);

	if (rc == 0)
		rc = remove_all(x, e, &r, &g, err);
	if (rc == 0)
		rc = look_again(x, e, err);
	arena_done(&g.arena);
	uidset_done(&g.uids);
	uidset_done(&g.marked);
	removed_done(&r);
	buf_done(&name);
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
		x->l->plan = x->folder[i].plan;
		left(x->l, why);
	}
	return 0;
}

static int
work(struct clearing *x, struct plan *plan, struct err *err)
{
	AUTO(file_close) int dir = -1;
	struct lane *l = x->l;

	if (lane_flush(l, true, err) < 0 ||
	    (lane_sink_broken(l) && l->sink_ops->connect(l->sink, err) < 0) ||
	    file_open_dir(AT_FDCWD, l->job->dir, &dir, err) < 0 ||
	    state_folders(l->job->state, l->lease.account, &x->arena, &x->rec, &x->n_recs, err) < 0)
		return -1;
	x->body = spool_new(dir, 1024 * 1024);
	if (judge_all(x, plan, err) < 0)
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
	struct clearing x = { .l = l, .account_dir = account_dir };
	int rc;

	x.folder = mem_resize(NULL, plan->len + 1, sizeof(*x.folder));
	arena_init(&x.arena, 512 * 1024 * 1024);
	rc = work(&x, plan, err);
	for (size_t i = 0; i < x.n; i++)
		uidset_done(&x.folder[i].uids);
	free(x.folder);
	spool_free(&x.body);
	arena_done(&x.arena);
	l->plan = NULL;
	l->at = NULL;
	return rc < 0 ? -1 : lane_flush(l, false, err);
}
