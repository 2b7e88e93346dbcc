/* Shares the work of a run over a list: the accounts of the last list, with the sources and options
 * that the job keeps, taken one by one from the state that all processes have in common. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/by_login.h"
#include "app/jobdir.h"
#include "app/retry_list.h"
#include "app/share.h"
#include "app/stored.h"
#include "base/clock.h"
#include "base/mem.h"

/* A run that has just begun reads its list first. */
enum { WORKER_ARENA = 512 * 1024 * 1024, BEGINS_MS = 5 * SEC, LOOK_MS = 500 };

struct worker {
	struct arena arena;
	bool migrate;
	struct account_rec *account; /* of the last list, in the order of `source` */
	const char **source;
	size_t len;
	size_t unbegun; /* whose options were not kept before the run was killed */
};

static int
worker_fits(struct state *t, const char *dir, bool *ret_migrate, struct err *err)
{
	struct job_birth birth;

	if (state_birth_read(t, &birth, err) < 0)
		return -1;
	*ret_migrate = strcmp(birth.command, "migrate") == 0;
	if (!*ret_migrate && strcmp(birth.command, "extract") != 0)
		return err_set(err, ERR_USAGE,
		    "'%s' is a job of imex %s, which has no accounts to share: extract and migrate "
		    "with "
		    "--users have",
		    dir, birth.command);
	if (strcmp(birth.format, "exchange") == 0)
		return err_set(err, ERR_USAGE,
		    "'%s' is a job with --format exchange: one set for all its accounts, which one "
		    "process writes",
		    dir);
	return 0;
}

static int
worker_add(struct worker *w, const struct account_rec *a, const char *source, struct err *err)
{
	const char *copy = arena_copy(&w->arena, slice_str(source));

	if (copy == NULL)
		return err_set(err, ERR_CONFIG, "too many accounts in one job");
	w->source[w->len] = copy;
	w->account[w->len++] = *a;
	return 0;
}

/* In the order of the sources that are kept. */
static int
worker_choose(struct worker *w, const struct stored *s, const struct by_login *l, int64_t round,
    struct err *err)
{
	size_t of_round = 0;

	for (size_t i = 0; i < l->len; i++)
		of_round += l->account[i]->round == round;
	w->source = mem_resize(NULL, of_round + 1, sizeof(*w->source));
	w->account = mem_resize(NULL, of_round + 1, sizeof(*w->account));
	for (size_t i = 0; i < stored_len(s) && w->len < of_round; i++) {
		const struct account_rec *found;
		struct imap_url url;

		if (imap_url_parse(stored_source(s, i), &w->arena, &url, err) < 0)
			return -1;
		found = by_login_find(l, &url);
		if (found != NULL && found->round == round &&
		    worker_add(w, found, stored_source(s, i), err) < 0)
			return -1;
	}
	w->unbegun = of_round - w->len;
	return 0;
}

static int
worker_accounts(struct worker *w, struct state *t, const char *dir, struct err *err)
{
	struct stored *s = NULL;
	struct account_rec *list;
	struct by_login l;
	int64_t round = 0;
	size_t n;

	if (state_accounts(t, &w->arena, &list, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		round = list[i].round > round ? list[i].round : round;
	if (round == 0)
		return err_set(err, ERR_NO_INPUT,
		    "no list of accounts was begun in '%s': imex extract --users FILE --to %s does",
		    dir, dir);
	by_login_init(&l, list, n);
	int rc = stored_read(&s, t, err);
	if (rc == 0)
		rc = worker_choose(w, s, &l, round, err);
	stored_free(&s);
	by_login_done(&l);
	return rc;
}

static int
worker_read(struct worker *w, struct options *o, const char *dir, struct err *err)
{
	struct state *t = NULL;
	int rc = jobdir_require(dir, err) < 0 ? -1 : state_open(&t, dir, STATE_READ, err);

	if (rc == 0)
		rc = worker_fits(t, dir, &w->migrate, err);
	if (rc == 0)
		rc = worker_accounts(w, t, dir, err);
	if (rc == 0)
		rc = share_take_options(t, o, err);
	state_close(&t);
	if (rc == 0 && w->len == 0)
		return err_set(err, ERR_NO_INPUT,
		    "the run in '%s' was stopped before it kept its accounts: run its command "
		    "again",
		    dir);
	return rc;
}

static int
worker_once(struct options *o, struct err *err)
{
	struct worker w = { 0 };
	const char *dir = o->word[0];

	arena_init(&w.arena, WORKER_ARENA);
	int rc = worker_read(&w, o, dir, err);
	if (rc == 0)
		rc = retry_list(o, dir, w.source, w.len, w.migrate, w.account, err);
	free(w.source);
	free(w.account);
	arena_done(&w.arena);
	return rc;
}

int
cmd_worker(struct options *o, struct err *err)
{
	const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };
	int64_t until_ms = clock_mono_ms() + BEGINS_MS;
	struct err why;
	int rc;

	if (o->n_words == 0)
		return err_set(
		    err, ERR_USAGE, "imex worker needs DIR, as in: %s", o->command->example);
	while (
	    (rc = worker_once(o, &why)) < 0 && why.kind == ERR_BUSY && clock_mono_ms() < until_ms)
		(void)nanosleep(&pause, NULL);
	if (rc < 0)
		*err = why;
	return rc;
}
