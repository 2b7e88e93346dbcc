/* A state that was put back knows less than the files: what was stored since the backup was made. When a folder
 * is opened, and before the sink puts anything in order there, each message that the sidecar tells of and
 * that has no row, or one that does not say stored (left out by a selection that was wider later, failed and tried
 * again), is read; it gets its row again if it is what the line says, octet for octet. What is not is fetched as any
 * other. So nothing is fetched or stored twice, and what the source has lost meanwhile stays.
 *
 * That a state is a backup it tells itself, and for good (STATE_NOTE_RESTORED): a folder may be opened many runs
 * later. Rejected: to set aside what no row knows, as after a kill. Of an mbox that is cutting it off, and
 * what lies in tmp/ is for other programs to sweep. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "engine/copy.h"
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
