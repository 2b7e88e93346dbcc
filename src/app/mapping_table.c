#include "app/mapping_table.h"
int mapping_show(struct options *o, const char *source, const char *dest, struct err *err) { (void)o;(void)source;(void)dest; return err_set(err, ERR_USAGE, "later"); }
