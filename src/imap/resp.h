/* One server response (RFC 3501 section 7, RFC 4731, 7162, 5819, 3348, 6154,
 * 4314, 5464), read from the stream
 * as far as the next message body: a body literal is announced, the caller reads its octets from
 * the stream and asks for the rest with resp_more. Everything else is in the arena, which is reset
 * by the next resp_read. */
#ifndef IMAP_RESP_H
#define IMAP_RESP_H

#include "imap/lex.h"
#include "imap/structure.h"
#include "imap/uidset.h"
#include "mail/folder.h"
#include "mail/msg.h"

enum { RESP_INLINE_MAX = LEX_STRING_MAX };

enum resp_kind {
	RESP_CONTINUE, /* "+" */
	RESP_TAGGED,
	RESP_STATUS, /* untagged OK NO BAD BYE PREAUTH */
	RESP_CAPABILITY,
	RESP_ENABLED,
	RESP_ID,
	RESP_NAMESPACE,
	RESP_LIST,
	RESP_LSUB,
	RESP_MAILBOX, /* of FIND (RFC 1176): the name alone */
	RESP_COUNTS, /* COUNTS: the STATUS data response */
	RESP_FLAGS,
	RESP_SEARCH,
	RESP_EXISTS,
	RESP_RECENT,
	RESP_EXPUNGE,
	RESP_VANISHED,
	RESP_FETCH,
	RESP_QUOTA, /* of one root: quota_used, quota_limit */
	RESP_ACL, /* pairs: identifier, rights */
	RESP_MYRIGHTS, /* one pair: "", rights */
	RESP_METADATA, /* pairs: entry, value */
	RESP_OTHER, /* well-formed, of no interest */
	RESP_GARBAGE /* could not be parsed; skipped to its end, see resp->garbage */
};

enum resp_state { STATE_OK, STATE_NO, STATE_BAD, STATE_BYE, STATE_PREAUTH };

enum resp_code {
	CODE_NONE,
	CODE_OTHER,
	CODE_ALERT,
	CODE_CAPABILITY,
	CODE_READ_ONLY,
	CODE_READ_WRITE,
	CODE_UIDNEXT,
	CODE_UIDVALIDITY,
	CODE_HIGHESTMODSEQ,
	CODE_NOMODSEQ,
	CODE_CLOSED,
	CODE_UNAVAILABLE,
	CODE_LIMIT,
	CODE_THROTTLED,
	CODE_OVERQUOTA,
	CODE_INUSE,
	CODE_AUTHENTICATIONFAILED,
	CODE_AUTHORIZATIONFAILED,
	CODE_EXPIRED,
	CODE_PRIVACYREQUIRED,
	CODE_NONEXISTENT,
	CODE_NOPERM,
	CODE_SERVERBUG,
	CODE_CLIENTBUG,
	CODE_CONTACTADMIN,
	CODE_TRYCREATE,
	CODE_APPENDUID,
	CODE_TOOBIG,
	CODE_ALREADYEXISTS,
	CODE_PERMANENTFLAGS,
	CODE_NOTIFICATIONOVERFLOW,
	CODE_MESSAGELIMIT, /* code_num: the lowest UID that the command got to (RFC 9738 3.1) */
	CODE_MAILBOXID /* code_text: the id, checked */
};

enum body_part { PART_WHOLE, PART_HEADER, PART_TEXT, PART_OTHER };
enum body_form { BODY_NONE, BODY_NIL, BODY_INLINE, BODY_LITERAL };

struct fetch_data {
	uint32_t seq, uid; /* uid 0: not (yet) given */
	bool has_flags, has_size, has_date;
	struct flags flags; /* labels: of Gmail, also without has_flags */
	bool recent;
	uint64_t size, modseq;
	uint64_t gm_msgid, gm_thrid; /* 0: not given */
	struct date date;
	const char *raw_date;
	const struct structure *structure; /* NULL: none was given that could be read */
	/* the body item just reached */
	enum body_form body;
	enum body_part part;
	struct slice section; /* "1.2.MIME"; empty for the whole, and for RFC822 */
	bool has_origin; /* BODY[]<n>: a slice */
	uint64_t origin, octets; /* octets: of the literal */
	struct slice text; /* BODY_INLINE */
};

struct ns_entry {
	enum folder_attr kind; /* 0: personal */
	struct slice prefix;
	char delim;
	struct ns_entry *next;
};

/* Of ACL, MYRIGHTS and METADATA; a value that is NIL has data NULL. Of QUOTA: resources and limits in decimal
 * digits; the root is the folder's name. */
struct pair {
	struct slice name, value;
	struct pair *next;
};

struct resp {
	enum resp_kind kind;
	uint32_t tag; /* RESP_TAGGED */
	enum resp_state state; /* RESP_TAGGED, RESP_STATUS */
	enum resp_code code;
	struct slice code_text; /* what follows the code's name */
	uint64_t code_num;
	struct slice text; /* human text */
	uint32_t number; /* EXISTS, RECENT, EXPUNGE */
	struct slice *word; /* CAPABILITY, ENABLED; ID: key, value, ... */
	size_t words;
	struct folder folder; /* LIST, LSUB, COUNTS (name and counts); ACL, MYRIGHTS, METADATA (name) */
	bool has_uidset; /* SEARCH, VANISHED: members are in the reader's set */
	bool vanished_earlier;
	struct ns_entry *ns;
	uint64_t quota_used, quota_limit; /* RESP_QUOTA: octets of storage; limit 0: not told */
	struct pair *pair, **pair_end;
	size_t pairs;
	struct fetch_data fetch;
	const char *garbage; /* why it could not be parsed; the octets are reader_tape */
	bool more; /* a FETCH is open: read the body, then resp_more */
};

struct reader {
	struct lex lex;
	struct arena arena;
	struct uidset set; /* members of the last SEARCH, ESEARCH or VANISHED */
	uint32_t search_tag; /* ESEARCH correlator, 0: none */
};

void reader_init(struct reader *r, struct stream *in);
void reader_done(struct reader *r);
void reader_set_stream(struct reader *r, struct stream *in);
/* -1 only for what the stream says; a response that does not parse is RESP_GARBAGE, after it was
 * skipped. */
int resp_read(struct reader *r, struct resp *ret, struct err *err) WARN_UNUSED;
/* Go on after a body item. A response that breaks off here becomes RESP_GARBAGE with the fetch data
 * so far. */
int resp_more(struct reader *r, struct resp *io, struct err *err) WARN_UNUSED;
/* Some servers count milliseconds and send more than 32 bits (quirks row 47): both halves count,
 * never 0. */
uint32_t uidvalidity_fold(uint64_t v);
/* Is it an id as RFC 8474 has them: up to MAILBOX_ID_MAX of A-Z a-z 0-9 _ -? */
bool objectid_valid(struct slice text);
/* The octets of the response, bodies left out, at most LEX_TAPE_MAX. */
struct slice reader_tape(struct reader *r);
uint64_t reader_octets(struct reader *r); /* all of the response without its line end and literals */
const char *resp_state_name(enum resp_state s);

#endif
