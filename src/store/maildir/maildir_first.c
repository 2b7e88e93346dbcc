/* See maildir_first.h. The directory that was cur/ is gone by the rename; whoever has it open sees an empty
 * one, as before. */
#include "store/maildir/maildir_first.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "store/handed.h"
#include "store/maildir/maildir_recover.h"

static int
is_empty(const struct maildir_dirs *d, const char *part, bool *ret, struct err *err)
{
	struct maildir_walk w;

	if (maildir_walk_begin(&w, d->folder, part, err) < 0)
		return -1;
	*ret = maildir_walk_next(&w) == NULL;
	return maildir_walk_end(&w, err);
}

/* Would whoever reads cur/ see no difference? It may have been handed over to the user who serves the mail. */
static bool
is_like(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_uid == y.st_uid && x.st_gid == y.st_gid &&
	    x.st_mode == y.st_mode;
}

int
maildir_first_open(const struct maildir_dirs *d, int *ret, struct err *err)
{
	bool cur, tmp;

	*ret = -1;
	if (is_empty(d, "cur", &cur, err) < 0 || is_empty(d, "tmp", &tmp, err) < 0)
		return -1;
	/* What comes again must meet what a kill has left of it. */
	if (!tmp)
		return maildir_recover_first(d, err);
	if (!cur)
		return 0;
	int rc = handed_make_dir(d->tmp, "cur", err) < 0 ? -1 : file_open_dir(d->tmp, "cur", ret, err);

	if (rc < 0 || !is_like(d->cur, *ret)) {
		file_close(ret);
		maildir_first_drop(d);
	}
	return rc;
}

bool
maildir_first_place(struct maildir_dirs *d, int *first)
{
	int was = d->cur;

	if (renameat(d->tmp, "cur", d->folder, "cur") < 0)
		return false;
	d->cur = *first;
	*first = was;
	return true;
}

void
maildir_first_drop(const struct maildir_dirs *d)
{
	(void)unlinkat(d->tmp, "cur", AT_REMOVEDIR); /* what is not ours stays in it */
}
