/* The state of a job: what is known, proved and durable. One contract for SQLite and later
 * PostgreSQL.
 *
 * Any thread may call; a keeper serves a queue of what is asked (keeper.c).
 * Writes come in batches: state_put gives a batch away, the keeper first makes the files of the
 * batch durable (batch->pending), then commits its rows in one transaction, which writes of others
 * may share: one that is refused fails alone. That order is the barrier of design.md 6.2. What only
 * says how far an account is (that it was claimed, waits or has ended, that a folder is as it was)
 * is committed without a sync, and durable with the next commit that has one, the run's end at the
 * latest: a power cut may take it, and the next run finds it out again. After a failure in the
 * keeper every call returns that error, and waiters wake.
 *
 * Errors: ERR_STATE (65, damaged), ERR_NEWER_STATE, ERR_OTHER_JOB (78), ERR_BUSY (75, another
 * process: its pid is named), ERR_TAKEN (the account is another process's), ERR_NO_INPUT (66, no job there), ERR_CONFIG (78, WAL on a network
 * file system), ERR_DISK, ERR_FULL. */
#ifndef STATE_STATE_H
#define STATE_STATE_H

#include <sys/types.h>

#include "base/cancel.h"
#include "base/err.h"
#include "base/event.h"
#include "mail/folder.h"
#include "mail/msg.h"
#include "mail/numbering.h"

struct state;

enum state_mode {
	STATE_RUN, /* create if absent; alone, or the first of those that share the job */
	STATE_JOIN, /* the job exists: beside processes that share it, or with none */
	STATE_READ, /* status, report, verify: read only, also beside a running process */
	STATE_GLANCE, /* the same; whether it is damaged is found by who opens it next for more */
	STATE_STILL /* read as it lies, so that nothing is made beside it; where a process runs as STATE_READ */
};

/* What is fixed when a job is born (rules.md 3.7). Strings are short ASCII. */
struct job_birth {
	char command[16]; /* "extract" */
	char format[16]; /* "maildir" */
	char eol[8]; /* "lf" or "crlf" */
	char zone[40]; /* time zone of the job, "UTC" */
	char codepage[16];
};

/* Files that a batch's rows speak of; made by a sink, made durable by the keeper (settle.h), in three steps.
 * All but free may be NULL. */
struct pending {
	/* Names become final; a failure leaves things as they were. */
	int (*place)(struct pending *p, struct err *err);
	/* Data and directories become durable. */
	int (*sync)(struct pending *p, struct err *err);
	/* What had to stay until then goes; *ret_more: sync once more. */
	int (*tidy)(struct pending *p, bool *ret_more, struct err *err);
	/* Back to what was before place. */
	void (*undo)(struct pending *p);
	void (*free)(struct pending *p);
	/* sync is that of a whole file system, so that one does for many. */
	bool by_system;
	dev_t device;
};

struct lease {
	int64_t account; /* row id */
	/* Raised by every claim, and when the claims of a process that is gone are freed; a commit under
	 * an older one fails with ERR_TAKEN, alone, and so does all that follows under that lease. */
	int64_t epoch;
};

struct folder_rec {
	int64_t id; /* 0: not in the state yet */
	const char *name; /* wire octets without NUL */
	char delim;
	const char *special_use; /* NULL: none */
	bool subscribed;
	const char *path; /* directory below mail/ACCOUNT; "" is the root */
	const char *mark; /* what the sink wants back when it opens the folder again; "" at first */
	bool name_mapped;
	const char *mailbox_id; /* of OBJECTID (RFC 8474), as last told; NULL: never */
	/* proof and change detection; of the last complete pass */
	uint32_t uidvalidity, uidnext, messages;
	uint64_t highestmodseq;
	struct folder_proof proof;
	bool excluded; /* by the user's selection: listed, nothing fetched */
	bool vanished; /* no longer on the source, or an older UIDVALIDITY of the same name */
	/* kept by the state in the same commit as the rows (rules.md 4.8) */
	uint64_t listed; /* rows that are not expunged */
	uint64_t verdicts[VERDICTS]; /* of those */
	uint64_t expunged; /* stored once, no longer on the source */
	uint64_t mirrored; /* of those, that have no copy any more: it was removed, too */
	uint64_t bytes; /* wire octets of the listed ones that have a file */
	bool has_problems; /* read from the state only */
};

/* Sums over the folders of an account that are still there. */
struct tally {
	int64_t account;
	uint64_t folders, proved; /* of those that are not excluded */
	uint64_t listed, verdicts[VERDICTS], expunged, mirrored, bytes;
};

/* What people need to find a message again (rules.md 1.7). */
struct problem {
	int64_t folder;
	uint32_t uid;
	enum verdict verdict;
	const char *reason, *from, *date, *subject, *message_id, *reply;
};

/* A warning that stands until a later run finds it gone: exit code 1. */
struct warning {
	int event; /* number in events.def */
	const char *folder; /* wire name, "" for the account */
	uint32_t uid; /* 0: the folder or account */
	const char *text;
};

/* A message that is about to be sent to the server it goes to (rules.md 2.2): durable before its
 * first octet, gone in the commit that tells what became of it. What is found of them when a folder
 * is opened is in doubt: it may be there or not. */
struct intent {
	uint32_t uid; /* on the source */
	bool size_known, date_known;
	uint64_t size; /* RFC822.SIZE as the source states it */
	int64_t date; /* INTERNALDATE, seconds since 1970 */
	uint32_t dest_uidvalidity, dest_uidnext; /* of the folder it goes to, before it was sent */
	int64_t at_ms; /* wall time of the intent */
};

/* A stored copy that the account has of a message in another folder (msg.gm_msgid). */
struct twin {
	struct msg msg;
	const char *path; /* of its folder, as folder_rec has it */
	uint32_t uidvalidity;
};

/* Bits of server_facts.quirks: seen at run time. */
enum learnt {
	LEARNT_NO_SEARCH = 1,
	LEARNT_SIZES_WRONG =
	    2, /* several bodies shorter than RFC822.SIZE were the same in two forms */
	LEARNT_NO_CHANGES = 4, /* CHANGEDSINCE was refused, though CONDSTORE is offered */
	LEARNT_NO_EXAMINE = 8, /* a server without UIDs: folders are opened with SELECT */
	LEARNT_IMAP2BIS = 16, /* its level, but for that of servers with UIDs */
	LEARNT_IMAP2 = 32,
	LEARNT_IMAP2_FIRST = 64,
	LEARNT_LISTING_SHIFT = 8, /* the form of the listing, the later the less it asks for */
	LEARNT_LISTING = 255 << LEARNT_LISTING_SHIFT,
	LEARNT_NO_LIST_RETURN = 1 << 16, /* LIST ... RETURN was refused, though LIST-EXTENDED is offered */
	LEARNT_NO_STATUS = 1 << 17,
	LEARNT_SINGLES = 1 << 18, /* no form of listing takes more than one message */
	LEARNT_NO_LABELS = 1 << 19, /* labels in a listing were refused, though X-GM-EXT-1 is offered */
	LEARNT_LISTINGS = LEARNT_LISTING | LEARNT_NO_LABELS
};

enum { FORMS_MAX = 32 }; /* bits of refused_forms */

/* Facts learnt about one server, kept under host:port (rules.md 4.7). */
struct server_facts {
	char product[128];
	uint32_t refused_forms; /* bit n: body form n answered BAD, or NIL on three messages
				   (imap/ladder.h) */
	int32_t works_form; /* the form that worked, -1: none known */
	uint32_t quirks; /* bits of enum learnt */
	uint32_t connections; /* ceiling learnt, 0: none */
	uint32_t proven; /* 1: works_form has worked in this run; not kept */
};

/* What `io` knows and what `more`, which is newer, knows: nothing that was learnt is lost. */
void server_facts_join(struct server_facts *io, const struct server_facts *more);

/* ---- batches ---- */
struct batch;

struct batch *batch_new(void);
void batch_free(struct batch **b); /* of one that was not given away */
size_t batch_len(const struct batch *b);
void batch_set_pending(struct batch *b, struct pending *p); /* takes p */
/* A message with its verdict, new or replacing. old: the verdict of its row, or VERDICTS when
 * there is none: a hint that saves a look-up, the totals are right also when it is wrong. Text
 * is copied; reasons and the like are cut at 4 KiB, replies at 8 KiB. */
void batch_message(struct batch *b, int64_t folder, const struct msg *m, enum verdict old);
void batch_flags(
    struct batch *b, int64_t folder, uint32_t uid, const struct flags *now, uint64_t modseq);
void batch_expunged(struct batch *b, int64_t folder, uint32_t uid, enum verdict old);
/* Of an expunged row whose copy is gone, too (--mirror): verdict gone, no copy on a server any more,
 * the digest stays. Not remembered as batch_forget does: no copy of it is left to be paired. */
void batch_mirrored(struct batch *b, int64_t folder, uint32_t uid);
void batch_problem(struct batch *b, const struct problem *p);
void batch_problem_solved(struct batch *b, int64_t folder, uint32_t uid);
void
batch_warning(struct batch *b, const struct warning *w); /* same event, folder, uid: replaced */
void batch_warning_gone(struct batch *b, int event, const char *folder, uint32_t uid);
/* Path, mark, proof, counts and marks of r->id; not its name and UIDVALIDITY, which identify it,
 * nor the totals. */
void batch_folder(struct batch *b, const struct folder_rec *r);
void batch_mark(struct batch *b, int64_t folder, const char *mark);
/* UIDs whose \Seen imex's own fetch may set; committed before the fetch (rules.md 1.4). */
void batch_debt(struct batch *b, int64_t folder, uint32_t uid);
void batch_debt_paid(struct batch *b, int64_t folder, uint32_t uid);
void batch_intent(struct batch *b, int64_t folder, const struct intent *i); /* replaces */
void batch_intent_done(struct batch *b, int64_t folder, uint32_t uid);
/* The folder that messages went to has been made anew: what rows say of copies there with this UID or a higher one is
 * void. */
void batch_unplaced(struct batch *b, int64_t folder, uint32_t from);
/* A number that was given to a message of a server without UIDs; before it is used for anything. */
void batch_numbered(struct batch *b, int64_t folder, const struct numbered *n);
/* An older row whose digest a new one has (UIDVALIDITY changed, state_superseded): drop the old
 * row. It is remembered that a copy of this digest has found its new one, so that a later
 * pairing does not give it another. */
void batch_forget(struct batch *b, int64_t folder, uint32_t uid, enum verdict old);
/* Does it tell no more of the folder's messages than that they came? Then batch_page gives them as state_page
 * will when b is committed, if the state has no rows of the folder. */
bool batch_only_adds(const struct batch *b, int64_t folder);
void batch_page(const struct batch *b, int64_t folder, uint32_t after, struct msg_page *ret);

/* ---- the job ---- */
/* Where the data base puts what does not fit into memory, from now on; before any thread opens one. */
void state_spill_to(const char *dir);
int state_open(
    struct state **ret, const char *job_dir, enum state_mode mode, struct err *err) WARN_UNUSED;
/* Give back the room of what is gone, and empty the write-ahead log; open for running. Waits for its
 * turn, and others wait for it. */
int state_compact(struct state *t, struct err *err) WARN_UNUSED;
/* All of it at one instant into a new database at `path`, which has its name when it is whole and
 * durable; open for reading. ERR_CREATE: something is there. */
int state_backup(struct state *t, const char *path, struct err *err) WARN_UNUSED;
/* Syncs of the event log ride on barriers. */
void state_set_log(struct state *t, struct evlog *log);
void state_close(struct state **t); /* waits for what was put */
/* Fix the birth facts at the first run, compare at later ones (ERR_OTHER_JOB names the field). */
int state_birth(struct state *t, const struct job_birth *want, struct err *err) WARN_UNUSED;
int state_birth_read(struct state *t, struct job_birth *ret, struct err *err) WARN_UNUSED;
/* A note that state_backup leaves in the copy, and that stays in it. The files of the job may hold more than
 * a state that has it knows: nothing that may be whole is cut off or set aside. */
#define STATE_NOTE_RESTORED "restored"
/* Notes of the job, short texts by key: "dest", "options/..." (JSON, no secrets). */
struct job_note {
	const char *key, *value; /* value NULL, when writing: no such note any more */
};
int
state_note_set(struct state *t, const char *key, const char *value, struct err *err) WARN_UNUSED;
/* The same for many in one commit. */
int state_notes_set(
    struct state *t, const struct job_note *note, size_t n, struct err *err) WARN_UNUSED;
/* Those whose key begins with that text (not empty), in the order of their octets. */
int state_notes(struct state *t, const char *prefix, struct arena *a, struct job_note **ret,
    size_t *ret_len, struct err *err) WARN_UNUSED;
/* *ret is malloc'ed, NULL when absent. */
int state_note_get(struct state *t, const char *key, char **ret, struct err *err) WARN_UNUSED;
/* True when the last run did not end by itself (killed, power lost): sinks recover. */
bool state_was_unclean(struct state *t);
int state_run_begin(struct state *t, const char *version, const char *options, int64_t *ret_run,
    struct err *err) WARN_UNUSED;
/* A run of the job; the state itself notes who began it. Texts are "" when unknown (a run of an older
 * imex). */
struct run_rec {
	int64_t id;
	const char *version, *options; /* command line without secrets */
	const char *who; /* "anna (1000)" */
	const char *host;
	int64_t pid; /* 0: unknown */
	int64_t started_ms, ended_ms; /* ended 0: it runs, or was killed */
	int exit_code; /* -1: it was killed */
};
/* All of them, in their order. */
int state_runs(struct state *t, struct arena *a, struct run_rec **ret, size_t *ret_len,
    struct err *err) WARN_UNUSED;
int state_run_end(struct state *t, int64_t run, int exit_code, struct err *err) WARN_UNUSED;

/* ---- accounts ---- */
enum account_status {
	ACCOUNT_NEW,
	ACCOUNT_RUNNING,
	ACCOUNT_DONE,
	ACCOUNT_FAILED,
	ACCOUNT_STOPPED,
	ACCOUNT_QUEUED, /* its turn in this run is still to come */
	ACCOUNT_WAITING /* until retry_at_ms, for the reason in error */
};
struct account_rec {
	int64_t id;
	const char *name; /* user@host[:port] as typed, for people */
	const char *dir; /* ACCOUNT */
	const char *login, *host, *port;
	const char *dest; /* in: the account that it goes to, on a server, NULL: as it was */
	enum account_status status;
	const char *error; /* of the last run; "" */
	int error_exit; /* its exit code; 0 */
	int64_t started_ms, ended_ms;
	uint64_t warnings; /* that stand */
	int64_t retry_at_ms; /* wall; it waits until then; 0: it does not wait */
	uint32_t attempts; /* claims in this run */
	int64_t day; /* UTC day, days since 1970, that bytes_day is of; 0: none yet */
	uint64_t bytes_day; /* octets fetched on that day */
	uint64_t bytes_known; /* size of the account in octets, as a listing told; 0: unknown */
	int64_t round; /* of the list that it was last queued by: the highest is the last list's; 0: none */
	int64_t process; /* pid of the process that has it; 0: none */
};
/* Find or add many accounts in one commit, without claiming them: they are queued now, and have no
 * attempt, wait or error of this run. What is known of them from earlier runs stays; one that is
 * new has started_ms 0. In: as for state_claim, and bytes_known unless it is 0. Out: all fields. After -1
 * the records are not to be used. */
int state_account_queue(struct state *t, struct account_rec *io, size_t n, struct arena *a,
    struct err *err) WARN_UNUSED;
/* Find or add the account; twins by case get "~2" in io->dir (rules.md 3.2). In: name, dir (as
 * account_dir gives it: this identifies the account), login, host, port. Out: all fields; it is
 * running now, and this process has it. ERR_TAKEN: another process has it or, where the job is
 * shared, is through with it. */
int state_claim(struct state *t, struct account_rec *io, struct arena *a, struct lease *ret,
    struct err *err) WARN_UNUSED;
int state_account_end(struct state *t, const struct lease *l, enum account_status s,
    const char *error, int error_exit, struct err *err) WARN_UNUSED;
int state_accounts(struct state *t, struct arena *a, struct account_rec **ret, size_t *ret_len,
    struct err *err) WARN_UNUSED;

/* The account waits until that wall time: its status and, as its error, why. The lease stays good
 * until the account is claimed again. */
int state_account_wait(struct state *t, const struct lease *l, int64_t until_ms, const char *why,
    struct err *err) WARN_UNUSED;
/* Add octets to those of that UTC day (days since 1970); *ret_total: of the day now. */
int state_account_day(struct state *t, const struct lease *l, int64_t day, uint64_t octets,
    uint64_t *ret_total, struct err *err) WARN_UNUSED;
/* What a listing told of the account's size. */
int state_account_size(
    struct state *t, const struct lease *l, uint64_t octets, struct err *err) WARN_UNUSED;
/* One account, and the sums over its folders. Not of a state that an older imex has made. */
int state_account(struct state *t, int64_t id, struct arena *a, struct account_rec *ret,
    struct tally *ret_sum, struct err *err) WARN_UNUSED;
/* How new the newest mail of an account is, as a date of a highest UID tells: seconds since 1970, 0: unknown. */
struct newest {
	int64_t account, date;
};
/* Of every account that has folders, by account. */
int state_newest(struct state *t, struct arena *a, struct newest **ret, size_t *ret_len,
    struct err *err) WARN_UNUSED;
/* Of every account that has folders, by account. */
int state_tallies(struct state *t, struct arena *a, struct tally **ret, size_t *ret_len,
    struct err *err) WARN_UNUSED;

/* ---- several processes on one job (rules.md 4.7) ----
 * A process that writes is known to the state, and holds a lock that ends with it, whatever ends it:
 * so its claims need no clock to expire. The one that holds imex.lock leads: it answers for the job.
 * Two work on the same job only after both share it; until then each is alone, and nothing of what
 * only others ask for is kept. */
enum sharing {
	SHARING_NOT, /* others are refused */
	SHARING_WILLING, /* others may join, and wait until it shares */
	SHARING /* its places are told (state_places), and its claims count */
};
/* It only rises. */
int state_share(struct state *t, enum sharing s, struct err *err) WARN_UNUSED;
struct peers {
	size_t others; /* processes besides this one */
	size_t unready; /* of those, that do not share yet */
	size_t gone; /* that had ended without a word: what they had is free now */
};
int state_peers(struct state *t, struct peers *ret, struct err *err) WARN_UNUSED;
/* Does this process lead, now that it is asked? One that does not becomes it when none does. One
 * thread at a time. */
bool state_leads(struct state *t);
/* True: what was put under this lease is, or will be, there. ERR_TAKEN: another process has the
 * account, and a batch was refused. */
int state_holds(struct state *t, const struct lease *l, struct err *err) WARN_UNUSED;
enum taken {
	TAKEN_NOW, /* this process has it, since now or before */
	TAKEN_ELSEWHERE, /* another has it */
	TAKEN_ENDED /* it has come to its end */
};
/* Before an account of the list is claimed, where the job is shared. */
int state_take(struct state *t, int64_t account, enum taken *ret, struct err *err) WARN_UNUSED;
/* This process is through with it. An account that was not released when the process ends is queued
 * again for those that are left. */
int state_release(struct state *t, int64_t account, struct err *err) WARN_UNUSED;
/* Connections to servers. What is added to those of this process, and what was learnt; then the sums
 * over all processes, and what is known, at one instant. Times are wall times in ms, 0: none. */
struct bearing {
	unsigned ceiling; /* 0: none is known */
	int64_t ceiling_ms; /* when it was last refused or raised */
	int64_t held_until_ms;
	bool closed;
};
struct place {
	const char *host; /* "host:port" */
	int open, logins; /* added */
	enum { LOGINS_SAME, LOGINS_GOOD, LOGINS_REFUSED } told; /* the row of refused ones */
	bool learnt; /* `bearing` replaces what is kept, but for closed and held_until_ms, which rise */
	struct bearing bearing;
	/* out */
	unsigned all_open, all_logins, refused;
};
int state_places(struct state *t, struct place *io, size_t n, struct err *err) WARN_UNUSED;

/* ---- folders and messages ---- */
/* All folders of an account in name order, older UIDVALIDITYs included. */
int state_folders(struct state *t, int64_t account, struct arena *a, struct folder_rec **ret,
    size_t *ret_len, struct err *err) WARN_UNUSED;
/* Find (account, name, uidvalidity) or add it. In: what the source says (delim, special_use,
 * subscribed, name_mapped, excluded) and, for a new one, path and mark; out: all fields as the state has them. Another UIDVALIDITY of the same name that was current
 * is marked vanished, a vanished one that is back is current again. UIDVALIDITY 0 (unknown) finds the
 * current one of the name; a folder added with 0 takes the first one known while it has no messages.
 * Durable on return; nothing is written when nothing changed. */
int state_folder(struct state *t, const struct lease *l, struct folder_rec *io, struct arena *a,
    struct err *err) WARN_UNUSED;
/* The same for many in one commit; after -1 the records are not to be used. */
int state_folder_all(struct state *t, const struct lease *l, struct folder_rec *io, size_t n,
    struct arena *a, struct err *err) WARN_UNUSED;
/* All records of a name, older UIDVALIDITYs included, get another name and path, and so do warnings
 * that stand about it. With another name HIGHESTMODSEQ is 0, so that the folder is opened, and its
 * sidecar told. */
struct folder_renaming {
	/* Names. No record may have `to`, unless it is the same name; those that were only excluded so far, and have no
	 * message, go. */
	const char *from, *to;
	const char *shown_from, *shown_to; /* as warnings name them */
	const char *path; /* NULL: it stays */
};
/* Durable on return. */
int state_folder_rename(struct state *t, const struct lease *l, const struct folder_renaming *r,
    struct err *err) WARN_UNUSED;
/* Rows with uid > after, ascending, at most PAGE_MSGS; none: page->len == 0. */
int state_page(struct state *t, int64_t folder, uint32_t after, struct msg_page *ret,
    struct err *err) WARN_UNUSED;
/* UIDs above `after` of rows that are not expunged, ascending, at most `most`. */
int state_uids(struct state *t, int64_t folder, uint32_t after, uint32_t *ret, size_t most,
    size_t *ret_len, struct err *err) WARN_UNUSED;
/* One row; *ret_found false when absent. */
int state_message(struct state *t, int64_t folder, uint32_t uid, struct arena *a, struct msg *ret,
    bool *ret_found, struct err *err) WARN_UNUSED;
/* UIDs of copies on the destination that rows of other folders name and that lie in the same folder there: of other
 * accounts of the job that go to the same one, or what a mapping brings together. In no order. */
int state_shared_copies(struct state *t, int64_t folder, struct arena *a, uint32_t **ret, size_t *ret_len,
    struct err *err) WARN_UNUSED;
/* Any stored copy with this id in another folder of the account. Texts in the arena. */
int state_twin(struct state *t, int64_t folder, uint64_t gm_msgid, struct arena *a, struct twin *ret,
    bool *ret_found, struct err *err) WARN_UNUSED;
int state_problems(struct state *t, int64_t folder, struct arena *a, struct problem **ret,
    size_t *ret_len, struct err *err) WARN_UNUSED;
int state_warnings(struct state *t, int64_t account, struct arena *a, struct warning **ret,
    size_t *ret_len, struct err *err) WARN_UNUSED;
/* Unpaid debts, ascending. */
int state_debts(struct state *t, int64_t folder, struct arena *a, uint32_t **ret, size_t *ret_len,
    struct err *err) WARN_UNUSED;
/* Intents without an outcome, by UID. */
int state_intents(struct state *t, int64_t folder, struct arena *a, struct intent **ret,
    size_t *ret_len, struct err *err) WARN_UNUSED;
/* All numbers given to messages of the folder, into *ret, which is cleared first; ret->next is above
 * them and above the UIDs of all rows. */
int state_numbering(
    struct state *t, int64_t folder, struct numbering *ret, struct err *err) WARN_UNUSED;
/* One-to-one pairs (old row, new row) of equal digest between an older UIDVALIDITY and the
 * current one, both with a file and not expunged, the old one also without if its copy is lost (msg_lost, and
 * these first); the page holds the old rows. Pairs are made by
 * the first call, each further one for the same two folders gives the next page, until one is
 * empty; forget what was given in between (batch_forget). */
int state_superseded(struct state *t, int64_t old_folder, int64_t new_folder, struct msg_page *ret,
    struct err *err) WARN_UNUSED;

/* ---- writing ---- */
/* How many threads put batches for different accounts; grows only. At first 1. */
void state_set_workers(struct state *t, size_t n);
/* Takes *b, also when it fails. Waits while three batches of the account, or two more than there
 * are workers (three at least), are under way (bounded descriptors). */
int
state_put(struct state *t, const struct lease *l, struct batch **b, struct err *err) WARN_UNUSED;
/* The number of batches put so far, by all threads; state_wait returns when so many are durable
 * (but for what may wait, above).
 * Batches end in the order in which they were put. */
uint64_t state_ticket(struct state *t);
int state_wait(struct state *t, uint64_t ticket, struct err *err) WARN_UNUSED;
/* Everything put so far is durable on return, but for what may wait (above). */
int state_barrier(struct state *t, struct err *err) WARN_UNUSED;
int state_server_get(struct state *t, const char *host_port, struct server_facts *ret,
    struct err *err) WARN_UNUSED; /* unknown: zeroed, works_form -1 */
/* Joined to what is known of it: accounts of one server learn at the same time. */
int state_server_set(struct state *t, const char *host_port, const struct server_facts *f,
    struct err *err) WARN_UNUSED;
/* 0, 1 or 2 by rules.md 5, over all accounts: 2 when there is none, one has not ended well
 * (ACCOUNT_DONE), or a folder that is neither excluded nor vanished is unproved or has a verdict
 * that is not good; else 1 when a warning stands. */
int state_outcome(struct state *t, int *ret, struct err *err) WARN_UNUSED;

#endif
