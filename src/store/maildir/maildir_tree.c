/* A Maildir++ tree read back. The file of a row is the one with the exact name; where that is not
 * there, the index finds one whose identity is the same (another program changed its flags or moved
 * it). The digest is taken of the wire form: when the row says that the stored form is LF, each LF
 * is fed as CRLF. */
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
#include "mail/eol.h"
#include "store/keywords.h"
#include "store/maildir/maildir.h"
#include "store/maildir/name_index.h"
#include "store/tree.h"
#include "store/uidmap.h"

enum { READ_STEP = 64 * 1024 };

struct tree {
	int root;
	struct digest *digest;
	char *in, *wide;
	/* of the folder */
	uint32_t uidvalidity;
	struct maildir_dirs *dirs;
	struct keywords keywords;
	struct name_index *index;
	struct uidmap *looked, *met; /* rows asked for; UIDs that stray has come by */
	const char *part; /* where stray is: "cur", "new"; NULL: not begun */
	struct maildir_walk walk;
	bool walking, walked;
};

static void
tree_leave(struct tree *t)
{
	maildir_walk_drop(&t->walk);
	t->walking = t->walked = false;
	t->part = NULL;
	name_index_free(&t->index);
	uidmap_free(&t->looked);
	uidmap_free(&t->met);
	keywords_done(&t->keywords);
	maildir_dirs_unref(&t->dirs);
}

static void
maildir_tree_close(struct tree **ref)
{
	struct tree *t = *ref;

	if (t == NULL)
		return;
	tree_leave(t);
	file_close(&t->root);
	digest_free(t->digest);
	free(t->in);
	free(t->wide);
	free(t);
	*ref = NULL;
}

static int
maildir_tree_open(struct tree **ret, const char *account_dir, struct err *err)
{
	int root = -1;

	if (file_open_dir(AT_FDCWD, account_dir, &root, err) < 0)
		return -1;
	struct tree *t = mem_new(sizeof *t);
	t->root = root;
	t->digest = digest_new();
	t->in = mem_resize(NULL, READ_STEP, 1);
	t->wide = mem_resize(NULL, READ_STEP, 2);
	*ret = t;
	return 0;
}

static int
maildir_tree_enter(struct tree *t, const struct folder_rec *rec, struct err *err)
{
	tree_leave(t);
	if (!maildir_path_valid(rec->path))
		return err_set(err, ERR_STATE, "'%s' is no name of a folder directory",
		    rec->path != NULL ? rec->path : "");
	if (maildir_dirs_open(&t->dirs, t->root, rec->path, err) < 0)
		return -1;
	if (keywords_load(&t->keywords, t->dirs->folder, err) < 0)
		return err_wrap(err, "folder directory '%s'", rec->path);
	t->uidvalidity = rec->uidvalidity;
	t->index = name_index_new(t->dirs->folder, rec->uidvalidity);
	t->looked = uidmap_new();
	t->met = uidmap_new();
	return 0;
}

/* A regular file or -1 with errno; never waits for a pipe. */
static int
tree_open_file(int folder, const char *path, struct stat *st)
{
	int fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd >= 0 && (fstat(fd, st) < 0 || !S_ISREG(st->st_mode))) {
		file_close(&fd);
		errno = ENOENT;
	}
	return fd;
}

/* *ret_fd -1 and ret->found false when the message has no file. */
static int
tree_find(struct tree *t, const struct msg *row, uint32_t letters, int *ret_fd, struct stat *st,
    struct stored *ret, struct err *err)
{
	char identity[MAILDIR_IDENTITY_MAX], name[MAILDIR_NAME_MAX], path[NAME_INDEX_PATH_MAX];

	maildir_file(name, row, t->uidvalidity, row->flags.system, letters);
	(void)snprintf(ret->name, sizeof ret->name, "cur/%s", name);
	*ret_fd = tree_open_file(t->dirs->folder, ret->name, st);
	if (*ret_fd < 0 && errno == ENOENT) {
		maildir_identity(identity, &row->date, t->uidvalidity, row->uid);
		if (name_index_find(t->index, row->uid, slice_str(identity), path, err) < 0)
			return -1;
		errno = ENOENT;
		if (*path != '\0') {
			(void)snprintf(ret->name, sizeof ret->name, "%s", path);
			*ret_fd = tree_open_file(t->dirs->folder, path, st);
		}
	}
	if (*ret_fd < 0 && errno != ENOENT)
		return err_set_sys(err, ERR_MESSAGE, "open '%s'", ret->name);
	ret->found = *ret_fd >= 0;
	return 0;
}

static int
tree_digest(struct tree *t, int fd, bool lf, struct stored *ret, struct err *err)
{
	digest_start(t->digest);
	for (;;) {
		ssize_t n = read(fd, t->in, READ_STEP);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_sys(err, ERR_MESSAGE, "read '%s'", ret->name);
		if (n == 0)
			break;
		size_t len = (size_t)n;
		ret->file_bytes += len;
		const char *wire = t->in;
		if (lf) {
			len = eol_lf_to_crlf((struct slice){ t->in, len }, t->wide);
			wire = t->wide;
		}
		ret->wire_bytes += len;
		digest_add(t->digest, wire, len);
	}
	digest_end(t->digest, ret->sha256);
	return 0;
}

/* Keyword letters of a name, those that no keyword is known for included. */
static uint32_t
tree_letters(const char *name)
{
	const char *info = strstr(name, ":2,");
	uint32_t letters = 0;

	for (const char *c = info != NULL ? info + 3 : ""; *c != '\0'; c++) {
		if (*c >= 'a' && *c <= 'z')
			letters |= UINT32_C(1) << (*c - 'a');
	}
	return letters;
}

static int
maildir_tree_look(struct tree *t, const struct msg *row, struct stored *ret, struct err *err)
{
	AUTO(file_close) int fd = -1;
	struct maildir_entry e;
	struct slice left;
	struct stat st;

	*ret = (struct stored){ .found = false };
	(void)uidmap_add(t->looked, row->uid);
	uint32_t letters = keywords_letters(&t->keywords, row->flags.keywords, false, &left);
	if (tree_find(t, row, letters, &fd, &st, ret, err) < 0)
		return -1;
	if (!ret->found) {
		ret->name[0] = '\0';
		return 0;
	}
	if (maildir_parse(slice_str(ret->name + 4), &e))
		ret->system = e.system;
	ret->keywords_differ = tree_letters(ret->name) != letters;
	ret->mtime = st.st_mtime;
	return tree_digest(t, fd, row->file_bytes != row->wire_bytes, ret, err);
}

static bool
tree_is_stray(struct tree *t, const char *name)
{
	struct maildir_entry e;

	if (!maildir_parse(slice_str(name), &e) || e.uidvalidity != t->uidvalidity)
		return false;
	return !uidmap_add(t->met, e.uid) || !uidmap_has(t->looked, e.uid);
}

static bool
maildir_tree_stray(struct tree *t, char ret_name[512])
{
	struct err ignored;
	const char *name;

	while (!t->walked) {
		if (!t->walking) {
			t->part = t->part == NULL ? "cur" : "new";
			t->walking =
			    maildir_walk_begin(&t->walk, t->dirs->folder, t->part, &ignored) == 0;
		}
		while (t->walking && (name = maildir_walk_next(&t->walk)) != NULL) {
			if (tree_is_stray(t, name)) {
				(void)snprintf(ret_name, 512, "%s/%s", t->part, name);
				return true;
			}
		}
		maildir_walk_drop(&t->walk);
		t->walking = false;
		t->walked = strcmp(t->part, "new") == 0;
	}
	return false;
}

const struct tree_ops tree_maildir = {
	.name = "maildir",
	.open = maildir_tree_open,
	.enter = maildir_tree_enter,
	.look = maildir_tree_look,
	.stray = maildir_tree_stray,
	.close = maildir_tree_close,
};
