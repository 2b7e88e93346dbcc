/* Where messages come from. One struct of functions per kind, one thread. Calls, in this order:
 * open, folders, then per folder enter, number, changes*, (list, ask)*, (next, read*)*, settle, leave,
 * or else visit, ask*, (next, read*)*; close.
 *
 * To keep the wire busy the engine asks for page n + 1 before it reads the answers to page n: next
 * ends with STEP_END once per ask, in the order of the asks. ask(NULL) comes last and gives
 * everything that was put aside (refused, short, cut) one message at a time. */
#ifndef STORE_SOURCE_H
#define STORE_SOURCE_H

#include "imap/ahead.h"
#include "imap/debt.h"
#include "imap/extras.h"
#include "imap/notes.h"
#include "imap/session.h"
#include "imap/uidset.h"
#include "mail/folder.h"
#include "mail/msg.h"
#include "state/state.h"

enum source_trait { SOURCE_UIDS = 1, SOURCE_LIVE = 2, SOURCE_REBUILDS = 4 };

enum step {
	STEP_ERR = -1,
	STEP_ITEM, /* a message: its body follows through read, or it has a verdict already */
	STEP_OWE, /* the next commands may set \Seen on messages asked for: commit the debt, then
		     call next again */
	STEP_END
};

struct source_place {
	const struct endpoint *server;
	struct sess_ahead *ahead; /* the first session, on its way already; NULL: none */
	bool no_source_writes;
	bool reads_seen; /* all the same, forms that set \Seen are for messages that have it */
	const char *search; /* a key without fault (imap/search.h): what is not found is left out; NULL:
			       all */
	bool narrow; /* a connection was lost: messages are asked for one by one at first, so that it is seen at which */
	bool sizeless; /* connections ended while a folder was listed: in the first that is entered no sizes are
			  asked for */
	bool sizeless_told;
	bool again; /* folders will be entered with `since` */
	const struct folder_rec *known; /* folders of the last run: those not listed now are asked for */
	size_t n_known;
	bool sizes; /* `folders` tells those of folders where that costs no round trip */
	struct server_facts facts; /* what earlier sessions learnt */
	const struct shelf_place *shelf; /* files; NULL: a server */
};

struct want {
	uint32_t uid;
	bool size_known;
	bool isolated; /* the connection ended at it before: alone, at the end, in slices */
	uint64_t size;
};

struct header {
	uint32_t uid;
	bool known;
	uint8_t head[HEAD_LEN]; /* mail/head.h */
};

/* One answer of next. */
struct offer {
	uint32_t uid;
	enum verdict verdict; /* VERDICT_NONE: read the body; when whole it is `good`. Else nothing
				 to read */
	enum verdict good; /* stored, reconstructed, header-only or placeholder */
	bool has_meta; /* msg holds fresh metadata (messages put aside, STEP_OWE of one) */
	struct msg msg; /* texts valid until the next call */
	const char *reason; /* words; NULL. Of a reconstructed message complete when its body has been read */
	const char *command, *reply; /* the last command for it, and the raw answer; NULL: none */
	uint64_t reply_bytes; /* of all of the answer */
	bool refused; /* the answer is an error */
	struct slice header; /* of a message that is lost, when the server gave one */
	uint64_t octets; /* that read will give; 0: not known before the end */
	const uint8_t *sha256; /* of the octets to come, when they are known; else NULL */
	bool rebuilt; /* from a source that keeps pieces only: not the octets of the original */
};

/* What an earlier run knows of a folder: all messages below uidnext, with the flags that modseq
 * covers (RFC 7162). */
struct since {
	uint32_t uidvalidity, uidnext;
	uint64_t modseq;
};

/* What became of the messages below since->uidnext; complete when `changes` has ended. */
struct changed {
	const struct uidset *present; /* UIDs in the folder, new ones too */
	const struct uidset *vanished; /* told as expunged: all that are, and perhaps more; NULL: not told */
	bool refused; /* the server did not answer, or not so that it could be understood */
};

struct source;

struct source_ops {
	const char *name;
	unsigned traits;
	int (*open)(struct source **ret, const struct source_place *at, struct cancel *stop,
	    struct err *err);
	int (*folders)(struct source *s, struct arena *a, struct folder_list *ret, struct err *err);
	/* Fill in the ids that a server keeps for these folders whatever they are called, with texts in
	 * `a`; NULL where there is none. While no folder is open. NULL: there are no ids. */
	int (*ids)(struct source *s, struct folder *const *folder, size_t n, struct arena *a,
	    struct err *err);
	/* Open a folder read-only; asks for the first pages of the listing already. ERR_FOLDER: it
	 * cannot be opened. With `since` (NULL: nothing is known), and if the server can tell what
	 * has changed, ret->since is set: `changes` tells that, and `list` begins at since->uidnext. */
	int (*enter)(struct source *s, const struct folder *f, const struct since *since,
	    struct folder_head *ret, struct err *err);
	/* Open a folder, whose listing another session has, for ask, next and read alone: nothing is listed,
	 * settled, left, or asked for again. What was under way is dropped. ERR_FOLDER: it cannot be opened,
	 * has another UIDVALIDITY, or the server cannot tell which UIDs it has. NULL: not possible. */
	int (*visit)(struct source *s, const struct folder *f, uint32_t uidvalidity, struct err *err);
	/* Has the server no UIDs? Then `number` comes between enter and the first list, and again when
	 * settle says that there is more: messages get the UIDs that *io knows, or new ones, which the
	 * caller makes durable before it lists. NULL: it has. */
	bool (*numbered)(const struct source *s);
	int (*number)(struct source *s, struct numbering *io, struct err *err);
	/* Messages below since->uidnext whose flags may have changed, in any order, each once, with
	 * nothing but UID, flags and modseq; len 0: no more, *what is complete and lives until
	 * leave. NULL: this source never sets ret->since. */
	int (*changes)(struct source *s, struct msg_page *ret, struct changed *what, struct err *err);
	/* List everything, from the first page on: what changes told is not to be believed, or the
	 * listing was read to its end for `heads` or `digests`. Nothing that was asked for is unread. */
	int (*relist)(struct source *s, struct err *err);
	/* Digests of the headers of n messages (ascending UIDs), in one flight and without a trace; of
	 * one that does not come it is not known. Behind the end of the listing. NULL: a source that
	 * has no UIDVALIDITY. */
	int (*heads)(struct source *s, struct header *io, size_t n, struct err *err);
	/* The same with the first octets of the SHA-256 of whole messages, each of which is read: of a source
	 * for which that costs little, and whose sizes and dates are not known or not to be relied on. */
	int (*digests)(struct source *s, struct header *io, size_t n, struct err *err);
	/* Why the search of the place leaves a listed message out; NULL: it does not. NULL: a source
	 * that cannot search. */
	const char *(*leaves_out)(const struct source *s, uint32_t uid);
	/* The header, or some fields of it, of a message that cannot be read, without a trace; lent until the next
	 * call, nothing in it: it cannot be had. With nothing unread. NULL: a source of files. */
	int (*lost_header)(struct source *s, uint32_t uid, struct slice *ret, struct err *err);
	/* Next page of metadata, ascending UIDs; len 0: no more. */
	int (*list)(struct source *s, struct msg_page *ret, struct err *err);
	/* Queue bodies; never waits. Takes a copy of want. */
	int (*ask)(struct source *s, const struct want *want, size_t n, struct err *err);
	int (*ask_rest)(struct source *s, struct err *err);
	enum step (*next)(struct source *s, struct offer *ret, struct err *err);
	/* Borrowed bytes; len 0: whole, the UID agreed. ERR_MESSAGE: not to be used; it is offered
	 * again later. */
	int (*read)(struct source *s, struct slice *ret, struct err *err);
	/* Has mail arrived since enter? If so list gives another page. At most twice a folder. */
	int (*settle)(struct source *s, bool *ret_more, struct err *err);
	int (*leave)(struct source *s, struct folder_proof *ret, struct err *err);
	/* Put back flags that reading has changed; items and no_examine of d are the source's to fill. */
	int (*pay)(
	    struct source *s, const struct debt *d, struct debt_result *ret, struct err *err);
	/* Octets of the account's quota; *ret_limit 0: none is told. NULL likewise. */
	int (*quota)(struct source *s, uint64_t *ret_used, uint64_t *ret_limit, struct err *err);
	/* Access rights and annotations (enum extra) that the server has, and those of a folder, or
	 * with f NULL of the server itself; outside of enter and leave. NULL: a source that has none. */
	unsigned (*extras_offered)(const struct source *s);
	int (*extras)(struct source *s, const struct folder *f, unsigned what, struct arena *a,
	    struct extras *ret, struct err *err);
	struct notes *(*notes)(struct source *s); /* NULL: none */
	const struct server_facts *(*facts)(struct source *s); /* as learnt by now */
	int64_t (*rtt_us)(const struct source *s); /* one round trip, as measured; 0: unknown */
	/* Something else was waited for: a connection that has been quiet for long is spoken to. NULL: there is none */
	int (*keep)(struct source *s, struct err *err);
	uint32_t (*reading)(
	    const struct source *s); /* UID whose body is under way or due, 0: none */
	bool (*listing)(const struct source *s); /* is a listing under way or due? NULL: no matter */
	void (*close)(struct source **s);
};

extern const struct source_ops source_imap, source_files;

#endif
