/* The calls of state.h that are one request each, and what is made of them. */
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/mem.h"
#include "state/keeper.h"

/* ---- the job ---- */

int
state_note_set(struct state *t, const char *key, const char *value, struct err *err)
{
	return state_notes_set(t, &(struct job_note){ key, value }, 1, err);
}

int
state_notes_set(struct state *t, const struct job_note *note, size_t n, struct err *err)
{
	struct request r = { .kind = REQUEST_NOTE_SET, .id = (int64_t)n, .note = { .set = note } };

	return state_ask(t, &r, err);
}

int
state_notes(struct state *t, const char *prefix, struct arena *a, struct job_note **ret,
    size_t *ret_len, struct err *err)
{
	struct request r = { .kind = REQUEST_NOTES,
		.arena = a,
		.note = { .key = prefix, .list = ret },
		.ret_len = ret_len };

	return state_ask(t, &r, err);
}

int
state_note_get(struct state *t, const char *key, char **ret, struct err *err)
{
	struct request r = { .kind = REQUEST_NOTE_GET, .note = { .key = key, .ret = ret } };

	return state_ask(t, &r, err);
}

/* Birth facts are notes, so that a backend needs no table for them. */
static const struct {
	const char *key, *words;
	size_t at, size;
} birth_facts[] = {
	{ "birth.command", "command", offsetof(struct job_birth, command), 16 },
	{ "birth.format", "format", offsetof(struct job_birth, format), 16 },
	{ "birth.eol", "line ends", offsetof(struct job_birth, eol), 8 },
	{ "birth.zone", "time zone", offsetof(struct job_birth, zone), 40 },
	{ "birth.codepage", "code page", offsetof(struct job_birth, codepage), 16 },
};

/* *ret_new: it is not known yet. */
static int
state_birth_fact(struct state *t, size_t i, const char *want, bool *ret_new, struct err *err)
{
	AUTO(mem_free_str) char *was = NULL;

	if (state_note_get(t, birth_facts[i].key, &was, err) < 0)
		return -1;
	*ret_new = was == NULL;
	if (was == NULL || strcmp(was, want) == 0)
		return 0;
	return err_set(err, ERR_OTHER_JOB,
	    "the job was begun with %s '%s', not '%s': use another directory", birth_facts[i].words,
	    was, want);
}

int
state_birth(struct state *t, const struct job_birth *want, struct err *err)
{
	struct job_note fact[COUNT_OF(birth_facts)];
	size_t n = 0;

	for (size_t i = 0; i < COUNT_OF(birth_facts); i++) {
		const char *value = (const char *)want + birth_facts[i].at;
		bool is_new;

		if (state_birth_fact(t, i, value, &is_new, err) < 0)
			return -1;
		if (is_new)
			fact[n++] = (struct job_note){ birth_facts[i].key, value };
	}
	/* In one commit, so that a job is begun with all of them or with none. */
	return n == 0 ? 0 : state_notes_set(t, fact, n, err);
}

int
state_birth_read(struct state *t, struct job_birth *ret, struct err *err)
{
	struct job_birth birth = { .command = "" };

	for (size_t i = 0; i < COUNT_OF(birth_facts); i++) {
		AUTO(mem_free_str) char *was = NULL;

		if (state_note_get(t, birth_facts[i].key, &was, err) < 0)
			return -1;
		if (was == NULL)
			return err_set(err, ERR_NO_INPUT,
			    "the job directory was made, but no job was begun in it");
		size_t len = strnlen(was, birth_facts[i].size - 1);
		memcpy((char *)&birth + birth_facts[i].at, was, len);
	}
	*ret = birth;
	return 0;
}

/* "anna (1000)"; a user without an entry is his number. */
static const char *
state_user(char *text, size_t size)
{
	char room[4096];
	struct passwd user, *found = NULL;
	uid_t uid = getuid();

	if (getpwuid_r(uid, &user, room, sizeof room, &found) == 0 && found != NULL)
		(void)snprintf(text, size, "%s (%lu)", found->pw_name, (unsigned long)uid);
	else
		(void)snprintf(text, size, "(%lu)", (unsigned long)uid);
	return text;
}

int
state_run_begin(
    struct state *t, const char *version, const char *options, int64_t *ret_run, struct err *err)
{
	struct utsname host;
	char who[256];
	const struct run_rec run = {
		.version = version,
		.options = options,
		.who = state_user(who, sizeof who),
		.host = uname(&host) == 0 ? host.nodename : "",
		.pid = getpid(),
	};
	struct request r = { .kind = REQUEST_RUN_BEGIN, .run = { .begin = &run, .ret = ret_run } };

	return state_ask(t, &r, err);
}

int
state_runs(struct state *t, struct arena *a, struct run_rec **ret, size_t *ret_len, struct err *err)
{
	struct request r = {
		.kind = REQUEST_RUNS, .arena = a, .run.list = ret, .ret_len = ret_len
	};

	return state_ask(t, &r, err);
}

int
state_run_end(struct state *t, int64_t run, int exit_code, struct err *err)
{
	struct request r = { .kind = REQUEST_RUN_END, .id = run, .id2 = exit_code };

	return state_ask(t, &r, err);
}

int
state_compact(struct state *t, struct err *err)
{
	return state_ask(t, &(struct request){ .kind = REQUEST_COMPACT }, err);
}

int
state_backup(struct state *t, const char *path, struct err *err)
{
	return state_ask(t, &(struct request){ .kind = REQUEST_BACKUP, .backup = path }, err);
}

int
state_outcome(struct state *t, int *ret, struct err *err)
{
	return state_ask(t, &(struct request){ .kind = REQUEST_OUTCOME, .outcome = ret }, err);
}

/* ---- accounts ---- */

int
state_claim(
    struct state *t, struct account_rec *io, struct arena *a, struct lease *ret, struct err *err)
{
	struct request r = { .kind = REQUEST_CLAIM, .arena = a, .claim = { io, ret } };

	return state_ask(t, &r, err);
}

int
state_account_end(struct state *t, const struct lease *l, enum account_status s, const char *error,
    int error_exit, struct err *err)
{
	struct request r = {
		.kind = REQUEST_ACCOUNT_END, .lease = *l, .end = { s, error, error_exit }
	};

	return state_ask(t, &r, err);
}

int
state_account_queue(
    struct state *t, struct account_rec *io, size_t n, struct arena *a, struct err *err)
{
	struct request r = {
		.kind = REQUEST_ACCOUNT_QUEUE, .arena = a, .queue = io, .id = (int64_t)n
	};

	return state_ask(t, &r, err);
}

int
state_account_wait(
    struct state *t, const struct lease *l, int64_t until_ms, const char *why, struct err *err)
{
	struct request r = { .kind = REQUEST_ACCOUNT_WAIT,
		.lease = *l,
		.account = { .number = until_ms, .why = why } };

	return state_ask(t, &r, err);
}

int
state_account_day(struct state *t, const struct lease *l, int64_t day, uint64_t octets,
    uint64_t *ret_total, struct err *err)
{
	struct request r = { .kind = REQUEST_ACCOUNT_DAY,
		.lease = *l,
		.account = { .number = day, .octets = octets, .ret = ret_total } };

	return state_ask(t, &r, err);
}

int
state_account_size(struct state *t, const struct lease *l, uint64_t octets, struct err *err)
{
	struct request r = {
		.kind = REQUEST_ACCOUNT_SIZE, .lease = *l, .account.octets = octets
	};

	return state_ask(t, &r, err);
}

int
state_accounts(
    struct state *t, struct arena *a, struct account_rec **ret, size_t *ret_len, struct err *err)
{
	struct request r = {
		.kind = REQUEST_ACCOUNTS, .arena = a, .accounts = ret, .ret_len = ret_len
	};

	return state_ask(t, &r, err);
}

int
state_account(struct state *t, int64_t id, struct arena *a, struct account_rec *ret,
    struct tally *ret_sum, struct err *err)
{
	struct request r = {
		.kind = REQUEST_ACCOUNT, .id = id, .arena = a, .one = { ret, ret_sum }
	};

	return state_ask(t, &r, err);
}

int
state_tallies(
    struct state *t, struct arena *a, struct tally **ret, size_t *ret_len, struct err *err)
{
	struct request r = {
		.kind = REQUEST_TALLIES, .arena = a, .tallies = ret, .ret_len = ret_len
	};

	return state_ask(t, &r, err);
}

int
state_newest(
    struct state *t, struct arena *a, struct newest **ret, size_t *ret_len, struct err *err)
{
	struct request r = {
		.kind = REQUEST_NEWEST, .arena = a, .newest = ret, .ret_len = ret_len
	};

	return state_ask(t, &r, err);
}

/* ---- several processes ---- */

int
state_peers(struct state *t, struct peers *ret, struct err *err)
{
	return state_ask(t, &(struct request){ .kind = REQUEST_PEERS, .peers = ret }, err);
}

int
state_take(struct state *t, int64_t account, enum taken *ret, struct err *err)
{
	struct request r = { .kind = REQUEST_TAKE, .id = account, .taken = ret };

	return state_ask(t, &r, err);
}

int
state_release(struct state *t, int64_t account, struct err *err)
{
	return state_ask(t, &(struct request){ .kind = REQUEST_RELEASE, .id = account }, err);
}

int
state_places(struct state *t, struct place *io, size_t n, struct err *err)
{
	struct request r = { .kind = REQUEST_PLACES, .id = (int64_t)n, .places = io };

	return state_ask(t, &r, err);
}

/* ---- folders and messages ---- */

int
state_folder(
    struct state *t, const struct lease *l, struct folder_rec *io, struct arena *a, struct err *err)
{
	return state_folder_all(t, l, io, 1, a, err);
}

int
state_folder_all(struct state *t, const struct lease *l, struct folder_rec *io, size_t n,
    struct arena *a, struct err *err)
{
	struct request r = {
		.kind = REQUEST_FOLDER, .lease = *l, .arena = a, .folder = io, .id = (int64_t)n
	};

	return state_ask(t, &r, err);
}

int
state_folder_rename(struct state *t, const struct lease *l, const struct folder_renaming *r,
    struct err *err)
{
	struct request ask = { .kind = REQUEST_FOLDER_RENAME, .lease = *l, .rename = r };

	return state_ask(t, &ask, err);
}

int
state_folders(struct state *t, int64_t account, struct arena *a, struct folder_rec **ret,
    size_t *ret_len, struct err *err)
{
	struct request r = { .kind = REQUEST_FOLDERS,
		.id = account,
		.arena = a,
		.folders = ret,
		.ret_len = ret_len };

	return state_ask(t, &r, err);
}

int
state_page(struct state *t, int64_t folder, uint32_t after, struct msg_page *ret, struct err *err)
{
	struct request r = { .kind = REQUEST_PAGE, .id = folder, .page = { after, ret } };

	return state_ask(t, &r, err);
}

int
state_uids(struct state *t, int64_t folder, uint32_t after, uint32_t *ret, size_t most, size_t *ret_len,
    struct err *err)
{
	struct request r = {
		.kind = REQUEST_UIDS, .id = folder, .ret_len = ret_len, .uids = { after, ret, most }
	};

	return state_ask(t, &r, err);
}

int
state_message(struct state *t, int64_t folder, uint32_t uid, struct arena *a, struct msg *ret,
    bool *ret_found, struct err *err)
{
	struct request r = { .kind = REQUEST_MESSAGE,
		.id = folder,
		.arena = a,
		.message = { uid, ret, ret_found } };

	return state_ask(t, &r, err);
}

int
state_shared_copies(struct state *t, int64_t folder, struct arena *a, uint32_t **ret, size_t *ret_len,
    struct err *err)
{
	struct request r = {
		.kind = REQUEST_SHARED_COPIES, .id = folder, .arena = a, .copies = ret, .ret_len = ret_len
	};

	return state_ask(t, &r, err);
}

int
state_twin(struct state *t, int64_t folder, uint64_t gm_msgid, struct arena *a, struct twin *ret,
    bool *ret_found, struct err *err)
{
	struct request r = { .kind = REQUEST_TWIN, .id = folder, .arena = a, .twin = { gm_msgid, ret, ret_found } };

	return state_ask(t, &r, err);
}

int
state_superseded(
    struct state *t, int64_t old_folder, int64_t new_folder, struct msg_page *ret, struct err *err)
{
	struct request r = {
		.kind = REQUEST_SUPERSEDED, .id = old_folder, .id2 = new_folder, .page = { 0, ret }
	};

	return state_ask(t, &r, err);
}

int
state_problems(struct state *t, int64_t folder, struct arena *a, struct problem **ret,
    size_t *ret_len, struct err *err)
{
	struct request r = { .kind = REQUEST_PROBLEMS,
		.id = folder,
		.arena = a,
		.problems = ret,
		.ret_len = ret_len };

	return state_ask(t, &r, err);
}

int
state_warnings(struct state *t, int64_t account, struct arena *a, struct warning **ret,
    size_t *ret_len, struct err *err)
{
	struct request r = { .kind = REQUEST_WARNINGS,
		.id = account,
		.arena = a,
		.warnings = ret,
		.ret_len = ret_len };

	return state_ask(t, &r, err);
}

int
state_debts(struct state *t, int64_t folder, struct arena *a, uint32_t **ret, size_t *ret_len,
    struct err *err)
{
	struct request r = {
		.kind = REQUEST_DEBTS, .id = folder, .arena = a, .debts = ret, .ret_len = ret_len
	};

	return state_ask(t, &r, err);
}

int
state_intents(struct state *t, int64_t folder, struct arena *a, struct intent **ret,
    size_t *ret_len, struct err *err)
{
	struct request r = { .kind = REQUEST_INTENTS,
		.id = folder,
		.arena = a,
		.intents = ret,
		.ret_len = ret_len };

	return state_ask(t, &r, err);
}

int
state_numbering(struct state *t, int64_t folder, struct numbering *ret, struct err *err)
{
	struct request r = { .kind = REQUEST_NUMBERING, .id = folder, .numbering = ret };

	return state_ask(t, &r, err);
}

/* ---- servers ---- */

static uint32_t
join_learnt(uint32_t a, uint32_t b)
{
	uint32_t form_a = a & LEARNT_LISTING, form_b = b & LEARNT_LISTING;

	return ((a | b) & ~(uint32_t)LEARNT_LISTING) | (form_a > form_b ? form_a : form_b);
}

void
server_facts_join(struct server_facts *io, const struct server_facts *more)
{
	if (more->product[0] != '\0')
		memcpy(io->product, more->product, sizeof(io->product));
	io->refused_forms |= more->refused_forms;
	if (more->works_form >= 0 && more->works_form < FORMS_MAX) {
		io->proven = more->proven || (io->proven && io->works_form == more->works_form);
		io->works_form = more->works_form;
		/* It was refused for a message, not by the server. */
		io->refused_forms &= ~(1u << io->works_form);
	}
	io->quirks = join_learnt(io->quirks, more->quirks);
	if (more->connections > 0)
		io->connections = more->connections;
}

int
state_server_get(struct state *t, const char *host_port, struct server_facts *ret, struct err *err)
{
	struct request r = { .kind = REQUEST_SERVER_GET,
		.server = { .name = host_port, .ret = ret } };

	return state_ask(t, &r, err);
}

int
state_server_set(
    struct state *t, const char *host_port, const struct server_facts *f, struct err *err)
{
	struct request r = { .kind = REQUEST_SERVER_SET,
		.server = { .name = host_port, .set = f } };

	return state_ask(t, &r, err);
}
