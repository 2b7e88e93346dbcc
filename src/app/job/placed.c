#include "app/job/placed.h"

#include <stdlib.h>
#include <string.h>

#include "app/job/destination.h"
#include "app/job/jobdir.h"
#include "base/mem.h"

enum { PLACED_ARENA = 256 * 1024 * 1024 };	/* some 1 KiB for each account */

/* Reads what is needed and lets the state go again. */
static int
placed_read(struct placed *p, struct err *err)
{
	struct job_birth birth;
	struct state *t = NULL;
	int rc;

	if (!jobdir_has_state(p->dir))
		return 0;
	if (state_open(&t, p->dir, STATE_READ, err) < 0)
		return -1;
	rc = destined_read(&p->to, t, &p->arena, err);
	if (rc == 0 && p->to.dest != NULL) {
		rc = state_birth_read(t, &birth, err);
		if (rc == 0)
			rc = stored_read(&p->stored, t, err);
		p->files = rc == 0 && strcmp(birth.command, "import") == 0;
		p->dest = rc == 0 ? p->to.dest : NULL;
	}
	state_close(&t);
	return rc;
}

int
placed_open(struct placed *ret, const char *dir, const char *dest, struct err *err)
{
	struct err ignored;

	*ret = (struct placed){ .dir = dir };
	arena_init(&ret->arena, PLACED_ARENA);
	if (placed_read(ret, err) < 0)
		return -1;
	/* What is wrong with DEST is told where it is used. */
	if (ret->dest != NULL || dest == NULL ||
	    destination_import_dir(&ret->arena, dir, dest, &ret->dir, &ignored) < 0)
		return 0;
	if (placed_read(ret, err) < 0)
		return -1;
	if (ret->dest == NULL)
		ret->dir = dir;
	return 0;
}

void
placed_close(struct placed *p)
{
	stored_free(&p->stored);
	arena_done(&p->arena);
}

size_t
placed_len(const struct placed *p)
{
	return p->stored != NULL ? stored_len(p->stored) : 0;
}

const char *
placed_source(const struct placed *p, size_t i)
{
	return stored_source(p->stored, i);
}

bool
placed_is(const struct placed *p, size_t i, const char *account)
{
	return p->files || origin_is(placed_source(p, i), account);
}

int
placed_options(const struct placed *p, size_t i, const struct options *given, struct options *ret,
    struct err *err)
{
	*ret = *given;
	arena_init(&ret->arena, 1024 * 1024);
	return stored_apply_at(p->stored, i, ret, err);
}

int
placed_dest(struct placed *p, size_t i, const char **ret, struct err *err)
{
	struct imap_url url = { .user = "", .host = "", .port = "" };
	struct err ignored;

	if (!p->files)
		(void)!imap_url_parse(placed_source(p, i), &p->arena, &url, &ignored);
	*ret = destined_url(&p->to, url.user, url.host, url.port, &p->arena);
	if (*ret == NULL || imap_url_parse(*ret, &p->arena, &url, &ignored) < 0)
		return err_set(err, ERR_STATE, "the destination kept in the state cannot be read");
	return 0;
}

static bool
same_account(struct placed *p, const struct imap_url *a, const char *text)
{
	struct imap_url b;
	struct err ignored;

	return imap_url_parse(text, &p->arena, &b, &ignored) == 0 &&
	       origin_same(a, b.user, b.host, b.port);
}

int
placed_choose(struct placed *p, const char *named, bool source, bool **ret, struct err *err)
{
	bool *mine = mem_new((placed_len(p) + 1) * sizeof(*mine)), any = false;
	struct imap_url url;
	int rc = 0;

	if (named != NULL && imap_url_parse(named, &p->arena, &url, err) < 0)
		rc = err_wrap(err, "DEST");
	for (size_t i = 0; rc == 0 && i < placed_len(p); i++) {
		const char *dest;

		rc = placed_dest(p, i, &dest, err);
		if (rc == 0)
			mine[i] = named == NULL || same_account(p, &url, dest) ||
				  (source && same_account(p, &url, placed_source(p, i)));
		any |= mine[i];
	}
	if (rc == 0 && named != NULL && !any)
		rc = destination_differs(*p->dest ? p->dest : "one for each account", named, err);
	if (rc < 0) {
		free(mine);
		return -1;
	}
	*ret = mine;
	return 0;
}
