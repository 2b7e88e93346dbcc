/* Lists of accounts in CSV (design.md section 4; the Migration Wizard's list: exchange-migration.md
 * section 6, rules.md 5). The header row tells which dialect a list is in, so that its columns may
 * stand in any order.
 *
 * Fields follow RFC 4180: one that holds a comma or a quotation mark is enclosed in quotation
 * marks, and those in it are doubled. A line end ends a row also within quotation marks: a mark
 * that is missing then spoils one row, not all that follow. Lines that begin with '!' and empty
 * ones are passed over; blanks around a field are not part of it, but for a password without
 * quotation marks. */
#ifndef APP_USERLIST_H
#define APP_USERLIST_H

#include <stdbool.h>

#include "app/faults.h"
#include "base/arena.h"
#include "base/secret.h"

enum { USERLIST_ROWS_MAX = 1000 * 1000, USER_FIELD_MAX = 1000, USER_PASSWORD_MAX = 8 * 1024 };

struct user_row {
	unsigned line;
	const char *login, *server, *port;	/* port: digits */
	const char *smtp_address;
	const char *ex_mailbox;			/* "" when the list has none */
	bool tls;				/* from the first byte; else STARTTLS */
	bool port_given;
	struct secret *password;		/* NULL: the field is empty. Never cut */
};

struct userlist {
	struct user_row *row;
	size_t len, cap;
	struct arena arena;
};

struct userlist_how {
	unsigned codepage;	/* 0: UTF-8 if it is valid, else Windows-1252 */
	bool tls;		/* where IMAP_SSL says nothing */
};

/* Every row, or every fault: a row with one is left out. Two rows of one account are a fault, and
 * so is a list without rows (EM-35). No fault shows what a field holds, since a comma too many
 * moves passwords into other columns. -1: it cannot be read at all. After either, userlist_done is
 * due. */
int userlist_read(struct userlist *u, const char *path, const struct userlist_how *how,
    struct faults *f, struct err *err) WARN_UNUSED;
/* The same of text in memory, which is changed. */
int userlist_parse(struct userlist *u, const char *name, char *text, size_t len,
    const struct userlist_how *how, struct faults *f, struct err *err) WARN_UNUSED;
void userlist_done(struct userlist *u);	/* passwords are wiped */
/* SOURCE of a row, as "imap://anna%25x@host/"; NULL: the arena is full. */
const char *user_row_url(const struct user_row *r, struct arena *a);
/* Y Yes T True N No F False in any case (1 and 0 are not). */
bool user_truth(const char *text, bool *ret);

#endif
