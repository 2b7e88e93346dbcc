/* One message's metadata, and a page of them. Verdicts and their meaning: rules.md 1.7. */
#ifndef MAIL_MSG_H
#define MAIL_MSG_H

#include "base/arena.h"
#include "base/digest.h"
#include "mail/date.h"
#include "mail/flags.h"
#include "mail/head.h"

enum verdict {
	VERDICT_NONE,		/* listed, nothing decided yet */
	VERDICT_STORED, VERDICT_EXCLUDED, VERDICT_GONE, VERDICT_PHANTOM,	/* good */
	VERDICT_RECONSTRUCTED, VERDICT_HEADER_ONLY, VERDICT_PLACEHOLDER, VERDICT_REFUSED, VERDICT_FAILED,
	VERDICTS
};

const char *verdict_name(enum verdict v);	/* "header-only" */
bool verdict_good(enum verdict v);		/* false for VERDICT_NONE */
bool verdict_has_file(enum verdict v);		/* stored, reconstructed, header-only, placeholder */

enum { UNTOLD_FLAGS = 1, UNTOLD_DATE = 2, UNTOLD_SIZE = 4, UNTOLD_WHOSE = 8 /* two lines claim it */ };

struct msg {
	uint32_t uid;
	bool size_known;
	uint64_t size;		/* RFC822.SIZE as stated */
	struct date date;
	const char *raw_date;	/* as the server wrote it, NULL when date_format gives the same; arena */
	struct flags flags;
	uint64_t modseq;	/* 0: unknown */
	uint64_t gm_msgid, gm_thrid;	/* Gmail's (X-GM-MSGID, X-GM-THRID): one message has one msgid in every
					 * folder of an account; 0: not told */
	/* what became of it */
	enum verdict verdict;
	const char *reason;	/* words, NULL for a plain stored; arena */
	uint64_t wire_bytes;	/* octets of the body as it came */
	uint64_t file_bytes;	/* octets in the stored form; differs from wire_bytes when line ends are LF */
	uint8_t sha256[SHA256_LEN];	/* of the wire bytes */
	uint8_t head[HEAD_LEN];	/* of their header (mail/head.h) */
	bool head_known;
	uint32_t dest_uid;	/* of the copy on the server it went to; 0: none, or not known */
	bool dest_own;		/* imex put that copy there; false: it was found there */
	bool expunged;		/* was stored, is no longer on the source */
	bool rebuilt;		/* put together by a source that keeps pieces only; of this run, not in
				 * the state */
	uint8_t untold;		/* UNTOLD_*: what the listing should have told and did not; of this run, not in
				 * the state */
	uint32_t seq;		/* its number in that line; 0: none */
	bool again;		/* its copy was lost (msg_lost): what lies in its place is kept; of this
				 * run, not in the state */
};

/* It was stored, and its copy was found to be gone or another (verify): the verdict is failed, and the
 * digest is still that of what was stored. */
bool msg_lost(const struct msg *m);

enum { PAGE_MSGS = 2048 };

/* Up to PAGE_MSGS messages in ascending UID order; text in the arena lives as long as the page. */
struct msg_page {
	struct msg msg[PAGE_MSGS];
	size_t len;
	struct arena arena;
};

struct msg_page *msg_page_new(void);	/* arena limit 8 MiB; msg[] is as the allocator gave it */
void msg_page_free(struct msg_page *p);
void msg_page_reset(struct msg_page *p);
void msg_page_swap(struct msg_page *a, struct msg_page *b);	/* moves no more than they hold */
/* Copy with texts into `a`; false: arena limit. */
/* What the server says of `m` itself, not of its octets, goes over to a record of the same octets; flags do not. */
void msg_take_place(struct msg *stored, const struct msg *m);
bool msg_copy(const struct msg *from, struct arena *a, struct msg *ret);

#endif
