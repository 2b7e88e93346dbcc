/* What a job has done, from its state alone, in four forms. Folders are read account by account and
 * messages folder by folder, so that memory does not grow with the job. Equal states give equal
 * reports, byte for byte. */
#ifndef APP_REPORT_REPORT_H
#define APP_REPORT_REPORT_H

#include "app/cli/options.h"
#include "app/cli/out.h"
#include "app/job/destined.h"
#include "app/job/watched.h"
#include "state/state.h"

struct report {
	struct state *state;
	const char *dir;
	bool hide;			/* no senders and subjects */
	struct arena arena;
	struct job_birth birth;
	struct destined to;		/* where the accounts of a job go; to.dest NULL: to files */
	struct account_rec *account;
	struct tally *sum;		/* of each account */
	size_t n_accounts;
	struct run_rec *run;
	size_t n_runs;
	struct watched_list watched;
	int exit_code;			/* 0, 1 or 2 by rules.md 5 */
};

/* One account with its folders. */
struct account_report {
	struct arena arena;
	const char *dest;		/* as report_account_dest */
	struct folder_rec *folder;
	size_t n_folders;
	struct tally sum;		/* without folders that are no longer there */
	struct warning *warning;
	size_t n_warnings;
};

int report_open(
    struct report *r, struct state *t, const char *dir, bool hide, struct err *err) WARN_UNUSED;
void report_done(struct report *r);
/* a: one of r->account. */
int report_account(struct report *r, const struct account_rec *a, struct account_report *ret,
    struct err *err) WARN_UNUSED;
/* The account that its mail went to, "anna@host", in a; NULL: files. */
const char *report_account_dest(
    const struct report *r, const struct account_rec *account, struct arena *a);
void report_account_done(struct account_report *a);
int report_problems(struct report *r, const struct folder_rec *f, struct arena *a,
    struct problem **ret, size_t *ret_len, struct err *err) WARN_UNUSED;

void tally_add(struct tally *sum, const struct tally *one);
uint64_t tally_not_good(const struct tally *t);		/* listed ones without a good verdict */
/* "complete", "complete with warnings", "incomplete", "failed", "interrupted" ... */
const char *account_words(const struct account_rec *a, const struct tally *sum);
/* 0, 1 or 2 of this account alone (rules.md 5). */
int account_code(const struct account_rec *a, const struct tally *sum);
/* What people have on a mail server that IMAP does not carry, for people; NULL behind the last. Told of jobs that read
 * from a server, so that nobody promises it. */
extern const char *const report_beyond[];
bool report_tells_beyond(const struct report *r);
/* Has the format line ends that one can choose? */
bool report_has_eol(const struct report *r);
/* For programs: new, running, done, failed, stopped, queued, waiting. */
const char *account_status_name(enum account_status s);
/* "migrate to a server", "extract to maildir, line ends lf" */
void report_kind(const struct report *r, struct out *o);
/* The file in the quarantine that the reason of a problem names; NULL: none. */
const char *report_set_aside(const struct problem *p);
/* Of the runs, the first that a page for people shows: it has the last RUNS_SHOWN. */
enum { RUNS_SHOWN = 20 };
size_t report_runs_from(const struct report *r);
/* UTF-8 of a wire name, in scratch. */
const char *report_name(const char *wire_name, struct buf *scratch);

int report_text(struct report *r, struct out *o, struct err *err) WARN_UNUSED;
int report_json(struct report *r, struct out *o, struct err *err) WARN_UNUSED;
int report_csv(struct report *r, struct out *o, struct err *err) WARN_UNUSED;
int report_html(struct report *r, struct out *o, struct err *err) WARN_UNUSED;
/* One of them to a descriptor, ended and checked. */
int report_print(struct report *r, enum report_format f, int fd, struct err *err) WARN_UNUSED;
/* report.json, report.csv and report.html in r->dir, each replaced as a whole. */
int report_files(struct report *r, struct err *err) WARN_UNUSED;

/* Pieces that tests look at. */
/* Quoted where RFC 4180 asks; formulas disarmed. */
void csv_field(struct out *o, const char *text);
void html_text(struct out *o, const char *text);

#endif
