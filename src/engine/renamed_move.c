/* Directories of files, and folders on a server, follow the records that were renamed. See renamed.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/renamed.h"

enum { NOTE_KEY_MAX = 64 };

/* What is to be done, as a note of the state: the path that the directories of a record are to have. It
 * counts only while the record has the name that was to come with it. */
static void
note_key(const struct run *r, const struct folder_rec *rec, char ret[NOTE_KEY_MAX])
{
	snprintf(ret, NOTE_KEY_MAX, "moving/%" PRId64 "/%" PRId64, r->lease.account, rec->id);
}

static char *
note_value(const char *path, const char *name)
{
	char *value;

	if (asprintf(&value, "%s\n%s", path, name) < 0)
		mem_out();
	return value;
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
	AUTO(mem_free_str) char *value = note_value(path, name);
	char key[NOTE_KEY_MAX];

	note_key(r, rec, key);
	return state_note_set(r->job->state, key, value, err);
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

/* The folder may be gone again by now. */
static int
keep_path(struct run *r, struct lane *l, const struct folder_rec *rec, const char *path,
    struct err *err)
{
	for (size_t i = 0; i < r->plan.len; i++) {
		struct planned *f = &r->plan.folder[i];

		if (!slice_eq(f->folder.name, rec->name))
			continue;
		l->plan = f;
		lane_warn(l, EV_FOLDER_RENAMED, 0,
		    lane_intends(l) ? "this folder had another name once, and what is stored of it was taken over; on the "
				      "destination it keeps the name '%.1000s', since '%.1000s' is taken, or the server "
				      "refused it"
				    : "this folder had another name once, and what is stored of it was taken over; its "
				      "directory stays '%.1000s', since '%.1000s' is taken",
		    rec->path, path);
		l->plan = NULL;
		return lane_flush(l, true, err);
	}
	return 0;
}

/* The directory follows the note; repeated after a kill. It stays when something is in its way. */
int
renamed_move(struct run *r, struct lane *l, struct folder_rec *rec, const char *path, struct err *err)
{
	char key[NOTE_KEY_MAX];
	bool done = false, may = true;

	note_key(r, rec, key);
	if (strcmp(rec->path, path) == 0)
		return state_note_set(r->job->state, key, NULL, err);
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
	return state_note_set(r->job->state, key, NULL, err);
}

static int
finish_one(struct run *r, struct lane *l, const struct job_note *note, struct err *err)
{
	for (size_t i = 0; i < r->n_known; i++) {
		struct folder_rec *rec = &r->known[i];
		char key[NOTE_KEY_MAX];

		note_key(r, rec, key);
		if (strcmp(note->key, key) != 0)
			continue;

		size_t name = strlen(rec->name), all = strlen(note->value);

		if (all < name + 1 || note->value[all - name - 1] != '\n' ||
		    strcmp(note->value + all - name, rec->name) != 0)
			break; /* the record has not got the name */

		char *path = arena_copy(
		    &r->arena, (struct slice){ note->value, all - name - 1 });

		if (path == NULL)
			return err_set(err, ERR_FOLDER, "a folder name is too long");
		return renamed_move(r, l, rec, path, err);
	}
	return state_note_set(r->job->state, note->key, NULL, err);
}

/* What folders would be called on a server, by the rules. */
void
renamed_survey_dest(struct run *r, struct lane *l)
{
	if (lane_intends(l))
		lane_survey(l, &r->plan);
}

/* What a run that was killed has begun. */
int
renamed_finish_moves(struct run *r, struct lane *l, struct err *err)
{
	struct job_note *note;
	char prefix[NOTE_KEY_MAX];
	size_t n;

	if (l->sink_ops->move_folder == NULL || r->n_known == 0)
		return 0;
	snprintf(prefix, sizeof(prefix), "moving/%" PRId64 "/", r->lease.account);
	if (state_notes(r->job->state, prefix, &r->arena, &note, &n, err) < 0)
		return -1;
	if (n > 0)
		renamed_survey_dest(r, l);
	for (size_t i = 0; i < n; i++)
		if (finish_one(r, l, &note[i], err) < 0)
			return -1;
	return 0;
}
