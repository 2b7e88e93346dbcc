/* From one server into another, in one step. */
#include "app/account/extract.h"
#include "app/account/mapping_table.h"
#include "app/cli/command.h"
#include "app/crowd/lists.h"
#include "app/job/destination.h"

/* Each row names its destination, or DEST, the only word then, is for all. */
static int
migrate_list(struct options *o, struct err *err)
{
	const struct into into = { .command = "migrate", .dest = o->n_words > 0 ? o->word[0] : NULL };

	if (o->dry_run)
		return lists_check(o, err);
	if (!o->job)
		return err_set(err, ERR_USAGE,
		    "imex migrate needs --job DIR: state and reports are kept there, as in: imex "
		    "migrate --users %s --job DIR",
		    o->users);
	return lists_copy(o, o->job, &into, err);
}

int
cmd_migrate(struct options *o, struct err *err)
{
	const struct into into = { .command = "migrate", .dest = o->word[1] };

	if (o->users)
		return migrate_list(o, err);
	if (destination_check(o, o->word[1], err) < 0)
		return -1;
	if (o->dry_run)
		return mapping_show(o, o->word[0], o->word[1], err);
	if (!o->job)
		return err_set(err, ERR_USAGE,
		    "imex migrate needs --job DIR: state and reports are kept there, as in: imex "
		    "migrate %s %s --job DIR",
		    o->word[0], o->word[1]);
	return extract_account(o, o->job, o->word[0], &into, NULL, err);
}
