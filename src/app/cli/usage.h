/* Help, made from the tables of commands and options; at most 80 columns. */
#ifndef APP_CLI_USAGE_H
#define APP_CLI_USAGE_H

#include "app/cli/options.h"

void usage_program(struct buf *out);	/* fits 80x24 */
void usage_command(const struct command *c, struct buf *out);

#endif
