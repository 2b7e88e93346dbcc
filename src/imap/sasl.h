/* AUTHENTICATE (RFC 3501 6.2.2, RFC 4959): mechanisms, and the exchange of lines. Secrets go to the stream directly and
 * never through a format. */
#ifndef IMAP_SASL_H
#define IMAP_SASL_H

#include "imap/session.h"

enum sasl_mech {
	SASL_PLAIN, /* RFC 4616 */
	SASL_LOGIN, /* never written down; as PLAIN in two lines */
	SASL_CRAM_MD5, /* RFC 2195 */
	SASL_DIGEST_MD5, /* RFC 2831 */
	SASL_SCRAM_SHA_1, /* RFC 5802 */
	SASL_SCRAM_SHA_256, /* RFC 7677 */
	SASL_XOAUTH2, /* of Google and Microsoft: an access token */
	SASL_OAUTHBEARER, /* RFC 7628: the same */
	SASL_MECHS
};
enum { SASL_SECRET_MAX = 8192, SASL_TOLD_MAX = 300 };

struct sasl_facts {
	const char *name; /* "SCRAM-SHA-256" */
	enum cap cap;
	bool token; /* wants an access token in place of a password */
	bool for_others; /* somebody can log in for another user */
	bool proves; /* the server must show that it knows the password, too */
};

const struct sasl_facts *sasl_facts(enum sasl_mech m);
/* One attempt; 0: the answer is in s->last, good or not. *told: what the server says of a token that it refuses, for
 * people; the caller's, empty at first. ERR_LOGIN: the exchange cannot be gone on with, or a server that says OK has
 * not shown that it knows the password. */
int sasl_run(struct sess *s, enum sasl_mech m, struct buf *told, struct err *err) WARN_UNUSED;

/* Wait for "+", *ret_go, or for the tagged answer, which is in s->last. */
int sasl_wait(struct sess *s, uint32_t tag, bool *ret_go, struct err *err) WARN_UNUSED;
/* Wait for the tagged answer; a "+" where none belongs is answered with "*", which ends the exchange. */
int sasl_wait_tagged(struct sess *s, uint32_t tag, struct err *err) WARN_UNUSED;

#endif
