/* Is it there already? After a cut, a kill, a refusal, or in a folder that somebody else has filled,
 * a message is looked for before it is sent: by the digest of its stable header fields first, then
 * by that of the whole (mail/identity.h). Each copy on the server stands for one message only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/to_imap/imap_sink.h"

enum { SET_OCTETS = 900, CAND_READS = 2, ALONE_MAX = 64 };

void
dest_claim(struct folder_at *at, uint32_t uid)
{
	uidset_add(&at->claimed, uid, uid);
	uidset_sort(&at->claimed);
}

/* UIDs that rows name. */
static int
claim_rows(struct folder_at *at, struct err *err)
{
	struct msg_page *page;
	uint32_t after = 0;
	int rc = 0;

	if (!at->has_rows || at->void_from == 1)
		return 0;
	page = msg_page_new();
	while ((rc = at->rows.next(at->rows.arg, after, page, err)) == 0 && page->len > 0) {
		for (size_t i = 0; i < page->len; i++)
			if (page->msg[i].dest_uid != 0 &&
			    (at->void_from == 0 || page->msg[i].dest_uid < at->void_from))
				uidset_add(&at->claimed, page->msg[i].dest_uid,
				    page->msg[i].dest_uid);
		after = page->msg[page->len - 1].uid;
	}
	msg_page_free(page);
	uidset_sort(&at->claimed);
	dest_top_rises(at, uidset_last(&at->claimed));
	return rc;
}

/* All UIDs of the selected folder. What EXISTS says is no reason to ask less; of more messages than are named the others
 * may be just those that are looked for. Where it is not told nothing speaks for SEARCH but FETCH. */
static int
list_uids(struct sink *s, struct uidset *ret, struct err *err)
{
	struct resp r = { 0 };
	struct asked a;
	uint32_t tag;
	bool any = false;

	uidset_clear(ret);
	for (int form = 0; form < 2; form++) {
		if (sess_send(s->s, DEST_OTHER, &tag, err, "%s",
			form == 0 ? "UID SEARCH ALL" : "UID FETCH 1:* (UID)") < 0)
			return dest_failed(s, err);
		do {
			if (dest_pump(s, &r, &a, err) < 0)
				return -1;
			if (r.kind == RESP_SEARCH && !uidset_join(&s->s->reader.set, ret))
				return err_set(err, ERR_FOLDER, "too many UIDs to look through");
			if (r.kind == RESP_FETCH && r.fetch.uid != 0)
				uidset_add(ret, r.fetch.uid, r.fetch.uid);
			if (sess_drop(s->s, &r, err) < 0)
				return dest_failed(s, err);
		} while (r.kind != RESP_TAGGED || r.tag != tag);
		uidset_sort(ret);
		any |= r.state == STATE_OK;
		if (r.state == STATE_OK && s->s->exists_known && uidset_count(ret) >= s->s->exists)
			return 0;
	}
	if (any && !s->s->exists_known)
		return 0;
	if (r.state == STATE_OK)
		return err_set(err, ERR_FOLDER,
		    "the destination counts %u messages in this folder and names %llu of them: what is looked for may be one of the others",
		    s->s->exists, (unsigned long long)uidset_count(ret));
	return sess_refused(s->s, &r, "listing what is there", err) < 0 ? (err->scope = SCOPE_FOLDER, -1) : 0;
}

static struct cand *
cand_add(struct folder_at *at, uint32_t uid)
{
	if ((at->n_cands & (at->n_cands - 1)) == 0)
		at->cand =
		    mem_resize(at->cand, at->n_cands ? 2 * at->n_cands : 1, sizeof(*at->cand));

	struct cand *c = &at->cand[at->n_cands++];

	*c = (struct cand){ .uid = uid };
	uidset_add(&at->known, uid, uid);
	at->sorted = false;
	return c;
}

/* ---- reading ---- */

static int
feed(struct sink *s, struct slice part, struct err *err)
{
	identity_add(s->identity, part);
	if (s->keep == NULL || spool_add(s->keep, part, err) == 0)
		return 0;
	s->broken = true; /* in the middle of a body */
	return -1;
}

/* The body item that was announced, into the maker. */
static int
feed_body(struct sink *s, struct resp *r, struct err *err)
{
	uint64_t left = r->fetch.octets;

	identity_start(s->identity);
	if (s->keep != NULL)
		spool_reset(s->keep);
	if (r->fetch.body == BODY_INLINE)
		return feed(s, r->fetch.text, err);
	while (left > 0) {
		struct slice part;

		if (sess_literal_part(s->s, &left, &part, err) < 0)
			return dest_failed(s, err);
		if (feed(s, part, err) < 0)
			return -1;
	}
	return 0;
}

/* One FETCH answer with a body; *ret_got: *ret is its identity. The UID may come after the body. */
static int
take_body(struct sink *s, struct resp *r, struct identity *ret, bool *ret_got, struct err *err)
{
	*ret_got = false;
	while (r->kind == RESP_FETCH && r->more) {
		if (r->fetch.body != BODY_NIL && !*ret_got) {
			if (feed_body(s, r, err) < 0)
				return -1;
			identity_end(s->identity, ret);
			*ret_got = true;
		} else if (r->fetch.body == BODY_LITERAL &&
			   sess_skip_body(s->s, r->fetch.octets, err) < 0) {
			return dest_failed(s, err);
		}
		if (sess_more(s->s, r, err) < 0)
			return dest_failed(s, err);
	}
	return 0;
}

static void
keep_facts(const struct fetch_data *f, struct kept_copy *ret)
{
	ret->flags = f->has_flags ? f->flags.system : 0;
	snprintf(ret->keywords, sizeof(ret->keywords), "%s", f->has_flags ? f->flags.keywords : "");
	ret->size = f->has_size ? f->size : 0;
	ret->date = f->has_date ? f->date : (struct date){ .known = false };
}

/* One message; of the last answer that has a body: its identity and, unless NULL, its facts. */
static int
fetch_one(struct sink *s, uint32_t uid, const char *items, struct identity *ret,
    struct kept_copy *ret_facts, bool *ret_found, struct err *err)
{
	struct resp r = { 0 };
	struct asked a;
	uint32_t tag;

	*ret_found = false;
	if (sess_send(s->s, DEST_OTHER, &tag, err, "UID FETCH %u (%s)", uid, items) < 0)
		return dest_failed(s, err);
	do {
		struct identity id;
		bool got;

		if (dest_pump(s, &r, &a, err) < 0 || take_body(s, &r, &id, &got, err) < 0)
			return -1;
		if (got && r.kind == RESP_FETCH && r.fetch.uid == uid) {
			*ret = id;
			*ret_found = true;
			if (ret_facts != NULL)
				keep_facts(&r.fetch, ret_facts);
		}
	} while (r.kind != RESP_TAGGED || r.tag != tag);
	return 0;
}

/* RFC 1730 has other words for both (docs/quirks.md 3.1). */
static const char *
whole_item(const struct sink *s)
{
	return s->s->level == LEVEL_IMAP4 ? "RFC822.PEEK" : "BODY.PEEK[]";
}

static const char *
header_item(const struct sink *s)
{
	return s->s->level == LEVEL_IMAP4 ? "RFC822.HEADER" : "BODY.PEEK[HEADER]";
}

int
dest_identity(
    struct sink *s, uint32_t uid, struct identity *ret, bool *ret_found, struct err *err)
{
	char items[40];

	snprintf(items, sizeof(items), "UID %s", whole_item(s));
	return fetch_one(s, uid, items, ret, NULL, ret_found, err);
}

int
dest_keep(struct sink *s, struct folder_at *at, uint32_t uid, struct spool *into,
    struct kept_copy *ret, bool *ret_whole, struct err *err)
{
	struct identity id;
	char items[80];
	int rc;

	(void)at;
	snprintf(items, sizeof(items), "UID FLAGS INTERNALDATE RFC822.SIZE %s", whole_item(s));
	*ret = (struct kept_copy){ .size = 0 };
	spool_reset(into);
	s->keep = into;
	rc = fetch_one(s, uid, items, &id, ret, ret_whole, err);
	s->keep = NULL;
	if (rc < 0 || !*ret_whole)
		return rc;
	ret->octets = id.octets;
	memcpy(ret->sha256, id.exact, SHA256_LEN);
	*ret_whole = id.octets > 0 && id.octets >= ret->size && spool_len(into) == id.octets;
	return 0;
}

int
dest_spool_identity(
    struct sink *s, struct spool *body, struct identity *ret, struct err *err)
{
	uint64_t at = 0;

	identity_start(s->identity);
	for (;;) {
		struct slice part;

		if (spool_read(body, at, 128 * 1024, &part, err) < 0)
			return -1;
		if (part.len == 0)
			break;
		identity_add(s->identity, part);
		at += part.len;
	}
	identity_end(s->identity, ret);
	return 0;
}

/* Of sorted words, whatever their case. */
static uint32_t
keywords_sum(const char *keywords)
{
	uint32_t sum = 0;

	/* Keywords differ in order when they differ in case: each word counts alone. */
	for (const char *p = keywords; *p != '\0';) {
		uint32_t word = 2166136261u;

		for (; *p != '\0' && *p != ' '; p++)
			word = (word ^ ((unsigned char)*p | 0x20u)) * 16777619u;
		sum += word;
		p += *p == ' ';
	}
	return sum;
}

static void
cand_fill(struct cand *c, const struct identity *id, const struct fetch_data *f)
{
	memcpy(c->head, id->head, sizeof(c->head));
	c->date_known = f->has_date && f->date.known;
	c->date = f->date.epoch;
	c->system = f->flags.system & FLAGS_STORED;
	c->keywords = keywords_sum(f->has_flags ? f->flags.keywords : "");
}

static int
take_headers(struct sink *s, struct folder_at *at, const struct uidset *asked, uint32_t tag, struct err *err)
{
	uint64_t most = at->n_cands + uidset_count(asked);
	struct resp r = { 0 };
	struct asked a;

	do {
		struct identity id;
		bool got;

		if (dest_pump(s, &r, &a, err) < 0 || take_body(s, &r, &id, &got, err) < 0)
			return -1;
		if (!got || r.kind != RESP_FETCH || !uidset_has(asked, r.fetch.uid) ||
		    uidset_has(&at->known, r.fetch.uid) || at->n_cands == most)
			continue;
		if (at->n_cands == CANDIDATES_MAX)
			return err_set(err, ERR_FOLDER,
			    "more than %d messages are there already that no row names", CANDIDATES_MAX);
		cand_fill(cand_add(at, r.fetch.uid), &id, &r.fetch);
		sess_progress(s->s);
	} while (r.kind != RESP_TAGGED || r.tag != tag);
	if (!sess_must_wait(&r))
		return 0;
	sess_refused(s->s, &r, "looking for what is there", err);
	return dest_failed(s, err);
}

static int
look_at(struct sink *s, struct folder_at *at, const struct uidset *set, struct err *err)
{
	struct buf text;
	size_t from = 0;
	int rc = 0;

	buf_init(&text, SET_OCTETS + 64);
	while (rc == 0 && from < set->len) {
		uint32_t tag;

		buf_reset(&text);
		from += uidset_text(set, from, SET_OCTETS, &text);
		if (sess_send(s->s, DEST_OTHER, &tag, err, "UID FETCH %s (UID FLAGS INTERNALDATE %s)",
			text.data, header_item(s)) < 0)
			rc = dest_failed(s, err);
		else
			rc = take_headers(s, at, set, tag, err);
	}
	buf_done(&text);
	return rc;
}

/* Those of a list whose header has not come. */
static void
without_head(struct folder_at *at, const struct uidset *list, struct uidset *ret)
{
	uidset_clear(ret);
	uidset_sort(&at->known);
	uidset_minus(list, &at->known, ret);
	uidset_sort(ret);
}

/* Of messages that are there and have no header: may one be imex's own? */
static void
keep_headless(struct sink *s, struct folder_at *at, const struct uidset *left, const char *reply)
{
	if (left->len == 0)
		return;
	at->headless = uidset_after(left, at->born > 0 ? at->born - 1 : 0);
	if (!at->headless_told)
		dest_note(s, EV_REFUSED, 0, "UID FETCH", reply, true,
		    "the destination does not give the header of %llu of its messages, the first has UID %u there: what is "
		    "the same on the source cannot be recognised",
		    (unsigned long long)uidset_count(left), left->range[0].lo);
	at->headless_told = true;
}

/* One that a server cannot read may have taken the others with it: they are asked for alone. What then has no header
 * and is there may be just that which is looked for. */
static int
look_alone(struct sink *s, struct folder_at *at, const struct uidset *left, struct err *err)
{
	struct uidset one, all, gone;
	char reply[256] = "";
	uint32_t uid = 0;
	int rc = 0;

	uidset_init(&one);
	uidset_init(&all);
	uidset_init(&gone);
	for (int n = 0; rc == 0 && n < ALONE_MAX && (uid = uidset_after(left, uid)) != 0; n++) {
		size_t had = at->n_cands;

		uidset_clear(&one);
		uidset_add(&one, uid, uid);
		rc = look_at(s, at, &one, err);
		if (at->n_cands == had)
			snprintf(reply, sizeof(reply), "%.*s", (int)sizeof(reply) - 1, s->s->reply);
	}
	if (rc == 0 && (rc = list_uids(s, &all, err)) == 0) {
		without_head(at, left, &one);
		uidset_minus(&one, &all, &gone);
		uidset_sort(&gone);
		uidset_clear(&all);
		uidset_minus(&one, &gone, &all);
		uidset_sort(&all);
		keep_headless(s, at, &all, reply);
	}
	uidset_done(&one);
	uidset_done(&all);
	uidset_done(&gone);
	return rc;
}

int
dest_look(struct sink *s, struct folder_at *at, struct err *err)
{
	struct uidset all, unclaimed, unknown;
	int rc = -1;

	uidset_init(&all);
	uidset_init(&unclaimed);
	uidset_init(&unknown);
	if (!at->looked && claim_rows(at, err) < 0)
		goto out;
	at->looked = true;
	if (dest_refresh(s, err) < 0 || list_uids(s, &all, err) < 0)
		goto out;
	uidset_minus(&all, &at->claimed, &unclaimed);
	uidset_sort(&unclaimed);
	without_head(at, &unclaimed, &unknown);
	if (uidset_last(&all) >= at->uidnext && uidset_last(&all) < UINT32_MAX)
		at->uidnext = uidset_last(&all) + 1;
	at->headless = 0;
	if (look_at(s, at, &unknown, err) < 0)
		goto out;
	without_head(at, &unclaimed, &unknown);
	rc = unknown.len > 0 ? look_alone(s, at, &unknown, err) : 0;
out:
	uidset_done(&all);
	uidset_done(&unclaimed);
	uidset_done(&unknown);
	return rc;
}

int
dest_uids(struct sink *s, struct folder_at *at, struct uidset *ret, struct err *err)
{
	(void)at;
	uidset_clear(ret);
	return dest_refresh(s, err) < 0 ? -1 : list_uids(s, ret, err);
}

/* ---- matching ---- */

/* Is it there, though its body did not come? */
static int
is_there(struct sink *s, uint32_t uid, bool *ret, struct err *err)
{
	struct uidset all;
	int rc;

	uidset_init(&all);
	rc = dest_refresh(s, err) < 0 ? -1 : list_uids(s, &all, err);
	*ret = rc == 0 && uidset_has(&all, uid);
	uidset_done(&all);
	return rc;
}

/* One that is gone is no copy; of one that cannot be read nobody knows. */
static int
cand_whole(struct sink *s, struct cand *c, struct err *err)
{
	struct identity id;
	bool found, there = true;

	if (c->whole_known)
		return 0;
	for (int tries = 0; tries < CAND_READS; tries++) {
		if (dest_identity(s, c->uid, &id, &found, err) < 0)
			return -1;
		if (found) {
			c->whole_known = true;
			memcpy(c->whole, id.whole, sizeof(c->whole));
			return 0;
		}
	}
	if (is_there(s, c->uid, &there, err) < 0)
		return -1;
	c->used = !there;
	return 0;
}

static int
cand_order(const void *a, const void *b)
{
	const struct cand *x = a, *y = b;
	int rc = memcmp(x->head, y->head, sizeof(x->head));

	return rc != 0 ? rc : x->uid < y->uid ? -1 : x->uid > y->uid;
}

/* The first candidate with that head, or the one behind where it would be. */
static size_t
cand_first(struct folder_at *at, const uint8_t *head)
{
	size_t lo = 0, hi = at->n_cands;

	if (!at->sorted && at->n_cands > 0)
		qsort(at->cand, at->n_cands, sizeof(*at->cand), cand_order);
	at->sorted = true;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (memcmp(at->cand[mid].head, head, sizeof(at->cand->head)) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int
try_cand(struct sink *s, struct folder_at *at, struct cand *c, const struct identity *id,
    uint32_t *ret, struct err *err)
{
	if (!c->used && cand_whole(s, c, err) < 0)
		return -1;
	if (!c->used && !c->whole_known) {
		at->unread = c->uid;
		return 0;
	}
	if (c->used || memcmp(c->whole, id->whole, sizeof(c->whole)) != 0)
		return 0;
	c->used = true;
	dest_claim(at, c->uid);
	*ret = c->uid;
	return 0;
}

/* How well a candidate fits the message at hand, besides its octets: 0 in date and flags, 1 in its
 * date, 2 neither. Where no dates are known they count as equal. */
static int
fits(const struct sink *s, const struct cand *c)
{
	if (c->date_known && s->given.known && c->date != s->given.epoch)
		return 2;
	return c->system == (s->now.flags.system & FLAGS_STORED) &&
		       c->keywords == keywords_sum(s->now.flags.keywords)
		   ? 0
		   : 1;
}

/* Of several equal ones that which fits best is taken first; when only looking, no other: it may be
 * the copy of an equal message that comes later. A message that was never sent is none that has no header. */
int
dest_match(struct sink *s, struct folder_at *at, const struct identity *id, uint32_t *ret,
    struct err *err)
{
	size_t first = cand_first(at, id->head);
	int worst = s->care == CARE_LOOK ? 0 : 2;

	*ret = at->unread = 0;
	for (int how = 0; how <= worst; how++) {
		for (size_t i = first; i < at->n_cands && *ret == 0; i++) {
			struct cand *c = &at->cand[i];

			if (memcmp(c->head, id->head, sizeof(c->head)) != 0)
				break;
			if (s->care == CARE_NONE && at->doubt_from != 0 && c->uid >= at->doubt_from)
				continue;
			if (fits(s, c) == how && try_cand(s, at, c, id, ret, err) < 0)
				return -1;
		}
	}
	if (*ret == 0 && at->unread == 0 && s->care != CARE_NONE)
		at->unread = at->headless;
	return 0;
}

/* ---- stored twice ---- */

int
dest_surplus(struct sink *s, struct folder_at *at, struct surplus_copy **ret, size_t *ret_n,
    struct err *err)
{
	*ret = NULL;
	*ret_n = 0;
	if (at->added == 0)
		return 0;
	if (dest_is_stale(s) && dest_refresh(s, err) < 0)
		return -1;
	if (s->s->exists_known && s->s->exists <= (uint64_t)at->begun_with + at->added)
		return 0;
	if (dest_look(s, at, err) < 0)
		return -1;
	for (size_t i = 0; i < at->n_cands && *ret_n < SURPLUS_MAX; i++) {
		const struct cand *c = &at->cand[i];
		struct identity id;
		bool found;

		if (c->used || c->uid < at->first)
			continue;
		if (dest_identity(s, c->uid, &id, &found, err) < 0) {
			free(*ret);
			*ret = NULL;
			return -1;
		}
		if (!found)
			continue;
		*ret = mem_resize(*ret, *ret_n + 1, sizeof(**ret));
		(*ret)[*ret_n].uid = c->uid;
		memcpy((*ret)[(*ret_n)++].sha256, id.exact, SHA256_LEN);
	}
	return 0;
}
