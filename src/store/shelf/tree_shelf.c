/* What a sink stored, read back through the shelf of its format, for verify. The shelf knows where
 * a message lies and how to make its wire form; here it is looked at by UID, hashed and compared,
 * and what no row asked for is told. Metadata come from pages of the listing, since rows are looked
 * at in the order of UIDs. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/bare.h"
#include "store/shelf.h"
#include "store/shelf/tree_shelf.h"
#include "store/uidmap.h"

struct tree {
	const struct shelf_ops *ops;
	struct shelf *shelf;
	char *path, *account_dir;
	bool of_a_set; /* Exchange: in the directories of folders are sidecars alone */
	struct arena arena;
	struct folder_list folders;
	struct digest *digest;
	struct msg_page *page;
	/* of the folder */
	struct uidmap *looked;
	uint32_t stray_after;
	size_t stray_at;
	bool stray_begun, strays_listed;
};

void
tree_shelf_close(struct tree **ref)
{
	struct tree *t = *ref;

	if (t == NULL)
		return;
	t->ops->close(&t->shelf);
	uidmap_free(&t->looked);
	folder_list_done(&t->folders);
	arena_done(&t->arena);
	digest_free(t->digest);
	msg_page_free(t->page);
	free(t->path);
	free(t->account_dir);
	free(t);
	*ref = NULL;
}

int
tree_shelf_open(struct tree **ret, const char *account_dir, const char *path, enum format format,
    const struct shelf_ops *ops, struct err *err)
{
	struct tree *t = mem_new(sizeof *t);
	struct stat st;

	*ret = NULL;
	t->ops = ops;
	t->of_a_set = format == FORMAT_EXCHANGE;
	arena_init(&t->arena, 256 * 1024 * 1024);
	t->digest = digest_new();
	t->page = msg_page_new();
	t->account_dir = mem_copy_str(account_dir);
	t->path = mem_copy_str(path);
	const struct shelf_place at = { .format = format,
		.path = t->path,
		.login = "",
		.host = "",
		.port = "",
		.account_dir = t->account_dir,
		.ours = true };
	int done = stat(account_dir, &st) == 0
		       ? 0
		       : err_set_sys(err, ERR_NO_INPUT, "cannot open directory '%s'", account_dir);
	if (done == 0)
		done = ops->open(&t->shelf, &at, NULL, err);
	if (done == 0)
		done = ops->folders(t->shelf, &t->arena, &t->folders, err);
	if (done < 0)
		tree_shelf_close(&t);
	*ret = t;
	return done;
}

/* ---- folders ---- */

static const struct folder *
tree_folder(struct tree *t, const struct folder_rec *rec)
{
	AUTO(buf_done) struct buf older;

	buf_init(&older, 128 * 1024);
	shelf_older_name(slice_str(rec->name), rec->uidvalidity, &older);
	for (size_t i = 0; i < t->folders.len; i++) {
		const struct folder *f = &t->folders.folder[i];
		bool same = f->counts.uidvalidity == rec->uidvalidity;

		if (same &&
		    (slice_eq(f->name, rec->name) || slice_same(f->name, buf_slice(&older))))
			return f;
	}
	return NULL;
}

/* The one of that name that the shelf lists without a sidecar: to enter it tells what is wrong with it. */
static const struct folder *
tree_untold(struct tree *t, const struct folder_rec *rec)
{
	for (size_t i = 0; i < t->folders.len; i++) {
		const struct folder *f = &t->folders.folder[i];

		if (!(f->attrs & FOLDER_COUNTED) && slice_eq(f->name, rec->name))
			return f;
	}
	return NULL;
}

/* The whole directory, not its sidecar alone. */
static bool
tree_is_gone(const struct tree *t, const struct folder_rec *rec)
{
	AUTO(file_close) int root = -1;
	struct err ignored;

	return !t->of_a_set && *rec->path != '\0' && file_open_dir(AT_FDCWD, t->account_dir, &root, &ignored) == 0 &&
	       dir_is_bare(root, rec->path);
}

int
tree_shelf_enter(struct tree *t, const struct folder_rec *rec, struct err *err)
{
	const struct folder *f = tree_folder(t, rec);
	struct folder_head head;

	uidmap_free(&t->looked);
	t->page->len = 0;
	t->stray_begun = t->strays_listed = false;
	t->stray_after = 0;
	t->stray_at = 0;
	if (f == NULL && tree_is_gone(t, rec)) {
		errno = ENOENT;
		return err_set_sys(err, ERR_NO_INPUT, "nothing is left of the directory '%s'", rec->path);
	}
	if (f == NULL && (f = tree_untold(t, rec)) != NULL && t->ops->enter(t->shelf, f, &head, err) < 0)
		return -1;
	if (f == NULL || !(f->attrs & FOLDER_COUNTED))
		return err_set(err, ERR_NO_INPUT,
		    "no sidecar below '%s' tells of the folder '%s' with the UIDVALIDITY %" PRIu32,
		    t->account_dir, rec->name, rec->uidvalidity);
	if (t->ops->enter(t->shelf, f, &head, err) < 0)
		return -1;
	t->looked = uidmap_new();
	return 0;
}

/* ---- messages ---- */

/* Its metadata; NULL: it is not listed. */
static int
tree_listed(struct tree *t, uint32_t uid, const struct msg **ret, struct err *err)
{
	struct msg_page *p = t->page;

	*ret = NULL;
	if (p->len == 0 || p->msg[0].uid > uid || p->msg[p->len - 1].uid < uid) {
		if (t->ops->list(t->shelf, uid - 1, p, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < p->len && p->msg[i].uid <= uid; i++) {
		if (p->msg[i].uid == uid)
			*ret = &p->msg[i];
	}
	return 0;
}

static void
tree_words(char ret[512], const char *text)
{
	(void)snprintf(ret, 512, "%.511s", text != NULL ? text : "");
}

static int
tree_read(struct tree *t, struct stored *ret, struct err *err)
{
	struct err why = { 0 };
	struct slice part;

	digest_start(t->digest);
	for (;;) {
		if (t->ops->read(t->shelf, &part, &why) < 0) {
			if (why.kind != ERR_MESSAGE) {
				*err = why;
				return -1;
			}
			tree_words(ret->why, why.text);
			ret->unread = why.sys != 0;
			break;
		}
		if (part.len == 0)
			break;
		digest_add(t->digest, part.data, part.len);
		ret->wire_bytes += part.len;
	}
	digest_end(t->digest, ret->sha256);
	return 0;
}

static int
tree_place(struct tree *t, uint32_t uid, char ret[512], struct err *err)
{
	AUTO(buf_done) struct buf where;

	buf_init(&where, 64 * 1024);
	if (t->ops->where(t->shelf, uid, &where, err) < 0)
		return -1;
	tree_words(ret, where.data);
	return 0;
}

static int
tree_look_body(struct tree *t, const struct msg *row, struct stored *ret, struct err *err)
{
	struct shelf_body body;

	if (t->ops->begin(t->shelf, row->uid, &body, err) < 0)
		return -1;
	ret->found = !body.absent;
	ret->rebuilt = body.rebuilt;
	ret->unread = body.unread;
	if (body.verdict != VERDICT_NONE) {
		tree_words(ret->why, body.reason);
		return 0;
	}
	if (tree_read(t, ret, err) < 0)
		return -1;
	if (t->ops->check != NULL)
		return t->ops->check(
		    t->shelf, row->uid, &ret->stored_known, &ret->stored_agrees, err);
	return 0;
}

int
tree_shelf_look(struct tree *t, const struct msg *row, struct stored *ret, struct err *err)
{
	const struct msg *listed;

	*ret = (struct stored){ .found = false };
	if (row->uid == 0)
		return 0;
	(void)uidmap_add(t->looked, row->uid);
	if (tree_listed(t, row->uid, &listed, err) < 0)
		return -1;
	ret->untold = listed == NULL;
	if (listed == NULL)
		return 0;
	ret->system = listed->flags.system;
	ret->keywords_differ = strcmp(listed->flags.keywords, row->flags.keywords) != 0;
	ret->labels_differ = listed->flags.labels != NULL && row->flags.labels != NULL &&
	    strcmp(listed->flags.labels, row->flags.labels) != 0;
	ret->zone_differs =
	    listed->date.known && row->date.known && listed->date.zone_min != row->date.zone_min;
	ret->mtime = date_stamp(&listed->date);
	if (tree_place(t, row->uid, ret->name, err) < 0)
		return -1;
	return tree_look_body(t, row, ret, err);
}

/* ---- strays ---- */

static bool
stray_message(struct tree *t, char ret_name[512])
{
	struct msg_page *p = t->page;
	struct err ignored;

	for (;;) {
		if (!t->stray_begun || t->stray_at == p->len) {
			if (t->ops->list(t->shelf, t->stray_after, p, &ignored) < 0 || p->len == 0)
				return false;
			t->stray_begun = true;
			t->stray_at = 0;
			t->stray_after = p->msg[p->len - 1].uid;
		}
		uint32_t uid = p->msg[t->stray_at++].uid;
		if (uidmap_has(t->looked, uid))
			continue;
		if (tree_place(t, uid, ret_name, &ignored) < 0)
			(void)snprintf(ret_name, 512, "UID %" PRIu32, uid);
		return true;
	}
}

bool
tree_shelf_stray(struct tree *t, char ret_name[512])
{
	struct err ignored;

	if (t->looked == NULL)
		return false;
	if (!t->strays_listed && stray_message(t, ret_name))
		return true;
	t->strays_listed = true;
	if (t->ops->stray == NULL)
		return false;
	ret_name[0] = '\0';
	return t->ops->stray(t->shelf, ret_name, &ignored) == 0 && ret_name[0] != '\0';
}

static int
tree_mbox_open(struct tree **ret, const char *account_dir, struct err *err)
{
	return tree_shelf_open(ret, account_dir, account_dir, FORMAT_MBOX, &shelf_mbox, err);
}

const struct tree_ops tree_mbox = {
	.name = "mbox",
	.open = tree_mbox_open,
	.enter = tree_shelf_enter,
	.look = tree_shelf_look,
	.stray = tree_shelf_stray,
	.close = tree_shelf_close,
};

static int
tree_eml_open(struct tree **ret, const char *account_dir, struct err *err)
{
	return tree_shelf_open(ret, account_dir, account_dir, FORMAT_EML, &shelf_eml, err);
}

const struct tree_ops tree_eml = {
	.name = "eml",
	.open = tree_eml_open,
	.enter = tree_shelf_enter,
	.look = tree_shelf_look,
	.stray = tree_shelf_stray,
	.close = tree_shelf_close,
};
