/* A tree of mail in the test's own directory, written through a sink (TREE_SINK; Maildir unless told)
 * as the engine does it, with the rows of the state kept in an array: what a commit would have made
 * durable, and no more. */
#ifndef TESTS_UNIT_MAILTREE_H
#define TESTS_UNIT_MAILTREE_H

#include <pthread.h>

#include "base/digest.h"
#include "base/mem.h"
#include "base/queue.h"
#include "state/batch.h"
#include "state/settle.h"
#include "store/sink.h"
#include "tempdir.h"

#ifndef TREE_SINK
#define TREE_SINK sink_maildir
#define TREE_PATH ""
#endif

enum { ROWS_MAX = 512 };

struct mailtree {
	struct sink *sink;
	struct folder_at *at;
	struct folder_rec rec;
	char mark[4096]; /* committed */
	struct msg row[ROWS_MAX]; /* committed */
	size_t n_rows;
	struct msg held[ROWS_MAX]; /* stored since the last commit */
	size_t n_held;
	uint64_t aside;
	struct sink_place place;
	char dir[512];
};

static struct mailtree tree;
static bool tree_each_file; /* fsync of every file instead of one syncfs */

static inline int
tree_rows(void *arg, uint32_t after, struct msg_page *ret, struct err *err)
{
	const struct mailtree *t = arg;

	(void)err;
	for (size_t i = 0; i < t->n_rows && ret->len < 3; i++) { /* short pages: more than one */
		if (t->row[i].uid > after)
			ret->msg[ret->len++] = t->row[i];
	}
	return 0;
}

static const struct row_feed tree_feed = { tree_rows, &tree };

static inline struct mailtree *
tree_init(void)
{
	tree = (struct mailtree){ .rec = { .id = 1,
				      .name = "INBOX",
				      .delim = '/',
				      .path = TREE_PATH,
				      .mark = "",
				      .uidvalidity = 9,
				      .uidnext = 100 } };
	snprintf(tree.dir, sizeof tree.dir, "%s/u@h", temp_dir);
	tree.place.dir = tree.dir;
	tree.place.each_file = tree_each_file;
	return &tree;
}

/* Around a test: a directory of its own, no tree in it yet. With a state of the test each file is synced. */
static inline int
tree_begin(void **state)
{
	if (temp_dir_make(state) < 0)
		return -1;
	tree_each_file = *state != NULL;
	tree_init();
	return 0;
}

static inline void
tree_close(void)
{
	TREE_SINK.close(&tree.sink);
}

static inline int
tree_end(void **state)
{
	tree_close();
	return temp_dir_remove(state);
}

static inline int
tree_open(struct err *err)
{
	tree.rec.mark = tree.mark;
	tree.at = NULL;
	tree.n_held = 0;
	tree.aside = 0;
	if (TREE_SINK.open(&tree.sink, &tree.place, NULL, err) < 0)
		return -1;
	return TREE_SINK.folder(tree.sink, &tree.rec, &tree_feed, &tree.aside, &tree.at, err);
}

/* The next run; unclean: the last was killed. */
static inline int
tree_again(bool unclean, struct err *err)
{
	tree_close();
	tree.place.unclean = unclean;
	return tree_open(err);
}

static inline struct msg
tree_msg(uint32_t uid, uint8_t system, const char *keywords, const char *wire)
{
	struct msg m = { .uid = uid,
		.date = { true, 1000000 + uid, 60 },
		.flags = { system, keywords },
		.verdict = VERDICT_STORED,
		.wire_bytes = strlen(wire),
		.size_known = true,
		.size = strlen(wire) };

	digest_once(wire, strlen(wire), m.sha256);
	return m;
}

static inline int
tree_put(struct msg *m, const char *wire, struct err *err)
{
	struct slice all = { wire, strlen(wire) };

	if (TREE_SINK.begin(tree.sink, tree.at, m, err) < 0)
		return -1;
	if (TREE_SINK.write(tree.sink, all, err) < 0) {
		TREE_SINK.abandon(tree.sink);
		return -1;
	}
	if (TREE_SINK.end(tree.sink, m, err) < 0)
		return -1;
	tree.held[tree.n_held++] = *m;
	return 0;
}

static inline int
tree_add(uint32_t uid, uint8_t system, const char *keywords, const char *wire, struct err *err)
{
	struct msg m = tree_msg(uid, system, keywords, wire);

	return tree_put(&m, wire, err);
}

static inline void
tree_commit_rows(const struct batch *b)
{
	for (size_t i = 0; i < b->len; i++) {
		if (b->op[i].kind == OP_MARK && b->op[i].folder == tree.rec.id)
			snprintf(tree.mark, sizeof tree.mark, "%s", b->op[i].mark);
	}
	for (size_t i = 0; i < tree.n_held; i++) {
		size_t k = 0;

		while (k < tree.n_rows && tree.row[k].uid != tree.held[i].uid)
			k++;
		tree.row[k] = tree.held[i];
		tree.n_rows += k == tree.n_rows;
	}
	tree.n_held = 0;
}

enum tree_end { TREE_COMMIT, TREE_SYNC_ONLY, TREE_DROP };

/* Seal, sync, commit; or stop before the commit, or before the sync. */
static inline int
tree_seal(enum tree_end how, struct err *err)
{
	struct batch *b = batch_new();
	struct pending *p = NULL;
	int done = TREE_SINK.seal(tree.sink, b, &p, err);

	if (done == 0 && p != NULL && how != TREE_DROP)
		done = settle_one(p, err);
	if (done == 0 && how == TREE_COMMIT)
		tree_commit_rows(b);
	if (p != NULL)
		p->free(p);
	batch_free(&b);
	return done;
}

static inline struct msg *
tree_row(uint32_t uid)
{
	for (size_t i = 0; i < tree.n_rows; i++) {
		if (tree.row[i].uid == uid)
			return &tree.row[i];
	}
	return NULL;
}

/* Makes durable what is handed over. */
static inline void *
tree_settler(void *arg)
{
	struct queue *q = arg;
	struct err why = { 0 };
	struct pending *p;

	while ((p = queue_get(q, -1)) != NULL) {
		if (settle_one(p, &why) < 0)
			fprintf(stderr, "# %s\n", why.text);
		p->free(p);
	}
	return NULL;
}

/* UIDs 1 to 400 by `store`, into this folder and one in directory `b` in turn, so that each is let go and come back to
 * while a thread makes its last batch durable. */
static inline void
tree_store_while_settled(const char *b, void (*store)(uint32_t uid))
{
	struct folder_rec rec = { .id = 2, .name = "B", .path = b, .mark = "", .uidvalidity = 9 };
	struct folder_at *at[2];
	struct queue *q = queue_new(2);
	struct err err = { 0 };
	pthread_t thread;

	assert_int_equal(tree_open(&err), 0);
	at[0] = tree.at;
	assert_int_equal(TREE_SINK.folder(tree.sink, &rec, NULL, &tree.aside, &at[1], &err), 0);
	assert_int_equal(pthread_create(&thread, NULL, tree_settler, q), 0);
	for (uint32_t uid = 1; uid <= 400; uid++) {
		tree.at = at[uid / 10 % 2];
		store(uid);
		if (uid % 10 == 5) {
			struct batch *batch = batch_new();
			struct pending *p;

			assert_int_equal(TREE_SINK.seal(tree.sink, batch, &p, &err), 0);
			assert_true(queue_put(q, p));
			batch_free(&batch);
		}
	}
	queue_close(q);
	pthread_join(thread, NULL);
	queue_free(q);
	assert_int_equal(tree_seal(TREE_SYNC_ONLY, &err), 0);
}

#endif
