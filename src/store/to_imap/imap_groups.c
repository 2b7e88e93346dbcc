/* Groups of messages that are under way, in the order in which they were begun, and what the server answers:
 * an answer finds its group by the tag. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/to_imap/imap_sink.h"

enum { GROUP_ARENA = 4 * 1024 * 1024 };

/* ---- groups ---- */

struct group *
dest_group_new(struct sink *s, enum group_state state)
{
	struct group *g = mem_new(sizeof(*g));

	g->state = state;
	arena_init(&g->arena, GROUP_ARENA);
	*s->end = g;
	s->end = &g->next;
	return g;
}

void
dest_group_free(struct group *g)
{
	arena_done(&g->arena);
	free(g);
}

void
dest_drop_groups(struct sink *s)
{
	while (s->first != NULL) {
		struct group *g = s->first;

		s->first = g->next;
		dest_group_free(g);
	}
	s->end = &s->first;
	s->n_sent = s->n_stored = 0;
	s->sent_octets = 0;
	buf_reset(&s->wire);
}

struct group *
dest_group_filling(const struct sink *s)
{
	for (struct group *g = s->first; g != NULL; g = g->next)
		if (g->state == GROUP_FILLING)
			return g;
	return NULL;
}

int
dest_flight_add(struct sink *s, struct folder_at *at, struct group *g, struct flight **ret,
    struct err *err)
{
	struct flight *f = &g->flight[g->n];

	*f = (struct flight){
		.kind = OUTCOME_CAREFUL, .left = "", .keywords = "", .given = s->given
	};
	if (!msg_copy(&s->now, &g->arena, &f->msg) ||
	    (at != NULL && !dest_flags(at, &f->msg.flags, &g->arena, &f->sent, &f->left)))
		return err_set(err, ERR_MESSAGE, "UID %u: its keywords do not fit into memory",
		    s->now.uid);
	g->n++;
	*ret = f;
	return 0;
}

struct group *
dest_result(struct sink *s, enum outcome_kind kind)
{
	struct group *g = dest_group_new(s, GROUP_DONE);
	struct err ignored = { 0 };
	struct flight *f;

	if (dest_flight_add(s, NULL, g, &f, &ignored) < 0) {
		f = &g->flight[0];
		*f = (struct flight){ .msg = s->now, .left = "", .keywords = "" };
		f->msg.flags.keywords = "";
		f->msg.raw_date = f->msg.reason = NULL;
		g->n = 1;
	}
	f->kind = kind;
	return g;
}

/* ---- answers ---- */

static struct group *
group_of_tag(const struct sink *s, enum group_state state, uint32_t tag)
{
	for (struct group *g = s->first; g != NULL; g = g->next)
		if (g->state == state && g->tag == tag)
			return g;
	return NULL;
}

void
dest_group_done(struct group *g, enum outcome_kind kind)
{
	for (size_t i = 0; i < g->n; i++)
		g->flight[i].kind = kind;
	g->state = GROUP_DONE;
}

/* A message that was there before this run opened the folder is not one that it has sent. */
static bool
uids_can_be(const struct folder_at *at, uint32_t validity, const struct uidset *set)
{
	return validity == at->uidvalidity && set->range[0].lo >= at->first &&
	       uidset_last(set) < UINT32_MAX;
}

void
dest_distrust(struct sink *s, uint32_t from)
{
	for (struct group *g = s->first; g != NULL; g = g->next)
		for (size_t i = 0; i < g->n && g->state != GROUP_DONE; i++) {
			struct flight *f = &g->flight[i];

			if (f->msg.dest_uid == 0 || f->msg.dest_uid < from)
				continue;
			uidset_remove(&s->at->claimed, f->msg.dest_uid);
			/* What was asked for under it has its answer first. */
			if (g->state == GROUP_ASKED)
				g->distrusted = true;
			else
				f->msg.dest_uid = 0;
		}
}

static bool
any_claimed(const struct folder_at *at, const struct uidset *set)
{
	for (uint32_t uid = 0; (uid = uidset_after(set, uid)) != 0;)
		if (uidset_has(&at->claimed, uid))
			return true;
	return false;
}

bool
dest_uids_told(struct sink *s, const struct resp *r, size_t n, struct uidset *ret)
{
	struct folder_at *at = s->at;
	uint32_t validity, last;
	bool again;

	if (!append_uids(r, &validity, ret) || !uids_can_be(at, validity, ret) || uidset_count(ret) != n)
		return false;
	last = uidset_last(ret);
	again = ret->range[0].lo <= at->told || any_claimed(at, ret);
	if (again)
		dest_distrust(s, ret->range[0].lo);
	if (last > at->told)
		at->told = last;
	if (last >= at->uidnext)
		at->uidnext = last + 1;
	return !again;
}

static void
take_uids(struct sink *s, struct group *g, const struct resp *r)
{
	struct uidset set;
	uint32_t uid = 0;

	uidset_init(&set);
	if (dest_uids_told(s, r, g->n, &set))
		for (size_t i = 0; i < g->n; i++) {
			uid = uidset_after(&set, uid);
			g->flight[i].msg.dest_uid = uid;
			dest_claim(s->at, uid);
		}
	uidset_done(&set);
}

/* A non-synchronising literal that was not taken may be executed as commands: nothing more goes to
 * this session (rules.md 2.1). */
static int
bad_literal(struct sink *s, struct err *err)
{
	s->now_any = s->now_small = s->multi = false;
	dest_note(s, EV_REFUSED, 0, "APPEND", s->s->reply, true,
	    "a literal that was sent without waiting was refused: the connection is closed, and "
	    "this run waits before each literal");
	return err_set(err, ERR_CUT,
	    "the server refused a literal that was on its way; the connection was closed");
}

int
dest_group_refused(struct sink *s, struct group *g, const struct resp *r, struct err *err)
{
	struct folder_at *at = s->at;
	enum append_fault fault = append_fault(r);

	if (r->state == STATE_BAD && g->now)
		return bad_literal(s, err);
	dest_note(s, EV_REFUSED, g->n == 1 ? g->flight[0].msg.uid : 0, "APPEND", s->s->reply, fault != APPEND_LATER,
	    g->n == 1 ? "APPEND was refused" : "APPEND of several messages was refused: they go one by one");
	dest_group_done(g, OUTCOME_CAREFUL);
	if (g->n > 1 && fault != APPEND_LATER && ++s->groups_refused >= 2)
		s->multi = false;
	switch (fault) {
	case APPEND_QUOTA:
		snprintf(at->full, sizeof(at->full), "%.*s", (int)sizeof(at->full) - 1, s->s->reply);
		break;
	case APPEND_LATER:
		if (s->later.kind == ERR_NONE)
			sess_refused(s->s, r, "APPEND", &s->later);
		s->later.kind = ERR_THROTTLED;
		break;
	default:
		break;
	}
	return 0;
}

static int
group_answered(struct sink *s, struct group *g, const struct resp *r, struct err *err)
{
	s->n_sent--;
	s->sent_octets -= g->octets;
	if (r->state != STATE_OK)
		return dest_group_refused(s, g, r, err);
	s->groups_refused = 0;
	g->state = GROUP_STORED;
	s->n_stored += g->n;
	s->at->added += (uint32_t)g->n;
	take_uids(s, g, r);
	return 0;
}

static void
read_back_take(struct sink *s, const struct fetch_data *d)
{
	for (struct group *g = s->first; g != NULL && d->uid != 0; g = g->next) {
		size_t lo = 0, hi = g->n;

		if (g->state != GROUP_ASKED || d->uid < g->flight[0].msg.dest_uid ||
		    d->uid > g->flight[g->n - 1].msg.dest_uid)
			continue;
		while (lo < hi) {
			size_t mid = lo + (hi - lo) / 2;

			if (g->flight[mid].msg.dest_uid < d->uid)
				lo = mid + 1;
			else
				hi = mid;
		}
		if (lo < g->n && g->flight[lo].msg.dest_uid == d->uid)
			dest_seen(&g->flight[lo], &g->arena, d);
	}
}

static int
read_back_answered(struct sink *s, uint32_t tag, struct err *err)
{
	struct group *g;

	/* What did not come is looked for with care: the answer's state says no more. */
	while ((g = group_of_tag(s, GROUP_ASKED, tag)) != NULL) {
		if (g->distrusted) {
			dest_group_odd(s, g);
			continue;
		}
		g->state = GROUP_DONE;
		for (size_t i = 0; i < g->n; i++) {
			dest_judge(s, &g->flight[i]);
			/* Of what may be another message nothing is changed. */
			if (g->flight[i].kind == OUTCOME_STORED && dest_mend_flags(s, g, &g->flight[i], err) < 0)
				return -1;
		}
	}
	return 0;
}

int
dest_pump(struct sink *s, struct resp *r, struct asked *a, struct err *err)
{
	struct group *g;

	*a = (struct asked){ 0 };
	if (sess_next(s->s, r, a, err) < 0)
		return dest_failed(s, err);
	if (r->kind == RESP_FETCH && r->fetch.uid != 0 && !r->more)
		read_back_take(s, &r->fetch);
	if (r->kind != RESP_TAGGED)
		return 0;
	if (a->kind == DEST_APPEND && (g = group_of_tag(s, GROUP_SENT, a->tag)) != NULL)
		return group_answered(s, g, r, err) < 0 ? dest_failed(s, err) : 0;
	if (a->kind == DEST_READ)
		return read_back_answered(s, a->tag, err);
	return 0;
}

int
dest_wait(struct sink *s, uint32_t tag, struct resp *r, struct err *err)
{
	struct asked a;

	for (;;) {
		if (dest_pump(s, r, &a, err) < 0)
			return -1;
		if (r->kind == RESP_TAGGED && r->tag == tag)
			return 0;
		if (sess_drop(s->s, r, err) < 0)
			return dest_failed(s, err);
	}
}

int
dest_take(struct sink *s, struct err *err)
{
	struct resp r;
	struct asked a;

	if (dest_pump(s, &r, &a, err) < 0)
		return -1;
	return sess_drop(s->s, &r, err) < 0 ? dest_failed(s, err) : 0;
}

int
dest_noop(struct sink *s, struct err *err)
{
	struct resp r;
	uint32_t tag;

	if (sess_send(s->s, DEST_OTHER, &tag, err, "NOOP") < 0)
		return dest_failed(s, err);
	return dest_wait(s, tag, &r, err);
}

bool
dest_is_stale(const struct sink *s)
{
	const struct folder_at *at = s->at;

	return at != NULL && (!s->s->exists_known ||
				     s->s->exists < (uint64_t)at->exists + at->added - at->added_before);
}

int
dest_refresh(struct sink *s, struct err *err)
{
	uint32_t before;

	if (dest_noop(s, err) < 0)
		return -1;
	if (!dest_is_stale(s))
		return 0;
	before = s->s->exists;
	if (dest_select_again(s, err) < 0)
		return -1;
	/* Else others have removed some. */
	s->mute |= !s->s->exists_known || s->s->exists > before;
	return 0;
}
