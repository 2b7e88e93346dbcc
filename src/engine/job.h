/* What the commands do, without words for people: run over one account, look, compare. The exit
 * code of a job comes from its state (state_outcome), or from *err when nothing could start. */
#ifndef ENGINE_JOB_H
#define ENGINE_JOB_H

#include "base/cancel.h"
#include "base/event.h"
#include "engine/hosts.h"
#include "engine/progress.h"
#include "engine/rate.h"
#include "engine/room.h"
#include "imap/ahead.h"
#include "imap/endpoint.h"
#include "mail/folder.h"
#include "mail/mapping.h"
#include "state/state.h"
#include "store/format.h"
#include "store/shelf.h"

/* Which folders and messages; patterns are shell globs over the decoded (UTF-8) name, '*' crosses levels; INBOX
 * in any case. */
struct selection {
	const char *const *folders; /* none: all selectable ones */
	size_t n_folders;
	const char *const *excludes; /* win over folders */
	size_t n_excludes;
	bool subscribed; /* only subscribed ones */
	bool other_users, shared; /* take these namespaces too (rules.md 1.8) */
	/* Messages by INTERNALDATE, seconds since 1970: not before `since`, before `before`
	 * (rules.md 3.9). One without a date passes, and so does one that is stored already. */
	int64_t since, before;
	bool has_since, has_before;
	bool skip_deleted; /* leave out what is flagged \Deleted (EM-04) */
	bool unseen; /* only what is not flagged \Seen */
	/* Octets as the source states them; 0: no limit. One whose size is not known passes. */
	uint64_t min_size, max_size;
	const char *search; /* a key without fault (imap/search.h) that servers are asked; NULL: none */
	const char *const *first; /* patterns of folders that are copied before the others, in that order */
	size_t n_first;
};

/* How mail is written, besides its format. */
struct writing {
	bool keep_crlf; /* --eol=crlf */
	bool windows_names;
	bool mbox_status;
	bool full_source; /* exchange, from here on */
	bool drafts_by_flag; /* unsent is \Draft alone, not the Drafts folder too (EM-05) */
	unsigned codepage;
	const char *zone; /* of the process; a name */
	const char *smtp_address; /* owner of the account's section; NULL: made from the login */
	const char *ex_mailbox; /* target mailbox, for the list of users; NULL: not known */
};

/* The server that mail goes to. */
struct dest {
	struct endpoint server;
	struct mapping_rules rules;
	bool delete_extra; /* --delete-extra */
	int64_t doubt_wait_ms; /* --doubt-wait (rules.md 2.3) */
	const char *spool_dir; /* --spool; NULL: the job directory */
	unsigned extras; /* EXTRA_ACL, EXTRA_METADATA (imap/extras.h): copy these too */
};

/* What the accounts of one run share, and what this one may take of it. */
struct schedule;

struct shares {
	struct hosts *hosts;
	unsigned host[HOST_ENDS]; /* of the source, of the destination */
	size_t n_hosts;
	unsigned workers; /* accounts that are copied at the same time, at least 1 */
	struct schedule *schedule; /* gave out the account as `item`; NULL: nothing did */
	size_t item;
	bool placed; /* the first connection has its places already: job_copy takes them over, and
			gives them back */
	/* A server that asks to wait ends the account for now, and somebody else uses the time. */
	bool lay_aside;
	bool again; /* it will be tried again: a failure is not yet its end */
};

/* Places that were taken and that job_copy has not taken over, the connections being closed: what became of the logins
 * (not LOGIN_TAKEN), and given back. None: nothing. */
void shares_leave(struct shares *s, enum login_end how);

struct job {
	const char *dir; /* job directory; NULL for check */
	struct endpoint source;
	struct sess_ahead *ahead; /* a session with it, on its way already; NULL: none */
	const struct shelf_place *from; /* the source is files; NULL: a server */
	const char *from_lacks; /* what the job that wrote them lacks: a standing warning; NULL: nothing */
	struct selection selection;
	bool folders_said; /* of verify: the folders of `selection` were said now; else all that is stored is meant,
			      and `selection` is what the job keeps: what to expect of the source */
	const struct dest *dest; /* messages go to a server; NULL: to files, in `format` */
	enum format format;
	struct writing writing;
	bool no_source_writes; /* skip body forms that set \Seen */
	bool list_all; /* what the server tells of changes does not count: each folder is listed */
	bool mirror; /* what the source has expunged goes from the copy, too (files: of a sink with
			SINK_REMOVES alone) */
	bool retry; /* messages that the destination has refused go once more (dest alone) */
	bool no_subjects; /* no From, Subject in reports */
	unsigned connections; /* per account; 0: as many as pay */
	unsigned per_host; /* the most to one server, of an account that is alone; 0: no limit */
	bool insecure_told; /* --insecure-tls in force: a standing warning */
	bool dest_insecure_told; /* --dest-insecure-tls likewise */
	struct evlog *log;
	struct cancel *stop;
	struct progress *progress; /* may be NULL */
	struct lease *ret_lease; /* NULL, or where the account's goes as soon as it is claimed */
	struct rate *rate, *rate_own; /* octets a second, of all and of the account; NULL: no limit */
	uint64_t max_per_day; /* octets that may be fetched of the account on one UTC day; 0: no limit */
	struct shares *shares; /* NULL: the account is alone, and its connections are not counted */
	struct state *state; /* open for running; NULL for check */
	struct room *room; /* on the disk of dir; NULL: not looked after */
};

/* Copy one account, from a server or from files, into job->dir. 0: went to its end (the state says how well); -1: stopped by *err
 * (interrupted, login refused, disk full ...), what was committed stays. */
int job_copy(const struct job *job, struct err *err) WARN_UNUSED;
/* Is that a failure that may be gone when it is tried again: a connection, a server that is busy? */
bool job_may_try_again(const struct err *err);

/* ---- check ---- */
struct check_folder {
	const char *name; /* UTF-8 */
	struct folder folder;
	const char *path; /* Maildir++ name */
	bool mapped, excluded;
	const char *trouble; /* EXAMINE or STATUS refused: the server's words; NULL */
};
struct check_result {
	struct arena arena; /* holds everything below */
	const char *greeting, *product; /* product: ID name and version, else from the greeting */
	const char *level; /* "IMAP4rev1", "IMAP4 (RFC 1730)" ... */
	const char *capabilities; /* blank between, after login */
	const char *useful; /* those that imex makes use of */
	const char *missing; /* those that would help */
	char delim;
	const char *namespaces; /* as text for people */
	const char *list_trouble; /* why folders may be missing; NULL: the list is whole */
	struct check_folder *folder;
	size_t n_folders;
	uint64_t messages, bytes; /* sums over selected folders; bytes 0 when unknown */
	bool bytes_estimated;
	const char
	    *form; /* body form that works, "would set \\Seen, not tried", or "no message to try" */
	const char *form_refused; /* forms that were refused, "" */
	uint64_t quirks; /* bits of enum quirk: matched, and seen while looking */
	int64_t rtt_us; /* median of three NOOPs */
	uint64_t rate_bytes_s; /* measured on the tried message, 0: not measured */
	int64_t estimate_s; /* duration of a run; -1: unknown */
	bool tls;
	struct tls_facts tls_facts;
};
int job_check(const struct job *job, struct check_result *ret, struct err *err) WARN_UNUSED;
void check_result_done(struct check_result *r);

/* ---- the way of folders to another server ---- */
struct map_row {
	const char *from, *to; /* UTF-8 */
	enum mapped_how how;
	const char *why; /* words; NULL: nothing to say */
	bool excluded, exists;
	uint32_t messages, there; /* on the source; in the folder it goes to */
	uint64_t bytes; /* 0: unknown */
	bool extra_known; /* with --delete-extra, of a folder that exists there */
	uint64_t extra; /* messages there that no header of the source's equals */
};
struct map_result {
	struct arena arena; /* holds everything below */
	struct map_row *row;
	size_t n;
	const char *product; /* of the target */
	const char *useful, *missing; /* its capabilities, as in check_result */
	uint64_t append_limit; /* octets; 0: none told (RFC 7889) */
	uint64_t quota_used, quota_limit; /* octets; limit 0: none told (RFC 9208) */
	uint64_t messages, bytes; /* of what would go */
	bool bytes_known; /* of all of it: else there may be more */
	unsigned source_extras, dest_extras; /* enum extra that the servers have */
	const char *unmatched; /* rules that stand for no folder, one sentence; "": none */
};
enum { EXTRA_CEILING_PERCENT = 10 }; /* of a folder's messages, rounded down (--delete-extra) */
/* Log into both, look, change nothing. ERR_USAGE: the rules send two folders to one; both sides are
 * the same account (rules.md 2.6). */
int job_map(const struct job *job, struct map_result *ret, struct err *err) WARN_UNUSED;
void map_result_done(struct map_result *r);

/* ---- undo ---- */
struct undo_item {
	const char *folder; /* of the target, UTF-8 */
	uint32_t uid; /* of the target */
	enum undo_what { UNDO_REMOVE, UNDO_CHANGED, UNDO_GONE, UNDO_NOT_OURS } what;
	const char *subject, *date; /* "" when unknown */
};
struct undo_out {
	void (*put)(void *arg, const struct undo_item *i);
	void *arg;
};
struct undo_counts {
	uint64_t ours; /* there and as they were sent: can be removed */
	uint64_t removed, changed, gone;
	/* That came to a folder since messages were on their way to it of which nobody knows whether they arrived;
	 * counted without `remove`. */
	uint64_t doubtful;
};
/* Messages that imex itself put on the target (recorded UID, equal digest); without `remove` they
 * are only listed. What is removed leaves the state in the same way: its row is forgotten, so that a
 * later run copies it again; so are rows of what is gone. To remove, the state is open for running.
 * With job->source.login or job->from that account, else all; of folders those whose name on the
 * source the selection takes. The caller sees to it that job->dest is where they went.
 *
 * A copy that the server has rewritten is UNDO_CHANGED and stays, unless the digest alone proves the
 * change (a line end added at the end, CRLF made of LF) or the run has reported the digest of what
 * it repaired. UNDO_GONE of a folder that has another UIDVALIDITY now keeps its rows.
 *
 * *ret is written also when it fails. ERR_WRONG_SOURCE: no folder has its UIDVALIDITY of then, and
 * nothing was touched; ERR_FOLDER, after all folders: some could not be opened, or messages that
 * could be removed were left (the first reason; all are in the log). */
int job_undo(const struct job *job, bool remove, const struct undo_out *out,
    struct undo_counts *ret, struct err *err) WARN_UNUSED;

/* ---- verify ---- */
enum difference_kind {
	DIFF_FILE_MISSING,
	DIFF_FILE_BYTES,
	DIFF_FILE_FLAGS,
	DIFF_FILE_DATE,
	DIFF_FILE_STRAY,
	DIFF_FILE_UNREAD, /* a folder's, or an account's */
	DIFF_FOLDER_MISSING,
	DIFF_FOLDER_UNREAD,
	DIFF_FOLDER_NEW,
	DIFF_UIDVALIDITY,
	DIFF_MESSAGE_NEW,
	DIFF_MESSAGE_EXPUNGED,
	DIFF_SIZE,
	DIFF_FLAGS,
	DIFF_DATE,
	DIFF_BYTES,
	DIFF_DEST_FOLDER,
	DIFF_DEST_UIDVALIDITY,
	DIFF_DEST_MISSING,
	DIFF_DEST_EXTRA,
	DIFF_DEST_SIZE,
	DIFF_DEST_FLAGS,
	DIFF_DEST_DATE,
	DIFF_DEST_BYTES,
	DIFF_JOB_UNFINISHED
};
struct difference {
	enum difference_kind kind;
	bool recognised; /* explained (mail that came after the proof, a size the server misstates):
			    exit 1, not 2 */
	const char *account, *folder; /* folder: UTF-8 */
	uint32_t uid;
	const char *text; /* what was expected and what is there */
};
struct verify_counts {
	uint64_t folders, messages, bytes, recognised, differences;
	uint64_t not_good; /* messages whose verdict is not good: nothing to compare */
	uint64_t left_out; /* of the folders, not compared with the source: the selection leaves them out */
	uint64_t lost; /* copies that a run can fetch or send again, once they are noted */
	uint64_t beyond; /* copies that are lost of messages that the source no longer has: none can */
};
/* Messages whose copy was found to be lost, to be noted in the state; safe from several threads. */
struct lost_list;
struct lost_list *lost_list_new(void);
void lost_list_free(struct lost_list *l);
size_t lost_list_len(struct lost_list *l);
/* The state is open for running, with nobody beside it; of the job its dir and format count, and stop. Rows that
 * are as they were found, and whose copy is still lost, are not good any more and durable on return; those whose
 * copy is there again are. *ret_lost, *ret_back: how many. */
int job_note_lost(const struct job *job, struct lost_list *l, uint64_t *ret_lost, uint64_t *ret_back,
    struct err *err) WARN_UNUSED;
/* Called for each difference; a sink of text, not a callback across layers: app prints and counts
 * nothing. */
struct difference_out {
	void (*put)(void *arg, const struct difference *d);
	void *arg;
	struct lost_list *lost; /* collects what is to be noted; NULL: nothing is */
};
/* Files against the state; with_source: folder lists, UIDs, sizes, flags, dates against the server,
 * `deep`: bytes too. */
int job_verify(const struct job *job, bool with_source, bool deep, const struct difference_out *out,
    struct verify_counts *ret, struct err *err) WARN_UNUSED;
/* The state against the target of the job, and with_source the source too, both sides open at the
 * same time and read folder by folder: counts, sizes, flags, dates as instants; `deep`: digests of
 * the octets on both sides. What the server itself causes (headers added, line ends changed:
 * mail/identity.h) is a recognised difference, and so is what the target has besides the copies. A
 * copy with another size is read also without `deep`; without the source most of what a server has
 * rewritten cannot be explained. */
int job_verify_dest(const struct job *job, bool with_source, bool deep,
    const struct difference_out *out, struct verify_counts *ret, struct err *err) WARN_UNUSED;
const char *difference_words(enum difference_kind k);

#endif
