/* Options. One table gives the command line, the config file, what a job keeps for later runs, and
 * the usage text.
 *
 * A value comes from one of five levels; a higher one wins, whatever the order they are read in. A
 * list is replaced as a whole by the list of a higher level. */
#ifndef APP_CLI_OPTIONS_H
#define APP_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "app/cli/command.h"
#include "app/cli/when.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cancel.h"
#include "base/err.h"
#include "base/secret.h"
#include "net/route.h"
#include "store/format.h"

/* FROM_LIST: the account's row in a list of accounts. */
enum option_from { FROM_DEFAULT, FROM_CONFIG, FROM_JOB, FROM_COMMAND, FROM_LIST };
enum option_kind {
	OPT_FLAG,	/* bool; --name, --name=no */
	OPT_COUNT,	/* unsigned; each use adds one */
	OPT_TEXT,	/* const char * */
	OPT_FILE,	/* const char *; kept as an absolute path */
	OPT_PIN,	/* const char * */
	OPT_LIST,	/* struct text_list */
	OPT_CHOICE,	/* int: index in `choices` */
	OPT_SET,	/* unsigned: bit set of `choices`, given with commas */
	OPT_DURATION,	/* int64_t ms, within min..max */
	OPT_EVERY,	/* the same; --name alone is EVERY_MS, --name=value another */
	OPT_DATE,	/* struct when */
	OPT_UNTIL,	/* struct when; also HH:MM */
	OPT_ZONE,	/* const char *; a time zone that exists */
	OPT_HOURS,	/* const char *; hours_parse takes it */
	OPT_LOCAL,	/* const char *; an IP address */
	OPT_SEARCH,	/* const char *; an IMAP search key */
	OPT_ADDRESS,	/* const char *; user@domain */
	OPT_NUMBER,	/* unsigned, within min..max */
	OPT_SIZE,	/* uint64_t octets, at least min */
	OPT_PERCENT,	/* unsigned, 1 to 100 */
	OPT_MODE	/* unsigned; permissions, in octal */
};

enum { EVERY_MS = 2000, LIST_MAX = 256, WORDS_MAX = 3, OPTIONS_MAX = 128 };
enum eol_choice { EOL_LF, EOL_CRLF };
enum progress_choice { PROGRESS_AUTO, PROGRESS_JSON, PROGRESS_NONE };
enum quirks_format { QUIRKS_TEXT, QUIRKS_JSON, QUIRKS_MARKDOWN };
enum report_format { REPORT_TEXT, REPORT_JSON, REPORT_CSV, REPORT_HTML };
enum namespace_bit { NAMESPACE_PERSONAL = 1, NAMESPACE_OTHER = 2, NAMESPACE_SHARED = 4 };

struct text_list {
	const char *item[LIST_MAX];
	size_t len;
};

struct options {
	const struct command *command;
	const char *word[WORDS_MAX];	/* what is no option: SOURCE, DIR */
	size_t n_words;
	const char *to;
	const char *job;
	struct text_list folders, excludes;
	bool subscribed;
	unsigned namespaces;		/* enum namespace_bit */
	struct when since, before;
	bool skip_deleted, unseen;
	uint64_t min_size, max_size;	/* octets; 0: no limit */
	uint64_t min_free;		/* octets; when given */
	const char *owner;		/* USER[:GROUP]; NULL: who runs imex */
	unsigned mode;			/* of files of mail; when given */
	const char *search;		/* NULL: all */
	struct text_list first;		/* --priority-folders */
	int eol, report_format, quirks_format, progress;
	int format;			/* enum format */
	bool windows_names, mbox_status, full_source, drafts_by_flag;
	unsigned codepage;
	const char *smtp_address;
	const char *ex_mailbox;		/* of the list of users; NULL: none */
	const char *timezone;		/* NULL: the job's, or the machine's */
	const char *dest;		/* an IMAP URL; "%u" in it is each login */
	struct password_way {
		const char *file, *command;
	} way, dest_way;		/* of the source; of the destination */
	int auth, dest_auth;		/* enum auth */
	const char *auth_user, *dest_auth_user;	/* who logs in for the account; NULL: the account */
	struct text_list maps;		/* A=B */
	const char *prefix, *under, *spool, *account;
	const char *dest_tls_ca, *dest_tls_pin;
	bool acl, metadata, quota;
	bool dest_insecure_plaintext, dest_insecure_tls, yes;
	bool compress, dest_compress;
	int64_t doubt_wait_ms;
	bool delete_extra, mirror;
	/* Of a row of a list of users: wins over all ways, borrowed, not an option. */
	const struct secret *password, *dest_password;
	const char *password_from;	/* for people */
	bool unattended;		/* one of many: nobody is asked at a prompt */
	struct cancel *stop;		/* ends a command that prints a password; NULL: none; borrowed */
	const char *tls_ca, *tls_pin;
	bool insecure_plaintext, insecure_tls;
	int64_t timeout_ms;
	unsigned connections;
	const char *bind;
	struct text_list resolve;	/* HOST:PORT:ADDRESS */
	const char *source_host;	/* HOST[:PORT]; NULL: that of SOURCE */
	bool ipv4, ipv6;
	/* of many accounts */
	unsigned jobs, per_host, tries, stop_if;
	uint64_t rate, rate_account, max_per_day;	/* octets a second; octets; 0: no limit */
	int64_t retry_delay_ms;
	int order;			/* enum schedule_order */
	bool keep_going;
	const char *users, *server;	/* a list of accounts; the server of Exchange Online's */
	struct text_list only;		/* patterns of accounts */
	unsigned limit;			/* accounts of the list; 0: all */
	bool merge;			/* two rows may have one destination */
	const char *metrics_file;
	const char *hours;		/* 20-06; NULL: always */
	int64_t ready_ms, every_ms;	/* status --ready, --watch; 0: not asked */
	bool watch;
	unsigned watch_idle;		/* accounts that stay connected */
	int64_t watch_poll_ms;
	struct when until;
	bool no_confine, no_source_writes, list_all, no_subjects, deep, dry_run, quiet, json, syslog, journal;
	unsigned verbose;
	const char *config;
	bool help, version;

	struct arena arena;		/* text that is not the command line's */
	uint8_t from[OPTIONS_MAX];	/* enum option_from by row of the table */
};

/* What a job keeps for retry and verify; what is fixed at its birth is kept there. */
enum option_kept {
	KEPT_NOT,	/* of the run, or of its files */
	KEPT_OF_JOB,	/* the same for all accounts of a list */
	KEPT_OF_ACCOUNT	/* an account of a list may have its own, as a column */
};

struct option_row {
	const char *name;
	char letter;			/* 0: none */
	enum option_kind kind;
	unsigned commands;		/* enum command_bit */
	enum option_kept kept;
	size_t offset;			/* in struct options */
	const char *arg;		/* its name in usage; NULL: takes none */
	const char *choices;		/* OPT_CHOICE, OPT_SET */
	int64_t min, max;
	const char *help;		/* NULL: not listed */
};

extern const char *const format_words[FORMATS];	/* names of --format, by enum format */
extern const struct option_row option_table[];
extern const size_t option_count;

void options_init(struct options *o, const struct command *command);
void options_done(struct options *o);
/* The words behind the command. ERR_USAGE names the nearest option or the accepted values. Stops at
 * --help. */
int options_command_line(struct options *o, int argc, char **argv, struct err *err) WARN_UNUSED;
/* Is all there that the command needs? After config file and command line were read. */
int options_check(const struct options *o, struct err *err) WARN_UNUSED;
/* Do the options fit each other? What the format has no use for is an error when the command line
 * says it; a config file may speak for several formats. To be asked when the format is certain. */
int options_fit(const struct options *o, struct err *err) WARN_UNUSED;
/* Can a message be old and large enough, and young and small enough? A part of options_fit. */
int options_between(const struct options *o, struct err *err) WARN_UNUSED;
/* --bind, --resolve, --ipv4, --ipv6; borrowed. What the command line says of families wins over what
 * a job kept. */
struct route options_route(const struct options *o);
/* One option by name at a level. The text is copied unless it is the command line's. */
int options_set(struct options *o, const struct option_row *row, enum option_from from,
    const char *value, struct err *err) WARN_UNUSED;
/* Would this value be accepted? The error says what is, and does not show the value. `scratch` is of
 * options_init and holds nothing of use afterwards. */
int options_try(struct options *scratch, const struct option_row *row, const char *value,
    struct err *err) WARN_UNUSED;
/* Row of that name that the command has; NULL: none. */
const struct option_row *option_find(const char *name, unsigned command);
const char *option_nearest(const char *name, unsigned commands);
enum option_from option_level(const struct options *o, const void *field);	/* the highest that has set it */
bool option_given(const struct options *o, const void *field);	/* from any level but the default */
bool option_said(const struct options *o, const void *field);	/* on the command line */

#endif
