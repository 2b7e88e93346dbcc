#include "app/account/check.h"
#include "app/account/mapping_table.h"
#include "app/crowd/lists.h"

int
cmd_check(struct options *o, struct err *err)
{
	if (o->users)
		return lists_check(o, err);
	if (o->job)
		return err_set(err, ERR_USAGE, "--job is for a list of accounts: imex check --users FILE --job DIR");
	if (o->n_words > 1)
		return mapping_show(o, o->word[0], o->word[1], err);
	if (o->acl || o->metadata || o->quota)
		return err_set(err, ERR_USAGE,
		    "--%s is for a copy into another server: imex check SOURCE DEST",
		    o->acl ? "acl" : o->metadata ? "metadata" : "quota");
	return check_account(o, o->word[0], o->to, err);
}
