#include "engine/answer.h"

enum step
answer_next(const struct source_ops *ops, struct source *s, const struct cancel *stop,
    struct offer *ret, struct err *err)
{
	*ret = (struct offer){ 0 };
	if (cancel_raised(stop)) {
		(void)err_set(err, ERR_INTERRUPTED, "interrupted");
		return STEP_ERR;
	}
	return ops->next(s, ret, err);
}
