/* What a source answers to what it was asked for, one after the other, as long as the run is not
 * stopped. */
#ifndef ENGINE_ANSWER_H
#define ENGINE_ANSWER_H

#include "base/cancel.h"
#include "store/source.h"

/* ops->next (source.h), *ret being zeroed before; STEP_ERR, too: `stop` is raised
 * (ERR_INTERRUPTED). */
enum step answer_next(const struct source_ops *ops, struct source *s, const struct cancel *stop,
    struct offer *ret, struct err *err) WARN_UNUSED;

#endif
