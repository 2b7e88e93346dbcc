/* Which messages of which folders; how they go is mirror_files.c and mirror_dest.c. */
#include "engine/mirror.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "mail/names.h"

static const struct removal_words of_files = { .option = "--mirror",
	.are = "gone from the source",
	.what = "is gone from the source, and its copy is removed",
	.left = EV_MIRROR_LEFT,
	.removed = EV_MIRRORED };
static const struct removal_words of_server = { .option = "--mirror",
	.are = "gone from the source",
	.what = "of the destination is removed, since its message is gone from the source",
	.left = EV_MIRROR_LEFT,
	.removed = EV_MIRRORED };

void
mirror_stays(struct mirror_left *kind, uint32_t uid)
{
	if (kind->n++ == 0)
		kind->first = uid;
}

void
mirror_gone(struct mirror *m, const struct folder_rec *rec, const struct mirror_row *row)
{
	batch_mirrored(m->r.l->batch, rec->id, row->uid);
}

/* ---- rows ---- */

static bool
has_copy(const struct lane *l, const struct msg *row)
{
	return verdict_has_file(row->verdict) && (!lane_intends(l) || row->dest_uid != 0);
}

static bool
digest_is_known(const struct msg *row)
{
	static const uint8_t none[SHA256_LEN];

	return memcmp(row->sha256, none, SHA256_LEN) != 0;
}

static int
take_row(struct mirror *m, const struct msg *row, struct err *err)
{
	if (!has_copy(m->r.l, row))
		return 0;
	m->copies++;
	if (!row->expunged && row->dest_uid != 0 &&
	    !uidset_add(&m->named, row->dest_uid, row->dest_uid))
		return err_set(err, ERR_FOLDER, "too many UIDs to look through");
	if (!row->expunged || !digest_is_known(row))
		return 0;
	if (m->n == m->cap) {
		m->cap = m->cap ? 2 * m->cap : 64;
		m->row = mem_resize(m->row, m->cap, sizeof(*m->row));
	}
	m->row[m->n] = (struct mirror_row){
		.uid = row->uid, .dest_uid = row->dest_uid, .own = row->dest_own
	};
	memcpy(m->row[m->n++].sha256, row->sha256, SHA256_LEN);
	return 0;
}

static int
take_rows(struct mirror *m, const struct folder_rec *rec, struct err *err)
{
	struct msg_page *page = msg_page_new();
	uint32_t after = 0;
	int rc;

	m->n = 0;
	m->copies = 0;
	uidset_clear(&m->named);
	while ((rc = state_page(m->r.l->job->state, rec->id, after, page, err)) == 0 && page->len > 0) {
		for (size_t i = 0; rc == 0 && i < page->len; i++)
			rc = take_row(m, &page->msg[i], err);
		if (rc < 0)
			break;
		after = page->msg[page->len - 1].uid;
	}
	msg_page_free(page);
	if (rc == 0)
		rc = removal_shared(&m->r, rec, &m->named, err);
	uidset_sort(&m->named);
	return rc;
}

/* ---- folders ---- */

static void
put_left(struct buf *out, const struct mirror_left *kind, const char *words)
{
	if (kind->n > 0)
		(void)buf_printf(out, "%s%" PRIu64 " %s (first: UID %u)", out->len > 0 ? "; " : "", kind->n,
		    words, kind->first);
}

static void
tell_left(struct mirror *m)
{
	struct buf words;

	buf_init(&words, 4096);
	put_left(&words, &m->foreign, "copies were there before, imex has not put them there");
	put_left(&words, &m->changed, "copies are not what imex has stored, or cannot be read");
	put_left(&words, &m->still, "copies are there still, the server did not remove them");
	if (m->behind > 0)
		(void)buf_printf(&words, "%s%" PRIu64 " copies were left behind when its UIDVALIDITY changed",
		    words.len > 0 ? "; " : "", m->behind);
	if (words.len > 0)
		lane_warn(m->r.l, EV_MIRROR_LEFT, 0, "--mirror leaves what the source no longer has: %s",
		    words.data);
	buf_done(&words);
}

/* At most: some of those that are expunged had none. */
static uint64_t
copies_of(const struct folder_rec *rec)
{
	uint64_t n = rec->expunged - rec->mirrored;

	for (int v = 0; v < VERDICTS; v++)
		if (verdict_has_file((enum verdict)v))
			n += rec->verdicts[v];
	return n;
}

/* What the records of older UIDVALIDITYs still have. Nobody has told that it is gone, so it stays. */
static int
count_behind(struct mirror *m, const struct folder_rec *now, struct err *err)
{
	m->behind = 0;
	for (size_t i = 0; i < m->r.n_recs; i++) {
		const struct folder_rec *rec = &m->r.rec[i];

		if (rec == now || copies_of(rec) == 0 || strcmp(rec->name, now->name) != 0)
			continue;
		if (take_rows(m, rec, err) < 0)
			return -1;
		m->behind += m->copies;
	}
	return 0;
}

/* NULL: the rows can be believed. */
static int
uncertain(struct mirror *m, const struct folder_rec *rec, const char **ret, struct err *err)
{
	struct lane *l = m->r.l;
	bool doubts = false;

	*ret = NULL;
	if (!rec->proof.proved)
		*ret = "it is not proved complete";
	else if (rec->uidvalidity == 0)
		*ret = "the source gives no UIDVALIDITY, so nobody tells which messages are gone";
	else if (lane_intends(l) && !l->sink_ops->removes(l->sink))
		*ret = "the server has no UIDPLUS, so no message can be removed alone";
	else if (lane_intends(l) && removal_doubts(&m->r, rec, &doubts, err) < 0)
		return -1;
	else if (doubts)
		*ret = "some of its messages are in doubt";
	return 0;
}

static int
mirror_folder(struct mirror *m, struct planned *p, struct err *err)
{
	const struct folder_rec *rec = removal_rec(&m->r, p->folder.name);
	struct lane *l = m->r.l;
	const char *why;

	l->plan = p;
	batch_warning_gone(l->batch, EV_MIRROR_LEFT, p->display, 0);
	if (rec == NULL)
		return 0;
	m->foreign = m->changed = m->still = (struct mirror_left){ .n = 0 };
	if (count_behind(m, rec, err) < 0)
		return -1;
	m->n = 0;
	if (rec->expunged != rec->mirrored && take_rows(m, rec, err) < 0)
		return -1;
	if (m->n == 0) {
		tell_left(m);
		return 0;
	}
	if (uncertain(m, rec, &why, err) < 0)
		return -1;
	if (why != NULL) {
		removal_left(&m->r, why);
		return 0;
	}
	if ((lane_intends(l) ? mirror_dest(m, p, rec, err) : mirror_files(m, p, rec, err)) < 0)
		return -1;
	tell_left(m);
	return lane_flush(l, true, err);
}

static bool
is_planned(const struct plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->len; i++)
		if (slice_eq(plan->folder[i].folder.name, name))
			return true;
	return false;
}

/* All of it would go: that is more than may. */
static void
tell_vanished(struct mirror *m, const struct plan *plan)
{
	struct buf shown;

	buf_init(&shown, 64 * 1024);
	for (size_t i = 0; i < m->r.n_recs; i++) {
		const struct folder_rec *rec = &m->r.rec[i];

		if (rec->excluded || copies_of(rec) == 0 || is_planned(plan, rec->name))
			continue;
		buf_reset(&shown);
		folder_display(slice_str(rec->name), &shown);

		struct planned gone = { .display = shown.data };

		m->r.l->plan = &gone;
		removal_left(&m->r, "it is gone from the source, and all of it would go");
	}
	m->r.l->plan = NULL;
	buf_done(&shown);
}

static int
work(struct mirror *m, struct plan *plan, struct err *err)
{
	if (removal_begin(&m->r, err) < 0)
		return -1;
	for (size_t i = 0; i < plan->len; i++) {
		if (cancel_raised(m->r.l->job->stop))
			return err_set(err, ERR_INTERRUPTED, "interrupted");
		if (!plan->folder[i].excluded && mirror_folder(m, &plan->folder[i], err) < 0)
			return -1;
	}
	tell_vanished(m, plan);
	return 0;
}

int
lane_mirror(struct lane *l, struct plan *plan, const char *account_dir, struct err *err)
{
	struct mirror m = { .r = { .l = l,
				.words = lane_intends(l) ? &of_server : &of_files,
				.account_dir = account_dir } };
	int rc;

	uidset_init(&m.named);
	rc = work(&m, plan, err);
	mirror_files_done(&m);
	uidset_done(&m.named);
	free(m.row);
	removal_done(&m.r);
	return rc < 0 ? -1 : lane_flush(l, false, err);
}
