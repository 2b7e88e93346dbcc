/* SOURCE and the options made into what the engine needs: an endpoint with its password, and a
 * selection. */
#ifndef APP_JOB_ORIGIN_H
#define APP_JOB_ORIGIN_H

#include "app/cli/options.h"
#include "app/users/password.h"
#include "engine/job.h"
#include "imap/url.h"

struct origin {
	struct arena arena;
	struct imap_url url;
	const char *host, *port;	/* where its server is: those of the URL, or of --source-host */
	struct secret *password;
	struct password_again *again;
	const char *password_from;	/* for people: "--password-file" */
	const char *account;		/* user@host, and :port when it is not the usual one */
};

/* Parse SOURCE and find the password, which may prompt or run a command. */
int origin_open(
    struct origin *g, struct options *o, const char *source, struct err *err) WARN_UNUSED;
/* Puts what --source-host says in place of the host, and of the port if it names one. */
void origin_place(const struct options *o, bool tls, struct arena *a, const char **io_host, const char **io_port);
void origin_done(struct origin *g);
/* Fills source, selection and what comes from options alone; all borrowed. */
void origin_job(const struct origin *g, const struct options *o, struct job *ret);
/* What comes from options alone, for a source that is no server: selection and writing; borrowed. */
void origin_options(const struct options *o, struct job *ret);
/* Do the options say which folders are meant? Of those that the job keeps: ask before they are applied. */
bool origin_folders_said(const struct options *o);
/* Is that SOURCE the account "anna", "anna@host" or "anna@host:port"? */
bool origin_is(const char *source, const char *account);
/* True when both URLs name the same login on the same server. */
bool origin_same(const struct imap_url *a, const char *login, const char *host, const char *port);

#endif
