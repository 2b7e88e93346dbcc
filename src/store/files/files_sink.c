/* See files_sink.h: what sink.h promises, for any format that stores messages in a tree of directories.
 * The order within a message is the format's octets, then the sidecar's line, then keep: what can fail
 * comes first, so that an error leaves nothing of the message. */
#include "store/files/files_sink.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/row_feed.h"
#include "store/sink_root.h"

enum {
	MARK_MAX = 256 * 1024,
	LINES_MAX = 4 * 1024 * 1024
};

/* ---- opening and closing ---- */

static int
sink_open(struct sink *s, struct err *err)
{
	if (sink_root_open(&s->root, &s->by_system, &s->place, err) < 0)
		return -1;
	return s->format->open != NULL ? s->format->open(s, err) : 0;
}

int
files_open(struct sink **ret, const struct files_format *format, const struct sink_place *at,
    struct cancel *stop, struct err *err)
{
	struct sink *s = mem_new(sizeof *s);

	s->format = format;
	s->place = *at;
	s->stop = stop;
	s->root = -1;
	s->names = tree_names_new(at->windows_names);
	if (sink_open(s, err) < 0) {
		files_close(&s);
		return err_wrap(err, "'%s'", at->dir);
	}
	*ret = s;
	return 0;
}

static void
folder_at_free(struct sink *s, struct folder_at *at)
{
	if (s->format->forget != NULL)
		s->format->forget(at);
	loss_done(&at->losses);
	uidmap_free(&at->stored);
	free(at->name);
	free(at->special_use);
	free(at->head);
	free(at->mark);
	free(at);
}

void
files_close(struct sink **ref)
{
	struct sink *s = *ref;

	if (s == NULL)
		return;
	if (s->into != NULL)
		files_abandon(s);
	s->current = NULL;
	while (s->folders != NULL) {
		struct folder_at *at = s->folders;

		s->folders = at->next;
		folder_at_free(s, at);
	}
	while (s->dirs != NULL) {
		struct files_dir *d = s->dirs;

		s->dirs = d->next;
		files_dir_free(s, d);
	}
	if (s->format->close != NULL)
		s->format->close(s);
	files_batch_free(&s->batch);
	tree_names_free(&s->names);
	file_close(&s->root);
	free(s->held);
	free(s);
	*ref = NULL;
}

/* ---- folders ---- */

void
files_survey(struct sink *s, const struct folder *list, size_t n)
{
	tree_names_survey(s->names, list, n);
}

int
files_name_folder(
    struct sink *s, const struct folder *f, struct buf *ret_path, bool *ret_mapped, struct err *err)
{
	*ret_mapped = tree_name(s->names, f->name, f->delim, f->prefix, ret_path);
	if (ret_path->full)
		return err_set(err, ERR_FOLDER, "the folder's name is too long");
	return 0;
}

/* Make `at` the folder that is worked on. */
static int
sink_enter(struct sink *s, struct folder_at *at, struct err *err)
{
	bool longer;

	if (s->current != at) {
		s->current = at;
		files_dir_let_go(s);
		if (at->dir->fds != NULL)
			sidecar_describe(&at->dir->sidecar, slice_str(at->head));
	}
	return at->dir->fds != NULL ? 0 : files_dir_open(s, at->dir, at, &longer, err);
}

/* The folder takes part in the batch. */
static int
sink_touch(struct sink *s, struct folder_at *at, struct err *err)
{
	struct files_dir *d = at->dir;

	if (s->batch == NULL && files_batch_new(&s->batch, s->root, s->by_system, err) < 0)
		return -1;
	if (!d->touched) {
		d->slot = files_batch_dir(s->batch, d->fds, !d->synced);
		d->made = false;
		d->synced = true;
		d->touched = true;
	}
	at->touched = true;
	return 0;
}

/* The mark of a folder: that of its directory, and its own lines. */
static void
folder_mark(struct folder_at *at)
{
	AUTO(buf_done) struct buf text;

	buf_init(&text, MARK_MAX);
	(void)buf_printf(&text, "%sof %" PRIu32 "\n", at->dir->mark, at->uidvalidity);
	if (at->losses.len > 0) {
		(void)buf_add_str(&text, "loss ");
		loss_text(&at->losses, &text);
		(void)buf_add_byte(&text, '\n');
	}
	free(at->mark);
	at->mark = mem_copy_str(text.data);
}

/* Losses are of the record that told them: one of another UIDVALIDITY begins with none. */
static int
folder_losses(struct folder_at *at, const char *mark, struct err *err)
{
	struct slice line;
	uint64_t of;

	loss_init(&at->losses);
	if (!files_mark_line(mark, "of", &line) || !slice_u64(line, UINT32_MAX, &of) ||
	    of != at->uidvalidity || !files_mark_line(mark, "loss", &line))
		return 0;
	if (!loss_read(&at->losses, line))
		return err_set(err, ERR_STATE, "the losses in the mark of a folder cannot be read");
	return 0;
}

static int
folder_at_new(
    struct sink *s, const struct folder_rec *rec, struct folder_at **ret, struct err *err)
{
	size_t key;
	char *head;

	if (sidecar_head(rec, &head, &key, err) < 0)
		return -1;
	struct folder_at *at = mem_new(sizeof *at);
	at->id = rec->id;
	at->uidvalidity = rec->uidvalidity;
	at->delim = rec->delim;
	at->name = mem_copy_str(rec->name);
	at->special_use = mem_copy_str(rec->special_use);
	at->head = head;
	at->head_key = key;
	at->mark = mem_copy_str(rec->mark != NULL ? rec->mark : "");
	if (folder_losses(at, at->mark, err) < 0) {
		folder_at_free(s, at);
		return -1;
	}
	at->dir = files_dir_get(s, rec->path, at->mark);
	at->next = s->folders;
	s->folders = at;
	*ret = at;
	return 0;
}

/* What a kill left of this record: done once, before anything is stored for it. */
static int
folder_recover(struct sink *s, struct folder_at *at, const struct row_feed *rows, bool longer,
    uint64_t *ret_aside, struct err *err)
{
	AUTO(uidmap_free) struct uidmap *have = NULL;

	if (rows == NULL || s->format->recover == NULL || !(s->place.unclean || longer))
		return 0;
	have = uidmap_new();
	if (row_feed_stored(have, rows, s->stop, err) < 0)
		return -1;
	return s->format->recover(s, at, have, ret_aside, err) < 0
	    ? err_wrap(err, "folder directory '%s'", at->dir->path)
	    : 0;
}

/* Everything for a folder that is seen for the first time by this sink. */
static int
sink_begin_folder(struct sink *s, struct folder_at *at, const struct row_feed *rows,
    uint64_t *ret_aside, struct err *err)
{
	AUTO(mem_free_str) char *before = mem_copy_str(at->mark);
	struct files_dir *d = at->dir;
	bool longer = false;

	s->current = at;
	files_dir_let_go(s);
	if (d->fds != NULL)
		sidecar_describe(&d->sidecar, slice_str(at->head));
	else if (files_dir_make(s, d, err) < 0 || files_dir_open(s, d, at, &longer, err) < 0)
		return -1;
	if (folder_recover(s, at, rows, longer, ret_aside, err) < 0)
		return -1;
	if (!d->begun) {
		d->made |= s->place.unclean;
		d->begun = true;
		files_dir_mark(s, d);
	}
	folder_mark(at);
	if (d->made || d->sidecar.lines.len > 0 || strcmp(before, at->mark) != 0)
		return sink_touch(s, at, err);
	return 0;
}

static struct folder_at *
sink_find(const struct sink *s, int64_t id)
{
	for (struct folder_at *at = s->folders; at != NULL; at = at->next) {
		if (at->id == id)
			return at;
	}
	return NULL;
}

int
files_folder(struct sink *s, const struct folder_rec *rec, const struct row_feed *rows,
    uint64_t *ret_aside, struct folder_at **ret, struct err *err)
{
	struct folder_at *at = sink_find(s, rec->id);
	uint64_t aside = 0;

	if (!tree_path_valid(rec->path))
		return err_set(err, ERR_STATE, "'%s' is no name of a folder directory",
		    rec->path != NULL ? rec->path : "");
	if (at == NULL) {
		if (folder_at_new(s, rec, &at, err) < 0)
			return -1;
		if (sink_begin_folder(s, at, rows, &aside, err) < 0) {
			at->id = -1; /* asked for again, it is tried again */
			return -1;
		}
	} else if (sink_enter(s, at, err) < 0) {
		return -1;
	}
	*ret_aside = aside;
	*ret = at;
	return 0;
}

void
files_notes(const struct folder_at *at, struct folder_notes *ret)
{
	*ret = at->notes;
	ret->changed = at->dir->changed[0] != '\0' ? at->dir->changed : NULL;
	ret->losses = at->losses.len > 0 ? &at->losses : NULL;
}

void
files_expect(struct sink *s, struct folder_at *at, const struct msg *m)
{
	(void)s;
	(void)at;
	(void)m;
}

/* ---- messages ---- */

int
files_begin(struct sink *s, struct folder_at *at, const struct msg *m, struct err *err)
{
	assert(s->into == NULL);
	if (sink_enter(s, at, err) < 0 || sink_touch(s, at, err) < 0)
		return -1;
	if (s->format->begin(s, at, m, err) < 0) {
		s->format->abandon(s);
		return err_wrap(err, "folder directory '%s'", at->dir->path);
	}
	s->wire = 0;
	s->into = at;
	return 0;
}

int
files_write(struct sink *s, struct slice bytes, struct err *err)
{
	assert(s->into != NULL);
	s->wire += bytes.len;
	return s->format->write(s, bytes, err) < 0
	    ? err_wrap(err, "folder directory '%s'", s->into->dir->path)
	    : 0;
}

void
files_abandon(struct sink *s)
{
	if (s->into != NULL)
		s->format->abandon(s);
	s->into = NULL;
}

int
files_tell(struct sink *s, struct folder_at *at, const struct msg *m,
    const struct sidecar_at *place, struct err *err)
{
	struct sidecar *c = &at->dir->sidecar;
	size_t before = c->lines.len;

	if (sidecar_add(c, m, at->uidvalidity, place, &m->flags, err) < 0)
		return -1;
	s->lines_bytes += c->lines.len - before;
	return 0;
}

int
files_touch(struct sink *s, struct folder_at *at, struct err *err)
{
	return sink_enter(s, at, err) < 0 ? -1 : sink_touch(s, at, err);
}

/* Octets, then the line: both or neither. */
static int
sink_store(struct sink *s, struct folder_at *at, struct msg *final, struct err *err)
{
	struct sidecar_at place = { .file = "", .rebuilt = final->rebuilt };

	if (s->format->end(s, at, final, &place, err) < 0)
		return -1;
	return place.file != NULL ? files_tell(s, at, final, &place, err) : 0;
}

int
files_end(struct sink *s, struct msg *final, struct err *err)
{
	struct folder_at *at = s->into;

	assert(at != NULL);
	assert(s->wire == final->wire_bytes);
	s->into = NULL;
	if (sink_store(s, at, final, err) < 0) {
		s->format->abandon(s);
		return err_wrap(
		    err, "folder directory '%s', UID %" PRIu32, at->dir->path, final->uid);
	}
	s->format->keep(s, at, final);
	if (at->stored == NULL)
		at->stored = uidmap_new();
	(void)uidmap_add(at->stored, final->uid);
	return 0;
}

/* The line of a message that this batch stores again takes the place of the older one by itself. */
int
files_remove(struct sink *s, struct folder_at *at, uint32_t uidvalidity, const struct msg *was,
    struct err *err)
{
	struct sidecar *c = &at->dir->sidecar;

	if (!verdict_has_file(was->verdict) && !msg_lost(was))
		return 0;
	if (sink_enter(s, at, err) < 0 || sink_touch(s, at, err) < 0)
		return -1;
	bool again = uidvalidity == at->uidvalidity && at->stored != NULL &&
	    uidmap_has(at->stored, was->uid);
	size_t before = c->lines.len;
	if (!again && sidecar_remove(c, was->uid, uidvalidity, err) < 0)
		return -1;
	s->lines_bytes += c->lines.len - before;
	return s->format->remove != NULL ? s->format->remove(s, at, uidvalidity, was, err) : 0;
}

/* ---- batches ---- */

bool
files_full(const struct sink *s)
{
	return s->batch != NULL &&
	    (s->lines_bytes >= LINES_MAX || files_batch_full(s->batch, s->place.batch_files));
}

/* What may fail, before anything is given away. */
static int
sink_seal_format(struct sink *s, struct err *err)
{
	if (s->format->seal != NULL && s->format->seal(s, err) < 0)
		return -1;
	for (size_t i = 0; s->format->seal_dir != NULL && i < s->n_held; i++) {
		if (s->held[i]->touched && s->format->seal_dir(s, s->held[i], err) < 0)
			return err_wrap(err, "folder directory '%s'", s->held[i]->path);
	}
	return 0;
}

static void
sink_seal_dir(struct sink *s, struct files_dir *d)
{
	struct buf lines;
	uint64_t from;

	sidecar_take(&d->sidecar, &lines, &from);
	files_batch_close_dir(s->batch, d->slot, &lines, from);
	files_dir_mark(s, d);
	d->touched = false;
}

static void
sink_seal_folder(struct folder_at *at, struct batch *b)
{
	folder_mark(at);
	batch_mark(b, at->id, at->mark);
	uidmap_free(&at->stored);
	at->touched = false;
	at->told = true;
}

int
files_seal(struct sink *s, struct batch *b, struct pending **ret, struct err *err)
{
	*ret = NULL;
	if (s->current != NULL && s->current->told && !s->current->touched)
		batch_mark(b, s->current->id, s->current->mark);
	if (s->batch == NULL)
		return 0;
	assert(s->into == NULL);
	if (sink_seal_format(s, err) < 0)
		return -1;
	for (size_t i = 0; i < s->n_held; i++) {
		if (s->held[i]->touched)
			sink_seal_dir(s, s->held[i]);
	}
	for (struct folder_at *at = s->folders; at != NULL; at = at->next) {
		if (at->touched)
			sink_seal_folder(at, b);
	}
	*ret = files_batch_pending(s->batch);
	s->batch = NULL;
	s->lines_bytes = 0;
	files_dir_let_go(s);
	return 0;
}

/* ---- for other programs: nothing, the sidecar has it all ---- */

int
files_finish(struct sink *s, struct folder_at *at, const struct folder_rec *rec,
    const struct row_feed *rows, struct err *err)
{
	(void)s;
	(void)at;
	(void)rec;
	(void)rows;
	(void)err;
	return 0;
}

int
files_finish_account(struct sink *s, const struct folder *list, size_t len, struct err *err)
{
	(void)s;
	(void)list;
	(void)len;
	(void)err;
	return 0;
}
