#include "app/migration.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "app/destination.h"
#include "app/extract.h"
#include "base/mem.h"

enum { HOSTS_MAX = 256, REFUSALS_MAX = 5, EXIT_WARNED = 1, EXIT_BAD = 2 };

/* Logins that a server refused in a row. */
struct host {
	const char *server;
	unsigned refused;
};

struct walk {
	struct migration *m;
	struct host host[HOSTS_MAX];
	size_t n_hosts;
	size_t at; /* account at hand, from 0 */
};

/* ---- one line an account ---- */

static void
line_begin(const struct walk *w, struct out *o)
{
	const struct user_row *row = &w->m->list->row[w->at];

	out_printf(o, "[%zu/%zu] ", w->at + 1, w->m->list->len);
	out_visible(o, row->login);
	out_str(o, " on ");
	out_visible(o, row->server);
	out_str(o, ": ");
}

static void
line_numbers(struct out *o, int code, const struct extract_result *r)
{
	static const char *const words[] = { "complete", "complete with warnings", "incomplete" };
	char stored[HUMAN_MAX], listed[HUMAN_MAX], bytes[HUMAN_MAX];

	human_count(r->sum.verdicts[VERDICT_STORED], stored);
	human_count(r->sum.listed, listed);
	human_bytes(r->sum.bytes, bytes);
	out_printf(o,
	    "%s, %s of %s messages stored (%s), %" PRIu64 " of %" PRIu64 " folders proved",
	    words[code], stored, listed, bytes, r->sum.proved, r->sum.folders);
	if (r->sum.verdicts[VERDICT_EXCLUDED] > 0)
		out_printf(o, ", %" PRIu64 " excluded", r->sum.verdicts[VERDICT_EXCLUDED]);
	if (tally_not_good(&r->sum) > 0)
		out_printf(o, ", %" PRIu64 " not good", tally_not_good(&r->sum));
	if (r->warnings > 0)
		out_printf(o, ", %" PRIu64 " warning%s", r->warnings, r->warnings == 1 ? "" : "s");
}

static void
line_tell(const struct walk *w, int code, const struct extract_result *r)
{
	struct err ignored;
	struct out o;

	if (w->m->o->quiet && code < EXIT_BAD)
		return;
	out_open(&o, w->m->o->quiet || w->m->o->json ? STDERR_FILENO : STDOUT_FILENO);
	line_begin(w, &o);
	if (code <= EXIT_BAD)
		line_numbers(&o, code, r);
	if (r->why.kind != ERR_NONE) {
		out_str(&o, code <= EXIT_BAD ? "; " : "failed: ");
		out_visible(&o, r->why.text);
	}
	out_str(&o, "\n");
	/* A terminal that is gone does not end a migration. */
	(void)!out_close(&o, &ignored);
}

/* ---- servers that refuse ---- */

static struct host *
walk_host(struct walk *w, const char *server)
{
	for (size_t i = 0; i < w->n_hosts; i++)
		if (strcasecmp(w->host[i].server, server) == 0)
			return &w->host[i];
	if (w->n_hosts == HOSTS_MAX)
		return NULL;
	w->host[w->n_hosts] = (struct host){ .server = server };
	return &w->host[w->n_hosts++];
}

static void
walk_count_refusal(struct walk *w, const struct extract_result *r)
{
	struct host *h = walk_host(w, w->m->list->row[w->at].server);

	if (!h)
		return;
	if (r->why.kind == ERR_LOGIN)
		h->refused++;
	else if (r->sum.folders > 0)
		h->refused = 0;
}

/* ---- accounts ---- */

/* The next account would meet the same. */
static bool
ends_all(const struct err *why)
{
	switch (why->kind) {
	case ERR_CREATE:
	case ERR_DISK:
	case ERR_FULL:
	case ERR_INTERRUPTED:
	case ERR_BUSY:
	case ERR_STATE:
	case ERR_OTHER_JOB:
	case ERR_NEWER_STATE:
		return true;
	default:
		return false;
	}
}

static void
tell_port(const struct migration *m, const struct user_row *row)
{
	struct event e = { .no = EV_PORT_CHOSEN, .level = LEVEL_INFO, .account = row->login };

	if (row->tls && !row->port_given)
		evlog_put(m->log, &e,
		    "port %s of %s, since IMAP_SSL is on and IMAP_Port says nothing", row->port,
		    row->server);
}

/* Each is an extraction like any other: its job keeps the options for a later retry. */
static int
account_options(struct options *o, const struct user_row *row, struct err *err)
{
	o->command = command_find("extract");
	o->password = row->password;
	o->password_from = "the list of users";
	o->ex_mailbox = row->ex_mailbox;
	return options_set(
	    o, option_find("smtp-address", CMD_EXTRACT), FROM_JOB, row->smtp_address, err);
}

/* The row's mail among the files. */
static const struct shelf_place *
walk_place(const struct migration *m, const struct user_row *row)
{
	for (size_t i = 0; i < m->found->len; i++) {
		const struct shelf_place *p = &m->found->place[i];

		if (strcmp(p->login, row->login) == 0 && strcasecmp(p->host, row->server) == 0)
			return p;
	}
	return NULL;
}

/* The account is kept with the options: a later retry must find it again. */
static int
import_row(struct options *o, const struct migration *m, const struct user_row *row,
    struct extract_result *r)
{
	const char *url = destination_url(m->dest, row->login, &o->arena), *dir;
	const struct into into = { .command = "import", .dest = url, .from = walk_place(m, row) };

	if (!into.from)
		return err_set(&r->why, ERR_NO_INPUT,
		    "'%s' has no mail of it; run Function,EXTRACT before", m->dir);
	o->command = command_find("import");
	if (!url)
		return err_set(&r->why, ERR_USAGE, "the login is too long");
	if (destination_import_dir(&o->arena, m->dir, url, &dir, &r->why) < 0 ||
	    options_set(o, option_find("account", CMD_IMPORT), FROM_JOB,
		arena_printf(&o->arena, "%s@%s", into.from->login, into.from->host),
		&r->why) < 0)
		return -1;
	return extract_account(o, dir, m->dir, &into, r, &r->why);
}

static int
migrate_row(struct options *o, const struct migration *m, const char *source,
    struct extract_result *r)
{
	const struct into into = { .command = "migrate", .dest = m->dest };

	o->command = command_find("migrate");
	return extract_account(o, m->dir, source, &into, r, &r->why);
}

static int
walk_account(struct walk *w, struct extract_result *r)
{
	const struct migration *m = w->m;
	const struct user_row *row = &m->list->row[w->at];
	struct options o = *m->o;
	const char *source;
	int rc = -1;

	arena_init(&o.arena, 1024 * 1024);
	source = user_row_url(row, &o.arena);
	tell_port(m, row);
	if (!source)
		err_set(&r->why, ERR_USAGE, "the login is too long");
	else if (account_options(&o, row, &r->why) < 0)
		rc = -1;
	else if (m->found)
		rc = import_row(&o, m, row, r);
	else if (m->dest)
		rc = migrate_row(&o, m, source, r);
	else
		rc = extract_account(&o, m->dir, source, NULL, r, &r->why);
	arena_done(&o.arena);
	return rc < 0 ? err_exit_code(r->why.kind) : rc;
}

static int
walk_refused(const struct walk *w, const struct host *h, struct extract_result *r)
{
	err_set(&r->why, ERR_LOGIN,
	    "not tried, since %s refused %d logins in a row; going on could lock its users out",
	    w->m->list->row[w->at].server, (int)h->refused);
	return err_exit_code(ERR_LOGIN);
}

static void
walk_count(struct walk *w, int code, const struct extract_result *r)
{
	struct migration *m = w->m;

	tally_add(&m->sum, &r->sum);
	m->warnings += r->warnings;
	if (code == 0)
		m->complete++;
	else if (code == EXIT_WARNED)
		m->warned++;
	else
		m->failed++;
	if (ends_all(&r->why))
		m->ended = r->why;
}

void
migration_run(struct migration *m)
{
	struct walk *w = mem_new(sizeof(*w));

	w->m = m;
	for (; w->at < m->list->len && m->ended.kind == ERR_NONE; w->at++) {
		struct extract_result r = { 0 };
		struct host *h = walk_host(w, m->list->row[w->at].server);
		int code;

		if (h && h->refused >= REFUSALS_MAX) {
			code = walk_refused(w, h, &r);
			m->untried++;
		} else {
			code = walk_account(w, &r);
			walk_count_refusal(w, &r);
		}
		walk_count(w, code, &r);
		line_tell(w, code, &r);
	}
	m->untried += m->list->len - w->at;
	m->failed += m->list->len - w->at;
	free(w);
}

int
migration_code(const struct migration *m)
{
	if (m->failed > 0 || m->ended.kind != ERR_NONE)
		return EXIT_BAD;
	return m->warned > 0 ? EXIT_WARNED : 0;
}
