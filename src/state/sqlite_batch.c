/* Applying a batch: one transaction, rows and the totals of their folders together.
 *
 * Totals are changed by what a row was and becomes. What it was is read from the row itself; the
 * verdict the caller tells only saves that look-up for new rows (VERDICTS: none), and costs
 * nothing when it is wrong. */
#include <stdlib.h>
#include <string.h>

#include "state/sqlite.h"

/* The statements name columns and numbers of verdicts. */
_Static_assert(
    VERDICTS == 10 && VERDICT_STORED == 1 && VERDICT_GONE == 3 && VERDICT_RECONSTRUCTED == 5 &&
	VERDICT_PLACEHOLDER == 7,
    "sqlite.def: FOLDER_TOTALS, HAS_FILE, NOT_GOOD, MESSAGE_MIRRORED");

struct totals {
	int64_t folder;
	int64_t listed, expunged, mirrored, bytes;
	int64_t verdicts[VERDICTS];
};

/* What a row counts for. */
struct counted {
	bool there;
	enum verdict verdict;
	bool expunged;
	int64_t wire_bytes;
	uint8_t sha256[SHA256_LEN];
	bool digest_known;
};

struct apply {
	struct backend *b;
	int64_t account;
	struct rows totals;
	size_t last; /* totals of the folder spoken of last */
	/* Intents that are over, each of these UIDs, not yet deleted; hi 0: none. */
	struct {
		int64_t folder;
		uint32_t lo, hi;
	} over;
};

/* ---- totals ---- */

static struct totals *
totals_of(struct apply *a, int64_t folder)
{
	struct totals *t = a->totals.item;

	if (a->totals.len > 0 && t[a->last].folder == folder)
		return &t[a->last];
	for (a->last = 0; a->last < a->totals.len; a->last++) {
		if (t[a->last].folder == folder)
			return &t[a->last];
	}
	t = rows_add(&a->totals);
	t->folder = folder;
	return t;
}

static void
totals_count(struct totals *t, const struct counted *row, int sign)
{
	if (!row->there)
		return;
	if (row->expunged) {
		t->expunged += sign;
		/* A message that was never read has no digest. */
		if (row->verdict == VERDICT_GONE && row->digest_known)
			t->mirrored += sign;
		return;
	}
	t->listed += sign;
	t->verdicts[row->verdict] += sign;
	if (verdict_has_file(row->verdict))
		t->bytes += sign * row->wire_bytes;
}

static void
totals_change(struct apply *a, int64_t folder, const struct counted *was, const struct counted *is)
{
	struct totals *t = totals_of(a, folder);

	totals_count(t, was, -1);
	totals_count(t, is, 1);
}

static int
totals_write(struct apply *a, struct err *err)
{
	AUTO(query_done) struct query q = query_start(a->b, STMT_FOLDER_TOTALS);
	const struct totals *t = a->totals.item;

	for (size_t i = 0; i < a->totals.len; i++, t++) {
		query_int(&q, t->folder);
		query_int(&q, t->listed);
		query_int(&q, t->expunged);
		query_int(&q, t->bytes);
		for (size_t v = 0; v < VERDICTS; v++)
			query_int(&q, t->verdicts[v]);
		query_int(&q, t->mirrored);
		if (query_run(&q, err) < 0)
			return -1;
		if (sqlite3_changes(a->b->db) != 1)
			return db_damaged(a->b, err, "a folder has no row");
		query_again(&q);
	}
	return 0;
}

/* ---- messages ---- */

static int
row_look(struct apply *a, const struct op *op, struct counted *ret, struct err *err)
{
	AUTO(query_done) struct query q = query_start(a->b, STMT_MESSAGE_OLD);

	*ret = (struct counted){ .there = false };
	query_int(&q, op->folder);
	query_int(&q, op->uid);
	int rc = query_row(&q, err);
	if (rc <= 0)
		return rc;
	int64_t verdict = col_int(&q, 0);
	if (verdict < 0 || verdict >= VERDICTS)
		return db_damaged(a->b, err, "a message has an unknown verdict");
	ret->there = true;
	ret->verdict = (enum verdict)verdict;
	ret->wire_bytes = col_int(&q, 1);
	ret->expunged = col_int(&q, 2) != 0;
	ret->digest_known = sqlite3_column_bytes(q.stmt, 3) == SHA256_LEN;
	if (ret->digest_known)
		memcpy(ret->sha256, sqlite3_column_blob(q.stmt, 3), SHA256_LEN);
	return 0;
}

static bool
digest_known(const struct msg *m)
{
	static const uint8_t none[SHA256_LEN];

	return memcmp(m->sha256, none, SHA256_LEN) != 0;
}

static void
query_int_if(struct query *q, bool known, int64_t value)
{
	if (known)
		query_int(q, value);
	else
		query_null(q);
}

static void
row_bind(struct query *q, const struct op *op)
{
	const struct msg *m = &op->msg;

	query_int(q, op->folder);
	query_int(q, m->uid);
	query_int_if(q, m->size_known, (int64_t)m->size);
	query_int_if(q, m->date.known, m->date.epoch);
	query_int(q, m->date.zone_min);
	query_text(q, m->raw_date);
	query_int(q, m->flags.system & FLAGS_STORED);
	query_text(q, *m->flags.keywords != '\0' ? m->flags.keywords : NULL);
	query_int(q, (int64_t)m->modseq);
	query_int(q, m->verdict);
	query_text(q, m->reason);
	query_int(q, (int64_t)m->wire_bytes);
	query_int(q, (int64_t)m->file_bytes);
	if (digest_known(m))
		query_blob(q, m->sha256, SHA256_LEN);
	else
		query_null(q);
	query_int(q, m->expunged);
	query_int_if(q, m->dest_uid != 0, m->dest_uid);
	query_int_if(q, m->dest_own, 1);
	if (m->head_known)
		query_blob(q, m->head, HEAD_LEN);
	else
		query_null(q);
	query_int_if(q, m->gm_msgid != 0, (int64_t)m->gm_msgid);
	query_int_if(q, m->gm_thrid != 0, (int64_t)m->gm_thrid);
	query_text(q, m->flags.labels);
}

/* Put the row; *ret_put says whether it was: MESSAGE_ADD leaves a row that is there. */
static int
row_put(struct apply *a, enum stmt_no how, const struct op *op, bool *ret_put, struct err *err)
{
	AUTO(query_done) struct query q = query_start(a->b, how);

	row_bind(&q, op);
	if (query_run(&q, err) < 0)
		return -1;
	*ret_put = sqlite3_changes(a->b->db) > 0;
	return 0;
}

static int
apply_message(struct apply *a, const struct op *op, struct err *err)
{
	struct counted was = { .there = false };
	struct counted is = {
		.there = true,
		.verdict = op->msg.verdict,
		.expunged = op->msg.expunged,
		.wire_bytes = (int64_t)op->msg.wire_bytes,
		.digest_known = digest_known(&op->msg),
	};
	bool put = false;

	if (op->old == VERDICTS && row_put(a, STMT_MESSAGE_ADD, op, &put, err) < 0)
		return -1;
	if (!put &&
	    (row_look(a, op, &was, err) < 0 || row_put(a, STMT_MESSAGE_REPLACE, op, &put, err) < 0))
		return -1;
	totals_change(a, op->folder, &was, &is);
	return 0;
}

static int
apply_flags(struct apply *a, const struct op *op, struct err *err)
{
	AUTO(query_done) struct query q = query_start(a->b, STMT_MESSAGE_FLAGS);

	query_int(&q, op->folder);
	query_int(&q, op->uid);
	query_int(&q, op->msg.flags.system & FLAGS_STORED);
	query_text(&q, *op->msg.flags.keywords != '\0' ? op->msg.flags.keywords : NULL);
	query_int(&q, (int64_t)op->msg.modseq);
	query_text(&q, op->msg.flags.labels);
	return query_run(&q, err);
}

/* Statements whose parameters are the folder and the UID. */
static int
apply_plain(struct apply *a, enum stmt_no no, const struct op *op, struct err *err)
{
	AUTO(query_done) struct query q = query_start(a->b, no);

	query_int(&q, op->folder);
	query_int(&q, op->uid);
	return query_run(&q, err);
}

static int
apply_expunged(struct apply *a, const struct op *op, struct err *err)
{
	struct counted was;

	if (row_look(a, op, &was, err) < 0 || apply_plain(a, STMT_MESSAGE_EXPUNGED, op, err) < 0)
		return -1;
	struct counted is = was;
	is.expunged = true;
	totals_change(a, op->folder, &was, &is);
	return 0;
}

static int
apply_mirrored(struct apply *a, const struct op *op, struct err *err)
{
	struct counted was;

	if (row_look(a, op, &was, err) < 0)
		return -1;
	if (!was.there || !was.expunged)
		return 0; /* it came back */
	if (apply_plain(a, STMT_MESSAGE_MIRRORED, op, err) < 0)
		return -1;
	struct counted is = was;
	is.verdict = VERDICT_GONE;
	totals_change(a, op->folder, &was, &is);
	return 0;
}

static int
apply_forget(struct apply *a, const struct op *op, struct err *err)
{
	struct counted was, gone = { .there = false };

	if (row_look(a, op, &was, err) < 0 || apply_plain(a, STMT_MESSAGE_DELETE, op, err) < 0)
		return -1;
	if (apply_plain(a, STMT_PROBLEM_DELETE, op, err) < 0)
		return -1;
	totals_change(a, op->folder, &was, &gone);
	if (!was.there || !was.digest_known)
		return 0;
	AUTO(query_done) struct query q = query_start(a->b, STMT_FORGOTTEN);
	query_int(&q, op->folder);
	query_blob(&q, was.sha256, SHA256_LEN);
	return query_run(&q, err);
}

/* ---- the rest ---- */

static int
apply_problem(struct apply *a, const struct op *op, struct err *err)
{
	AUTO(query_done) struct query q = query_start(a->b, STMT_PROBLEM_SET);
	const struct problem *p = op->problem;

	query_int(&q, p->folder);
	query_int(&q, p->uid);
	query_int(&q, p->verdict);
	query_text(&q, p->reason);
	query_text(&q, p->from);
	query_text(&q, p->date);
	query_text(&q, p->subject);
	query_text(&q, p->message_id);
	query_text(&q, p->reply);
	return query_run(&q, err);
}

/* The key of a warning, and its text for the statements that have one. */
static int
apply_warning_row(struct apply *a, enum stmt_no no, const struct warning *w, bool text,
    int *ret_changed, struct err *err)
{
	AUTO(query_done) struct query q = query_start(a->b, no);

	query_int(&q, a->account);
	query_int(&q, w->event);
	query_text(&q, w->folder);
	query_int(&q, w->uid);
	if (text)
		query_text(&q, w->text);
	if (query_run(&q, err) < 0)
		return -1;
	*ret_changed = sqlite3_changes(a->b->db);
	return 0;
}

static int
apply_warning_count(struct apply *a, int change, struct err *err)
{
	AUTO(query_done) struct query q = query_start(a->b, STMT_ACCOUNT_WARNINGS);

	query_int(&q, a->account);
	query_int(&q, change);
	return query_run(&q, err);
}

static int
apply_warning(struct apply *a, const struct op *op, struct err *err)
{
	int changed;

	if (apply_warning_row(a, STMT_WARNING_CHANGE, op->warning, true, &changed, err) < 0)
		return -1;
	if (changed > 0)
		return 0;
	if (apply_warning_row(a, STMT_WARNING_ADD, op->warning, true, &changed, err) < 0)
		return -1;
	return apply_warning_count(a, changed, err);
}

static int
apply_warning_gone(struct apply *a, const struct op *op, struct err *err)
{
	int changed;

	if (apply_warning_row(a, STMT_WARNING_DELETE, op->warning, false, &changed, err) < 0)
		return -1;
	return changed > 0 ? apply_warning_count(a, -changed, err) : 0;
}

static int
apply_folder(struct apply *a, const struct op *op, struct err *err)
{
	AUTO(query_done) struct query q = query_start(a->b, STMT_FOLDER_SET);
	const struct folder_rec *r = op->rec;
	const struct folder_proof *p = &r->proof;

	query_int(&q, r->id);
	query_int(&q, (unsigned char)r->delim);
	query_text(&q, r->special_use);
	query_int(&q, r->subscribed);
	query_text(&q, r->path != NULL ? r->path : "");
	query_text(&q, r->mark);
	query_int(&q, r->name_mapped);
	query_int(&q, r->uidnext);
	query_int(&q, r->messages);
	query_int(&q, (int64_t)r->highestmodseq);
	query_int(&q, r->excluded);
	query_int(&q, r->vanished);
	query_int(&q, p->proved);
	query_int(&q, p->searched_known);
	query_int(&q, p->exists);
	query_int(&q, p->searched);
	query_int(&q, p->fetched);
	query_int(&q, p->uidnext);
	query_int(&q, p->at_ms);
	query_int(&q, p->late);
	query_int(&q, p->carried);
	query_text(&q, p->why);
	query_text(&q, r->mailbox_id);
	return query_run(&q, err);
}

static int
apply_mark(struct apply *a, const struct op *op, struct err *err)
{
	AUTO(query_done) struct query q = query_start(a->b, STMT_FOLDER_MARK);

	query_int(&q, op->folder);
	query_text(&q, op->mark != NULL ? op->mark : "");
	return query_run(&q, err);
}

static int
apply_unplaced(struct apply *a, const struct op *op, struct err *err)
{
	AUTO(query_done) struct query q = query_start(a->b, STMT_UNPLACED);
	AUTO(query_done) struct query proof = query_start(a->b, STMT_UNPROVED);

	query_int(&q, op->folder);
	query_int(&q, op->uid);
	query_int(&proof, op->folder);
	return query_run(&q, err) < 0 || query_run(&proof, err) < 0 ? -1 : 0;
}

/* A window of them is one statement. */
static int
write_over(struct apply *a, struct err *err)
{
	if (a->over.hi == 0)
		return 0;

	AUTO(query_done) struct query q = query_start(a->b, STMT_INTENT_DELETE);

	query_int(&q, a->over.folder);
	query_int(&q, a->over.lo);
	query_int(&q, a->over.hi);
	a->over.hi = 0;
	return query_run(&q, err);
}

static int
apply_intent_done(struct apply *a, const struct op *op, struct err *err)
{
	if (a->over.hi != 0 && a->over.folder == op->folder && op->uid == (uint64_t)a->over.hi + 1) {
		a->over.hi = op->uid;
		return 0;
	}
	if (write_over(a, err) < 0)
		return -1;
	a->over.folder = op->folder;
	a->over.lo = a->over.hi = op->uid;
	return 0;
}

static int
apply_intent(struct apply *a, const struct op *op, struct err *err)
{
	/* It may be meant again. */
	if (write_over(a, err) < 0)
		return -1;

	AUTO(query_done) struct query q = query_start(a->b, STMT_INTENT_ADD);
	const struct intent *i = op->intent;

	query_int(&q, op->folder);
	query_int(&q, i->uid);
	query_int_if(&q, i->size_known, (int64_t)i->size);
	query_int_if(&q, i->date_known, i->date);
	query_int(&q, i->dest_uidvalidity);
	query_int(&q, i->dest_uidnext);
	query_int(&q, i->at_ms);
	return query_run(&q, err);
}

static int
apply_numbered(struct apply *a, const struct op *op, struct err *err)
{
	AUTO(query_done) struct query q = query_start(a->b, STMT_NUMBERED_ADD);
	const struct numbered *n = op->numbered;

	query_int(&q, op->folder);
	query_int(&q, n->uid);
	query_int_if(&q, n->size_known, (int64_t)n->size);
	query_int_if(&q, n->date_known, n->date);
	if (n->head_known)
		query_blob(&q, n->head, SHA256_LEN);
	else
		query_null(&q);
	return query_run(&q, err);
}

static int
apply_op(struct apply *a, const struct op *op, struct err *err)
{
	switch (op->kind) {
	case OP_MESSAGE:
		return apply_message(a, op, err);
	case OP_FLAGS:
		return apply_flags(a, op, err);
	case OP_EXPUNGED:
		return apply_expunged(a, op, err);
	case OP_MIRRORED:
		return apply_mirrored(a, op, err);
	case OP_FORGET:
		return apply_forget(a, op, err);
	case OP_PROBLEM:
		return apply_problem(a, op, err);
	case OP_PROBLEM_SOLVED:
		return apply_plain(a, STMT_PROBLEM_DELETE, op, err);
	case OP_WARNING:
		return apply_warning(a, op, err);
	case OP_WARNING_GONE:
		return apply_warning_gone(a, op, err);
	case OP_FOLDER:
		return apply_folder(a, op, err);
	case OP_MARK:
		return apply_mark(a, op, err);
	case OP_DEBT:
		return apply_plain(a, STMT_DEBT_ADD, op, err);
	case OP_DEBT_PAID:
		return apply_plain(a, STMT_DEBT_DELETE, op, err);
	case OP_UNPLACED:
		return apply_unplaced(a, op, err);
	case OP_INTENT:
		return apply_intent(a, op, err);
	case OP_INTENT_DONE:
		return apply_intent_done(a, op, err);
	case OP_NUMBERED:
		return apply_numbered(a, op, err);
	}
	abort(); /* no other kinds are made */
}

int
sqlite_check_lease(struct backend *b, const struct lease *l, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_ACCOUNT_EPOCH);

	query_int(&q, l->account);
	int rc = query_row(&q, err);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return db_damaged(b, err, "an account has no row");
	if (col_int(&q, 0) == l->epoch)
		return 0;
	return err_set(err, ERR_TAKEN, "account '%s' was taken over by another process",
	    (const char *)sqlite3_column_text(q.stmt, 1));
}

static int
apply_all(struct apply *a, const struct lease *l, const struct batch *batch, struct err *err)
{
	if (sqlite_check_lease(a->b, l, err) < 0)
		return -1;
	for (size_t i = 0; i < batch->len; i++) {
		if (apply_op(a, &batch->op[i], err) < 0)
			return -1;
	}
	if (write_over(a, err) < 0)
		return -1;
	return totals_write(a, err);
}

int
sqlite_apply(struct backend *b, const struct lease *l, const struct batch *batch, struct err *err)
{
	struct apply a = { .b = b, .account = l->account, .totals.each = sizeof(struct totals) };

	if (batch->len == 0)
		return 0;
	if (db_begin(b, err) < 0)
		return -1;
	int rc = db_end(b, apply_all(&a, l, batch, err), err);
	rows_done(&a.totals);
	return rc;
}
