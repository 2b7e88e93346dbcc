/* The record of a folder in the state: found, made, carried over when the counts say that nothing
 * changed. */
#include <string.h>

#include "engine/copy.h"
#include "mail/names.h"

/* The record of a name that is current (vanished false) or of a certain UIDVALIDITY. */
const struct folder_rec *
lane_known(const struct lane *l, struct slice name, const uint32_t *uidvalidity)
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

int
lane_know_again(struct lane *l, struct err *err)
{
	struct folder_rec *rec = NULL;
	size_t n = 0;

	arena_reset(&l->known_again);
	l->known = NULL;
	l->n_known = 0;
	if (lane_flush(l, true, err) < 0 ||
	    state_folders(l->job->state, l->lease.account, &l->known_again, &rec, &n, err) < 0)
		return -1;
	l->known = rec;
	l->n_known = n;
	return 0;
}

void
lane_survey(struct lane *l, const struct plan *plan)
{
	if (l->sink_ops->survey != NULL)
		l->sink_ops->survey(l->sink, plan->list.folder, plan->list.len);
}

static struct arena *
rec_arena(struct lane *l)
{
	return &l->closing[l->n_closing].arena;
}

/* A folder that was renamed on the source keeps its directory, as a rule: one that is called now as it
 * was goes beside it. */
static bool
path_is_others(const struct lane *l, struct slice name, const char *path)
{
	for (size_t i = 0; i < l->n_known; i++)
		if (strcmp(l->known[i].path, path) == 0 && !slice_eq(name, l->known[i].name))
			return true;
	return false;
}

static int
path_of(struct lane *l, const struct folder *f, struct buf *path, bool *ret_mapped, struct err *err)
{
	const struct folder_rec *known = lane_known(l, f->name, NULL);
	struct buf own;

	if (l->sink_ops->name_folder(l->sink, f, path, ret_mapped, err) < 0)
		return -1;
	/* Names on a server are apart already, and INBOX is where it is. */
	if (lane_intends(l) || path->len == 0)
		return 0;
	/* It may have kept the directory of a name that it had before. */
	if (known != NULL) {
		buf_reset(path);
		return buf_add_str(path, known->path) ? 0 : err_set(err, ERR_FOLDER, "the folder's name is too long");
	}
	buf_init(&own, path->max);
	(void)buf_add(&own, path->data, path->len);
	for (unsigned n = 2; !path->full && path_is_others(l, f->name, path->data); n++) {
		buf_reset(path);
		(void)buf_printf(path, "%s~%u", own.data, n);
		*ret_mapped = true;
	}
	buf_done(&own);
	return path->full ? err_set(err, ERR_FOLDER, "the folder's name is too long") : 0;
}

/* One that has a record goes on from the mark of that. */
static const char *
mark_first(const struct lane *l, const struct folder *f)
{
	return l->sink_ops->first_mark != NULL && lane_known(l, f->name, NULL) == NULL
		   ? l->sink_ops->first_mark(l->sink, f)
		   : "";
}

static int
rec_fill(struct lane *l, const struct planned *f, uint32_t uidvalidity, struct arena *a,
    struct folder_rec *ret, struct err *err)
{
	struct buf path;
	bool mapped = false;
	int rc = -1;

	buf_init(&path, 4096);
	if (path_of(l, &f->folder, &path, &mapped, err) < 0)
		goto out;
	*ret = (struct folder_rec){
		.name = arena_copy(a, f->folder.name),
		.delim = f->folder.delim,
		.special_use = f->folder.special_use,
		.subscribed = f->folder.attrs & FOLDER_SUBSCRIBED,
		.path = arena_copy(a, buf_slice(&path)),
		.mark = mark_first(l, &f->folder),
		.name_mapped = mapped,
		.uidvalidity = uidvalidity,
		.excluded = f->excluded,
	};
	rc = ret->name && ret->path ? 0 : err_set(err, ERR_FOLDER, "the folder name is too long");
out:
	buf_done(&path);
	return rc;
}

int
lane_rec_start(struct lane *l, const struct planned *f, uint32_t uidvalidity, struct err *err)
{
	arena_reset(rec_arena(l));
	if (rec_fill(l, f, uidvalidity, rec_arena(l), &l->rec, err) < 0)
		return -1;
	return state_folder(l->job->state, &l->lease, &l->rec, rec_arena(l), err);
}

void
lane_take_id(struct lane *l)
{
	const char *id, *now = l->head.mailbox_id;

	if (*now == '\0' || (l->rec.mailbox_id != NULL && strcmp(l->rec.mailbox_id, now) == 0))
		return;
	id = arena_copy(rec_arena(l), slice_str(l->head.mailbox_id));
	if (id != NULL)
		l->rec.mailbox_id = id;
}

int
lane_record(struct lane *l, struct planned *f, const char *failed, struct err *err)
{
	const struct folder_rec *known = lane_known(l, f->folder.name, NULL);
	uint32_t uidvalidity = f->folder.counts.uidvalidity;

	l->plan = f;
	if (uidvalidity == 0 && known != NULL)
		uidvalidity = known->uidvalidity;
	if (lane_rec_start(l, f, uidvalidity, err) < 0)
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

bool
lane_all_good(const struct folder_rec *r)
{
	for (int v = 0; v < VERDICTS; v++)
		if (r->verdicts[v] > 0 && !verdict_good((enum verdict)v))
			return false;
	return true;
}

int
lane_has_lost(struct lane *l, const struct folder_rec *r, bool *ret, struct err *err)
{
	struct msg_page *page = lane_rows(l);
	uint32_t after = 0;
	int rc = 0;

	*ret = false;
	page->len = 0;
	while (r->verdicts[VERDICT_FAILED] > 0 && !*ret &&
	    (rc = state_page(l->job->state, r->id, after, page, err)) == 0 && page->len > 0) {
		for (size_t i = 0; i < page->len; i++)
			*ret |= msg_lost(&page->msg[i]);
		after = page->msg[page->len - 1].uid;
	}
	page->len = 0;
	return rc;
}

void
lane_rec_begin_again(struct lane *l)
{
	struct folder_rec begun = l->rec;

	if (!begun.proof.proved || lane_all_good(&begun))
		return;
	begun.proof.proved = begun.proof.carried = false;
	begun.proof.why = "messages of it were tried again by a run that did not end";
	begun.mark = NULL;
	batch_folder(l->batch, &begun);
}

/* Nothing to do by the counts alone (rules.md 1.6): the same UIDVALIDITY, UIDNEXT, MESSAGES and
 * HIGHESTMODSEQ. Messages that a selection left out are looked at again: this one may be wider; phantoms, as they may
 * be given now; and a folder is, when nobody has asked the server for what is to be searched. */
bool
lane_unchanged(const struct lane *l, const struct folder *f, const struct folder_rec *r)
{
	const struct folder_counts *c = &f->counts;

	return !l->job->list_all && (f->attrs & FOLDER_COUNTED) && r != NULL && !r->vanished && !r->excluded &&
	       r->proof.proved && lane_all_good(r) && r->verdicts[VERDICT_EXCLUDED] + r->verdicts[VERDICT_PHANTOM] == 0 &&
	       c->uidvalidity != 0 &&
	       c->uidvalidity == r->uidvalidity && c->uidnext != 0 && c->uidnext == r->uidnext &&
	       c->messages == r->messages && c->highestmodseq != 0 &&
	       c->highestmodseq == r->highestmodseq && (c->messages == 0 || lane_search_settled(l)) &&
	       (l->sink_ops->holds == NULL || l->sink_ops->holds(l->sink, r)) && !lane_copies_gone(l, r);
}

int
lane_prepare(struct lane *l, struct plan *plan, struct err *err)
{
	struct folder_rec *rec = arena_take(&plan->arena, (plan->len + 1) * sizeof(*rec));
	size_t n = 0;

	if (rec == NULL)
		return err_set(
		    err, ERR_PROTOCOL, "the server lists more folder names than fit into memory");
	for (size_t i = 0; i < plan->len; i++) {
		struct planned *f = &plan->folder[i];

		if (f->excluded || f->folder.counts.uidvalidity == 0 ||
		    lane_unchanged(l, &f->folder, lane_known(l, f->folder.name, NULL)))
			continue;
		if (rec_fill(l, f, f->folder.counts.uidvalidity, &plan->arena, &rec[n], err) < 0)
			return -1;
		f->rec = &rec[n++];
	}
	return n == 0 ? 0 : state_folder_all(l->job->state, &l->lease, rec, n, &plan->arena, err);
}

int
lane_carry_over(struct lane *l, const struct folder_rec *known, struct err *err)
{
	l->rec = *known;
	l->rec.special_use = l->plan->folder.special_use;
	l->rec.subscribed = l->plan->folder.attrs & FOLDER_SUBSCRIBED;
	l->rec.proof.carried = true;
	batch_folder(l->batch, &l->rec);
	lane_event(l, EV_FOLDER_UNCHANGED, "unchanged: complete up to UIDNEXT %u", known->uidnext);
	lane_count(l, known->listed);
	return lane_flush_if_full(l, err);
}
