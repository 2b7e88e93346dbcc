/* The eml sink: a file a message, with the octets of the wire and the internal date as its time. It is
 * written in .imex-tmp, under the folder record's number and the UID, which a later run that fetches the
 * message again uses too, and gets its name when the batch is synced: <uid>.eml for the first
 * UIDVALIDITY that the directory has seen (the mark tells it), <uid>.V<uidvalidity>.eml for others.
 *
 * Several connections of an account share .imex-tmp; each removes it when it closes and nothing is in
 * it. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/adopted.h"
#include "store/files/files_sink.h"
#include "store/handed.h"
#include "store/maildir/maildir.h"
#include "store/maildir/maildir_body.h"

enum { EML_NAME_MAX = 48, LINE_ARENA = 4 * 1024 * 1024 };

struct eml {
	struct body body;
	int fd;				/* of a message that has ended, until it is kept; -1 */
	bool begun;			/* body.name is a file in .imex-tmp */
	char name[EML_NAME_MAX];	/* its name to be */
};

struct eml_dir {
	uint32_t first;			/* the UIDVALIDITY of plain names */
};

/* ---- names ---- */

static void
eml_name(const struct files_dir *d, uint32_t uidvalidity, uint32_t uid, char ret[EML_NAME_MAX])
{
	const struct eml_dir *e = d->own;

	if (uidvalidity == e->first)
		(void)snprintf(ret, EML_NAME_MAX, "%" PRIu32 ".eml", uid);
	else
		(void)snprintf(
		    ret, EML_NAME_MAX, "%" PRIu32 ".V%" PRIu32 ".eml", uid, uidvalidity);
}

/* Only what eml_name can have made: read, made again and compared. */
static bool
eml_name_read(const struct files_dir *d, const char *name, uint32_t uidvalidity, uint32_t *ret)
{
	const char *dot = strchrnul(name, '.');
	char again[EML_NAME_MAX];
	uint64_t uid;

	if (!slice_u64((struct slice){ name, (size_t)(dot - name) }, UINT32_MAX, &uid))
		return false;
	eml_name(d, uidvalidity, (uint32_t)uid, again);
	*ret = (uint32_t)uid;
	return strcmp(name, again) == 0;
}

static void
eml_tmp_name(const struct folder_at *at, uint32_t uid, char ret[MAILDIR_IDENTITY_MAX])
{
	(void)snprintf(ret, MAILDIR_IDENTITY_MAX, FILES_TMP "/F%" PRId64 "U%" PRIu32, at->id, uid);
}

/* ---- the account and its directories ---- */

static int
eml_format_open(struct sink *s, struct err *err)
{
	struct eml *e = mem_new(sizeof *e);

	(void)err;
	body_init(&e->body);
	e->body.where = "mail/ACCOUNT";
	e->fd = -1;
	s->own = e;
	return 0;
}

static void
eml_format_close(struct sink *s)
{
	struct eml *e = s->own;

	if (e == NULL)
		return;
	body_done(&e->body);
	free(e);
	s->own = NULL;
	(void)unlinkat(s->root, FILES_TMP, AT_REMOVEDIR); /* only if it is empty */
}

/* Do files of that UIDVALIDITY have names without it? A line of the sidecar tells. */
static bool
eml_is_first(struct sidecar_index *told, uint32_t validity)
{
	struct sidecar_line line;
	struct err ignored = { 0 };
	struct arena a;
	bool first = false;
	size_t n;
	const struct sidecar_entry *e = sidecar_index_of(told, validity, &n);

	arena_init(&a, LINE_ARENA);
	for (; n > 0 && e->removed; n--)
		e++;
	if (n > 0 && sidecar_index_line(told, e, &a, &line, &ignored) == 0)
		first = line.file != NULL && strstr(line.file, ".V") == NULL;
	arena_done(&a);
	return first;
}

/* Of a directory that a state which was put back does not know. */
static int
eml_first_told(struct sink *s, const struct files_dir *d, uint32_t *io, struct err *err)
{
	AUTO(sidecar_index_free) struct sidecar_index *told = NULL;
	uint32_t validity;

	if (sidecar_index_read(&told, d->fds->dir, NULL, s->stop, NULL, err) < 0)
		return -1;
	if (told == NULL)
		return 0;
	validity = sidecar_index_folder(told)->uidvalidity;
	if (eml_is_first(told, validity))
		*io = validity;
	for (size_t i = 0; sidecar_index_older(told, i, &validity); i++)
		if (eml_is_first(told, validity))
			*io = validity;
	return 0;
}

static int
eml_enter(struct sink *s, struct files_dir *d, bool unclean, struct err *err)
{
	struct eml_dir *e = mem_new(sizeof *e);
	struct slice line;
	uint64_t first = s->current->uidvalidity;
	bool marked = files_mark_line(d->mark, "eml", &line);

	(void)unclean;
	d->own = e;
	if (marked ? !slice_u64(line, UINT32_MAX, &first) : d->mark[0] != '\0')
		return err_set(err, ERR_STATE, "the mark of a folder does not tell its first UIDVALIDITY");
	e->first = (uint32_t)first;
	return !marked && s->place.restored ? eml_first_told(s, d, &e->first, err) : 0;
}

static void
eml_leave(struct sink *s, struct files_dir *d)
{
	(void)s;
	free(d->own);
	d->own = NULL;
}

static void
eml_mark(const struct sink *s, const struct files_dir *d, struct buf *out)
{
	const struct eml_dir *e = d->own;

	(void)s;
	(void)buf_printf(out, "eml %" PRIu32 "\n", e->first);
}

static int
eml_move_aside(
    struct sink *s, struct folder_at *at, const char *name, uint32_t uid, struct err *err)
{
	char to[MAILDIR_IDENTITY_MAX];

	eml_tmp_name(at, uid, to);
	return files_tmp_take(at->dir->fds->dir, name, s->root, to, err);
}

static int
eml_recover(struct sink *s, struct folder_at *at, const struct uidmap *have, uint64_t *ret_aside,
    struct err *err)
{
	struct maildir_walk w;
	const char *name;
	uint32_t uid;

	if (maildir_walk_begin(&w, at->dir->fds->dir, ".", err) < 0)
		return -1;
	while ((name = maildir_walk_next(&w)) != NULL) {
		if (!eml_name_read(at->dir, name, at->uidvalidity, &uid) || uidmap_has(have, uid))
			continue;
		if (eml_move_aside(s, at, name, uid, err) < 0) {
			maildir_walk_drop(&w);
			return -1;
		}
		++*ret_aside;
	}
	return maildir_walk_end(&w, err);
}

/* ---- messages ---- */

/* Another connection may remove the empty directory between two calls. */
static int
eml_create(struct sink *s, const char *name, int *ret_fd, struct err *err)
{
	struct err why = { 0 };

	for (int tries = 0; tries < 8; tries++) {
		if (handed_create_new(s->root, name, ret_fd, &why) == 0)
			return 0;
		if (why.sys != ENOENT)
			break;
		if (handed_make_dir(s->root, FILES_TMP, err) < 0)
			return -1;
	}
	*err = why;
	return -1;
}

static int
eml_begin(struct sink *s, struct folder_at *at, const struct msg *m, struct err *err)
{
	struct eml *e = s->own;
	char name[MAILDIR_IDENTITY_MAX];
	int fd;

	eml_tmp_name(at, m->uid, name);
	if (eml_create(s, name, &fd, err) < 0)
		return -1;
	body_start(&e->body, s->root, name, true);
	e->body.fd = fd;
	e->begun = true;
	return 0;
}

static int
eml_write(struct sink *s, struct slice bytes, struct err *err)
{
	struct eml *e = s->own;

	return body_write(&e->body, bytes, err);
}

static int
eml_end(struct sink *s, struct folder_at *at, struct msg *final, struct sidecar_at *ret,
    struct err *err)
{
	struct eml *e = s->own;
	if (body_whole(&e->body, &final->file_bytes, err) < 0 || body_end(&e->body, &e->fd, err) < 0)
		return -1;
	if (file_set_time(e->fd, date_stamp(&final->date), err) < 0)
		return err_wrap(err, "'%s'", e->body.name);
	eml_name(at->dir, at->uidvalidity, final->uid, e->name);
	ret->file = e->name;
	return 0;
}

static void
eml_keep(struct sink *s, struct folder_at *at, const struct msg *final)
{
	struct eml *e = s->own;

	files_batch_add(s->batch, at->dir->slot, e->fd, e->body.name, e->name, final->file_bytes);
	if (final->again)
		files_batch_again(s->batch);
	e->fd = -1;
	e->begun = false;
}

static void
eml_abandon(struct sink *s)
{
	struct eml *e = s->own;

	body_abandon(&e->body);
	file_close(&e->fd);
	if (e->begun)
		(void)unlinkat(s->root, e->body.name, 0);
	e->begun = false;
}

static int
eml_adopt(struct sink *s, struct folder_at *at, const struct folder_rec *old, const struct msg *was,
    const struct msg *now, struct sidecar_at *io, struct err *err)
{
	struct eml *e = s->own;
	char from[EML_NAME_MAX], tmp[MAILDIR_IDENTITY_MAX];

	eml_name(at->dir, old->uidvalidity, was->uid, from);
	eml_name(at->dir, at->uidvalidity, now->uid, e->name);
	eml_tmp_name(at, now->uid, tmp);
	io->file = NULL;
	/* Another connection may remove the empty directory between two calls. */
	for (int tries = 0; tries < 8 && e->fd < 0; tries++) {
		if (handed_make_dir(s->root, FILES_TMP, err) < 0 ||
		    adopted_link(at->dir->fds->dir, from, s->root, tmp, was->file_bytes, &e->fd,
			err) < 0)
			return -1;
		if (e->fd < 0 && file_there(s->root, FILES_TMP))
			return 0;
	}
	if (e->fd < 0)
		return 0;
	(void)snprintf(e->body.name, sizeof e->body.name, "%s", tmp);
	e->begun = true;
	io->file = e->name;
	return 0;
}

static int
eml_remove(struct sink *s, struct folder_at *at, uint32_t uidvalidity, const struct msg *was,
    struct err *err)
{
	char name[EML_NAME_MAX], tmp[MAILDIR_IDENTITY_MAX];

	(void)err;
	eml_name(at->dir, uidvalidity, was->uid, name);
	files_batch_remove(s->batch, at->dir->slot, name);
	if (!msg_lost(was))
		return 0;
	(void)snprintf(tmp, sizeof tmp, FILES_TMP "/F%" PRId64 "V%" PRIu32 "U%" PRIu32, at->id, uidvalidity, was->uid);
	files_batch_keep(s->batch, tmp);
	return 0;
}

static const struct files_format eml_format = {
	.name = "eml",
	.begins_anew = true,
	.open = eml_format_open,
	.close = eml_format_close,
	.enter = eml_enter,
	.leave = eml_leave,
	.recover = eml_recover,
	.begin = eml_begin,
	.write = eml_write,
	.end = eml_end,
	.keep = eml_keep,
	.abandon = eml_abandon,
	.adopt = eml_adopt,
	.remove = eml_remove,
	.mark = eml_mark,
};

static int
eml_open(struct sink **ret, const struct sink_place *at, struct cancel *stop, struct err *err)
{
	return files_open(ret, &eml_format, at, stop, err);
}

const struct sink_ops sink_eml = {
	.name = "eml",
	.traits = SINK_AMENDS | SINK_REMOVES,
	.open = eml_open,
	FILES_SINK_OPS,
};
