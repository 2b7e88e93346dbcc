/* See lost.h. What was found is three numbers a message; at the end it is sorted, and each account that has some
 * is claimed, so that what is written goes through its lease like any other batch. */
#include "engine/lost.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "mail/names.h"
#include "store/format.h"

enum { NOTE_BATCH = 1024, NOTE_ARENA = 512 * 1024 * 1024, ROW_ARENA = 256 * 1024 };

struct lost_item {
	int64_t folder;
	uint32_t uid, dest_uid;
};

struct lost_list {
	pthread_mutex_t mutex;
	struct lost_item *item;
	size_t len, cap;
};

struct noting {
	const struct job *job;
	struct lost_list *l;
	struct arena arena;
	const struct account_rec *account;
	struct lease lease;
	bool claimed;
	const struct tree_ops *ops;
	struct tree *tree; /* NULL: it cannot be opened */
	struct batch *batch;
	uint64_t lost, back;
};

/* ---- the list ---- */

struct lost_list *
lost_list_new(void)
{
	struct lost_list *l = mem_new(sizeof(*l));

	pthread_mutex_init(&l->mutex, NULL);
	return l;
}

void
lost_list_free(struct lost_list *l)
{
	if (l == NULL)
		return;
	pthread_mutex_destroy(&l->mutex);
	free(l->item);
	free(l);
}

size_t
lost_list_len(struct lost_list *l)
{
	pthread_mutex_lock(&l->mutex);
	size_t len = l->len;
	pthread_mutex_unlock(&l->mutex);
	return len;
}

void
lost_found(struct lost_list *l, int64_t folder, uint32_t uid, uint32_t dest_uid)
{
	if (l == NULL)
		return;
	pthread_mutex_lock(&l->mutex);
	if (l->len == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 64;
		l->item = mem_resize(l->item, l->cap, sizeof(*l->item));
	}
	l->item[l->len++] = (struct lost_item){ .folder = folder, .uid = uid, .dest_uid = dest_uid };
	pthread_mutex_unlock(&l->mutex);
}

static int
item_order(const void *a, const void *b)
{
	const struct lost_item *x = a, *y = b;

	if (x->folder != y->folder)
		return x->folder < y->folder ? -1 : 1;
	return (x->uid > y->uid) - (x->uid < y->uid);
}

/* The first of a folder; l->len: it has none. */
static size_t
items_of(const struct lost_list *l, int64_t folder)
{
	size_t lo = 0, hi = l->len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (l->item[mid].folder < folder)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < l->len && l->item[lo].folder == folder ? lo : l->len;
}

/* ---- a copy ---- */

bool
lost_beyond(const struct msg *row)
{
	return row->reason != NULL && strcmp(row->reason, LOST_REASON "; " LOST_BEYOND) == 0;
}

enum copy_is
copy_is(const struct msg *row, const struct stored *s)
{
	if (!s->found)
		return s->untold ? COPY_UNTOLD : COPY_GONE;
	if (s->unread)
		return COPY_UNREAD;
	if (s->why[0] != '\0' || (s->stored_known && !s->stored_agrees) ||
	    (!s->rebuilt && memcmp(s->sha256, row->sha256, SHA256_LEN) != 0))
		return COPY_OTHER;
	return COPY_GOOD;
}

bool
copy_mends(enum format format, enum copy_is is)
{
	if (format == FORMAT_EXCHANGE || is == COPY_GOOD || is == COPY_UNREAD)
		return false;
	return is != COPY_UNTOLD || format != FORMAT_MBOX;
}

bool
folder_mends(enum format format, const struct err *why)
{
	return format != FORMAT_EXCHANGE && why->kind == ERR_NO_INPUT && why->sys == ENOENT;
}

/* ---- noting ---- */

static int
note_flush(struct noting *n, struct err *err)
{
	struct batch *full = n->batch;

	if (batch_len(full) == 0)
		return 0;
	n->batch = batch_new();
	return state_put(n->job->state, &n->lease, &full, err);
}

void
lost_note(struct batch *b, int64_t folder, const struct msg *row)
{
	const struct problem p = { .folder = folder,
		.uid = row->uid,
		.verdict = VERDICT_FAILED,
		.reason = LOST_REASON,
		.from = "",
		.date = "",
		.subject = "",
		.message_id = "",
		.reply = "" };
	struct msg m = *row;

	m.verdict = VERDICT_FAILED;
	m.reason = LOST_REASON;
	m.dest_uid = 0;
	batch_message(b, folder, &m, row->verdict);
	batch_problem(b, &p);
}

static void
note_lost(struct noting *n, int64_t folder, const struct msg *row)
{
	lost_note(n->batch, folder, row);
	n->lost++;
}

/* Only what is stored is ever called lost. */
static void
note_back(struct noting *n, int64_t folder, const struct msg *row)
{
	struct msg m = *row;

	m.verdict = VERDICT_STORED;
	m.reason = NULL;
	batch_message(n->batch, folder, &m, row->verdict);
	batch_problem_solved(n->batch, folder, row->uid);
	n->back++;
}

/* Files are looked at once more. *ret COPY_UNREAD: nothing is known. */
static int
look_again(struct noting *n, const struct msg *row, bool gone, enum copy_is *ret, struct err *err)
{
	struct err why = { 0 };
	struct stored s;

	*ret = gone ? COPY_GONE : COPY_UNREAD;
	if (gone || n->tree == NULL)
		return 0;
	if (n->ops->look(n->tree, row, &s, &why) == 0) {
		*ret = copy_is(row, &s);
		return 0;
	}
	if (why.kind != ERR_INTERRUPTED)
		return 0;
	*err = why;
	return -1;
}

static int
note_row(struct noting *n, const struct lost_item *i, const struct msg *row, bool gone, struct err *err)
{
	bool stored = row->verdict == VERDICT_STORED && !row->expunged;
	enum copy_is is;

	if (i->dest_uid != 0) {
		if (stored && row->dest_uid == i->dest_uid)
			note_lost(n, i->folder, row);
		return 0;
	}
	if (!stored && !msg_lost(row))
		return 0;
	if (look_again(n, row, gone, &is, err) < 0)
		return -1;
	if (stored && copy_mends(n->job->format, is))
		note_lost(n, i->folder, row);
	else if (!stored && is == COPY_GOOD)
		note_back(n, i->folder, row);
	return 0;
}

/* The state knows an account by what makes its directory. */
static int
note_claim(struct noting *n, struct err *err)
{
	struct account_rec io = *n->account;
	struct buf key;
	int rc;

	if (n->claimed)
		return 0;
	buf_init(&key, 4096);
	account_dir(slice_str(io.login), io.host, io.port, &key);
	io.dir = key.data;
	rc = state_claim(n->job->state, &io, &n->arena, &n->lease, err);
	buf_done(&key);
	n->claimed = rc == 0;
	return rc;
}

static int
note_folder(struct noting *n, const struct folder_rec *rec, size_t from, struct err *err)
{
	bool files = n->l->item[from].dest_uid == 0, gone = false;
	struct err why = { 0 };
	struct arena a;
	int rc = note_claim(n, err);

	if (rc == 0 && files && n->tree != NULL && n->ops->enter(n->tree, rec, &why) < 0) {
		gone = folder_mends(n->job->format, &why);
		if (!gone)
			return 0;
	}
	arena_init(&a, ROW_ARENA);
	for (size_t i = from; rc == 0 && i < n->l->len && n->l->item[i].folder == rec->id; i++) {
		struct msg row;
		bool there;

		arena_reset(&a);
		if (cancel_raised(n->job->stop))
			rc = err_set(err, ERR_INTERRUPTED, "interrupted");
		if (rc == 0)
			rc = state_message(n->job->state, rec->id, n->l->item[i].uid, &a, &row, &there, err);
		if (rc == 0 && there)
			rc = note_row(n, &n->l->item[i], &row, gone, err);
		if (rc == 0 && batch_len(n->batch) >= NOTE_BATCH)
			rc = note_flush(n, err);
	}
	arena_done(&a);
	return rc;
}

/* The account is as it was; that something is missing now, its folders tell. */
static int
note_end(struct noting *n, struct err *err)
{
	const struct account_rec *a = n->account;

	return state_account_end(n->job->state, &n->lease,
	    a->status == ACCOUNT_RUNNING ? ACCOUNT_STOPPED : a->status, a->error, a->error_exit, err);
}

static int
note_account(struct noting *n, const struct account_rec *a, struct err *err)
{
	struct folder_rec *rec = NULL;
	struct err ignored;
	char *dir = NULL;
	size_t n_recs = 0;
	int rc;

	n->account = a;
	n->claimed = false;
	if (asprintf(&dir, "%s/mail/%s", n->job->dir, a->dir) < 0)
		mem_out();
	rc = state_folders(n->job->state, a->id, &n->arena, &rec, &n_recs, err);
	for (size_t i = 0; rc == 0 && i < n_recs; i++) {
		size_t from = items_of(n->l, rec[i].id);

		if (from == n->l->len)
			continue;
		/* Where it is not there any more, nothing is known. */
		if (n->tree == NULL && n->l->item[from].dest_uid == 0 && n->ops->open(&n->tree, dir, &ignored) < 0)
			n->tree = NULL;
		rc = note_folder(n, &rec[i], from, err);
	}
	if (rc == 0)
		rc = note_flush(n, err);
	if (rc == 0 && n->claimed)
		rc = state_barrier(n->job->state, err);
	if (n->claimed && note_end(n, rc < 0 ? &ignored : err) < 0)
		rc = -1;
	if (n->tree != NULL)
		n->ops->close(&n->tree);
	free(dir);
	return rc;
}

int
job_note_lost(const struct job *job, struct lost_list *l, uint64_t *ret_lost, uint64_t *ret_back,
    struct err *err)
{
	struct noting n = { .job = job, .l = l, .ops = format_tree(job->format), .batch = batch_new() };
	struct account_rec *account = NULL;
	size_t len = 0;
	int rc;

	arena_init(&n.arena, NOTE_ARENA);
	if (l->len > 0)
		qsort(l->item, l->len, sizeof(*l->item), item_order);
	rc = state_accounts(job->state, &n.arena, &account, &len, err);
	for (size_t i = 0; rc == 0 && i < len; i++)
		rc = note_account(&n, &account[i], err);
	batch_free(&n.batch);
	arena_done(&n.arena);
	*ret_lost = n.lost;
	*ret_back = n.back;
	return rc;
}
