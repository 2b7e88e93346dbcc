/* A folder with another UIDVALIDITY: all messages have other UIDs, and most are stored already.
 *
 * The folder is listed to its end. A listed message may be a stored one that has its size and internal
 * date; of those the headers are fetched, nothing else. One to one are those that also have one header
 * (mail/head.h), and no other message, listed or stored, has all three; likewise several that have, if
 * all of those stored are equal by their SHA-256 and no more are listed than stored. SAMPLE_BODIES of the pairs are fetched as a
 * whole; only if these are what the rows say, the others are believed. Then everything is listed again
 * as ever, and each recognised message is adopted by the sink, in the same batches as what is new. So a kill
 * leaves some adopted and the others as they were, and the next run does this again.
 *
 * What is not recognised is fetched: also where the server tells no sizes or dates, refuses headers, or
 * where rows are of a version that kept no digest of headers. It is paired by the SHA-256 of the whole when
 * the folder is closed, where the older copies go (closing.c). Rejected: to believe size and date alone
 * (twins from one mailing are common), and to fetch again whatever stands for less than a body.
 *
 * Files of others have a new UIDVALIDITY whenever they have changed (shelf.h). Where the sink takes no copy
 * away again they would be stored twice, so there each message is read for its SHA-256, which alone tells what
 * is stored: as many of equal ones as are stored, and the rest is new. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/sample.h"

enum { RENEWED_MAX = 2 * 1024 * 1024 }; /* stored messages that are kept in memory, 48 octets each */

/* A stored message, or a listed one. */
struct known {
	uint64_t size;
	int64_t date;
	uint8_t head[HEAD_LEN];
	uint32_t uid, copy; /* copy: UID on the destination */
	uint32_t rec; /* number in l->known */
	bool head_known, seen;
};

struct roll {
	struct known *one;
	size_t len, cap;
};

struct renewed_pair {
	uint32_t uid, was, rec, copy;
	uint64_t size;
	bool seen;
};

struct renewed {
	bool whole; /* known[].head is of the whole message, size and date are not looked at */
	struct roll stored, listed, rows; /* rows: of this UIDVALIDITY, from a run before */
	struct renewed_pair *pair; /* by uid */
	size_t n, cap;
	struct sample sample;
};

static void
renewed_free(struct renewed *r)
{
	if (r == NULL)
		return;
	free(r->stored.one);
	free(r->listed.one);
	free(r->rows.one);
	free(r->pair);
	free(r);
}

void
lane_forget_renewed(struct lane *l)
{
	renewed_free(l->renewed);
	l->renewed = NULL;
}

static struct known *
roll_add(struct roll *r)
{
	if (r->len == r->cap) {
		r->cap = r->cap > 0 ? 2 * r->cap : 256;
		r->one = mem_resize(r->one, r->cap, sizeof *r->one);
	}
	r->one[r->len] = (struct known){ .uid = 0 };
	return &r->one[r->len++];
}

/* ---- what is stored ---- */

static bool
is_older(const struct lane *l, const struct folder_rec *r)
{
	return slice_eq(l->plan->folder.name, r->name) && r->uidvalidity != l->rec.uidvalidity &&
	       r->verdicts[VERDICT_STORED] > 0 && strcmp(r->path, l->rec.path) == 0 &&
	       (l->sink_ops->has_copies_of == NULL || l->sink_ops->has_copies_of(l->at, r));
}

/* Of files into files that keep what they have. A server is looked through by the sink itself. */
static bool
is_told_by_whole(const struct lane *l)
{
	return l->source_ops->digests != NULL && !lane_intends(l) && !(l->sink_ops->traits & SINK_REMOVES);
}

/* A record that was the current one when its folder was last proved has nothing left to be recognised, or
 * so little that it is cheaper to fetch it. */
static bool
is_worth_it(const struct lane *l)
{
	const struct folder_rec *was =
	    lane_known(l, l->plan->folder.name, &l->rec.uidvalidity);

	if ((l->source_ops->heads == NULL && !is_told_by_whole(l)) || l->sink_ops->adopt == NULL || l->head.since ||
	    (l->source_ops->numbered != NULL && l->source_ops->numbered(l->source)) ||
	    l->rec.uidvalidity == 0 || l->head.exists == 0)
		return false;
	return was == NULL || was->vanished || !was->proof.proved || is_told_by_whole(l) ||
	       l->rec.listed < l->head.exists / 2;
}

static void
take_row(struct lane *l, bool whole, struct roll *roll, uint32_t rec, const struct msg *m)
{
	struct known *k;

	if (m->expunged || m->verdict != VERDICT_STORED || (lane_intends(l) && m->dest_uid == 0))
		return;
	if (!whole && (!m->head_known || !m->size_known || !m->date.known))
		return;
	k = roll_add(roll);
	if (!whole) {
		k->size = m->size;
		k->date = m->date.epoch;
	}
	memcpy(k->head, whole ? m->sha256 : m->head, HEAD_LEN);
	k->head_known = true;
	k->uid = m->uid;
	k->copy = m->dest_uid;
	k->rec = rec;
}

static int
take_rows(struct lane *l, bool whole, int64_t folder, uint32_t rec, struct roll *roll, struct err *err)
{
	struct msg_page *page = msg_page_new();
	uint32_t after = 0;
	int rc;

	while ((rc = state_page(l->job->state, folder, after, page, err)) == 0 && page->len > 0 &&
	       roll->len < RENEWED_MAX) {
		for (size_t i = 0; i < page->len; i++)
			take_row(l, whole, roll, rec, &page->msg[i]);
		after = page->msg[page->len - 1].uid;
	}
	msg_page_free(page);
	return rc;
}

/* ---- what is listed ---- */

static int
order(const void *a, const void *b)
{
	const struct known *x = a, *y = b;
	int rc;

	if (x->size != y->size)
		return x->size < y->size ? -1 : 1;
	if (x->date != y->date)
		return x->date < y->date ? -1 : 1;
	rc = memcmp(x->head, y->head, HEAD_LEN);
	return rc != 0 ? rc : x->uid < y->uid ? -1 : x->uid > y->uid;
}

/* Same size, date and header. */
static bool
is_alike(const struct known *x, const struct known *y)
{
	return x->size == y->size && x->date == y->date && memcmp(x->head, y->head, HEAD_LEN) == 0;
}

/* The first stored one that is not before `k`. */
static size_t
stored_from(const struct roll *stored, const struct known *k)
{
	size_t lo = 0, hi = stored->len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (order(&stored->one[mid], k) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool
has_candidate(const struct roll *stored, uint64_t size, int64_t date)
{
	const struct known first = { .size = size, .date = date };
	size_t i = stored_from(stored, &first);

	return i < stored->len && stored->one[i].size == size && stored->one[i].date == date;
}

static void
take_listed(struct lane *l, struct renewed *r, const struct msg *m)
{
	struct known *k;

	if (!r->whole &&
	    (!m->size_known || !m->date.known || lane_is_careful(l, m->uid) ||
		!has_candidate(&r->stored, m->size, m->date.epoch)))
		return;
	k = roll_add(&r->listed);
	if (!r->whole) {
		k->size = m->size;
		k->date = m->date.epoch;
	}
	k->uid = m->uid;
	k->seen = m->flags.system & FLAG_SEEN;
}

static int
list_all(struct lane *l, struct renewed *r, struct err *err)
{
	struct msg_page *page = msg_page_new();
	int rc;

	do {
		rc = l->source_ops->list(l->source, page, err);
		for (size_t i = 0; rc == 0 && i < page->len; i++)
			take_listed(l, r, &page->msg[i]);
	} while (rc == 0 && page->len > 0);
	msg_page_free(page);
	return rc;
}

/* Those that an earlier run has stored under these UIDs; their headers need not be asked for. */
static void
take_known_heads(struct renewed *r)
{
	size_t at = 0;

	for (size_t i = 0; i < r->listed.len; i++) {
		struct known *k = &r->listed.one[i];

		while (at < r->rows.len && r->rows.one[at].uid < k->uid)
			at++;
		if (at == r->rows.len)
			return;
		if (r->rows.one[at].uid != k->uid)
			continue;
		memcpy(k->head, r->rows.one[at].head, HEAD_LEN);
		k->head_known = true;
	}
}

static int
ask_heads(struct lane *l, struct renewed *r, struct err *err)
{
	struct header *ask = mem_resize(NULL, PAGE_MSGS, sizeof *ask);
	size_t *of = mem_resize(NULL, PAGE_MSGS, sizeof *of);
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < r->listed.len;) {
		size_t n = 0;

		for (; i < r->listed.len && n < PAGE_MSGS; i++) {
			if (r->listed.one[i].head_known)
				continue;
			of[n] = i;
			ask[n++] = (struct header){ .uid = r->listed.one[i].uid };
		}
		if (cancel_raised(l->job->stop))
			rc = err_set(err, ERR_INTERRUPTED, "interrupted");
		else if (n > 0)
			rc = (r->whole ? l->source_ops->digests : l->source_ops->heads)(l->source, ask, n, err);
		for (size_t k = 0; rc == 0 && k < n; k++) {
			r->listed.one[of[k]].head_known = ask[k].known;
			memcpy(r->listed.one[of[k]].head, ask[k].head, HEAD_LEN);
		}
	}
	free(ask);
	free(of);
	return rc;
}

/* ---- pairs ---- */

static void
pair_add(struct renewed *r, const struct known *now, const struct known *was)
{
	if (r->n == r->cap) {
		r->cap = r->cap > 0 ? 2 * r->cap : 256;
		r->pair = mem_resize(r->pair, r->cap, sizeof *r->pair);
	}
	r->pair[r->n++] = (struct renewed_pair){ .uid = now->uid,
		.was = was->uid,
		.rec = was->rec,
		.copy = was->copy,
		.size = now->size,
		.seen = now->seen };
}

static int
row_of(struct lane *l, uint32_t rec, uint32_t uid, struct arena *a, struct msg *ret, bool *ret_there,
    struct err *err)
{
	if (state_message(l->job->state, l->known[rec].id, uid, a, ret, ret_there, err) < 0)
		return -1;
	*ret_there = *ret_there && !ret->expunged && ret->verdict == VERDICT_STORED;
	return 0;
}

/* Are all of these the same octets? */
static int
are_equal(struct lane *l, const struct known *was, size_t n, bool *ret, struct err *err)
{
	uint8_t sha256[SHA256_LEN] = { 0 };
	struct arena a;
	int rc = 0;

	*ret = true;
	arena_init(&a, LEX_STRING_MAX);
	for (size_t i = 0; rc == 0 && *ret && i < n; i++) {
		struct msg m;
		bool there;

		arena_reset(&a);
		rc = row_of(l, was[i].rec, was[i].uid, &a, &m, &there, err);
		if (rc < 0)
			break;
		*ret = there && (i == 0 || memcmp(sha256, m.sha256, SHA256_LEN) == 0);
		if (i == 0 && there)
			memcpy(sha256, m.sha256, SHA256_LEN);
	}
	arena_done(&a);
	return rc;
}

/* The listed ones from `at` that are alike, against the stored ones like them. */
static int
pair_group(struct lane *l, struct renewed *r, size_t at, size_t n, struct err *err)
{
	const struct known *now = &r->listed.one[at];
	struct known first = *now;
	const struct known *was;
	size_t from, n_was = 0;
	bool equal = true;

	first.uid = 0;
	from = stored_from(&r->stored, &first);
	while (from + n_was < r->stored.len && is_alike(&r->stored.one[from + n_was], now))
		n_was++;
	was = &r->stored.one[from];
	if (n > n_was) {
		if (!r->whole)
			return 0;
		n = n_was;
	}
	if (n_was > 1 && are_equal(l, was, n_was, &equal, err) < 0)
		return -1;
	for (size_t i = 0; equal && i < n; i++)
		pair_add(r, &now[i], &was[i]);
	return 0;
}

static int
pair_order(const void *a, const void *b)
{
	const struct renewed_pair *x = a, *y = b;

	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

static int
pair_all(struct lane *l, struct renewed *r, struct err *err)
{
	struct roll *listed = &r->listed;
	size_t n = 0;

	for (size_t i = 0; i < listed->len; i++)
		if (listed->one[i].head_known)
			listed->one[n++] = listed->one[i];
	listed->len = n;
	if (n > 0)
		qsort(listed->one, n, sizeof *listed->one, order);
	for (size_t i = 0; i < listed->len; i += n) {
		n = 1;
		while (i + n < listed->len && is_alike(&listed->one[i], &listed->one[i + n]))
			n++;
		if (pair_group(l, r, i, n, err) < 0)
			return -1;
	}
	if (r->n > 0)
		qsort(r->pair, r->n, sizeof *r->pair, pair_order);
	return 0;
}

/* ---- the proof ---- */

static int
offer_samples(struct lane *l, struct renewed *r, struct err *err)
{
	const size_t at[SAMPLE_BODIES] = { 0, r->n / 2, r->n - 1 };
	struct arena a;
	int rc = 0;

	arena_init(&a, LEX_STRING_MAX);
	for (size_t i = 0; rc == 0 && i < SAMPLE_BODIES; i++) {
		const struct renewed_pair *p = &r->pair[at[i]];
		const struct want want = { .uid = p->uid, .size_known = true, .size = p->size };
		struct msg was;
		bool there;

		if (i > 0 && at[i] == at[i - 1])
			continue;
		arena_reset(&a);
		rc = row_of(l, p->rec, p->was, &a, &was, &there, err);
		if (rc == 0 && there)
			sample_offer(&r->sample, &want, p->seen, was.sha256);
	}
	arena_done(&a);
	return rc;
}

/* Reading may have set \Seen: it is given back when the folder is closed. */
static void
owe(struct lane *l, const struct sample *s)
{
	if (!s->owed)
		return;
	for (size_t i = 0; i < s->n; i++)
		if (!s->body[i].seen)
			uidset_add(&l->owed, s->body[i].want.uid, s->body[i].want.uid);
	uidset_sort(&l->owed);
	l->owing.plan = l->plan;
	l->owing.folder = l->rec.id;
	l->owing.uidvalidity = l->rec.uidvalidity;
}

static int
prove(struct lane *l, struct renewed *r, struct err *err)
{
	int rc;

	r->sample = (struct sample){ .l = l, .folder = l->rec.id };
	if (r->n == 0 || r->whole)
		return 0;
	rc = offer_samples(l, r, err);
	if (rc == 0)
		rc = sample_fetch(&r->sample, err);
	owe(l, &r->sample);
	if (rc < 0 || sample_agrees(&r->sample))
		return rc;
	lane_event(l, EV_RECOGNISED,
	    "none: %zu messages seemed to be stored already, but of those that were read to prove it not all "
	    "are what was stored: all are fetched again",
	    r->n);
	r->n = 0;
	return 0;
}

static void
keep_copies(struct lane *l, const struct renewed *r)
{
	struct uidset copies = { 0 };

	if (l->sink_ops->keep_for_adopting == NULL)
		return;
	for (size_t i = 0; i < r->n; i++)
		uidset_add(&copies, r->pair[i].copy, r->pair[i].copy);
	uidset_sort(&copies);
	l->sink_ops->keep_for_adopting(l->at, &copies);
	uidset_done(&copies);
}

static int
recognise(struct lane *l, struct renewed *r, struct err *err)
{
	if (r->stored.len >= RENEWED_MAX)
		return 0;
	qsort(r->stored.one, r->stored.len, sizeof *r->stored.one, order);
	if (l->has_rows && take_rows(l, r->whole, l->rec.id, 0, &r->rows, err) < 0)
		return -1;
	if (list_all(l, r, err) < 0)
		return -1;
	take_known_heads(r);
	if (ask_heads(l, r, err) < 0 || pair_all(l, r, err) < 0 || prove(l, r, err) < 0)
		return -1;
	keep_copies(l, r);
	return l->source_ops->relist(l->source, err);
}

/* A run that was killed under yet another UIDVALIDITY has adopted messages whose older lines are not taken
 * back: one copy in the files would count as two. */
static int
end_what_was_begun(struct lane *l, struct err *err)
{
	const struct folder_rec *last = NULL;

	for (size_t i = 0; i < l->n_known; i++)
		if (is_older(l, &l->known[i]) && (last == NULL || l->known[i].id > last->id))
			last = &l->known[i];
	for (size_t i = 0; last != NULL && !last->proof.proved && i < l->n_known; i++)
		if (is_older(l, &l->known[i]) && &l->known[i] != last &&
		    lane_drop_superseded(l, &l->known[i], last->id, err) < 0)
			return -1;
	return 0;
}

int
lane_recognise(struct lane *l, struct err *err)
{
	struct renewed *r;
	int rc = 0;

	lane_forget_renewed(l);
	if (!is_worth_it(l))
		return 0;
	r = mem_new(sizeof *r);
	r->whole = is_told_by_whole(l);
	if (r->whole)
		rc = end_what_was_begun(l, err);
	for (size_t i = 0; rc == 0 && i < l->n_known; i++)
		if (is_older(l, &l->known[i]))
			rc = take_rows(l, r->whole, l->known[i].id, (uint32_t)i, &r->stored, err);
	if (rc == 0 && r->stored.len > 0)
		rc = recognise(l, r, err);
	if (rc == 0 && r->n > 0) {
		if (r->whole)
			lane_event(l, EV_RECOGNISED, "%zu messages are stored already, by SHA-256", r->n);
		else
			lane_event(l, EV_RECOGNISED,
			    "%zu messages are stored already, by size, date and header; %zu of them were read "
			    "whole to prove it",
			    r->n, r->sample.n);
		l->renewed = r;
		r = NULL;
	}
	renewed_free(r);
	return rc;
}

/* ---- adopting ---- */

static const struct renewed_pair *
pair_of(const struct renewed *r, uint32_t uid)
{
	const struct renewed_pair key = { .uid = uid };

	return bsearch(&key, r->pair, r->n, sizeof *r->pair, pair_order);
}

/* A sample that was read may be listed with a \Seen that is ours. */
static struct flags
flags_of(const struct sample *s, const struct msg *m)
{
	struct flags f = m->flags;

	for (size_t i = 0; s->owed && i < s->n; i++)
		if (s->body[i].want.uid == m->uid && !s->body[i].seen)
			f.system &= (uint8_t)~FLAG_SEEN;
	return f;
}

int
lane_adopt(struct lane *l, const struct msg *m, bool *ret_done, struct err *err)
{
	const struct renewed_pair *p = pair_of(l->renewed, m->uid);
	struct arena a;
	struct msg was, now;
	bool there;
	int rc;

	*ret_done = false;
	if (p == NULL)
		return 0;
	arena_init(&a, LEX_STRING_MAX);
	rc = row_of(l, p->rec, p->was, &a, &was, &there, err);
	if (rc < 0 || !there)
		goto out;
	now = was;
	msg_take_place(&now, m);
	now.flags = flags_of(&l->renewed->sample, m);
	l->sink_ops->expect(l->sink, l->at, &now);
	rc = l->sink_ops->adopt(l->sink, l->at, &l->known[p->rec], &was, &now, ret_done, err);
	if (rc < 0 || !*ret_done)
		goto out;
	l->changed = true;
	lane_good(l, &now, VERDICTS);
	lane_count(l, 1);
	rc = lane_flush_if_full(l, err);
out:
	arena_done(&a);
	return rc;
}
