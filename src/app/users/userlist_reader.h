/* The parts of the reader of lists: dialects and their headers, the fields of a row, rows. For
 * userlist*.c alone. */
#ifndef APP_USERS_USERLIST_READER_H
#define APP_USERS_USERLIST_READER_H

#include "app/cli/csv.h"
#include "app/users/userlist.h"

enum { COLUMNS_MAX = 64 };

enum user_field {
	USER_LOGIN,
	USER_PASSWORD,
	USER_SMTP,
	USER_SERVER,		/* a name or an address, the port has a column of its own */
	USER_EX_MAILBOX,
	USER_PORT,
	USER_SSL,
	USER_ROOT,
	USER_PLACE,		/* host, host:port or URL */
	USER_DEST_PLACE,
	USER_DEST_LOGIN,
	USER_DEST_PASSWORD,
	USER_EXTRA,		/* options of imapsync */
	USER_SOURCE,		/* URLs with the login */
	USER_DEST,
	USER_OPTION
};

struct user_column {
	const char *name;
	enum user_field field;
	bool required;			/* in the header */
	const struct option_row *option;	/* of USER_OPTION */
};

struct user_dialect {
	enum userlist_dialect kind;
	const char *who;		/* for people: "imapsync" */
	const char *header;
	const struct user_column *column;
	size_t n_columns;
	char comment;			/* lines that begin with it are passed over; 0: none */
	bool plain;			/* quotation marks are octets like any other */
	bool bare;			/* the header may be missing; then columns are in order */
	const char *password, *dest_password;
};

/* One end of a row as it comes together. */
struct user_end {
	const char *login, *host;
	unsigned port;			/* 0: the usual one */
	bool tls;
};

/* What imapsync's further options say of both ends. */
struct user_extra {
	bool ssl[2], tls[2];
	unsigned port[2];
};

struct list_reader {
	struct userlist *list;
	const struct userlist_how *how;
	struct faults *faults;
	const char *name;
	char *at, *end;
	unsigned line;
	char line_end;			/* LF; CR in a text without any: Excel's "CSV (Macintosh)" */
	char separator;
	const struct user_dialect *dialect;	/* NULL: the header was not read yet */
	struct user_column column[COLUMNS_MAX];	/* what stands where */
	size_t n_columns;
	struct csv_cell cell[COLUMNS_MAX];
	size_t n_cells;
	/* the row at hand */
	struct user_row row;
	struct user_end source, dest, server;	/* server: of --server */
	struct user_extra extra;
	struct user_setting setting[COLUMNS_MAX + 3];
	bool bad;
	struct options *scratch;	/* to try options with; NULL as long as there is no column */
};

void list_bad(struct list_reader *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
void list_cell_bad(struct list_reader *r, size_t column, const char *expected);

/* The first row, in r->line and `line`. Fills dialect and columns. False: a fault was told. *ret_bare:
 * it is no header but an account, and its cells are split. */
bool list_header(struct list_reader *r, char *line, bool *ret_bare);

/* Host, host:port, imaps://host[:port] or imap://host[:port]; false: none of these. Without scheme it
 * is TLS, but for port 143. */
bool list_place(const char *text, struct arena *a, struct user_end *ret);
/* The field in r->cell[column] into the row. */
void list_field(struct list_reader *r, size_t column);
/* When all fields were read: the ends and what belongs to both. */
void list_finish(struct list_reader *r);

#endif
