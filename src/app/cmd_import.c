/* From files into a server; and, without one, a list of what the files hold. */
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "app/destination.h"
#include "app/extract.h"
#include "app/jobdir.h"
#include "app/listing.h"
#include "app/lists.h"
#include "base/file.h"
#include "store/shelf.h"

static int
import_many(const struct shelf_found *found, const char *wanted, struct err *err)
{
	struct buf names;

	buf_init(&names, 700);
	for (size_t i = 0; i < found->len; i++) {
		const struct shelf_place *p = &found->place[i];

		buf_printf(&names, "%s%s%s%s", i > 0 ? ", " : "", p->login, *p->host ? "@" : "",
		    p->host);
	}
	if (wanted)
		err_set(err, ERR_USAGE, "--account: there is no '%s'; there are: %s", wanted,
		    names.data ? names.data : "");
	else
		err_set(err, ERR_USAGE,
		    "there are %zu accounts, and each goes to one of its own: choose with "
		    "--account NAME from: %s",
		    found->len, names.data ? names.data : "");
	buf_done(&names);
	return -1;
}

static bool
import_is(const struct shelf_place *p, const char *name)
{
	size_t len = strlen(p->login);

	return strcmp(name, p->login) == 0 ||
	       (strncmp(name, p->login, len) == 0 && name[len] == '@' &&
		   strcmp(name + len + 1, p->host) == 0);
}

int
import_choose(const struct options *o, const struct shelf_found *found,
    const struct shelf_place **ret, struct err *err)
{
	if (!o->account && found->len == 1) {
		*ret = &found->place[0];
		return 0;
	}
	for (size_t i = 0; o->account && i < found->len; i++) {
		if (import_is(&found->place[i], o->account)) {
			*ret = &found->place[i];
			return 0;
		}
	}
	return import_many(found, o->account, err);
}

int
import_files(struct options *o, const char *path, const char *dest, const char *dir, bool retry,
    struct err *err)
{
	struct into into = { .command = "import", .dest = dest, .retry = retry };
	struct shelf_found found = { 0 };
	int rc;

	if (shelf_find(path, &found, err) < 0)
		return -1;
	rc = import_choose(o, &found, &into.from, err);
	if (rc == 0)
		rc = extract_account(o, dir, path, &into, NULL, err);
	shelf_found_done(&found);
	return rc;
}

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
