/* Programs that print passwords are started by a process of its own, forked before anything else: so the process
 * that hears servers can give up to start programs, and a program gets files, signals and limits as imex got them.
 * Of that process only those are had that were named before the first server was heard. */
#ifndef APP_USERS_ERRAND_H
#define APP_USERS_ERRAND_H

#include "app/users/password.h"
#include "base/cancel.h"

enum { COMMAND_MAX = 64 * 1024 };

/* Before the first thread, and once. Without it errand_run begins it. */
int errands_open(struct err *err) WARN_UNUSED;
/* This command may be run later, too; NULL: nothing. */
int errands_allow(const char *command, struct err *err) WARN_UNUSED;
/* From here on no other ones. */
int errands_seal(struct err *err) WARN_UNUSED;
/* Its end takes along what it still runs. */
void errands_close(void);

/* As password_run. ERR_INTERRUPTED: `stop` (NULL: none) was raised; the command is ended, with all that it
 * started if there is no terminal whose Ctrl-C would reach them. From any thread. */
int errand_run(const char *command, struct cancel *stop, struct secret **ret, struct err *err) WARN_UNUSED;

/* The other side, for errand.c: serve until `fd` ends. */
_Noreturn void errands_serve(int fd);

/* What goes between the two: a head and so many octets of text. Both are of one program, so that another version is
 * a fault and ends the talk. */
enum { ERRAND_VERSION = 1 };
enum errand_what {
	ERRAND_ALLOW,	/* a command; no answer */
	ERRAND_SEAL,	/* no answer */
	ERRAND_RUN,	/* a command, and a socket for the answer, whose end ends the command */
	ERRAND_ANSWER	/* `kind` of an error and its text, or ERR_NONE and the password */
};
struct errand_head {
	uint16_t version, what;
	uint32_t kind, len;
};
enum { ERRAND_ANSWER_MAX = PASSWORD_MAX };
_Static_assert((int)ERR_TEXT_MAX <= (int)ERRAND_ANSWER_MAX, "an answer holds the text of an error");

/* All octets, or false. */
bool errand_put(int fd, const void *data, size_t len);
bool errand_get(int fd, void *data, size_t len);

#endif
