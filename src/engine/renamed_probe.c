/* Is a listed folder the one of a record with another name? See renamed.h. */
#include <string.h>

#include "engine/renamed.h"
#include "engine/sample.h"

struct probe {
	struct lane *l;
	const struct folder_rec *rec;
	struct msg_page *page, *rows;
	size_t row_at;
	uint32_t rows_after;
	bool rows_end;
	bool differs;
	uint64_t agreed; /* listed, and with a whole copy */
	struct sample sample;
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

static void
choose(struct probe *p, const struct msg *now, const struct msg *row)
{
	const struct want want = {
		.uid = now->uid, .size_known = now->size_known, .size = now->size
	};

	p->agreed++;
	sample_offer(&p->sample, &want, now->flags.system & FLAG_SEEN, row->sha256);
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
	if (!p->differs && p->agreed > 0 && sample_fetch(&p->sample, err) < 0)
		return -1;
	if (l->source_ops->leave(l->source, &unused, err) < 0 || lane_pay_old(l, p->rec, err) < 0)
		return -1;
	*ret = !p->differs && sample_agrees(&p->sample);
	return 0;
}

int
renamed_probe(struct lane *l, struct planned *f, const struct folder_rec *rec, bool *ret,
    struct err *err)
{
	struct probe p = { .l = l,
		.rec = rec,
		.page = msg_page_new(),
		.rows = msg_page_new(),
		.sample = { .l = l, .folder = rec->id } };
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
