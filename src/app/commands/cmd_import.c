/* From files into a server; and, without one, a list of what the files hold. */
#include <unistd.h>

#include "app/account/import.h"
#include "app/account/listing.h"
#include "app/cli/command.h"
#include "app/crowd/lists.h"
#include "app/job/destination.h"
#include "app/job/jobdir.h"
#include "base/file.h"
#include "store/shelf.h"

/* Each account has a job of its own, DIR/import/ACCOUNT. */
static int
import_list(struct options *o, struct err *err)
{
	const char *dir = o->n_words > 0 ? o->word[0] : NULL;

	if (!dir)
		return err_set(err, ERR_USAGE,
		    "whose mail? DIR belongs behind the command, as in: imex import DIR --users %s",
		    o->users);
	if (o->job || o->account || o->dry_run)
		return err_set(err, ERR_USAGE, "--%s is not for a list%s",
		    o->job ? "job" : o->account ? "account" : "dry-run",
		    o->account ? ": --only chooses among its accounts" : "");
	if (!jobdir_has_state(dir))
		return err_set(err, ERR_NO_INPUT,
		    "'%s' is no job directory of imex: a list names the accounts of a job", dir);
	if (destination_holds_mail(o, dir, err) < 0)
		return -1;
	return lists_import(o, dir, o->n_words > 1 ? o->word[1] : NULL, err);
}

int
cmd_import(struct options *o, struct err *err)
{
	const char *dir = o->job, *path = o->word[0];

	if (o->users)
		return import_list(o, err);
	if (destination_holds_mail(o, path, err) < 0)
		return -1;
	if (o->dry_run)
		return listing_files(o, path, err);
	if (o->n_words < 2)
		return err_set(err, ERR_USAGE,
		    "imex import needs DEST, as in: imex import %s imaps://anna@new.example.org/; "
		    "'imex import %s --dry-run' lists what would be imported",
		    path, path);
	if (destination_check(o, o->word[1], err) < 0)
		return -1;
	if (!dir && jobdir_has_state(path)) {
		if (destination_import_dir(&o->arena, path, o->word[1], &dir, err) < 0)
			return -1;
	} else if (!dir) {
		if (access(path, F_OK) < 0)
			return err_set_sys(err, ERR_NO_INPUT, "'%s'", path);
		return err_set(err, ERR_USAGE,
		    "'%s' is no job directory of imex: give --job DIR2 for state and reports", path);
	} else if (jobdir_apart(path, dir, "--job", err) < 0) {
		return -1;
	}
	return import_files(o, path, o->word[1], dir, false, err);
}
