/* Where a session goes and how it is protected. All pointers are borrowed and outlive the sessions.
 */
#ifndef IMAP_ENDPOINT_H
#define IMAP_ENDPOINT_H

#include "base/secret.h"
#include "net/dial.h"

enum tls_mode {
	TLS_FROM_START, /* imaps */
	TLS_STARTTLS, /* imap: required */
	TLS_NONE /* imap with --insecure-plaintext: nothing is encrypted, as the user asked */
};

/* How to log in. AUTO: with the password, the first way that the server offers of PLAIN, the command LOGIN, and those
 * that hide the password. */
enum auth {
	AUTH_AUTO,
	AUTH_PLAIN,
	AUTH_LOGIN, /* the command, or AUTHENTICATE LOGIN where that is disabled */
	AUTH_CRAM_MD5,
	AUTH_DIGEST_MD5,
	AUTH_SCRAM_SHA_1,
	AUTH_SCRAM_SHA_256,
	AUTH_SCRAM, /* the best of the two */
	AUTH_XOAUTH2,
	AUTH_OAUTHBEARER,
	AUTH_OAUTH /* any of the two: the secret is an access token */
};

static inline bool
auth_is_token(enum auth a)
{
	return a >= AUTH_XOAUTH2;
}

/* Tokens live for an hour: a new one for a login. *ret NULL: the one at hand is new enough. From any thread. */
struct token_again {
	int (*get)(void *arg, struct cancel *stop, struct secret **ret, struct err *err);
	void *arg;
};

struct endpoint {
	const char *account; /* as people know it: the login; for events */
	const char *login, *host, *port;
	const char *known_host, *known_port; /* the job's name of it, where it has moved since; NULL: host, port */
	struct route by; /* how host and port are reached */
	enum tls_mode tls;
	struct tls_trust trust;
	enum auth auth;
	const char *admin; /* who logs in for `login`, with the secret of its own; NULL: nobody */
	const struct secret *secret;
	struct token_again again; /* get NULL: `secret` is all there is */
	bool compress; /* where it is offered (RFC 4978) */
	bool needs_uids; /* a destination: one without UIDs is refused (ERR_NOT_IMAP) */
	bool see_it_closed; /* at the end wait until the server has closed, too: so long it counts there */
	int64_t timeout_ms; /* no byte for so long: ERR_TIMEOUT; also for connect */
};

static inline const char *
endpoint_known_host(const struct endpoint *e)
{
	return e->known_host != NULL ? e->known_host : e->host;
}

static inline const char *
endpoint_known_port(const struct endpoint *e)
{
	return e->known_port != NULL ? e->known_port : e->port;
}

#endif
