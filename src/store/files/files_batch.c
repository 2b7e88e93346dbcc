/* See files_batch.h. Names below .imex-tmp are paths from the account's root: another
 * connection's sink removes that directory when it is empty, and makes it again. */
#include "store/files/files_batch.h"

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
#include "mail/tree_name.h"
#include "store/grown.h"
#include "store/op_list.h"

enum {
	FILES_MAX = 128,
	FILES_SYNCFS_MAX = 4096,
	OPS_MAX = 8192,
	DIRS_MAX = 256,
	BYTES_MAX = 64 * 1024 * 1024,
	KEPT_MAX = 100,
	DIR_FDS = 4, /* directory, sidecar, the format's file here and there */
	NAME_MAX_LEN = 96,
	NAMES_MAX = 2 * (OPS_MAX + 1) * NAME_MAX_LEN
};

struct batch_dir {
	struct files_fds *fds;
	bool made, ops;
	struct buf lines;
	uint64_t lines_from, from; /* from: UINT64_MAX, no file of the format's own */
};

struct files_batch {
	struct pending pending;
	int root;
	struct batch_dir *dir;
	size_t n_dirs, dir_cap;
	struct op_list ops;
	struct also {
		int fd;
		char *name;
	} *also;
	size_t n_also, also_cap;
	size_t appended, applied; /* directories and operations done, for undo */
};

/* ---- descriptors ---- */

struct files_fds *
files_fds_new(const char *path, int dir)
{
	struct files_fds *f = mem_new(sizeof *f);

	atomic_init(&f->refs, 1);
	atomic_init(&f->spoilt_from, UINT64_MAX);
	f->path = mem_copy_str(path);
	f->dir = dir;
	f->sidecar = -1;
	return f;
}

struct files_fds *
files_fds_ref(struct files_fds *f)
{
	atomic_fetch_add(&f->refs, 1);
	return f;
}

void
files_fds_unref(struct files_fds **f)
{
	if (*f == NULL)
		return;
	if (atomic_fetch_sub(&(*f)->refs, 1) == 1) {
		file_close(&(*f)->dir);
		file_close(&(*f)->sidecar);
		free((*f)->path);
		free(*f);
	}
	*f = NULL;
}

/* ---- life ---- */

static struct files_batch *
batch_of(struct pending *p)
{
	char *at = (char *)p - offsetof(struct files_batch, pending);

	return (struct files_batch *)(void *)at;
}

void
files_batch_free(struct files_batch **ref)
{
	struct files_batch *b = *ref;

	if (b == NULL)
		return;
	op_list_done(&b->ops);
	for (size_t i = 0; i < b->n_dirs; i++) {
		buf_done(&b->dir[i].lines);
		files_fds_unref(&b->dir[i].fds);
	}
	for (size_t i = 0; i < b->n_also; i++) {
		file_close(&b->also[i].fd);
		free(b->also[i].name);
	}
	file_close(&b->root);
	free(b->dir);
	free(b->also);
	free(b);
	*ref = NULL;
}

struct pending *
files_batch_pending(struct files_batch *b)
{
	return &b->pending;
}

/* ---- collecting ---- */

unsigned
files_batch_dir(struct files_batch *b, struct files_fds *fds, bool made)
{
	if (b->n_dirs == b->dir_cap) {
		b->dir_cap = b->dir_cap > 0 ? 2 * b->dir_cap : 4;
		b->dir = mem_resize(b->dir, b->dir_cap, sizeof *b->dir);
	}
	b->dir[b->n_dirs] =
	    (struct batch_dir){ .fds = files_fds_ref(fds), .made = made, .from = UINT64_MAX };
	return (unsigned)b->n_dirs++;
}

void
files_batch_add(struct files_batch *b, unsigned dir, int fd, const char *from, const char *to,
    uint64_t bytes)
{
	op_list_add(&b->ops, dir, fd, from, to, bytes);
	b->dir[dir].ops = true;
}

void
files_batch_again(struct files_batch *b)
{
	op_list_again(&b->ops);
}

void
files_batch_remove(struct files_batch *b, unsigned dir, const char *name)
{
	(void)op_list_put(&b->ops, OP_REMOVE, dir, -1, NULL, name);
	b->dir[dir].ops = true;
}

void
files_batch_keep(struct files_batch *b, const char *from)
{
	op_list_keep(&b->ops, from);
}

void
files_batch_sync_fd(struct files_batch *b, int fd, const char *name)
{
	if (b->n_also == b->also_cap) {
		b->also_cap = b->also_cap > 0 ? 2 * b->also_cap : 4;
		b->also = mem_resize(b->also, b->also_cap, sizeof *b->also);
	}
	b->also[b->n_also++] = (struct also){ fd, mem_copy_str(name) };
}

void
files_batch_from(struct files_batch *b, unsigned dir, uint64_t from)
{
	if (from < b->dir[dir].from)
		b->dir[dir].from = from;
}

void
files_batch_bytes(struct files_batch *b, uint64_t bytes)
{
	b->ops.bytes += bytes;
}

void
files_batch_close_dir(
    struct files_batch *b, unsigned dir, struct buf *lines, uint64_t lines_from)
{
	b->dir[dir].lines = *lines;
	b->dir[dir].lines_from = lines_from;
	*lines = (struct buf){ 0 };
}

bool
files_batch_full(const struct files_batch *b, int max_files)
{
	size_t files = b->pending.by_system ? FILES_SYNCFS_MAX : FILES_MAX;
	size_t held = b->ops.n_files + b->n_dirs * DIR_FDS + b->n_also;

	return b->ops.n_files >= files || b->ops.len >= OPS_MAX / 2 || b->ops.bytes >= BYTES_MAX ||
	    b->n_dirs >= DIRS_MAX || (max_files > 0 && held >= (size_t)max_files);
}

/* ---- making it visible ---- */

static int
dir_wrap(const struct batch_dir *d, struct err *err)
{
	return err_wrap(err, "folder directory '%s'", d->fds->path);
}

static int
batch_append(struct files_batch *b, struct err *err)
{
	for (; b->appended < b->n_dirs; b->appended++) {
		const struct batch_dir *d = &b->dir[b->appended];

		if (d->lines.len == 0)
			continue;
		if (grown_append(d->fds->sidecar, d->lines_from, buf_slice(&d->lines), err) < 0) {
			grown_cut(d->fds->sidecar, d->lines_from);
			(void)err_wrap(err, "the sidecar folder.jsonl");
			return dir_wrap(d, err);
		}
	}
	return 0;
}

static void
op_name(const struct files_batch *b, const struct op *o, const char *what,
    char ret[2 * NAME_MAX_LEN])
{
	(void)snprintf(ret, 2 * NAME_MAX_LEN, "%s.%s", op_from(&b->ops, o), what);
}

/* What was saved under the name of `old` gets one that nobody uses. */
static int
old_keep(const struct files_batch *b, const struct op *o, const char *old)
{
	char what[16], kept[2 * NAME_MAX_LEN];

	for (int n = 1; n <= KEPT_MAX; n++) {
		(void)snprintf(what, sizeof what, n == 1 ? "kept" : "kept%d", n);
		op_name(b, o, what, kept);
		if (faccessat(b->root, kept, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
			return renameat(b->root, old, b->root, kept);
	}
	return -1;
}

/* A run that was killed here may have saved what is not to be lost. */
static int
old_clear(const struct files_batch *b, const struct op *o, const char *old, struct err *err)
{
	if (!file_there(b->root, old) ||
	    file_same(b->root, old, b->dir[o->dir].fds->dir, op_to(&b->ops, o)) || old_keep(b, o, old) == 0)
		return 0;
	return err_set(err, ERR_DISK, "'%s' is in the way; move it away and run again", old);
}

/* On file systems without links, or when something else than a file is in the place. */
static int
op_move_away(const struct files_batch *b, struct op *o, const char *old, struct err *err)
{
	int dir = b->dir[o->dir].fds->dir;
	struct stat st;

	if (fstatat(dir, op_to(&b->ops, o), &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_set_sys(err, ERR_DISK, "look at '%s'", op_to(&b->ops, o));
	if (S_ISDIR(st.st_mode))
		return err_set(
		    err, ERR_DISK, "'%s' is a directory; move it away and run again", op_to(&b->ops, o));
	if (file_rename(dir, op_to(&b->ops, o), b->root, old, err) < 0)
		return -1;
	o->saved = true;
	return 0;
}

/* What has the name already must not be gone before the new file is durable. */
static int
op_save(const struct files_batch *b, struct op *o, struct err *err)
{
	int dir = b->dir[o->dir].fds->dir;
	char old[2 * NAME_MAX_LEN];

	op_name(b, o, "old", old);
	if (o->again && old_clear(b, o, old, err) < 0)
		return -1;
	for (int tries = 0; tries < 2; tries++) {
		if (linkat(dir, op_to(&b->ops, o), b->root, old, 0) == 0) {
			o->saved = true;
			return 0;
		}
		if (errno == ENOENT)
			return 0;
		if (errno != EEXIST)
			return op_move_away(b, o, old, err);
		(void)unlinkat(b->root, old, 0); /* of a run that was killed here */
	}
	return err_set(err, ERR_DISK, "'%s' is in the way; move it away and run again", old);
}

static int
batch_apply(struct files_batch *b, struct err *err)
{
	for (; b->applied < b->ops.len; b->applied++) {
		struct op *o = &b->ops.op[b->applied];
		const struct batch_dir *d = &b->dir[o->dir];

		if (o->kind != OP_ADD)
			continue;
		if (op_save(b, o, err) < 0)
			return dir_wrap(d, err);
		if (file_rename(b->root, op_from(&b->ops, o), d->fds->dir, op_to(&b->ops, o), err) < 0) {
			b->applied += o->saved; /* give the name back */
			return dir_wrap(d, err);
		}
	}
	return 0;
}

/* ---- making it durable ---- */

static int
sync_one(int fd, const char *name, struct err *err)
{
	return file_sync(fd, err) < 0 ? err_wrap(err, "'%s'", name) : 0;
}

/* The directories above, for the names in them. */
static int
sync_above(int root, const char *path, struct err *err)
{
	char above[TREE_PATH_MAX + 1];

	(void)snprintf(above, sizeof above, "%s", path);
	for (char *slash; (slash = strrchr(above, '/')) != NULL;) {
		AUTO(file_close) int fd = -1;

		*slash = '\0';
		if (file_open_dir(root, above, &fd, err) < 0 || sync_one(fd, above, err) < 0)
			return -1;
	}
	return sync_one(root, "mail/ACCOUNT", err);
}

static int
dir_sync(const struct batch_dir *d, int root, struct err *err)
{
	if (d->lines.len > 0 && sync_one(d->fds->sidecar, "folder.jsonl", err) < 0)
		return dir_wrap(d, err);
	if ((d->made || d->ops) && file_sync(d->fds->dir, err) < 0)
		return dir_wrap(d, err);
	return d->made ? sync_above(root, d->fds->path, err) : 0;
}

static int
sync_tmp(const struct files_batch *b, struct err *err)
{
	AUTO(file_close) int fd = openat(b->root, FILES_TMP, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : err_set_sys(err, ERR_DISK, "open '" FILES_TMP "'");
	return sync_one(fd, FILES_TMP, err);
}

static int
files_batch_sync(struct pending *p, struct err *err)
{
	const struct files_batch *b = batch_of(p);

	if (b->pending.by_system)
		return file_sync_system(b->root, err);
	for (size_t i = 0; i < b->ops.len; i++) {
		if (b->ops.op[i].fd >= 0 && file_sync(b->ops.op[i].fd, err) < 0) {
			(void)err_wrap(err, "'%s'", op_to(&b->ops, &b->ops.op[i]));
			return dir_wrap(&b->dir[b->ops.op[i].dir], err);
		}
	}
	for (size_t i = 0; i < b->n_also; i++) {
		if (sync_one(b->also[i].fd, b->also[i].name, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < b->n_dirs; i++) {
		if (dir_sync(&b->dir[i], b->root, err) < 0)
			return -1;
	}
	return b->ops.n_files > 0 ? sync_tmp(b, err) : 0;
}

/* Back to what the last commit left, as far as it goes; the next run finds what is not undone. */
static void
files_batch_undo(struct pending *p)
{
	struct files_batch *b = batch_of(p);

	for (size_t i = b->applied; i-- > 0;) {
		const struct op *o = &b->ops.op[i];
		int dir = b->dir[o->dir].fds->dir;
		char old[2 * NAME_MAX_LEN];

		if (o->kind != OP_ADD)
			continue;
		if (!file_there(b->root, op_from(&b->ops, o)))
			(void)renameat(dir, op_to(&b->ops, o), b->root, op_from(&b->ops, o));
		op_name(b, o, "old", old);
		if (o->saved) {
			(void)renameat(b->root, old, dir, op_to(&b->ops, o));
			(void)unlinkat(b->root, old, 0); /* still there when both are one file */
		}
	}
	for (size_t i = b->appended; i-- > 0;) {
		if (b->dir[i].lines.len > 0)
			grown_cut(b->dir[i].fds->sidecar, b->dir[i].lines_from);
	}
	for (size_t i = 0; i < b->n_dirs; i++) {
		_Atomic uint64_t *from = &b->dir[i].fds->spoilt_from;

		if (b->dir[i].from < atomic_load(from))
			atomic_store(from, b->dir[i].from);
	}
}

/* ---- what comes after ---- */

/* The operation of this batch that stores a file of that name again; NULL: none. */
static struct op *
batch_stores_again(const struct files_batch *b, const struct op *gone)
{
	for (size_t i = 0; b->ops.n_files > 0 && i < b->ops.len; i++) {
		struct op *o = &b->ops.op[i];

		if (o->kind == OP_ADD && o->dir == gone->dir &&
		    strcmp(op_to(&b->ops, o), op_to(&b->ops, gone)) == 0)
			return o;
	}
	return NULL;
}

/* It is not what was stored: somebody's work, maybe. */
static int
batch_set_aside(const struct files_batch *b, const struct op *o, struct err *err)
{
	const struct batch_dir *d = &b->dir[o->dir];
	char old[2 * NAME_MAX_LEN];

	op_name(b, o, "old", old);
	if (!file_there(d->fds->dir, op_to(&b->ops, o)))
		return 0;
	if (files_tmp_take(d->fds->dir, op_to(&b->ops, o), b->root, old, err) < 0)
		return dir_wrap(d, err);
	return old_keep(b, o, old) == 0 ? 0 : err_set_sys(err, ERR_DISK, "cannot keep '%s'", old);
}

static int
batch_remove(struct files_batch *b, const struct op *o, struct err *err)
{
	struct op *again = batch_stores_again(b, o);

	if (o->keep)
		return batch_set_aside(b, o, err);
	if (again != NULL) {
		again->older = true;
		return 0;
	}
	if (unlinkat(b->dir[o->dir].fds->dir, op_to(&b->ops, o), 0) == 0 || errno == ENOENT)
		return 0;
	(void)err_set_sys(err, ERR_DISK, "cannot remove '%s'", op_to(&b->ops, o));
	return dir_wrap(&b->dir[o->dir], err);
}

/* The same message as before, stored by a run that could not commit it? */
static bool
op_is_same(const struct files_batch *b, const struct op *o, const char *old)
{
	struct stat was, now;

	int dir = b->dir[o->dir].fds->dir;

	return fstatat(b->root, old, &was, AT_SYMLINK_NOFOLLOW) == 0 &&
	    fstatat(dir, op_to(&b->ops, o), &now, AT_SYMLINK_NOFOLLOW) == 0 &&
	    was.st_size == now.st_size && was.st_mtime == now.st_mtime &&
	    file_same(b->root, old, dir, op_to(&b->ops, o));
}

/* Best effort: what stays is in a private directory and in nobody's way. */
static void
op_drop_old(const struct files_batch *b, const struct op *o)
{
	char old[2 * NAME_MAX_LEN];

	op_name(b, o, "old", old);
	if (o->older || op_is_same(b, o, old))
		(void)unlinkat(b->root, old, 0);
	else
		(void)!old_keep(b, o, old);
}

static int
files_batch_tidy(struct pending *p, bool *ret_more, struct err *err)
{
	struct files_batch *b = batch_of(p);

	for (size_t i = 0; i < b->ops.len; i++) {
		if (b->ops.op[i].kind != OP_REMOVE)
			continue;
		*ret_more = true;
		if (batch_remove(b, &b->ops.op[i], err) < 0)
			return -1;
	}
	for (size_t i = 0; i < b->ops.len; i++) {
		if (!b->ops.op[i].saved)
			continue;
		*ret_more = true;
		op_drop_old(b, &b->ops.op[i]);
	}
	return 0;
}

/* ---- as the keeper sees it ---- */

static int
files_batch_place(struct pending *p, struct err *err)
{
	struct files_batch *b = batch_of(p);

	if (batch_append(b, err) == 0 && batch_apply(b, err) == 0)
		return 0;
	files_batch_undo(p);
	return -1;
}

static void
files_batch_drop(struct pending *p)
{
	struct files_batch *b = batch_of(p);

	files_batch_free(&b);
}

int
files_batch_new(struct files_batch **ret, int root, bool by_system, struct err *err)
{
	int fd = fcntl(root, F_DUPFD_CLOEXEC, 0);
	struct stat st = { 0 };

	if (fd < 0)
		return err_set_sys(err, ERR_DISK, "duplicate a descriptor");
	struct files_batch *b = mem_new(sizeof *b);
	b->pending = (struct pending){ .place = files_batch_place,
		.sync = files_batch_sync,
		.tidy = files_batch_tidy,
		.undo = files_batch_undo,
		.free = files_batch_drop };
	b->root = fd;
	b->pending.by_system = by_system && fstat(fd, &st) == 0;
	b->pending.device = st.st_dev;
	op_list_init(&b->ops, NAMES_MAX);
	*ret = b;
	return 0;
}
