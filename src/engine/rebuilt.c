/* A state that was put back knows less than the files: what was stored since the backup was made. When a folder
 * is opened, and before the sink puts anything in order there, each message that the sidecar tells of and
 * that has no row, or one that does not say stored (left out by a selection that was wider later, failed and tried
 * again), is read; it gets its row again if it is what the line says, octet for octet. What is not is fetched as any
 * other. So nothing is fetched or stored twice, and what the source has lost meanwhile stays.
 *
 * That a state is a backup it tells itself, and for good (STATE_NOTE_RESTORED): a folder may be opened many runs
 * later. What the source has lost meanwhile, or what a selection leaves out, is never opened: at the end of the account its
 * directories are looked through, once. Rejected: to set aside what no row knows, as after a kill. Of an mbox that is cutting it off, and
 * what lies in tmp/ is for other programs to sweep. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "engine/copy.h"
#include "mail/names.h"
#include "store/maildir/maildir.h"
#include "store/shelf/shelf_base.h"
#include "store/sidecar_read.h"
#include "store/tree.h"

enum { LINE_ARENA = 4 * 1024 * 1024 };

struct took {
	uint64_t messages, rows; /* rows: of those that had none */
};

void
lane_forget_rebuilt(struct lane *l)
{
	if (l->tree != NULL)
		format_tree(l->job->format)->close(&l->tree);
}

/* Does the state not know that it is stored? *ret_old: the verdict of its row; VERDICTS: it has none. */
static int
row_is_behind(struct lane *l, uint32_t uid, struct arena *a, bool *ret, enum verdict *ret_old, struct err *err)
{
	struct msg row;
	bool there;

	arena_reset(a);
	if (state_message(l->job->state, l->rec.id, uid, a, &row, &there, err) < 0)
		return -1;
	*ret = !there || (row.verdict != VERDICT_STORED && !row.expunged);
	*ret_old = there ? row.verdict : VERDICTS;
	return 0;
}

static int
take_line(struct lane *l, struct sidecar_index *told, const struct sidecar_entry *e, enum verdict old,
    struct arena *a, struct took *io, struct err *err)
{
	struct err why = { 0 };
	struct sidecar_line line;
	struct stored stored;

	arena_reset(a);
	if (sidecar_index_line(told, e, a, &line, &why) < 0 || !line.sha256_known ||
	    line.msg.verdict != VERDICT_STORED)
		return 0;
	if (format_tree(l->job->format)->look(l->tree, &line.msg, &stored, err) < 0) {
		bool alone = err->kind == ERR_MESSAGE;

		if (alone)
			*err = (struct err){ 0 };
		return alone ? 0 : -1;
	}
	if (!stored.found || stored.why[0] != '\0' || stored.wire_bytes != line.msg.wire_bytes ||
	    memcmp(stored.sha256, line.msg.sha256, SHA256_LEN) != 0)
		return 0;
	line.msg.rebuilt = line.rebuilt;
	lane_good(l, &line.msg, old);
	io->messages++;
	io->rows += old == VERDICTS;
	return lane_flush_if_full(l, err);
}

static int
take_lines(struct lane *l, struct sidecar_index *told, struct took *io, struct err *err)
{
	size_t n;
	const struct sidecar_entry *e = sidecar_index_of(told, l->rec.uidvalidity, &n);
	struct arena a;
	int rc = 0;

	arena_init(&a, LINE_ARENA);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		enum verdict old = VERDICTS;
		bool behind = false;

		if (cancel_raised(l->job->stop))
			rc = err_set(err, ERR_INTERRUPTED, "interrupted");
		else if (!e[i].removed)
			rc = row_is_behind(l, e[i].uid, &a, &behind, &old, err);
		if (rc == 0 && behind)
			rc = take_line(l, told, &e[i], old, &a, io, err);
	}
	arena_done(&a);
	return rc;
}

/* The files of the account, as verify reads them. *ret_there false: there are none of this folder. */
static int
open_tree(struct lane *l, bool *ret_there, struct err *err)
{
	const struct tree_ops *ops = format_tree(l->job->format);
	struct err why = { 0 };

	*ret_there = false;
	if ((l->tree != NULL || ops->open(&l->tree, l->place->dir, &why) == 0) &&
	    ops->enter(l->tree, &l->rec, &why) == 0) {
		*ret_there = true;
		return 0;
	}
	if (why.kind == ERR_NO_INPUT || why.scope == SCOPE_FOLDER)
		return 0;
	*err = why;
	return -1;
}

/* *ret NULL: there is no sidecar. */
static int
read_sidecar(struct lane *l, int root, struct sidecar_index **ret, struct err *err)
{
	AUTO(file_close) int dir = -1;
	struct err why = { 0 };

	*ret = NULL;
	if (file_open_dir(root, *l->rec.path != '\0' ? l->rec.path : ".", &dir, &why) < 0) {
		if (why.sys == ENOENT)
			return 0;
		*err = why;
		return -1;
	}
	return sidecar_index_read(ret, dir, NULL, l->job->stop, NULL, err);
}

/* Of the record at hand. */
static int
rebuild_rec(struct lane *l, struct sidecar_index *told, struct took *io, struct err *err)
{
	bool there;

	if (open_tree(l, &there, err) < 0)
		return -1;
	return there ? take_lines(l, told, io, err) : 0;
}

static int
rebuild_all(struct lane *l, struct sidecar_index *told, struct took *io, struct err *err)
{
	const struct folder_rec now = l->rec;
	struct took older = { 0 };
	int rc = rebuild_rec(l, told, io, err);

	for (size_t i = 0; rc == 0 && i < l->n_known; i++) {
		const struct folder_rec *r = &l->known[i];

		if (r->id == now.id || strcmp(r->path, now.path) != 0 || strcmp(r->name, now.name) != 0)
			continue;
		l->rec = *r;
		rc = rebuild_rec(l, told, &older, err);
	}
	l->rec = now;
	l->rec.listed += io->rows;
	io->messages += older.messages;
	return rc;
}

int
lane_rebuild(struct lane *l, struct err *err)
{
	AUTO(file_close) int root = -1;
	struct sidecar_index *told;
	struct took taken = { 0 };
	int rc;

	if (l->place == NULL || !l->place->restored || lane_intends(l) || l->job->format == FORMAT_EXCHANGE)
		return 0;
	if (file_open_dir(AT_FDCWD, l->place->dir, &root, err) < 0)
		return -1;
	rc = read_sidecar(l, root, &told, err);
	if (rc < 0 || told == NULL)
		return rc;
	/* A run that was killed may have left them in memory alone. */
	rc = file_sync_system(root, err);
	if (rc == 0)
		rc = rebuild_all(l, told, &taken, err);
	sidecar_index_free(&told);
	if (rc < 0 || taken.messages == 0)
		return rc;
	lane_event(l, EV_RECOVERED,
	    "the state is a backup that was put back: %llu messages that were stored since are taken up again",
	    (unsigned long long)taken.messages);
	return lane_flush(l, true, err);
}

/* ---- what is never opened ---- */

struct gone {
	struct lane *l;
	const struct sidecar_index *told;
	const char *path;
	struct arena arena;
};

static const struct folder_rec *
record_at(const struct lane *l, const char *path, uint32_t uidvalidity)
{
	for (size_t i = 0; i < l->n_known; i++) {
		if (l->known[i].uidvalidity == uidvalidity && strcmp(l->known[i].path, path) == 0)
			return &l->known[i];
	}
	return NULL;
}

/* A record of a folder that the source does not have. That of its name which is current stays so. */
static int
record_gone(struct gone *g, uint32_t uidvalidity, struct folder_rec *ret, bool *ret_made, struct err *err)
{
	const struct sidecar_folder *head = sidecar_index_folder(g->told);
	const struct folder_rec *now = lane_known(g->l, head->name, NULL);
	struct folder_rec rec = { .name = arena_copy(&g->arena, head->name),
		.delim = head->delim,
		.special_use = head->special_use,
		.subscribed = head->subscribed,
		.path = g->path,
		.mark = "",
		.uidvalidity = uidvalidity };

	*ret_made = false;
	/* That of this UIDVALIDITY has another directory. */
	if (rec.name == NULL || lane_known(g->l, head->name, &uidvalidity) != NULL)
		return 0;
	if (state_folder(g->l->job->state, &g->l->lease, &rec, &g->arena, err) < 0)
		return -1;
	if (now != NULL && !now->vanished) {
		struct folder_rec again = *now;

		if (state_folder(g->l->job->state, &g->l->lease, &again, &g->arena, err) < 0)
			return -1;
	}
	rec.vanished = true;
	batch_folder(g->l->batch, &rec);
	*ret = rec;
	*ret_made = true;
	return lane_flush(g->l, true, err);
}

static int
take_gone(struct gone *g, struct sidecar_index *told, uint32_t uidvalidity, struct err *err)
{
	struct lane *l = g->l;
	const struct folder_rec *known = record_at(l, g->path, uidvalidity);
	struct took taken = { 0 };
	uint32_t highest;
	bool made = known != NULL;

	if (sidecar_index_count(told, uidvalidity, &highest) == 0 ||
	    (known != NULL && !known->vanished && !known->excluded))
		return 0;
	if (known != NULL)
		l->rec = *known;
	else if (record_gone(g, uidvalidity, &l->rec, &made, err) < 0)
		return -1;
	if (!made)
		return 0;

	AUTO(buf_done) struct buf display;

	buf_init(&display, 64 * 1024);
	folder_display(slice_str(l->rec.name), &display);

	struct planned as = { .folder = { .name = slice_str(l->rec.name) }, .display = display.data };

	l->plan = &as;
	int rc = rebuild_rec(l, told, &taken, err);

	if (rc == 0 && taken.messages > 0)
		lane_event(l, EV_RECOVERED,
		    "the state is a backup that was put back: %llu messages of this folder, which %s, are taken up again",
		    (unsigned long long)taken.messages,
		    l->rec.excluded ? "is left out now" : "the source does not have any more");
	if (rc == 0)
		rc = lane_flush(l, true, err);
	l->plan = NULL;
	return rc;
}

/* The older ones first, so that the current one is the record that was made last. */
static int
visit_told(struct gone *g, struct shelf_step *at, struct err *err)
{
	struct sidecar_index *told = NULL;
	uint32_t older;
	int rc = sidecar_index_read(&told, at->dir, NULL, g->l->job->stop, NULL, err);

	if (rc < 0 || told == NULL)
		return rc;
	g->told = told;
	g->path = at->path;
	arena_reset(&g->arena);
	if (sidecar_index_folder(told)->known) {
		for (size_t i = 0; rc == 0 && sidecar_index_older(told, i, &older); i++)
			rc = take_gone(g, told, older, err);
		if (rc == 0)
			rc = take_gone(g, told, sidecar_index_folder(told)->uidvalidity, err);
	}
	sidecar_index_free(&told);
	return rc;
}

static int
visit(struct shelf_base *b, struct shelf_step *at, struct err *err)
{
	struct gone *g = at->arg;
	bool flat = g->l->job->format == FORMAT_MAILDIR;

	if (shelf_dir_has(at->list, "folder.jsonl") == DIR_FILE && visit_told(g, at, err) < 0)
		return -1;
	for (size_t i = 0; i < at->list->len; i++) {
		const char *child = shelf_dir_name(at->list, i);
		bool folder = flat ? at->depth == 0 && child[0] == '.' && maildir_path_valid(child) : child[0] != '.';

		if (folder && shelf_dir_kind(at->list, i) == DIR_DIR &&
		    shelf_walk_into(b, at, child, slice_str(child), visit, err) < 0)
			return -1;
	}
	return 0;
}

static int
rebuild_gone(struct lane *l, struct err *err)
{
	const struct shelf_place place = { .path = l->place->dir, .ours = true };
	struct gone g = { .l = l };
	struct shelf_base b;

	if (shelf_base_open(&b, &place, l->job->stop, err) < 0)
		return -1;
	arena_init(&g.arena, LINE_ARENA);
	/* A run that was killed may have left them in memory alone. */
	int rc = file_sync_system(b.root, err);

	if (rc == 0)
		rc = lane_know_again(l, err);
	lane_forget_rebuilt(l);
	if (rc == 0)
		rc = shelf_walk(&b, visit, &g, err);
	lane_forget_rebuilt(l);
	arena_done(&g.arena);
	shelf_base_done(&b);
	return rc;
}

int
lane_rebuild_gone(struct lane *l, const char *account_dir, struct err *err)
{
	AUTO(mem_free_str) char *key = NULL, *done = NULL;

	if (l->place == NULL || !l->place->restored || lane_intends(l) || l->job->format == FORMAT_EXCHANGE)
		return 0;
	if (asprintf(&key, STATE_NOTE_RESTORED "/gone/%s", account_dir) < 0)
		mem_out();
	if (state_note_get(l->job->state, key, &done, err) < 0)
		return -1;
	if (done != NULL)
		return 0;
	return rebuild_gone(l, err) < 0 ? -1 : state_note_set(l->job->state, key, "1", err);
}
