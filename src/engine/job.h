/* What the commands do, without words for people: run over one account, look, compare. The exit
 * code of a job comes from its state (state_outcome), or from *err when nothing could start. */
#ifndef ENGINE_JOB_H
#define ENGINE_JOB_H

#include "base/cancel.h"
#include "base/event.h"
#include "engine/progress.h"
#include "imap/endpoint.h"
#include "mail/folder.h"
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

struct job {
	const char *dir; /* job directory; NULL for check */
	struct endpoint source;
	const struct shelf_place *from; /* the source is files; NULL: a server */
	struct selection selection;
	enum format format;
	struct writing writing;
	bool no_source_writes; /* skip body forms that set \Seen */
	bool no_subjects; /* no From, Subject in reports */
	unsigned connections; /* per account; 0: one, more when latency pays */
	bool insecure_told; /* --insecure-* in force: a standing warning */
	struct evlog *log;
	struct cancel *stop;
	struct progress *progress; /* may be NULL */
	struct state *state; /* open for running; NULL for check */
};

/* Copy one account, from a server or from files, into job->dir. 0: went to its end (the state says how well); -1: stopped by *err
 * (interrupted, login refused, disk full ...), what was committed stays. */
int job_copy(const struct job *job, struct err *err) WARN_UNUSED;

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
	struct check_folder *folder;
	size_t n_folders;
	uint64_t messages, bytes; /* sums over selected folders; bytes 0 when unknown */
	bool bytes_estimated;
	const char
	    *form; /* body form that works, "would set \\Seen, not tried", or "no message to try" */
	const char *form_refused; /* forms that were refused, "" */
	const char *const *quirk; /* names and sentences */
	size_t n_quirks;
	int64_t rtt_us; /* median of three NOOPs */
	uint64_t rate_bytes_s; /* measured on the tried message, 0: not measured */
	int64_t estimate_s; /* duration of a run; -1: unknown */
	bool tls;
	struct tls_facts tls_facts;
};
int job_check(const struct job *job, struct check_result *ret, struct err *err) WARN_UNUSED;
void check_result_done(struct check_result *r);

/* ---- verify ---- */
enum difference_kind {
	DIFF_FILE_MISSING,
	DIFF_FILE_BYTES,
	DIFF_FILE_FLAGS,
	DIFF_FILE_DATE,
	DIFF_FILE_STRAY,
	DIFF_FOLDER_MISSING,
	DIFF_FOLDER_NEW,
	DIFF_UIDVALIDITY,
	DIFF_MESSAGE_NEW,
	DIFF_MESSAGE_EXPUNGED,
	DIFF_SIZE,
	DIFF_FLAGS,
	DIFF_DATE,
	DIFF_BYTES
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
};
/* Called for each difference; a sink of text, not a callback across layers: app prints and counts
 * nothing. */
struct difference_out {
	void (*put)(void *arg, const struct difference *d);
	void *arg;
};
/* Files against the state; with_source: folder lists, UIDs, sizes, flags, dates against the server,
 * `deep`: bytes too. */
int job_verify(const struct job *job, bool with_source, bool deep, const struct difference_out *out,
    struct verify_counts *ret, struct err *err) WARN_UNUSED;
const char *difference_words(enum difference_kind k);

#endif
