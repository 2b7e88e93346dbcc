/* A batch: what a worker has to tell the state, gathered without a lock or a database, so that
 * telling a message costs a copy of its few texts. Its size is bounded by the one who seals it
 * (rules.md 4.1), its text also here. */
#include "state/batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
	BATCH_TEXT_MAX = 64 * 1024 * 1024,
	BATCH_FIRST = 64,
	TEXT_MAX = 4 * 1024, /* a reason, a subject: the rest is cut */
	REPLY_MAX = 8 * 1024,
	TEXT_WHOLE = BATCH_TEXT_MAX
};

struct batch *
batch_new(void)
{
	struct batch *b = mem_new(sizeof *b);

	arena_init(&b->arena, BATCH_TEXT_MAX);
	return b;
}

void
batch_free(struct batch **b)
{
	if (*b == NULL)
		return;
	if ((*b)->pending != NULL)
		(*b)->pending->free((*b)->pending);
	arena_done(&(*b)->arena);
	free((*b)->op);
	free(*b);
	*b = NULL;
}

size_t
batch_len(const struct batch *b)
{
	return b->len;
}

void
batch_set_pending(struct batch *b, struct pending *p)
{
	if (b->pending != NULL)
		b->pending->free(b->pending);
	b->pending = p;
}

static struct op *
batch_op(struct batch *b, enum op_kind kind, int64_t folder, uint32_t uid)
{
	if (b->len == b->cap) {
		b->cap = b->cap > 0 ? 2 * b->cap : BATCH_FIRST;
		b->op = mem_resize(b->op, b->cap, sizeof *b->op);
	}
	struct op *op = &b->op[b->len++];
	*op = (struct op){ .kind = kind, .folder = folder, .uid = uid, .old = VERDICTS };
	return op;
}

/* NULL stays NULL. */
static const char *
batch_text(struct batch *b, const char *text, size_t max)
{
	if (text == NULL)
		return NULL;
	const char *copy = arena_copy(&b->arena, (struct slice){ text, strnlen(text, max) });
	b->overfull = b->overfull || copy == NULL;
	return copy;
}

static const char *
batch_keywords(struct batch *b, const char *keywords)
{
	return keywords == NULL || *keywords == '\0' ? "" : batch_text(b, keywords, TEXT_WHOLE);
}

void
batch_message(struct batch *b, int64_t folder, const struct msg *m, enum verdict old)
{
	struct op *op = batch_op(b, OP_MESSAGE, folder, m->uid);

	op->old = old;
	op->msg = *m;
	op->msg.flags.keywords = batch_keywords(b, m->flags.keywords);
	op->msg.flags.labels = batch_text(b, m->flags.labels, TEXT_WHOLE);
	op->msg.raw_date = batch_text(b, m->raw_date, TEXT_MAX);
	op->msg.reason = batch_text(b, m->reason, TEXT_MAX);
}

void
batch_flags(struct batch *b, int64_t folder, uint32_t uid, const struct flags *now, uint64_t modseq)
{
	struct op *op = batch_op(b, OP_FLAGS, folder, uid);

	op->msg = (struct msg){ .uid = uid, .modseq = modseq, .flags.system = now->system };
	op->msg.flags.keywords = batch_keywords(b, now->keywords);
	op->msg.flags.labels = batch_text(b, now->labels, TEXT_WHOLE);
}

void
batch_expunged(struct batch *b, int64_t folder, uint32_t uid, enum verdict old)
{
	batch_op(b, OP_EXPUNGED, folder, uid)->old = old;
}

void
batch_mirrored(struct batch *b, int64_t folder, uint32_t uid)
{
	(void)batch_op(b, OP_MIRRORED, folder, uid);
}

void
batch_forget(struct batch *b, int64_t folder, uint32_t uid, enum verdict old)
{
	batch_op(b, OP_FORGET, folder, uid)->old = old;
}

/* Zeroed; NULL when the text of the batch is at its limit. */
static void *
batch_take(struct batch *b, size_t bytes)
{
	void *p = arena_take(&b->arena, bytes);

	b->overfull = b->overfull || p == NULL;
	return p;
}

void
batch_problem(struct batch *b, const struct problem *p)
{
	struct problem *copy = batch_take(b, sizeof *copy);

	if (copy == NULL)
		return;
	*copy = (struct problem){
		.folder = p->folder,
		.uid = p->uid,
		.verdict = p->verdict,
		.reason = batch_text(b, p->reason, TEXT_MAX),
		.from = batch_text(b, p->from, TEXT_MAX),
		.date = batch_text(b, p->date, TEXT_MAX),
		.subject = batch_text(b, p->subject, TEXT_MAX),
		.message_id = batch_text(b, p->message_id, TEXT_MAX),
		.reply = batch_text(b, p->reply, REPLY_MAX),
	};
	batch_op(b, OP_PROBLEM, p->folder, p->uid)->problem = copy;
}

void
batch_problem_solved(struct batch *b, int64_t folder, uint32_t uid)
{
	(void)batch_op(b, OP_PROBLEM_SOLVED, folder, uid);
}

static void
batch_warn(struct batch *b, enum op_kind kind, const struct warning *w)
{
	struct warning *copy = batch_take(b, sizeof *copy);

	if (copy == NULL)
		return;
	*copy = (struct warning){
		.event = w->event,
		.folder = w->folder != NULL ? batch_text(b, w->folder, TEXT_WHOLE) : "",
		.uid = w->uid,
		.text = w->text != NULL ? batch_text(b, w->text, TEXT_MAX) : "",
	};
	batch_op(b, kind, 0, w->uid)->warning = copy;
}

void
batch_warning(struct batch *b, const struct warning *w)
{
	batch_warn(b, OP_WARNING, w);
}

void
batch_warning_gone(struct batch *b, int event, const char *folder, uint32_t uid)
{
	batch_warn(
	    b, OP_WARNING_GONE, &(struct warning){ .event = event, .folder = folder, .uid = uid });
}

void
batch_folder(struct batch *b, const struct folder_rec *r)
{
	struct folder_rec *copy = batch_take(b, sizeof *copy);

	if (copy == NULL)
		return;
	*copy = *r;
	copy->name = batch_text(b, r->name, TEXT_WHOLE);
	copy->special_use = batch_text(b, r->special_use, TEXT_MAX);
	copy->mailbox_id = batch_text(b, r->mailbox_id, TEXT_MAX);
	copy->path = batch_text(b, r->path, TEXT_WHOLE);
	copy->mark = batch_text(b, r->mark, TEXT_WHOLE);
	copy->proof.why = batch_text(b, r->proof.why, TEXT_MAX);
	batch_op(b, OP_FOLDER, r->id, 0)->rec = copy;
}

void
batch_mark(struct batch *b, int64_t folder, const char *mark)
{
	const char *copy = batch_text(b, mark, TEXT_WHOLE);

	batch_op(b, OP_MARK, folder, 0)->mark = copy;
}

void
batch_debt(struct batch *b, int64_t folder, uint32_t uid)
{
	(void)batch_op(b, OP_DEBT, folder, uid);
}

void
batch_debt_paid(struct batch *b, int64_t folder, uint32_t uid)
{
	(void)batch_op(b, OP_DEBT_PAID, folder, uid);
}

void
batch_intent(struct batch *b, int64_t folder, const struct intent *i)
{
	struct intent *copy = batch_take(b, sizeof *copy);

	if (copy == NULL)
		return;
	*copy = *i;
	batch_op(b, OP_INTENT, folder, i->uid)->intent = copy;
}

void
batch_intent_done(struct batch *b, int64_t folder, uint32_t uid)
{
	(void)batch_op(b, OP_INTENT_DONE, folder, uid);
}

void
batch_unplaced(struct batch *b, int64_t folder, uint32_t from)
{
	(void)batch_op(b, OP_UNPLACED, folder, from);
}

void
batch_numbered(struct batch *b, int64_t folder, const struct numbered *n)
{
	struct numbered *copy = batch_take(b, sizeof *copy);

	if (copy == NULL)
		return;
	*copy = *n;
	batch_op(b, OP_NUMBERED, folder, n->uid)->numbered = copy;
}

/* The latest word on a message is the last of its operations. */
static int
message_cmp(const void *a, const void *b)
{
	const struct op *x = *(const struct op *const *)a, *y = *(const struct op *const *)b;

	if (x->uid != y->uid)
		return x->uid < y->uid ? -1 : 1;
	return x < y ? -1 : x > y;
}

bool
batch_only_adds(const struct batch *b, int64_t folder)
{
	for (size_t i = 0; i < b->len; i++) {
		enum op_kind kind = b->op[i].kind;

		if (b->op[i].folder == folder &&
		    (kind == OP_FLAGS || kind == OP_EXPUNGED || kind == OP_MIRRORED || kind == OP_FORGET))
			return false;
	}
	return true;
}

void
batch_page(const struct batch *b, int64_t folder, uint32_t after, struct msg_page *ret)
{
	const struct op **found = mem_resize(NULL, b->len + 1, sizeof *found);
	size_t n = 0;

	for (size_t i = 0; i < b->len; i++)
		if (b->op[i].folder == folder && b->op[i].kind == OP_MESSAGE && b->op[i].uid > after)
			found[n++] = &b->op[i];
	qsort(found, n, sizeof *found, message_cmp);
	msg_page_reset(ret);
	for (size_t i = 0; i < n && ret->len < PAGE_MSGS; i++) {
		if (i + 1 < n && found[i + 1]->uid == found[i]->uid)
			continue;
		if (!msg_copy(&found[i]->msg, &ret->arena, &ret->msg[ret->len]))
			break;
		ret->len++;
	}
	free(found);
}

bool
batch_lasts(const struct batch *b)
{
	for (size_t i = 0; i < b->len; i++) {
		switch (b->op[i].kind) {
		case OP_FOLDER:
		case OP_MARK:
		case OP_WARNING:
		case OP_WARNING_GONE:
			continue;
		default:
			return true;
		}
	}
	return false;
}

bool
batch_tells(const struct batch *b)
{
	for (size_t i = 0; i < b->len; i++) {
		switch (b->op[i].kind) {
		case OP_FOLDER:
		case OP_MARK:
		case OP_INTENT:
		case OP_DEBT:
			continue;
		default:
			return true;
		}
	}
	return b->pending != NULL;
}
