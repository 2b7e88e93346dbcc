/* Each account that is not complete is copied again, with the source and the options that the
 * job keeps. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/account/extract.h"
#include "app/account/import.h"
#include "app/commands/convert.h"
#include "app/crowd/retry_list.h"
#include "app/job/by_login.h"
#include "app/job/destination.h"
#include "app/job/jobdir.h"
#include "app/job/stored.h"
#include "app/report/report.h"
#include "app/run/run.h"
#include "base/mem.h"

struct retry {
	struct retry_choice choice;	/* accounts to work on */
	size_t done;		/* accounts that need nothing */
	uint64_t kept;		/* messages of those that the source no longer has */
	size_t unbegun;		/* queued, and never begun, in a run killed before their options were kept */
};

static bool
retry_is_complete(const struct report *r, const struct account_rec *a)
{
	const struct tally *sum = &r->sum[a - r->account];

	return a->status == ACCOUNT_DONE && tally_not_good(sum) == 0 && sum->proved == sum->folders;
}

/* *ret_kept: messages that the source no longer has, of an account that needs nothing. */
static int
retry_needs(const struct report *r, const struct by_login *l, const char *source, bool *ret,
    uint64_t *ret_kept, struct err *err)
{
	struct arena a;
	struct imap_url url;

	*ret = true;
	*ret_kept = 0;
	arena_init(&a, 64 * 1024);
	int rc = imap_url_parse(source, &a, &url, err);
	if (rc == 0) {
		const struct account_rec *found = by_login_find(l, &url);

		*ret = found == NULL || !retry_is_complete(r, found);
		if (!*ret)
			*ret_kept = r->sum[found - r->account].expunged - r->sum[found - r->account].mirrored;
	}
	arena_done(&a);
	return rc;
}

static int
retry_choose(struct retry *t, const struct report *r, const struct by_login *l, const char *only,
    struct err *err)
{
	struct retry_choice *c = &t->choice;
	const struct stored *s = c->stored;

	c->entry = mem_resize(NULL, stored_len(s) + 1, sizeof(*c->entry));
	for (size_t i = 0; i < stored_len(s); i++) {
		uint64_t kept;
		bool needed;

		if (only && !origin_is(stored_source(s, i), only))
			continue;
		if (retry_needs(r, l, stored_source(s, i), &needed, &kept, err) < 0)
			return -1;
		t->kept += kept;
		if (needed)
			c->entry[c->len++] = i;
		else
			t->done++;
	}
	return 0;
}

static void
retry_tell_nothing(const struct retry *t, const char *again, const char *dir)
{
	bool one = t->kept == 1;

	printf("Nothing to retry: all %sis complete. For new mail: %s %s\n",
	    t->kept > 0 ? "that the source has " : "", again, dir);
	if (t->kept > 0)
		printf("Of %" PRIu64 " message%s that it no longer has, the cop%s stored: no run can bring %s again; "
		       "whether %s still there says imex verify %s\n",
		    t->kept, one ? "" : "s", one ? "y was" : "ies were", one ? "it" : "them", one ? "it is" : "they are", dir);
}

static size_t
retry_unbegun(const struct report *r, const struct stored *s)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_accounts; i++) {
		const struct account_rec *a = &r->account[i];
		const struct imap_url url = { .user = a->login, .host = a->host, .port = a->port };

		n += a->status == ACCOUNT_QUEUED && a->started_ms == 0 && !stored_has(s, &url);
	}
	return n;
}

static bool
retry_has_nothing(const struct retry *t)
{
	return t->choice.len == 0 && t->unbegun == 0;
}

/* For programs that nothing is left to do is told as what was done is: by the report. */
static int
retry_read(struct retry *t, const struct options *o, struct err *err)
{
	const char *dir = o->word[0], *only = o->account;
	struct state *state = NULL;
	struct report r;
	int rc;

	if (jobdir_require(dir, err) < 0 || state_open(&state, dir, STATE_READ, err) < 0)
		return -1;
	rc = stored_read(&t->choice.stored, state, err);
	if (rc == 0 && (rc = report_open(&r, state, dir, false, err)) == 0) {
		struct by_login l;

		by_login_init(&l, r.account, r.n_accounts);
		rc = retry_choose(t, &r, &l, only, err);
		t->unbegun = only ? 0 : retry_unbegun(&r, t->choice.stored);
		by_login_done(&l);
		if (rc == 0 && retry_has_nothing(t) && t->done > 0 && o->json)
			rc = report_print(&r, REPORT_JSON, STDOUT_FILENO, err);
		report_done(&r);
	}
	state_close(&state);
	if (rc == 0 && t->choice.len + t->done == 0 && only)
		return err_set(err, ERR_NO_INPUT, "'%s' has no account '%s'", dir, only);
	if (rc == 0 && t->choice.len + t->done + t->unbegun == 0)
		return err_set(err, ERR_NO_INPUT,
		    "'%s' keeps no source; run imex extract SOURCE --to %s", dir, dir);
	return rc;
}

/* What the command line said holds for each account, what the job keeps is the account's own. */
static int
retry_one(const struct options *given, const struct retry_choice *c, const struct into *into,
    struct err *err)
{
	const char *source = stored_source(c->stored, c->entry[0]);
	struct options o = *given;
	int rc;

	arena_init(&o.arena, 1024 * 1024);
	rc = stored_apply_at(c->stored, c->entry[0], &o, err);
	if (rc == 0)
		rc = extract_account(&o, given->word[0], source, into, NULL, err);
	arena_done(&o.arena);
	return rc;
}

/* A job that converts or imports files: the path that it keeps is read again, which reads only what has no
 * good verdict. *ret_source NULL: another kind of job. */
static int
retry_files(struct options *o, const char *dir, const char **ret_source, struct err *err)
{
	struct state *state = NULL;
	struct stored *s = NULL;
	struct job_birth birth = { .command = "" };
	int rc;

	*ret_source = NULL;
	if (jobdir_require(dir, err) < 0 || state_open(&state, dir, STATE_READ, err) < 0)
		return -1;
	rc = state_birth_read(state, &birth, err);
	if (rc == 0 &&
	    (strcmp(birth.command, "convert") == 0 || strcmp(birth.command, "import") == 0) &&
	    (rc = stored_read(&s, state, err)) == 0 && stored_len(s) > 0) {
		*ret_source = arena_copy(&o->arena, slice_str(stored_source(s, 0)));
		rc = stored_apply_at(s, 0, o, err);
	}
	stored_free(&s);
	state_close(&state);
	return rc;
}

/* What was not asked for is no success. */
static int
retry_tell_unbegun(const struct retry *t, int code)
{
	struct err why;

	if (t->unbegun == 0)
		return code;
	(void)err_set(&why, ERR_CONFIG,
	    "%zu account%s of the job's list never began, and the job keeps nothing to begin with: run "
	    "the command with --users again",
	    t->unbegun, t->unbegun == 1 ? "" : "s");
	run_complain(&why, NULL);
	return code < EXIT_BAD ? EXIT_BAD : code;
}

int
cmd_retry(struct options *o, struct err *err)
{
	struct retry t = { 0 };
	const char *source, *dest = NULL;
	int rc = retry_files(o, o->word[0], &source, err);

	if (rc < 0 || destination_of_job(o, o->word[0], &dest, err) < 0)
		return -1;

	const struct into into = { .command = "migrate", .dest = dest, .retry = true };

	if (source != NULL && o->search != NULL)
		return err_set(err, ERR_USAGE,
		    "--search is for servers; the source of this job is files, which cannot be asked");
	if (dest != NULL && source != NULL)
		return import_files(o, source, dest, o->word[0], true, err);
	if (source != NULL)
		return convert_files(o, source, o->word[0], err);
	rc = retry_read(&t, o, err);

	if (rc == 0 && retry_has_nothing(&t) && !o->quiet && !o->json)
		retry_tell_nothing(&t,
		    dest ? "imex migrate SOURCE DEST --job" : "imex extract SOURCE --to", o->word[0]);
	/* Where each account has a destination of its own, the list knows it. */
	if (rc == 0 && t.choice.len == 1 && !o->users && (dest == NULL || *dest != '\0'))
		rc = retry_one(o, &t.choice, dest != NULL ? &into : NULL, err);
	else if (rc == 0 && t.choice.len > 0)
		rc = retry_list(o, o->word[0], &t.choice, dest != NULL, NULL, err);
	if (rc >= 0)
		rc = retry_tell_unbegun(&t, rc);
	retry_choice_done(&t.choice);
	return rc;
}
