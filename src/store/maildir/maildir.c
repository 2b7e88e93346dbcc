/* See maildir.h. Names are made of numbers only, so that no server can choose a single octet of a
 * path. */
#include "store/maildir/maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/maildir/name_index.h"

/* Digits at the start of *s, taken off with the text that must follow them. */
static bool
maildir_number(struct slice *s, uint64_t max, const char *then, uint64_t *ret)
{
	size_t digits = 0, n = strlen(then);

	while (digits < s->len && s->data[digits] >= '0' && s->data[digits] <= '9')
		digits++;
	if (!slice_u64((struct slice){ s->data, digits }, max, ret))
		return false;
	if (s->len < digits + n || memcmp(s->data + digits, then, n) != 0)
		return false;
	s->data += digits + n;
	s->len -= digits + n;
	return true;
}

static uint8_t
maildir_system(struct slice letters)
{
	static const char letter[] = "RTDFS"; /* in the order of the FLAG_* bits */
	uint8_t system = 0;

	for (size_t i = 0; i < letters.len; i++) {
		const char *at = memchr(letter, letters.data[i], sizeof letter - 1);

		if (at != NULL)
			system |= (uint8_t)(1u << (at - letter));
	}
	return system;
}

bool
maildir_parse(struct slice name, struct maildir_entry *ret)
{
	struct slice s = name;
	uint64_t stamp, uidvalidity, uid;

	if (!maildir_number(&s, INT64_MAX, ".V", &stamp) ||
	    !maildir_number(&s, UINT32_MAX, "U", &uidvalidity) ||
	    !maildir_number(&s, UINT32_MAX, ".imex,", &uid))
		return false;
	size_t identity_len = (size_t)(s.data - name.data) - 1;
	if (identity_len >= MAILDIR_IDENTITY_MAX || name.len >= MAILDIR_NAME_MAX)
		return false;
	const char *info = memmem(s.data, s.len, ":2,", 3);
	const char *end = name.data + name.len;
	struct slice letters = { end, 0 };
	if (info != NULL)
		letters = (struct slice){ info + 3, (size_t)(end - info) - 3 };
	*ret = (struct maildir_entry){ .uidvalidity = (uint32_t)uidvalidity,
		.uid = (uint32_t)uid,
		.identity_len = identity_len,
		.base_len = (size_t)((info != NULL ? info : end) - name.data),
		.system = maildir_system(letters) };
	return true;
}

void
maildir_identity(
    char ret[MAILDIR_IDENTITY_MAX], const struct date *d, uint32_t uidvalidity, uint32_t uid)
{
	(void)snprintf(ret, MAILDIR_IDENTITY_MAX, "%" PRId64 ".V%" PRIu32 "U%" PRIu32 ".imex",
	    date_stamp(d), uidvalidity, uid);
}

void
maildir_identity_in(char ret[MAILDIR_NAME_MAX], const char *name)
{
	struct maildir_entry e;

	(void)snprintf(ret, MAILDIR_NAME_MAX, "%s", name);
	if (maildir_parse(slice_str(name), &e))
		ret[e.identity_len] = '\0';
}

void
maildir_base(char ret[MAILDIR_NAME_MAX], const struct msg *m, uint32_t uidvalidity)
{
	(void)snprintf(ret, MAILDIR_NAME_MAX,
	    "%" PRId64 ".V%" PRIu32 "U%" PRIu32 ".imex,S=%" PRIu64 ",W=%" PRIu64,
	    date_stamp(&m->date), uidvalidity, m->uid, m->file_bytes, m->wire_bytes);
}

void
maildir_file(char ret[MAILDIR_NAME_MAX], const struct msg *m, uint32_t uidvalidity, uint8_t system,
    uint32_t letters)
{
	maildir_base(ret, m, uidvalidity);
	char *end = stpcpy(ret + strlen(ret), ":2,");
	flags_maildir(system, end);
	end += strlen(end);
	for (char c = 'a'; letters != 0; c++, letters >>= 1) {
		if ((letters & 1) != 0)
			*end++ = c;
	}
	*end = '\0';
}

bool
maildir_path_valid(const char *path)
{
	if (path == NULL)
		return false;
	return *path == '\0' ||
	    (path[0] == '.' && path[1] != '\0' && path[1] != '.' && strchr(path, '/') == NULL &&
		strlen(path) < MAILDIR_NAME_MAX);
}

int
maildir_dirs_open(struct maildir_dirs **ret, int root, const char *path, struct err *err)
{
	struct maildir_dirs *d = mem_new(sizeof *d);

	atomic_init(&d->refs, 1);
	d->folder = d->cur = d->tmp = d->sidecar = -1;
	d->path = mem_copy_str(path);
	if (file_open_dir(root, *path != '\0' ? path : ".", &d->folder, err) < 0 ||
	    file_open_dir(d->folder, "cur", &d->cur, err) < 0 ||
	    file_open_dir(d->folder, "tmp", &d->tmp, err) < 0) {
		maildir_dirs_unref(&d);
		return err_wrap(err, "folder directory '%s'", *path != '\0' ? path : "(INBOX)");
	}
	*ret = d;
	return 0;
}

struct maildir_dirs *
maildir_dirs_ref(struct maildir_dirs *d)
{
	atomic_fetch_add(&d->refs, 1);
	return d;
}

void
maildir_dirs_unref(struct maildir_dirs **d)
{
	if (*d == NULL)
		return;
	if (atomic_fetch_sub(&(*d)->refs, 1) == 1) {
		file_close(&(*d)->folder);
		file_close(&(*d)->cur);
		file_close(&(*d)->tmp);
		file_close(&(*d)->sidecar);
		name_index_free(&(*d)->index);
		free((*d)->path);
		free(*d);
	}
	*d = NULL;
}

int
maildir_walk_begin(struct maildir_walk *w, int folder, const char *sub, struct err *err)
{
	*w = (struct maildir_walk){ 0 };
	int fd = openat(folder, sub, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : err_set_sys(err, ERR_DISK, "open directory '%s'", sub);
	w->dir = fdopendir(fd);
	if (w->dir == NULL) {
		file_close(&fd);
		return err_set_sys(err, ERR_DISK, "read directory '%s'", sub);
	}
	return 0;
}

const char *
maildir_walk_next(struct maildir_walk *w)
{
	if (w->dir == NULL)
		return NULL;
	for (;;) {
		errno = 0;
		const struct dirent *e = readdir(w->dir);
		if (e == NULL) {
			w->sys = errno;
			return NULL;
		}
		if (e->d_name[0] != '.')
			return e->d_name;
	}
}

void
maildir_walk_drop(struct maildir_walk *w)
{
	if (w->dir != NULL)
		(void)closedir(w->dir);
	w->dir = NULL;
}

int
maildir_walk_end(struct maildir_walk *w, struct err *err)
{
	maildir_walk_drop(w);
	errno = w->sys;
	return w->sys == 0 ? 0 : err_set_sys(err, ERR_DISK, "read directory");
}
