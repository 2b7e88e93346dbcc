/* Somebody has removed the directory of a folder, and with it the copies that the state tells of. What a look at the
 * directory tells without reading a file is noticed by each run, as by verify (lost.h): the messages are fetched again,
 * and the files begin anew instead of going on beside what is no longer there. */
#include <string.h>

#include "engine/copy.h"
#include "engine/lost.h"

static bool
is_copy(const struct msg *m)
{
	return m->verdict == VERDICT_STORED && !m->expunged;
}

bool
lane_copies_gone(const struct lane *l, const struct folder_rec *r)
{
	return l->sink_ops->bare != NULL && l->sink != NULL && r->verdicts[VERDICT_STORED] > 0 &&
	       l->sink_ops->bare(l->sink, r->path);
}

static int
note_rows(struct lane *l, uint64_t *ret, struct err *err)
{
	struct msg_page *page = lane_rows(l);
	uint32_t after = 0;
	int rc;

	*ret = 0;
	while ((rc = state_page(l->job->state, l->rec.id, after, page, err)) == 0 && page->len > 0) {
		for (size_t i = 0; i < page->len; i++) {
			if (!is_copy(&page->msg[i]))
				continue;
			lost_note(l->batch, l->rec.id, &page->msg[i]);
			++*ret;
		}
		after = page->msg[page->len - 1].uid;
		if (lane_flush_if_full(l, err) < 0)
			return -1;
	}
	page->len = 0;
	return rc;
}

/* Of all records of the directory: they share its files. */
static void
forget_marks(struct lane *l)
{
	batch_mark(l->batch, l->rec.id, "");
	for (size_t i = 0; i < l->n_known; i++)
		if (l->known[i].id != l->rec.id && strcmp(l->known[i].path, l->rec.path) == 0)
			batch_mark(l->batch, l->known[i].id, "");
	l->rec.mark = "";
}

int
lane_note_gone(struct lane *l, struct err *err)
{
	uint64_t n;

	/* What verify has noted is lost already, and of what is expunged nothing comes again; the files begin anew. */
	if (l->sink_ops->bare == NULL || *l->rec.mark == '\0' || !l->sink_ops->bare(l->sink, l->rec.path))
		return 0;
	if (note_rows(l, &n, err) < 0)
		return -1;
	forget_marks(l);
	/* It is not complete before they have come again. */
	l->rec.verdicts[VERDICT_STORED] -= n < l->rec.verdicts[VERDICT_STORED] ? n : l->rec.verdicts[VERDICT_STORED];
	l->rec.verdicts[VERDICT_FAILED] += n;
	if (n > 0)
		lane_warn(l, EV_FOREIGN_CHANGE, 0,
		    "the directory is gone, and with it the copies of %llu messages: they are fetched again",
		    (unsigned long long)n);
	return lane_flush(l, true, err);
}
