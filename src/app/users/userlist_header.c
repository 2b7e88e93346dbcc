/* Which dialect a list is in, and what its columns are. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "app/cli/values.h"
#include "app/users/userlist_reader.h"
#include "base/mem.h"

/* The first six, of which the last may be an empty password. */
enum { IMAPSYNC_FIELDS = 6 };

static const struct user_column wizard_columns[] = {
	{ "IMAP_Mailbox", USER_LOGIN, true, NULL },
	{ "IMAP_Password", USER_PASSWORD, true, NULL },
	{ "SMTP_Address", USER_SMTP, true, NULL },
	{ "IMAP_Server", USER_SERVER, true, NULL },
	{ "Ex_Mailbox", USER_EX_MAILBOX, false, NULL },
	{ "IMAP_Port", USER_PORT, false, NULL },
	{ "IMAP_SSL", USER_SSL, false, NULL },
};

static const struct user_column exchange_columns[] = {
	{ "EmailAddress", USER_SMTP, true, NULL },
	{ "UserName", USER_LOGIN, true, NULL },
	{ "Password", USER_PASSWORD, true, NULL },
	{ "UserRoot", USER_ROOT, false, NULL },
};

static const struct user_column imapsync_columns[] = {
	{ "host1", USER_PLACE, true, NULL },
	{ "user1", USER_LOGIN, true, NULL },
	{ "password1", USER_PASSWORD, true, NULL },
	{ "host2", USER_DEST_PLACE, true, NULL },
	{ "user2", USER_DEST_LOGIN, true, NULL },
	{ "password2", USER_DEST_PASSWORD, true, NULL },
	{ "extra", USER_EXTRA, false, NULL },
};

static const struct user_column own_columns[] = {
	{ "source", USER_SOURCE, true, NULL },
	{ "dest", USER_DEST, false, NULL },
	{ "password", USER_PASSWORD, false, NULL },
	{ "dest_password", USER_DEST_PASSWORD, false, NULL },
	{ "smtp_address", USER_SMTP, false, NULL },
	{ "ex_mailbox", USER_EX_MAILBOX, false, NULL },
};

static const struct user_dialect dialects[] = {
	{ USERLIST_WIZARD, "the Migration Wizard",
	    "IMAP_Mailbox,IMAP_Password,SMTP_Address,IMAP_Server[,Ex_Mailbox[,IMAP_Port[,IMAP_SSL]]]",
	    wizard_columns, COUNT_OF(wizard_columns), '!', false, false, "IMAP_Password", NULL },
	{ USERLIST_EXCHANGE, "Exchange Online", "EmailAddress,UserName,Password[,UserRoot]",
	    exchange_columns, COUNT_OF(exchange_columns), 0, false, false, "Password", NULL },
	{ USERLIST_IMAPSYNC, "imapsync", "host1;user1;password1;host2;user2;password2;[extra;]",
	    imapsync_columns, COUNT_OF(imapsync_columns), '#', true, true, "password1",
	    "password2" },
	{ USERLIST_OWN, "imex", "source[,dest[,password[,dest_password[,OPTION...]]]]", own_columns,
	    COUNT_OF(own_columns), '#', false, false, "password", "dest_password" },
};

/* ---- names ---- */

static char
name_octet(char c)
{
	return c == '_' ? '-' : (char)tolower((unsigned char)c);
}

/* In any case, and '_' for '-'. */
static bool
name_is(const char *a, struct slice b)
{
	if (strlen(a) != b.len)
		return false;
	for (size_t i = 0; i < b.len; i++)
		if (name_octet(a[i]) != name_octet(b.data[i]))
			return false;
	return true;
}

/* A cell of the first row without blanks and quotation marks around it; it is left as it is, since
 * the row may be an account. */
static struct slice
header_name(const struct csv_cell *c)
{
	struct slice s = slice_str(c->text + strspn(c->text, " \t"));

	while (s.len > 0 && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t'))
		s.len--;
	if (s.len >= 2 && s.data[0] == '"' && s.data[s.len - 1] == '"')
		s = (struct slice){ s.data + 1, s.len - 2 };
	return s;
}

/* Any option of the program; NULL: none. */
static const struct option_row *
option_named(struct slice name)
{
	for (size_t i = 0; i < option_count; i++)
		if (name_is(option_table[i].name, name))
			return &option_table[i];
	return NULL;
}

static bool
dialect_column(const struct user_dialect *d, struct slice name, struct user_column *ret)
{
	const struct option_row *option;

	for (size_t i = 0; i < d->n_columns; i++) {
		if (name_is(d->column[i].name, name)) {
			*ret = d->column[i];
			return true;
		}
	}
	option = d->kind == USERLIST_OWN ? option_named(name) : NULL;
	if (!option)
		return false;
	*ret = (struct user_column){ option->name, USER_OPTION, false, option };
	return true;
}

static const char *
dialect_nearest(const struct user_dialect *d, struct slice name)
{
	struct nearest n;
	char word[64];

	snprintf(word, sizeof(word), "%.*s", (int)(name.len < 64 ? name.len : 63), name.data);
	for (char *at = word; d->kind == USERLIST_OWN && *at; at++)
		*at = name_octet(*at);
	nearest_init(&n, word);
	for (size_t i = 0; i < d->n_columns; i++)
		nearest_try(&n, d->column[i].name);
	for (size_t i = 0; d->kind == USERLIST_OWN && i < option_count; i++)
		if (option_table[i].kept == KEPT_OF_ACCOUNT)
			nearest_try(&n, option_table[i].name);
	return n.best;
}

/* ---- which dialect ---- */

/* Semicolons are imapsync's, and those of a spreadsheet where the comma divides numbers; tabs are
 * those of its "Unicode text". A password in a row without header may hold any of them. */
static char
separator_of(const char *line)
{
	size_t commas = 0, semicolons = 0, tabs = 0;

	for (; *line; line++) {
		commas += *line == ',';
		semicolons += *line == ';';
		tabs += *line == '\t';
	}
	if (semicolons > 4 || (semicolons > commas && semicolons >= tabs))
		return ';';
	return tabs > commas ? '\t' : ',';
}

/* "source" counts for two: what stands beside it may all be mistyped. */
static size_t
dialect_known(const struct list_reader *r, const struct user_dialect *d)
{
	struct user_column c;
	size_t known = 0;

	for (size_t i = 0; i < r->n_cells; i++)
		if (dialect_column(d, header_name(&r->cell[i]), &c))
			known += c.field == USER_SOURCE ? 2 : 1;
	return known;
}

/* The one that knows most of the names; NULL: none knows two, or the only one. */
static const struct user_dialect *
dialect_of(const struct list_reader *r)
{
	const struct user_dialect *best = NULL;
	size_t most = 0;

	for (size_t i = 0; i < COUNT_OF(dialects); i++) {
		size_t known = dialect_known(r, &dialects[i]);

		if (known > most && (known > 1 || known == r->n_cells)) {
			best = &dialects[i];
			most = known;
		}
	}
	return best;
}

/* ---- its columns ---- */

static void
header_column(struct list_reader *r, struct slice name)
{
	const struct user_dialect *d = r->dialect;
	struct user_column c;

	/* Not shown: a row that lacks its header may look like one, and this be the password. */
	if (!dialect_column(d, name, &c)) {
		list_bad(r, "column %zu of the header is none that is known; did you mean %s? The header is %s",
		    r->n_columns + 1, dialect_nearest(d, name), d->header);
		r->column[r->n_columns++] = (struct user_column){ "", USER_OPTION, false, NULL };
		return;
	}
	if (c.option && c.option->kept != KEPT_OF_ACCOUNT)
		list_bad(r,
		    "column %zu of the header: --%s is for the whole run and goes on the command line; "
		    "the nearest option that an account may have of its own is %s",
		    r->n_columns + 1, c.name, dialect_nearest(d, name));
	for (size_t i = 0; i < r->n_columns; i++)
		if (strcmp(r->column[i].name, c.name) == 0 &&
		    !(c.option && c.option->kind == OPT_LIST))
			list_bad(r, "the header has %s twice, in columns %zu and %zu", c.name, i + 1,
			    r->n_columns + 1);
	r->column[r->n_columns++] = c;
}

static void
header_required(struct list_reader *r)
{
	const struct user_dialect *d = r->dialect;

	for (size_t i = 0; i < d->n_columns; i++) {
		bool there = !d->column[i].required;

		for (size_t k = 0; k < r->n_columns; k++)
			there |= r->column[k].field == d->column[i].field;
		if (!there)
			list_bad(r, "the header lacks the column %s; the header is %s",
			    d->column[i].name, d->header);
	}
}

static void
header_columns(struct list_reader *r)
{
	for (size_t i = 0; i < r->n_cells; i++)
		header_column(r, header_name(&r->cell[i]));
	header_required(r);
	for (size_t i = 0; i < r->n_columns; i++) {
		if (!r->column[i].option || r->scratch)
			continue;
		r->scratch = mem_new(sizeof(*r->scratch));
		options_init(r->scratch, NULL);
	}
}

static bool
header_wanted(struct list_reader *r)
{
	const struct user_dialect *d = r->dialect, *other = dialects;

	if (r->how->dialects && !(r->how->dialects & d->kind)) {
		while (!(r->how->dialects & other->kind))
			other++;
		list_bad(r, "this is a list of %s; expected is one of %s: %s", d->who, other->who,
		    other->header);
	}
	if (d->kind == USERLIST_EXCHANGE && !r->how->server)
		list_bad(r, "a list of Exchange Online names no server: give --server HOST, as "
			   "imap.example.org or imaps://imap.example.org:993/");
	if (d->kind != USERLIST_EXCHANGE && r->how->server)
		list_bad(r, "--server is for lists of Exchange Online; this list of %s names its "
			   "servers itself", d->who);
	return !r->bad;
}

static void
header_none(struct list_reader *r)
{
	struct buf all;

	buf_init(&all, 512);
	for (size_t i = 0; i < COUNT_OF(dialects); i++)
		if (!r->how->dialects || (r->how->dialects & dialects[i].kind))
			buf_printf(&all, "%s%s", all.len > 0 ? " or " : "", dialects[i].header);
	list_bad(r, "this first row is no header; it should be %s", all.data);
	buf_done(&all);
}

/* The dialect whose first row may be an account already. */
static const struct user_dialect *
dialect_bare(const struct list_reader *r)
{
	for (size_t i = 0; i < COUNT_OF(dialects); i++)
		if (dialects[i].bare && r->separator == ';' && r->n_cells >= IMAPSYNC_FIELDS)
			return &dialects[i];
	return NULL;
}

static void
header_bare(struct list_reader *r)
{
	memcpy(r->column, r->dialect->column, r->dialect->n_columns * sizeof(*r->column));
	r->n_columns = r->dialect->n_columns;
}

/* A first row in which nothing is known is not shown. */
bool
list_header(struct list_reader *r, char *line, bool *ret_bare)
{
	*ret_bare = false;
	r->bad = false;
	r->separator = separator_of(line);
	if (csv_split_plain(line, r->separator, r->cell, COLUMNS_MAX, &r->n_cells) != CSV_GOOD) {
		list_bad(r, "more than %d fields in the first row, which is no header", COLUMNS_MAX);
		return false;
	}
	while (r->n_cells > 1 && header_name(&r->cell[r->n_cells - 1]).len == 0)
		r->n_cells--;
	r->dialect = dialect_of(r);
	if (r->dialect) {
		header_columns(r);
	} else {
		r->dialect = dialect_bare(r);
		if (!r->dialect) {
			header_none(r);
			return false;
		}
		*ret_bare = true;
		header_bare(r);
	}
	return header_wanted(r);
}
