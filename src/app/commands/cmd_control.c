/* A control file of the Migration Wizard, carried out. All that can be wrong with it and its list
 * of users is told before anything is contacted. The exit code is the wizard's: 0 without errors
 * and warnings, 1 with warnings, 2 with errors. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/account/extract.h"
#include "app/crowd/migration.h"
#include "app/crowd/migration_end.h"
#include "app/job/birth.h"
#include "app/job/destination.h"
#include "app/job/jobdir.h"
#include "app/run/run.h"
#include "app/users/password.h"
#include "app/users/wizard.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

struct ctl {
	struct options *o;
	struct wizard w;
	struct userlist list;
	struct faults faults;
	const char *dir;
	struct migration m;
	struct into into;		/* with --dest */
	struct shelf_found found;	/* of Function IMPORT */
	int64_t began_ms;
};

/* ---- what is to be done ---- */

static int
ctl_read(struct ctl *c, struct err *err)
{
	struct userlist_how how = { .dialects = USERLIST_WIZARD };
	struct err why;

	if (option_given(c->o, &c->o->codepage))
		how.codepage = c->o->codepage;
	if (wizard_read(&c->w, c->o->word[0], how.codepage, &c->faults, err) < 0)
		return -1;
	how.tls = c->w.secure;
	if (c->w.accounts && c->w.mode == WIZARD_IMAP) {
		if (userlist_read(&c->list, c->w.accounts, &how, &c->faults, &why) < 0)
			faults_add(&c->faults, c->w.path, 0, "Accounts: %s", why.text);
		/* An import contacts no source. */
		if (c->w.function != WIZARD_IMPORT)
			userlist_passwords(
			    &c->list, c->w.accounts, c->o, PASSWORD_SOURCE, &c->faults);
		userlist_warn_mode(&c->list, c->w.accounts);
	}
	return faults_end(&c->faults, err);
}

/* A keyword of the file is an option that the command line may overrule. */
static int
ctl_option(struct ctl *c, const char *name, const char *value, struct err *err)
{
	return options_set(c->o, option_find(name, CMD_CONTROL), FROM_JOB, value, err);
}

/* Both ends belong to the window: it ends a second later. */
static int
ctl_window(struct ctl *c, struct err *err)
{
	struct buf text;
	int rc = 0;

	buf_init(&text, 64);
	if (c->w.start.given) {
		struct when since = when_instant(when_epoch(&c->w.start));

		when_text(&since, &text);
		rc = ctl_option(c, "since", text.data, err);
	}
	if (rc == 0 && c->w.end.given) {
		struct when before = when_instant(when_epoch(&c->w.end) + 1);

		buf_reset(&text);
		when_text(&before, &text);
		rc = ctl_option(c, "before", text.data, err);
	}
	buf_done(&text);
	return rc;
}

static int
ctl_options(struct ctl *c, struct err *err)
{
	c->dir = c->o->to ? c->o->to : c->w.file;
	if ((!c->o->dest && ctl_option(c, "format", "exchange", err) < 0) ||
	    ctl_option(c, "skip-deleted", "yes", err) < 0)
		return -1;
	/* On the level of the command line, so that an --exclude there does not take its place. */
	if (!c->w.email &&
	    options_set(c->o, option_find("exclude", CMD_CONTROL), FROM_COMMAND, "*", err) < 0)
		return -1;
	/* The zone of the dates is the job's. */
	if (birth_settle(c->o, c->dir, err) < 0 || ctl_window(c, err) < 0)
		return -1;
	return options_fit(c->o, err);
}

/* With the first login in its place it must be a URL. */
static int
ctl_dest(struct ctl *c, struct err *err)
{
	const char *login = c->list.len > 0 ? c->list.row[0].login : "anna";
	const char *url = destination_url(c->o->dest, login, &c->o->arena);

	if (!url || destination_check(c->o, url, err) < 0)
		return url ? err_wrap(err, "--dest") : err_set(err, ERR_USAGE, "--dest: too long");
	if (c->list.len > 1 && !strstr(c->o->dest, "%u"))
		return err_set(err, ERR_USAGE,
		    "--dest: all %zu accounts would go to one; write %%u where the login belongs, as "
		    "--dest 'imaps://%%u@new.example.org/'",
		    c->list.len);
	userlist_apart(&c->list, c->w.accounts, c->o->dest, false, &c->faults);
	return faults_end(&c->faults, err);
}

/* What cannot be done says so, and what can be done instead. */
static int
ctl_possible(struct ctl *c, struct err *err)
{
	if (c->w.mode == WIZARD_FILE)
		return err_set(err, ERR_USAGE,
		    "%s: Mode FILE imports migration files, whose owners are addresses: no list says "
		    "which account each goes to; nothing was contacted. For each of them there is: "
		    "imex import FOLDER DEST --account ADDRESS --job DIR",
		    c->w.path);
	if (c->w.function == WIZARD_EXTRACT && c->o->dest)
		return err_set(err, ERR_USAGE,
		    "--dest is for Function FULL and IMPORT; %s has Function EXTRACT, which makes "
		    "files",
		    c->w.path);
	if (c->w.function != WIZARD_EXTRACT && !c->o->dest)
		return err_set(err, ERR_USAGE,
		    "%s: Function %s puts mail into a mail server; nothing was contacted. Name the "
		    "server, as --dest 'imaps://%%u@new.example.org/' with %%u for the login; or "
		    "Function,EXTRACT copies the accounts into migration files",
		    c->w.path, wizard_function_name(c->w.function));
	if (c->w.function == WIZARD_IMPORT && jobdir_require(c->dir, err) < 0)
		return err_wrap(err, "Function IMPORT needs what Function EXTRACT stored");
	if (c->o->dest && ctl_dest(c, err) < 0)
		return -1;
	if (c->o->dest && option_said(c->o, &c->o->format))
		return err_set(err, ERR_USAGE,
		    "--format is for files, and --dest is a server: give one of them; nothing was "
		    "contacted");
	return 0;
}

/* ---- --dry-run ---- */

static const char *
row_tls(const struct ctl *c, const struct user_row *row)
{
	if (row->tls)
		return "TLS";
	return c->o->insecure_plaintext ? "STARTTLS if offered" : "STARTTLS";
}

static void
plan_window(const struct ctl *c, struct out *o)
{
	struct selection s = { 0 };
	char at[ISO_MAX];

	birth_window(c->o, &s);
	out_str(o, "  Messages   ");
	if (!c->w.email)
		out_str(o, "none (Email,FALSE)");
	else if (!s.has_since && !s.has_before)
		out_str(o, "of all dates");
	if (c->w.email && s.has_since) {
		clock_iso(s.since * SEC, at);
		out_printf(o, "from %.19sZ on", at);
	}
	if (c->w.email && s.has_before) {
		clock_iso(s.before * SEC, at);
		out_printf(o, "%sbefore %.19sZ", s.has_since ? ", " : "", at);
	}
	out_str(o, s.skip_deleted && c->w.email ? ", but none that is flagged \\Deleted\n" : "\n");
}

static void
plan_place(const struct ctl *c, struct out *o)
{
	out_str(o, c->o->dest && c->w.function == WIZARD_FULL ? "  State      " : "  Files      ");
	out_visible(o, c->dir);
	if (!c->o->dest)
		out_printf(o, ", format %s", format_words[c->o->format]);
	if (!c->o->dest && c->o->format == FORMAT_EXCHANGE)
		out_printf(o, ", code page %u", c->o->codepage);
	out_printf(o, ", zone %s\n", clock_zone_name());
	if (c->o->dest) {
		out_str(o, "  To         ");
		out_visible(o, c->o->dest);
		out_str(o, ", %u is the login\n");
	}
}

static void
plan_text(const struct ctl *c, struct out *o)
{
	out_printf(o, "Mode %s, Function %s; nothing was contacted\n",
	    c->w.mode == WIZARD_IMAP ? "IMAP" : "FILE", wizard_function_name(c->w.function));
	plan_place(c, o);
	plan_window(c, o);
	for (size_t i = 0; i < c->w.n_idle; i++)
		out_printf(o, "%s%s", i == 0 ? "  No effect  " : ", ", c->w.idle[i]);
	out_printf(o, "%s  Accounts   %zu\n", c->w.n_idle > 0 ? "\n" : "", c->list.len);
	for (size_t i = 0; i < c->list.len; i++) {
		const struct user_row *row = &c->list.row[i];

		out_str(o, "    ");
		out_visible(o, row->login);
		out_str(o, " on ");
		out_visible(o, row->server);
		out_printf(o, " port %s, %s, for ", row->port, row_tls(c, row));
		out_visible(o, row->smtp_address);
		out_str(o, row->password ? "\n" : ", password not in the list\n");
	}
}

static void
plan_json_rows(const struct ctl *c, struct out *o)
{
	json_open_array(&o->buf, "accounts");
	for (size_t i = 0; i < c->list.len; i++) {
		const struct user_row *row = &c->list.row[i];

		json_open(&o->buf, NULL);
		json_put_int(&o->buf, "line", row->line);
		json_put_text(&o->buf, "login", slice_str(row->login));
		json_put_text(&o->buf, "server", slice_str(row->server));
		json_put_text(&o->buf, "port", slice_str(row->port));
		json_put_bool(&o->buf, "tls", row->tls);
		json_put_text(&o->buf, "smtp_address", slice_str(row->smtp_address));
		json_put_text(&o->buf, "ex_mailbox", slice_str(row->ex_mailbox));
		json_put_bool(&o->buf, "password_in_list", row->password != NULL);
		json_close(&o->buf);
		out_drain(o);
	}
	json_close_array(&o->buf);
}

static void
plan_json(const struct ctl *c, struct out *o)
{
	struct buf *b = &o->buf, text;

	buf_init(&text, 64);
	json_open(b, NULL);
	json_put_str(b, "imex", IMEX_VERSION);
	json_put_str(b, "mode", c->w.mode == WIZARD_IMAP ? "IMAP" : "FILE");
	json_put_str(b, "function", wizard_function_name(c->w.function));
	json_put_text(b, "dir", slice_str(c->dir));
	json_put_str(b, "format", c->o->dest ? "imap" : format_words[c->o->format]);
	json_put_str(b, "dest", c->o->dest);
	json_put_str(b, "zone", clock_zone_name());
	json_put_str(b, "since", when_text(&c->o->since, &text) ? text.data : NULL);
	buf_reset(&text);
	json_put_str(b, "before", when_text(&c->o->before, &text) ? text.data : NULL);
	json_put_bool(b, "skip_deleted", c->o->skip_deleted);
	json_open_array(b, "without_effect");
	for (size_t i = 0; i < c->w.n_idle; i++)
		json_put_str(b, NULL, c->w.idle[i]);
	json_close_array(b);
	plan_json_rows(c, o);
	json_close(b);
	buf_add_byte(b, '\n');
	buf_done(&text);
}

static int
ctl_plan(const struct ctl *c, struct err *err)
{
	struct out o;

	out_open(&o, STDOUT_FILENO);
	if (c->o->json)
		plan_json(c, &o);
	else
		plan_text(c, &o);
	return out_close(&o, err);
}

/* ---- the event log of the ancestor ---- */

static void
ctl_event(const struct ctl *c, enum event_no no, const char *text)
{
	struct event e = { .no = no, .level = event_default_level(no) };

	evlog_put(c->m.run.log, &e, "%s", text);
}

static void
ctl_event_begin(const struct ctl *c)
{
	struct buf text;

	buf_init(&text, 4096);
	buf_printf(
	    &text, "function %s of source IMAP, %zu accounts, by %s",
	    wizard_function_name(c->w.function), c->list.len, c->w.path);
	ctl_event(c, EV_MIGRATION_START, text.data);
	buf_reset(&text);
	for (size_t i = 0; i < c->w.n_idle; i++)
		buf_printf(&text, "%s%s", i > 0 ? ", " : "", c->w.idle[i]);
	if (c->w.n_idle > 0)
		ctl_event(c, EV_KEYWORD_IDLE, text.data);
	buf_done(&text);
}

static void
ctl_event_end(const struct ctl *c)
{
	const struct migration *m = &c->m;
	char from[ISO_MAX], to[ISO_MAX];
	struct buf text;

	buf_init(&text, 4096);
	clock_iso(c->began_ms, from);
	clock_iso(clock_wall_ms(), to);
	buf_printf(&text,
	    "function %s of source IMAP from %s to %s: %zu succeeded, %" PRIu64
	    " warnings, %zu errors",
	    wizard_function_name(c->w.function), from, to, m->crowd.complete + m->crowd.warned, m->warnings, m->crowd.failed);
	ctl_event(c, EV_FUNCTION_END, text.data);
	buf_reset(&text);
	buf_printf(&text,
	    "source IMAP; extraction: accounts %zu, shared folders 0, messages %" PRIu64
	    ", address books 0, warnings %" PRIu64 ", errors %zu; excluded messages %" PRIu64
	    ", messages without a good verdict %" PRIu64 "; import: %s",
	    c->list.len, m->sum.verdicts[VERDICT_STORED], m->warnings, m->crowd.failed,
	    m->sum.verdicts[VERDICT_EXCLUDED], tally_not_good(&m->sum),
	    c->o->dest ? c->o->dest : "none");
	ctl_event(c, EV_MIGRATION_END, text.data);
	buf_done(&text);
}

/* ---- the run ---- */

/* The wizard knows no other codes than 0, 1 and 2. */
static int
ctl_end(struct ctl *c, struct err *err)
{
	int rc = migration_end(&c->m, "imex control", c->w.path, err);

	ctl_event_end(c);
	return rc > EXIT_BAD ? EXIT_BAD : rc;
}

static int
ctl_open(struct ctl *c, struct err *err)
{
	c->m.o = c->o;
	c->m.dir = c->dir;
	c->m.list = &c->list;
	if (c->o->dest) {
		c->into = (struct into){ .command = "migrate", .dest = c->o->dest };
		c->m.into = &c->into;
	}
	if (c->w.function == WIZARD_IMPORT) {
		if (shelf_find(c->dir, &c->found, err) < 0)
			return -1;
		c->m.found = &c->found;
	}
	return migration_open(&c->m, err);
}

static int
ctl_run(struct ctl *c, struct err *err)
{
	int rc = ctl_open(c, err);

	if (rc == 0) {
		c->began_ms = clock_wall_ms();
		ctl_event_begin(c);
		migration_run(&c->m);
		rc = migration_finish(&c->m, ctl_end(c, err), err);
	}
	migration_close(&c->m);
	return rc;
}

static int
ctl_all(struct ctl *c, struct err *err)
{
	if (c->o->dest && imap_url_tells_password(c->o->dest))
		return err_set(err, ERR_USAGE,
		    "--dest: the user name has a ':'; a password has no place in a URL, see --dest-password-file");
	if (ctl_read(c, err) < 0 || ctl_options(c, err) < 0)
		return -1;
	if (c->o->dry_run && ctl_plan(c, err) < 0)
		return -1;
	if (ctl_possible(c, err) < 0)
		return -1;
	return c->o->dry_run ? 0 : ctl_run(c, err);
}

int
cmd_control(struct options *o, struct err *err)
{
	struct ctl c = { .o = o };
	int rc;

	faults_init(&c.faults);
	rc = ctl_all(&c, err);
	if (rc < 0)
		run_complain(err, NULL);
	faults_done(&c.faults);
	shelf_found_done(&c.found);
	userlist_done(&c.list);
	wizard_done(&c.w);
	return rc < 0 ? EXIT_BAD : rc;
}
