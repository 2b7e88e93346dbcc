#include "app/report/unfinished.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/job/jobdir.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/verify.h"
#include "mail/names.h"
#include "store/bare.h"

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

/* Folders with copies of which nothing is left, below `dir`; NULL: that of the account is not there either. */
struct missing {
	uint64_t folders, copies;
	const char *first; /* of their names */
};

static void
missing_add(struct missing *m, const struct folder_rec *rec, int dir)
{
	uint64_t copies = rec->vanished ? 0 : verify_rec_files(rec);

	if (copies == 0 || (dir >= 0 && !dir_is_bare(dir, *rec->path != '\0' ? rec->path : ".")))
		return;
	m->copies += copies;
	if (m->folders++ == 0)
		m->first = rec->name;
}

static int
missing_find(struct unfinished *u, const struct account_rec *a, const char *path, struct missing *ret, struct err *err)
{
	AUTO(file_close) int dir = -1;
	struct folder_rec *rec;
	struct err ignored;
	size_t n;

	*ret = (struct missing){ .folders = 0 };
	if (path != NULL && file_open_dir(AT_FDCWD, path, &dir, &ignored) < 0 && ignored.sys != ENOENT)
		return 0; /* to read it tells why */
	if (state_folders(u->state, a->id, &u->arena, &rec, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		missing_add(ret, &rec[i], dir);
	return 0;
}

static void
missing_words(const struct missing *m, bool all, char ret[LACKS_MAX])
{
	struct buf shown;

	if (all) {
		snprintf(ret, LACKS_MAX, "its directory is gone, and %" PRIu64 " messages with it", m->copies);
		return;
	}
	buf_init(&shown, 64 * 1024);
	folder_display(slice_str(m->first), &shown);
	snprintf(ret, LACKS_MAX, "%" PRIu64 " of its folders %s gone ('%.200s'%s), and %" PRIu64 " messages with %s",
	    m->folders, m->folders == 1 ? "is" : "are", shown.len > 0 ? shown.data : "",
	    m->folders == 1 ? "" : ", ...", m->copies, m->folders == 1 ? "it" : "them");
	buf_done(&shown);
}

/* What the state says is lacking; "": nothing. */
static int
told_by_state(struct unfinished *u, const struct account_rec *a, char ret[LACKS_MAX], struct err *err)
{
	struct account_rec now;
	struct tally sum;

	ret[0] = '\0';
	if (state_account(u->state, a->id, &u->arena, &now, &sum, err) < 0)
		return -1;
	(void)account_lacks(&now, &sum, ret);
	return 0;
}

/* `p`: its place; NULL: it has none. In an Exchange set mail lies elsewhere, and comes without the folder's sidecar. */
static int
lacks_add(struct unfinished *u, const struct account_rec *a, const struct shelf_place *p, struct buf *out, struct err *err)
{
	char lacks[LACKS_MAX], gone[LACKS_MAX] = "";
	struct missing m = { .folders = 0 };
	struct err why;

	if (told_by_state(u, a, lacks, &why) < 0 ||
	    ((p == NULL || p->format != FORMAT_EXCHANGE) &&
		missing_find(u, a, p != NULL ? p->account_dir : NULL, &m, &why) < 0)) {
		if (is_the_system(&why)) {
			*err = why;
			return -1;
		}
		snprintf(lacks, sizeof(lacks), "its state cannot be read: %.300s", why.text);
	} else if (m.folders > 0) {
		missing_words(&m, p == NULL, gone);
	}
	if (lacks[0] != '\0' || gone[0] != '\0')
		(void)buf_printf(out, "%s%s: %s%s%s", out->len > 0 ? "; " : "", a->name, lacks,
		    lacks[0] != '\0' && gone[0] != '\0' ? ", " : "", gone);
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
		if (place_is(p, &u->account[i]) && lacks_add(u, &u->account[i], p, out, err) < 0)
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
		if (k == f->len && lacks_add(u, &u->account[i], NULL, out, err) < 0)
			return -1;
	}
	return 0;
}
