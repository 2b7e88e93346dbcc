/* The rows of the state beside the listing, both in UID order: what is stored already, what has
 * changed, what the listing no longer shows. */
#include <stdio.h>
#include <string.h>

#include "engine/copy.h"
#include "engine/lost.h"

struct msg_page *
lane_rows(struct lane *l)
{
	if (l->rows == NULL)
		l->rows = msg_page_new();
	return l->rows;
}

int
lane_feed_rows(void *arg, uint32_t after, struct msg_page *ret, struct err *err)
{
	struct lane *l = arg;

	return state_page(l->job->state, l->rec.id, after, ret, err);
}

static int
next_row(struct lane *l, const struct msg **ret, struct err *err)
{
	*ret = NULL;
	if (!l->has_rows || l->rows_end)
		return 0;
	if (l->row_at == lane_rows(l)->len) {
		if (state_page(l->job->state, l->rec.id, l->rows_after, l->rows, err) < 0)
			return -1;
		l->row_at = 0;
		l->rows_end = l->rows->len == 0;
		if (l->rows_end)
			return 0;
		l->rows_after = l->rows->msg[l->rows->len - 1].uid;
	}
	*ret = &l->rows->msg[l->row_at];
	return 0;
}

/* The row of `uid`, if there is one; rows before it were not listed. */
static int
row_of(struct lane *l, uint32_t uid, const struct msg **ret, struct err *err)
{
	for (;;) {
		const struct msg *row;

		if (next_row(l, &row, err) < 0)
			return -1;
		*ret = row && row->uid == uid ? row : NULL;
		if (row == NULL || row->uid > uid)
			return 0;
		l->row_at++;
		if (row->uid == uid)
			return 0;
		if (!row->expunged)
			uidset_add(&l->missing, row->uid, row->uid);
	}
}

int
lane_rows_left(struct lane *l, struct err *err)
{
	const struct msg *row;

	for (;;) {
		if (next_row(l, &row, err) < 0)
			return -1;
		if (row == NULL)
			return 0;
		l->row_at++;
		if (!row->expunged)
			uidset_add(&l->missing, row->uid, row->uid);
	}
}

/* A message that is stored already: its flags may have changed, or it may have come back. */
int
lane_compare_stored(
    struct lane *l, const struct msg *now, const struct msg *row, struct err *err)
{
	if (row->expunged) {
		struct msg back = *row;

		back.expunged = false;
		if (!(now->untold & UNTOLD_FLAGS))
			back.flags = now->flags;
		if (!flags_equal(&back.flags, &row->flags) && verdict_has_file(row->verdict) &&
		    l->sink_ops->amend(l->sink, l->at, row, &back.flags, err) < 0)
			return -1;
		batch_message(l->batch, l->rec.id, &back, VERDICTS);
		return lane_flush_if_full(l, err);
	}
	if ((now->untold & UNTOLD_FLAGS) || flags_equal(&now->flags, &row->flags))
		return 0;
	l->changed = true;
	if (verdict_has_file(row->verdict) &&
	    l->sink_ops->amend(l->sink, l->at, row, &now->flags, err) < 0)
		return -1;
	batch_flags(l->batch, l->rec.id, row->uid, &now->flags, now->modseq);
	return lane_flush_if_full(l, err);
}

/* Left out by the selection: a row with the reason, and nothing is fetched. */
static int
leave_out(struct lane *l, const struct msg *m, const struct msg *row, const char *why,
    struct err *err)
{
	struct msg out = *m;

	l->excluded++;
	lane_count(l, 1);
	if (row != NULL && !row->expunged && row->verdict == VERDICT_EXCLUDED &&
	    row->reason != NULL && strcmp(row->reason, why) == 0 &&
	    flags_equal(&row->flags, &m->flags))
		return 0;
	out.verdict = VERDICT_EXCLUDED;
	out.reason = why;
	lane_good(l, &out, row != NULL ? row->verdict : VERDICTS);
	return lane_flush_if_full(l, err);
}

/* By what is known of it, or by what the server was asked to find. */
static bool
is_left_out(const struct lane *l, const struct msg *m, char ret_why[EXCLUDED_WHY_MAX])
{
	const char *why;

	if (selection_excludes(&l->job->selection, m, ret_why))
		return true;
	why = l->source_ops->leaves_out != NULL ? l->source_ops->leaves_out(l->source, m->uid) : NULL;
	if (why != NULL)
		snprintf(ret_why, EXCLUDED_WHY_MAX, "%s", why);
	return why != NULL;
}

bool
lane_row_holds(const struct lane *l, const struct msg *row)
{
	return !lane_intends(l) || row->dest_uid != 0;
}

int
lane_sort(struct lane *l, struct live *v, size_t i, struct err *err)
{
	struct msg *m = &v->page->msg[i], found;
	const struct msg *row = NULL;
	char why[EXCLUDED_WHY_MAX];

	v->old[i] = VERDICTS;
	v->wanted[i] = false;
	if (!l->merged) {
		if (row_of(l, m->uid, &row, err) < 0)
			return -1;
	} else if (l->has_rows) {
		/* Listed late: out of the order of the merge. */
		bool there;

		uidset_remove(&l->missing, m->uid);
		if (state_message(
			l->job->state, l->rec.id, m->uid, &v->page->arena, &found, &there, err) < 0)
			return -1;
		row = there ? &found : NULL;
	}
	if (row != NULL) {
		v->old[i] = (uint8_t)row->verdict;
	} else if (l->renewed != NULL) {
		bool done;

		if (lane_adopt(l, m, &done, err) < 0 || done)
			return done ? 0 : -1;
	}
	bool lost = row != NULL && msg_lost(row);

	/* What has a file keeps it, whatever the selection is now; and what had one gets it back. */
	if ((row == NULL || !(verdict_has_file(row->verdict) || lost)) &&
	    is_left_out(l, m, why))
		return leave_out(l, m, row, why, err);
	l->sink_ops->expect(l->sink, l->at, m);
	/* What was refused stays so until somebody asks for it (imex retry). */
	if (lane_intends(l) && row != NULL && row->verdict == VERDICT_REFUSED && !row->expunged &&
	    !l->job->retry) {
		lane_count(l, 1);
		return 0;
	}
	if (lane_is_careful(l, m->uid)) {
		lane_keep_meta(l, m);
		return 0;
	}
	if (row != NULL && row->verdict == VERDICT_STORED && lane_row_holds(l, row)) {
		lane_count(l, 1);
		return lane_compare_stored(l, m, row, err);
	}
	bool done = false;

	/* The file of a twin may be the one that was damaged. */
	if (!lost && lane_take_twin(l, m, (enum verdict)v->old[i], &done, err) < 0)
		return -1;
	v->wanted[i] = !done && !uidset_has(&l->skip, m->uid);
	if (v->wanted[i] && row != NULL)
		lane_expect_cut(l, row);
	return 0;
}

int
lane_lost_expunged(struct lane *l, const struct msg *row, struct err *err)
{
	if (!l->job->mirror) {
		lane_still_lost(l, row, LOST_BEYOND);
		return 0;
	}
	/* Of the copy there may be a line of the sidecar. */
	if (l->sink_ops->remove(l->sink, l->at, l->rec.uidvalidity, row, err) < 0)
		return -1;
	batch_expunged(l->batch, l->rec.id, row->uid, row->verdict);
	batch_mirrored(l->batch, l->rec.id, row->uid);
	batch_problem_solved(l->batch, l->rec.id, row->uid);
	return 0;
}

int
lane_mark_expunged(struct lane *l, struct err *err)
{
	struct arena a;
	int rc = 0;

	arena_init(&a, LEX_STRING_MAX);
	uidset_sort(&l->missing);
	for (uint32_t uid = 0; rc == 0 && (uid = uidset_after(&l->missing, uid)) != 0;) {
		struct msg row;
		bool there;

		arena_reset(&a);
		rc = state_message(l->job->state, l->rec.id, uid, &a, &row, &there, err);
		if (rc == 0 && there && row.verdict == VERDICT_EXCLUDED) {
			/* Never stored: there is nothing to remember of it. */
			batch_forget(l->batch, l->rec.id, uid, row.verdict);
			rc = lane_flush_if_full(l, err);
		} else if (rc == 0 && there && !row.expunged && msg_lost(&row)) {
			rc = lane_lost_expunged(l, &row, err);
			if (rc == 0)
				rc = lane_flush_if_full(l, err);
		} else if (rc == 0 && there && !row.expunged) {
			batch_expunged(l->batch, l->rec.id, uid, row.verdict);
			if (!verdict_good(row.verdict))
				batch_problem_solved(l->batch, l->rec.id, uid);
			rc = lane_flush_if_full(l, err);
		}
	}
	arena_done(&a);
	return rc;
}
