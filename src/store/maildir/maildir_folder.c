/* Folders of the Maildir sink.
 *
 * A folder holds descriptors and 4 KiB of its sidecar only while it is the current one, or has
 * changes that are not sealed, or batches at the keeper; else it is a path and a mark, so that ten
 * thousand folders are no burden. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/bare.h"
#include "store/handed.h"
#include "store/maildir/maildir_first.h"
#include "store/maildir/maildir_recover.h"
#include "store/maildir/maildir_sink.h"

static void
folder_open_free(struct folder_open **o)
{
	if (*o == NULL)
		return;
	maildir_dirs_unref(&(*o)->dirs);
	sidecar_done(&(*o)->sidecar);
	keywords_done(&(*o)->keywords);
	name_index_free(&(*o)->older);
	free(*o);
	*o = NULL;
}

void
maildir_at_free(struct folder_at *at)
{
	folder_open_free(&at->open);
	free(at->path);
	free(at->head);
	free(at);
}

int
maildir_folder_dirs(int root, const char *path, bool *ret_made, struct err *err)
{
	static const char *const part[] = { "tmp", "new", "cur" };
	AUTO(file_close) int dir = -1;
	AUTO(file_close) int mark = -1;

	*ret_made = false;
	if (*path != '\0' && handed_make_dir(root, path, err) < 0)
		return -1;
	if (file_open_dir(root, *path != '\0' ? path : ".", &dir, err) < 0)
		return -1;
	for (size_t i = 0; i < COUNT_OF(part); i++) {
		*ret_made |= !file_there(dir, part[i]);
		if (handed_make_dir(dir, part[i], err) < 0)
			return -1;
	}
	if (*path == '\0' || file_there(dir, "maildirfolder"))
		return 0;
	*ret_made = true;
	return handed_create(dir, "maildirfolder", &mark, err);
}

int
maildir_wrap(const struct folder_at *at, struct err *err)
{
	return err_wrap(err, "folder directory '%s'", *at->path != '\0' ? at->path : "(INBOX)");
}

static void
folder_note(struct folder_at *at, enum grown_found found)
{
	char name[SIDECAR_NAME_MAX];

	if (found != GROWN_LEFT)
		return;
	sidecar_name(at->open->sidecar.file.number, name);
	(void)snprintf(at->changed, sizeof at->changed,
	    "the sidecar is not as imex left it; it was kept as it is, '%s' goes on", name);
	at->notes.changed = at->changed;
}

/* Open directories, keywords and sidecar as the mark says. */
static int
folder_reopen(struct sink *s, struct folder_at *at, enum grown_found *ret_found, struct err *err)
{
	AUTO(folder_open_free) struct folder_open *o = mem_new(sizeof *o);

	if (maildir_dirs_open(&o->dirs, s->root, at->path, err) < 0)
		return -1;
	if (keywords_load(&o->keywords, o->dirs->folder, err) < 0 ||
	    sidecar_open(&o->sidecar, o->dirs->folder, at->mark,
		(struct slice){ at->head, strlen(at->head) }, at->head_key, s->unclean,
		&o->dirs->sidecar, ret_found, err) < 0)
		return maildir_wrap(at, err);
	if (s->n_held == s->held_cap) {
		s->held_cap = s->held_cap > 0 ? 2 * s->held_cap : 16;
		s->held = mem_resize(s->held, s->held_cap, sizeof(struct folder_at *));
	}
	s->held[s->n_held++] = at;
	at->open = o;
	o = NULL;
	folder_note(at, *ret_found);
	return 0;
}

void
maildir_let_go(struct sink *s)
{
	size_t keep = 0;

	for (size_t i = 0; i < s->n_held; i++) {
		struct folder_at *at = s->held[i];

		if (at == s->current || at->touched || atomic_load(&at->open->dirs->refs) > 1)
			s->held[keep++] = at;
		else
			folder_open_free(&at->open);
	}
	s->n_held = keep;
}

/* Make `at` the folder that is worked on. */
int
maildir_enter(struct sink *s, struct folder_at *at, struct err *err)
{
	enum grown_found found;

	if (s->current != at) {
		s->current = at;
		maildir_let_go(s);
	}
	return at->open != NULL ? 0 : folder_reopen(s, at, &found, err);
}

int
maildir_need_batch(struct sink *s, struct err *err)
{
	return s->batch != NULL ? 0 : maildir_batch_new(&s->batch, s->root, s->by_system, err);
}

/* The folder takes part in the batch. */
int
maildir_touch(struct sink *s, struct folder_at *at, struct err *err)
{
	if (maildir_need_batch(s, err) < 0)
		return -1;
	if (at->touched)
		return 0;
	at->slot = maildir_batch_folder(s->batch, at->open->dirs);
	if (at->made)
		maildir_batch_made(s->batch, at->slot);
	at->made = false;
	at->touched = true;
	return 0;
}

/* Nothing was stored in it, and no other record has that directory. What is fetched again since its directory was
 * removed sets aside what lies in its place, by name, and must see it there. */
static bool
is_first_use(const struct sink *s, const struct folder_at *it)
{
	if (*it->mark != '\0' || it->has_rows)
		return false;
	for (const struct folder_at *at = s->folders; at != NULL; at = at->next) {
		if (at != it && strcmp(at->path, it->path) == 0)
			return false;
	}
	return true;
}

int
maildir_begin_first(struct sink *s, struct folder_at *at, struct err *err)
{
	if (at->begun)
		return 0;
	if (is_first_use(s, at) && maildir_first_open(at->open->dirs, &at->first, err) < 0)
		return maildir_wrap(at, err);
	if (at->first >= 0)
		maildir_batch_first(s->batch, at->slot, at->first);
	at->begun = true;
	return 0;
}

static struct folder_at *
sink_find(const struct sink *s, const struct folder_rec *rec)
{
	for (struct folder_at *at = s->folders; at != NULL; at = at->next) {
		if (at->id == rec->id)
			return at;
	}
	return NULL;
}

static bool
sink_knows_path(const struct sink *s, const char *path)
{
	for (const struct folder_at *at = s->folders; at != NULL; at = at->next) {
		if (strcmp(at->path, path) == 0)
			return true;
	}
	return false;
}

static int
folder_at_new(const struct folder_rec *rec, struct folder_at **ret, struct err *err)
{
	size_t key;
	char *head;

	if (strlen(rec->mark) >= SIDECAR_MARK_MAX)
		return err_set(err, ERR_STATE, "the mark of a folder cannot be read");
	if (sidecar_head(rec, &head, &key, err) < 0)
		return -1;
	struct folder_at *at = mem_new(sizeof *at);
	at->id = rec->id;
	at->first = -1;
	at->path = mem_copy_str(rec->path);
	at->head = head;
	at->head_key = key;
	at->uidvalidity = rec->uidvalidity;
	at->has_rows = rec->listed + rec->expunged > 0;
	memcpy(at->mark, rec->mark, strlen(rec->mark) + 1);
	*ret = at;
	return 0;
}

/* What the sidecar tells beyond the mark has rows by now. */
static int
mark_as_it_is(struct sink *s, struct folder_at *at, struct err *err)
{
	AUTO(file_close) int dir = -1;

	return file_open_dir(s->root, *at->path != '\0' ? at->path : ".", &dir, err) < 0
		   ? -1
		   : sidecar_mark_now(dir, at->mark, err);
}

bool
maildir_bare(const struct sink *s, const char *path)
{
	AUTO(file_close) int dir = -1;
	struct err why = { 0 };

	if (file_open_dir(s->root, *path != '\0' ? path : ".", &dir, &why) < 0)
		return why.sys == ENOENT;
	/* That of INBOX is made when the sink is opened. */
	return !file_there(dir, "folder.jsonl") && !file_there(dir, "folder.jsonl.2") && dir_is_bare(dir, "cur");
}

/* Everything for a folder that is seen for the first time by this sink. */
static int
sink_begin_folder(struct sink *s, struct folder_at *at, const struct row_feed *rows,
    bool path_known, uint64_t *ret_aside, struct err *err)
{
	enum grown_found found;
	char mark[SIDECAR_MARK_MAX];

	if (maildir_bare(s, at->path))
		at->mark[0] = '\0';
	if (maildir_folder_dirs(s->root, at->path, &at->made, err) < 0)
		return maildir_wrap(at, err);
	at->made |= s->unclean;
	s->current = at;
	maildir_let_go(s);
	if (s->restored && !path_known && mark_as_it_is(s, at, err) < 0)
		return maildir_wrap(at, err);
	if (folder_reopen(s, at, &found, err) < 0)
		return -1;
	if (s->unclean && !path_known && maildir_recover_files(at->open->dirs, err) < 0)
		return -1;
	if (rows != NULL && (s->unclean || found == GROWN_LONGER) &&
	    maildir_recover(at->open->dirs, at->uidvalidity, rows, s->stop, ret_aside, err) < 0)
		return -1;
	sidecar_mark(&at->open->sidecar, mark);
	if (at->made || at->open->sidecar.lines.len > 0 || strcmp(mark, at->mark) != 0)
		return maildir_touch(s, at, err);
	return 0;
}

int
maildir_folder(struct sink *s, const struct folder_rec *rec, const struct row_feed *rows,
    uint64_t *ret_aside, struct folder_at **ret, struct err *err)
{
	struct folder_at *at = sink_find(s, rec);
	uint64_t aside = 0;

	if (!maildir_path_valid(rec->path))
		return err_set(err, ERR_STATE, "'%s' is no name of a folder directory",
		    rec->path != NULL ? rec->path : "");
	if (at == NULL) {
		bool path_known = s->unclean && sink_knows_path(s, rec->path);

		if (folder_at_new(rec, &at, err) < 0)
			return -1;
		at->next = s->folders;
		s->folders = at;
		if (sink_begin_folder(s, at, rows, path_known, &aside, err) < 0) {
			at->id = -1; /* asked for again, it is tried again */
			return -1;
		}
	} else if (maildir_enter(s, at, err) < 0) {
		return -1;
	}
	*ret_aside = aside;
	*ret = at;
	return 0;
}
