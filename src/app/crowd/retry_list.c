#include "app/crowd/retry_list.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "app/crowd/lists.h"
#include "app/crowd/migration.h"
#include "app/crowd/migration_end.h"
#include "app/job/birth.h"
#include "app/job/destined.h"
#include "base/mem.h"

enum { LIST_ARENA = 512 * 1024 * 1024 };

struct again {
	struct options *o;
	const char *dir;
	struct arena arena;
	struct userlist list;	/* one row for each source */
	struct userlist given;	/* of --users */
	struct user_row **by_login;	/* of given, sorted */
	struct destined to;
};

/* ---- passwords of --users ---- */

static int
login_order(const void *a, const void *b)
{
	const struct user_row *const *x = a, *const *y = b;

	return strcmp((*x)->login, (*y)->login);
}

static int
login_is(const void *login, const void *row)
{
	return strcmp(login, (*(struct user_row *const *)row)->login);
}

static int
given_read(struct again *g, struct err *err)
{
	if (!g->o->users)
		return 0;

	struct options words = *g->o;

	words.n_words = 0; /* DIR is no account */
	if (lists_read(&words, false, NULL, &g->given, err) < 0)
		return -1;
	g->by_login = mem_resize(NULL, g->given.len + 1, sizeof(struct user_row *));
	for (size_t i = 0; i < g->given.len; i++)
		g->by_login[i] = &g->given.row[i];
	qsort(g->by_login, g->given.len, sizeof(struct user_row *), login_order);
	return 0;
}

/* The row of that account in the list; NULL: it has none. */
static const struct user_row *
given_row(const struct again *g, const struct user_row *row)
{
	struct user_row **end = g->by_login + g->given.len, **at;

	if (g->given.len == 0)
		return NULL;
	at = bsearch(row->login, g->by_login, g->given.len, sizeof(struct user_row *), login_is);
	while (at && at > g->by_login && strcmp(at[-1]->login, row->login) == 0)
		at--;
	for (; at && at < end && strcmp((*at)->login, row->login) == 0; at++)
		if (strcasecmp((*at)->server, row->server) == 0 && strcmp((*at)->port, row->port) == 0)
			return *at;
	return NULL;
}

/* ---- rows ---- */

static int
row_make(struct again *g, const char *source, struct user_row *ret, struct err *err)
{
	struct imap_url url;

	*ret = (struct user_row){ .source = source, .smtp_address = "", .ex_mailbox = "",
		.port_given = true };
	if (imap_url_parse(source, &g->arena, &url, err) < 0)
		return -1;
	ret->login = url.user;
	ret->server = url.host;
	ret->port = url.port;
	ret->tls = url.tls;
	/* One that all share is the command's. */
	if (g->to.dest && *g->to.dest == '\0')
		ret->dest = destined_url(&g->to, url.user, url.host, url.port, &g->arena);

	const struct user_row *given = given_row(g, ret);

	if (given) {
		/* The passwords are those of the destination that the row names: another one is refused as in any run. */
		if (ret->dest && given->dest)
			ret->dest = given->dest;
		ret->setting = given->setting;
		ret->n_settings = given->n_settings;
		ret->password = given->password ? secret_new(secret_value(given->password)) : NULL;
		ret->dest_password =
		    given->dest_password ? secret_new(secret_value(given->dest_password)) : NULL;
	}
	return 0;
}

static int
rows_make(struct again *g, const struct retry_choice *c, struct err *err)
{
	g->list.row = mem_new((c->len + 1) * sizeof(*g->list.row));
	for (size_t i = 0; i < c->len; i++) {
		if (row_make(g, stored_source(c->stored, c->entry[i]), &g->list.row[i], err) < 0)
			return -1;
		g->list.len++;
	}
	return 0;
}

/* ---- the run ---- */

static int
again_read(struct again *g, struct err *err)
{
	struct state *t = NULL;
	int rc = state_open(&t, g->dir, STATE_READ, err);

	if (rc == 0)
		rc = destined_read(&g->to, t, &g->arena, err);
	state_close(&t);
	return rc;
}

static int
again_run(struct again *g, struct migration *m, struct err *err)
{
	if (migration_open(m, err) < 0)
		return -1;
	migration_run(m);
	const char *command = m->joined && m->crowd.untried > 0 ? "imex worker" : "imex retry";
	return migration_finish(m, migration_end(m, command, g->dir, err), err);
}

void
retry_choice_done(struct retry_choice *c)
{
	stored_free(&c->stored);
	free(c->entry);
	*c = (struct retry_choice){ .len = 0 };
}

int
retry_list(struct options *o, const char *dir, const struct retry_choice *c, bool migrate,
    const struct account_rec *joined, struct err *err)
{
	struct again g = { .o = o, .dir = dir };
	struct into into = { .command = "migrate", .retry = joined == NULL };
	struct migration m = { .o = o, .dir = dir, .list = &g.list, .joined = joined };
	int rc;

	arena_init(&g.arena, LIST_ARENA);
	arena_init(&g.list.arena, 1024);
	rc = again_read(&g, err);
	if (rc == 0)
		rc = given_read(&g, err);
	if (rc == 0)
		rc = rows_make(&g, c, err);
	if (rc == 0 && g.list.len > 0)
		rc = stored_apply_job(c->stored, c->entry[0], o, err);
	if (rc == 0)
		rc = birth_settle(o, dir, err);
	if (rc == 0) {
		m.stored = c->stored;
		m.entry = c->entry;
		m.own_dests = g.to.dest && *g.to.dest == '\0';
		into.dest = m.own_dests ? NULL : g.to.dest;
		m.into = migrate ? &into : NULL;
		rc = again_run(&g, &m, err);
		migration_close(&m);
	}
	userlist_done(&g.list);
	userlist_done(&g.given);
	free(g.by_login);
	arena_done(&g.arena);
	return rc;
}
