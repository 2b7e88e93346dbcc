/* Records are looked at first, headers only; then the data that is needed is copied once, from the
 * file into a spool and from there into the message. */
#include "store/exchange/message.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "mail/parts.h"
#include "mail/rebuild.h"
#include "store/exchange/compose.h"

enum {
	MEMORY = 4 * 1024 * 1024,
	STEP = 64 * 1024,
	NAMES_ARENA = 16 * 1024 * 1024
};

struct exmessage {
	struct spool *octets, *text;
	struct expart *part;	/* attachments */
	size_t n_parts, cap;
	struct expart body;
	bool has_body;
	struct arena names;
	struct buf utf8;
	char *room;
	struct codepage *page;
	struct mail_address *people;
	size_t people_cap;
};

struct exmessage *
exmessage_new(int dir)
{
	struct exmessage *x = mem_new(sizeof(*x));

	x->octets = spool_new(dir, MEMORY);
	x->text = spool_new(dir, MEMORY);
	x->room = mem_resize(NULL, STEP, 1);
	arena_init(&x->names, NAMES_ARENA);
	buf_init(&x->utf8, 8 * STEP);
	return x;
}

void
exmessage_free(struct exmessage **ref)
{
	struct exmessage *x = *ref;

	if (x == NULL)
		return;
	spool_free(&x->octets);
	spool_free(&x->text);
	codepage_close(&x->page);
	arena_done(&x->names);
	buf_done(&x->utf8);
	free(x->room);
	free(x->part);
	free(x->people);
	free(x);
	*ref = NULL;
}

/* ---- records ---- */

static void
keep_part(struct exmessage *x, const struct expart *p)
{
	const char *name = arena_copy(&x->names, p->head.name);

	if (x->n_parts == x->cap) {
		x->cap = x->cap > 0 ? 2 * x->cap : 16;
		x->part = mem_resize(x->part, x->cap, sizeof(*x->part));
	}
	x->part[x->n_parts] = *p;
	x->part[x->n_parts++].head.name = slice_str(name != NULL ? name : "attachment");
}

/* False: *ret_fault; what was found before it stays. */
static bool
find_records(struct exmessage *x, struct exread *r, const struct expointer *body,
    struct exfault *ret_fault)
{
	struct exmsg m;
	struct expart p;
	enum exstep step;

	x->n_parts = 0;
	x->has_body = false;
	arena_reset(&x->names);
	if (!exmsg_begin(r, body, &m, ret_fault))
		return false;
	while ((step = exmsg_next(r, &m, &p, ret_fault)) == EXSTEP_ITEM) {
		if (p.head.type == EXRECORD_BODY && !x->has_body) {
			x->body = p;
			x->has_body = true;
		} else if (p.head.type != EXRECORD_OTHER) {
			keep_part(x, &p);
		}
	}
	return step == EXSTEP_END;
}

/* 0: all of it; 1: *ret_fault, the rest cannot be read; -1: *err. */
static int
copy_data(struct exmessage *x, struct exread *r, const struct expart *p, struct spool *out,
    struct exfault *ret_fault, struct err *err)
{
	uint64_t from = 0, end = p->head.length;

	if (p->head.macbinary) {
		exmsg_macbinary(r, p, &from, &end);
		end += from;
	}
	while (from < end) {
		size_t len = end - from < STEP ? (size_t)(end - from) : STEP, got;

		if (!exmsg_read(r, p, from, x->room, len, &got, ret_fault))
			return 1;
		if (got == 0)
			break;
		if (spool_add(out, (struct slice){ x->room, got }, err) < 0)
			return -1;
		from += got;
	}
	return 0;
}

/* The text in UTF-8. */
static int
copy_text(struct exmessage *x, struct exread *r, struct exfault *ret_fault, struct err *err)
{
	struct slice piece;
	int rc;

	spool_reset(x->octets);
	spool_reset(x->text);
	rc = copy_data(x, r, &x->body, x->octets, ret_fault, err);
	if (rc < 0)
		return -1;
	for (uint64_t at = 0;; at += piece.len) {
		if (spool_read(x->octets, at, STEP, &piece, err) < 0)
			return -1;
		if (piece.len == 0)
			return rc;
		size_t whole = codepage_whole(x->page, piece);

		if (whole > 0 && at + piece.len < spool_len(x->octets))
			piece.len = whole;
		buf_reset(&x->utf8);
		(void)codepage_decode(x->page, piece, &x->utf8);
		if (spool_add(x->text, buf_slice(&x->utf8), err) < 0)
			return -1;
	}
}

/* ---- the source ---- */

static bool
same_date(const struct date *a, const struct date *b)
{
	return a->known == b->known && (!a->known || a->epoch == b->epoch);
}

/* Is it the message of this very line? */
static bool
is_source_of(struct spool *octets, const struct exitem *item)
{
	struct mail_parts p;
	struct err ignored = { 0 };
	bool same;

	if (parts_open(&p, octets, &ignored) < 0)
		return false;
	same = same_date(&p.sent, &item->sent) &&
	       (p.n_from == 0 ? item->sender.address.len == 0
			      : slice_eq_nocase(item->sender.address, p.from[0].address));
	parts_close(&p);
	return same;
}

/* 1: it is in `out`. */
static int
try_source(struct exmessage *x, struct exread *r, const struct exitem *item, bool has_source,
    struct spool *out, struct err *err)
{
	const struct expart *last = x->n_parts > 0 ? &x->part[x->n_parts - 1] : NULL;
	struct exfault fault;

	if (last == NULL || !last->head.last || !slice_eq(last->head.name, EXCOMPOSE_SOURCE))
		return 0;
	spool_reset(out);
	int rc = copy_data(x, r, last, out, &fault, err);

	if (rc < 0)
		return -1;
	return rc == 0 && (has_source || is_source_of(out, item));
}

/* ---- rebuilding ---- */

static const struct mail_address *
add_people(struct exmessage *x, const struct exrecip *who, size_t n, size_t *io_at)
{
	struct mail_address *first = x->people + *io_at;

	for (size_t i = 0; i < n; i++) {
		const char *name = arena_copy(&x->names, who[i].display);
		const char *address = arena_copy(&x->names, who[i].address);

		x->people[(*io_at)++] = (struct mail_address){ .name = name ? name : "",
			.address = address ? address : "" };
	}
	return first;
}

static void
fill_fields(struct exmessage *x, const struct exitem *item, struct rebuild *ret)
{
	bool sender = item->sender.display.len + item->sender.address.len > 0;
	const char *subject = arena_copy(&x->names, item->subject);
	size_t want = item->to.len + item->cc.len + item->bcc.len + 1, at = 0;

	if (want > x->people_cap) {
		x->people_cap = want;
		x->people = mem_resize(x->people, want, sizeof(*x->people));
	}
	*ret = (struct rebuild){ .n_from = sender,
		.n_to = item->to.len,
		.n_cc = item->cc.len,
		.n_bcc = item->bcc.len,
		.subject = subject ? subject : "",
		.sent = item->sent.known ? item->sent : item->received,
		.priority = item->priority };
	ret->from = add_people(x, &item->sender, sender, &at);
	ret->to = add_people(x, item->to.recip, item->to.len, &at);
	ret->cc = add_people(x, item->cc.recip, item->cc.len, &at);
	ret->bcc = add_people(x, item->bcc.recip, item->bcc.len, &at);
}

static int
rebuild_parts(struct exmessage *x, struct exread *r, struct rebuild *b, struct spool *out,
    bool *io_partly, struct exfault *ret_fault, struct err *err)
{
	spool_reset(out);
	if (rebuild_begin(b, x->n_parts, out, err) < 0)
		return -1;
	for (size_t i = 0; i < x->n_parts; i++) {
		const char *name = arena_copy(&x->names, x->part[i].head.name);
		struct rebuild_attachment a = { .name = name ? name : "attachment",
			.octets = x->octets };

		spool_reset(x->octets);
		int rc = copy_data(x, r, &x->part[i], x->octets, ret_fault, err);

		if (rc < 0 || rebuild_attach(b, &a, out, err) < 0)
			return -1;
		*io_partly |= rc == 1;
	}
	return rebuild_end(b, out, err);
}

static int
settle_page(struct exmessage *x, const struct exread *r, struct err *err)
{
	if (x->page != NULL && codepage_number(x->page) == exread_codepage(r))
		return 0;
	codepage_close(&x->page);
	x->page = NULL;
	return codepage_open(&x->page, exread_codepage(r), err);
}

enum exmessage_kind
exmessage_read(struct exmessage *x, struct exread *r, const struct exitem *item, bool has_source,
    struct spool *out, struct exfault *ret_fault, struct err *err)
{
	bool partly = !find_records(x, r, &item->body, ret_fault);
	struct rebuild fields;
	int rc;

	if (partly && !x->has_body && x->n_parts == 0)
		return EXMESSAGE_LOST;
	rc = partly ? 0 : try_source(x, r, item, has_source, out, err);
	if (rc != 0)
		return rc < 0 ? EXMESSAGE_ERR : EXMESSAGE_SOURCE;
	if (settle_page(x, r, err) < 0)
		return EXMESSAGE_ERR;
	fill_fields(x, item, &fields);
	if (x->has_body) {
		rc = copy_text(x, r, ret_fault, err);
		if (rc < 0)
			return EXMESSAGE_ERR;
		partly |= rc == 1;
		fields.text = x->text;
	}
	if (rebuild_parts(x, r, &fields, out, &partly, ret_fault, err) < 0)
		return EXMESSAGE_ERR;
	return partly ? EXMESSAGE_PARTLY : EXMESSAGE_REBUILT;
}
