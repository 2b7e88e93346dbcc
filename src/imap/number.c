#include "imap/number.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { PAGE = 1000, SET_MAX = 7000, AGAIN_MAX = 64, VAIN_MAX = 3 };

/* ---- the books ---- */

uint32_t
number_uid(const struct sess *s, uint32_t seq)
{
	return seq == 0 || seq > s->n_numbers ? 0 : s->number[seq - 1];
}

uint32_t
number_expunge(struct sess *s, uint32_t seq)
{
	uint32_t uid = number_uid(s, seq);

	if (uid == 0)
		return 0;
	memmove(&s->number[seq - 1], &s->number[seq], (s->n_numbers - seq) * sizeof(*s->number));
	s->n_numbers--;
	return uid;
}

bool
number_there(const struct sess *s, uint32_t uid)
{
	for (size_t i = 0; i < s->n_numbers; i++)
		if (s->number[i] == uid)
			return true;
	return false;
}

/* ---- commands ---- */

/* As much of a set as text as one command line holds: the rest is not asked for, and what does not
 * come is asked for again alone. */
static void
seq_text(const struct sess *s, const struct uidset *uids, struct buf *out)
{
	for (size_t i = 0; i < s->n_numbers && out->len < SET_MAX; i++) {
		size_t lo = i;

		if (!uidset_has(uids, s->number[i]))
			continue;
		while (i + 1 < s->n_numbers && uidset_has(uids, s->number[i + 1]))
			i++;
		buf_printf(out, lo == i ? "%s%zu" : "%s%zu:%zu", out->len ? "," : "", lo + 1, i + 1);
	}
}

/* "5:*" too, which uidset_parse refuses. */
static bool
parse_set(const char *set, struct uidset *ret)
{
	struct slice text = slice_str(set);
	uint64_t lo;

	if (text.len > 2 && strcmp(set + text.len - 2, ":*") == 0)
		return slice_u64((struct slice){ set, text.len - 2 }, UINT32_MAX, &lo) &&
		       uidset_add(ret, (uint32_t)lo, UINT32_MAX);
	return uidset_parse(ret, text);
}

int
sess_send_set(struct sess *s, int kind, uint32_t *ret_tag, const char *verb, const char *set,
    const char *rest, struct err *err)
{
	struct uidset uids = { 0 };
	struct buf text;
	int rc;

	if (!s->numbered)
		return sess_send(s, kind, ret_tag, err, "UID %s %s %s", verb, set, rest);
	buf_init(&text, SET_MAX + 64);
	if (parse_set(set, &uids)) {
		uidset_sort(&uids);
		seq_text(s, &uids, &text);
	}
	rc = text.len == 0 ? sess_send(s, kind, ret_tag, err, "NOOP")
			   : sess_send(s, kind, ret_tag, err, "%s %s %s", verb, text.data, rest);
	buf_done(&text);
	uidset_done(&uids);
	return rc;
}

/* ---- numbering ---- */

/* Messages behind those that have a number, in their order. */
struct roll {
	struct sess *s;
	struct numbered *seen;
	bool *wanted; /* its header is to be read */
	bool *told; /* all that the listing asks for came */
	bool sizes, dates; /* the listing asks for them */
	size_t len, cap;
	struct digest *digest;
	bool no_heads; /* the server refuses headers */
};

static struct numbered *
roll_at(struct roll *r, uint32_t seq)
{
	size_t base = r->s->n_numbers;

	return seq > base && seq - base <= r->len ? &r->seen[seq - base - 1] : NULL;
}

static int
roll_grow(struct roll *r, size_t len, struct err *err)
{
	if (len > NUMBERED_MAX)
		return err_set(err, ERR_PROTOCOL,
		    "the folder has more messages than can be told apart without UIDs (%d)",
		    NUMBERED_MAX);
	if (len > r->cap) {
		r->cap = len;
		r->seen = mem_resize(r->seen, r->cap, sizeof(*r->seen));
		r->wanted = mem_resize(r->wanted, r->cap, sizeof(*r->wanted));
		r->told = mem_resize(r->told, r->cap, sizeof(*r->told));
	}
	for (; r->len < len; r->len++) {
		r->seen[r->len] = (struct numbered){ 0 };
		r->wanted[r->len] = true;
		r->told[r->len] = false;
	}
	return 0;
}

/* The books have taken it from the numbers, or it is one of ours; `had` is the count of numbers
 * before. */
static void
roll_expunge(struct roll *r, uint32_t seq, size_t had)
{
	size_t at = seq - had - 1;

	if (seq <= had || at >= r->len)
		return;
	memmove(&r->seen[at], &r->seen[at + 1], (r->len - at - 1) * sizeof(*r->seen));
	memmove(&r->wanted[at], &r->wanted[at + 1], (r->len - at - 1) * sizeof(*r->wanted));
	memmove(&r->told[at], &r->told[at + 1], (r->len - at - 1) * sizeof(*r->told));
	r->len--;
}

static void
take_meta(struct numbered *n, const struct fetch_data *f)
{
	if (f->has_size && f->size > 0) {
		n->size_known = true;
		n->size = f->size;
	}
	if (f->has_date && f->date.known) {
		n->date_known = true;
		n->date = f->date.epoch;
	}
}

static bool
is_told(const struct roll *r, const struct fetch_data *f)
{
	return r->sizes || r->dates ? (f->has_size || !r->sizes) && (f->has_date || !r->dates) : f->has_flags;
}

static int
read_header(struct roll *r, const struct resp *a, struct numbered *n, struct err *err)
{
	uint64_t left = a->fetch.octets;

	if (a->fetch.body == BODY_NIL)
		return 0;
	digest_start(r->digest);
	if (a->fetch.body == BODY_INLINE)
		digest_add(r->digest, a->fetch.text.data, a->fetch.text.len);
	while (a->fetch.body == BODY_LITERAL && left > 0) {
		struct slice part;

		if (sess_literal_part(r->s, &left, &part, err) < 0)
			return -1;
		digest_add(r->digest, part.data, part.len);
	}
	digest_end(r->digest, n->head);
	n->head_known = a->fetch.octets > 0;
	return 0;
}

static int
take_fetch(struct roll *r, struct resp *a, struct err *err)
{
	struct numbered *n = roll_at(r, a->fetch.seq), ignored = { 0 };

	for (;;) {
		take_meta(n != NULL ? n : &ignored, &a->fetch);
		if (n != NULL && is_told(r, &a->fetch))
			r->told[n - r->seen] = true;
		if (!a->more)
			return 0;
		if (n != NULL && a->fetch.part == PART_HEADER
			? read_header(r, a, n, err) < 0
			: a->fetch.body == BODY_LITERAL &&
			      sess_skip_body(r->s, a->fetch.octets, err) < 0)
			return -1;
		if (sess_more(r->s, a, err) < 0)
			return -1;
		/* Broken off: nothing of it is believed. */
		if (a->kind != RESP_FETCH) {
			if (n != NULL)
				n->head_known = false;
			return 0;
		}
	}
}

/* One command and its answers; the tagged one in *ret. */
static int
ask(struct roll *r, const char *set, const char *items, struct resp *ret, struct err *err)
{
	uint32_t tag;

	if (sess_send(r->s, 0, &tag, err, "FETCH %s %s", set, items) < 0)
		return -1;
	for (;;) {
		size_t had = r->s->n_numbers;

		if (sess_next(r->s, ret, NULL, err) < 0)
			return -1;
		if (ret->kind == RESP_TAGGED && ret->tag == tag)
			return 0;
		if (ret->kind == RESP_EXPUNGE)
			roll_expunge(r, ret->number, had);
		if (ret->kind == RESP_FETCH && take_fetch(r, ret, err) < 0)
			return -1;
	}
}

/* What a line left out, or a lost one told, is asked for again alone, and not of many: else a message would be
 * another one in the next run. */
static int
ask_again(struct roll *r, const char *items, bool (*lacks)(const struct roll *r, size_t i), struct err *err)
{
	unsigned asked = 0, in_vain = 0;

	for (size_t i = 0; i < r->len && asked < AGAIN_MAX && in_vain < VAIN_MAX; i++) {
		char set[24];
		struct resp a;

		if (!lacks(r, i))
			continue;
		asked++;
		snprintf(set, sizeof(set), "%zu", r->s->n_numbers + i + 1);
		if (ask(r, set, items, &a, err) < 0)
			return -1;
		in_vain = i < r->len && lacks(r, i) ? in_vain + 1 : 0;
	}
	return 0;
}

static bool
lacks_line(const struct roll *r, size_t i)
{
	return !r->told[i];
}

static bool
lacks_header(const struct roll *r, size_t i)
{
	return r->wanted[i] && !r->seen[i].head_known;
}

static int
list_all(struct roll *r, const char *items, struct err *err)
{
	struct sess *s = r->s;

	r->sizes = strstr(items, "SIZE") != NULL || strcmp(items, "FAST") == 0;
	r->dates = strstr(items, "DATE") != NULL || strcmp(items, "FAST") == 0;
	while (s->n_numbers + r->len < s->exists) {
		size_t lo = s->n_numbers + r->len + 1;
		size_t hi = s->exists - lo < PAGE ? s->exists : lo + PAGE - 1;
		char set[48];
		struct resp a;

		if (roll_grow(r, r->len + (hi - lo + 1), err) < 0)
			return -1;
		snprintf(set, sizeof(set), lo == hi ? "%zu" : "%zu:%zu", lo, hi);
		if (ask(r, set, items, &a, err) < 0)
			return -1;
		if (a.state == STATE_BAD)
			return sess_refused(s, &a, "listing", err);
	}
	return ask_again(r, items, lacks_line, err);
}

/* Sizes and dates of those that the caller asks for: whose header else? */
static int
size_cmp(const void *a, const void *b)
{
	const struct numbered *x = a, *y = b;

	if (x->size != y->size)
		return x->size < y->size ? -1 : 1;
	return x->date < y->date ? -1 : x->date > y->date;
}

static void
want_only(struct roll *r, const struct uidset *only, const struct numbering *known)
{
	struct numbered *key = mem_resize(NULL, known->len + 1, sizeof(*key));
	size_t n = 0;

	for (size_t i = 0; i < known->len; i++)
		if (uidset_has(only, known->one[i].uid))
			key[n++] = known->one[i];
	qsort(key, n, sizeof(*key), size_cmp);
	for (size_t i = 0; i < r->len; i++)
		r->wanted[i] = n > 0 && bsearch(&r->seen[i], key, n, sizeof(*key), size_cmp) != NULL;
	free(key);
}

/* A refusal of headers leaves size and date; of some, those alone. */
static int
read_headers(struct roll *r, struct err *err)
{
	enum { HEADERS = 200 };

	for (size_t i = 0; i < r->len && !r->no_heads;) {
		size_t lo = i, base = r->s->n_numbers, len = r->len;
		char set[48];
		struct resp a;

		if (!r->wanted[i]) {
			i++;
			continue;
		}
		while (i < r->len && i - lo < HEADERS && r->wanted[i])
			i++;
		snprintf(set, sizeof(set), i - lo == 1 ? "%zu" : "%zu:%zu", base + lo + 1, base + i);
		if (ask(r, set, "(RFC822.HEADER)", &a, err) < 0)
			return -1;
		r->no_heads = a.state == STATE_BAD;
		/* Expunged meanwhile: what moved up is there already, or comes with the next. */
		if (r->len < len)
			i -= len - r->len < i ? len - r->len : i;
	}
	return r->no_heads ? 0 : ask_again(r, "(RFC822.HEADER)", lacks_header, err);
}

static int
roll_end(struct roll *r, struct numbering *io, struct err *err)
{
	struct sess *s = r->s;

	if (!numbering_match(io, r->seen, r->len))
		return err_set(err, ERR_PROTOCOL,
		    "the folder has more messages than can be told apart without UIDs (%d)",
		    NUMBERED_MAX);
	s->number = mem_resize(s->number, s->n_numbers + r->len + 1, sizeof(*s->number));
	for (size_t i = 0; i < r->len; i++)
		s->number[s->n_numbers++] = r->seen[i].uid;
	return 0;
}

int
sess_number(struct sess *s, const char *items, const struct uidset *only, struct numbering *io,
    struct err *err)
{
	struct roll r = { .s = s, .digest = digest_new() };
	int rc = list_all(&r, items, err);

	if (rc == 0 && only != NULL)
		want_only(&r, only, io);
	if (rc == 0)
		rc = read_headers(&r, err);
	if (rc == 0)
		rc = roll_end(&r, io, err);
	digest_free(r.digest);
	free(r.seen);
	free(r.wanted);
	free(r.told);
	return rc;
}
