/* Shares the work of a run over a list: the accounts of the last list, with the sources and options
 * that the job keeps, taken one by one from the state that all processes have in common. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/crowd/retry_list.h"
#include "app/job/by_login.h"
#include "app/job/jobdir.h"
#include "app/run/share.h"
#include "base/clock.h"
#include "base/mem.h"

/* A run that has just begun reads its list first. */
enum { WORKER_ARENA = 512 * 1024 * 1024, BEGINS_MS = 5 * SEC, LOOK_MS = 500 };

struct worker {
	struct arena arena;
	bool migrate;
	struct retry_choice choice; /* of the last list */
	struct account_rec *account; /* in the order of `choice` */
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

/* In the order of the sources that are kept. */
static int
worker_choose(struct worker *w, const struct by_login *l, int64_t round, struct err *err)
{
	struct retry_choice *c = &w->choice;
	const struct stored *s = c->stored;
	size_t of_round = 0;

	for (size_t i = 0; i < l->len; i++)
		of_round += l->account[i]->round == round;
	c->entry = mem_resize(NULL, of_round + 1, sizeof(*c->entry));
	w->account = mem_resize(NULL, of_round + 1, sizeof(*w->account));
	for (size_t i = 0; i < stored_len(s) && c->len < of_round; i++) {
		const struct account_rec *found;
		struct imap_url url;

		if (imap_url_parse(stored_source(s, i), &w->arena, &url, err) < 0)
			return -1;
		found = by_login_find(l, &url);
		if (found == NULL || found->round != round)
			continue;
		w->account[c->len] = *found;
		c->entry[c->len++] = i;
	}
	return 0;
}

static int
worker_accounts(struct worker *w, struct state *t, const char *dir, struct err *err)
{
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
	int rc = stored_read(&w->choice.stored, t, err);
	if (rc == 0)
		rc = worker_choose(w, &l, round, err);
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
	if (rc == 0 && w->choice.len == 0)
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
		rc = retry_list(o, dir, &w.choice, w.migrate, w.account, err);
	retry_choice_done(&w.choice);
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
