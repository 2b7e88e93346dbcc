#include "store/handed.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static struct handing handing;

void
handing_set(const struct handing *h)
{
	handing = *h;
}

mode_t
handing_dir_mode(mode_t files)
{
	return files | (files & 0444) >> 2;
}

static int
hand_over(int fd, const char *path, struct err *err)
{
	struct stat st;
	mode_t mode;

	if (!handing.owned && !handing.moded)
		return 0;
	if (fstat(fd, &st) < 0)
		return err_set_sys(err, ERR_DISK, "look at '%s'", path);
	if (S_ISREG(st.st_mode) && st.st_nlink > 1)
		return err_set(err, ERR_DISK,
		    "'%s' has other names (hard links): it is not handed over to --owner", path);
	mode = S_ISDIR(st.st_mode) ? handing_dir_mode(handing.files) : handing.files;
	if (handing.owned && (st.st_uid != handing.uid || st.st_gid != handing.gid) &&
	    fchown(fd, handing.uid, handing.gid) < 0)
		return err_set_sys(err, ERR_DISK, "hand '%s' over to --owner", path);
	if (handing.moded && (st.st_mode & 07777) != mode && fchmod(fd, mode) < 0)
		return err_set_sys(err, ERR_DISK, "set --mode of '%s'", path);
	return 0;
}

static int
hand_over_dir(int dir, const char *path, struct err *err)
{
	AUTO(file_close) int fd = -1;

	if (!handing.owned && !handing.moded)
		return 0;
	return file_open_dir(dir, path, &fd, err) < 0 ? -1 : hand_over(fd, path, err);
}

/* The open file goes to the caller. */
static int
hand_out(int *fd, const char *path, int *ret, struct err *err)
{
	if (hand_over(*fd, path, err) < 0)
		return -1;
	*ret = *fd;
	*fd = -1;
	return 0;
}

int
handed_create(int dir, const char *path, int *ret, struct err *err)
{
	AUTO(file_close) int fd = -1;

	return file_create(dir, path, &fd, err) < 0 ? -1 : hand_out(&fd, path, ret, err);
}

/* Something has the name. */
static int
handed_create_over(int dir, const char *path, int *ret, struct err *err)
{
	struct stat st;

	if (fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	    st.st_nlink > 1 && unlinkat(dir, path, 0) < 0)
		return err_set_sys(err, ERR_CREATE, "cannot create '%s'", path);
	return handed_create(dir, path, ret, err);
}

int
handed_create_new(int dir, const char *path, int *ret, struct err *err)
{
	AUTO(file_close) int fd = -1;
	int rc = file_create_exclusive(dir, path, &fd, err);

	if (rc > 0)
		return handed_create_over(dir, path, ret, err);
	return rc < 0 ? -1 : hand_out(&fd, path, ret, err);
}

int
handed_open_append(int dir, const char *path, int *ret, struct err *err)
{
	AUTO(file_close) int fd = -1;

	return file_open_append(dir, path, &fd, err) < 0 ? -1 : hand_out(&fd, path, ret, err);
}

int
handed_make_dir(int dir, const char *path, struct err *err)
{
	return file_make_dir(dir, path, err) < 0 ? -1 : hand_over_dir(dir, path, err);
}

int
handed_make_dirs(const char *path, struct err *err)
{
	return file_make_dirs(path, err) < 0 ? -1 : hand_over_dir(AT_FDCWD, path, err);
}

int
handed_make_dirs_for_system(const char *path, struct err *err)
{
	return file_make_dirs_for_system(path, err) < 0 ? -1 : hand_over_dir(AT_FDCWD, path, err);
}

int
handed_have_dirs(const char *path, struct err *err)
{
	return file_have_dirs(path, err) < 0 ? -1 : hand_over_dir(AT_FDCWD, path, err);
}

int
handed_replace(int dir, const char *path, struct slice data, struct err *err)
{
	return file_replace_as(dir, path, data, hand_over, err);
}
