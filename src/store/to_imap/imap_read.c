/* What was answered OK is read back before it counts: its UID where the server does not tell it, its
 * flags, date and size. And the steps by which all that is under way comes to its end. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/to_imap/imap_sink.h"

enum { SET_TEXT = 900 };

/* Servers without UIDPLUS: when as many messages are new as were stored, those are they, in their order.
 * When there are more (somebody else's, or one that was refused and kept all the same) or fewer, nothing but
 * their octets tells which is which. */
struct fresh {
	uint32_t uid;
	uint64_t size;
	struct date date;
	uint8_t system;
};

/* Some servers (Courier) show what was appended only after it. */
static int
ask_news(struct sink *s, struct err *err)
{
	if (s->mute)
		return dest_select_again(s, err);
	return sess_send(s->s, DEST_OTHER, NULL, err, "NOOP") < 0 ? dest_failed(s, err) : 0;
}

static int
fresh_list(struct sink *s, struct fresh **ret, size_t *ret_n, struct err *err)
{
	struct folder_at *at = s->at;
	struct fresh *list = NULL;
	size_t n = 0, cap = 0;
	struct resp r = { 0 };
	struct asked a;
	uint32_t tag;

	*ret = NULL;
	*ret_n = 0;
	if (ask_news(s, err) < 0)
		return -1;
	if (sess_send(s->s, DEST_OTHER, &tag, err,
		"UID FETCH %u:* (UID FLAGS INTERNALDATE RFC822.SIZE)", at->uidnext) < 0)
		return dest_failed(s, err);
	do {
		if (dest_pump(s, &r, &a, err) < 0 || sess_drop(s->s, &r, err) < 0) {
			free(list);
			return dest_failed(s, err);
		}
		if (r.kind != RESP_FETCH || r.fetch.uid < at->uidnext || !r.fetch.has_size ||
		    uidset_has(&at->claimed, r.fetch.uid) || n > 100000)
			continue;
		if (n == cap) {
			cap = cap ? 2 * cap : 64;
			list = mem_resize(list, cap, sizeof(*list));
		}
		list[n++] = (struct fresh){ .uid = r.fetch.uid,
			.size = r.fetch.size,
			.date = r.fetch.has_date ? r.fetch.date : (struct date){ .known = false },
			.system = r.fetch.has_flags ? r.fetch.flags.system & FLAGS_STORED : 0 };
	} while (r.kind != RESP_TAGGED || r.tag != tag);
	*ret = list;
	*ret_n = n;
	return 0;
}

static int
fresh_order(const void *a, const void *b)
{
	const struct fresh *x = a, *y = b;

	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

static bool
looks_like(const struct sink *s, const struct fresh *x, const struct flight *f)
{
	return x->size == f->octets &&
	       (!x->date.known || !f->given.known || x->date.epoch == f->given.epoch) &&
	       x->system == (dest_goes(s, &f->sent).system & FLAGS_STORED);
}

/* Are they in another order? Then one looks like the message of another. A server that changes what it
 * takes gives none that does. */
static bool
shuffled(const struct sink *s, const struct fresh *fresh, struct flight *const *f, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; !looks_like(s, &fresh[i], f[i]) && k < n; k++)
			if (looks_like(s, &fresh[k], f[i]) && !looks_like(s, &fresh[k], f[k]))
				return true;
	return false;
}

/* Flights whose UID was not told, in the order in which they were sent. */
static size_t
untold(struct sink *s, struct flight **list)
{
	size_t n = 0;

	for (struct group *g = s->first; g != NULL; g = g->next)
		for (size_t i = 0; g->state == GROUP_STORED && i < g->n; i++)
			if (g->flight[i].msg.dest_uid == 0 && n++ < s->n_stored)
				list[n - 1] = &g->flight[i];
	return n;
}

/* A server stores in the order in which it is asked. */
static bool
ascending(const struct sink *s)
{
	uint32_t last = 0;

	for (const struct group *g = s->first; g != NULL; g = g->next)
		for (size_t i = 0; g->state == GROUP_STORED && i < g->n; i++) {
			if (g->flight[i].msg.dest_uid <= last)
				return false;
			last = g->flight[i].msg.dest_uid;
		}
	return true;
}

/* Where fewer are new than were stored, or a new one stands before what is said to be older, a UID that was told
 * may be that of a message whose own was not told: none of them is believed. */
static int
find_uids(struct sink *s, struct err *err)
{
	struct flight **list = mem_resize(NULL, s->n_stored + 1, sizeof(struct flight *));
	size_t missing = untold(s, list), n;
	struct fresh *fresh;
	int rc = missing > 0 ? fresh_list(s, &fresh, &n, err) : 0;

	if (missing > 0 && rc == 0 && n < missing && !s->mute && dest_is_stale(s)) {
		free(fresh);
		rc = dest_refresh(s, err) < 0 ? -1 : fresh_list(s, &fresh, &n, err);
	}
	if (missing == 0 || rc < 0) {
		free(list);
		return rc;
	}
	if (n > 0)
		qsort(fresh, n, sizeof(*fresh), fresh_order);
	if (n == missing && !shuffled(s, fresh, list, n)) {
		for (size_t i = 0; i < n; i++) {
			list[i]->msg.dest_uid = fresh[i].uid;
			dest_claim(s->at, fresh[i].uid);
		}
	}
	if (n < missing || (n == missing && !ascending(s)))
		dest_distrust(s, 0);
	if (n > 0 && fresh[n - 1].uid >= s->at->uidnext && fresh[n - 1].uid < UINT32_MAX)
		s->at->uidnext = fresh[n - 1].uid + 1;
	free(fresh);
	free(list);
	return 0;
}

/* Is each flight's UID above the one before it? Reading back relies on that. */
static bool
in_order(const struct group *g)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->flight[i].msg.dest_uid == 0 ||
		    (i > 0 && g->flight[i].msg.dest_uid <= g->flight[i - 1].msg.dest_uid))
			return false;
	return true;
}

/* Ask for all that is stored. Without UIDPLUS nothing may be on its way. */
static int
read_back(struct sink *s, struct err *err)
{
	struct uidset set;
	struct buf text;
	uint32_t tag = 0;
	size_t at = 0;
	int rc = 0;

	if (find_uids(s, err) < 0)
		return -1;
	uidset_init(&set);
	buf_init(&text, SET_TEXT + 64);
	for (struct group *g = s->first; g != NULL; g = g->next) {
		if (g->state != GROUP_STORED)
			continue;
		if (!in_order(g)) {
			dest_group_odd(s, g);
			continue;
		}
		for (size_t i = 0; i < g->n; i++)
			uidset_add(&set, g->flight[i].msg.dest_uid, g->flight[i].msg.dest_uid);
		g->state = GROUP_ASKED;
		g->tag = 0; /* of the last command, below */
	}
	s->n_stored = 0;
	uidset_sort(&set);
	if (set.len > 0)
		rc = dest_make_room(s, err) < 0 ? -1 : ask_news(s, err);
	while (rc == 0 && at < set.len) {
		buf_reset(&text);
		at += uidset_text(&set, at, SET_TEXT, &text);
		rc = dest_make_room(s, err);
		/* The last one tells that all have been answered. */
		if (rc == 0)
			rc = sess_send(s->s, at < set.len ? DEST_OTHER : DEST_READ, &tag, err,
			    "UID FETCH %s (UID FLAGS INTERNALDATE RFC822.SIZE)", text.data);
		if (rc < 0)
			rc = dest_failed(s, err);
	}
	for (struct group *g = s->first; g != NULL; g = g->next)
		if (g->state == GROUP_ASKED && g->tag == 0)
			g->tag = tag;
	uidset_done(&set);
	buf_done(&text);
	return rc;
}

int
dest_advance(struct sink *s, bool *ret_idle, struct err *err)
{
	*ret_idle = false;
	if (dest_group_filling(s) != NULL)
		return dest_send_group(s, err);
	if (s->n_stored > 0 && s->n_sent == 0)
		return read_back(s, err);
	if (s->s == NULL || s->s->n_asked == 0) {
		*ret_idle = true;
		return 0;
	}
	return dest_take(s, err);
}

/* Enough to be read back in one go? With UIDPLUS the wire need not stand still for it. */
int
dest_read_back_if_many(struct sink *s, struct err *err)
{
	if (s->n_stored < READ_BACK_MSGS)
		return 0;
	while (!s->uidplus && s->n_sent > 0)
		if (dest_take(s, err) < 0)
			return -1;
	return read_back(s, err);
}

int
dest_drain(struct sink *s, struct err *err)
{
	for (bool idle = false; !idle;)
		if (dest_advance(s, &idle, err) < 0)
			return -1;
	return 0;
}
