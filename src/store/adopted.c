#include "store/adopted.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

int
adopted_link(int dir_from, const char *from, int dir_to, const char *to, uint64_t octets, int *ret_fd,
    struct err *err)
{
	AUTO(file_close) int fd = -1;
	struct stat st;

	*ret_fd = -1;
	if (unlinkat(dir_to, to, 0) < 0 && errno != ENOENT)
		return err_set_sys(err, ERR_DISK, "remove '%s'", to);
	if (linkat(dir_from, from, dir_to, to, 0) < 0)
		return 0;
	fd = openat(dir_to, to, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != octets) {
		(void)unlinkat(dir_to, to, 0);
		return 0;
	}
	*ret_fd = fd;
	fd = -1;
	return 0;
}
