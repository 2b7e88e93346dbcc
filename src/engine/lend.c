/* The owner's side of a folder that several connections read (pool.h): which pages are lent, what it asks
 * for itself meanwhile, and storing what helpers have brought, all in the order of the listing. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/copy.h"
#include "imap/body.h"

enum {
	LEND_MSGS = 64, /* a page with less is read in the time that it takes to open the folder again */
	LEND_OCTETS = 4 * 1024 * 1024,
	READ_STEP = 64 * 1024
};

/* The form must be known and leave no trace (rules.md 1.3, 1.4); while it is sought, helpers wait. */
static bool
form_may_be_lent(int form)
{
	return form != FORM_NONE && !form_sets_seen((enum form)form) && !form_sliced((enum form)form);
}

static bool
page_is_worth(const struct lane *l, const struct want *want, size_t n, uint64_t octets)
{
	const struct source_ops *from = l->source_ops;
	const struct server_facts *facts;

	if (l->shared->pool == NULL || from->visit == NULL ||
	    (from->numbered != NULL && from->numbered(l->source)) ||
	    (n < LEND_MSGS && (n < 2 || octets < LEND_OCTETS)))
		return false;
	facts = from->facts(l->source);
	if (facts->works_form != FORM_NONE && !form_may_be_lent(facts->works_form))
		return false;
	/* A message at which connections end is its owner's matter. */
	for (size_t i = 0; i < n; i++)
		if (want[i].isolated)
			return false;
	return pool_others(l->shared->pool) > 0;
}

static size_t
portion_size(const struct lane *l, size_t n)
{
	size_t each = n / (4 * ((size_t)pool_others(l->shared->pool) + 1));

	if (each < PORTION_MSGS_MIN)
		return PORTION_MSGS_MIN;
	return each < PORTION_MSGS ? each : PORTION_MSGS;
}

int
lane_lend_when_ready(struct lane *l, struct err *err)
{
	if (l->board == NULL || l->board_open ||
	    !form_may_be_lent(l->source_ops->facts(l->source)->works_form))
		return 0;
	/* They begin with what this session has learnt. */
	if (lane_tell(l, err) < 0)
		return -1;
	l->board_open = true;
	board_open(l->board);
	return 0;
}

static int
ask_portion(struct lane *l, struct portion *o, struct err *err)
{
	struct want *want = mem_resize(NULL, o->n, sizeof(*want));
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < o->n; i++) {
		if (o->part[i].end == PART_BROUGHT || o->part[i].end == PART_STORED)
			continue;
		o->part[i].end = PART_OPEN;
		want[n++] = o->part[i].want;
	}
	rc = l->source_ops->ask(l->source, want, n, err);
	free(want);
	l->asked[l->n_asked++] = o;
	return rc;
}

/* So much is under way on the own connection that it never waits. */
static int
ask_ahead(struct lane *l, struct err *err)
{
	struct portion *o;

	if (lane_lend_when_ready(l, err) < 0)
		return -1;
	while (l->n_asked < PORTIONS_AHEAD && (o = board_take(l->board)) != NULL)
		if (ask_portion(l, o, err) < 0)
			return -1;
	return 0;
}

int
lane_ask(struct lane *l, struct live *v, const struct want *want, size_t n, uint64_t octets,
    struct err *err)
{
	bool lend = page_is_worth(l, want, n, octets);

	if (lend && l->board == NULL) {
		l->board = board_new(l->shared->pool, l->plan, l->rec.uidvalidity);
		l->board_open = false;
	}
	/* Behind portions that wait a page waits too: what is asked for first is stored first. */
	v->lent = l->board != NULL;
	if (!v->lent)
		return l->source_ops->ask(l->source, want, n, err);
	/* The try of a form is a portion of its own: when it has ended, all begin. */
	size_t first = lend && !l->board_open && l->source_ops->facts(l->source)->works_form == FORM_NONE;

	board_add(l->board, v, want, first, 1, true);
	board_add(l->board, v, want + first, n - first, lend ? portion_size(l, n) : n, !lend);
	return ask_ahead(l, err);
}

bool
lane_has_unasked(const struct lane *l)
{
	return l->board != NULL && board_unasked(l->board);
}

int
lane_read(struct lane *l, struct slice *ret, struct err *err)
{
	struct brought *b = &l->brought;
	uint64_t left;

	if (b->part == NULL)
		return l->source_ops->read(l->source, ret, err);
	left = b->part->len - b->read;
	if (spool_read(b->spool, b->part->at + b->read, left < READ_STEP ? (size_t)left : READ_STEP, ret,
		err) < 0)
		return -1;
	b->read += ret->len;
	return 0;
}

static int
store_brought(struct lane *l, struct portion *o, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < o->n; i++) {
		struct part *part = &o->part[i];
		const struct offer offer = {
			.uid = part->want.uid, .good = VERDICT_STORED, .octets = part->len
		};

		if (part->end != PART_BROUGHT)
			continue;
		if (cancel_raised(l->job->stop))
			return err_set(err, ERR_INTERRUPTED, "interrupted");
		l->brought = (struct brought){ .spool = o->spool, .part = part };
		rc = lane_take_body(l, &offer, err);
		l->brought = (struct brought){ 0 };
		part->end = PART_STORED;
	}
	return rc;
}

/* The answers to what was asked for first. */
static int
take_asked(struct lane *l, struct err *err)
{
	struct portion *o = l->asked[0];

	if (lane_take_answers(l, err) < 0)
		return -1;
	l->n_asked--;
	memmove(&l->asked[0], &l->asked[1], l->n_asked * sizeof(l->asked[0]));
	board_done(o);
	return 0;
}

int
lane_take_page(struct lane *l, struct live *v, struct err *err)
{
	struct portion *o;

	if (!v->lent)
		return lane_take_answers(l, err);
	while ((o = board_first(l->board, v)) != NULL) {
		enum portion_state state;

		if (ask_ahead(l, err) < 0 || board_wait(l->board, o, &state, err) < 0)
			return -1;
		/* Free: a helper has just given it back, and as much as may be is asked for already. */
		if (state == PORTION_FREE && l->n_asked < PORTIONS_AHEAD)
			continue;
		if (state == PORTION_FREE || state == PORTION_ASKED) {
			if (take_asked(l, err) < 0)
				return -1;
			continue;
		}
		if (store_brought(l, o, err) < 0)
			return -1;
		board_stored(l->board, o);
	}
	return 0;
}

void
lane_keep_brought(struct lane *l)
{
	struct err ignored = { 0 };
	struct portion *o;

	/* What fails here fails again when the folder is entered again. */
	while (l->board != NULL && (o = board_back(l->board)) != NULL &&
	       store_brought(l, o, &ignored) == 0)
		board_done(o);
}

void
lane_lend_over(struct lane *l)
{
	l->n_asked = 0;
	board_free(&l->board);
}
