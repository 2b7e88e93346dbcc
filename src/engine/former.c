/* A message that is looked for on a server and found may have been placed there by an earlier run, though the row that
 * says so no longer counts: the UIDVALIDITY of the folder there has changed, and the row lost its copy; or that of the
 * source has, and the row stands in an older record, perhaps as expunged, since the message was elsewhere for a while.
 * What that row knows of its flags tells which of them changed on the source since. Without it flags that were taken
 * away there stayed on the copy for good. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/copy.h"

enum { FORMER_MAX = 2 * 1024 * 1024 }; /* copies that are kept in memory, 24 octets each */

struct one {
	uint32_t copy, uid;
	int64_t folder;
	bool expunged;
};

struct former {
	struct one *one; /* by copy, the newest first */
	size_t len, cap;
};

void
lane_forget_former(struct lane *l)
{
	if (l->former != NULL)
		free(l->former->one);
	free(l->former);
	l->former = NULL;
}

static bool
is_older(const struct lane *l, const struct folder_rec *r)
{
	return slice_eq(l->plan->folder.name, r->name) && r->uidvalidity != l->rec.uidvalidity &&
	       r->listed + r->expunged > 0 && strcmp(r->path, l->rec.path) == 0 &&
	       (l->sink_ops->has_copies_of == NULL || l->sink_ops->has_copies_of(l->at, r));
}

static void
add(struct former *f, const struct folder_rec *rec, const struct msg *m)
{
	if (m->dest_uid == 0 || m->verdict != VERDICT_STORED || f->len == FORMER_MAX)
		return;
	if (f->len == f->cap) {
		f->cap = f->cap > 0 ? 2 * f->cap : 256;
		f->one = mem_resize(f->one, f->cap, sizeof *f->one);
	}
	f->one[f->len++] =
	    (struct one){ .copy = m->dest_uid, .uid = m->uid, .folder = rec->id, .expunged = m->expunged };
}

static int
add_all(struct lane *l, const struct folder_rec *rec, struct err *err)
{
	struct msg_page *page = msg_page_new();
	uint32_t after = 0;
	int rc;

	while ((rc = state_page(l->job->state, rec->id, after, page, err)) == 0 && page->len > 0) {
		for (size_t i = 0; i < page->len; i++)
			add(l->former, rec, &page->msg[i]);
		after = page->msg[page->len - 1].uid;
	}
	msg_page_free(page);
	return rc;
}

/* Of two rows the one of a message that was there when last looked, then that of the later record. */
static int
order(const void *a, const void *b)
{
	const struct one *x = a, *y = b;

	if (x->copy != y->copy)
		return x->copy < y->copy ? -1 : 1;
	if (x->expunged != y->expunged)
		return x->expunged ? 1 : -1;
	return x->folder > y->folder ? -1 : x->folder < y->folder;
}

static int
load(struct lane *l, struct err *err)
{
	struct former *f;

	if (l->former != NULL)
		return 0;
	f = l->former = mem_new(sizeof *f);
	for (size_t i = 0; i < l->n_known; i++)
		if (is_older(l, &l->known[i]) && add_all(l, &l->known[i], err) < 0) {
			lane_forget_former(l);
			return -1;
		}
	if (f->len > 0)
		qsort(f->one, f->len, sizeof *f->one, order);
	return 0;
}

static const struct one *
first_of(const struct former *f, uint32_t copy)
{
	size_t lo = 0, hi = f->len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (f->one[mid].copy < copy)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < f->len && f->one[lo].copy == copy ? &f->one[lo] : NULL;
}

int
lane_placed_before(void *arg, uint32_t uid, uint32_t copy, struct arena *a, struct msg *ret, bool *ret_there,
    struct err *err)
{
	struct lane *l = arg;
	const struct one *was;

	*ret_there = false;
	if (l->has_rows && state_message(l->job->state, l->rec.id, uid, a, ret, ret_there, err) < 0)
		return -1;
	if (*ret_there && ret->verdict == VERDICT_STORED && ret->dest_uid == 0)
		return 0;
	*ret_there = false;
	if (load(l, err) < 0)
		return -1;
	was = first_of(l->former, copy);
	return was != NULL ? state_message(l->job->state, was->folder, was->uid, a, ret, ret_there, err) : 0;
}
