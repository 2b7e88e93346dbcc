/* check of a list: who can log in, and what is there. What an administrator wants to know on Thursday. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "app/account/check.h"
#include "app/account/room_check.h"
#include "app/cli/out.h"
#include "app/crowd/crowd.h"
#include "app/crowd/lists.h"
#include "app/job/birth.h"
#include "app/job/ceilings.h"
#include "app/job/checked.h"
#include "app/job/jobdir.h"
#include "app/run/confined.h"
#include "app/users/errand.h"
#include "base/json.h"
#include "base/mem.h"

enum account_finding {
	FOUND_UNTRIED,
	FOUND_OK,
	FOUND_WRONG_PASSWORD,
	FOUND_LOCKED,
	FOUND_TLS,
	FOUND_NO_HOST,
	FOUND_NO_CONNECTION,
	FOUND_BUSY,
	FOUND_TROUBLE,
	FINDINGS
};
static const char *const words[FINDINGS] = { "not tried", "ok", "wrong password", "locked", "TLS failed",
	"host not found", "cannot connect", "told to wait", "failed" };

struct found {
	enum account_finding what;
	size_t folders;
	uint64_t messages, bytes;
	bool bytes_known;
	int64_t estimate_s; /* -1: unknown */
	char *why; /* NULL: nothing to say */
};

struct lists_check {
	struct options *o;
	struct run run;
	struct userlist list;
	struct found *found; /* by row */
	struct crowd crowd;
	struct room_check room;
	int64_t estimate_s; /* of the whole run; -1: unknown */
};

/* ---- one account ---- */

/* Servers say it in words alone, or by a code of RFC 5530. */
static bool
says_locked(const char *text)
{
	static const char *const marks[] = { "EXPIRED", "CONTACTADMIN", "PRIVACYREQUIRED", "locked",
		"disabled", "suspended", "blocked", "inactive" };

	for (size_t i = 0; i < COUNT_OF(marks); i++)
		if (strcasestr(text, marks[i]))
			return true;
	return false;
}

static enum account_finding
finding_of(const struct err *why)
{
	switch (why->kind) {
	case ERR_LOGIN:
		return says_locked(why->text) ? FOUND_LOCKED : FOUND_WRONG_PASSWORD;
	case ERR_TLS:
		return FOUND_TLS;
	case ERR_NO_HOST:
		return FOUND_NO_HOST;
	case ERR_CONNECT:
	case ERR_NOT_IMAP:
	case ERR_TIMEOUT:
		return FOUND_NO_CONNECTION;
	case ERR_CUT:
		return why->of_server ? FOUND_NO_CONNECTION : FOUND_TROUBLE;
	case ERR_THROTTLED:
		return FOUND_BUSY;
	default:
		return FOUND_TROUBLE;
	}
}

static bool
check_host(void *arg, size_t at, size_t end, char name[CROWD_HOST_MAX])
{
	const struct lists_check *c = arg;
	const struct user_row *row = &c->list.row[at];

	return end == 0 && crowd_host_of_row(c->o, row, name);
}

static void
take_result(struct found *f, const struct check_result *r)
{
	f->what = FOUND_OK;
	f->messages = r->messages;
	f->bytes = r->bytes;
	f->bytes_known = r->bytes > 0 || r->messages == 0;
	f->folders = check_folders(r);
	f->estimate_s = r->estimate_s;
	f->why = mem_copy_str(r->list_trouble);
}

static int
check_one(struct lists_check *c, size_t at, struct options *o, struct err *err)
{
	const struct user_row *row = &c->list.row[at];
	struct check_result r;
	struct run run;
	int rc = user_row_apply(row, o, err);

	if (rc < 0)
		return -1;
	rc = run_open_below(&run, &c->run, o, row->source, err);
	if (rc == 0) {
		run.job.log = c->run.log;
		rc = job_check(&run.job, &r, err);
	}
	if (rc == 0) {
		take_result(&c->found[at], &r);
		check_result_done(&r);
	}
	run_close(&run);
	return rc;
}

static int
check_work(void *arg, size_t at, struct shares *s, const struct seat *seat, struct err *why)
{
	struct lists_check *c = arg;
	struct found *f = &c->found[at];
	struct options o = *c->o;
	int rc;

	(void)seat; /* nobody changes a check */
	o.unattended = true;
	arena_init(&o.arena, 1024 * 1024);
	rc = check_one(c, at, &o, why);
	arena_done(&o.arena);
	shares_leave(s, rc == 0 ? LOGIN_OVER : why->kind == ERR_LOGIN ? LOGIN_REFUSED : LOGIN_NONE);
	if (rc == 0)
		return f->why == NULL ? 0 : 1;
	f->what = finding_of(why);
	return err_exit_code(why->kind);
}

static void
check_ended(void *arg, size_t at, size_t n, int code, const struct err *why)
{
	struct lists_check *c = arg;
	struct found *f = &c->found[at];

	(void)n;
	(void)code;
	if (why->kind == ERR_NONE)
		return;
	free(f->why);
	f->why = mem_copy_str(why->text);
}

/* The job that will copy them; NULL: not told. */
static const char *
check_dir(const struct options *o)
{
	return o->to ? o->to : o->job;
}

/* ---- the table ---- */

static void
table_row(const struct user_row *row, const struct found *f, struct out *o)
{
	char name[512], folders[HUMAN_MAX] = "", messages[HUMAN_MAX] = "", bytes[HUMAN_MAX] = "";

	if (f->what == FOUND_OK) {
		human_count(f->folders, folders);
		human_count(f->messages, messages);
		human_bytes(f->bytes, bytes);
	}
	snprintf(name, sizeof(name), "%s@%s", row->login, row->server);
	out_column(o, name, 40);
	out_printf(o, "  %-14s %8s %10s %9s", words[f->what], folders, messages,
	    f->bytes_known ? bytes : "");
	out_str(o, "\n");
	if (f->why) {
		out_str(o, "    ");
		out_wrapped(o, f->why, 4, 4);
	}
}

static void
table_sums(const struct lists_check *c, struct out *o)
{
	size_t count[FINDINGS] = { 0 };
	uint64_t messages = 0, bytes = 0;
	char text[HUMAN_MAX], size[HUMAN_MAX];
	bool first = true;

	for (size_t i = 0; i < c->list.len; i++) {
		count[c->found[i].what]++;
		messages += c->found[i].messages;
		bytes += c->found[i].bytes;
	}
	out_printf(o, "%zu account%s: ", c->list.len, c->list.len == 1 ? "" : "s");
	for (size_t i = 0; i < FINDINGS; i++) {
		size_t k = (i + 1) % FINDINGS; /* what was not tried comes last */

		if (count[k] == 0)
			continue;
		out_printf(o, "%s%zu %s", first ? "" : ", ", count[k], words[k]);
		first = false;
	}
	human_count(messages, text);
	human_bytes(bytes, size);
	out_printf(o, "; %s messages, %s\n", text, size);
	room_check_text(&c->room, o);
	if (c->estimate_s >= 0) {
		human_span(c->estimate_s, text);
		out_printf(o, "%-13sabout %s\n", "Duration", text);
	}
}

static void
table_text(const struct lists_check *c, struct out *o)
{
	out_printf(o, "%-40s  %-14s %8s %10s %9s\n", "ACCOUNT", "STATE", "FOLDERS", "MESSAGES", "SIZE");
	for (size_t i = 0; i < c->list.len; i++)
		table_row(&c->list.row[i], &c->found[i], o);
	table_sums(c, o);
}

static void
table_json(const struct lists_check *c, struct out *o)
{
	struct buf *b = &o->buf;

	json_open(b, NULL);
	json_put_str(b, "imex", IMEX_VERSION);
	json_open_array(b, "accounts");
	for (size_t i = 0; i < c->list.len; i++) {
		const struct user_row *row = &c->list.row[i];
		const struct found *f = &c->found[i];

		json_open(b, NULL);
		json_put_int(b, "line", row->line);
		json_put_text(b, "login", slice_str(row->login));
		json_put_text(b, "server", slice_str(row->server));
		json_put_text(b, "port", slice_str(row->port));
		json_put_str(b, "state", words[f->what]);
		json_put_int(b, "folders", (int64_t)f->folders);
		json_put_int(b, "messages", (int64_t)f->messages);
		if (f->bytes_known)
			json_put_int(b, "bytes", (int64_t)f->bytes);
		else
			json_put_null(b, "bytes");
		json_put_str(b, "why", f->why);
		json_close(b);
		out_drain(o);
	}
	json_close_array(b);
	room_check_json(&c->room, b);
	json_put_int(b, "estimate_s", c->estimate_s);
	json_close(b);
	buf_add_byte(b, '\n');
}

/* ---- all of them ---- */

/* Of the accounts that could be looked at. */
static void
check_sum(struct lists_check *c)
{
	unsigned at_once = c->o->jobs < c->list.len ? c->o->jobs : (unsigned)c->list.len;
	int64_t s = 0;

	c->room.sizes_known = true;
	for (size_t i = 0; i < c->list.len; i++) {
		const struct found *f = &c->found[i];

		if (f->what != FOUND_OK)
			continue;
		c->room.folders += f->folders;
		c->room.messages += f->messages;
		c->room.octets += f->bytes;
		c->room.sizes_known &= f->bytes_known;
		s = s < 0 || f->estimate_s < 0 ? -1 : s + f->estimate_s;
	}
	c->estimate_s = s < 0 || at_once == 0 ? -1 : (s + at_once - 1) / at_once;
}

static int
check_print(struct lists_check *c, struct err *err)
{
	struct err ignored;
	struct out o;

	check_sum(c);
	if (room_check(&c->room, c->o, &c->run.job, check_dir(c->o), err) < 0)
		return -1;
	out_open(&o, STDOUT_FILENO);
	if (c->o->json)
		table_json(c, &o);
	else
		table_text(c, &o);
	if (c->run.state && !c->o->json && ceilings_text(c->run.state, &o, err) < 0) {
		(void)!out_close(&o, &ignored);
		return -1;
	}
	return out_close(&o, err);
}

/* What is wrong with the options of an account is told when it is its turn. */
static int
row_reaches(const struct lists_check *c, size_t at, struct reach *r, struct err *err)
{
	struct options o = *c->o;
	struct err ignored;
	int rc = 0;

	arena_init(&o.arena, 1024 * 1024);
	if (user_row_apply(&c->list.row[at], &o, &ignored) == 0)
		rc = confined_add(r, &o, err);
	arena_done(&o.arena);
	return rc;
}

static int
check_confined(const struct lists_check *c, const char *dir, struct err *err)
{
	struct reach r = { 0 };
	int rc;

	if (c->o->no_confine)
		return 0;
	rc = confined_add(&r, c->o, err);
	for (size_t i = 0; rc == 0 && i < c->list.len; i++)
		if (c->list.row[i].n_settings > 0)
			rc = row_reaches(c, i, &r, err);
	if (rc == 0)
		rc = confined_many(c->o, dir, &r, err);
	reach_done(&r);
	return rc < 0 ? -1 : errands_seal(err);
}

/* Before anybody is contacted: another run may be at work there. */
static int
check_open(struct lists_check *c, struct err *err)
{
	const char *dir = c->o->dry_run ? NULL : check_dir(c->o);

	if (run_open(&c->run, c->o, NULL, err) < 0)
		return -1;
	origin_options(c->o, &c->run.job);
	if ((dir && jobdir_prepare(dir, err) < 0) || check_confined(c, dir, err) < 0 ||
	    (dir && run_state(&c->run, dir, STATE_RUN, err) < 0))
		return -1;
	return run_log(&c->run, NULL, err);
}

static int
check_keep(const struct lists_check *c, struct err *err)
{
	struct checked *sizes;
	int rc;

	if (!c->run.state)
		return 0;
	sizes = checked_new(c->list.len);
	for (size_t i = 0; i < c->list.len; i++)
		if (c->found[i].what == FOUND_OK && c->found[i].bytes_known)
			checked_add(sizes, &c->list.row[i], c->found[i].bytes);
	rc = checked_keep(sizes, c->run.state, err);
	checked_free(sizes);
	return rc;
}

static int
check_all(struct lists_check *c, struct err *err)
{
	static const struct crowd_ops ops = {
		.host = check_host, .work = check_work, .ended = check_ended
	};
	int rc;

	c->crowd = (struct crowd){
		.ops = &ops, .arg = c, .o = c->o, .list = &c->list, .run = &c->run
	};
	crowd_run(&c->crowd, NULL);
	rc = check_keep(c, err);
	if (rc == 0)
		rc = check_print(c, err);
	if (c->crowd.ended.kind != ERR_NONE)
		run_complain(&c->crowd.ended, NULL);
	if (rc < 0)
		return -1;
	if (c->crowd.ended.kind == ERR_INTERRUPTED)
		return EXIT_INTERRUPTED;
	rc = crowd_code(&c->crowd);
	return rc == 0 && !room_check_fits(&c->room) ? 1 : rc;
}

int
lists_check(struct options *o, struct err *err)
{
	struct lists_check c = { .o = o };
	int rc = lists_read(o, false, NULL, &c.list, err);

	if (rc == 0)
		rc = birth_settle(o, o->to, err);
	if (rc == 0) {
		c.found = mem_new((c.list.len + 1) * sizeof(*c.found));
		rc = check_open(&c, err);
		if (rc == 0)
			rc = check_all(&c, err);
		run_close(&c.run);
		for (size_t i = 0; i < c.list.len; i++)
			free(c.found[i].why);
		free(c.found);
	}
	userlist_done(&c.list);
	return rc;
}
