/* See maildir_recover.h. Of the rows only the UIDs are kept: a message of another UIDVALIDITY,
 * which has a record of its own in the same directory, is not touched. */
#include "store/maildir/maildir_recover.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/maildir/maildir_batch.h"
#include "store/maildir/maildir_first.h"
#include "store/row_feed.h"

static int
recover_name(const struct maildir_dirs *d, const char *sub, const char *name, struct err *err)
{
	char from[MAILDIR_NAME_MAX + 8], to[MAILDIR_NAME_MAX];

	(void)snprintf(from, sizeof from, "%s/%s", sub, name);
	maildir_identity_in(to, name);
	return file_rename(d->folder, from, d->tmp, to, err);
}

/* have NULL: all that is there. */
static int
recover_dir(const struct maildir_dirs *d, const char *sub, uint32_t uidvalidity,
    const struct uidmap *have, uint64_t *ret_aside, struct err *err)
{
	struct maildir_walk w;
	struct maildir_entry e;
	const char *name;

	if (maildir_walk_begin(&w, d->folder, sub, err) < 0)
		return -1;
	while ((name = maildir_walk_next(&w)) != NULL) {
		if (have != NULL &&
		    (!maildir_parse(slice_str(name), &e) || e.uidvalidity != uidvalidity || uidmap_has(have, e.uid)))
			continue;
		if (recover_name(d, sub, name, err) < 0) {
			maildir_walk_drop(&w);
			return -1;
		}
		++*ret_aside;
	}
	return maildir_walk_end(&w, err);
}

int
maildir_recover_first(const struct maildir_dirs *d, struct err *err)
{
	uint64_t aside = 0;
	int rc = recover_dir(d, "tmp/cur", 0, NULL, &aside, err);

	if (rc < 0)
		return err->sys == ENOTDIR ? 0 : -1;
	maildir_first_drop(d);
	return 0;
}

int
maildir_recover_files(const struct maildir_dirs *d, struct err *err)
{
	static const char *const half[] = { UIDLIST_NEW, KEYWORDS_NEW };

	for (size_t i = 0; i < COUNT_OF(half); i++) {
		if (unlinkat(d->folder, half[i], 0) < 0 && errno != ENOENT)
			return err_set_sys(err, ERR_DISK, "remove '%s'", half[i]);
	}
	return maildir_recover_first(d, err);
}

int
maildir_recover(struct maildir_dirs *d, uint32_t uidvalidity, const struct row_feed *rows,
    struct cancel *stop, uint64_t *ret_aside, struct err *err)
{
	AUTO(uidmap_free) struct uidmap *have = uidmap_new();
	uint64_t aside = 0;

	if (row_feed_stored(have, rows, stop, err) < 0 ||
	    recover_dir(d, "cur", uidvalidity, have, &aside, err) < 0 ||
	    recover_dir(d, "new", uidvalidity, have, &aside, err) < 0)
		return -1;
	*ret_aside = aside;
	return 0;
}
