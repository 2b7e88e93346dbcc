#include "engine/quota.h"

int
lane_quota(struct lane *l, struct err *err)
{
	uint64_t used, limit;

	if (l->source_ops->quota == NULL || l->sink_ops->raise_quota == NULL)
		return 0;
	if (l->source_ops->quota(l->source, &used, &limit, err) < 0)
		return -1;
	if (limit == 0) {
		lane_warn(l, EV_EXTRAS_LACKING, EXTRA_QUOTA,
		    "the source tells no quota of the account: --quota copies none");
		return 0;
	}
	return l->sink_ops->raise_quota(l->sink, limit, err);
}
