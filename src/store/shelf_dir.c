/* See shelf_dir.h. A path of several levels is opened level by level, since O_NOFOLLOW speaks of
 * the last one only; openat2 would do it in one call, but only Linux has it. Loops cannot be: they
 * need a link, and a bind mount of a parent ends at SHELF_DEPTH_MAX. */
#include "store/shelf_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/shelf.h"

enum { STOP_EVERY = 4096, TEXT_FIRST = 4096 };

static int
dir_open_one(int at, const char *name)
{
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
}

int
shelf_dir_open(int at, const char *path, int *ret, struct err *err)
{
	AUTO(file_close) int fd = dir_open_one(at, ".");
	const char *rest = path;

	while (fd >= 0 && *rest != '\0') {
		char name[NAME_MAX + 1];
		size_t len = strcspn(rest, "/");

		if (!shelf_name_plain((struct slice){ rest, len }))
			return err_set(err, ERR_FOLDER, "'%s' is no path of a folder", path);
		memcpy(name, rest, len);
		name[len] = '\0';
		int next = dir_open_one(fd, name);
		int sys = errno;
		file_close(&fd);
		fd = next;
		errno = sys;
		rest += len;
		rest += *rest == '/';
	}
	if (fd < 0)
		return err_set_sys(err, ERR_FOLDER, "cannot open the directory '%s'", path);
	*ret = fd;
	fd = -1;
	return 0;
}

int
shelf_file_open(int dir, const char *name, struct stat *ret)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd >= 0 && fstat(fd, ret) < 0) {
		int sys = errno;

		file_close(&fd);
		errno = sys;
	} else if (fd >= 0 && !S_ISREG(ret->st_mode)) {
		file_close(&fd);
		errno = EINVAL;
	}
	return fd;
}

const char *
shelf_file_words(int sys)
{
	if (sys == ELOOP)
		return "it is a symbolic link, and those are not followed";
	if (sys == EINVAL || sys == ENXIO)
		return "it is no regular file";
	return strerror(sys);
}

static enum dir_kind
dir_kind_of(int dir, const struct dirent *e)
{
	struct stat st;
	mode_t mode = 0;

	switch (e->d_type) {
	case DT_REG:
		return DIR_FILE;
	case DT_DIR:
		return DIR_DIR;
	case DT_LNK:
		return DIR_LINK;
	case DT_UNKNOWN: /* some file systems do not say */
		if (fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			mode = st.st_mode;
		return S_ISREG(mode)   ? DIR_FILE
		       : S_ISDIR(mode) ? DIR_DIR
		       : S_ISLNK(mode) ? DIR_LINK
				       : DIR_OTHER;
	default:
		return DIR_OTHER;
	}
}

size_t
shelf_dir_add(struct dir_list *l, enum dir_kind kind, const char *name)
{
	size_t need = strlen(name) + 2;

	if (l->len == l->cap) {
		l->cap = l->cap > 0 ? 2 * l->cap : 64;
		l->at = mem_resize(l->at, l->cap, sizeof *l->at);
	}
	if (l->text_cap - l->text_len < need) {
		l->text_cap = l->text_cap > 0 ? 2 * l->text_cap : TEXT_FIRST;
		l->text = mem_resize(l->text, l->text_cap, 1);
	}
	l->at[l->len] = l->text_len;
	l->text[l->text_len] = (char)kind;
	memcpy(l->text + l->text_len + 1, name, need - 1);
	l->text_len += need;
	return l->len++;
}

static int
dir_read_names(DIR *d, struct dir_list *l, struct cancel *stop, struct err *err)
{
	for (;;) {
		errno = 0;
		const struct dirent *e = readdir(d);

		if (e == NULL)
			break;
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (l->len >= SHELF_MESSAGES_MAX)
			return err_set(err, ERR_FOLDER,
			    "the directory has more than %d names, which is more than one folder "
			    "may",
			    SHELF_MESSAGES_MAX);
		if (l->len % STOP_EVERY == 0 && cancel_raised(stop))
			return err_set(err, ERR_INTERRUPTED, "interrupted");
		(void)shelf_dir_add(l, dir_kind_of(dirfd(d), e), e->d_name);
	}
	return errno != 0 ? err_set_sys(err, ERR_FOLDER, "cannot list the directory") : 0;
}

int
shelf_dir_read(int dir, struct dir_list *io, struct cancel *stop, struct err *err)
{
	int fd = dir_open_one(dir, ".");
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (d == NULL) {
		(void)err_set_sys(err, ERR_FOLDER, "cannot list the directory");
		file_close(&fd);
		return -1;
	}
	int done = dir_read_names(d, io, stop, err);
	(void)closedir(d);
	if (done == 0)
		shelf_dir_sort(io);
	return done;
}

static int
dir_cmp(const void *a, const void *b, void *text)
{
	const char *t = text;

	return strcmp(t + *(const uint64_t *)a + 1, t + *(const uint64_t *)b + 1);
}

void
shelf_dir_sort(struct dir_list *l)
{
	if (l->len > 1)
		qsort_r(l->at, l->len, sizeof *l->at, dir_cmp, l->text);
}

void
shelf_dir_done(struct dir_list *l)
{
	free(l->text);
	free(l->at);
	*l = (struct dir_list){ 0 };
}

const char *
shelf_dir_name(const struct dir_list *l, size_t i)
{
	return l->text + l->at[i] + 1;
}

enum dir_kind
shelf_dir_kind(const struct dir_list *l, size_t i)
{
	return (enum dir_kind)l->text[l->at[i]];
}

enum dir_kind
shelf_dir_has(const struct dir_list *l, const char *name)
{
	size_t from = 0, to = l->len;

	while (from < to) {
		size_t mid = from + (to - from) / 2;
		int order = strcmp(shelf_dir_name(l, mid), name);

		if (order == 0)
			return shelf_dir_kind(l, mid);
		if (order < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return (enum dir_kind)0;
}

bool
shelf_name_plain(struct slice name)
{
	if (name.len == 0 || name.len > NAME_MAX || slice_eq(name, ".") || slice_eq(name, ".."))
		return false;
	return memchr(name.data, '/', name.len) == NULL &&
	       memchr(name.data, '\0', name.len) == NULL;
}

static size_t
name_digits(const char *s)
{
	return strspn(s, "0123456789");
}

int
shelf_name_natural(const char *a, const char *b)
{
	const char *x = a, *y = b;

	while (*x != '\0' && *y != '\0') {
		size_t m = name_digits(x), n = name_digits(y);

		if (m == 0 || n == 0) {
			if (*x != *y)
				break;
			x++;
			y++;
			continue;
		}
		const char *zx = x + strspn(x, "0"), *zy = y + strspn(y, "0");
		size_t lx = (size_t)(x + m - zx), ly = (size_t)(y + n - zy);
		int order = lx != ly ? (lx < ly ? -1 : 1) : memcmp(zx, zy, lx);
		if (order != 0)
			return order;
		x += m;
		y += n;
	}
	if (*x != *y)
		return (unsigned char)*x < (unsigned char)*y ? -1 : 1;
	return strcmp(a, b);
}

bool
shelf_name_ends(const char *name, const char *suffix)
{
	size_t len = strlen(name), n = strlen(suffix);

	return len >= n && slice_eq_nocase((struct slice){ name + len - n, n }, suffix);
}
