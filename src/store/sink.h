/* Where messages go. One struct of functions per kind. One thread; what seal gives away belongs to
 * the keeper. A sink knows nothing of the engine and is usable alone. Per message: begin, write*,
 * then end or abandon.
 *
 * Everything that another program could see (final names, flags, index files, sidecar lines)
 * happens in the sync of the batch that seal gave away, in the order of the calls; before that only
 * tmp/ is written to. A sync that fails puts the names and the sidecar back, so that an error in
 * the middle leaves what the last commit left; kill and power loss are what `unclean` is for. */
#ifndef STORE_SINK_H
#define STORE_SINK_H

#include <stdatomic.h>

#include "base/cancel.h"
#include "base/err.h"
#include "base/slice.h"
#include "base/spool.h"
#include "imap/extras.h"
#include "imap/notes.h"
#include "imap/uidset.h"
#include "mail/folder.h"
#include "mail/mapping.h"
#include "mail/msg.h"
#include "state/state.h"
#include "store/loss.h"

enum sink_trait {
	SINK_NEEDS_SIZE = 1,	/* begin needs the exact number of octets */
	SINK_ONE_WRITER = 2,	/* one thread an account */
	SINK_INTENT = 4,	/* wants intents journalled before a message is begun */
	SINK_AMENDS = 8,	/* can change flags of a stored message */
	SINK_REMOVES = 16,
	SINK_SHARES = 32,	/* adopt takes copies of other folders too */
	SINK_ENDS_WITH_ROWS = 64	/* finish may go into the batch that has the folder's last rows */
};

struct dest_place;

struct sink_place {
	const char *dir;	/* mail/ACCOUNT, absolute or relative to the working directory */
	const struct dest_place *dest;	/* a server; NULL: files */
	bool keep_crlf;		/* --eol=crlf */
	bool dir_made;		/* by whoever opens the sink; the first barrier makes it last */
	bool unclean;		/* the last run was killed: set aside what has no committed row */
	bool restored;		/* the state is a backup that was put back: the files may have gone on since.
				 * Then unclean is set, too, and rows are there of what the sidecars tell */
	int batch_files;	/* open files a batch may hold, from the descriptor limit; 0: the
				 * sink's own limit */
	bool each_file;		/* fsync every file, also where one syncfs would do */
	/* mbox, eml and the sidecars of exchange */
	bool windows_names;	/* directory names that are legal on Windows, no twins by case */
	bool mbox_status;	/* Status, X-Status and X-Keywords headers */
	const struct exchange_place *exchange;	/* NULL: another format */
	/* Records of the account when the run began: marks that are an account's, not a folder's. */
	const struct folder_rec *known;
	size_t n_known;
};

/* What an exchange set needs to know, fixed by the state so that a resumed run writes the same
 * octets (rules.md 3.8). */
struct exchange_place {
	const char *dir;	/* mail/, where the set lies */
	unsigned number;	/* of this account's files: 0000000N.PRI */
	bool later;		/* a set that is closed has files of the account */
	const char *login, *host, *smtp_address;
	unsigned codepage;
	const char *zone;	/* name of the process's time zone, for the comment line */
	int64_t time;		/* of the comment line, seconds since 1970 */
	bool full_source;
	bool drafts_by_flag;	/* Unsent is \Draft alone, not the Drafts folder too (EM-05) */
	uint64_t sec_max;	/* a new .SEC from so many octets on; 0: 1 GiB */
};

/* Where a server is the sink: borrowed, outlives it. */
struct dest_place {
	const struct endpoint *server;
	const struct mapping_rules *rules;
	const char *spool_dir;	/* large messages that must be whole before they are sent */
	const char *quarantine;	/* DIR/quarantine/ACCOUNT, made when needed */
	bool guess_prefix;	/* the names come from files, which keep no NAMESPACE */
	int64_t doubt_wait_ms;		/* what may be there unseen is not sent again before */
	atomic_bool *labels_refused;	/* shared by all sinks of the place: it refuses labels of Gmail */
};

struct sink;

/* A folder opened in a sink; owned by the sink, valid until its close. */
struct folder_at;

/* What is worth a warning about a folder; counted since the sink was opened. */
struct folder_notes {
	/* Another program changed a file that imex appends to: what, and what was done; NULL:
	 * nothing. Lives as long as the folder_at. EV_FOREIGN_CHANGE */
	const char *changed;
	/* Messages with a keyword that the format cannot hold, in the sidecar only.
	 * EV_KEYWORDS_LEFT */
	uint64_t keywords_left;
	char keyword[64];	/* the first of those keywords, may be cut; "" */
	const struct loss_book *losses;	/* NULL: the format keeps none; lives as the folder_at */
};

/* Rows of the state for the one who asks, so that a sink needs no state handle: returns 0 and
 * page->len 0 at the end. */
struct row_feed {
	int (*next)(void *arg, uint32_t after, struct msg_page *ret, struct err *err);
	void *arg;
	/* The row by which the message `uid` had the copy that is found now, when that row does not say so any more:
	 * UIDVALIDITY has changed, there or on the source, or it is of a message that was gone. NULL: not told. */
	int (*placed)(void *arg, uint32_t uid, uint32_t copy, struct arena *a, struct msg *ret, bool *ret_there,
	    struct err *err);
};

/* What became of a message that a sink with SINK_INTENT was given: its end is not yet the end. */
enum outcome_kind {
	OUTCOME_STORED,		/* it is there, dest_uid and dest_own are told */
	OUTCOME_CAREFUL,	/* perhaps it is there: offer it again with `care` on */
	OUTCOME_ABSENT,		/* looked for and not found; not sent, as `care` allowed looking only */
	OUTCOME_REFUSED,	/* cannot be placed; its octets are in quarantine */
	OUTCOME_ASIDE		/* not a whole message: never sent, its octets are in quarantine */
};
enum { OUTCOME_REMARKS = 4 };
struct outcome {
	enum outcome_kind kind;
	struct msg msg;		/* texts live until the next call of the sink */
	const char *reason, *reply;	/* NULL: none */
	struct slice header;	/* of one that is not stored, as far as it is at hand */
	struct {
		enum event_no no;
		const char *text;
	} remark[OUTCOME_REMARKS];	/* worth a warning, though it is stored */
	size_t n_remarks;
};
enum care {
	CARE_NONE,
	CARE_LOOK,	/* look for each message, send nothing */
	CARE_SEND	/* look, then send one at a time, repaired where the server insists */
};
enum { SURPLUS_MAX = 1000 };
struct surplus_copy {
	uint32_t uid;
	uint8_t sha256[SHA256_LEN];
};
/* A message of the open folder that is kept before it is removed there. */
struct kept_copy {
	uint64_t octets, size;	/* as they came; RFC822.SIZE, 0: not told */
	uint8_t sha256[SHA256_LEN];
	uint8_t flags;		/* system flags */
	char keywords[1024];	/* may be cut */
	struct date date;	/* INTERNALDATE */
};
/* The folder that messages go to. */
struct dest_head {
	uint32_t uidvalidity, uidnext;	/* uidnext: none of imex's next ones is below it */
	/* UIDVALIDITY of the last run, when it is another now, or what rows say of copies is void, all or in part,
	 * though it is the same; else 0 */
	uint32_t was;
};

struct sink_ops {
	const char *name;
	unsigned traits;
	int (*open)(struct sink **ret, const struct sink_place *at, struct cancel *stop,
	    struct err *err);
	/* All folders of the source, before any name_folder: names that would be twins on the
	 * target get different ones whatever the order they are asked for in. NULL: no need. */
	void (*survey)(struct sink *s, const struct folder *list, size_t n);
	/* Directory name of a folder for its record; true in *ret_mapped when it had to be
	 * changed. */
	int (*name_folder)(struct sink *s, const struct folder *f, struct buf *ret_path,
	    bool *ret_mapped, struct err *err);
	/* The directory of a folder that is not open gets another name, durably. *ret_done false: it
	 * keeps its own, as something else is called so. One that was moved already is done. NULL: the
	 * format leaves files where they are. On a server: RENAME, which may be refused, and takes along
	 * what lies below where the server does so; `listed` tells. */
	int (*move_folder)(struct sink *s, const char *from, const char *to, bool *ret_done,
	    struct err *err);
	/* Make or reopen the folder rec->path; rec->mark is what the last commit left. After an
	 * unclean end `rows` tells which messages are committed: other imex names are moved to tmp/
	 * (their number in *ret_aside). Also done when the sidecar is longer than committed; `rows`
	 * may be NULL where neither can be. A folder that this sink has open already (same rec->id)
	 * is given again as it is. The directories are durable and the mark told with the next
	 * seal, also when the folder stays empty. */
	int (*folder)(struct sink *s, const struct folder_rec *rec, const struct row_feed *rows,
	    uint64_t *ret_aside, struct folder_at **ret, struct err *err);
	void (*notes)(const struct folder_at *at, struct folder_notes *ret);
	/* A message of the listing, in UID order and before any body: what depends on the order of
	 * arrival (letters of keywords) is settled here, since servers may send bodies in another. */
	void (*expect)(struct sink *s, struct folder_at *at, const struct msg *m);
	/* m->wire_bytes: the exact number of octets to come, 0 when nobody knows. */
	int (*begin)(struct sink *s, struct folder_at *at, const struct msg *m, struct err *err);
	int (*write)(struct sink *s, struct slice bytes, struct err *err);
	/* `final` has UID, date, flags, wire_bytes, sha256, verdict; the sink sets
	 * final->file_bytes. The final name appears when the batch is synced. After -1 the message
	 * is abandoned. */
	int (*end)(struct sink *s, struct msg *final, struct err *err);
	void (*abandon)(struct sink *s);	/* nothing begun: nothing */
	/* Flags of the stored message `was` become `now`. Idempotent: repeated after a crash. */
	int (*amend)(struct sink *s, struct folder_at *at, const struct msg *was,
	    const struct flags *now, struct err *err);
	/* Remove a stored copy. Idempotent. Of a message that this very batch stores again (a
	 * better verdict) the older copy goes once the new one is durable, and a copy that has the
	 * new one's name stays: call it in the same batch as end, never in a later one. uidvalidity
	 * is the copy's: an older one for a superseded copy. Of a copy that is lost (msg_lost) only what tells
	 * of it goes, and what lies in its place is kept elsewhere. */
	int (*remove)(struct sink *s, struct folder_at *at, uint32_t uidvalidity,
	    const struct msg *was, struct err *err);
	/* The message `was` of `old`, a record of the folder with another UIDVALIDITY and the same path,
	 * is `now` here: its copy becomes that of `now` too, with the flags of now, and stays that of
	 * `was` until that is removed, in a later batch. With SINK_SHARES `old` may be another folder,
	 * of which only path and uidvalidity are looked at. Of `now` only what the copy has (octets, digest)
	 * is from `was`. *ret_done false: it cannot be, the message is to be stored anew. NULL: never. */
	int (*adopt)(struct sink *s, struct folder_at *at, const struct folder_rec *old,
	    const struct msg *was, const struct msg *now, bool *ret_done, struct err *err);
	/* Is this batch as large as it should get? To be asked after each folder, end, amend and
	 * finish. */
	bool (*full)(const struct sink *s);
	/* Give away what was done since the last seal: files, names, sidecar lines. *ret NULL when
	 * nothing. `mark` is told per folder with batch_mark into b, so that mark and rows are one
	 * commit; of the current folder also when only its mark of an earlier batch is to stand
	 * against a record that b holds. */
	int (*seal)(struct sink *s, struct batch *b, struct pending **ret, struct err *err);
	/* After the last commit of a folder, or with it (SINK_ENDS_WITH_ROWS): index files for other
	 * programs (dovecot-uidlist). Part of the batch: seal once more. rec->uidnext is the source's. */
	int (*finish)(struct sink *s, struct folder_at *at, const struct folder_rec *rec,
	    const struct row_feed *rows, struct err *err);
	/* After the last folder: subscriptions. Part of the batch, or durable on return. */
	int (*finish_account)(struct sink *s, const struct folder *list, size_t len,
	    struct err *err);
	void (*close)(struct sink **s);

	/* ---- SINK_INTENT alone; NULL elsewhere ---- */
	/* Make the folders that will be filled, all in one flight. One that cannot be made is told
	 * by `folder`. wanted[i] is one of the survey's. */
	int (*prepare)(struct sink *s, const struct folder *const *wanted, size_t n, struct err *err);
	/* A folder that only shows whether this account is another's, too: made, or taken away again. *ret_done false:
	 * refused. */
	int (*marker)(struct sink *s, const char *name, bool make, bool *ret_done, struct err *err);
	/* Octets of the account's quota there, asked for once; *ret_limit 0: none is told. */
	int (*quota)(struct sink *s, uint64_t *ret_used, uint64_t *ret_limit, struct err *err);
	/* The limit becomes that; what the server does not let do is noted. */
	int (*raise_quota)(struct sink *s, uint64_t limit, struct err *err);
	/* Access rights and annotations: what the server has (enum extra); what is missing there of a
	 * folder's (f NULL: of the server itself) is set. After prepare, while nothing is under way. */
	unsigned (*extras_offered)(const struct sink *s);
	int (*extras)(struct sink *s, const struct folder *f, const struct extras *have, struct err *err);
	/* False: what rows say of copies in this folder is void (another UIDVALIDITY there, or the folder was made
	 * anew), as far as is known before it is opened. */
	bool (*holds)(struct sink *s, const struct folder_rec *rec);
	/* Files: nothing is left of a folder's directory. Opened, it is begun anew, whatever the mark. NULL: not told. */
	bool (*bare)(const struct sink *s, const char *path);
	/* Name there of a folder of the survey, had none been filled under another one; "": it has none. */
	const char *(*plain_name)(const struct sink *s, struct slice name);
	/* Mark of a record that is new, after prepare. */
	const char *(*first_mark)(struct sink *s, const struct folder *f);
	/* Was the folder there made by imex? As its mark says. */
	bool (*made)(const struct folder_rec *rec);
	void (*head)(const struct folder_at *at, struct dest_head *ret);
	/* Messages there from this UID on may be those in doubt: without `care` none is taken for
	 * another one. 0: none are in doubt. */
	void (*doubt_from)(struct folder_at *at, uint32_t uid);
	/* Are the copies that the rows of this record name copies in the open folder? Of one of which
	 * they are, each message with a copy can be adopted. */
	bool (*has_copies_of)(const struct folder_at *at, const struct folder_rec *old);
	/* These copies are for messages that will be adopted: no other one is given them. */
	void (*keep_for_adopting)(struct folder_at *at, const struct uidset *copies);
	/* How the messages that follow are given. Turning it on looks at what the folder holds. */
	int (*care)(struct sink *s, struct folder_at *at, enum care how, struct err *err);
	/* The next outcome, in any order. STEP_END in *ret_end: nothing is under way (wait), or
	 * nothing is known now. With `wait` everything is sent and waited for. */
	int (*outcome)(
	    struct sink *s, bool wait, struct outcome *ret, bool *ret_end, struct err *err);
	/* UIDs (of the source) that were sent, at least in part, and have no answer. */
	void (*in_doubt)(const struct sink *s, struct uidset *ret);
	/* Has an octet of the message with this UID (of the source) gone out since the folder was
	 * opened? A server that answers NO in place of "+" was sent nothing it could store. */
	bool (*went_out)(struct folder_at *at, uint32_t uid);
	/* Has UIDNEXT of the open folder moved since the last call? Keeps the session alive. */
	int (*moved)(struct sink *s, struct folder_at *at, bool *ret, struct err *err);
	/* Messages in the open folder that came since it was opened and that nobody accounts for: a
	 * server that was asked once may have stored twice (rules.md 2.4). *ret is malloc'ed, NULL
	 * when there are none; at most SURPLUS_MAX. */
	int (*surplus)(struct sink *s, struct folder_at *at, struct surplus_copy **ret, size_t *ret_n,
	    struct err *err);
	/* Remove one that is equal to a copy that stays. *ret_done false: this server cannot remove
	 * one message alone. */
	int (*drop_surplus)(
	    struct sink *s, struct folder_at *at, uint32_t uid, bool *ret_done, struct err *err);
	/* Can it remove one message alone? Without that nothing is removed. */
	bool (*removes)(const struct sink *s);
	/* UIDs of all messages in the open folder. */
	int (*uids)(struct sink *s, struct folder_at *at, struct uidset *ret, struct err *err);
	/* Read one without a trace. *ret_whole false: it is gone, or the server gives less than it
	 * says it has; then the spool holds an unknown part of it. */
	int (*keep)(struct sink *s, struct folder_at *at, uint32_t uid, struct spool *into,
	    struct kept_copy *ret, bool *ret_whole, struct err *err);
	/* Remove these, of which `marked` were \Deleted already. *ret_done false: refused; marks that
	 * were set for it are taken off again. At most 500. */
	int (*expunge)(struct sink *s, struct folder_at *at, const struct uidset *gone,
	    const struct uidset *marked, bool *ret_done, struct err *err);
	const struct folder_list *(*listed)(const struct sink *s); /* what the server has */
	bool (*broken)(const struct sink *s); /* the session is gone; `connect` makes a new one */
	int (*connect)(struct sink *s, struct err *err);
	struct notes *(*said)(struct sink *s); /* NULL: none */
};

extern const struct sink_ops sink_imap;
extern const struct sink_ops sink_maildir, sink_mbox, sink_eml, sink_exchange;

#endif
