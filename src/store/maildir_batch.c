/* See maildir_batch.h. Operations hold offsets into one text of names, so that a batch of 4,096
 * messages is three allocations. Removing comes after the sync, for an older copy may go only when
 * the newer one cannot be lost. */
#include "store/maildir_batch.h"

#include <assert.h>
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
#include "store/name_index.h"

enum op_kind { OP_NONE, OP_ADD, OP_RENAME, OP_REMOVE };

struct op {
	enum op_kind kind;
	unsigned folder;
	bool again; /* maildir_batch_again */
	bool keep; /* maildir_batch_keep */
	int fd;
	uint32_t from, to; /* offsets of names */
};

struct batch_folder {
	struct maildir_dirs *dirs;
	bool made, ops;
	struct buf lines;
	uint64_t lines_from;
	struct keywords_change letters;
	int uidlist;
};

struct maildir_batch {
	struct pending pending;
	int root, subscriptions;
	struct batch_folder *folder;
	size_t n_folders, folder_cap;
	struct op *op;
	size_t n_ops, op_cap, n_files;
	struct buf names;
	uint64_t bytes;
	size_t appended, applied; /* folders and operations done, for undo */
};

enum { ASIDE_MAX = 100, NAMES_MAX = 2 * (BATCH_OPS + 1) * MAILDIR_NAME_MAX };

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
	for (size_t i = 0; i < b->n_ops; i++)
		file_close(&b->op[i].fd);
	for (size_t i = 0; i < b->n_folders; i++) {
		struct batch_folder *f = &b->folder[i];

		file_close(&f->uidlist);
		buf_done(&f->lines);
		buf_done(&f->letters.text);
		maildir_dirs_unref(&f->dirs);
	}
	file_close(&b->subscriptions);
	file_close(&b->root);
	buf_done(&b->names);
	free(b->folder);
	free(b->op);
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
		.uidlist = -1 };
	return (unsigned)b->n_folders++;
}

void
maildir_batch_made(struct maildir_batch *b, unsigned folder)
{
	b->folder[folder].made = true;
}

static uint32_t
batch_name(struct maildir_batch *b, const char *name)
{
	uint32_t at = (uint32_t)b->names.len;
	bool fits = buf_add(&b->names, name, strlen(name) + 1);

	assert(fits); /* else full() was not asked */
	return at;
}

static const char *
op_from(const struct maildir_batch *b, const struct op *o)
{
	return b->names.data + o->from;
}

static const char *
op_to(const struct maildir_batch *b, const struct op *o)
{
	return b->names.data + o->to;
}

static void
batch_op(struct maildir_batch *b, enum op_kind kind, unsigned folder, int fd, const char *from,
    const char *to)
{
	if (b->n_ops == b->op_cap) {
		b->op_cap = b->op_cap > 0 ? 2 * b->op_cap : 64;
		b->op = mem_resize(b->op, b->op_cap, sizeof *b->op);
	}
	uint32_t at_from = batch_name(b, from);
	b->op[b->n_ops++] = (struct op){
		.kind = kind, .folder = folder, .fd = fd, .from = at_from, .to = batch_name(b, to)
	};
	b->folder[folder].ops = true;
}

void
maildir_batch_add(struct maildir_batch *b, unsigned folder, int fd, const char *from,
    const char *to, uint64_t bytes)
{
	batch_op(b, OP_ADD, folder, fd, from, to);
	b->n_files++;
	b->bytes += bytes;
}

void
maildir_batch_again(struct maildir_batch *b)
{
	assert(b->n_ops > 0 && b->op[b->n_ops - 1].kind == OP_ADD);
	b->op[b->n_ops - 1].again = true;
}

void
maildir_batch_rename(struct maildir_batch *b, unsigned folder, const char *from, const char *to)
{
	batch_op(b, OP_RENAME, folder, -1, from, to);
}

void
maildir_batch_remove(struct maildir_batch *b, unsigned folder, const char *name)
{
	batch_op(b, OP_REMOVE, folder, -1, name, "");
}

void
maildir_batch_keep(struct maildir_batch *b)
{
	assert(b->n_ops > 0 && b->op[b->n_ops - 1].kind == OP_REMOVE);
	b->op[b->n_ops - 1].keep = true;
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
	size_t held = b->n_files + b->n_folders * BATCH_FOLDER_FDS;

	return b->n_files >= files || b->n_ops >= BATCH_OPS / 4 || b->bytes >= BATCH_BYTES ||
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

/* Where is the message now whose file should be cur/name? "" nowhere. Only flags or the directory
 * may differ. */
static int
batch_find(
    const struct batch_folder *f, const char *name, char ret[NAME_INDEX_PATH_MAX], struct err *err)
{
	struct maildir_entry e;
	struct slice text = slice_str(name);

	*ret = '\0';
	if (!maildir_parse(text, &e))
		return 0;
	if (f->dirs->index != NULL && name_index_uidvalidity(f->dirs->index) != e.uidvalidity)
		name_index_free(&f->dirs->index);
	if (f->dirs->index == NULL)
		f->dirs->index = name_index_new(f->dirs->folder, e.uidvalidity);
	return name_index_find(
	    f->dirs->index, e.uid, (struct slice){ name, e.identity_len }, ret, err);
}

/* Flags of a stored message change. Its file may carry other flags than the row (a crash between
 * rename and commit, another program) or be gone, which verify tells. */
static int
batch_apply_rename(struct maildir_batch *b, struct op *o, struct err *err)
{
	const struct batch_folder *f = &b->folder[o->folder];
	const char *from = op_from(b, o), *to = op_to(b, o);
	char path[NAME_INDEX_PATH_MAX];

	if (strcmp(from, to) != 0 && renameat(f->dirs->cur, from, f->dirs->cur, to) == 0)
		return 0;
	if (strcmp(from, to) != 0 && errno != ENOENT)
		return err_set_sys(err, ERR_DISK, "cannot rename '%s'", from);
	o->kind = OP_NONE; /* nothing of this batch to undo */
	if (faccessat(f->dirs->cur, to, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	if (batch_find(f, to, path, err) < 0)
		return -1;
	if (*path == '\0' || renameat(f->dirs->folder, path, f->dirs->cur, to) == 0 ||
	    errno == ENOENT)
		return 0;
	return err_set_sys(err, ERR_DISK, "cannot rename '%s'", path);
}

/* A name in tmp/ that nothing has yet. */
static int
aside_name(const struct maildir_dirs *d, const char *identity, char ret[MAILDIR_NAME_MAX], struct err *err)
{
	for (int n = 1; n <= ASIDE_MAX; n++) {
		(void)snprintf(ret, MAILDIR_NAME_MAX, n == 1 ? "%s.damaged" : "%s.damaged%d", identity, n);
		if (faccessat(d->tmp, ret, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
			return 0;
	}
	return err_set(err, ERR_DISK, "'tmp/%s.damaged' and %d more are in the way; move them away and run again",
	    identity, ASIDE_MAX - 1);
}

/* What stands in the place of a message that comes again. A failed batch leaves it in tmp/. */
static int
batch_aside(struct maildir_batch *b, const struct op *o, struct err *err)
{
	const struct batch_folder *f = &b->folder[o->folder];
	const struct maildir_dirs *d = f->dirs;
	char path[NAME_INDEX_PATH_MAX], aside[MAILDIR_NAME_MAX];

	(void)snprintf(path, sizeof path, "cur/%s", op_to(b, o));
	if (faccessat(d->folder, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
	    batch_find(f, op_to(b, o), path, err) < 0)
		return -1;
	if (*path == '\0' || faccessat(d->folder, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	/* Stored by a run that was killed before it could say so. */
	if (file_same(d->folder, path, d->tmp, op_from(b, o)))
		return file_rename(d->folder, path, d->cur, op_to(b, o), err);
	return aside_name(d, op_from(b, o), aside, err) < 0
	    ? -1
	    : file_rename(d->folder, path, d->tmp, aside, err);
}

static int
batch_apply(struct maildir_batch *b, struct err *err)
{
	for (; b->applied < b->n_ops; b->applied++) {
		struct op *o = &b->op[b->applied];
		const struct batch_folder *f = &b->folder[o->folder];
		const struct maildir_dirs *d = f->dirs;

		if ((o->again && batch_aside(b, o, err) < 0) ||
		    (o->kind == OP_ADD &&
			file_rename(d->tmp, op_from(b, o), d->cur, op_to(b, o), err) < 0) ||
		    (o->kind == OP_RENAME && batch_apply_rename(b, o, err) < 0))
			return folder_wrap(f, err);
	}
	return 0;
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
	for (size_t i = 0; i < b->n_ops; i++) {
		if (b->op[i].fd >= 0 && file_sync(b->op[i].fd, err) < 0)
			return err_wrap(err, "'cur/%s'", op_to(b, &b->op[i]));
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

	for (size_t i = b->applied; i-- > 0;) {
		const struct op *o = &b->op[i];
		const struct maildir_dirs *d = b->folder[o->folder].dirs;

		if (o->kind == OP_ADD)
			(void)renameat(d->cur, op_to(b, o), d->tmp, op_from(b, o));
		else if (o->kind == OP_RENAME)
			(void)renameat(d->cur, op_to(b, o), d->cur, op_from(b, o));
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
	for (size_t i = 0; i < b->n_ops; i++) {
		const struct op *o = &b->op[i];
		const char *to = op_to(b, o);

		if (o->kind != OP_ADD || o->folder != folder ||
		    strncmp(to, name, e.identity_len + 1) != 0)
			continue;
		again = true;
		*ret_same_name |= strcmp(to, name) == 0;
	}
	return again;
}

/* It is not what was stored: somebody's work, maybe. */
static int
batch_set_aside(const struct maildir_batch *b, const struct op *o, struct err *err)
{
	const struct batch_folder *f = &b->folder[o->folder];
	char path[NAME_INDEX_PATH_MAX], aside[MAILDIR_NAME_MAX], identity[MAILDIR_NAME_MAX];
	struct maildir_entry e;

	if (!maildir_parse(slice_str(op_from(b, o)), &e))
		return 0;
	(void)snprintf(identity, sizeof identity, "%.*s", (int)e.identity_len, op_from(b, o));
	(void)snprintf(path, sizeof path, "cur/%s", op_from(b, o));
	if (faccessat(f->dirs->folder, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
	    batch_find(f, op_from(b, o), path, err) < 0)
		return -1;
	if (*path == '\0' || faccessat(f->dirs->folder, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return aside_name(f->dirs, identity, aside, err) < 0
	    ? -1
	    : file_rename(f->dirs->folder, path, f->dirs->tmp, aside, err);
}

static int
batch_remove(struct maildir_batch *b, const struct op *o, struct err *err)
{
	const struct batch_folder *f = &b->folder[o->folder];
	char path[NAME_INDEX_PATH_MAX];
	bool same_name;
	/* Only the older name may go. */
	bool again = maildir_batch_stores(b, o->folder, op_from(b, o), &same_name);

	if (same_name || unlinkat(f->dirs->cur, op_from(b, o), 0) == 0)
		return 0;
	if (errno != ENOENT)
		return err_set_sys(err, ERR_DISK, "cannot remove '%s'", op_from(b, o));
	if (again)
		return 0;
	if (batch_find(f, op_from(b, o), path, err) < 0)
		return -1;
	if (*path == '\0' || unlinkat(f->dirs->folder, path, 0) == 0 || errno == ENOENT)
		return 0;
	return err_set_sys(err, ERR_DISK, "cannot remove '%s'", path);
}

static int
maildir_batch_tidy(struct pending *p, bool *ret_more, struct err *err)
{
	struct maildir_batch *b = batch_of(p);

	for (size_t i = 0; i < b->n_ops; i++) {
		if (b->op[i].kind != OP_REMOVE)
			continue;
		*ret_more = true;
		if ((b->op[i].keep ? batch_set_aside(b, &b->op[i], err) : batch_remove(b, &b->op[i], err)) < 0)
			return -1;
	}
	for (size_t i = 0; i < b->n_folders; i++) {
		int folder = b->folder[i].dirs->folder;

		if (b->folder[i].uidlist < 0)
			continue;
		*ret_more = true;
		if (file_rename(folder, UIDLIST_NEW, folder, UIDLIST_FILE, err) < 0)
			return -1;
	}
	if (b->subscriptions < 0)
		return 0;
	*ret_more = true;
	return file_rename(b->root, SUBSCRIPTIONS_NEW, b->root, SUBSCRIPTIONS_FILE, err);
}

/* ---- as the keeper sees it ---- */

static int
maildir_batch_place(struct pending *p, struct err *err)
{
	struct maildir_batch *b = batch_of(p);

	if (batch_append(b, err) == 0 && batch_apply(b, err) == 0)
		return 0;
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
	buf_init(&b->names, NAMES_MAX);
	*ret = b;
	return 0;
}
