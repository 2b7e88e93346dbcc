/* Access rights and annotations, folder by folder, before the mail: both sessions are at rest then,
 * and what the destination has already is not sent again. A connection that ends twice at them ends
 * them, not the run. */
#include "engine/extras.h"

#include "engine/copy.h"

static void
tell_lacking(struct lane *l, unsigned kind, bool there, bool here)
{
	const char *what = kind == EXTRA_ACL ? "access rights (ACL)" : "annotations (METADATA)";

	lane_warn(l, EV_EXTRAS_LACKING, kind, "%s has no %s: --%s copies none",
	    there ? "the destination" : here ? "the source" : "neither source nor destination", what,
	    kind == EXTRA_ACL ? "acl" : "metadata");
}

unsigned
extras_possible(struct lane *l, unsigned want)
{
	unsigned from, to;

	if (want == 0 || l->source_ops->extras == NULL || l->sink_ops->extras == NULL)
		return 0;
	from = l->source_ops->extras_offered(l->source);
	to = l->sink_ops->extras_offered(l->sink);
	for (unsigned kind = EXTRA_ACL; kind <= EXTRA_METADATA; kind <<= 1)
		if (want & ~(from & to) & kind)
			tell_lacking(l, kind, (from & kind) != 0, (to & kind) != 0);
	if (want & EXTRA_METADATA)
		want |= EXTRA_SERVER;
	return want & from & to;
}

static int
copy_one(struct lane *l, const struct folder *f, unsigned what, struct err *err)
{
	struct extras x;
	struct arena a;
	int rc;

	arena_init(&a, EXTRAS_MAX);
	rc = l->source_ops->extras(l->source, f, what, &a, &x, err);
	if (rc == 0)
		rc = l->sink_ops->extras(l->sink, f, &x, err);
	arena_done(&a);
	if (rc == 0 || err->scope > SCOPE_FOLDER)
		return rc;
	lane_warn(l, EV_EXTRAS_REFUSED, 0, "access rights or annotations are not copied: %s", err->text);
	*err = (struct err){ 0 };
	return 0;
}

int
extras_copy(struct lane *l, struct plan *plan, unsigned what, struct err *err)
{
	int rc = 0;

	if (what & EXTRA_SERVER)
		rc = copy_one(l, NULL, EXTRA_METADATA, err);
	for (size_t i = 0; i < plan->len && rc == 0; i++) {
		struct planned *p = &plan->folder[i];

		if (p->excluded || (what & (EXTRA_ACL | EXTRA_METADATA)) == 0)
			continue;
		l->plan = p;
		rc = copy_one(l, &p->folder, what, err);
		l->plan = NULL;
		if (rc == 0)
			rc = lane_tell(l, err);
	}
	return rc;
}
