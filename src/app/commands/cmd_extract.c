#include "app/account/check.h"
#include "app/account/extract.h"
#include "app/crowd/lists.h"

int
cmd_extract(struct options *o, struct err *err)
{
	if (o->users)
		return o->dry_run ? lists_check(o, err) : lists_copy(o, o->to, NULL, err);
	if (o->dry_run)
		return check_account(o, o->word[0], o->to, err);
	return extract_account(o, o->to, o->word[0], NULL, NULL, err);
}
