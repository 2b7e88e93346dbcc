/* A folder that an earlier run has proved complete, on a server that can tell what changed since
 * (CONDSTORE, QRESYNC): the rows below the UIDNEXT of then are not merged with a listing, only the
 * changed ones are looked up.
 *
 * What the server tells is not believed. UIDs are never given again, so of what was there below that
 * UIDNEXT some may be gone and nothing can have come: the UIDs of the rows are compared with those of
 * SEARCH, one by one, since as many alone does not say that they are the same. What is gone is a row
 * that SEARCH lacks, and that VANISHED tells, where the server has it. If that does not add up, the
 * folder is listed in full. Changes of flags have no such proof: a server that forgets to tell one is
 * found out by verify with the source. */
#include <stdlib.h>

#include "base/mem.h"
#include "engine/copy.h"

enum { ROWS = 8192 }; /* UIDs read at once */

bool
since_pays(const struct folder_rec *known, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (known[i].highestmodseq != 0 && known[i].listed >= SINCE_MIN)
			return true;
	return false;
}

bool
lane_since(const struct lane *l, const struct folder *f, const struct folder_rec *known,
    struct since *ret)
{
	const struct folder_counts *c = &f->counts;

	if (l->source_ops->changes == NULL || l->job->retry || l->job->list_all || known == NULL || known->vanished ||
	    known->excluded || !known->proof.proved || !lane_all_good(known) ||
	    known->verdicts[VERDICT_EXCLUDED] + known->verdicts[VERDICT_PHANTOM] > 0 ||
	    known->highestmodseq == 0 || known->listed < SINCE_MIN ||
	    c->uidvalidity != known->uidvalidity || c->highestmodseq < known->highestmodseq || lane_copies_gone(l, known))
		return false;
	*ret = (struct since){ .uidvalidity = known->uidvalidity,
		.uidnext = known->uidnext,
		.modseq = known->highestmodseq };
	return true;
}

/* Why changes alone will not do, before the first is asked for. NULL: they will. */
static const char *
not_enough(const struct lane *l)
{
	const struct since *since = &l->since;
	struct dest_head head = { 0 };
	uint32_t doubtful = uidset_after(&l->careful, 0);

	if (l->rec.uidnext != since->uidnext || l->rec.highestmodseq != since->modseq)
		return "what is known of it is of another run";
	if (!lane_intends(l))
		return NULL;
	l->sink_ops->head(l->at, &head);
	if (head.was != 0)
		return "the folder on the destination has been made anew";
	if (doubtful != 0 && doubtful < since->uidnext)
		return "it has messages in doubt";
	return NULL;
}

static int
change_one(struct lane *l, const struct msg *now, struct arena *a, const char **ret_why,
    struct err *err)
{
	struct msg row;
	bool there;

	arena_reset(a);
	if (state_message(l->job->state, l->rec.id, now->uid, a, &row, &there, err) < 0)
		return -1;
	if (!there || row.expunged || row.verdict != VERDICT_STORED || !lane_row_holds(l, &row)) {
		*ret_why = "the server tells of a message that was not there at the last run";
		return 0;
	}
	l->sink_ops->expect(l->sink, l->at, now);
	return lane_compare_stored(l, now, &row, err);
}

static int
change_all(struct lane *l, struct changed *what, uint64_t *ret_n, const char **ret_why,
    struct err *err)
{
	/* No page of the listing is under way. */
	struct msg_page *page = l->live[0].page = l->live[0].page ? l->live[0].page : msg_page_new();
	struct arena a;
	int rc = 0;

	arena_init(&a, LEX_STRING_MAX);
	do {
		rc = l->source_ops->changes(l->source, page, what, err);
		for (size_t i = 0; rc == 0 && *ret_why == NULL && i < page->len; i++)
			rc = change_one(l, &page->msg[i], &a, ret_why, err);
		*ret_n += page->len;
	} while (rc == 0 && page->len > 0);
	arena_done(&a);
	if (rc == 0 && *ret_why == NULL && what->refused)
		*ret_why = "the server does not tell what has changed";
	return rc;
}

/* The rows in their order: those below the UIDNEXT of then that SEARCH lacks are missing. *ret_n: rows below it. */
static int
compare_rows(struct lane *l, const struct uidset *present, uint64_t *ret_n, struct err *err)
{
	uint32_t *uid = mem_resize(NULL, ROWS, sizeof(*uid)), after = 0;
	size_t n = 0;
	int rc;

	*ret_n = 0;
	while ((rc = state_uids(l->job->state, l->rec.id, after, uid, ROWS, &n, err)) == 0 && n > 0) {
		after = uid[n - 1];
		for (size_t i = 0; i < n && uid[i] < l->since.uidnext; i++) {
			(*ret_n)++;
			if (!uidset_has(present, uid[i]))
				uidset_add(&l->missing, uid[i], uid[i]);
		}
		if (after >= l->since.uidnext)
			break;
	}
	free(uid);
	return rc;
}

/* A server that tells what is gone tells all of it. */
static bool
is_told(const struct uidset *missing, const struct uidset *vanished)
{
	for (uint32_t uid = 0; (uid = uidset_after(missing, uid)) != 0;)
		if (!uidset_has(vanished, uid))
			return false;
	return true;
}

/* What is expunged, into l->missing; *ret_why: rows and SEARCH are at odds. */
static int
find_missing(
    struct lane *l, const struct changed *what, const char **ret_why, struct err *err)
{
	uint64_t there = uidset_count_below(what->present, l->since.uidnext), rows;

	if (compare_rows(l, what->present, &rows, err) < 0)
		return -1;
	if (rows - uidset_count(&l->missing) < there)
		*ret_why = "the server has messages that were not there at the last run";
	else if (what->vanished != NULL && !is_told(&l->missing, what->vanished))
		*ret_why = "the server does not tell of all that are missing that they are expunged";
	return 0;
}

/* From the top: the rows are made durable first, since they are read again. */
static int
list_in_full(struct lane *l, const char *why, struct err *err)
{
	lane_event(l, EV_LISTED_IN_FULL, "listed in full: %s", why);
	uidset_clear(&l->missing);
	if (lane_flush(l, true, err) < 0)
		return -1;
	return l->source_ops->relist(l->source, err);
}

int
lane_take_changes(struct lane *l, struct err *err)
{
	const char *why = not_enough(l);
	struct changed what;
	uint64_t changed = 0;

	if (why == NULL && change_all(l, &what, &changed, &why, err) < 0)
		return -1;
	if (why == NULL && find_missing(l, &what, &why, err) < 0)
		return -1;
	lane_rows(l)->len = 0;
	if (why != NULL)
		return list_in_full(l, why, err);
	l->rows_after = l->since.uidnext - 1;
	lane_count(l, uidset_count_below(what.present, l->since.uidnext));
	lane_event(l, EV_CHANGES_ALONE, "changes alone: %llu told, %llu messages expunged",
	    (unsigned long long)changed, (unsigned long long)uidset_count(&l->missing));
	return 0;
}
