#include "app/report/unfinished.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/job/jobdir.h"

enum { UNFINISHED_ARENA = 512 * 1024 * 1024 };

bool
account_lacks(const struct account_rec *a, const struct tally *sum, char ret_why[LACKS_MAX])
{
	if (a->status != ACCOUNT_DONE)
		snprintf(ret_why, LACKS_MAX, "%s%s%.300s", account_words(a, sum), *a->error ? ": " : "", a->error);
	else if (tally_not_good(sum) > 0)
		snprintf(ret_why, LACKS_MAX, "%" PRIu64 " message%s without a good verdict", tally_not_good(sum),
		    tally_not_good(sum) == 1 ? "" : "s");
	else if (sum->proved < sum->folders)
		snprintf(ret_why, LACKS_MAX, "%" PRIu64 " folder%s not proved", sum->folders - sum->proved,
		    sum->folders - sum->proved == 1 ? " is" : "s are");
	else
		return false;
	return true;
}

/* Not what the state says: another time it can be read. */
static bool
is_the_system(const struct err *why)
{
	return why->kind == ERR_DISK || why->kind == ERR_FULL || why->kind == ERR_SHORT;
}

/* One account of a job may be named alone. */
int
unfinished_open(struct unfinished *u, const struct shelf_place *p, struct err *err)
{
	const char *dir = p->dir;
	struct err why;

	*u = (struct unfinished){ 0 };
	arena_init(&u->arena, UNFINISHED_ARENA);
	if (dir == NULL && p->ours && p->account_dir != NULL)
		dir = arena_printf(&u->arena, "%s/../..", p->account_dir);
	if (dir == NULL || !jobdir_has_state(dir))
		return 0;
	if (state_open(&u->state, dir, STATE_STILL, &why) < 0 ||
	    state_accounts(u->state, &u->arena, &u->account, &u->n_accounts, &why) < 0) {
		if (is_the_system(&why)) {
			*err = why;
			return -1;
		}
		snprintf(u->why, sizeof(u->why), "its state cannot be read: %.300s", why.text);
	}
	return 0;
}

void
unfinished_close(struct unfinished *u)
{
	state_close(&u->state);
	arena_done(&u->arena);
}

static int
lacks_add(struct unfinished *u, const struct account_rec *a, struct buf *out, struct err *err)
{
	char lacks[LACKS_MAX];
	struct account_rec now;
	struct tally sum;
	struct err why;

	if (state_account(u->state, a->id, &u->arena, &now, &sum, &why) < 0) {
		if (is_the_system(&why)) {
			*err = why;
			return -1;
		}
		snprintf(lacks, sizeof(lacks), "its state cannot be read: %.300s", why.text);
	} else if (!account_lacks(&now, &sum, lacks)) {
		return 0;
	}
	(void)buf_printf(out, "%s%s: %s", out->len > 0 ? "; " : "", a->name, lacks);
	return 0;
}

static bool
place_is(const struct shelf_place *p, const struct account_rec *a)
{
	const char *last = p->account_dir ? strrchr(p->account_dir, '/') : NULL;

	return last != NULL && strcmp(last + 1, a->dir) == 0;
}

int
unfinished_place(struct unfinished *u, const struct shelf_place *p, struct buf *out, struct err *err)
{
	if (u->why[0] != '\0')
		(void)buf_add_str(out, u->why);
	for (size_t i = 0; i < u->n_accounts; i++)
		if (place_is(p, &u->account[i]) && lacks_add(u, &u->account[i], out, err) < 0)
			return -1;
	return 0;
}

int
unfinished_others(struct unfinished *u, const struct shelf_found *f, struct buf *out, struct err *err)
{
	for (size_t i = 0; i < u->n_accounts; i++) {
		size_t k = 0;

		while (k < f->len && !place_is(&f->place[k], &u->account[i]))
			k++;
		if (k == f->len && lacks_add(u, &u->account[i], out, err) < 0)
			return -1;
	}
	return 0;
}
