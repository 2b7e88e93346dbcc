#include "app/crowd/lists.h"

#include <string.h>

#include "app/crowd/migration.h"
#include "app/crowd/migration_end.h"
#include "app/job/birth.h"
#include "app/job/destination.h"
#include "app/run/watch.h"
#include "app/users/password.h"

/* ---- the list ---- */

static void
lists_dests(const struct userlist *u, const char *name, const char *dest, struct faults *f)
{
	for (size_t i = 0; i < u->len && !dest; i++)
		if (!u->row[i].dest)
			faults_add(f, name, u->row[i].line,
			    "the row names no destination, and the command line has no DEST");
}

/* Of rows that were not chosen nothing is needed: who tries one account has its password alone. A
 * choice among faults is not spoken of. */
static int
lists_faults(struct options *o, bool with_dest, const char *dest, struct userlist *u,
    struct faults *f, struct err *err)
{
	const struct userlist_how how = {
		.codepage = option_given(o, &o->codepage) ? o->codepage : 0,
		.server = o->server,
		.merge = o->merge
	};
	struct err why;

	if (userlist_read(u, o->users, &how, f, err) < 0)
		return -1;
	userlist_between(u, o->users, o, f);
	if (userlist_choose(u, &o->only, o->limit, &why) < 0 && f->count == 0) {
		*err = why;
		return -1;
	}

	bool source = o->command->bit != CMD_IMPORT; /* whose source is files */

	if (source)
		userlist_passwords(u, o->users, o, PASSWORD_SOURCE, f);
	if (with_dest) {
		lists_dests(u, o->users, dest, f);
		userlist_passwords(u, o->users, o, PASSWORD_DEST, f);
	}
	if (faults_end(f, err) < 0 || (source && userlist_way_of_all(u, o, PASSWORD_SOURCE, err) < 0))
		return -1;
	return with_dest ? userlist_way_of_all(u, o, PASSWORD_DEST, err) : 0;
}

int
lists_read(
    struct options *o, bool with_dest, const char *dest, struct userlist *u, struct err *err)
{
	/* DIR stands in front. */
	const size_t dir = o->command->bit & (CMD_VERIFY | CMD_IMPORT) ? 1 : 0;
	const size_t words = dir + (with_dest && o->command->bit != CMD_VERIFY);
	struct faults f;
	int rc;

	*u = (struct userlist){ 0 };
	if (o->n_words > words)
		return err_set(err, ERR_USAGE,
		    "--users names the accounts; SOURCE on the command line ('%s') is one too many",
		    o->word[dir]);
	faults_init(&f);
	rc = lists_faults(o, with_dest, dest, u, &f, err);
	faults_done(&f);
	if (rc == 0)
		userlist_warn_mode(u, o->users);
	return rc;
}

static int
lists_apart(const struct options *o, const char *dest, const struct userlist *u, struct err *err)
{
	struct faults f;
	int rc;

	faults_init(&f);
	userlist_apart(u, o->users, dest, true, &f);
	rc = faults_end(&f, err);
	faults_done(&f);
	return rc;
}

/* A DEST of all must name each account, or they would all go to one. */
static int
lists_one_dest(struct options *o, const char *dest, const struct userlist *u, struct err *err)
{
	const char *url;

	if (!dest || u->len == 0)
		return 0;
	url = destination_url(dest, u->row[0].login, &o->arena);
	if (!url || destination_check(o, url, err) < 0)
		return url ? -1 : err_set(err, ERR_USAGE, "DEST is too long");
	if (u->len == 1 || o->merge)
		return 0;
	if (strstr(dest, "%u"))
		return lists_apart(o, dest, u, err);
	for (size_t i = 0; i < u->len; i++)
		if (!u->row[i].dest)
			return err_set(err, ERR_USAGE,
			    "all %zu accounts would go to '%s': write %%u where the login belongs, as "
			    "'imaps://%%u@new.example.org/', or give --merge if that is meant",
			    u->len, dest);
	return 0;
}

/* ---- copying ---- */

static int
lists_run(struct migration *m, struct err *err)
{
	bool again;

	if (migration_open(m, err) < 0)
		return -1;
	migration_run(m);
	/* What was cut short goes on with all that the same command says, and imports are each a job. */
	again = m->crowd.untried > 0 || m->found != NULL;
	return migration_finish(m,
	    migration_end(m, again ? "run the same command again" : "imex retry",
		again ? NULL : m->dir, err),
	    err);
}

int
lists_copy(struct options *o, const char *dir, const struct into *into, struct err *err)
{
	struct userlist list;
	struct migration m = { .o = o, .dir = dir, .list = &list, .into = into };
	/* An Exchange set is made at the end, of all accounts. */
	int rc = lists_read(o, into != NULL, into ? into->dest : NULL, &list, err);

	if (rc == 0 && into)
		rc = lists_one_dest(o, into->dest, &list, err);
	if (rc == 0)
		rc = birth_settle(o, dir, err);
	if (rc == 0)
		rc = watch_fit(o, err);
	m.shares = !o->watch && (into || o->format != FORMAT_EXCHANGE);
	for (size_t i = 0; rc == 0 && i < list.len; i++)
		m.own_dests |= into && list.row[i].dest;
	if (rc == 0) {
		rc = lists_run(&m, err);
		migration_close(&m);
	}
	userlist_done(&list);
	return rc;
}

int
lists_import(struct options *o, const char *dir, const char *dest, struct err *err)
{
	const struct into into = { .command = "import", .dest = dest };
	struct userlist list;
	struct shelf_found found = { 0 };
	struct migration m = {
		.o = o, .dir = dir, .list = &list, .into = &into, .found = &found
	};
	int rc = lists_read(o, true, dest, &list, err);

	if (rc == 0)
		rc = lists_one_dest(o, dest, &list, err);
	/* The zone is the process's, and set before it has threads. */
	if (rc == 0)
		rc = birth_settle(o, NULL, err);
	if (rc == 0)
		rc = shelf_find(dir, &found, err);
	if (rc == 0) {
		rc = lists_run(&m, err);
		migration_close(&m);
	}
	shelf_found_done(&found);
	userlist_done(&list);
	return rc;
}
