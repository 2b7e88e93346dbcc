#include "app/users/userlist.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "app/cli/textfile.h"
#include "app/users/userlist_reader.h"
#include "base/mem.h"


/* ---- faults ---- */

void
list_bad(struct list_reader *r, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->bad = true;
	faults_add(r->faults, r->name, r->line, "%s", text);
}

void
list_cell_bad(struct list_reader *r, size_t column, const char *expected)
{
	bool option = column < r->n_columns && r->column[column].option;

	list_bad(r, "column %zu, %s: %s%s", column + 1,
	    column < r->n_columns ? r->column[column].name : "which the header lacks",
	    option ? "not accepted; " : "", expected);
}

/* ---- lines and cells ---- */

/* The next line, NUL-terminated in place of its end; false: there is none. */
static bool
reader_line(struct list_reader *r, char **ret)
{
	char *end = r->at < r->end ? memchr(r->at, r->line_end, (size_t)(r->end - r->at)) : NULL;

	if (r->at == r->end)
		return false;
	*ret = r->at;
	r->at = end ? end + 1 : r->end;
	if (!end)
		end = r->end;
	*end = '\0';
	if (end > *ret && end[-1] == '\r')
		end[-1] = '\0';
	r->line++;
	return true;
}

/* Split a line; false: a fault was told. */
static bool
reader_cells(struct list_reader *r, char *line)
{
	enum csv_fault fault =
	    (r->dialect->plain ? csv_split_plain : csv_split)(line, r->separator, r->cell,
		COLUMNS_MAX, &r->n_cells);

	if (fault == CSV_TOO_MANY)
		list_bad(r, "more than %d fields; the header has %zu columns", COLUMNS_MAX,
		    r->n_columns);
	else if (fault != CSV_GOOD)
		list_cell_bad(r, r->n_cells, csv_fault_words(fault));
	return fault == CSV_GOOD;
}

/* ---- rows ---- */

static bool
cell_is_empty(const struct csv_cell *c)
{
	return !c->quoted && c->text[strspn(c->text, " \t")] == '\0';
}

/* What a spreadsheet leaves of a row that was emptied. */
static bool
row_is_empty(const struct list_reader *r)
{
	for (size_t i = 0; i < r->n_cells; i++)
		if (!cell_is_empty(&r->cell[i]))
			return false;
	return true;
}

static bool
row_has_all(struct list_reader *r)
{
	while (r->n_cells > r->n_columns && cell_is_empty(&r->cell[r->n_cells - 1]))
		r->n_cells--;
	if (r->n_cells > r->n_columns && r->dialect->plain)
		list_bad(r, "%zu fields, but there are %zu columns; no field of such a list can hold a "
			   "'%c': a list with the header source,dest,password can",
		    r->n_cells, r->n_columns, r->separator);
	else if (r->n_cells > r->n_columns)
		list_bad(r,
		    "%zu fields, but the header has %zu columns; a field with a %s in it is "
		    "enclosed in quotation marks",
		    r->n_cells, r->n_columns,
		    r->separator == ',' ? "comma" : r->separator == ';' ? "semicolon" : "tab");
	for (size_t i = r->n_cells; i < r->n_columns && !r->bad; i++)
		if (r->column[i].required)
			list_bad(r, "column %zu, %s, is missing; the row ends with column %zu",
			    i + 1, r->column[i].name, r->n_cells);
	return !r->bad;
}

static void
row_keep(struct list_reader *r)
{
	struct userlist *u = r->list;

	if (u->len == u->cap) {
		u->cap = u->cap ? u->cap * 2 : 64;
		u->row = mem_resize(u->row, u->cap, sizeof(*u->row));
	}
	u->row[u->len++] = r->row;
}

static void
row_drop(struct user_row *row)
{
	secret_free(row->password);
	secret_free(row->dest_password);
}

/* Its cells are split. */
static int
reader_row(struct list_reader *r, struct err *err)
{
	if (r->list->len == USERLIST_ROWS_MAX)
		return err_set(err, ERR_MALFORMED, "%s:%u: more than %d accounts; split the list",
		    r->name, r->line, USERLIST_ROWS_MAX);
	r->row = (struct user_row){ .line = r->line, .smtp_address = "", .ex_mailbox = "" };
	r->source = r->server;
	if (r->dialect->kind == USERLIST_WIZARD)
		r->source.tls = r->how->tls;
	r->dest = (struct user_end){ 0 };
	r->extra = (struct user_extra){ 0 };
	if (!row_has_all(r))
		return 0;
	for (size_t i = 0; i < r->n_cells; i++)
		list_field(r, i);
	if (!r->bad)
		list_finish(r);
	if (r->bad)
		row_drop(&r->row);
	else
		row_keep(r);
	return 0;
}

/* ---- two rows of one account ---- */

/* 143 and 993 are two doors of one server, as for the names of accounts (rules.md 3.2). */
int
userlist_server_compare(const char *x, const char *x_port, const char *y, const char *y_port)
{
	bool x_usual = strcmp(x_port, "143") == 0 || strcmp(x_port, "993") == 0;
	bool y_usual = strcmp(y_port, "143") == 0 || strcmp(y_port, "993") == 0;
	int c = strcasecmp(x, y);

	if (c != 0 || (x_usual && y_usual))
		return c;
	return x_usual != y_usual ? x_usual - y_usual : strcmp(x_port, y_port);
}

static int
source_compare(const struct user_row *x, const struct user_row *y)
{
	int c = strcmp(x->login, y->login);

	return c ? c : userlist_server_compare(x->server, x->port, y->server, y->port);
}

/* Servers that deliver mail take a login in any case. */
static int
dest_compare(const struct user_row *x, const struct user_row *y)
{
	int c = strcasecmp(x->dest_login, y->dest_login);

	return c ? c : userlist_server_compare(x->dest_server, x->dest_port, y->dest_server, y->dest_port);
}

static int
by_source(const void *a, const void *b)
{
	const struct user_row *x = *(const struct user_row *const *)a;
	const struct user_row *y = *(const struct user_row *const *)b;
	int c = source_compare(x, y);

	return c ? c : (x->line > y->line) - (x->line < y->line);
}

static int
by_dest(const void *a, const void *b)
{
	const struct user_row *x = *(const struct user_row *const *)a;
	const struct user_row *y = *(const struct user_row *const *)b;
	int c = dest_compare(x, y);

	return c ? c : (x->line > y->line) - (x->line < y->line);
}

static void
twins_of_source(struct list_reader *r, const struct user_row **sorted, size_t n)
{
	qsort(sorted, n, sizeof(*sorted), by_source);
	for (size_t i = 1; i < n; i++) {
		if (source_compare(sorted[i - 1], sorted[i]) != 0)
			continue;
		r->line = sorted[i]->line;
		list_bad(r, "the account of line %u again: the same login, server and port",
		    sorted[i - 1]->line);
	}
}

static void
twins_of_dest(struct list_reader *r, const struct user_row **sorted, size_t n)
{
	qsort(sorted, n, sizeof(*sorted), by_dest);
	for (size_t i = 1; i < n; i++) {
		if (dest_compare(sorted[i - 1], sorted[i]) != 0)
			continue;
		r->line = sorted[i]->line;
		list_bad(r, "the destination is that of line %u, and the mail of both would end up in "
			   "one account; --merge allows that", sorted[i - 1]->line);
	}
}

static void
reader_twins(struct list_reader *r)
{
	const struct userlist *u = r->list;
	const struct user_row **sorted = mem_resize(NULL, u->len + 1, sizeof(struct user_row *));
	size_t n = 0;

	for (size_t i = 0; i < u->len; i++)
		sorted[i] = &u->row[i];
	twins_of_source(r, sorted, u->len);
	for (size_t i = 0; i < u->len; i++) {
		const struct user_row *row = &u->row[i];

		if (!row->dest)
			continue;
		sorted[n++] = row;
		r->line = row->line;
		if (strcmp(row->login, row->dest_login) == 0 &&
		    userlist_server_compare(row->server, row->port, row->dest_server, row->dest_port) == 0)
			list_bad(r, "source and destination are one account");
	}
	if (!r->how->merge)
		twins_of_dest(r, sorted, n);
	free(sorted);
}

/* ---- the list ---- */

static int
reader_first(struct list_reader *r, char *line, struct err *err)
{
	bool bare;

	if (*line == '!' || *line == '#')
		return 0;
	if (!list_header(r, line, &bare)) {
		r->at = r->end;
		return 0;
	}
	r->list->dialect = r->dialect->kind;
	r->list->password_name = r->dialect->password;
	r->list->dest_password_name = r->dialect->dest_password;
	return bare ? reader_row(r, err) : 0;
}

static int
reader_next(struct list_reader *r, char *line, struct err *err)
{
	r->bad = false;
	if (!r->dialect)
		return reader_first(r, line, err);
	if (r->dialect->comment && *line == r->dialect->comment)
		return 0;
	if (!reader_cells(r, line) || row_is_empty(r))
		return 0;
	return reader_row(r, err);
}

static int
reader_all(struct list_reader *r, struct err *err)
{
	size_t faults = r->faults->count;
	char *line;

	while (reader_line(r, &line))
		if (line[strspn(line, " \t")] != '\0' && reader_next(r, line, err) < 0)
			return -1;
	reader_twins(r);
	if (r->list->len == 0 && r->faults->count == faults)
		faults_add(r->faults, r->name, 0, "the list has no account%s",
		    r->dialect ? " below its header" : "; its first row should be the header");
	return 0;
}

static int
reader_server(struct list_reader *r, struct err *err)
{
	if (!r->how->server || list_place(r->how->server, &r->list->arena, &r->server))
		return 0;
	return err_set(err, ERR_USAGE,
	    "--server: '%s' is not accepted; imap.example.org, imap.example.org:993 and "
	    "imaps://imap.example.org/ are",
	    r->how->server);
}

int
userlist_parse(struct userlist *u, const char *name, char *text, size_t len,
    const struct userlist_how *how, struct faults *f, struct err *err)
{
	struct list_reader *r = mem_new(sizeof(*r));
	int rc;

	*r = (struct list_reader){
		.list = u, .how = how, .faults = f, .name = name, .at = text, .end = text + len
	};
	r->line_end = len > 0 && !memchr(text, '\n', len) ? '\r' : '\n';
	*u = (struct userlist){ 0 };
	arena_init(&u->arena, USERLIST_ARENA);
	rc = reader_server(r, err);
	if (rc == 0)
		rc = reader_all(r, err);
	options_done(r->scratch);
	free(r->scratch);
	free(r);
	return rc;
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
		row_drop(&u->row[i]);
	free(u->row);
	arena_done(&u->arena);
	*u = (struct userlist){ 0 };
}
