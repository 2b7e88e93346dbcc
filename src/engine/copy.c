/* One folder from source to sink. The listing is merged with the rows of the state, so that only what is missing is read;
 * while the bodies of one page arrive, those of the next are asked for already. */
#include "engine/copy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "mail/header.h"

/* ---- batches ---- */

int
lane_flush(struct lane *l, bool wait, struct err *err)
{
	struct pending *pending = NULL;

	if (lane_tell(l, err) < 0)
		return -1;
	if (l->sink != NULL && l->sink_ops->seal(l->sink, l->batch, &pending, err) < 0)
		return -1;
	if (pending != NULL)
		batch_set_pending(l->batch, pending);
	if (pending != NULL || batch_len(l->batch) > 0) {
		struct batch *full = l->batch;

		l->batch = batch_new();
		l->batch_began_ms = clock_mono_ms();
		if (state_put(l->job->state, &l->lease, &full, err) < 0)
			return -1;
	}
	return wait ? state_barrier(l->job->state, err) : 0;
}

static int
flush_if_full(struct lane *l, struct err *err)
{
	if (l->sink_ops->full(l->sink) || batch_len(l->batch) >= BATCH_RECORDS ||
	    clock_mono_ms() - l->batch_began_ms >= BATCH_MS)
		return lane_flush(l, false, err);
	return 0;
}

/* ---- rows of the state beside the listing ---- */

static int
feed_rows(void *arg, uint32_t after, struct msg_page *ret, struct err *err)
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
	if (l->row_at == l->rows->len) {
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

static int
rows_left(struct lane *l, struct err *err)
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

/* ---- listing ---- */

/* A message that is stored already: its flags may have changed, or it may have come back. */
static int
compare_stored(struct lane *l, const struct msg *now, const struct msg *row, struct err *err)
{
	if (row->expunged) {
		struct msg back = *row;

		back.expunged = false;
		back.flags = now->flags;
		if (!flags_equal(&now->flags, &row->flags) && verdict_has_file(row->verdict) &&
		    l->sink_ops->amend(l->sink, l->at, row, &now->flags, err) < 0)
			return -1;
		batch_message(l->batch, l->rec.id, &back, VERDICTS);
		return flush_if_full(l, err);
	}
	if (flags_equal(&now->flags, &row->flags))
		return 0;
	l->changed = true;
	if (verdict_has_file(row->verdict) && l->sink_ops->amend(l->sink, l->at, row, &now->flags, err) < 0)
		return -1;
	batch_flags(l->batch, l->rec.id, row->uid, &now->flags, now->modseq);
	return flush_if_full(l, err);
}

static int
sort_message(struct lane *l, struct live *v, size_t i, struct err *err)
{
	struct msg *m = &v->page->msg[i], found;
	const struct msg *row = NULL;

	v->old[i] = VERDICTS;
	v->wanted[i] = false;
	if (!l->merged) {
		if (row_of(l, m->uid, &row, err) < 0)
			return -1;
	} else if (l->has_rows) {
		/* Listed late: out of the order of the merge. */
		bool there;

		uidset_remove(&l->missing, m->uid);
		if (state_message(l->job->state, l->rec.id, m->uid, &v->page->arena, &found, &there, err) < 0)
			return -1;
		row = there ? &found : NULL;
	}
	if (row != NULL)
		v->old[i] = (uint8_t)row->verdict;
	if (row != NULL && row->verdict == VERDICT_STORED) {
		if (l->job->progress != NULL)
			atomic_fetch_add(&l->job->progress->messages_done, 1);
		return compare_stored(l, m, row, err);
	}
	v->wanted[i] = !uidset_has(&l->skip, m->uid);
	return 0;
}

static struct live *
free_live(struct lane *l)
{
	for (size_t i = 0; i < LANE_PAGES; i++)
		if (!l->live[i].used)
			return &l->live[i];
	return NULL;
}

static int
ask_for(struct lane *l, struct live *v, struct err *err)
{
	struct want *want = mem_resize(NULL, v->page->len + 1, sizeof(*want));
	size_t n = 0;

	for (size_t i = 0; i < v->page->len; i++) {
		const struct msg *m = &v->page->msg[i];

		if (!v->wanted[i])
			continue;
		want[n++] = (struct want){ .uid = m->uid, .size_known = m->size_known, .size = m->size,
		    .isolated = uidset_has(&l->isolated, m->uid) };
		if (l->job->progress != NULL)
			atomic_fetch_add(&l->job->progress->bytes_total, m->size);
	}

	int rc = l->source_ops->ask(l->source, want, n, err);

	free(want);
	return rc;
}

/* The next page of the listing: sort it against the rows, ask for what is missing. *ret NULL: the listing has ended. */
static int
list_page(struct lane *l, struct live **ret, struct err *err)
{
	struct live *v = free_live(l);

	*ret = NULL;
	if (l->source_ops->list(l->source, v->page, err) < 0)
		return -1;
	if (v->page->len == 0)
		return 0;
	for (size_t i = 0; i < v->page->len; i++)
		if (sort_message(l, v, i, err) < 0)
			return -1;
	if (ask_for(l, v, err) < 0)
		return -1;
	v->used = true;
	*ret = v;
	return 0;
}

/* ---- bodies ---- */

static struct msg *
live_find(struct lane *l, uint32_t uid, struct live **ret_live, size_t *ret_at)
{
	for (size_t k = 0; k < LANE_PAGES; k++) {
		struct live *v = &l->live[k];
		size_t lo = 0, hi = v->used ? v->page->len : 0;

		while (lo < hi) {
			size_t mid = lo + (hi - lo) / 2;

			if (v->page->msg[mid].uid < uid)
				lo = mid + 1;
			else
				hi = mid;
		}
		if (v->used && lo < v->page->len && v->page->msg[lo].uid == uid) {
			*ret_live = v;
			*ret_at = lo;
			return &v->page->msg[lo];
		}
	}
	return NULL;
}

/* Metadata and former verdict of the offered message. A message put aside has left its page: the state knows it. */
static int
offered_message(struct lane *l, const struct offer *o, struct msg *ret, enum verdict *ret_old, struct arena *a, struct err *err)
{
	struct live *v;
	size_t at;
	struct msg *m = live_find(l, o->uid, &v, &at), row;
	bool there = false;

	*ret_old = VERDICTS;
	*ret = m ? *m : o->has_meta ? o->msg : (struct msg){ .flags.keywords = "" };
	ret->uid = o->uid;
	if (m != NULL) {
		*ret_old = (enum verdict)v->old[at];
		return 0;
	}
	if (!l->has_rows)
		return 0;
	if (state_message(l->job->state, l->rec.id, o->uid, a, &row, &there, err) < 0)
		return -1;
	if (there)
		*ret_old = row.expunged ? VERDICTS : row.verdict;
	return 0;
}

/* A copy that a worse verdict has left goes when the better one is durable. */
static int
replace_older(struct lane *l, uint32_t uid, enum verdict old, struct err *err)
{
	struct arena a;
	struct msg row;
	bool there = false;
	int rc = 0;

	if (old == VERDICTS || !verdict_has_file(old))
		return 0;
	arena_init(&a, LEX_STRING_MAX);
	if (state_message(l->job->state, l->rec.id, uid, &a, &row, &there, err) < 0)
		rc = -1;
	else if (there)
		rc = l->sink_ops->remove(l->sink, l->at, l->rec.uidvalidity, &row, err);
	arena_done(&a);
	return rc;
}

/* Stream one body. 0: stored; 1: not to be used, the source offers it again; -1: error. */
static int
stream_body(struct lane *l, struct msg *m, struct buf *head, struct err *err)
{
	struct progress *p = l->job->progress;

	if (l->sink_ops->begin(l->sink, l->at, m, err) < 0)
		return -1;
	digest_start(l->digest);
	m->wire_bytes = 0;
	for (;;) {
		struct slice part;

		if (l->source_ops->read(l->source, &part, err) < 0) {
			l->sink_ops->abandon(l->sink);
			return err->kind == ERR_MESSAGE ? 1 : -1;
		}
		if (part.len == 0)
			break;
		digest_add(l->digest, part.data, part.len);
		if (head != NULL && head->len < HEADER_MAX)
			buf_add(head, part.data, part.len < HEADER_MAX - head->len ? part.len : HEADER_MAX - head->len);
		if (l->sink_ops->write(l->sink, part, err) < 0) {
			l->sink_ops->abandon(l->sink);
			return -1;
		}
		m->wire_bytes += part.len;
		if (p != NULL)
			atomic_fetch_add(&p->bytes_done, part.len);
	}
	digest_end(l->digest, m->sha256);
	return l->sink_ops->end(l->sink, m, err);
}

static int
take_body(struct lane *l, const struct offer *o, struct err *err)
{
	struct arena a;
	struct buf head;
	struct msg m;
	enum verdict old;
	int rc = -1;

	arena_init(&a, LEX_STRING_MAX);
	buf_init(&head, HEADER_MAX + 1);
	if (offered_message(l, o, &m, &old, &a, err) < 0)
		goto out;
	m.verdict = o->good;
	m.reason = o->good == VERDICT_STORED ? NULL : o->reason;
	rc = stream_body(l, &m, o->good == VERDICT_STORED ? NULL : &head, err);
	if (rc == 1) {
		*err = (struct err){0};
		rc = 0;
		goto out;
	}
	if (rc < 0 || replace_older(l, m.uid, old, err) < 0) {
		rc = -1;
		goto out;
	}
	l->changed = true;
	l->stored++;
	if (verdict_good(m.verdict))
		lane_good(l, &m, old);
	else
		lane_lost(l, &m, old, o->reply, buf_slice(&head));
	if (l->job->progress != NULL) {
		atomic_fetch_add(&l->job->progress->messages_done, 1);
		atomic_fetch_add(&l->job->progress->messages_new, 1);
	}
	rc = flush_if_full(l, err);
out:
	buf_done(&head);
	arena_done(&a);
	return rc;
}

static int
take_verdict(struct lane *l, const struct offer *o, struct err *err)
{
	struct arena a;
	struct msg m;
	enum verdict old;
	int rc = -1;

	arena_init(&a, LEX_STRING_MAX);
	if (offered_message(l, o, &m, &old, &a, err) < 0)
		goto out;
	m.verdict = o->verdict;
	m.reason = o->reason;
	/* A worse verdict than a file that is there already does not replace it. */
	if (old == VERDICTS || !verdict_has_file(old)) {
		if (verdict_good(m.verdict))
			lane_good(l, &m, old);
		else
			lane_lost(l, &m, old, o->reply, o->header);
	}
	if (l->job->progress != NULL)
		atomic_fetch_add(&l->job->progress->messages_done, 1);
	rc = flush_if_full(l, err);
out:
	arena_done(&a);
	return rc;
}

/* The next commands may set \Seen: what lacks it is written down first (rules.md 1.4). */
static int
take_debt(struct lane *l, const struct offer *o, struct err *err)
{
	if (o->has_meta && !(o->msg.flags.system & FLAG_SEEN)) {
		batch_debt(l->batch, l->rec.id, o->uid);
		uidset_add(&l->owed, o->uid, o->uid);
	}
	for (size_t k = 0; !o->has_meta && k < LANE_PAGES; k++) {
		struct live *v = &l->live[k];

		for (size_t i = 0; v->used && i < v->page->len; i++) {
			if (!v->wanted[i] || (v->page->msg[i].flags.system & FLAG_SEEN))
				continue;
			batch_debt(l->batch, l->rec.id, v->page->msg[i].uid);
			uidset_add(&l->owed, v->page->msg[i].uid, v->page->msg[i].uid);
		}
	}
	uidset_sort(&l->owed);
	return lane_flush(l, true, err);
}

/* Everything up to the end of one ask. */
static int
take_answers(struct lane *l, struct err *err)
{
	for (;;) {
		struct offer o = {0};

		if (cancel_raised(l->job->stop))
			return err_set(err, ERR_INTERRUPTED, "interrupted");
		switch (l->source_ops->next(l->source, &o, err)) {
		case STEP_ERR:
			return -1;
		case STEP_END:
			return lane_tell(l, err);
		case STEP_OWE:
			if (take_debt(l, &o, err) < 0)
				return -1;
			break;
		case STEP_ITEM:
			if ((o.verdict == VERDICT_NONE ? take_body(l, &o, err) : take_verdict(l, &o, err)) < 0)
				return -1;
			break;
		}
	}
}

/* List, ask, read, one page ahead, until the listing ends; then what was put aside. */
static int
copy_pages(struct lane *l, struct err *err)
{
	struct live *now, *ahead;

	if (list_page(l, &now, err) < 0)
		return -1;
	while (now != NULL) {
		if (list_page(l, &ahead, err) < 0)
			return -1;
		if (ahead == NULL && l->source_ops->ask_rest(l->source, err) < 0)
			return -1;
		if (take_answers(l, err) < 0)
			return -1;
		/* Without an ahead the pages stay for what was put aside. */
		if (ahead == NULL)
			break;
		now->used = false;
		now = ahead;
	}
	if (now == NULL && l->source_ops->ask_rest(l->source, err) < 0)
		return -1;
	if (take_answers(l, err) < 0)
		return -1;
	for (size_t i = 0; i < LANE_PAGES; i++)
		l->live[i].used = false;
	return 0;
}

/* ---- a folder ---- */

/* The record of a name that is current (vanished false) or of a certain UIDVALIDITY. */
static const struct folder_rec *
known_rec(const struct lane *l, struct slice name, const uint32_t *uidvalidity)
{
	const struct folder_rec *found = NULL;

	for (size_t i = 0; i < l->n_known; i++) {
		const struct folder_rec *r = &l->known[i];

		if (!slice_eq(name, r->name))
			continue;
		if (uidvalidity != NULL ? r->uidvalidity == *uidvalidity : !r->vanished)
			return r;
		if (uidvalidity == NULL && (found == NULL || r->id > found->id))
			found = r;
	}
	return found;
}

static struct arena *
rec_arena(struct lane *l)
{
	return &l->closing[l->n_closing].arena;
}

static int
rec_fill(struct lane *l, const struct planned *f, uint32_t uidvalidity, struct arena *a, struct folder_rec *ret,
    struct err *err)
{
	struct buf path;
	bool mapped = false;
	int rc = -1;

	buf_init(&path, 4096);
	if (l->sink_ops->name_folder(l->sink, &f->folder, &path, &mapped, err) < 0)
		goto out;
	*ret = (struct folder_rec){
		.name = arena_copy(a, f->folder.name),
		.delim = f->folder.delim,
		.special_use = f->folder.special_use,
		.subscribed = f->folder.attrs & FOLDER_SUBSCRIBED,
		.path = arena_copy(a, buf_slice(&path)),
		.mark = "",
		.name_mapped = mapped,
		.uidvalidity = uidvalidity,
		.excluded = f->excluded,
	};
	rc = ret->name && ret->path ? 0 : err_set(err, ERR_FOLDER, "the folder name is too long");
out:
	buf_done(&path);
	return rc;
}

static int
rec_start(struct lane *l, const struct planned *f, uint32_t uidvalidity, struct err *err)
{
	arena_reset(rec_arena(l));
	if (rec_fill(l, f, uidvalidity, rec_arena(l), &l->rec, err) < 0)
		return -1;
	return state_folder(l->job->state, &l->lease, &l->rec, rec_arena(l), err);
}

int
lane_record(struct lane *l, struct planned *f, const char *failed, struct err *err)
{
	const struct folder_rec *known = known_rec(l, f->folder.name, NULL);
	uint32_t uidvalidity = f->folder.counts.uidvalidity;

	l->plan = f;
	if (uidvalidity == 0 && known != NULL)
		uidvalidity = known->uidvalidity;
	if (rec_start(l, f, uidvalidity, err) < 0)
		return -1;
	l->rec.excluded = f->excluded;
	l->rec.vanished = false;
	if (failed != NULL) {
		l->rec.proof.proved = false;
		l->rec.proof.carried = false;
		l->rec.proof.why = failed;
	}
	batch_folder(l->batch, &l->rec);
	if (f->excluded)
		lane_event(l, EV_FOLDER_EXCLUDED, "excluded: %s", f->why);
	return lane_flush(l, false, err);
}

static bool
all_good(const struct folder_rec *r)
{
	for (int v = 0; v < VERDICTS; v++)
		if (r->verdicts[v] > 0 && !verdict_good((enum verdict)v))
			return false;
	return true;
}

/* Nothing to do by the counts alone (rules.md 1.6): the same UIDVALIDITY, UIDNEXT, MESSAGES and HIGHESTMODSEQ. */
static bool
unchanged(const struct folder *f, const struct folder_rec *r)
{
	const struct folder_counts *c = &f->counts;

	return (f->attrs & FOLDER_COUNTED) && r != NULL && !r->vanished && !r->excluded && r->proof.proved && all_good(r) &&
	    c->uidvalidity != 0 && c->uidvalidity == r->uidvalidity && c->uidnext != 0 && c->uidnext == r->uidnext &&
	    c->messages == r->messages && c->highestmodseq != 0 && c->highestmodseq == r->highestmodseq;
}

int
lane_prepare(struct lane *l, struct plan *plan, struct err *err)
{
	struct folder_rec *rec = arena_take(&plan->arena, (plan->len + 1) * sizeof(*rec));
	size_t n = 0;

	if (rec == NULL)
		return err_set(err, ERR_PROTOCOL, "the server lists more folder names than fit into memory");
	for (size_t i = 0; i < plan->len; i++) {
		struct planned *f = &plan->folder[i];

		if (f->excluded || f->folder.counts.uidvalidity == 0 ||
		    unchanged(&f->folder, known_rec(l, f->folder.name, NULL)))
			continue;
		if (rec_fill(l, f, f->folder.counts.uidvalidity, &plan->arena, &rec[n], err) < 0)
			return -1;
		f->rec = &rec[n++];
	}
	return n == 0 ? 0 : state_folder_all(l->job->state, &l->lease, rec, n, &plan->arena, err);
}

static int
carry_over(struct lane *l, const struct folder_rec *known, struct err *err)
{
	l->rec = *known;
	l->rec.special_use = l->plan->folder.special_use;
	l->rec.subscribed = l->plan->folder.attrs & FOLDER_SUBSCRIBED;
	l->rec.proof.carried = true;
	batch_folder(l->batch, &l->rec);
	lane_event(l, EV_FOLDER_UNCHANGED, "unchanged: complete up to UIDNEXT %u", known->uidnext);
	if (l->job->progress != NULL)
		atomic_fetch_add(&l->job->progress->messages_done, known->listed);
	return flush_if_full(l, err);
}

/* ---- debts ---- */

static void
debt_told(struct lane *l, int64_t folder, const struct debt_result *r)
{
	for (uint32_t uid = 0; (uid = uidset_after(&r->paid, uid)) != 0;)
		batch_debt_paid(l->batch, folder, uid);
	if (r->unpaid.len > 0)
		lane_warn(l, EV_FLAGS_DEBT, 0, "%llu messages on the source have \\Seen now and it could not be taken away: %s",
		    (unsigned long long)uidset_count(&r->unpaid), r->reply);
	else
		batch_warning_gone(l->batch, EV_FLAGS_DEBT, l->plan->display, 0);
}

/* One visit to the source; *ret_seen: flags that are to be taken away, and were unless `look`. */
static int
pay_visit(struct lane *l, int64_t folder, uint32_t uidvalidity, const struct uidset *owed, bool look, uint64_t *ret_seen,
    struct err *err)
{
	struct debt_result result = { .look = look };
	int rc = l->source_ops->pay(l->source, &l->plan->folder, uidvalidity, owed, &result, err);

	*ret_seen = rc == 0 ? result.seen : 0;
	if (rc == 0 && !(look && result.seen > 0)) {
		debt_told(l, folder, &result);
		rc = lane_flush(l, true, err);
	}
	debt_result_done(&result);
	return rc;
}

/* The warning is durable before a flag is taken away: after a kill nobody could tell any more that it had been set. */
static int
pay(struct lane *l, int64_t folder, uint32_t uidvalidity, const struct uidset *owed, struct err *err)
{
	uint64_t seen;

	if (owed->len == 0)
		return 0;
	if (pay_visit(l, folder, uidvalidity, owed, true, &seen, err) < 0)
		return -1;
	if (seen == 0)
		return 0;
	lane_warn(l, EV_FLAGS_RESTORED, 0, "reading set \\Seen on %llu messages; it is taken away again (\\Recent cannot be given "
	    "back)", (unsigned long long)seen);
	if (lane_flush(l, true, err) < 0)
		return -1;
	return pay_visit(l, folder, uidvalidity, owed, false, &seen, err);
}

/* What an earlier run owed is paid before the flags are read again. */
static int
pay_old(struct lane *l, const struct folder_rec *known, struct err *err)
{
	struct uidset owed = {0};
	struct arena a;
	uint32_t *uid;
	size_t n;
	int rc = -1;

	if (known == NULL)
		return 0;
	arena_init(&a, 64 * 1024 * 1024);
	if (state_debts(l->job->state, known->id, &a, &uid, &n, err) < 0)
		goto out;
	for (size_t i = 0; i < n; i++)
		uidset_add(&owed, uid[i], uid[i]);
	rc = pay(l, known->id, known->uidvalidity, &owed, err);
out:
	uidset_done(&owed);
	arena_done(&a);
	return rc;
}

/* ---- UIDVALIDITY changed ---- */

/* Of each message that is there under the old and the new numbering one copy goes, matched by digest. */
static int
drop_superseded(struct lane *l, const struct folder_rec *old, struct err *err)
{
	uint64_t dropped = 0;

	for (;;) {
		if (state_superseded(l->job->state, old->id, l->rec.id, l->rows, err) < 0)
			return -1;
		if (l->rows->len == 0)
			break;
		for (size_t i = 0; i < l->rows->len; i++) {
			if (l->sink_ops->remove(l->sink, l->at, old->uidvalidity, &l->rows->msg[i], err) < 0)
				return -1;
			batch_forget(l->batch, old->id, l->rows->msg[i].uid, l->rows->msg[i].verdict);
			dropped++;
		}
		if (lane_flush(l, true, err) < 0)
			return -1;
	}
	lane_warn(l, EV_UIDVALIDITY, 0, "UIDVALIDITY was %u and is %u: all messages were listed anew; %llu copies under the old "
	    "numbers were replaced, what the server no longer has is kept", old->uidvalidity, l->rec.uidvalidity,
	    (unsigned long long)dropped);
	return lane_flush(l, true, err);
}

static int
drop_all_superseded(struct lane *l, struct err *err)
{
	for (size_t i = 0; i < l->n_known; i++) {
		const struct folder_rec *r = &l->known[i];

		if (slice_eq(l->plan->folder.name, r->name) && r->uidvalidity != l->rec.uidvalidity && r->listed > 0 &&
		    drop_superseded(l, r, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- begin and end of a folder ---- */

static int
open_folder(struct lane *l, struct err *err)
{
	const struct folder *f = &l->plan->folder;
	const struct folder_rec *known = known_rec(l, f->name, NULL);
	const struct row_feed feed = { .next = feed_rows, .arg = l };
	uint64_t aside = 0;

	if (pay_old(l, known, err) < 0)
		return -1;
	if (l->source_ops->enter(l->source, f, &l->head, err) < 0)
		return -1;
	if (l->plan->rec != NULL && l->plan->rec->uidvalidity == l->head.uidvalidity)
		l->rec = *l->plan->rec;
	else if (rec_start(l, l->plan, l->head.uidvalidity, err) < 0)
		return -1;
	/* Entered again, its numbers would be old. */
	l->plan->rec = NULL;
	/* A new UIDVALIDITY goes on in the same directory. */
	if (l->rec.mark[0] == '\0' && known != NULL && known->uidvalidity != l->rec.uidvalidity)
		l->rec.mark = known->mark;
	l->rec.excluded = l->rec.vanished = false;
	if (l->sink_ops->folder(l->sink, &l->rec, &feed, &aside, &l->at, err) < 0)
		return -1;
	if (aside > 0)
		lane_event(l, EV_RECOVERED, "%llu files without a committed row were set aside in tmp/", (unsigned long long)aside);
	if (l->rec.name_mapped)
		lane_warn(l, EV_NAME_MAPPED, 0, "the name cannot be a directory's; it is stored as '%s'", l->rec.path);
	l->has_rows = l->rec.listed + l->rec.expunged > 0;
	l->merged = l->rows_end = l->changed = false;
	l->rows_after = 0;
	l->row_at = l->rows->len = 0;
	uidset_clear(&l->missing);
	uidset_clear(&l->owed);
	return 0;
}

static int
mark_expunged(struct lane *l, struct err *err)
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
		if (rc == 0 && there && !row.expunged) {
			batch_expunged(l->batch, l->rec.id, uid, row.verdict);
			if (!verdict_good(row.verdict))
				batch_problem_solved(l->batch, l->rec.id, uid);
			rc = flush_if_full(l, err);
		}
	}
	arena_done(&a);
	return rc;
}

static void
tell_sink_notes(struct lane *l)
{
	struct folder_notes n = {0};

	l->sink_ops->notes(l->at, &n);
	if (n.changed != NULL)
		lane_warn(l, EV_FOREIGN_CHANGE, 0, "%s", n.changed);
	if (n.keywords_left > 0)
		lane_warn(l, EV_KEYWORDS_LEFT, 0, "keywords of %llu messages (first: '%s') are in the sidecar only",
		    (unsigned long long)n.keywords_left, n.keyword);
}

/* All verdicts are given: the proof is taken, the rest waits for lane_close_folders. */
static int
close_folder(struct lane *l, struct err *err)
{
	struct folder_proof *p = &l->rec.proof;

	if (l->source_ops->leave(l->source, p, err) < 0 || mark_expunged(l, err) < 0)
		return -1;
	tell_sink_notes(l);
	l->rec.uidnext = p->uidnext;
	l->rec.messages = p->exists + p->late;
	l->rec.highestmodseq = l->head.highestmodseq;
	if (pay(l, l->rec.id, l->rec.uidvalidity, &l->owed, err) < 0)
		return -1;

	struct closing *c = &l->closing[l->n_closing];

	c->plan = l->plan;
	c->rec = l->rec;
	c->at = l->at;
	if (l->n_closing++ == 0)
		l->closing_since_ms = clock_mono_ms();
	if (l->n_closing == CLOSING_MAX || clock_mono_ms() - l->closing_since_ms > CLOSING_MS)
		return lane_close_folders(l, err);
	return flush_if_full(l, err);
}

static int
finish_folder(struct lane *l, struct closing *c, struct err *err)
{
	const struct row_feed feed = { .next = feed_rows, .arg = l };
	const struct folder_proof *p = &c->rec.proof;

	l->plan = c->plan;
	l->rec = c->rec;
	l->at = c->at;
	if (drop_all_superseded(l, err) < 0 || l->sink_ops->finish(l->sink, l->at, &l->rec, &feed, err) < 0)
		return -1;
	/* The mark is the sink's to tell, with the seal. */
	l->rec.mark = NULL;
	batch_folder(l->batch, &l->rec);
	if (p->proved)
		lane_event(l, EV_FOLDER_PROVED, "complete up to UIDNEXT %u: %u messages%s%s", p->uidnext, p->exists,
		    p->why ? "; " : "", p->why ? p->why : "");
	else
		lane_event(l, EV_FOLDER_UNPROVED, "not proved complete: %s", p->why ? p->why : "");
	return 0;
}

int
lane_close_folders(struct lane *l, struct err *err)
{
	if (l->n_closing == 0)
		return 0;
	/* Index files are made from rows that are durable. */
	if (lane_flush(l, true, err) < 0)
		return -1;
	for (size_t i = 0; i < l->n_closing; i++)
		if (finish_folder(l, &l->closing[i], err) < 0)
			return -1;
	l->n_closing = 0;
	return lane_flush(l, true, err);
}

static int
copy_folder(struct lane *l, struct err *err)
{
	bool more;

	if (open_folder(l, err) < 0)
		return -1;
	lane_event(l, EV_FOLDER_START, "%u messages", l->head.exists);
	for (;;) {
		if (copy_pages(l, err) < 0)
			return -1;
		if (!l->merged && rows_left(l, err) < 0)
			return -1;
		l->merged = true;
		uidset_sort(&l->missing);
		if (l->source_ops->settle(l->source, &more, err) < 0)
			return -1;
		if (!more)
			return close_folder(l, err);
	}
}

/* The connection ended while a body was read. Twice at the same message isolates it: the others go first, and it is read
 * in slices; when that fails too it is left out of this run. */
static void
count_cut(struct lane *l)
{
	uint32_t uid = l->source_ops->reading(l->source);
	struct offer o = { .uid = uid };
	struct arena a;
	struct err ignored = {0};
	struct msg m;
	enum verdict old;

	if (uid == 0)
		return;
	if (l->cut.uid != uid)
		l->cut = (struct cut){ .uid = uid };
	l->cut.times++;
	if (l->cut.times >= CUTS_ALONE) {
		uidset_add(&l->isolated, uid, uid);
		uidset_sort(&l->isolated);
	}
	if (l->cut.times < CUTS_MAX)
		return;
	uidset_add(&l->skip, uid, uid);
	uidset_sort(&l->skip);
	arena_init(&a, LEX_STRING_MAX);
	/* A state that fails here fails again at the next flush. */
	if (offered_message(l, &o, &m, &old, &a, &ignored) == 0) {
		m.verdict = VERDICT_FAILED;
		m.reason = "the connection was lost three times while this message was read";
		lane_lost(l, &m, old, NULL, (struct slice){0});
	}
	arena_done(&a);
}

int
lane_copy(struct lane *l, struct planned *f, struct err *err)
{
	const struct folder_rec *known = known_rec(l, f->folder.name, NULL);

	if (l->plan != f) {
		uidset_clear(&l->skip);
		uidset_clear(&l->isolated);
		l->cut = (struct cut){0};
	}
	l->plan = f;
	progress_folder(l->job->progress, f->display);
	for (size_t i = 0; i < LANE_PAGES; i++)
		l->live[i].used = false;
	if (unchanged(&f->folder, known))
		return carry_over(l, known, err);
	if (copy_folder(l, err) < 0) {
		l->sink_ops->abandon(l->sink);
		if (err->scope == SCOPE_SESSION)
			count_cut(l);
		return -1;
	}
	return 0;
}

int
lane_init(struct lane *l, const struct job *job, struct shared *shared, const char *account, const char *dir, const struct lease *lease,
    struct folder_rec *known, size_t n_known, struct err *err)
{
	struct sink_place place = { .dir = dir, .keep_crlf = job->keep_crlf, .unclean = state_was_unclean(job->state) };
	size_t files = file_raise_limit();

	/* Three batches may be under way, and others need descriptors too. */
	place.batch_files = files > 256 ? (int)((files - 128) / 4) : 32;
	if (place.batch_files > BATCH_FILES_MAX)
		place.batch_files = BATCH_FILES_MAX;
	*l = (struct lane){ .job = job, .shared = shared, .source_ops = &source_imap, .sink_ops = &sink_maildir, .lease = *lease, .known = known,
	    .n_known = n_known, .account = account, .batch_began_ms = clock_mono_ms() };
	l->batch = batch_new();
	l->digest = digest_new();
	l->rows = msg_page_new();
	for (size_t i = 0; i < CLOSING_MAX; i++)
		arena_init(&l->closing[i].arena, 1024 * 1024);
	for (size_t i = 0; i < LANE_PAGES; i++)
		l->live[i].page = msg_page_new();
	return l->sink_ops->open(&l->sink, &place, job->stop, err);
}

void
lane_done(struct lane *l)
{
	if (l->source_ops != NULL)
		l->source_ops->close(&l->source);
	if (l->sink_ops != NULL)
		l->sink_ops->close(&l->sink);
	batch_free(&l->batch);
	digest_free(l->digest);
	msg_page_free(l->rows);
	for (size_t i = 0; i < CLOSING_MAX; i++)
		arena_done(&l->closing[i].arena);
	for (size_t i = 0; i < LANE_PAGES; i++)
		msg_page_free(l->live[i].page);
	uidset_done(&l->missing);
	uidset_done(&l->owed);
	uidset_done(&l->skip);
	uidset_done(&l->isolated);
}
