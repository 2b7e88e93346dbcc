/* See maildir_batch.h. Removing comes after the sync, for an older copy may go only when
 * the newer one cannot be lost. */
#include "store/maildir/maildir_batch.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/maildir/maildir_aside.h"
#include "store/maildir/maildir_first.h"
#include "store/maildir/name_index.h"
#include "store/op_list.h"

struct batch_folder {
	struct maildir_dirs *dirs;
	bool made, ops;
	struct buf lines;
	uint64_t lines_from;
	struct keywords_change letters;
	int uidlist;
	int first; /* tmp/cur, and what was cur/ once that is placed; -1: none */
	bool first_placed, uidlist_placed; /* by batch_place_lists, in place of none */
};

struct maildir_batch {
	struct pending pending;
	int root, subscriptions;
	bool subscriptions_placed;
	struct batch_folder *folder;
	size_t n_folders, folder_cap;
	struct op_list ops;
	size_t appended, applied; /* folders and operations done, for undo */
};

enum { NAMES_MAX = 2 * (BATCH_OPS + 1) * MAILDIR_NAME_MAX };

static struct maildir_batch *
batch_of(struct pending *p)
{
	char *at = (char *)p - offsetof(struct maildir_batch, pending);

	return (struct maildir_batch *)(void *)at;
}

void
maildir_batch_free(struct maildir_batch **ref)
{
	struct maildir_batch *b = *ref;

	if (b == NULL)
		return;
	op_list_done(&b->ops);
	for (size_t i = 0; i < b->n_folders; i++) {
		struct batch_folder *f = &b->folder[i];

		file_close(&f->uidlist);
		file_close(&f->first);
		buf_done(&f->lines);
		buf_done(&f->letters.text);
		maildir_dirs_unref(&f->dirs);
	}
	file_close(&b->subscriptions);
	file_close(&b->root);
	free(b->folder);
	free(b);
	*ref = NULL;
}

struct pending *
maildir_batch_pending(struct maildir_batch *b)
{
	return &b->pending;
}

/* ---- collecting ---- */

unsigned
maildir_batch_folder(struct maildir_batch *b, struct maildir_dirs *dirs)
{
	if (b->n_folders == b->folder_cap) {
		b->folder_cap = b->folder_cap > 0 ? 2 * b->folder_cap : 4;
		b->folder = mem_resize(b->folder, b->folder_cap, sizeof *b->folder);
	}
	b->folder[b->n_folders] = (struct batch_folder){ .dirs = maildir_dirs_ref(dirs),
		.uidlist = -1,
		.first = -1 };
	return (unsigned)b->n_folders++;
}

void
maildir_batch_made(struct maildir_batch *b, unsigned folder)
{
	b->folder[folder].made = true;
}

void
maildir_batch_first(struct maildir_batch *b, unsigned folder, int fd)
{
	b->folder[folder].first = fd;
}

void
maildir_batch_add(struct maildir_batch *b, unsigned folder, int fd, const char *from,
    const char *to, uint64_t bytes)
{
	op_list_add(&b->ops, folder, fd, from, to, bytes);
	b->folder[folder].ops = true;
}

void
maildir_batch_again(struct maildir_batch *b)
{
	op_list_again(&b->ops);
}

void
maildir_batch_rename(struct maildir_batch *b, unsigned folder, const char *from, const char *to)
{
	(void)op_list_put(&b->ops, OP_RENAME, folder, -1, from, to);
	b->folder[folder].ops = true;
}

void
maildir_batch_remove(struct maildir_batch *b, unsigned folder, const char *name)
{
	(void)op_list_put(&b->ops, OP_REMOVE, folder, -1, name, NULL);
	b->folder[folder].ops = true;
}

void
maildir_batch_keep(struct maildir_batch *b)
{
	op_list_keep(&b->ops, NULL);
}

void
maildir_batch_uidlist(struct maildir_batch *b, unsigned folder, int fd)
{
	file_close(&b->folder[folder].uidlist);
	b->folder[folder].uidlist = fd;
}

void
maildir_batch_subscriptions(struct maildir_batch *b, int fd)
{
	file_close(&b->subscriptions);
	b->subscriptions = fd;
}

void
maildir_batch_close_folder(struct maildir_batch *b, unsigned folder, struct buf *lines,
    uint64_t from, struct keywords_change *letters)
{
	struct batch_folder *f = &b->folder[folder];

	f->lines = *lines;
	f->lines_from = from;
	f->letters = *letters;
	*lines = (struct buf){ 0 };
	*letters = (struct keywords_change){ 0 };
}

bool
maildir_batch_full(const struct maildir_batch *b, int max_files)
{
	size_t files = b->pending.by_system ? BATCH_FILES_SYNCFS : BATCH_FILES;
	size_t held = b->ops.n_files + b->n_folders * BATCH_FOLDER_FDS;

	return b->ops.n_files >= files || b->ops.len >= BATCH_OPS / 4 || b->ops.bytes >= BATCH_BYTES ||
	    b->n_folders >= BATCH_FOLDERS || (max_files > 0 && held >= (size_t)max_files);
}

/* ---- making it visible ---- */

static int
folder_wrap(const struct batch_folder *f, struct err *err)
{
	return err_wrap(err, "folder directory '%s'", *f->dirs->path != '\0' ? f->dirs->path : "(INBOX)");
}

static int
batch_append(struct maildir_batch *b, struct err *err)
{
	for (size_t i = 0; i < b->n_folders; i++) {
		const struct batch_folder *f = &b->folder[i];

		if (f->letters.text.len > 0 &&
		    keywords_write(&f->letters, f->dirs->folder, err) < 0)
			return folder_wrap(f, err);
	}
	for (; b->appended < b->n_folders; b->appended++) {
		const struct batch_folder *f = &b->folder[b->appended];

		if (f->lines.len == 0)
			continue;
		struct slice lines = buf_slice(&f->lines);
		if (sidecar_append(f->dirs->sidecar, f->lines_from, lines, err) < 0) {
			sidecar_cut(f->dirs->sidecar, f->lines_from);
			(void)err_wrap(err, "the sidecar folder.jsonl");
			return folder_wrap(f, err);
		}
	}
	return 0;
}

/* Flags of a stored message change. Its file may carry other flags than the row (a crash between
 * rename and commit, another program) or be gone, which verify tells. */
static int
batch_apply_rename(struct maildir_batch *b, struct op *o, struct err *err)
{
	const struct batch_folder *f = &b->folder[o->dir];
	const char *from = op_from(&b->ops, o), *to = op_to(&b->ops, o);
	char path[NAME_INDEX_PATH_MAX];

	if (strcmp(from, to) != 0 && renameat(f->dirs->cur, from, f->dirs->cur, to) == 0)
		return 0;
	if (strcmp(from, to) != 0 && errno != ENOENT)
		return err_set_sys(err, ERR_DISK, "cannot rename '%s'", from);
	o->kind = OP_NONE; /* nothing of this batch to undo */
	if (file_there(f->dirs->cur, to))
		return 0;
	if (maildir_find(f->dirs, to, path, err) < 0)
		return -1;
	if (*path == '\0' || renameat(f->dirs->folder, path, f->dirs->cur, to) == 0 ||
	    errno == ENOENT)
		return 0;
	return err_set_sys(err, ERR_DISK, "cannot rename '%s'", path);
}

static void
batch_place_first(struct maildir_batch *b)
{
	for (size_t i = 0; i < b->n_folders; i++) {
		struct batch_folder *f = &b->folder[i];

		f->first_placed = f->first >= 0 && maildir_first_place(f->dirs, &f->first);
	}
}

/* Is it written in tmp/cur, under its name? */
static bool
is_first(const struct maildir_batch *b, const struct op *o)
{
	return b->folder[o->dir].first >= 0 && strcmp(op_from(&b->ops, o), op_to(&b->ops, o)) == 0;
}

static int
batch_apply_add(struct maildir_batch *b, const struct op *o, struct err *err)
{
	const struct batch_folder *f = &b->folder[o->dir];
	const struct maildir_dirs *d = f->dirs;

	if (is_first(b, o))
		return f->first_placed ? 0 : file_rename(f->first, op_to(&b->ops, o), d->cur, op_to(&b->ops, o), err);
	return file_rename(d->tmp, op_from(&b->ops, o), d->cur, op_to(&b->ops, o), err);
}

/* To tmp/ under the name that one on its way has there, where the next run looks for it; cur/ stays as it is, since
 * another program may have put something into it. */
static void
batch_undo_add(struct maildir_batch *b, const struct op *o)
{
	const struct maildir_dirs *d = b->folder[o->dir].dirs;
	char to[MAILDIR_NAME_MAX];

	maildir_identity_in(to, op_from(&b->ops, o));
	(void)renameat(d->cur, op_to(&b->ops, o), d->tmp, to);
}

static int
batch_apply(struct maildir_batch *b, struct err *err)
{
	for (; b->applied < b->ops.len; b->applied++) {
		struct op *o = &b->ops.op[b->applied];
		const struct batch_folder *f = &b->folder[o->dir];

		if ((o->again && maildir_aside(f->dirs, op_from(&b->ops, o), op_to(&b->ops, o), err) < 0) ||
		    (o->kind == OP_ADD && batch_apply_add(b, o, err) < 0) ||
		    (o->kind == OP_RENAME && batch_apply_rename(b, o, err) < 0))
			return folder_wrap(f, err);
	}
	return 0;
}

static void
batch_drop_first(const struct maildir_batch *b)
{
	for (size_t i = 0; i < b->n_folders; i++)
		if (b->folder[i].first >= 0 && !b->folder[i].first_placed)
			maildir_first_drop(b->folder[i].dirs);
}

/* Those that replace none, with the messages: nobody can miss an older one, so they need no sync of their own.
 * `rest`: then the others. *ret_any: there were some. */
static int
batch_place_lists(struct maildir_batch *b, bool rest, bool *ret_any, struct err *err)
{
	for (size_t i = 0; i < b->n_folders; i++) {
		struct batch_folder *f = &b->folder[i];
		int dir = f->dirs->folder;

		if (f->uidlist < 0 || f->uidlist_placed || (!rest && file_there(dir, UIDLIST_FILE)))
			continue;
		*ret_any = true;
		if (file_rename(dir, UIDLIST_NEW, dir, UIDLIST_FILE, err) < 0)
			return folder_wrap(f, err);
		f->uidlist_placed = !rest;
	}
	if (b->subscriptions < 0 || b->subscriptions_placed || (!rest && file_there(b->root, SUBSCRIPTIONS_FILE)))
		return 0;
	*ret_any = true;
	b->subscriptions_placed = !rest;
	return file_rename(b->root, SUBSCRIPTIONS_NEW, b->root, SUBSCRIPTIONS_FILE, err);
}

static void
batch_undo_lists(struct maildir_batch *b)
{
	for (size_t i = 0; i < b->n_folders; i++) {
		int dir = b->folder[i].dirs->folder;

		if (b->folder[i].uidlist_placed)
			(void)renameat(dir, UIDLIST_FILE, dir, UIDLIST_NEW);
	}
	if (b->subscriptions_placed)
		(void)renameat(b->root, SUBSCRIPTIONS_FILE, b->root, SUBSCRIPTIONS_NEW);
}

/* ---- making it durable ---- */

static int
folder_sync_one(int fd, const char *name, struct err *err)
{
	return file_sync(fd, err) < 0 ? err_wrap(err, "'%s'", name) : 0;
}

static int
folder_sync(const struct batch_folder *f, int root, struct err *err)
{
	const struct maildir_dirs *d = f->dirs;

	if (f->uidlist >= 0 && folder_sync_one(f->uidlist, UIDLIST_FILE, err) < 0)
		return folder_wrap(f, err);
	if (f->lines.len > 0 && folder_sync_one(d->sidecar, "folder.jsonl", err) < 0)
		return folder_wrap(f, err);
	if ((f->ops || f->made) &&
	    (folder_sync_one(d->cur, "cur", err) < 0 || folder_sync_one(d->tmp, "tmp", err) < 0))
		return folder_wrap(f, err);
	if (file_sync(d->folder, err) < 0)
		return folder_wrap(f, err);
	return f->made ? folder_sync_one(root, "mail/ACCOUNT", err) : 0;
}

static int
maildir_batch_sync(struct pending *p, struct err *err)
{
	const struct maildir_batch *b = batch_of(p);

	if (b->pending.by_system)
		return file_sync_system(b->root, err);
	for (size_t i = 0; i < b->ops.len; i++) {
		if (b->ops.op[i].fd >= 0 && file_sync(b->ops.op[i].fd, err) < 0)
			return err_wrap(err, "'cur/%s'", op_to(&b->ops, &b->ops.op[i]));
	}
	for (size_t i = 0; i < b->n_folders; i++) {
		if (folder_sync(&b->folder[i], b->root, err) < 0)
			return -1;
	}
	if (b->subscriptions < 0)
		return 0;
	return folder_sync_one(b->subscriptions, SUBSCRIPTIONS_FILE, err) < 0 ? -1
									      : folder_sync_one(b->root, "mail/ACCOUNT", err);
}

/* Back to what the last commit left, as far as it goes; the next run finds what is not undone. */
static void
maildir_batch_undo(struct pending *p)
{
	struct maildir_batch *b = batch_of(p);

	batch_undo_lists(b);
	for (size_t i = b->applied; i-- > 0;) {
		const struct op *o = &b->ops.op[i];
		const struct maildir_dirs *d = b->folder[o->dir].dirs;

		if (o->kind == OP_ADD)
			batch_undo_add(b, o);
		else if (o->kind == OP_RENAME)
			(void)renameat(d->cur, op_to(&b->ops, o), d->cur, op_from(&b->ops, o));
	}
	for (size_t i = b->appended; i-- > 0;) {
		if (b->folder[i].lines.len > 0)
			sidecar_cut(b->folder[i].dirs->sidecar, b->folder[i].lines_from);
	}
}

/* ---- what comes after ---- */

bool
maildir_batch_stores(
    const struct maildir_batch *b, unsigned folder, const char *name, bool *ret_same_name)
{
	struct maildir_entry e;

	*ret_same_name = false;
	if (!maildir_parse(slice_str(name), &e))
		return false;
	bool again = false;
	for (size_t i = 0; i < b->ops.len; i++) {
		const struct op *o = &b->ops.op[i];
		const char *to = op_to(&b->ops, o);

		if (o->kind != OP_ADD || o->dir != folder ||
		    strncmp(to, name, e.identity_len + 1) != 0)
			continue;
		again = true;
		*ret_same_name |= strcmp(to, name) == 0;
	}
	return again;
}

static int
batch_remove(struct maildir_batch *b, const struct op *o, struct err *err)
{
	const struct batch_folder *f = &b->folder[o->dir];
	char path[NAME_INDEX_PATH_MAX];
	bool same_name;
	/* Only the older name may go. */
	bool again = maildir_batch_stores(b, o->dir, op_from(&b->ops, o), &same_name);

	if (same_name || unlinkat(f->dirs->cur, op_from(&b->ops, o), 0) == 0)
		return 0;
	if (errno != ENOENT)
		return err_set_sys(err, ERR_DISK, "cannot remove '%s'", op_from(&b->ops, o));
	if (again)
		return 0;
	if (maildir_find(f->dirs, op_from(&b->ops, o), path, err) < 0)
		return -1;
	if (*path == '\0' || unlinkat(f->dirs->folder, path, 0) == 0 || errno == ENOENT)
		return 0;
	return err_set_sys(err, ERR_DISK, "cannot remove '%s'", path);
}

static int
maildir_batch_tidy(struct pending *p, bool *ret_more, struct err *err)
{
	struct maildir_batch *b = batch_of(p);

	for (size_t i = 0; i < b->ops.len; i++) {
		const struct op *o = &b->ops.op[i];

		if (o->kind != OP_REMOVE)
			continue;
		*ret_more = true;
		if ((o->keep ? maildir_aside_lost(b->folder[o->dir].dirs, op_from(&b->ops, o), err) : batch_remove(b, o, err)) < 0)
			return -1;
	}
	return batch_place_lists(b, true, ret_more, err);
}

/* ---- as the keeper sees it ---- */

static int
maildir_batch_place(struct pending *p, struct err *err)
{
	struct maildir_batch *b = batch_of(p);
	bool any;

	if (batch_append(b, err) == 0) {
		batch_place_first(b);
		if (batch_apply(b, err) == 0 && batch_place_lists(b, false, &any, err) == 0) {
			batch_drop_first(b);
			return 0;
		}
	}
	maildir_batch_undo(p);
	return -1;
}

static void
maildir_batch_drop(struct pending *p)
{
	struct maildir_batch *b = batch_of(p);

	maildir_batch_free(&b);
}

int
maildir_batch_new(struct maildir_batch **ret, int root, bool by_system, struct err *err)
{
	int fd = fcntl(root, F_DUPFD_CLOEXEC, 0);
	struct stat st = { 0 };

	if (fd < 0)
		return err_set_sys(err, ERR_DISK, "duplicate a descriptor");
	struct maildir_batch *b = mem_new(sizeof *b);
	b->pending = (struct pending){ .place = maildir_batch_place,
		.sync = maildir_batch_sync,
		.tidy = maildir_batch_tidy,
		.undo = maildir_batch_undo,
		.free = maildir_batch_drop };
	b->root = fd;
	b->subscriptions = -1;
	b->pending.by_system = by_system && fstat(fd, &st) == 0;
	b->pending.device = st.st_dev;
	op_list_init(&b->ops, NAMES_MAX);
	*ret = b;
	return 0;
}
