/* What the tests of the state share: a job directory of their own, and the plain way through the calls. Faults
 * end the test. Include after cmocka.h. */
#ifndef TESTS_STATE_HELP_H
#define TESTS_STATE_HELP_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "state/state.h"

#define OK(call) expect_ok((call), &job->err, #call)

struct job {
	char dir[256], path[300];
	struct state *state;
	struct lease lease;
	struct folder_rec inbox;
	struct arena arena;
	struct err err;
};

static inline void
expect_ok(int rc, const struct err *err, const char *what)
{
	if (rc < 0)
		fail_msg("%s: %s", what, err->text);
}

static inline int
remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static inline void
job_make(struct job *job)
{
	const char *tmp = getenv("TMPDIR");

	memset(job, 0, sizeof(*job));
	arena_init(&job->arena, 64 * 1024 * 1024);
	snprintf(job->dir, sizeof(job->dir), "%s/imex-state-XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(job->dir));
	snprintf(job->path, sizeof(job->path), "%s/imex.db", job->dir);
}

static inline void
job_drop(struct job *job)
{
	state_close(&job->state);
	arena_done(&job->arena);
	nftw(job->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void
job_claim(struct job *job, const char *dir)
{
	struct account_rec a = { .name = dir, .dir = dir, .login = "u", .host = "h", .port = "993" };

	OK(state_claim(job->state, &a, &job->arena, &job->lease, &job->err));
}

static inline struct folder_rec
job_folder(struct job *job, const char *name, uint32_t uidvalidity)
{
	struct folder_rec f = {
		.name = name, .delim = '/', .path = name, .mark = "", .uidvalidity = uidvalidity
	};

	OK(state_folder(job->state, &job->lease, &f, &job->arena, &job->err));
	return f;
}

/* Open for running, with one account and its INBOX. */
static inline void
job_open(struct job *job)
{
	OK(state_open(&job->state, job->dir, STATE_RUN, &job->err));
	job_claim(job, "u@h");
	job->inbox = job_folder(job, "INBOX", 7);
}

static inline void
job_start(struct job *job)
{
	job_make(job);
	job_open(job);
}

static inline void
job_put(struct job *job, struct batch *b)
{
	OK(state_put(job->state, &job->lease, &b, &job->err));
	assert_null(b);
}

static inline void
job_settle(struct job *job, struct batch *b)
{
	job_put(job, b);
	OK(state_barrier(job->state, &job->err));
}

/* A message whose digest follows from `body`. */
static inline struct msg
message(uint32_t uid, uint32_t body, enum verdict verdict)
{
	struct msg m = {
		.uid = uid,
		.size_known = true,
		.size = 1000 + body,
		.date = { .known = true, .epoch = 1700000000 + body, .zone_min = 60 },
		.flags = { .system = FLAG_SEEN, .keywords = "" },
		.verdict = verdict,
		.wire_bytes = 1000 + body,
		.file_bytes = 900 + body,
	};

	memcpy(m.sha256, &body, sizeof(body));
	m.sha256[31] = 1;
	return m;
}

static inline void
put_messages(struct job *job, int64_t folder, uint32_t first, uint32_t n)
{
	struct batch *b = batch_new();

	for (uint32_t i = 0; i < n; i++) {
		struct msg m = message(first + i, first + i, VERDICT_STORED);

		batch_message(b, folder, &m, VERDICTS);
	}
	job_put(job, b);
}

static inline struct folder_rec
job_look(struct job *job, int64_t folder)
{
	struct folder_rec *f = NULL, found = { .id = 0 };
	size_t n = 0;

	OK(state_folders(job->state, job->lease.account, &job->arena, &f, &n, &job->err));
	for (size_t i = 0; i < n; i++)
		if (f[i].id == folder)
			found = f[i];
	assert_int_equal(found.id, folder);
	return found;
}

static inline int
job_outcome(struct job *job)
{
	int outcome = -1;

	OK(state_outcome(job->state, &outcome, &job->err));
	return outcome;
}

/* Mark a folder as proved, as a complete pass does. */
static inline void
job_prove(struct job *job, struct folder_rec *f)
{
	struct batch *b = batch_new();

	f->proof = (struct folder_proof){ .proved = true, .searched_known = true, .uidnext = 99 };
	batch_folder(b, f);
	job_settle(job, b);
}

/* Opening must fail with this kind. */
static inline void
refuses(struct job *job, enum state_mode mode, enum err_kind kind)
{
	struct state *t = NULL;

	assert_int_equal(state_open(&t, job->dir, mode, &job->err), -1);
	assert_null(t);
	if (job->err.kind != kind)
		fail_msg("kind %d, wanted %d: %s", job->err.kind, kind, job->err.text);
}

#endif
