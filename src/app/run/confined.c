#include "app/run/confined.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/users/errand.h"
#include "base/confine.h"
#include "base/filter.h"
#include "base/mem.h"
#include "state/state.h"

enum { ROOTS = 5 };

/* The directory of a file; NULL for none. Caller frees. */
static char *
parent_of(const char *path)
{
	char *dir = mem_copy_str(path);
	char *slash = dir != NULL ? strrchr(dir, '/') : NULL;

	if (slash != NULL) {
		slash[slash == dir] = '\0';
		return dir;
	}
	mem_free_str(&dir);
	return path != NULL ? mem_copy_str(".") : NULL;
}

/* On another disk it may be a link. */
static char *
mail_below(const char *dir)
{
	char *path;

	if (asprintf(&path, "%s/mail", dir) < 0)
		mem_out();
	if (access(path, F_OK) < 0)
		mem_free_str(&path);
	return path;
}

/* NULL: it is not there, so that there is nothing to be written to. */
static const char *
there(const char *dir)
{
	return dir != NULL && access(dir, F_OK) == 0 ? dir : NULL;
}

int
confined_add(struct reach *r, const struct options *of_account, struct err *err)
{
	const char *spool = there(of_account->spool);

	for (size_t i = 0; i < r->n_spools; i++)
		if (spool != NULL && strcmp(r->spool[i], spool) == 0)
			spool = NULL;
	if (spool != NULL) {
		r->spool = mem_resize(r->spool, r->n_spools + 1, sizeof(*r->spool));
		r->spool[r->n_spools++] = mem_copy_str(spool);
	}
	return errands_allow(of_account->way.command, err) < 0 ? -1
							       : errands_allow(of_account->dest_way.command, err);
}

void
reach_done(struct reach *r)
{
	for (size_t i = 0; i < r->n_spools; i++)
		free((char *)(uintptr_t)r->spool[i]);
	free(r->spool);
}

/* What does not fit into memory goes where it may. An archive may lie where nothing can be written. */
static const char *
spill(const char *dir)
{
	const char *tmp = getenv("TMPDIR");

	if (dir == NULL || access(dir, W_OK) < 0)
		return there(tmp != NULL && *tmp ? tmp : "/tmp");
	state_spill_to(dir);
	(void)setenv("TMPDIR", dir, 1);
	return NULL;
}

int
confined_many(const struct options *o, const char *dir, const struct reach *r, struct err *err)
{
	static bool done; /* a worker may try again to join */
	AUTO(mem_free_str) char *mail = NULL;
	AUTO(mem_free_str) char *metrics = NULL;
	const char **dirs;
	bool is; /* a kernel that cannot do it is no reason to stop */
	int rc;

	if (o->no_confine || done)
		return 0;
	done = true;
	dir = there(dir);
	mail = dir != NULL ? mail_below(dir) : NULL;
	metrics = parent_of(o->metrics_file);
	dirs = mem_new((ROOTS + r->n_spools) * sizeof(*dirs));
	memcpy(dirs, (const char *[ROOTS]){ dir, mail, o->spool, metrics, spill(dir) }, ROOTS * sizeof(*dirs));
	if (r->n_spools > 0)
		memcpy(dirs + ROOTS, r->spool, r->n_spools * sizeof(*dirs));
	rc = confine_writes(dirs, ROOTS + r->n_spools, &is, err);
	free(dirs);
	if (rc == 0)
		(void)filter_calls();
	return rc;
}

int
confined(const struct options *o, const char *dir, struct err *err)
{
	if (confined_many(o, dir, &(struct reach){ 0 }, err) < 0)
		return -1;
	return o->no_confine ? 0 : errands_seal(err);
}

int
confined_placed(const struct placed *p, const bool *wanted, const struct options *given, struct err *err)
{
	struct reach r = { 0 };
	struct err ignored;
	int rc = 0;

	if (given->no_confine)
		return 0;
	for (size_t i = 0; rc == 0 && i < placed_len(p); i++) {
		struct options o;

		/* What is wrong with them is told when it is the account's turn. */
		if (wanted[i] && placed_options(p, i, given, &o, &ignored) == 0)
			rc = confined_add(&r, &o, err);
		if (wanted[i])
			options_done(&o);
	}
	if (rc == 0)
		rc = confined_many(given, p->dir, &r, err);
	reach_done(&r);
	return rc < 0 ? -1 : errands_seal(err);
}
