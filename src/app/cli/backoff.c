#include "app/cli/backoff.h"

#include <errno.h>

int64_t
backoff_jittered(uint64_t *io_seed, int64_t ms)
{
	*io_seed = *io_seed * 6364136223846793005u + 1442695040888963407u;
	return ms * 3 / 4 + (int64_t)((*io_seed >> 33) % (uint64_t)(ms / 2 + 1));
}

int64_t
backoff_doubled(int64_t first_ms, unsigned times)
{
	int64_t ms = first_ms;

	while (times-- > 0 && ms < BACKOFF_MAX_MS)
		ms *= 2;
	return ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
}

/* Of one name, not of the disk: what lies in the way of an account is not in the way of others. */
static bool
is_of_a_name(int sys)
{
	return sys == ENOENT || sys == ENOTDIR || sys == EISDIR || sys == EEXIST || sys == ENOTEMPTY || sys == ELOOP ||
	       sys == ENAMETOOLONG || sys == EACCES || sys == EPERM;
}

bool
failure_ends_all(const struct err *why)
{
	switch (why->kind) {
	case ERR_CREATE:
		return why->sys != 0 && !is_of_a_name(why->sys);
	case ERR_DISK:
		return !is_of_a_name(why->sys);
	case ERR_FULL:
	case ERR_INTERRUPTED:
	case ERR_BUSY:
	case ERR_STATE:
	case ERR_OTHER_JOB:
	case ERR_NEWER_STATE:
		return true;
	default:
		return false;
	}
}
