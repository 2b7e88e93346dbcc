#include "store/maildir/maildir_aside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

enum { ASIDE_MAX = 100 };

int
maildir_find(struct maildir_dirs *d, const char *name, char ret[NAME_INDEX_PATH_MAX], struct err *err)
{
	struct maildir_entry e;
	struct slice text = slice_str(name);

	*ret = '\0';
	if (!maildir_parse(text, &e))
		return 0;
	if (d->index != NULL && name_index_uidvalidity(d->index) != e.uidvalidity)
		name_index_free(&d->index);
	if (d->index == NULL)
		d->index = name_index_new(d->folder, e.uidvalidity);
	return name_index_find(d->index, e.uid, (struct slice){ name, e.identity_len }, ret, err);
}

/* The same, with a look at the exact name first; "" too where it is gone meanwhile. */
static int
find_there(struct maildir_dirs *d, const char *name, char ret[NAME_INDEX_PATH_MAX], struct err *err)
{
	(void)snprintf(ret, NAME_INDEX_PATH_MAX, "cur/%s", name);
	if (file_there(d->folder, ret))
		return 0;
	if (maildir_find(d, name, ret, err) < 0)
		return -1;
	if (*ret != '\0' && !file_there(d->folder, ret))
		*ret = '\0';
	return 0;
}

/* To a name in tmp/ that nothing has yet. */
static int
move_aside(const struct maildir_dirs *d, const char *path, const char *identity, struct err *err)
{
	char aside[MAILDIR_NAME_MAX];

	for (int n = 1; n <= ASIDE_MAX; n++) {
		(void)snprintf(
		    aside, sizeof aside, n == 1 ? "%s.damaged" : "%s.damaged%d", identity, n);
		if (faccessat(d->tmp, aside, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
			return file_rename(d->folder, path, d->tmp, aside, err);
	}
	return err_set(err, ERR_DISK, "'tmp/%s.damaged' and %d more are in the way; move them away and run again",
	    identity, ASIDE_MAX - 1);
}

int
maildir_aside(struct maildir_dirs *d, const char *identity, const char *to, struct err *err)
{
	char path[NAME_INDEX_PATH_MAX];

	if (find_there(d, to, path, err) < 0)
		return -1;
	if (*path == '\0')
		return 0;
	/* Stored by a run that was killed before it could say so. */
	if (file_same(d->folder, path, d->tmp, identity))
		return file_rename(d->folder, path, d->cur, to, err);
	return move_aside(d, path, identity, err);
}

int
maildir_aside_lost(struct maildir_dirs *d, const char *name, struct err *err)
{
	char path[NAME_INDEX_PATH_MAX], identity[MAILDIR_NAME_MAX];
	struct maildir_entry e;

	if (!maildir_parse(slice_str(name), &e))
		return 0;
	(void)snprintf(identity, sizeof identity, "%.*s", (int)e.identity_len, name);
	if (find_there(d, name, path, err) < 0)
		return -1;
	return *path == '\0' ? 0 : move_aside(d, path, identity, err);
}
