/* imex.conf: an INI file with the long names of the command line. [global] is for all commands,
 * where options that a command does not have are passed over; [extract] and so on are for one. */
#ifndef APP_CLI_CONFIG_H
#define APP_CLI_CONFIG_H

#include "app/cli/options.h"

/* Reads o->config, else the first that is there of $XDG_CONFIG_HOME/imex/imex.conf
 * (~/.config/imex/imex.conf) and /etc/imex.conf; none is fine. ERR_NO_INPUT: o->config is not
 * there; ERR_CONFIG names file and line. */
int config_read(struct options *o, struct err *err) WARN_UNUSED;
/* The text of one file; `name` is for errors. */
int config_parse(
    struct options *o, const char *name, struct slice text, struct err *err) WARN_UNUSED;

#endif
