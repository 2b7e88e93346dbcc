/* ~/.netrc, as ftp(1) and curl read it: machine HOST login USER password WORD, and `default`. */
#ifndef APP_CLI_NETRC_H
#define APP_CLI_NETRC_H

#include <stdbool.h>

#include "base/secret.h"

/* The password of `user` on `host`: of the first entry whose host is equal in any case (or
 * `default`) and whose login is equal or absent. NULL: none. */
struct secret *netrc_find(struct slice text, const char *host, const char *user);

#endif
