/* Is a listed folder the one of a record with another name? See renamed.h. */
#include <string.h>

#include "engine/renamed.h"

struct probe {
	struct lane *l;
	const struct folder_rec *rec;
	struct msg_page *page, *rows;
	size_t row_at;
	uint32_t rows_after;
	bool rows_end;
	bool differs;
	uint64_t agreed; /* listed, and with a whole copy */
	struct {
		struct want want;
		uint8_t sha256[SHA256_LEN];
		bool seen;
	} body[RENAMED_BODIES]; /* the first, one between, the last; by UID */
	size_t n_bodies;
	unsigned equal; /* of them */
};

/* The row of `uid`; NULL: none. UIDs ascend from call to call. */
static int
row_of(struct probe *p, uint32_t uid, const struct msg **ret, struct err *err)
{
	*ret = NULL;
	while (!p->rows_end) {
		if (p->row_at == p->rows->len) {
			if (state_page(p->l->job->state, p->rec->id, p->rows_after, p->rows, err) < 0)
				return -1;
			p->row_at = 0;
			p->rows_end = p->rows->len == 0;
			continue;
		}

		const struct msg *row = &p->rows->msg[p->row_at];

		if (row->uid > uid)
			return 0;
		p->row_at++;
		p->rows_after = row->uid;
		if (row->uid == uid) {
			*ret = row;
			return 0;
		}
	}
	return 0;
}

static bool
agrees(const struct msg *now, const struct msg *row)
{
	return !row->expunged && (!now->size_known || !row->size_known || now->size == row->size) &&
	       (!now->date.known || !row->date.known || now->date.epoch == row->date.epoch);
}

/* The one between is taken again whenever their number has doubled: then it is never near an end. */
static void
choose(struct probe *p, const struct msg *now, const struct msg *row)
{
	uint64_t n = ++p->agreed;
	size_t i = n == 1 ? 0 : p->n_bodies < RENAMED_BODIES ? p->n_bodies : RENAMED_BODIES - 1;

	if (p->n_bodies == RENAMED_BODIES && (n & (n - 1)) == 0)
		p->body[1] = p->body[RENAMED_BODIES - 1];
	p->body[i].want = (struct want){
		.uid = now->uid, .size_known = now->size_known, .size = now->size
	};
	p->body[i].seen = now->flags.system & FLAG_SEEN;
	memcpy(p->body[i].sha256, row->sha256, SHA256_LEN);
	if (i == p->n_bodies)
		p->n_bodies++;
}

static int
compare_one(struct probe *p, const struct msg *now, struct err *err)
{
	const struct msg *row;

	if (row_of(p, now->uid, &row, err) < 0)
		return -1;
	if (row == NULL)
		p->differs |= p->rec->proof.proved && now->uid < p->rec->uidnext;
	else if (!agrees(now, row))
		p->differs = true;
	else if (row->verdict == VERDICT_STORED)
		choose(p, now, row);
	return 0;
}

static int
take_one(struct probe *p, const struct offer *o, struct err *err)
{
	struct lane *l = p->l;
	uint8_t sha256[SHA256_LEN];
	struct slice part;

	if (o->verdict != VERDICT_NONE)
		return 0;
	digest_start(l->digest);
	do {
		if (l->source_ops->read(l->source, &part, err) < 0) {
			bool alone = err->kind == ERR_MESSAGE;

			if (alone)
				*err = (struct err){ 0 };
			return alone ? 0 : -1;
		}
		digest_add(l->digest, part.data, part.len);
	} while (part.len > 0);
	digest_end(l->digest, sha256);
	for (size_t i = 0; i < p->n_bodies; i++)
		p->equal += o->good == VERDICT_STORED && p->body[i].want.uid == o->uid &&
			    memcmp(p->body[i].sha256, sha256, SHA256_LEN) == 0;
	return 0;
}

/* The next commands may set \Seen: it is given back at the end of the probe. */
static int
owe(struct probe *p, struct err *err)
{
	for (size_t i = 0; i < p->n_bodies; i++)
		if (!p->body[i].seen)
			batch_debt(p->l->batch, p->rec->id, p->body[i].want.uid);
	return lane_flush(p->l, true, err);
}

/* Everything up to the end of one ask. */
static int
take_answers(struct probe *p, struct err *err)
{
	struct lane *l = p->l;

	for (;;) {
		struct offer o = { 0 };

		if (cancel_raised(l->job->stop))
			return err_set(err, ERR_INTERRUPTED, "interrupted");
		switch (l->source_ops->next(l->source, &o, err)) {
		case STEP_ERR:
			return -1;
		case STEP_END:
			return 0;
		case STEP_OWE:
			if (owe(p, err) < 0)
				return -1;
			break;
		case STEP_ITEM:
			if (take_one(p, &o, err) < 0)
				return -1;
			break;
		}
	}
}

static int
compare_all(struct probe *p, struct err *err)
{
	struct lane *l = p->l;

	do {
		if (l->source_ops->list(l->source, p->page, err) < 0)
			return -1;
		for (size_t i = 0; i < p->page->len; i++)
			if (compare_one(p, &p->page->msg[i], err) < 0)
				return -1;
	} while (p->page->len > 0);
	return 0;
}

static int
compare_bodies(struct probe *p, struct err *err)
{
	struct lane *l = p->l;
	struct want want[RENAMED_BODIES];

	for (size_t i = 0; i < p->n_bodies; i++)
		want[i] = p->body[i].want;
	if (l->source_ops->ask(l->source, want, p->n_bodies, err) < 0 ||
	    l->source_ops->ask_rest(l->source, err) < 0 || take_answers(p, err) < 0)
		return -1;
	return take_answers(p, err);
}

static int
probe_open(struct probe *p, struct planned *f, bool *ret, struct err *err)
{
	struct lane *l = p->l;
	struct folder_proof unused;
	struct folder_head head;

	if (lane_pay_old(l, p->rec, err) < 0 ||
	    l->source_ops->enter(l->source, &f->folder, NULL, &head, err) < 0)
		return -1;
	if (head.uidvalidity == p->rec->uidvalidity && compare_all(p, err) < 0)
		return -1;
	if (!p->differs && p->agreed > 0 && compare_bodies(p, err) < 0)
		return -1;
	if (l->source_ops->leave(l->source, &unused, err) < 0 || lane_pay_old(l, p->rec, err) < 0)
		return -1;
	*ret = !p->differs && p->agreed > 0 && p->equal == p->n_bodies;
	return 0;
}

int
renamed_probe(struct lane *l, struct planned *f, const struct folder_rec *rec, bool *ret,
    struct err *err)
{
	struct probe p = { .l = l, .rec = rec, .page = msg_page_new(), .rows = msg_page_new() };
	int rc;

	*ret = false;
	l->plan = f;
	rc = probe_open(&p, f, ret, err);
	if (rc < 0 && err->scope <= SCOPE_FOLDER) {
		*err = (struct err){ 0 };
		rc = 0;
	}
	l->plan = NULL;
	msg_page_free(p.page);
	msg_page_free(p.rows);
	return rc;
}
