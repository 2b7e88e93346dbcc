/* Directories of files, and folders on a server, follow the records that were renamed. See renamed.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/renamed.h"

enum { NOTE_KEY_MAX = 64 };

/* What is to be done, as a note of the state: the path that the directories of a record are to have. It
 * counts only while the record has the name that was to come with it. `again`: a server has kept its folder as it was,
 * and later runs ask once more. */
static void
note_keys(const struct run *r, const struct folder_rec *rec, char ret[NOTE_KEY_MAX], char ret_again[NOTE_KEY_MAX])
{
	snprintf(ret, NOTE_KEY_MAX, "moving/%" PRId64 "/%" PRId64, r->lease.account, rec->id);
	snprintf(ret_again, NOTE_KEY_MAX, "moving/%" PRId64 "/%" PRId64 "/again", r->lease.account, rec->id);
}

/* path NULL: there is nothing to be done any more. */
static int
set_note(struct run *r, const struct folder_rec *rec, const char *path, const char *name, bool again, struct err *err)
{
	AUTO(mem_free_str) char *value = NULL;
	char key[2][NOTE_KEY_MAX];

	if (path != NULL && asprintf(&value, "%s\n%s", path, name) < 0)
		mem_out();
	note_keys(r, rec, key[0], key[1]);

	const struct job_note note[] = { { .key = key[0], .value = again ? NULL : value },
		{ .key = key[1], .value = again ? value : NULL } };

	return state_notes_set(r->job->state, note, COUNT_OF(note), err);
}

static struct folder_renaming
renaming(const struct folder_rec *rec, const char *path)
{
	return (struct folder_renaming){
		.from = rec->name, .to = rec->name, .shown_from = "", .shown_to = "", .path = path
	};
}

int
renamed_note_move(struct run *r, const struct folder_rec *rec, const char *path, const char *name,
    struct err *err)
{
	return set_note(r, rec, path, name, false, err);
}

/* Every record of the name has this path from now on, also in r->known. */
int
renamed_set_path(struct run *r, const struct folder_rec *rec, const char *path, struct err *err)
{
	struct folder_renaming to = renaming(rec, path);

	if (state_folder_rename(r->job->state, &r->lease, &to, err) < 0)
		return -1;
	for (size_t i = 0; i < r->n_known; i++)
		if (strcmp(r->known[i].name, rec->name) == 0)
			r->known[i].path = path;
	return 0;
}

/* Its name is all that is known of it: a selection has left it out since it is there. */
bool
renamed_is_bare(const struct folder_rec *rec)
{
	for (int v = 0; v < VERDICTS; v++)
		if (rec->verdicts[v] > 0)
			return false;
	return rec->excluded;
}

bool
renamed_path_is_taken(const struct run *r, const struct folder_rec *rec, const char *path)
{
	for (size_t i = 0; i < r->n_known; i++)
		if (strcmp(r->known[i].path, path) == 0 && !renamed_is_bare(&r->known[i]) &&
		    strcmp(r->known[i].name, rec->name) != 0)
			return true;
	return false;
}

/* Its folder as the source has it now; NULL: gone again. */
static struct planned *
planned_of(struct run *r, const struct folder_rec *rec)
{
	for (size_t i = 0; i < r->plan.len; i++)
		if (slice_eq(r->plan.folder[i].folder.name, rec->name))
			return &r->plan.folder[i];
	return NULL;
}

static int
keep_path(struct run *r, struct lane *l, const struct folder_rec *rec, const char *path,
    struct err *err)
{
	struct planned *f = planned_of(r, rec);

	if (f == NULL)
		return 0;
	l->plan = f;
	lane_warn(l, EV_FOLDER_RENAMED, 0,
	    lane_intends(l) ? "this folder had another name once, and what is stored of it was taken over; on the "
			      "destination it keeps the name '%.1000s', since '%.1000s' is taken, or the server "
			      "refused it; each run tries again"
			    : "this folder had another name once, and what is stored of it was taken over; its "
			      "directory stays '%.1000s', since '%.1000s' is taken",
	    rec->path, path);
	l->plan = NULL;
	return lane_flush(l, true, err);
}

/* The directory follows the note; repeated after a kill. It stays when something is in its way. */
int
renamed_move(struct run *r, struct lane *l, struct folder_rec *rec, const char *path, struct err *err)
{
	bool done = false, may = true;

	if (strcmp(rec->path, path) == 0)
		return set_note(r, rec, NULL, NULL, false, err);
	/* Others may have made something of theirs since the note. */
	if (lane_intends(l) && l->sink_ops->holds(l->sink, rec) && renamed_dest_may(r, l, rec, path, &may, err) < 0)
		return -1;
	if (may && !renamed_path_is_taken(r, rec, path) &&
	    l->sink_ops->move_folder(l->sink, rec->path, path, &done, err) < 0)
		return -1;
	/* Its own path comes last: it tells what was below it. */
	if (done && lane_intends(l) && renamed_dest_follow(r, l, rec->path, path, err) < 0)
		return -1;
	if (done ? renamed_set_path(r, rec, path, err) < 0 : keep_path(r, l, rec, path, err) < 0)
		return -1;
	return set_note(r, rec, done || !lane_intends(l) ? NULL : path, rec->name, true, err);
}

/* What folders would be called on a server, by the rules. */
void
renamed_survey_dest(struct run *r, struct lane *l)
{
	if (lane_intends(l))
		lane_survey(l, &r->plan);
}

/* ---- what earlier runs have left ---- */

/* Of a note. */
struct moving {
	struct folder_rec *rec;
	const char *path;
	bool again;
};

/* *ret_rec NULL: nobody has that name, or that record. */
static int
read_note(struct run *r, const struct job_note *note, struct moving *ret, struct err *err)
{
	*ret = (struct moving){ .rec = NULL };
	for (size_t i = 0; i < r->n_known; i++) {
		struct folder_rec *rec = &r->known[i];
		size_t name = strlen(rec->name), all = strlen(note->value);
		char key[NOTE_KEY_MAX], again[NOTE_KEY_MAX];

		note_keys(r, rec, key, again);
		if (strcmp(note->key, key) != 0 && strcmp(note->key, again) != 0)
			continue;
		if (all < name + 1 || note->value[all - name - 1] != '\n' ||
		    strcmp(note->value + all - name, rec->name) != 0)
			return 0; /* the record has not got the name */
		ret->path = arena_copy(&r->arena, (struct slice){ note->value, all - name - 1 });
		if (ret->path == NULL)
			return err_set(err, ERR_FOLDER, "a folder name is too long");
		ret->rec = rec;
		ret->again = strcmp(note->key, again) == 0;
		return 0;
	}
	return 0;
}

static int
path_order(const void *a, const void *b)
{
	const struct moving *x = a, *y = b;
	size_t m = strlen(x->rec->path), n = strlen(y->rec->path);

	return m != n ? (m < n ? -1 : 1) : x->rec->id < y->rec->id ? -1 : x->rec->id > y->rec->id;
}

/* One above it has kept its name: it would take that of this one along. */
static bool
is_held_up(const struct lane *l, const struct moving *all, size_t i)
{
	for (size_t k = 0; lane_intends(l) && k < i; k++)
		if (strcmp(all[k].rec->path, all[k].path) != 0 &&
		    renamed_dest_is_below(l, all[i].rec->path, all[k].rec->path))
			return true;
	return false;
}

/* What was refused is tried once a run, as long as the source has the folder. */
static int
finish_one(struct run *r, struct lane *l, const struct moving *m, struct err *err)
{
	struct planned *f = planned_of(r, m->rec);

	if (m->again && f == NULL)
		return 0;
	if (renamed_move(r, l, m->rec, m->path, err) < 0)
		return -1;
	if (!m->again || strcmp(m->rec->path, m->path) != 0)
		return 0;
	l->plan = f;
	lane_warn(l, EV_FOLDER_RENAMED, 0,
	    "this folder had another name once, and what is stored of it was taken over; the destination has refused to "
	    "rename it before, and it is called '%.1000s' there now",
	    m->path);
	l->plan = NULL;
	return lane_flush(l, true, err);
}

int
renamed_finish_moves(struct run *r, struct lane *l, struct err *err)
{
	struct job_note *note;
	struct moving *all;
	char prefix[NOTE_KEY_MAX];
	size_t n_notes, n = 0;
	int rc = 0;

	if (l->sink_ops->move_folder == NULL || r->n_known == 0)
		return 0;
	snprintf(prefix, sizeof(prefix), "moving/%" PRId64 "/", r->lease.account);
	if (state_notes(r->job->state, prefix, &r->arena, &note, &n_notes, err) < 0)
		return -1;
	if (n_notes == 0)
		return 0;
	renamed_survey_dest(r, l);
	all = mem_resize(NULL, n_notes, sizeof(*all));
	for (size_t i = 0; rc == 0 && i < n_notes; i++) {
		rc = read_note(r, &note[i], &all[n], err);
		if (rc == 0 && all[n].rec == NULL)
			rc = state_note_set(r->job->state, note[i].key, NULL, err);
		else
			n++;
	}
	if (rc == 0)
		qsort(all, n, sizeof(*all), path_order);
	for (size_t i = 0; rc == 0 && i < n; i++)
		if (!is_held_up(l, all, i))
			rc = finish_one(r, l, &all[i], err);
	free(all);
	return rc;
}
