/* How many messages the destination has that no message of the source accounts for, before anything was
 * copied: by the digests of the stable header fields on both sides, one to one. A run compares the whole
 * message, so this is what will go at least when headers are equal and bodies are not. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/map.h"
#include "mail/identity.h"

enum { HEADS_MAX = 8 * 1024 * 1024 };

struct heads {
	uint8_t (*head)[SHA256_LEN];
	size_t n;
};

static int
head_order(const void *a, const void *b)
{
	return memcmp(a, b, SHA256_LEN);
}

static int
heads_add(struct heads *h, const uint8_t *head, struct err *err)
{
	if (h->n >= HEADS_MAX)
		return err_set(err, ERR_FOLDER, "more messages than fit into memory");
	if ((h->n & (h->n - 1)) == 0)
		h->head = mem_resize(h->head, h->n ? 2 * h->n : 1, sizeof(*h->head));
	memcpy(h->head[h->n++], head, SHA256_LEN);
	return 0;
}

/* The header that was announced, into the maker. */
static int
feed_header(struct sess *s, const struct resp *r, struct identity_maker *m, struct err *err)
{
	uint64_t left = r->fetch.body == BODY_LITERAL ? r->fetch.octets : 0;

	identity_start(m);
	if (r->fetch.body == BODY_INLINE)
		identity_add(m, r->fetch.text);
	while (left > 0) {
		struct slice part;

		if (sess_literal_part(s, &left, &part, err) < 0)
			return -1;
		identity_add(m, part);
	}
	return 0;
}

/* One answer; a message counts once, however many bodies it comes with. */
static int
take_header(struct sess *s, struct resp *r, struct identity_maker *m, struct heads *h,
    struct err *err)
{
	bool got = false;

	while (r->kind == RESP_FETCH && r->more) {
		struct identity id;

		if (feed_header(s, r, m, err) < 0)
			return -1;
		identity_end(m, &id);
		if (!got && r->fetch.body != BODY_NIL && heads_add(h, id.head, err) < 0)
			return -1;
		sess_progress(s);
		got = true;
		if (sess_more(s, r, err) < 0)
			return -1;
	}
	return sess_drop(s, r, err);
}

/* *ret_all false: the server did not give all of them. */
static int
read_heads(struct sess *s, struct slice name, struct identity_maker *m, struct heads *h,
    bool *ret_all, struct err *err)
{
	struct folder_head head;
	struct resp r;
	uint32_t tag;

	*ret_all = false;
	if (sess_examine(s, name, &head, err) < 0)
		return err->scope > SCOPE_FOLDER ? -1 : (*err = (struct err){ 0 }, 0);
	*ret_all = head.exists == 0;
	if (*ret_all)
		return 0;
	if (sess_send(s, 0, &tag, err, "UID FETCH 1:* (UID BODY.PEEK[HEADER])") < 0)
		return -1;
	do {
		if (sess_next(s, &r, NULL, err) < 0 || take_header(s, &r, m, h, err) < 0)
			return -1;
	} while (r.kind != RESP_TAGGED || r.tag != tag);
	*ret_all = r.state == STATE_OK && h->n >= head.exists;
	return 0;
}

/* Members of `there` without one of `here`. Both are sorted by it. */
static uint64_t
heads_without(struct heads *there, struct heads *here)
{
	uint64_t extra = 0;
	size_t k = 0;

	if (there->n > 0)
		qsort(there->head, there->n, sizeof(*there->head), head_order);
	if (here->n > 0)
		qsort(here->head, here->n, sizeof(*here->head), head_order);
	for (size_t i = 0; i < there->n; i++) {
		while (k < here->n && head_order(here->head[k], there->head[i]) < 0)
			k++;
		if (k < here->n && head_order(here->head[k], there->head[i]) == 0)
			k++;
		else
			extra++;
	}
	return extra;
}

int
map_extra(struct sess *source, struct sess *dest, struct slice from, struct slice to,
    struct map_row *io, struct err *err)
{
	struct identity_maker *m = identity_new();
	struct heads here = { 0 }, there = { 0 };
	bool all_here, all_there = false;
	int rc = read_heads(source, from, m, &here, &all_here, err);

	if (rc == 0 && all_here)
		rc = read_heads(dest, to, m, &there, &all_there, err);
	io->extra_known = rc == 0 && all_here && all_there;
	if (io->extra_known) {
		io->extra = heads_without(&there, &here);
		io->there = (uint32_t)there.n;
	}
	free(here.head);
	free(there.head);
	identity_free(m);
	return rc;
}
