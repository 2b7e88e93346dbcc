/* APPENDs on their way. Groups stand in a list in the order in which they were begun; answers find
 * theirs by tag. A group is sent in one piece, so that no command stays open while the source is
 * slow. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/imap_sink.h"

enum { GROUP_ARENA = 4 * 1024 * 1024 };

/* ---- groups ---- */

static struct group *
group_new(struct sink *s, enum group_state state)
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

/* Texts of a message of `now` into the group. */
static int
flight_add(struct sink *s, struct folder_at *at, struct group *g, struct flight **ret,
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
	struct group *g = group_new(s, GROUP_DONE);
	struct err ignored = { 0 };
	struct flight *f;

	if (flight_add(s, NULL, g, &f, &ignored) < 0) {
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

/* The UIDs from this one on that answers told are not believed: those messages are looked for. */
static void
distrust(struct sink *s, uint32_t from)
{
	for (struct group *g = s->first; g != NULL; g = g->next)
		for (size_t i = 0; i < g->n && g->state != GROUP_DONE; i++) {
			struct flight *f = &g->flight[i];

			if (f->msg.dest_uid < from)
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

/* The UIDs that an answer tells for n messages (RFC 4315 3); false: none that can be believed, which is as if none had
 * been told. They ascend, and each is given once (RFC 3501 2.3.1.1): of one that is told again nobody knows which
 * message has it. */
static bool
uids_told(struct sink *s, const struct resp *r, size_t n, struct uidset *ret)
{
	struct folder_at *at = s->at;
	uint32_t validity, last;
	bool again;

	if (!append_uids(r, &validity, ret) || !uids_can_be(at, validity, ret) || uidset_count(ret) != n)
		return false;
	last = uidset_last(ret);
	again = ret->range[0].lo <= at->told || any_claimed(at, ret);
	if (again)
		distrust(s, ret->range[0].lo);
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
	if (uids_told(s, r, g->n, &set))
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

static int
group_refused(struct sink *s, struct group *g, const struct resp *r, struct err *err)
{
	struct folder_at *at = s->at;

	if (r->state == STATE_BAD && g->now)
		return bad_literal(s, err);
	dest_note(s, EV_REFUSED, g->n == 1 ? g->flight[0].msg.uid : 0, "APPEND", s->s->reply, true,
	    g->n == 1 ? "APPEND was refused" : "APPEND of several messages was refused: they go one by one");
	dest_group_done(g, OUTCOME_CAREFUL);
	if (g->n > 1 && ++s->groups_refused >= 2)
		s->multi = false;
	switch (append_fault(r)) {
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
		return group_refused(s, g, r, err);
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

/* ---- sending ---- */

static int
append_line(struct sink *s, const struct folder_at *at, const struct flags *f,
    const struct date *d, uint64_t octets, bool now, uint32_t *ret_tag, struct err *err)
{
	const struct flags goes = dest_goes(s, f);
	struct buf name, line;
	int rc;

	buf_init(&name, LEX_STRING_MAX);
	buf_init(&line, LEX_STRING_MAX * 2);
	sess_quote(slice_str(at->name), &name);
	append_message(&line, &goes, d, octets, now);
	if (name.full || line.full)
		rc = err_set(err, ERR_MESSAGE, "name or keywords are longer than a command may be");
	else
		rc = sess_send(
		    s->s, DEST_APPEND, ret_tag, err, "APPEND %s %s", name.data, line.data);
	buf_done(&name);
	buf_done(&line);
	return rc;
}

static int
send_spool(struct sink *s, struct spool *body, struct err *err)
{
	uint64_t at = 0;

	for (;;) {
		struct slice part;

		if (spool_read(body, at, 128 * 1024, &part, err) < 0)
			return -1;
		if (part.len == 0)
			return 0;
		if (stream_write(s->s->in, part.data, part.len, err) < 0)
			return -1;
		at += part.len;
	}
}

/* 1: the literal may go; 0: refused, *r is the tagged answer. */
static int
wait_for_go(struct sink *s, uint32_t tag, struct resp *r, struct err *err)
{
	struct asked a;

	for (;;) {
		if (dest_pump(s, r, &a, err) < 0)
			return -1;
		if (r->kind == RESP_CONTINUE)
			return 1;
		if (r->kind == RESP_TAGGED && r->tag == tag)
			return 0;
		if (sess_drop(s->s, r, err) < 0)
			return dest_failed(s, err);
	}
}

/* A command that could not be written to its end leaves the server in the middle of it. */
static int
append_whole(struct sink *s, struct folder_at *at, const struct flags *f, const struct date *d,
    struct spool *body, struct resp *ret, struct err *err)
{
	uint32_t tag;
	int go;

	if (append_line(s, at, f, d, spool_len(body), false, &tag, err) < 0)
		return err->kind == ERR_MESSAGE ? -1 : dest_failed(s, err);
	go = wait_for_go(s, tag, ret, err);
	if (go <= 0)
		return go;
	uidset_add(&at->went, s->now.uid, s->now.uid);
	if (send_spool(s, body, err) < 0 || stream_write(s->s->in, "\r\n", 2, err) < 0) {
		if (err->scope != SCOPE_SESSION)
			s->broken = true; /* the spool failed */
		return dest_failed(s, err);
	}
	return dest_wait(s, tag, ret, err);
}

int
dest_append(struct sink *s, struct folder_at *at, const struct flags *f, const struct date *d,
    struct spool *octets, struct resp *ret, uint32_t *ret_uid, struct err *err)
{
	struct uidset set;

	*ret_uid = 0;
	if (append_whole(s, at, f, d, octets, ret, err) < 0)
		return -1;
	if (ret->state != STATE_OK)
		return 0;
	dest_accept(s, at, f, d);
	at->added++;
	uidset_init(&set);
	if (uids_told(s, ret, 1, &set)) {
		*ret_uid = uidset_last(&set);
		dest_claim(at, *ret_uid);
	}
	uidset_done(&set);
	return 0;
}

/* Room for one more command: answers are taken until there is. */
int
dest_make_room(struct sink *s, struct err *err)
{
	while (s->n_sent >= GROUPS_SENT_MAX || s->sent_octets > SENT_OCTETS_MAX ||
	       !sess_room(s->s, 1024))
		if (dest_take(s, err) < 0)
			return -1;
	return 0;
}

static void
group_sent(struct sink *s, struct group *g, uint32_t tag)
{
	g->tag = tag;
	g->state = GROUP_SENT;
	s->n_sent++;
	s->sent_octets += g->octets;
}

int
dest_send_group(struct sink *s, struct err *err)
{
	struct group *g = dest_group_filling(s);
	uint32_t tag;

	if (g == NULL)
		return 0;
	if (dest_make_room(s, err) < 0)
		return -1;
	/* Sent from here on, whatever fails: it may have gone out. */
	g->now = true;
	for (size_t i = 0; i < g->n; i++)
		uidset_add(&s->at->went, g->flight[i].msg.uid, g->flight[i].msg.uid);

	struct flight *f = &g->flight[0];
	int rc = append_line(s, s->at, &f->sent, &f->given, f->octets, true, &tag, err);

	group_sent(s, g, rc == 0 ? tag : 0);
	if (rc < 0 || stream_write(s->s->in, s->wire.data, s->wire.len, err) < 0 ||
	    stream_write(s->s->in, "\r\n", 2, err) < 0 || stream_flush(s->s->in, err) < 0) {
		s->broken = true;
		return dest_failed(s, err);
	}
	buf_reset(&s->wire);
	return 0;
}

/* The first use of a folder, a flag, a form of date waits for the server (rules.md 2.1). */
static int
add_alone(struct sink *s, struct folder_at *at, struct err *err)
{
	struct group *g;
	struct flight *f;
	struct resp r = { 0 };
	uint32_t uid;

	if (dest_send_group(s, err) < 0 || dest_make_room(s, err) < 0)
		return -1;
	g = group_new(s, GROUP_SENT);
	if (flight_add(s, at, g, &f, err) < 0)
		return -1;
	f->octets = g->octets = spool_len(s->body);
	s->n_sent++;
	s->sent_octets += g->octets;
	/* No tag: the answer is taken here. */
	if (dest_append(s, at, &f->sent, &f->given, s->body, &r, &uid, err) < 0)
		return -1;
	s->n_sent--;
	s->sent_octets -= g->octets;
	if (r.state != STATE_OK)
		return group_refused(s, g, &r, err);
	g->state = GROUP_STORED;
	s->n_stored++;
	f->msg.dest_uid = uid;
	return 0;
}

int
dest_add_small(struct sink *s, struct folder_at *at, struct err *err)
{
	struct group *g = dest_group_filling(s);
	uint64_t octets = spool_len(s->body);
	struct flight *f;
	struct flags sent;
	const char *left;
	size_t max = s->multi ? APPEND_GROUP_MAX : 1;

	if (dest_fresh(s, err) < 0)
		return -1;
	if (!dest_flags(at, &s->now.flags, &s->now_arena, &sent, &left))
		return err_set(err, ERR_MESSAGE, "UID %u: its keywords do not fit", s->now.uid);
	if (octets > SMALL_MAX || !dest_may_now(s, at, &sent, &s->given, octets))
		return add_alone(s, at, err);
	if (g != NULL && g->octets + octets > GROUP_OCTETS) {
		if (dest_send_group(s, err) < 0)
			return -1;
		g = NULL;
	}
	if (g == NULL) {
		g = group_new(s, GROUP_FILLING);
		buf_reset(&s->wire);
	}
	if (flight_add(s, at, g, &f, err) < 0)
		return -1;
	f->octets = octets;
	g->octets += octets;
	if (g->n > 1) {
		const struct flags goes = dest_goes(s, &f->sent);

		buf_add_byte(&s->wire, ' ');
		append_message(&s->wire, &goes, &f->given, octets, true);
		buf_add_str(&s->wire, "\r\n");
	}

	struct slice body = spool_memory(s->body);

	if (!buf_add(&s->wire, body.data, body.len) || s->wire.full)
		return err_set(err, ERR_FULL, "no memory for a group of messages");
	return g->n >= max ? dest_send_group(s, err) : 0;
}

/* ---- large messages ---- */

int
dest_stream_start(struct sink *s, struct folder_at *at, uint64_t octets, struct err *err)
{
	struct group *g;
	struct flight *f;
	struct resp r;
	uint32_t tag;

	if (dest_send_group(s, err) < 0 || dest_make_room(s, err) < 0 || dest_fresh(s, err) < 0)
		return -1;
	g = group_new(s, GROUP_SENT);
	if (flight_add(s, at, g, &f, err) < 0)
		return -1;
	f->octets = g->octets = octets;
	g->now = dest_may_now(s, at, &f->sent, &f->given, octets);
	s->streams = true;
	s->announced = octets;
	s->written = 0;
	group_sent(s, g, 0);
	if (append_line(s, at, &f->sent, &f->given, octets, g->now, &tag, err) < 0)
		return dest_failed(s, err);
	g->tag = tag;

	int go = g->now ? 1 : wait_for_go(s, tag, &r, err);

	if (go > 0)
		uidset_add(&at->went, f->msg.uid, f->msg.uid);
	s->swallow = go == 0;
	return go < 0 ? -1 : 0;
}

int
dest_stream_end(struct sink *s, struct folder_at *at, struct err *err)
{
	struct group *g = s->first;

	s->streams = false;
	if (s->swallow) {
		s->swallow = false;
		return 0;
	}
	if (s->written != s->announced) {
		s->broken = true;
		err_set(err, ERR_CUT,
		    "UID %u has %llu octets, not the %llu that were announced: the connection to "
		    "the destination is dropped",
		    s->now.uid, (unsigned long long)s->written, (unsigned long long)s->announced);
		return dest_failed(s, err);
	}
	while (g->next != NULL)
		g = g->next;

	struct flight *f = &g->flight[0];
	struct resp r;

	memcpy(f->msg.sha256, s->now.sha256, SHA256_LEN);
	memcpy(f->msg.head, s->now.head, HEAD_LEN);
	f->msg.head_known = s->now.head_known;
	f->msg.wire_bytes = s->now.wire_bytes;
	f->msg.verdict = s->now.verdict;
	if (stream_write(s->s->in, "\r\n", 2, err) < 0)
		return dest_failed(s, err);
	if (g->now)
		return 0;
	if (dest_wait(s, g->tag, &r, err) < 0)
		return -1;
	if (r.state == STATE_OK)
		dest_accept(s, at, &f->sent, &f->given);
	return 0;
}
