/* The quota of an account: that of the root of INBOX whose storage is the least (RFC 9208, RFC 2087). */
#ifndef IMAP_QUOTA_H
#define IMAP_QUOTA_H

#include "imap/session.h"

enum { QUOTA_ROOT_MAX = 512, QUOTA_NAME_MAX = 32, QUOTA_OTHERS_MAX = 8 };

struct quota {
	uint64_t used, limit; /* octets; limit 0: none is told, and the rest is empty */
	char root[QUOTA_ROOT_MAX]; /* "" is a name like others */
	/* Limits of the root besides STORAGE, in the server's units. */
	struct quota_other {
		char name[QUOTA_NAME_MAX];
		uint64_t limit;
	} other[QUOTA_OTHERS_MAX];
	size_t n_others;
	bool partial; /* something did not fit in here: it cannot be set without a loss */
};

/* Of a server without QUOTA: limit 0. A refusal too. */
int quota_get(struct sess *s, struct quota *ret, struct err *err) WARN_UNUSED;
/* May SETQUOTA be sent? Servers of RFC 9208 say so; older ones refuse it where it is not allowed. */
bool quota_may_set(const struct caps *c);
/* Give the root of `q` that limit; its others stay, which SETQUOTA would discard (RFC 9208 4.1.3). The
 * answer is s->last and s->reply: 0 also for NO and BAD. */
int quota_set(struct sess *s, const struct quota *q, uint64_t limit, struct err *err) WARN_UNUSED;

#endif
