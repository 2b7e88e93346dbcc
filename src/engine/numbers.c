/* Numbers in place of UIDs (mail/numbering.h): given by the source, durable before anything is named by
 * them. A run that is killed gives the same ones again. */
#include "engine/copy.h"

static bool
is_numbered(const struct lane *l)
{
	return l->source_ops->numbered != NULL && l->source_ops->numbered(l->source);
}

int
lane_load_numbers(struct lane *l, int64_t folder, struct err *err)
{
	return is_numbered(l) ? state_numbering(l->job->state, folder, &l->numbering, err) : 0;
}

int
lane_number(struct lane *l, struct err *err)
{
	struct numbering *n = &l->numbering;
	bool fresh;

	if (!is_numbered(l))
		return 0;
	if (l->source_ops->number(l->source, n, err) < 0)
		return -1;
	fresh = n->stored < n->len;
	for (; n->stored < n->len; n->stored++) {
		batch_numbered(l->batch, l->rec.id, &n->one[n->stored]);
		if (lane_flush_if_full(l, err) < 0)
			return -1;
	}
	return fresh ? lane_flush(l, true, err) : 0;
}
