/* The end of a folder: flags given back, the proof taken, copies under an older UIDVALIDITY
 * dropped, index files written. Folders wait for one another here, so that one barrier ends many.
 */
#include <string.h>

#include "base/clock.h"
#include "engine/copy.h"

static void
debt_told(struct lane *l, int64_t folder, const struct debt_result *r)
{
	for (uint32_t uid = 0; (uid = uidset_after(&r->paid, uid)) != 0;)
		batch_debt_paid(l->batch, folder, uid);
	if (r->unpaid.len > 0)
		lane_warn(l, EV_FLAGS_DEBT, 0,
		    "%llu messages on the source have \\Seen now and it could not be taken away: "
		    "%s",
		    (unsigned long long)uidset_count(&r->unpaid), r->reply);
	else
		batch_warning_gone(l->batch, EV_FLAGS_DEBT, l->plan->display, 0);
}

/* One visit to the source; *ret_seen: flags that are to be taken away, and were unless `look`. */
static int
pay_visit(struct lane *l, int64_t folder, uint32_t uidvalidity, const struct uidset *owed,
    bool look, uint64_t *ret_seen, struct err *err)
{
	struct debt_result result = { .look = look };
	const struct debt debt = { .folder = l->plan->folder.name,
		.uidvalidity = uidvalidity,
		.owed = owed,
		.numbering = &l->numbering };
	int rc = l->source_ops->pay(l->source, &debt, &result, err);

	*ret_seen = rc == 0 ? result.seen : 0;
	if (rc == 0 && !(look && result.seen > 0)) {
		debt_told(l, folder, &result);
		rc = lane_flush(l, true, err);
	}
	debt_result_done(&result);
	return rc;
}

/* The warning is durable before a flag is taken away: after a kill nobody could tell any more that
 * it had been set. */
static int
pay(struct lane *l, int64_t folder, uint32_t uidvalidity, const struct uidset *owed,
    struct err *err)
{
	uint64_t seen;

	if (owed->len == 0)
		return 0;
	if (pay_visit(l, folder, uidvalidity, owed, true, &seen, err) < 0)
		return -1;
	if (seen == 0)
		return 0;
	lane_warn(l, EV_FLAGS_RESTORED, 0,
	    "reading set \\Seen on %llu message%s; it is taken away again (\\Recent cannot be given "
	    "back)",
	    (unsigned long long)seen, seen == 1 ? "" : "s");
	if (lane_flush(l, true, err) < 0)
		return -1;
	return pay_visit(l, folder, uidvalidity, owed, false, &seen, err);
}

static int
pay_folder(struct lane *l, int64_t folder, uint32_t uidvalidity, struct err *err)
{
	struct uidset owed = { 0 };
	struct arena a;
	uint32_t *uid;
	size_t n;
	int rc = -1;

	arena_init(&a, 64 * 1024 * 1024);
	if (state_debts(l->job->state, folder, &a, &uid, &n, err) < 0 ||
	    (n > 0 && lane_load_numbers(l, folder, err) < 0))
		goto out;
	for (size_t i = 0; i < n; i++)
		uidset_add(&owed, uid[i], uid[i]);
	rc = pay(l, folder, uidvalidity, &owed, err);
out:
	uidset_done(&owed);
	arena_done(&a);
	return rc;
}

int
lane_pay_old(struct lane *l, const struct folder_rec *known, struct err *err)
{
	bool again = l->owing.plan == l->plan && (known == NULL || known->id != l->owing.folder);

	if (known != NULL && pay_folder(l, known->id, known->uidvalidity, err) < 0)
		return -1;
	return again ? pay_folder(l, l->owing.folder, l->owing.uidvalidity, err) : 0;
}

int
lane_drop_superseded(struct lane *l, const struct folder_rec *old, int64_t by, struct err *err)
{
	for (;;) {
		if (state_superseded(l->job->state, old->id, by, lane_rows(l), err) < 0)
			return -1;
		if (l->rows->len == 0)
			return lane_flush(l, true, err);
		for (size_t i = 0; i < l->rows->len; i++) {
			if (l->sink_ops->remove(
				l->sink, l->at, old->uidvalidity, &l->rows->msg[i], err) < 0)
				return -1;
			batch_forget(
			    l->batch, old->id, l->rows->msg[i].uid, l->rows->msg[i].verdict);
		}
		if (lane_flush(l, true, err) < 0)
			return -1;
	}
}

/* The warning is committed with the first of them: after a kill there may be none left that would tell. */
static int
drop_superseded(struct lane *l, const struct folder_rec *old, struct err *err)
{
	lane_warn(l, EV_UIDVALIDITY, 0,
	    "UIDVALIDITY was %u and is %u: all messages were listed anew, copies under the old "
	    "numbers are replaced, and what the server no longer has is kept",
	    old->uidvalidity, l->rec.uidvalidity);
	return lane_drop_superseded(l, old, l->rec.id, err);
}

/* The same folder under an older UIDVALIDITY, of which there are copies. */
static bool
is_older(const struct folder_rec *r, const struct planned *plan, const struct folder_rec *now)
{
	return slice_eq(plan->folder.name, r->name) && r->uidvalidity != now->uidvalidity && r->listed > 0;
}

/* What is lost under the old numbers and has no new one, the source no longer has (lane_lost_expunged). *ret: some of
 * it stands. */
static int
tell_older_lost(struct lane *l, const struct folder_rec *old, bool *ret, struct err *err)
{
	const struct folder_rec now = l->rec;
	struct msg_page *page = lane_rows(l);
	uint32_t after = 0;
	int rc = 0;

	if (old->verdicts[VERDICT_FAILED] == 0)
		return 0;
	while (rc == 0 && (rc = state_page(l->job->state, old->id, after, page, err)) == 0 && page->len > 0) {
		l->rec = *old;
		for (size_t i = 0; rc == 0 && i < page->len; i++) {
			if (!msg_lost(&page->msg[i]) || page->msg[i].expunged)
				continue;
			rc = lane_lost_expunged(l, &page->msg[i], err);
			*ret |= !l->job->mirror;
		}
		l->rec = now;
		after = page->msg[page->len - 1].uid;
		if (rc == 0)
			rc = lane_flush_if_full(l, err);
	}
	page->len = 0;
	return rc;
}

static int
drop_all_superseded(struct lane *l, struct err *err)
{
	bool lost = false;

	for (size_t i = 0; i < l->n_known; i++) {
		const struct folder_rec *r = &l->known[i];

		if (!is_older(r, l->plan, &l->rec))
			continue;
		l->plan->renewed = true;
		if (drop_superseded(l, r, err) < 0 || tell_older_lost(l, r, &lost, err) < 0)
			return -1;
	}
	if (!lost)
		return 0;
	l->rec.proof.proved = l->rec.proof.carried = false;
	l->rec.proof.why = "the source no longer has messages that were stored before its UIDVALIDITY changed, and their "
			   "copies are lost";
	return 0;
}

/* Each kind of loss is one standing warning of the folder, replaced when its numbers grow. They are
 * complete when the messages are durable, not before. */
static void
tell_losses(struct lane *l)
{
	struct folder_notes n = { 0 };
	struct buf words;

	l->sink_ops->notes(l->at, &n);
	buf_init(&words, 64 * 1024);
	for (int kind = 0; n.losses != NULL && kind < LOSS_KINDS; kind++) {
		buf_reset(&words);
		loss_words(n.losses, (enum loss_kind)kind, &words);
		if (words.len > 0)
			lane_warn(l, (enum event_no)(EV_LOSS_HEADER + kind), 0, "%s", words.data);
	}
	buf_done(&words);
}

static void
tell_sink_notes(struct lane *l)
{
	struct folder_notes n = { 0 };

	l->sink_ops->notes(l->at, &n);
	if (n.changed != NULL)
		lane_warn(l, EV_FOREIGN_CHANGE, 0, "%s", n.changed);
	if (n.keywords_left > 0)
		lane_warn(l, EV_KEYWORDS_LEFT, 0,
		    "keywords of %llu messages (first: '%s') are in the sidecar only",
		    (unsigned long long)n.keywords_left, n.keyword);
}

/* All verdicts are given: the proof is taken, the rest waits for lane_close_folders. */
int
lane_close_folder(struct lane *l, struct err *err)
{
	struct folder_proof *p = &l->rec.proof;

	if (l->source_ops->leave(l->source, p, err) < 0 || lane_mark_expunged(l, err) < 0)
		return -1;
	if (l->doubled > 0) {
		p->proved = false;
		p->why = "the destination holds messages twice that cannot be removed one by one";
	}
	tell_sink_notes(l);
	if (l->excluded > 0)
		lane_event(l, EV_MESSAGES_EXCLUDED, "%llu messages are left out by the selection",
		    (unsigned long long)l->excluded);
	l->rec.uidnext = p->uidnext;
	l->rec.messages = p->exists + p->late;
	l->rec.highestmodseq = p->flags_untold ? 0 : l->head.highestmodseq;
	if (pay(l, l->rec.id, l->rec.uidvalidity, &l->owed, err) < 0)
		return -1;

	struct closing *c = &l->closing[l->n_closing];

	lane_tell_twins(l);
	c->plan = l->plan;
	c->rec = l->rec;
	c->at = l->at;
	c->batch = l->fresh;
	if (l->n_closing++ == 0)
		l->closing_since_ms = clock_mono_ms();
	if (l->n_closing == CLOSING_MAX || clock_mono_ms() - l->closing_since_ms > CLOSING_MS)
		return lane_close_folders(l, err);
	return lane_flush_if_full(l, err);
}

/* A row_feed of l->rec, whose rows are in the batch. */
static int
feed_batch(void *arg, uint32_t after, struct msg_page *ret, struct err *err)
{
	const struct lane *l = arg;

	(void)err;
	batch_page(l->batch, l->rec.id, after, ret);
	return 0;
}

/* Nothing of the folder has been given away yet: what is made of its rows need not wait for their commit. Which older
 * copies go is told by rows that are durable, and by nothing else. */
static bool
rows_are_at_hand(const struct lane *l, const struct closing *c)
{
	for (size_t i = 0; i < l->n_known; i++)
		if (is_older(&l->known[i], c->plan, &c->rec))
			return false;
	return (l->sink_ops->traits & SINK_ENDS_WITH_ROWS) != 0 && c->batch == l->batch_no &&
	       batch_only_adds(l->batch, c->rec.id);
}

static int
finish_folder(struct lane *l, struct closing *c, bool at_hand, struct err *err)
{
	const struct row_feed feed = { .next = at_hand ? feed_batch : lane_feed_rows, .arg = l };
	const struct folder_proof *p = &l->rec.proof;

	l->plan = c->plan;
	l->rec = c->rec;
	l->at = c->at;
	if (drop_all_superseded(l, err) < 0 ||
	    l->sink_ops->finish(l->sink, l->at, &l->rec, &feed, err) < 0)
		return -1;
	tell_losses(l);
	lane_passed_folder(l, l->plan);
	/* The mark is the sink's to tell, with the seal. */
	l->rec.mark = NULL;
	batch_folder(l->batch, &l->rec);
	if (p->proved)
		lane_event(l, EV_FOLDER_PROVED, "complete up to UIDNEXT %u: %u messages%s%s",
		    p->uidnext, p->exists, p->why ? "; " : "", p->why ? p->why : "");
	else
		lane_event(l, EV_FOLDER_UNPROVED, "not proved complete: %s", p->why ? p->why : "");
	return 0;
}

int
lane_close_folders(struct lane *l, struct err *err)
{
	if (l->n_closing == 0)
		return 0;
	bool at_hand = true;

	for (size_t i = 0; i < l->n_closing; i++)
		at_hand = at_hand && rows_are_at_hand(l, &l->closing[i]);
	/* Else index files are made from rows that are durable. */
	if (!at_hand && lane_flush(l, true, err) < 0)
		return -1;
	for (size_t i = 0; i < l->n_closing; i++)
		if (finish_folder(l, &l->closing[i], at_hand, err) < 0)
			return -1;
	l->n_closing = 0;
	return lane_flush_if_full(l, err);
}
