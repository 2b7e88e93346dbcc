/* Lists of accounts (design.md section 4; imex-users(5); the Migration Wizard's list:
 * exchange-migration.md section 6, rules.md 5). The header row tells which of four dialects a list is
 * in, and its columns may stand in any order; only imapsync's may lack one.
 *
 * Fields follow RFC 4180, with commas, semicolons or tabs between them, whatever the header has: one
 * that holds such a separator or a quotation mark is enclosed in quotation marks, and those in it are
 * doubled. A line end ends a row also within quotation marks: a mark that is missing then spoils one
 * row, not all that follow. In imapsync's lists a quotation mark is an octet like any other. Blanks
 * around a field are not part of it, but for a password without quotation marks. */
#ifndef APP_USERS_USERLIST_H
#define APP_USERS_USERLIST_H

#include <stdbool.h>

#include "app/cli/faults.h"
#include "app/cli/options.h"
#include "app/users/password.h"
#include "base/arena.h"
#include "base/secret.h"

enum { USERLIST_ROWS_MAX = 1000 * 1000, USER_FIELD_MAX = 1000, USER_PASSWORD_MAX = 8 * 1024 };
enum { USERLIST_ARENA = 512 * 1024 * 1024 };	/* octets of texts that a list may hold */

enum userlist_dialect {
	USERLIST_WIZARD = 1,	/* IMAP_Mailbox,IMAP_Password,SMTP_Address,IMAP_Server,... */
	USERLIST_EXCHANGE = 2,	/* EmailAddress,UserName,Password[,UserRoot] */
	USERLIST_IMAPSYNC = 4,	/* host1;user1;password1;host2;user2;password2; */
	USERLIST_OWN = 8,	/* source,dest,OPTION,... */
	USERLIST_ALL = 15
};

/* An option that this account has of its own. One of lists is there for each item. */
struct user_setting {
	const struct option_row *row;
	const char *text;			/* options_set takes it */
	size_t column;				/* that it stands in, from 0 */
};

struct user_row {
	unsigned line;
	const char *source;			/* URL, as "imap://anna%25x@host/" */
	const char *dest;			/* URL; NULL: the list names none */
	const char *login, *server, *port;	/* of source; port: digits */
	const char *dest_login, *dest_server, *dest_port;	/* NULL without dest */
	const char *smtp_address, *ex_mailbox;	/* "" when the list has none */
	bool tls;				/* from the first byte; else STARTTLS */
	bool port_given;
	struct secret *password, *dest_password;	/* NULL: the field is empty. Never cut */
	const struct user_setting *setting;
	size_t n_settings;
};

struct userlist {
	struct user_row *row;
	size_t len, cap;
	enum userlist_dialect dialect;		/* 0: it has no header */
	const char *password_name, *dest_password_name;	/* of the columns; NULL: it can have none */
	struct arena arena;
};

struct userlist_how {
	unsigned codepage;	/* 0: UTF-8 if it is valid, else Windows-1252 */
	unsigned dialects;	/* enum userlist_dialect; 0: all */
	bool tls;		/* the wizard's, where IMAP_SSL says nothing */
	const char *server;	/* Exchange Online's: host, host:port or URL of the source; NULL */
	bool merge;		/* two rows may have one destination (rules.md 2.6) */
};

/* Every row, or every fault: a row with one is left out. Two rows of one account are a fault, two with
 * one destination are unless `merge`, and so is a list without rows (EM-35). No fault shows what a
 * field holds, since a separator too many moves passwords into other columns. -1: it cannot be read
 * at all, or `server` is none (ERR_USAGE). After either, userlist_done is due. */
int userlist_read(struct userlist *u, const char *path, const struct userlist_how *how,
    struct faults *f, struct err *err) WARN_UNUSED;
/* The same of text in memory, which is changed. */
int userlist_parse(struct userlist *u, const char *name, char *text, size_t len,
    const struct userlist_how *how, struct faults *f, struct err *err) WARN_UNUSED;
void userlist_done(struct userlist *u);	/* passwords are wiped */

/* Keep the rows whose login, or login@host[:port], matches one of the patterns (as of a shell, in any
 * case, '\' is an octet like any other), and of them the first `limit`; 0: all. ERR_USAGE: a pattern
 * that matches no row; the list is unchanged then. */
int userlist_choose(struct userlist *u, const struct text_list *only, unsigned limit,
    struct err *err) WARN_UNUSED;
/* A row without a password, for which no other way of `o` or of its own settings gives one, is a
 * fault: nobody types thousands of them; and so is one whose own file or program for it is not there. For PASSWORD_DEST
 * rows without dest are passed over. */
void userlist_passwords(const struct userlist *u, const char *name, struct options *o,
    enum password_of which, struct faults *f);
/* Does a row need the --password-file of all, or that of the destination, and it gives no password? */
int userlist_way_of_all(
    const struct userlist *u, const struct options *o, enum password_of which, struct err *err) WARN_UNUSED;
/* A row that leaves no message, by itself or with the options of all, is a fault. */
void userlist_between(const struct userlist *u, const char *name, const struct options *o, struct faults *f);
/* A row that takes DEST of all, with the login for %u, and would end up in the account of another row,
 * is a fault (rules.md 2.6). DEST is one that destination_check accepted; may_merge: the command has
 * --merge. */
void userlist_apart(const struct userlist *u, const char *name, const char *dest, bool may_merge,
    struct faults *f);
/* The first row with both ends, `dest` being that of those without one, on one server (host and port);
 * NULL: there is none. */
const struct user_row *userlist_one_server(const struct userlist *u, const char *dest);
/* As strcmp; the usual ports of IMAP are one, as accounts are the same behind both. */
int userlist_server_compare(const char *x, const char *x_port, const char *y, const char *y_port);
/* Warn if the file holds passwords that others can read. */
void userlist_warn_mode(const struct userlist *u, const char *path);
/* Put what the row says into the options of its account: the settings that o->command has, which win
 * over the command line, and the passwords, which are borrowed. */
int user_row_apply(const struct user_row *r, struct options *o, struct err *err) WARN_UNUSED;

/* Y Yes T True N No F False in any case (1 and 0 are not). */
bool user_truth(const char *text, bool *ret);

#endif
