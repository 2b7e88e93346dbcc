#include "store/sink_root.h"

#include <fcntl.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/handed.h"

/* The table of descriptors grows by doubling, and the kernel stops all threads' progress with it
 * for some milliseconds each time: once, now, is better than six times in the middle. */
static void
grow_descriptors(int root, int want)
{
	int fd = want > 0 ? fcntl(root, F_DUPFD_CLOEXEC, want) : -1;

	file_close(&fd);
}

/* A run that was killed may have made directories and not synced their names: what this run stores
 * in them must not be lost with them. */
static int
settle_above(int root, struct err *err)
{
	static const char *const up[] = { "..", "../.." };

	for (size_t i = 0; i < COUNT_OF(up); i++) {
		AUTO(file_close) int above = -1;

		if (file_open_dir(root, up[i], &above, err) < 0 || file_sync(above, err) < 0)
			return -1;
	}
	return 0;
}

int
sink_root_open(int *ret, bool *ret_by_system, const struct sink_place *at, struct err *err)
{
	*ret = -1;
	if ((at->dir_made ? handed_have_dirs : handed_make_dirs)(at->dir, err) < 0 ||
	    file_open_dir(AT_FDCWD, at->dir, ret, err) < 0 ||
	    (at->unclean && settle_above(*ret, err) < 0))
		return -1;
	*ret_by_system = !at->each_file && file_can_syncfs(*ret);
	grow_descriptors(*ret, at->batch_files);
	return 0;
}
