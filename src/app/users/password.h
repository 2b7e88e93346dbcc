/* Where a password comes from, in this order: the list of users, --password-file,
 * --password-command, IMEX_PASSWORD, ~/.netrc, a prompt on the terminal. Never the command line. A command that was given
 * at a higher level than the file (list, command line, job, configuration) comes before it. */
#ifndef APP_USERS_PASSWORD_H
#define APP_USERS_PASSWORD_H

#include <stdatomic.h>

#include "app/cli/options.h"
#include "base/secret.h"
#include "imap/url.h"

enum { PASSWORD_MAX = 8 * 1024 };

enum password_of { PASSWORD_SOURCE, PASSWORD_DEST };
/* For the destination: --dest-password-file, --dest-password-command, IMEX_DEST_PASSWORD, and so on.
 * *ret_from names the way for people ("--password-file F", "IMEX_PASSWORD" ...); it is o->arena's.
 * Errors: ERR_CONFIG names the ways when there is none; ERR_NO_INPUT, ERR_DISK of a file;
 * ERR_INTERRUPTED at the prompt. */
int password_get(struct options *o, enum password_of which, const struct imap_url *url,
    struct secret **ret, const char **ret_from, struct err *err) WARN_UNUSED;
/* An access token that a file or a command gives is asked for again at each login but the first, as it lives for an
 * hour. */
struct password_again {
	enum password_of which;
	const char *file, *command; /* borrowed; both NULL: there is nothing to ask again */
	atomic_bool used;
};
/* Before password_get, and before errands_seal; 0 also where no token is used. */
int password_again_begin(struct password_again *p, const struct options *o, enum password_of which, struct err *err)
    WARN_UNUSED;
/* As token_again.get (imap/endpoint.h); arg: a struct password_again. */
int password_again(void *arg, struct cancel *stop, struct secret **ret, struct err *err) WARN_UNUSED;
/* Would one of the ways give a password, other than the list and a prompt? Runs no command. */
bool password_elsewhere(struct options *o, enum password_of which, const struct imap_url *url);
/* Would --password-file PATH give one? A file is read, what is none is left for when it is needed. Neither fault shows
 * the text: in a list it may be a password that stands in another column. */
int password_check_file(const char *path, struct err *err) WARN_UNUSED;
/* Is the program there, if the command begins with its path? Runs nothing. */
int password_check_command(const char *command, struct err *err) WARN_UNUSED;
/* One line on standard error when a file with passwords can be read by others. */
void password_warn_mode(const char *path);
/* The first line that /bin/sh -c COMMAND prints, at most PASSWORD_MAX bytes; its stderr is ours. When `hangup` ends,
 * or has something to read, the command is ended: ERR_INTERRUPTED. For errand.h, where commands are run. */
int password_run(const char *command, int hangup, struct secret **ret, struct err *err) WARN_UNUSED;
/* The first line of `text`, which is wiped; NULL when it is empty. */
struct secret *password_first_line(struct buf *text);

#endif
