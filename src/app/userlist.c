#include "app/userlist.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "app/csv.h"
#include "app/textfile.h"
#include "app/values.h"
#include "base/mem.h"

enum { COLUMNS_MAX = 64, USERLIST_ARENA = 512 * 1024 * 1024 };

enum user_field {
	USER_LOGIN,
	USER_PASSWORD,
	USER_SMTP,
	USER_SERVER,
	USER_EX_MAILBOX,
	USER_PORT,
	USER_SSL,
	USER_FIELDS
};

struct user_column {
	const char *name;
	enum user_field field;
	bool required;
};

struct user_dialect {
	const char *header; /* for people */
	const struct user_column *column;
	size_t n_columns;
};

static const struct user_column wizard_columns[] = {
	{ "IMAP_Mailbox", USER_LOGIN, true },
	{ "IMAP_Password", USER_PASSWORD, true },
	{ "SMTP_Address", USER_SMTP, true },
	{ "IMAP_Server", USER_SERVER, true },
	{ "Ex_Mailbox", USER_EX_MAILBOX, false },
	{ "IMAP_Port", USER_PORT, false },
	{ "IMAP_SSL", USER_SSL, false },
};

/* The one whose required columns the first row has. */
static const struct user_dialect dialects[] = {
	{ "IMAP_Mailbox,IMAP_Password,SMTP_Address,IMAP_Server[,Ex_Mailbox[,IMAP_Port[,IMAP_SSL]]]",
	    wizard_columns, COUNT_OF(wizard_columns) },
};

struct reader {
	struct userlist *list;
	const struct userlist_how *how;
	struct faults *faults;
	const char *name;
	char *at, *end;
	unsigned line;
	const struct user_dialect *dialect;
	enum user_field column[COLUMNS_MAX]; /* what stands where */
	size_t n_columns;
	struct csv_cell cell[COLUMNS_MAX];
	size_t n_cells;
	struct user_row row; /* at hand */
	bool bad;
};

/* ---- lines and cells ---- */

/* The next line, NUL-terminated in place of its end; false: there is none. */
static bool
reader_line(struct reader *r, char **ret)
{
	char *lf = r->at < r->end ? memchr(r->at, '\n', (size_t)(r->end - r->at)) : NULL;

	if (r->at == r->end)
		return false;
	*ret = r->at;
	r->at = lf ? lf + 1 : r->end;
	if (!lf)
		lf = r->end;
	*lf = '\0';
	if (lf > *ret && lf[-1] == '\r')
		lf[-1] = '\0';
	r->line++;
	return true;
}

static const char *
column_name(const struct reader *r, size_t column)
{
	for (size_t i = 0; r->dialect && column < r->n_columns && i < r->dialect->n_columns; i++)
		if (r->dialect->column[i].field == r->column[column])
			return r->dialect->column[i].name;
	return "the header";
}

static void
cell_bad(struct reader *r, size_t column, const char *expected)
{
	r->bad = true;
	faults_add(r->faults, r->name, r->line, "column %zu, %s: %s", column + 1,
	    column_name(r, column), expected);
}

/* Split a line; false: a fault was told. */
static bool
reader_cells(struct reader *r, char *line)
{
	enum csv_fault fault = csv_split(line, r->cell, COLUMNS_MAX, &r->n_cells);

	if (fault == CSV_TOO_MANY)
		faults_add(r->faults, r->name, r->line, "more than %d fields; the header is %s",
		    COLUMNS_MAX, dialects[0].header);
	else if (fault != CSV_GOOD)
		cell_bad(r, r->n_cells, csv_fault_words(fault));
	return fault == CSV_GOOD;
}

/* ---- the header ---- */

static const struct user_column *
dialect_column(const struct user_dialect *d, const char *name)
{
	for (size_t i = 0; i < d->n_columns; i++)
		if (strcasecmp(d->column[i].name, name) == 0)
			return &d->column[i];
	return NULL;
}

static size_t
dialect_known(const struct reader *r, const struct user_dialect *d)
{
	size_t known = 0;

	for (size_t i = 0; i < r->n_cells; i++)
		known += dialect_column(d, r->cell[i].text) != NULL;
	return known;
}

static const char *
dialect_nearest(const struct user_dialect *d, const char *name)
{
	struct nearest n;

	nearest_init(&n, name);
	for (size_t i = 0; i < d->n_columns; i++)
		nearest_try(&n, d->column[i].name);
	return n.best;
}

static void
header_column(struct reader *r, const struct user_dialect *d, const char *name)
{
	const struct user_column *c = dialect_column(d, name);

	if (!c) {
		faults_add(r->faults, r->name, r->line,
		    "column %zu of the header, '%.60s', is none; did you mean %s? The header is %s",
		    r->n_columns + 1, name, dialect_nearest(d, name), d->header);
		r->bad = true;
		return;
	}
	for (size_t i = 0; i < r->n_columns; i++) {
		if (r->column[i] == c->field) {
			faults_add(r->faults, r->name, r->line,
			    "the header has %s twice, in columns %zu and %zu", c->name, i + 1,
			    r->n_columns + 1);
			r->bad = true;
		}
	}
	r->column[r->n_columns++] = c->field;
}

static void
header_required(struct reader *r, const struct user_dialect *d)
{
	for (size_t i = 0; i < d->n_columns; i++) {
		bool there = !d->column[i].required;

		for (size_t k = 0; k < r->n_columns; k++)
			there |= r->column[k] == d->column[i].field;
		if (there)
			continue;
		faults_add(r->faults, r->name, r->line,
		    "the header lacks the column %s; the header is %s", d->column[i].name,
		    d->header);
		r->bad = true;
	}
}

/* A first row in which nothing is known may be an account: it is not shown. */
static bool
reader_header(struct reader *r, char *line)
{
	const struct user_dialect *d = &dialects[0];

	if (!reader_cells(r, line))
		return false;
	for (size_t i = 0; i < r->n_cells; i++)
		csv_trimmed(&r->cell[i]);
	for (size_t i = 1; i < COUNT_OF(dialects); i++)
		if (dialect_known(r, &dialects[i]) > dialect_known(r, d))
			d = &dialects[i];
	if (dialect_known(r, d) < 2) {
		faults_add(r->faults, r->name, r->line,
		    "this first row is no header; it should be %s", d->header);
		return false;
	}
	for (size_t i = 0; i < r->n_cells; i++)
		header_column(r, d, r->cell[i].text);
	header_required(r, d);
	r->dialect = d;
	return !r->bad;
}

/* ---- the fields of a row ---- */

static bool
has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	return false;
}

static const char *
row_text(struct reader *r, size_t column, const char *text, const char *expected)
{
	const char *copy;

	if (strlen(text) > USER_FIELD_MAX || has_control(text)) {
		cell_bad(r, column, "at most 1,000 octets without control characters are accepted");
		return "";
	}
	if (*text == '\0' && expected) {
		cell_bad(r, column, expected);
		return "";
	}
	copy = arena_copy(&r->list->arena, slice_str(text));
	if (!copy) {
		cell_bad(r, column, "the list is too large for memory");
		return "";
	}
	return copy;
}

static void
row_password(struct reader *r, size_t column, struct csv_cell *c)
{
	size_t len = strlen(c->text);

	if (len > USER_PASSWORD_MAX)
		cell_bad(r, column, "a password of at most 8,192 octets is accepted");
	else if (len > 0)
		r->row.password = secret_new((struct slice){ c->text, len });
}

/* A name or an address; the port has a column of its own. */
static bool
server_is_plausible(const char *text)
{
	const char *colon = strchr(text, ':');

	return !strpbrk(text, " \t/@%\\\"<>,;") && (!colon || strchr(colon + 1, ':'));
}

static void
row_server(struct reader *r, size_t column, char *text)
{
	size_t len = strlen(text);

	if (len > 2 && *text == '[' && text[len - 1] == ']') {
		text[len - 1] = '\0';
		text++;
	}
	if (!server_is_plausible(text)) {
		cell_bad(r, column,
		    "a host name or an address alone is expected; a port goes into IMAP_Port");
		return;
	}
	r->row.server = row_text(r, column, text, "the host name of the IMAP server is missing");
}

static void
row_port(struct reader *r, size_t column, const char *text)
{
	uint64_t port;

	if (*text == '\0')
		return;
	if (!value_number(text, 65535, &port) || port == 0) {
		cell_bad(r, column, "a number from 1 to 65535, or nothing, is expected");
		return;
	}
	r->row.port = arena_printf(&r->list->arena, "%u", (unsigned)port);
	r->row.port_given = r->row.port != NULL;
}

bool
user_truth(const char *text, bool *ret)
{
	int i = value_choice(text, "n|y|no|yes|f|t|false|true");

	if (i < 0)
		return false;
	*ret = i % 2 == 1;
	return true;
}

static void
row_field(struct reader *r, size_t column, struct csv_cell *c)
{
	char *text = r->column[column] == USER_PASSWORD ? c->text : csv_trimmed(c);

	switch (r->column[column]) {
	case USER_LOGIN:
		r->row.login = row_text(r, column, text, "the name to log in with is missing");
		break;
	case USER_PASSWORD:
		row_password(r, column, c);
		break;
	case USER_SMTP:
		if (!value_address(text))
			cell_bad(r, column, "an address as anna@example.org is expected");
		else
			r->row.smtp_address = row_text(r, column, text, NULL);
		break;
	case USER_SERVER:
		row_server(r, column, text);
		break;
	case USER_EX_MAILBOX:
		r->row.ex_mailbox = row_text(r, column, text, NULL);
		break;
	case USER_PORT:
		row_port(r, column, text);
		break;
	case USER_SSL:
		if (*text && !user_truth(text, &r->row.tls))
			cell_bad(
			    r, column, "Y, Yes, T, True, N, No, F, False or nothing is expected");
		break;
	case USER_FIELDS:
		break;
	}
}

/* ---- rows ---- */

static bool
row_has_all(struct reader *r)
{
	if (r->n_cells > r->n_columns) {
		faults_add(r->faults, r->name, r->line,
		    "%zu fields, but the header has %zu columns; a field with a comma in it is "
		    "enclosed in quotation marks",
		    r->n_cells, r->n_columns);
		return false;
	}
	for (size_t i = r->n_cells; i < r->n_columns; i++) {
		if (!dialect_column(r->dialect, column_name(r, i))->required)
			continue;
		faults_add(r->faults, r->name, r->line,
		    "column %zu, %s, is missing; the row ends with "
		    "column %zu",
		    i + 1, column_name(r, i), r->n_cells);
		return false;
	}
	return true;
}

static void
row_keep(struct reader *r)
{
	struct userlist *u = r->list;

	if (!r->row.port)
		r->row.port = r->row.tls ? "993" : "143";
	if (u->len == u->cap) {
		u->cap = u->cap ? u->cap * 2 : 64;
		u->row = mem_resize(u->row, u->cap, sizeof(*u->row));
	}
	u->row[u->len++] = r->row;
}

static int
reader_row(struct reader *r, char *line, struct err *err)
{
	if (r->list->len == USERLIST_ROWS_MAX)
		return err_set(err, ERR_MALFORMED, "%s:%u: more than %d accounts; split the list",
		    r->name, r->line, USERLIST_ROWS_MAX);
	r->row = (struct user_row){ .line = r->line, .ex_mailbox = "", .tls = r->how->tls };
	r->bad = false;
	if (!reader_cells(r, line) || !row_has_all(r))
		return 0;
	for (size_t i = 0; i < r->n_cells; i++)
		row_field(r, i, &r->cell[i]);
	if (r->bad)
		secret_free(r->row.password);
	else
		row_keep(r);
	return 0;
}

/* ---- two rows of one account ---- */

static int
row_compare(const void *a, const void *b)
{
	const struct user_row *x = *(const struct user_row *const *)a;
	const struct user_row *y = *(const struct user_row *const *)b;
	int c = strcmp(x->login, y->login);

	if (c == 0)
		c = strcasecmp(x->server, y->server);
	if (c == 0)
		c = strcmp(x->port, y->port);
	return c ? c : (x->line > y->line) - (x->line < y->line);
}

static bool
row_same(const struct user_row *x, const struct user_row *y)
{
	return strcmp(x->login, y->login) == 0 && strcasecmp(x->server, y->server) == 0 &&
	       strcmp(x->port, y->port) == 0;
}

static void
reader_twins(struct reader *r)
{
	const struct userlist *u = r->list;
	const struct user_row **sorted = mem_resize(NULL, u->len + 1, sizeof(struct user_row *));

	for (size_t i = 0; i < u->len; i++)
		sorted[i] = &u->row[i];
	qsort(sorted, u->len, sizeof(*sorted), row_compare);
	for (size_t i = 1; i < u->len; i++)
		if (row_same(sorted[i - 1], sorted[i]))
			faults_add(r->faults, r->name, sorted[i]->line,
			    "the account of line %u again: the same login, server and port",
			    sorted[i - 1]->line);
	free(sorted);
}

/* ---- the list ---- */

static int
reader_all(struct reader *r, struct err *err)
{
	size_t faults = r->faults->count;
	char *line;

	while (reader_line(r, &line)) {
		if (*line == '!' || line[strspn(line, " \t")] == '\0')
			continue;
		if (r->dialect) {
			if (reader_row(r, line, err) < 0)
				return -1;
		} else if (!reader_header(r, line)) {
			return 0;
		}
	}
	reader_twins(r);
	if (r->list->len == 0 && r->faults->count == faults)
		faults_add(r->faults, r->name, 0, "the list has no account%s",
		    r->dialect ? " below its header" : "; its first row should be the header");
	return 0;
}

int
userlist_parse(struct userlist *u, const char *name, char *text, size_t len,
    const struct userlist_how *how, struct faults *f, struct err *err)
{
	struct reader r = {
		.list = u, .how = how, .faults = f, .name = name, .at = text, .end = text + len
	};

	*u = (struct userlist){ 0 };
	arena_init(&u->arena, USERLIST_ARENA);
	return reader_all(&r, err);
}

int
userlist_read(struct userlist *u, const char *path, const struct userlist_how *how,
    struct faults *f, struct err *err)
{
	struct textfile text;
	int rc;

	*u = (struct userlist){ 0 };
	if (textfile_read(&text, path, TEXTFILE_MAX, how->codepage, err) < 0)
		return -1;
	rc = userlist_parse(u, path, text.data, text.len, how, f, err);
	textfile_done(&text);
	return rc;
}

void
userlist_done(struct userlist *u)
{
	for (size_t i = 0; i < u->len; i++)
		secret_free(u->row[i].password);
	free(u->row);
	arena_done(&u->arena);
	*u = (struct userlist){ 0 };
}

const char *
user_row_url(const struct user_row *r, struct arena *a)
{
	bool v6 = strchr(r->server, ':') != NULL;
	const char *url = NULL;
	struct buf user;

	buf_init(&user, USER_FIELD_MAX * 3 + 1);
	for (const char *at = r->login; *at; at++) {
		if ((unsigned char)*at <= ' ' || strchr("%\"\\", *at))
			buf_printf(&user, "%%%02X", (unsigned char)*at);
		else
			buf_add_byte(&user, *at);
	}
	if (!user.full)
		url = arena_printf(a, "%s://%s@%s%s%s%s%s/", r->tls ? "imaps" : "imap",
		    user.data ? user.data : "", v6 ? "[" : "", r->server, v6 ? "]" : "",
		    r->port_given ? ":" : "", r->port_given ? r->port : "");
	buf_done(&user);
	return url;
}
