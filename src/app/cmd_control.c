#include "app/command.h"
int
cmd_control(struct options *o, struct err *err)
{
	(void)o;
	return err_set(err, ERR_USAGE, "x");
}
