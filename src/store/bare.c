/* See bare.h. */
#include "store/bare.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static bool
is_directory(int dir, const struct dirent *e)
{
	struct stat st;

	if (e->d_type != DT_UNKNOWN)
		return e->d_type == DT_DIR;
	return fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

bool
dir_is_bare(int root, const char *path)
{
	int fd;
	struct err why = { 0 };
	const struct dirent *e;
	bool bare = true;
	DIR *d;

	if (file_open_dir(root, path, &fd, &why) < 0)
		return why.sys == ENOENT;
	d = fdopendir(fd);
	if (d == NULL) {
		close(fd);
		return false;
	}
	while (bare && (errno = 0, e = readdir(d)) != NULL)
		bare = is_directory(fd, e);
	bare = bare && errno == 0;
	closedir(d);
	return bare;
}
