#include "app/backoff.h"

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

bool
failure_ends_all(const struct err *why)
{
	switch (why->kind) {
	case ERR_CREATE:
	case ERR_DISK:
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
