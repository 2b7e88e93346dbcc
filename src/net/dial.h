/* From a host name to a connected socket or TLS session. Names are looked up in a thread that is
 * abandoned when the deadline or a cancel comes first. All addresses are tried in order, IPv6 and
 * IPv4 mixed. TCP_NODELAY and keepalive are set. Errors: ERR_NO_HOST, ERR_CONNECT, ERR_TIMEOUT,
 * ERR_INTERRUPTED, ERR_TLS; ERR_CUT when the peer goes away in the handshake; ERR_NO_INPUT,
 * ERR_MALFORMED, ERR_USAGE for a bad CA file, pin or port. */
#ifndef NET_DIAL_H
#define NET_DIAL_H

#include "base/digest.h"
#include "net/route.h"
#include "net/stream.h"

struct tls_trust {
	const char *ca_file; /* trusted instead of the system's; NULL: the system's */
	const char *pin; /* "sha256:" + hex or base64 of the SHA-256 of the SubjectPublicKeyInfo;
			  * NULL: none. A matching pin replaces the chain and name check. */
	bool insecure; /* accept anything: said in the report by the caller */
	bool dest; /* of a destination: its options are --dest-tls-ca and so on */
};

/* What stands between "--" and the rest of the name of an option of this end. */
const char *tls_option_of(const struct tls_trust *trust);

struct tls_facts {
	char version[16], cipher[64];
	char peer[256]; /* first DNS name, or the subject's common name; printable ASCII */
	char pin[7 + 65]; /* "sha256:" + hex of the key that was seen */
};

/* Octets of a pin as the user wrote it; ERR_USAGE tells the accepted forms. */
int tls_pin_parse(const char *pin, uint8_t ret[SHA256_LEN], struct err *err) WARN_UNUSED;

/* TCP only. timeout_ms bounds look-up and connect together. */
int dial_tcp(const char *host, const char *port, int64_t timeout_ms, struct cancel *stop,
    struct stream **ret, struct err *err) WARN_UNUSED;
/* The same by the user's wishes (NULL: none), which are borrowed. An error tells them, too. */
int dial_by(const struct route *by, const char *host, const char *port, int64_t timeout_ms,
    struct cancel *stop, struct stream **ret, struct err *err) WARN_UNUSED;
/* Handshake over a connected stream from dial_tcp; what was read ahead is dropped, its size in
 * *ret_dropped. Server name indication and name check use `host`. TLS 1.2 at least. Errors name the
 * certificate's fault (expired on ..., issued for ..., unknown issuer) and what to do (--tls-ca,
 * --tls-pin). */
int tls_start(struct stream *s, const char *host, const struct tls_trust *trust, int64_t timeout_ms,
    struct cancel *stop, size_t *ret_dropped, struct tls_facts *ret, struct err *err) WARN_UNUSED;

#endif
