/* The quota of the account on its way to another server (--quota), before anything is forecast or sent. */
#ifndef ENGINE_QUOTA_H
#define ENGINE_QUOTA_H

#include "engine/copy.h"

/* The destination's limit becomes that of the source where they differ; what cannot be is a warning. */
int lane_quota(struct lane *l, struct err *err) WARN_UNUSED;

#endif
