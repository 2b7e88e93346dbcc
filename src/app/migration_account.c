#include "app/migration_account.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "app/destination.h"

enum { EXIT_BAD = 2 };

/* ---- one line an account ---- */

static void
line_begin(const struct migration *m, size_t at, size_t n, struct out *o)
{
	const struct user_row *row = &m->list->row[at];

	out_printf(o, "[%zu/%zu] ", n, m->list->len);
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

void
migration_line(struct migration *m, size_t at, size_t n, int code, const struct extract_result *r)
{
	struct err ignored;
	struct out o;

	if (m->o->quiet && code < EXIT_BAD)
		return;
	screen_hide(m->run.screen);
	out_open(&o, m->o->quiet || m->o->json ? STDERR_FILENO : STDOUT_FILENO);
	line_begin(m, at, n, &o);
	if (code <= EXIT_BAD)
		line_numbers(&o, code, r);
	if (r->why.kind != ERR_NONE) {
		out_str(&o, code <= EXIT_BAD ? "; " : "failed: ");
		out_visible(&o, r->why.text);
	}
	out_str(&o, "\n");
	/* A terminal that is gone does not end a migration. */
	(void)!out_close(&o, &ignored);
	screen_show(m->run.screen);
}

/* ---- the servers ---- */

static bool
host_name(const char *host, const char *port, char name[HOSTS_NAME_MAX])
{
	int n = snprintf(name, HOSTS_NAME_MAX, "%s:%s", host, port);

	for (char *p = name; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return n > 0 && n < HOSTS_NAME_MAX;
}

bool
migration_host(const struct migration *m, size_t at, size_t end, char name[HOSTS_NAME_MAX])
{
	const struct user_row *row = &m->list->row[at];
	struct imap_url url;
	struct err ignored;
	struct arena a;
	const char *text;
	bool ok;

	if (end == 0)
		return !m->found && host_name(row->server, row->port, name);
	if (!m->into)
		return false;
	arena_init(&a, 64 * 1024);
	text = destination_url(m->into->dest, row->login, &a);
	ok = text && imap_url_parse(text, &a, &url, &ignored) == 0 &&
	     host_name(url.host, url.port, name);
	arena_done(&a);
	return ok;
}

/* ---- its copy ---- */

static void
tell_port(const struct migration *m, const struct user_row *row)
{
	struct event e = { .no = EV_PORT_CHOSEN, .level = LEVEL_INFO, .account = row->login };

	if (row->tls && !row->port_given)
		evlog_put(m->run.log, &e,
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
    struct extract_many *many, struct err *err)
{
	const char *url = destination_url(m->into->dest, row->login, &o->arena), *dir;
	const struct into into = { .command = "import", .dest = url, .from = walk_place(m, row) };

	if (!into.from)
		return err_set(err, ERR_NO_INPUT,
		    "'%s' has no mail of it; run Function,EXTRACT before", m->dir);
	o->command = command_find("import");
	if (!url)
		return err_set(err, ERR_USAGE, "the login is too long");
	if (destination_import_dir(&o->arena, m->dir, url, &dir, err) < 0 ||
	    options_set(o, option_find("account", CMD_IMPORT), FROM_JOB,
		arena_printf(&o->arena, "%s@%s", into.from->login, into.from->host), err) < 0)
		return -1;
	return extract_account(o, dir, m->dir, &into, many, err);
}

static int
copy_row(struct options *o, const struct migration *m, const struct user_row *row,
    struct extract_many *many, struct err *err)
{
	tell_port(m, row);
	if (account_options(o, row, err) < 0)
		return -1;
	if (m->found)
		return import_row(o, m, row, many, err);
	if (m->into)
		o->command = command_find(m->into->command);
	return extract_account(o, m->dir, row->source, m->into, many, err);
}

int
migration_account(const struct migration *m, size_t at, struct extract_many *many)
{
	struct options o = *m->o;
	int rc;

	arena_init(&o.arena, 1024 * 1024);
	rc = copy_row(&o, m, &m->list->row[at], many, &many->result.why);
	arena_done(&o.arena);
	return rc < 0 ? err_exit_code(many->result.why.kind) : rc;
}
