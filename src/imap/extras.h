/* What folders have beside messages: access rights (ACL, RFC 4314) and annotations (METADATA, RFC
 * 5464). Reading changes nothing; a refusal is a note of the session, not an error. */
#ifndef IMAP_EXTRAS_H
#define IMAP_EXTRAS_H

#include "imap/rights.h"
#include "imap/session.h"

enum extra {
	EXTRA_ACL = 1,
	EXTRA_METADATA = 2, /* of folders, or of the server where the folder's name is empty */
	EXTRA_SERVER = 4,   /* the server's own annotations can be had */
	EXTRA_QUOTA = 8	    /* of the account (imap/quota.h) */
};

/* Of one folder. */
struct extras {
	unsigned have; /* enum extra: what was asked for and could be read */
	struct pair *acl, *metadata;
	struct rights_side rights; /* of the server they come from */
	const char *login; /* whose session it was */
};
enum { EXTRAS_MAX = 8 * 1024 * 1024 }; /* octets of one folder's; a limit for the arena */

unsigned extras_offered(const struct caps *c); /* enum extra */
/* Texts are in `a`. What the server itself keeps (sizes, times, the special use, which goes with the
 * folder) is left out of the annotations, and so are entries without a value. */
int extras_get(struct sess *s, struct slice folder, unsigned what, struct arena *a,
    struct extras *ret, struct err *err) WARN_UNUSED;
int extras_my_rights(struct sess *s, struct slice folder, uint32_t *ret, struct err *err) WARN_UNUSED;
/* sign: '+' or '-'. The answer is s->last and s->reply: 0 also for NO and BAD. */
int extras_set_acl(struct sess *s, struct slice folder, struct slice who, char sign,
    uint32_t rights, struct err *err) WARN_UNUSED;
int extras_set_metadata(struct sess *s, struct slice folder, struct slice entry,
    struct slice value, struct err *err) WARN_UNUSED;

#endif
