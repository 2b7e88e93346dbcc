#include "engine/rewrite.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "mail/field.h"

/* ---- by digest alone ---- */

/* A digest that leaves out a last line end. */
struct tail {
	struct digest *digest;
	const char *end;
	size_t len; /* of end: 1 or 2 */
	char held[2]; /* the last octets, not yet digested */
	size_t n_held;
};

enum { LF_ROOM = 4096 };

struct rewrite {
	struct digest *as_is, *lf;
	struct tail uncut, lf_uncut;
	bool cr; /* of the LF form: a CR that may belong to an LF */
	char out[LF_ROOM];
	size_t out_len;
};

struct rewrite *
rewrite_new(void)
{
	struct rewrite *r = mem_new(sizeof(*r));

	r->as_is = digest_new();
	r->lf = digest_new();
	r->uncut = (struct tail){ .digest = digest_new(), .end = "\r\n", .len = 2 };
	r->lf_uncut = (struct tail){ .digest = digest_new(), .end = "\n", .len = 1 };
	return r;
}

void
rewrite_free(struct rewrite *r)
{
	if (r == NULL)
		return;
	digest_free(r->as_is);
	digest_free(r->lf);
	digest_free(r->uncut.digest);
	digest_free(r->lf_uncut.digest);
	free(r);
}

void
rewrite_start(struct rewrite *r)
{
	digest_start(r->as_is);
	digest_start(r->lf);
	digest_start(r->uncut.digest);
	digest_start(r->lf_uncut.digest);
	r->uncut.n_held = r->lf_uncut.n_held = 0;
	r->cr = false;
	r->out_len = 0;
}

static void
tail_add(struct tail *t, const char *data, size_t len)
{
	char held[4];
	size_t n = t->n_held, keep;

	if (len == 0)
		return;
	if (len >= t->len) { /* all that was held is followed by enough */
		digest_add(t->digest, t->held, n);
		digest_add(t->digest, data, len - t->len);
		memcpy(t->held, data + len - t->len, t->len);
		t->n_held = t->len;
		return;
	}
	memcpy(held, t->held, n);
	memcpy(held + n, data, len);
	n += len;
	keep = n < t->len ? n : t->len;
	digest_add(t->digest, held, n - keep);
	memcpy(t->held, held + n - keep, keep);
	t->n_held = keep;
}

static void
tail_end(struct tail *t, uint8_t ret[SHA256_LEN])
{
	if (t->n_held < t->len || memcmp(t->held, t->end, t->len) != 0)
		digest_add(t->digest, t->held, t->n_held);
	digest_end(t->digest, ret);
}

static void
lf_flush(struct rewrite *r)
{
	digest_add(r->lf, r->out, r->out_len);
	tail_add(&r->lf_uncut, r->out, r->out_len);
	r->out_len = 0;
}

static void
lf_put(struct rewrite *r, char c)
{
	if (r->out_len == LF_ROOM)
		lf_flush(r);
	r->out[r->out_len++] = c;
}

void
rewrite_add(struct rewrite *r, struct slice octets)
{
	if (octets.len == 0)
		return;
	digest_add(r->as_is, octets.data, octets.len);
	tail_add(&r->uncut, octets.data, octets.len);
	for (size_t i = 0; i < octets.len; i++) {
		char c = octets.data[i];

		if (r->cr && c != '\n')
			lf_put(r, '\r');
		r->cr = c == '\r';
		if (!r->cr)
			lf_put(r, c);
	}
}

const char *
rewrite_end(struct rewrite *r, const uint8_t sha256[SHA256_LEN])
{
	static const char *const words[] = { "", "the server added a line end at the end",
		"the server made CRLF of its LF",
		"the server made CRLF of its LF and added a line end at the end" };
	uint8_t sum[COUNT_OF(words)][SHA256_LEN];

	if (r->cr)
		lf_put(r, '\r');
	lf_flush(r);
	digest_end(r->as_is, sum[0]);
	tail_end(&r->uncut, sum[1]);
	digest_end(r->lf, sum[2]);
	tail_end(&r->lf_uncut, sum[3]);
	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (memcmp(sum[i], sha256, SHA256_LEN) == 0)
			return words[i];
	return NULL;
}

/* ---- by both headers ---- */

struct fields {
	struct field *field;
	bool *used; /* has its partner on the other side */
	size_t len;
};

static void
fields_read(struct fields *f, struct slice header)
{
	size_t cap = 0;

	while (f->len < REWRITE_FIELDS_MAX) {
		if (f->len == cap) {
			cap = cap ? 2 * cap : 64;
			f->field = mem_resize(f->field, cap, sizeof(*f->field));
		}
		if (!field_next(&header, &f->field[f->len]))
			break;
		f->len++;
	}
	f->used = mem_new(f->len + 1);
}

static void
fields_done(struct fields *f)
{
	free(f->field);
	free(f->used);
}

static bool
field_same_name(const struct field *a, const struct field *b)
{
	if (a->name.len != b->name.len)
		return false;
	for (size_t i = 0; i < a->name.len; i++) {
		char x = a->name.data[i], y = b->name.data[i];

		if (x != y && ((x ^ y) != 0x20 || (x | 0x20) < 'a' || (x | 0x20) > 'z'))
			return false;
	}
	return true;
}

static bool
value_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Equal but for folds and the width of blanks. */
static bool
field_same_value(const struct field *a, const struct field *b)
{
	struct slice x = field_trim(a->value), y = field_trim(b->value);
	size_t i = 0, k = 0;

	while (i < x.len && k < y.len) {
		bool blank = value_blank(x.data[i]);

		if (blank != value_blank(y.data[k]) || (!blank && x.data[i] != y.data[k]))
			return false;
		i++, k++;
		while (blank && i < x.len && value_blank(x.data[i]))
			i++;
		while (blank && k < y.len && value_blank(y.data[k]))
			k++;
	}
	return i == x.len && k == y.len;
}

/* Fields of both that are the same find each other; with `name_only`, those of one name. A header
 * with many fields is nearly always the same on both sides, so the search begins where the last one
 * ended. */
static void
fields_pair(struct fields *a, struct fields *b, bool name_only, bool *changed)
{
	size_t from = 0;

	for (size_t i = 0; i < a->len; i++) {
		for (size_t n = 0; n < b->len && !a->used[i]; n++) {
			size_t k = (from + n) % b->len;

			if (b->used[k] || !field_same_name(&a->field[i], &b->field[k]) ||
			    (!name_only && !field_same_value(&a->field[i], &b->field[k])))
				continue;
			a->used[i] = b->used[k] = true;
			from = k + 1;
			if (changed != NULL)
				changed[i] = true;
		}
	}
}

static bool
named_before(const struct fields *f, const bool *which, bool want, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (which[k] == want && field_same_name(&f->field[k], &f->field[i]))
			return true;
	return false;
}

/* "it added A, B and others". */
static void
fields_tell(const struct fields *f, const bool *which, bool want, const char *verb, struct buf *out)
{
	size_t n = 0;

	for (size_t i = 0; i < f->len; i++) {
		if (which[i] != want || named_before(f, which, want, i))
			continue;
		if (n == REWRITE_NAMES_MAX) {
			buf_add_str(out, " and others");
			return;
		}
		if (n++ == 0)
			buf_printf(out, "%sit %s ", out->len ? "; " : "", verb);
		else
			buf_add_str(out, ", ");
		buf_printf(out, "%.*s", f->field[i].name.len < 60 ? (int)f->field[i].name.len : 60,
		    f->field[i].name.data);
	}
}

void
rewrite_fields(struct slice before, struct slice after, struct buf *out)
{
	struct fields a = { 0 }, b = { 0 };
	bool *changed;

	fields_read(&a, before);
	fields_read(&b, after);
	changed = mem_new(a.len + 1);
	fields_pair(&a, &b, false, NULL);
	fields_pair(&a, &b, true, changed);
	fields_tell(&b, b.used, false, "added", out);
	fields_tell(&a, a.used, false, "left out", out);
	fields_tell(&a, changed, true, "changed", out);
	free(changed);
	fields_done(&a);
	fields_done(&b);
}
