#include "engine/renamed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "mail/names.h"

/* A record whose folder is gone, and what it may be called now. */
struct lost {
	struct folder_rec *rec;
	struct planned *now; /* NULL: nothing matches, or more than one, or it is taken over */
	bool twice; /* another one matches it, too */
	const char *was; /* its name at the last run, for people, when it has stepped aside; NULL: that of rec */
};

/* Durable: after a kill nobody could tell any more. */
static int
tell(struct lane *l, struct planned *f, const char *was, const char *stays, struct err *err)
{
	const char *what = lane_intends(l) ? "; on the destination it keeps the name '"
					   : "; its directory is '";
	struct buf there;

	buf_init(&there, 64 * 1024);
	if (stays != NULL && lane_intends(l))
		folder_display(slice_str(stays), &there);
	else if (stays != NULL)
		(void)buf_add_str(&there, stays);
	l->plan = f;
	lane_warn(l, EV_FOLDER_RENAMED, 0,
	    "this folder was called '%.1000s' at the last run: what is stored of it is taken over, and "
	    "not fetched again%s%.1000s%s",
	    was, stays != NULL ? what : "", stays != NULL ? there.data : "",
	    stays != NULL ? "'" : "");
	l->plan = NULL;
	buf_done(&there);
	return lane_flush(l, true, err);
}

/* ---- which ---- */

static bool
is_inbox(const char *name)
{
	return strcasecmp(name, "INBOX") == 0;
}

/* What the ids of a folder and a record say (OBJECTID); where one of them has none: nothing. */
enum id_says { ID_UNKNOWN, ID_SAME, ID_OTHER };

static enum id_says
compare_ids(const struct folder *f, const struct folder_rec *rec)
{
	if (f->mailbox_id == NULL || rec->mailbox_id == NULL)
		return ID_UNKNOWN;
	return strcmp(f->mailbox_id, rec->mailbox_id) == 0 ? ID_SAME : ID_OTHER;
}

/* Under its name; another folder may have that now, with numbers of its own. */
bool
renamed_is_listed(const struct run *r, const struct folder_rec *rec)
{
	for (size_t i = 0; i < r->plan.list.len; i++) {
		const struct folder *f = &r->plan.list.folder[i];

		if (slice_eq(f->name, rec->name))
			return f->counts.uidvalidity == 0 ||
			       f->counts.uidvalidity == rec->uidvalidity;
	}
	return false;
}

/* The newest record of a name that is gone, with something to recognise it by. */
static bool
is_lost(const struct run *r, const struct folder_rec *rec)
{
	if (rec->uidvalidity == 0 || rec->verdicts[VERDICT_STORED] == 0 ||
	    is_inbox(rec->name) || renamed_is_listed(r, rec))
		return false;
	for (size_t i = 0; i < r->n_known; i++)
		if (r->known[i].id > rec->id && strcmp(r->known[i].name, rec->name) == 0)
			return false;
	return true;
}

static bool
is_new(const struct run *r, const struct planned *f)
{
	for (size_t i = 0; i < r->n_known; i++)
		if (slice_eq(f->folder.name, r->known[i].name) && !renamed_is_bare(&r->known[i]))
			return false;
	return !f->excluded && !slice_eq_nocase(f->folder.name, "INBOX");
}

/* The same, or what was called so is gone as well: it may have another name, too. */
static bool
is_open(const struct run *r, const struct planned *f)
{
	for (size_t i = 0; i < r->n_known; i++) {
		const struct folder_rec *k = &r->known[i];

		if (slice_eq(f->folder.name, k->name) && is_lost(r, k))
			return !f->excluded;
	}
	return is_new(r, f);
}

static bool
may_be(const struct run *r, const struct planned *f, const struct folder_rec *rec)
{
	const struct folder_counts *c = &f->folder.counts;

	if (c->uidvalidity != rec->uidvalidity || c->uidnext < rec->uidnext ||
	    compare_ids(&f->folder, rec) == ID_OTHER)
		return false;
	if (c->messages == 0 && compare_ids(&f->folder, rec) == ID_UNKNOWN)
		return false;
	return is_open(r, f);
}

/* The ids of folders that it may be, where one that is lost has an id. */
static int
ask_ids(struct run *r, struct lane *l, const struct lost *lost, size_t n_lost, struct err *err)
{
	struct folder **ask;
	size_t n = 0;
	bool needed = false;
	int rc = 0;

	for (size_t i = 0; i < n_lost; i++)
		needed |= lost[i].rec->mailbox_id != NULL;
	if (!needed || l->source_ops->ids == NULL)
		return 0;
	ask = mem_resize(NULL, r->plan.len + 1, sizeof(*ask));
	for (size_t i = 0; i < r->plan.len; i++)
		if (is_open(r, &r->plan.folder[i]))
			ask[n++] = &r->plan.folder[i].folder;
	if (n > 0)
		rc = l->source_ops->ids(l->source, ask, n, &r->plan.arena, err);
	free(ask);
	return rc;
}

/* The one folder that has the record's id. Of two with one id neither is believed. */
static struct planned *
with_its_id(struct run *r, const struct folder_rec *rec)
{
	struct planned *found = NULL;

	for (size_t i = 0; i < r->plan.len; i++) {
		struct planned *f = &r->plan.folder[i];

		if (compare_ids(&f->folder, rec) != ID_SAME)
			continue;
		if (found != NULL)
			return NULL;
		found = f;
	}
	return found != NULL && may_be(r, found, rec) ? found : NULL;
}

/* The one folder that this record is of. */
static int
look_for(struct run *r, struct lane *l, struct lost *x, struct err *err)
{
	size_t n = 0, found = 0;

	if ((x->now = with_its_id(r, x->rec)) != NULL)
		return 0;

	for (size_t i = 0; i < r->plan.len; i++)
		n += may_be(r, &r->plan.folder[i], x->rec);
	for (size_t i = 0; i < r->plan.len && n <= RENAMED_TRIES; i++) {
		struct planned *f = &r->plan.folder[i];
		bool same;

		if (!may_be(r, f, x->rec))
			continue;
		if (renamed_probe(l, f, x->rec, &same, err) < 0)
			return -1;
		if (same && found++ == 0)
			x->now = f;
	}
	if (found != 1)
		x->now = NULL;
	return 0;
}

static bool
is_wanted_twice(const struct lost *x, const struct lost *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (&all[i] != x && all[i].now == x->now)
			return true;
	return false;
}

/* ---- taking over ---- */

/* Where its directory is to be; NULL: where it is. */
static int
wanted_path(struct run *r, struct lane *l, const struct folder_rec *rec, const struct planned *f, const char **ret,
    struct err *err)
{
	struct buf path;
	bool mapped, may = true;
	int rc = 0;

	*ret = NULL;
	if (l->sink_ops->move_folder == NULL)
		return 0;
	buf_init(&path, 4096);
	rc = l->sink_ops->name_folder(l->sink, &f->folder, &path, &mapped, err);
	if (rc == 0 && (*ret = arena_copy(&r->arena, buf_slice(&path))) == NULL)
		rc = err_set(err, ERR_FOLDER, "a folder name is too long");
	buf_done(&path);
	if (rc == 0 && lane_intends(l) && strcmp(*ret, rec->path) != 0)
		rc = renamed_dest_may(r, l, rec, *ret, &may, err);
	if (rc == 0 && lane_intends(l) && (!may || renamed_path_is_taken(r, rec, *ret)))
		*ret = NULL;
	return rc;
}

/* With the renaming those of the name that were bare are gone from the state. */
static void
forget_bare(struct run *r, const char *name)
{
	for (size_t i = 0; i < r->n_known; i++)
		if (strcmp(r->known[i].name, name) == 0) {
			r->known[i].name = r->known[i].path = "";
			r->known[i].vanished = true;
		}
}

/* All records of the name get another one, and the directory follows. path NULL: it stays. */
static int
rename_records(struct run *r, struct lane *l, struct folder_rec *rec, const struct folder_renaming *to,
    const char *path, struct err *err)
{
	const char *old = rec->name;

	if (path != NULL && strcmp(path, rec->path) == 0)
		path = NULL;
	if ((path != NULL && renamed_note_move(r, rec, path, to->to, err) < 0) ||
	    state_folder_rename(r->job->state, &r->lease, to, err) < 0)
		return -1;
	forget_bare(r, to->to);
	for (size_t i = 0; i < r->n_known; i++)
		if (strcmp(r->known[i].name, old) == 0)
			r->known[i].name = to->to, r->known[i].highestmodseq = 0;
	return path != NULL ? renamed_move(r, l, rec, path, err) : 0;
}

static const char *
shown(struct run *r, const char *name)
{
	struct buf text;
	const char *copy;

	buf_init(&text, 64 * 1024);
	folder_display(slice_str(name), &text);
	copy = arena_copy(&r->arena, buf_slice(&text));
	buf_done(&text);
	return copy;
}

static int
take_over(struct run *r, struct lane *l, struct lost *x, struct err *err)
{
	struct planned *now = x->now;
	const char *name = arena_copy(&r->arena, now->folder.name), *old = shown(r, x->rec->name), *path;

	if (name == NULL || old == NULL)
		return err_set(err, ERR_FOLDER, "a folder name is too long");

	const struct folder_renaming to = {
		.from = x->rec->name, .to = name, .shown_from = old, .shown_to = now->display
	};

	x->now = NULL;
	batch_warning_gone(l->batch, EV_FOLDER_RENAMED, old, 0);
	if (wanted_path(r, l, x->rec, now, &path, err) < 0 ||
	    tell(l, now, x->was != NULL ? x->was : old, path != NULL ? NULL : x->rec->path, err) < 0 ||
	    rename_records(r, l, x->rec, &to, path, err) < 0)
		return -1;
	x->rec->vanished = false;
	return 0;
}

/* Of folders that have changed their names among themselves one must be out of the way first. Killed then, its
 * record has a name that is nobody's: the next run goes on from there. */
static int
step_aside(struct run *r, struct lane *l, struct lost *x, struct err *err)
{
	const char *name = arena_printf(&r->arena, "%s~moving%" PRId64, x->rec->name, x->rec->id), *path = NULL;

	if (name == NULL)
		return err_set(err, ERR_FOLDER, "a folder name is too long");

	struct planned aside = { .folder = x->now->folder };
	const struct folder_renaming to = {
		.from = x->rec->name, .to = name, .shown_from = shown(r, x->rec->name), .shown_to = shown(r, name)
	};

	aside.folder.name = slice_str(name);
	if (to.shown_from == NULL || to.shown_to == NULL)
		return err_set(err, ERR_FOLDER, "a folder name is too long");
	x->was = to.shown_from;
	/* On a server none is sent out of the way: all see its name. */
	if (!lane_intends(l) && wanted_path(r, l, x->rec, &aside, &path, err) < 0)
		return -1;
	return rename_records(r, l, x->rec, &to, path, err);
}

/* ---- all of them ---- */

static bool
goes(const struct lost *all, size_t n, struct slice name)
{
	for (size_t i = 0; i < n; i++)
		if (all[i].now != NULL && slice_eq(name, all[i].rec->name))
			return true;
	return false;
}

/* A name is free when nobody had it, or who had it goes elsewhere; who does not get his name keeps the old one. */
static void
leave_doubtful(struct run *r, struct lost *lost, size_t n)
{
	bool changed = true;

	for (size_t i = 0; i < n; i++)
		lost[i].twice = lost[i].now != NULL && is_wanted_twice(&lost[i], lost, n);
	for (size_t i = 0; i < n; i++)
		if (lost[i].twice)
			lost[i].now = NULL;
	while (changed) {
		changed = false;
		for (size_t i = 0; i < n; i++) {
			struct lost *x = &lost[i];

			if (x->now == NULL || is_new(r, x->now) || goes(lost, n, x->now->folder.name))
				continue;
			x->now = NULL;
			changed = true;
		}
	}
}

/* On a server what lies below a folder goes along with it, and by itself it would be made in its way. */
static bool
waits(const struct lane *l, const struct lost *x, const struct lost *all, size_t n)
{
	for (size_t i = 0; lane_intends(l) && i < n; i++)
		if (all[i].now != NULL && renamed_dest_is_below(l, x->rec->path, all[i].rec->path))
			return true;
	return false;
}

/* First those whose name is free by now; where there are none left, they stand in a ring. */
static int
take_over_all(struct run *r, struct lane *l, struct lost *lost, size_t n, struct err *err)
{
	bool patient = true;

	for (;;) {
		struct lost *ring = NULL;
		bool moved = false, waiting = false;

		for (size_t i = 0; i < n; i++) {
			struct lost *x = &lost[i];

			if (x->now == NULL)
				continue;
			if (!is_new(r, x->now)) {
				ring = x;
			} else if (patient && waits(l, x, lost, n)) {
				waiting = true;
			} else if (take_over(r, l, x, err) < 0) {
				return -1;
			} else {
				moved = true;
			}
		}
		if (ring == NULL && !waiting)
			return 0;
		patient = moved || !waiting;
		if (!moved && !waiting && step_aside(r, l, ring, err) < 0)
			return -1;
	}
}

static int
find_all(struct run *r, struct lane *l, struct lost *lost, size_t n, struct err *err)
{
	if (ask_ids(r, l, lost, n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (look_for(r, l, &lost[i], err) < 0)
			return -1;
	leave_doubtful(r, lost, n);
	return take_over_all(r, l, lost, n, err);
}

int
run_renamed(struct run *r, struct lane *l, struct err *err)
{
	struct lost *lost;
	size_t n = 0;
	int rc;

	if (r->job->from != NULL)
		return 0;
	if (renamed_finish_moves(r, l, err) < 0)
		return -1;
	if (!plan_lists_all(&r->plan))
		return 0;
	lost = mem_resize(NULL, r->n_known + 1, sizeof(*lost));
	for (size_t i = 0; i < r->n_known; i++)
		if (is_lost(r, &r->known[i]))
			lost[n++] = (struct lost){ .rec = &r->known[i] };
	if (n > 0)
		renamed_survey_dest(r, l);
	rc = find_all(r, l, lost, n, err);
	free(lost);
	return rc;
}
