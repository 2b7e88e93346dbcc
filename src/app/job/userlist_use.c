/* What is done with a list that was read: rows chosen, passwords looked for, options of an account. */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "app/job/destination.h"
#include "app/users/userlist.h"
#include "base/arena.h"
#include "base/mem.h"

/* ---- --only, --limit ---- */

static bool
text_matches(const char *pattern, const char *text)
{
	return fnmatch(pattern, text, FNM_CASEFOLD | FNM_NOESCAPE) == 0;
}

static bool
row_matches(const struct user_row *row, const char *pattern, const char *account,
    const char *with_port)
{
	return text_matches(pattern, row->login) || text_matches(pattern, account) ||
	       text_matches(pattern, with_port);
}

/* Each pattern is asked, so that one which matches nothing is found. */
static bool
row_is_chosen(const struct user_row *row, const struct text_list *only, bool *matched)
{
	char account[USER_FIELD_MAX * 2 + 16], with_port[sizeof(account) + 16];
	bool chosen = only->len == 0;

	snprintf(account, sizeof(account), "%s@%s", row->login, row->server);
	snprintf(with_port, sizeof(with_port), "%s:%s", account, row->port);
	for (size_t i = 0; i < only->len; i++) {
		if (!row_matches(row, only->item[i], account, with_port))
			continue;
		matched[i] = chosen = true;
	}
	return chosen;
}

static int
choose_ask(const struct userlist *u, const struct text_list *only, bool *chosen, struct err *err)
{
	bool matched[LIST_MAX] = { 0 };

	for (size_t i = 0; i < u->len; i++)
		chosen[i] = row_is_chosen(&u->row[i], only, matched);
	for (size_t i = 0; i < only->len; i++)
		if (!matched[i])
			return err_set(err, ERR_USAGE,
			    "--only '%s': no account of the list has such a login or login@host; "
			    "patterns are as *@old.example or anna*",
			    only->item[i]);
	return 0;
}

int
userlist_choose(
    struct userlist *u, const struct text_list *only, unsigned limit, struct err *err)
{
	bool *chosen = mem_new(u->len + 1);
	int rc = choose_ask(u, only, chosen, err);
	size_t kept = 0;

	for (size_t i = 0; rc == 0 && i < u->len; i++) {
		if (chosen[i] && (limit == 0 || kept < limit)) {
			u->row[kept++] = u->row[i];
			continue;
		}
		secret_free(u->row[i].password);
		secret_free(u->row[i].dest_password);
	}
	if (rc == 0)
		u->len = kept;
	free(chosen);
	return rc;
}

/* ---- passwords ---- */

static const struct user_setting *
row_setting(const struct user_row *row, const char *name)
{
	for (size_t i = 0; i < row->n_settings; i++)
		if (strcmp(row->setting[i].row->name, name) == 0)
			return &row->setting[i];
	return NULL;
}

static bool
row_has_way(const struct user_row *row, const char *file, const char *command)
{
	return row_setting(row, file) != NULL || row_setting(row, command) != NULL;
}

static bool
row_lacks_source(const struct user_row *row, struct options *o)
{
	const struct imap_url url = { .user = row->login, .host = row->server };

	return !row->password && !row_has_way(row, "password-file", "password-command") &&
	       !password_elsewhere(o, PASSWORD_SOURCE, &url);
}

static bool
row_lacks_dest(const struct user_row *row, struct options *o)
{
	const struct imap_url url = { .user = row->dest_login, .host = row->dest_server };

	return row->dest && !row->dest_password &&
	       !row_has_way(row, "dest-password-file", "dest-password-command") &&
	       !password_elsewhere(o, PASSWORD_DEST, &url);
}

/* What a look tells is told now, with the line, and not when the account begins, after hours perhaps. */
static void
row_way_check(const struct user_row *row, const char *option, int (*check)(const char *text, struct err *err),
    const char *name, struct faults *f)
{
	const struct user_setting *s = row_setting(row, option);
	struct err why = { 0 };

	if (s != NULL && check(s->text, &why) < 0)
		faults_add(f, name, row->line, "column %zu, %s: %s", s->column + 1, option, why.text);
}

static void
row_ways_check(const struct user_row *row, bool dest, const char *name, struct faults *f)
{
	const char *const file = dest ? "dest-password-file" : "password-file";

	if (dest ? row->dest_password != NULL : row->password != NULL)
		return;
	row_way_check(row, file, password_check_file, name, f);
	if (row_setting(row, file) == NULL)
		row_way_check(
		    row, dest ? "dest-password-command" : "password-command", password_check_command, name, f);
}

int
userlist_way_of_all(const struct userlist *u, const struct options *o, enum password_of which, struct err *err)
{
	bool dest = which == PASSWORD_DEST, needed = false;
	const struct password_way *way = dest ? &o->dest_way : &o->way;
	struct err why;

	for (size_t i = 0; i < u->len; i++)
		needed |= (dest ? u->row[i].dest_password : u->row[i].password) == NULL &&
			  !row_has_way(&u->row[i], dest ? "dest-password-file" : "password-file",
			      dest ? "dest-password-command" : "password-command");
	if (!needed || !way->file || option_level(o, &way->file) < option_level(o, &way->command) ||
	    password_check_file(way->file, &why) == 0)
		return 0;
	return err_set(err, why.kind, "--%spassword-file '%s': %s", dest ? "dest-" : "", way->file, why.text);
}

void
userlist_passwords(const struct userlist *u, const char *name, struct options *o,
    enum password_of which, struct faults *f)
{
	bool dest = which == PASSWORD_DEST;

	for (size_t i = 0; i < u->len; i++) {
		const struct user_row *row = &u->row[i];

		row_ways_check(row, dest, name, f);
		if (dest ? !row_lacks_dest(row, o) : !row_lacks_source(row, o))
			continue;
		faults_add(f, name, row->line,
		    "%s is empty, and there is no --%spassword-file, --%spassword-command, "
		    "%s or entry in ~/.netrc either",
		    dest ? u->dest_password_name : u->password_name, dest ? "dest-" : "",
		    dest ? "dest-" : "", dest ? "IMEX_DEST_PASSWORD" : "IMEX_PASSWORD");
	}
}

/* ---- windows of dates and sizes ---- */

/* The options of all with these two of the row's. */
static void
row_between(const struct user_row *row, const char *const pair[2], const char *name, const struct options *all,
    struct faults *f)
{
	const struct user_setting *last = NULL;
	struct options o = *all;
	struct err why;

	arena_init(&o.arena, 1024 * 1024);
	for (size_t i = 0; i < row->n_settings; i++) {
		const struct user_setting *s = &row->setting[i];

		if ((strcmp(s->row->name, pair[0]) == 0 || strcmp(s->row->name, pair[1]) == 0) &&
		    (s->row->commands & o.command->bit) &&
		    options_set(&o, s->row, FROM_LIST, s->text, &why) == 0)
			last = s;
	}
	if (last != NULL && options_between(&o, &why) < 0)
		faults_add(f, name, row->line, "column %zu, %s: %s", last->column + 1, last->row->name, why.text);
	arena_done(&o.arena);
}

void
userlist_between(const struct userlist *u, const char *name, const struct options *all, struct faults *f)
{
	static const char *const pairs[][2] = { { "since", "before" }, { "min-size", "max-size" } };

	for (size_t i = 0; i < u->len; i++)
		for (size_t k = 0; k < COUNT_OF(pairs) && u->row[i].n_settings > 0; k++)
			row_between(&u->row[i], pairs[k], name, all, f);
}

/* ---- one place for each ---- */

struct row_place {
	const char *login, *server, *port;
	unsigned line;
	bool own;	/* the row names it */
};

static int
place_compare(const struct row_place *x, const struct row_place *y)
{
	int c = strcasecmp(x->login, y->login);

	return c ? c : userlist_server_compare(x->server, x->port, y->server, y->port);
}

static int
by_place(const void *a, const void *b)
{
	const struct row_place *x = a, *y = b;
	int c = place_compare(x, y);

	return c ? c : (x->line > y->line) - (x->line < y->line);
}

/* False: DEST with that login is no URL. */
static bool
row_place(const struct user_row *row, const char *dest, struct arena *a, struct row_place *ret)
{
	const char *text;
	struct imap_url url;
	struct err ignored;

	*ret = (struct row_place){ row->dest_login, row->dest_server, row->dest_port, row->line,
		row->dest != NULL };
	if (row->dest)
		return true;
	text = destination_url(dest, row->login, a);
	if (!text || imap_url_parse(text, a, &url, &ignored) < 0)
		return false;
	ret->login = url.user;
	ret->server = url.host;
	ret->port = url.port;
	return true;
}

const struct user_row *
userlist_one_server(const struct userlist *u, const char *dest)
{
	const struct user_row *found = NULL;
	struct row_place place;
	struct arena arena;

	arena_init(&arena, USERLIST_ARENA);
	for (size_t i = 0; i < u->len && found == NULL; i++)
		if ((u->row[i].dest || dest) && row_place(&u->row[i], dest, &arena, &place) &&
		    strcasecmp(place.server, u->row[i].server) == 0 && strcmp(place.port, u->row[i].port) == 0)
			found = &u->row[i];
	arena_done(&arena);
	return found;
}

void
userlist_apart(const struct userlist *u, const char *name, const char *dest, bool may_merge,
    struct faults *f)
{
	struct row_place *place = mem_resize(NULL, u->len + 1, sizeof(*place));
	struct arena arena;
	size_t n = 0;

	arena_init(&arena, USERLIST_ARENA);
	for (size_t i = 0; i < u->len; i++) {
		if (row_place(&u->row[i], dest, &arena, &place[n]))
			n++;
		else
			faults_add(f, name, u->row[i].line, "DEST with the login for %%u is too long");
	}
	qsort(place, n, sizeof(*place), by_place);
	for (size_t i = 1; i < n; i++)
		if (place_compare(&place[i - 1], &place[i]) == 0 &&
		    !(place[i - 1].own && place[i].own))
			faults_add(f, name, place[i].line,
			    "'%s' would be the destination as it is of line %u, and the mail of both "
			    "would end up in one account%s", place[i].login, place[i - 1].line,
			    may_merge ? "; --merge allows that" : "");
	arena_done(&arena);
	free(place);
}

void
userlist_warn_mode(const struct userlist *u, const char *path)
{
	for (size_t i = 0; i < u->len; i++) {
		if (u->row[i].password || u->row[i].dest_password) {
			password_warn_mode(path);
			return;
		}
	}
}

/* ---- the options of an account ---- */

int
user_row_apply(const struct user_row *r, struct options *o, struct err *err)
{
	for (size_t i = 0; i < r->n_settings; i++) {
		const struct user_setting *s = &r->setting[i];

		if ((s->row->commands & o->command->bit) &&
		    options_set(o, s->row, FROM_LIST, s->text, err) < 0)
			return -1;
	}
	o->password = r->password;
	o->dest_password = r->dest_password;
	o->password_from = "the list of users";
	return 0;
}
