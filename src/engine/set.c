/* The note "exchange" of the state:
 *	{"next":3,"set":2,"accounts":[{"dir":"anna@h","number":1,"time":1732561321,"open":false,
 *	 "login":"anna","host":"h","port":"993","tls":true,"smtp":"anna@example.org",
 *	 "mailbox":"anna"}]}
 * next: the first number not given yet; set: of the packing list that is written next; open: its
 * files belong to that list. A run that ends early leaves everything open and is gone on with. */
#include "engine/set.h"

#include <pthread.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "store/exchange/set.h"
#include "store/files/files_sink.h"

static const char key[] = "exchange";

static int
set_damaged(struct err *err)
{
	return err_set(err, ERR_STATE, "the numbers of the Exchange set in the state are damaged");
}

static int
set_read(const struct job *job, json_t **ret, struct err *err)
{
	AUTO(mem_free_str) char *text = NULL;
	json_error_t why;

	if (state_note_get(job->state, key, &text, err) < 0)
		return -1;
	*ret = text != NULL ? json_loads(text, 0, &why)
			    : json_pack("{s:i, s:i, s:[]}", "next", 1, "set", 1, "accounts");
	if (json_is_integer(json_object_get(*ret, "next")) &&
	    json_is_integer(json_object_get(*ret, "set")) &&
	    json_is_array(json_object_get(*ret, "accounts")))
		return 0;
	json_decref(*ret);
	return set_damaged(err);
}

static int
set_write(const struct job *job, json_t *note, struct err *err)
{
	AUTO(mem_free_str) char *text = json_dumps(note, JSON_COMPACT | JSON_SORT_KEYS);

	return text == NULL ? set_damaged(err) : state_note_set(job->state, key, text, err);
}

static json_t *
set_open_entry(json_t *note, const char *dir)
{
	size_t i;
	json_t *one;

	json_array_foreach(json_object_get(note, "accounts"), i, one) {
		const char *name = json_string_value(json_object_get(one, "dir"));

		if (json_is_true(json_object_get(one, "open")) && name && strcmp(name, dir) == 0)
			return one;
	}
	return NULL;
}

static bool
set_has_closed(json_t *note, const char *dir)
{
	size_t i;
	json_t *one;

	json_array_foreach(json_object_get(note, "accounts"), i, one) {
		const char *name = json_string_value(json_object_get(one, "dir"));

		if (!json_is_true(json_object_get(one, "open")) && name && strcmp(name, dir) == 0)
			return true;
	}
	return false;
}

static int
set_add(const struct job *job, json_t *note, const char *dir, const struct exchange_place *x,
    json_t **ret, struct err *err)
{
	json_int_t next = json_integer_value(json_object_get(note, "next"));
	const char *port = job->from != NULL ? job->from->port : endpoint_known_port(&job->source);
	json_t *one = json_pack("{s:s, s:I, s:I, s:b, s:s, s:s, s:s, s:b, s:s, s:s}", "dir", dir, "number",
	    next, "time", (json_int_t)(clock_wall_ms() / SEC), "open", 1, "login", x->login, "host",
	    x->host, "port", port, "tls", job->source.tls == TLS_FROM_START, "smtp",
	    x->smtp_address, "mailbox",
	    job->writing.ex_mailbox != NULL ? job->writing.ex_mailbox : "");

	if (one == NULL || next < 1 || next > 99999999)
		return json_decref(one), set_damaged(err);
	json_array_append_new(json_object_get(note, "accounts"), one);
	json_object_set_new(note, "next", json_integer(next + 1));
	*ret = one;
	return set_write(job, note, err);
}

/* Killed behind its packing list, a run may find more now: what the list names is not whole any more. */
static int
set_drop_list(json_t *note, int dir, struct err *err)
{
	char name[EXSET_NAME_MAX];

	exset_list_name((unsigned)json_integer_value(json_object_get(note, "set")), name);
	if (unlinkat(dir, name, 0) == 0)
		return file_sync(dir, err);
	return errno == ENOENT ? 0 : err_set_sys(err, ERR_DISK, "remove '%s'", name);
}

/* The number of a run that has not ended. If it wrote nothing, the set begins now. */
static int
set_again(const struct job *job, json_t *note, json_t *one, const char *place, struct err *err)
{
	AUTO(file_close) int dir = -1;
	char name[EXSET_NAME_MAX];

	if (file_open_dir(AT_FDCWD, place, &dir, err) < 0 || set_drop_list(note, dir, err) < 0)
		return -1;
	exset_pri_name((unsigned)json_integer_value(json_object_get(one, "number")), name);
	if (file_there(dir, name))
		return 0;
	json_object_set_new(one, "time", json_integer((json_int_t)(clock_wall_ms() / SEC)));
	return set_write(job, note, err);
}

static int
number_account(const struct job *job, const char *account_dir, struct exchange_place *io,
    struct err *err)
{
	json_t *note, *one;
	int rc = 0;

	if (set_read(job, &note, err) < 0)
		return -1;
	one = set_open_entry(note, account_dir);
	if (one == NULL)
		rc = set_add(job, note, account_dir, io, &one, err);
	else
		rc = set_again(job, note, one, io->dir, err);
	if (rc == 0) {
		io->number = (unsigned)json_integer_value(json_object_get(one, "number"));
		io->time = json_integer_value(json_object_get(one, "time"));
		io->later = set_has_closed(note, account_dir);
	}
	json_decref(note);
	return rc;
}

/* The note is read and written again: two accounts that do it at once would get one number. */
int
set_number(const struct job *job, const char *account_dir, struct exchange_place *io,
    struct err *err)
{
	static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
	int rc;

	pthread_mutex_lock(&one_at_a_time);
	rc = number_account(job, account_dir, io, err);
	pthread_mutex_unlock(&one_at_a_time);
	return rc;
}

/* ---- a state that was put back ---- */

/* *ret: octets of a primary file; -1: it is not there. */
static int
pri_len(const char *place, json_int_t number, int64_t *ret, struct err *err)
{
	AUTO(file_close) int dir = -1;
	char name[EXSET_NAME_MAX];
	struct stat st;

	*ret = -1;
	if (file_open_dir(AT_FDCWD, place, &dir, err) < 0)
		return -1;
	exset_pri_name((unsigned)number, name);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		*ret = st.st_size;
	else if (errno != ENOENT)
		return err_set_sys(err, ERR_DISK, "look at '%s'", name);
	return 0;
}

/* Is there more of the set than the state knows? */
static int
is_ahead(json_t *note, const char *account_dir, const struct sink_place *place, bool *ret, struct err *err)
{
	json_t *one = set_open_entry(note, account_dir);
	json_int_t number = json_integer_value(json_object_get(one, "number"));
	const char *dir = place->exchange->dir;
	struct grown_mark mark;
	char word[24];
	int64_t len;

	if (pri_len(dir, json_integer_value(json_object_get(note, "next")), &len, err) < 0)
		return -1;
	*ret = len >= 0;
	if (one == NULL || *ret)
		return 0;
	if (pri_len(dir, number, &len, err) < 0)
		return -1;
	(void)snprintf(word, sizeof word, "pri%u", (unsigned)number);
	*ret = files_mark_latest(place, word, &mark) ? len > (int64_t)mark.len : len >= 0;
	return 0;
}

int
set_not_ahead(const struct job *job, const char *account_dir, const struct sink_place *place, struct err *err)
{
	AUTO(mem_free_str) char *known = NULL, *seen = NULL;
	bool ahead = false;
	json_t *note;
	int rc;

	if (asprintf(&known, STATE_NOTE_RESTORED "/%s", account_dir) < 0)
		mem_out();
	if (state_note_get(job->state, known, &seen, err) < 0)
		return -1;
	if (seen != NULL)
		return 0;
	if (set_read(job, &note, err) < 0)
		return -1;
	rc = is_ahead(note, account_dir, place, &ahead, err);
	json_decref(note);
	if (rc < 0)
		return -1;
	if (ahead)
		return err_set(err, ERR_CONFIG,
		    "the state is a backup, and the Exchange set in '%s' has gone on since it was made: put "
		    "that back as it was then, too, or extract into another directory",
		    place->exchange->dir);
	return state_note_set(job->state, known, "1", err);
}

/* ---- the end of a run ---- */

/* How many secondary files were written; *ret_pri: is there a primary one? */
static unsigned
count_files(int dir, unsigned number, bool *ret_pri)
{
	char name[EXSET_NAME_MAX];
	unsigned part = 0;

	exset_pri_name(number, name);
	*ret_pri = file_there(dir, name);
	do
		exset_sec_name(number, ++part, name);
	while (file_there(dir, name));
	return part - 1;
}

static const char *
entry_text(const json_t *one, const char *name)
{
	const char *text = json_string_value(json_object_get(one, name));

	return text != NULL ? text : "";
}

static bool
is_open(const json_t *one)
{
	return json_is_true(json_object_get(one, "open"));
}

/* Was the account told in the directory file of an earlier list? */
static bool
is_known(json_t *accounts, size_t at)
{
	const char *dir = entry_text(json_array_get(accounts, at), "dir");

	for (size_t i = 0; i < at; i++) {
		const json_t *one = json_array_get(accounts, i);

		if (!is_open(one) && strcmp(entry_text(one, "dir"), dir) == 0)
			return true;
	}
	return false;
}

struct lists {
	struct exset_account *now, *all;	/* of this packing list; of the user list */
	size_t n_now, n_all;
};

static void
fill_lists(int dir, json_t *accounts, struct lists *l)
{
	for (size_t i = 0; i < json_array_size(accounts); i++) {
		const json_t *one = json_array_get(accounts, i);
		struct exset_account a = {
			.number = (unsigned)json_integer_value(json_object_get(one, "number")),
			.known = is_known(accounts, i),
			.login = entry_text(one, "login"),
			.host = entry_text(one, "host"),
			.port = entry_text(one, "port"),
			.tls = json_is_true(json_object_get(one, "tls")),
			.smtp_address = entry_text(one, "smtp"),
			.alias = entry_text(one, "mailbox"),
		};
		bool pri;

		a.secs = count_files(dir, a.number, &pri);
		if (!a.known)
			l->all[l->n_all++] = a;
		if (is_open(one) && pri)
			l->now[l->n_now++] = a;
	}
}

static void
close_entries(json_t *note, const struct lists *l)
{
	json_t *accounts = json_object_get(note, "accounts");

	for (size_t i = 0; i < json_array_size(accounts); i++) {
		json_t *one = json_array_get(accounts, i);
		json_int_t number = json_integer_value(json_object_get(one, "number"));

		for (size_t k = 0; k < l->n_now; k++)
			if (l->now[k].number == number)
				json_object_set_new(one, "open", json_false());
	}
	json_object_set_new(note, "set",
	    json_integer(json_integer_value(json_object_get(note, "set")) + 1));
}

static int
write_set(const struct job *job, json_t *note, int dir, struct lists *l, struct err *err)
{
	struct exnotes notes = { 0 };
	struct exset set = { .run = (unsigned)json_integer_value(json_object_get(note, "set")),
		.codepage = job->writing.codepage,
		.account = l->now,
		.n_accounts = l->n_now,
		.user = l->all,
		.n_users = l->n_all };

	/* Killed in between, the same list is written again. */
	if (exset_write(dir, &set, &notes, err) < 0)
		return -1;
	close_entries(note, l);
	return set_write(job, note, err);
}

int
set_close(const struct job *job, struct err *err)
{
	AUTO(mem_free_str) char *path = NULL;
	AUTO(file_close) int dir = -1;
	struct lists l = { 0 };
	json_t *note;
	int rc = 0;

	if (job->format != FORMAT_EXCHANGE)
		return 0;
	if (asprintf(&path, "%s/mail", job->dir) < 0)
		mem_out();
	if (file_open_dir(AT_FDCWD, path, &dir, err) < 0 || set_read(job, &note, err) < 0)
		return -1;
	json_t *accounts = json_object_get(note, "accounts");

	l.now = mem_resize(NULL, json_array_size(accounts) + 1, sizeof(*l.now));
	l.all = mem_resize(NULL, json_array_size(accounts) + 1, sizeof(*l.all));
	fill_lists(dir, accounts, &l);
	if (l.n_now > 0)
		rc = write_set(job, note, dir, &l, err);
	free(l.now);
	free(l.all);
	json_decref(note);
	return rc;
}
