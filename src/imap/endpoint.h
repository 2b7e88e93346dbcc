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

struct endpoint {
	const char *account; /* as people know it: the login; for events */
	const char *login, *host, *port;
	const char *known_host, *known_port; /* the job's name of it, where it has moved since; NULL: host, port */
	struct route by; /* how host and port are reached */
	enum tls_mode tls;
	struct tls_trust trust;
	const struct secret *secret;
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
