/* DEST and its options made into what the engine needs: an endpoint with its password, and the rules
 * by which folders get their names. */
#ifndef APP_JOB_DESTINATION_H
#define APP_JOB_DESTINATION_H

#include "app/cli/options.h"
#include "engine/job.h"
#include "imap/url.h"
#include "state/state.h"

struct destination {
	struct arena arena;
	struct imap_url url;
	struct secret *password;
	struct password_again *again;
	const char *password_from;	/* for people */
	const char *account;		/* user@host, and :port when it is not the usual one */
	struct dest dest;		/* borrows from the above and the options */
	bool insecure;			/* --dest-insecure-tls is in force */
};

/* Parse DEST and the rules, find the password, which may prompt or run a command. ERR_USAGE: a --map
 * without '='. */
int destination_open(struct destination *d, struct options *o, const char *dest,
    struct err *err) WARN_UNUSED;
/* Is this an error of the destination, not of the source? The engine says so in its text. */
bool destination_failed(const struct err *err);
void destination_done(struct destination *d);	/* also of one that was only zeroed */
/* The same login on the same server, as far as the URLs tell? */
bool destination_is(const struct destination *d, const struct imap_url *source);
/* The DEST of the job in `dir` as destined.h has it, in o->arena; NULL: no job that goes to a server. */
int destination_of_job(struct options *o, const char *dir, const char **ret,
    struct err *err) WARN_UNUSED;
/* Is it a DEST as people may write it? So that a slip is told before anything else is asked. */
int destination_check(struct options *o, const char *dest, struct err *err) WARN_UNUSED;
/* DEST of one account: "%u" stands for its login where many accounts go, each to its own. */
const char *destination_url(const char *dest, const char *login, struct arena *a);
/* The account that this is, for people: user@host, and :port when it is not the usual one. */
const char *destination_name(const char *dest, const char *login, struct arena *a);
/* Is there mail to be read? ERR_NO_INPUT: the job in `dir` goes to a server. */
int destination_holds_mail(struct options *o, const char *dir, struct err *err) WARN_UNUSED;
/* Where an import of a job directory keeps its own: DIR/import/ACCOUNT, in the arena. */
int destination_import_dir(struct arena *a, const char *dir, const char *dest, const char **ret,
    struct err *err) WARN_UNUSED;
/* -1, ERR_OTHER_JOB: the job has gone to `was` so far. */
int destination_differs(const char *was, const char *now, struct err *err) WARN_UNUSED;

#endif
