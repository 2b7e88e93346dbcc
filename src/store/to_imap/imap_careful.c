/* One message at a time: looked for, then sent and read back; what the server refuses is tried again
 * without the part that it refused, one change at a time (design.md 6.7, quirks rows 6 to 21). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "mail/header.h"
#include "mail/repair.h"
#include "store/to_imap/imap_sink.h"

enum { TRIES_MAX = 12, NO_REPAIR = REPAIRS };

/* One way of giving the message. */
struct way {
	bool no_keywords, no_flags, no_date;
	int repair; /* enum repair; NO_REPAIR: as it is */
};

struct placing {
	struct sink *s;
	struct folder_at *at;
	struct group *g; /* the result */
	struct flight *f;
	struct way way[TRIES_MAX];
	size_t n_ways;
	struct identity id; /* of the message as it is */
	struct spool *sent; /* what the last try gave */
	enum append_fault fault;
	char reply[LEX_TAPE_MAX];
};

static struct odd *
odd_find(struct folder_at *at, uint32_t uid)
{
	for (size_t i = 0; i < at->n_odd; i++)
		if (at->odd[i].uid == uid)
			return &at->odd[i];
	return NULL;
}

static void
learn_delta(struct sink *s, int64_t delta)
{
	if (!dest_harmless(s, delta) && s->n_deltas < COUNT_OF(s->delta))
		s->delta[s->n_deltas++] = delta;
}

/* It is there: what it looks like decides what is worth a warning. `was`: the row by which an earlier run has known
 * that copy, NULL: none. Then flags follow as they do where a row holds; what people made of it stays. */
static int
found(struct placing *p, uint32_t uid, const struct msg *was, struct err *err)
{
	struct flight *f = p->f;

	f->kind = OUTCOME_STORED;
	f->msg.dest_uid = uid;
	f->octets = spool_len(p->s->body);
	f->own = uid >= p->at->born;
	if (dest_read_one(p->s, f, &p->g->arena, err) < 0)
		return -1;
	if (f->there)
		learn_delta(p->s, (int64_t)f->size - (int64_t)f->octets);
	if (!f->own)
		f->date_there = false;
	if (f->own && was == NULL)
		return dest_mend_flags(p->s, p->g, f, err);
	f->flags_there = false;
	/* What somebody else has put there keeps the flags that it has. */
	return was != NULL && f->there ? dest_amend(p->s, p->at, was, &f->msg.flags, err) : 0;
}

/* It was looked for, and found. */
static int
matched(struct placing *p, uint32_t uid, struct err *err)
{
	const struct row_feed *rows = &p->at->rows;
	bool there = false;
	struct msg was;

	if (rows->placed != NULL &&
	    rows->placed(rows->arg, p->f->msg.uid, uid, &p->g->arena, &was, &there, err) < 0)
		return -1;
	was.dest_uid = uid;
	was.dest_own = uid >= p->at->born;
	return found(p, uid, there ? &was : NULL, err);
}

static int
aside(struct placing *p, const char *reason, struct err *err)
{
	struct flight *f = p->f;
	const char *path, *reply = p->reply[0] != '\0' ? p->reply : NULL;

	if (dest_set_aside(p->s, p->at, reason, reply, &p->g->arena, &path, err) < 0)
		return -1;
	f->kind = OUTCOME_REFUSED;
	f->reason = arena_printf(&p->g->arena, "%s; kept as %s", reason, path);
	f->reply = reply != NULL ? arena_copy(&p->g->arena, slice_str(reply)) : NULL;
	return 0;
}

static int
vanished(struct placing *p, struct err *err)
{
	return aside(p,
	    "the server said that it stored the message, and does not show it; it may have "
	    "moved it elsewhere: look there before it is tried again",
	    err);
}

static int
another(struct placing *p, uint64_t there, uint64_t sent, uint32_t uid, struct err *err)
{
	char reason[256];

	snprintf(reason, sizeof(reason),
	    "the server said OK and keeps another message: %" PRIu64 " octets of %" PRIu64
	    " (its UID %u)",
	    there, sent, uid);
	return aside(p, reason, err);
}

/* ---- the ways ---- */

static void
add_way(struct placing *p, struct way w)
{
	for (size_t i = 0; i < p->n_ways; i++)
		if (memcmp(&p->way[i], &w, sizeof(w)) == 0)
			return;
	if (p->n_ways < TRIES_MAX)
		p->way[p->n_ways++] = w;
}

static void
add_way_for(struct placing *p, enum append_fault fault)
{
	struct way w;

	memset(&w, 0, sizeof(w));
	w.repair = NO_REPAIR;
	switch (fault) {
	case APPEND_FLAGS:
		w.no_keywords = true;
		add_way(p, w);
		w.no_flags = true;
		break;
	case APPEND_DATE:
		w.no_date = true;
		break;
	case APPEND_NUL:
		w.repair = REPAIR_NUL;
		break;
	case APPEND_BARE_LF:
		w.repair = REPAIR_EOL;
		break;
	case APPEND_HEADER:
		w.repair = REPAIR_HEADER;
		break;
	case APPEND_LONG_LINE:
		w.repair = REPAIR_LINES;
		break;
	default:
		break;
	}
	add_way(p, w);
}

/* What the answer speaks of comes first, then the rest. */
static void
plan_ways(struct placing *p)
{
	static const enum append_fault all[] = { APPEND_FLAGS, APPEND_NUL, APPEND_BARE_LF,
		APPEND_HEADER, APPEND_LONG_LINE, APPEND_DATE };

	if (p->n_ways > 1)
		return;
	add_way_for(p, p->fault);
	for (size_t i = 0; i < COUNT_OF(all); i++)
		add_way_for(p, all[i]);
}

/* The octets of a way; *ret_sense false: it is the same as one before. */
static int
prepare(struct placing *p, const struct way *w, bool *ret_sense, struct err *err)
{
	const struct flags *f = &p->f->sent;

	p->sent = p->s->body;
	*ret_sense = true;
	if (w->repair != NO_REPAIR) {
		p->sent = p->s->repaired;
		return repair_message((enum repair)w->repair, p->s->body, p->s->repaired, ret_sense, err);
	}
	if (w->no_flags)
		*ret_sense = f->system != 0 || *f->keywords != '\0';
	else if (w->no_keywords)
		*ret_sense = *f->keywords != '\0';
	else if (w->no_date)
		*ret_sense = p->f->given.known;
	return 0;
}

/* ---- one try ---- */

/* Where a message went whose UID was not told. */
static int
look_for(struct placing *p, uint32_t *ret, struct err *err)
{
	struct identity id = p->id;

	if (dest_look(p->s, p->at, err) < 0)
		return -1;
	if (p->sent != p->s->body && dest_spool_identity(p->s, p->sent, &id, err) < 0)
		return -1;
	return dest_match(p->s, p->at, &id, ret, err);
}

/* The server said that it stored it: some servers show it a moment later. Where that was waited for in
 * vain once it is not waited for again, until one is seen. */
static int
look_late(struct placing *p, int64_t most_ms, uint32_t *ret, struct err *err)
{
	for (;;) {
		int64_t step = p->at->waited_ms < LATE_MS ? LATE_LOOK_MS : LATE_MS;

		if (look_for(p, ret, err) < 0)
			return -1;
		if (*ret != 0)
			p->at->waited_ms = 0;
		if (*ret != 0 || p->at->waited_ms >= most_ms)
			return 0;
		if (cancel_sleep(p->s->stop, step, err) < 0)
			return -1;
		p->at->waited_ms += step;
	}
}

static int
say_repaired(struct placing *p, const struct way *w, struct err *err)
{
	struct identity id;
	char was[SHA256_HEX], is[SHA256_HEX];

	if (w->repair == NO_REPAIR)
		return 0;
	if (dest_spool_identity(p->s, p->sent, &id, err) < 0)
		return -1;
	digest_hex(p->id.exact, was);
	digest_hex(id.exact, is);
	p->f->repaired = arena_printf(&p->g->arena,
	    "%s; SHA-256 of the message %s, of what was stored %s; the server had %s%s",
	    repair_words((enum repair)w->repair), was, is,
	    p->reply[0] != '\0' ? "answered: " : "closed the connection at the untouched one",
	    p->reply);
	return 0;
}

/* What the server keeps must be what was sent: an OK alone is not believed. */
static int
stored(struct placing *p, const struct way *w, uint32_t uid, struct err *err)
{
	struct flight *f = p->f;
	struct identity there, sent;
	bool got;

	f->msg.dest_uid = uid;
	f->octets = spool_len(p->sent);
	f->own = true;
	if (dest_read_one(p->s, f, &p->g->arena, err) < 0)
		return -1;
	if (!f->there) {
		uidset_remove(&p->at->claimed, uid);
		if (look_late(p, LATE_MS, &uid, err) < 0)
			return -1;
		f->msg.dest_uid = uid;
		if (uid != 0 && dest_read_one(p->s, f, &p->g->arena, err) < 0)
			return -1;
	}
	if (!f->there)
		return vanished(p, err);
	if (!dest_harmless(p->s, (int64_t)f->size - (int64_t)f->octets)) {
		if (dest_identity(p->s, uid, &there, &got, err) < 0 ||
		    dest_spool_identity(p->s, p->sent, &sent, err) < 0)
			return -1;
		if (!got || memcmp(there.whole, sent.whole, SHA256_LEN) != 0)
			return another(p, f->size, f->octets, uid, err);
		learn_delta(p->s, (int64_t)f->size - (int64_t)f->octets);
	}
	f->kind = OUTCOME_STORED;
	if (dest_mend_flags(p->s, p->g, f, err) < 0)
		return -1;
	return say_repaired(p, w, err);
}

/* Sent again it could be there twice. */
static int
may_be_there(struct placing *p, struct err *err)
{
	char reason[192];

	if (p->s->care == CARE_LOOK)
		return 0;
	snprintf(reason, sizeof(reason),
	    "the destination has a message%s, its UID %" PRIu32
	    ", and does not give its %s: nobody can tell whether it is this one",
	    p->at->unread == p->at->headless ? "" : " with the same header", p->at->unread,
	    p->at->unread == p->at->headless ? "header" : "text");
	return aside(p, reason, err);
}

/* 1: placed, or given up for good; 0: refused, the next way may help. */
static int
try_way(struct placing *p, const struct way *w, struct err *err)
{
	struct sink *s = p->s;
	struct flags flags = p->f->sent;
	struct date date = p->f->given;
	struct resp r;
	uint32_t uid;

	if (w->no_flags)
		flags.system = 0;
	if (w->no_flags || w->no_keywords)
		flags.keywords = "";
	if (w->no_date)
		date.known = false;
	/* An earlier run may have placed it in this very way. */
	if (w->repair != NO_REPAIR) {
		struct identity id;

		if (dest_spool_identity(s, p->sent, &id, err) < 0 ||
		    dest_match(s, p->at, &id, &uid, err) < 0)
			return -1;
		if (uid != 0)
			return stored(p, w, uid, err) < 0 ? -1 : 1;
	}
	if (dest_fresh(s, err) < 0)
		return -1;
	s->cut_uid = p->f->msg.uid;
	s->cuts++;
	if (dest_append(s, p->at, &flags, &date, p->sent, &r, &uid, err) < 0)
		return -1;
	s->cuts = 0;
	if (r.state != STATE_OK) {
		snprintf(p->reply, sizeof(p->reply), "%s", s->s->reply);
		p->fault = append_fault(&r);
		dest_note(s, EV_REFUSED, p->f->msg.uid, "APPEND", p->reply, p->fault != APPEND_LATER,
		    "APPEND of UID %u was refused", p->f->msg.uid);
		if (p->fault == APPEND_LATER) {
			sess_refused(s->s, &r, "APPEND", err);
			err->kind = ERR_THROTTLED;
			return -1;
		}
		/* Some servers say NO and store it all the same (servers.md 2.1). */
	}
	if (uid == 0 &&
	    (r.state == STATE_OK ? look_late(p, LATE_MS, &uid, err) : look_for(p, &uid, err)) < 0)
		return -1;
	if (uid != 0)
		return stored(p, w, uid, err) < 0 ? -1 : 1;
	if (r.state == STATE_OK) {
		p->f->there = false;
		return vanished(p, err) < 0 ? -1 : 1;
	}
	if (p->at->unread != 0)
		return may_be_there(p, err) < 0 ? -1 : 1;
	return 0;
}

static int
folder_over(struct placing *p, struct err *err)
{
	struct folder_at *at = p->at;

	if (p->fault == APPEND_QUOTA)
		snprintf(at->full, sizeof(at->full), "%.*s", (int)sizeof(at->full) - 1, p->reply);
	return err_set(err, ERR_FOLDER, "%s: the server answered: %s",
	    p->fault == APPEND_QUOTA ? "the destination is over its quota"
				     : "the destination takes no mail for this folder",
	    p->reply);
}

/* Where the connection ended at this message, the next way in which it differs is the one to try: a NUL
 * is what servers end it for (quirks row 6); the untouched octets have a second chance after that, for
 * the end may have been an accident; what else a server may mean by it comes last. 0: none is left. */
static int
after_cuts(struct placing *p, struct err *err)
{
	static const enum append_fault order[] = { APPEND_NUL, APPEND_OTHER, APPEND_BARE_LF,
		APPEND_HEADER, APPEND_LONG_LINE };
	unsigned left = p->s->cut_uid == p->f->msg.uid ? p->s->cuts : 0;

	if (left == 0) {
		add_way_for(p, APPEND_OTHER);
		return 1;
	}
	for (size_t i = 0; i < COUNT_OF(order); i++) {
		bool sense;

		p->n_ways = 0;
		add_way_for(p, order[i]);
		if (prepare(p, &p->way[0], &sense, err) < 0)
			return -1;
		if (sense && --left == 0)
			return 1;
	}
	return 0;
}

static int
send_ways(struct placing *p, struct err *err)
{
	int next = after_cuts(p, err);

	if (next < 0)
		return -1;
	if (next == 0)
		return aside(p,
		    "the destination closed the connection each time this message was sent to it, "
		    "also repaired",
		    err);
	for (size_t i = 0; i < p->n_ways; i++) {
		bool sense;
		int rc;

		if (prepare(p, &p->way[i], &sense, err) < 0)
			return -1;
		if (!sense)
			continue;
		rc = try_way(p, &p->way[i], err);
		if (rc != 0)
			return rc < 0 ? -1 : 0;
		if (p->fault == APPEND_QUOTA || p->fault == APPEND_NO_FOLDER)
			return folder_over(p, err);
		if (p->fault == APPEND_TOO_BIG || p->fault == APPEND_UNWANTED)
			break;
		plan_ways(p);
	}
	return aside(p, "the destination refuses the message, also repaired", err);
}

/* What was answered OK under no UID that can be believed is in doubt, and sent again only after its time. */
static int
settle_where(struct placing *p, struct err *err)
{
	int64_t doubt_ms = p->s->to->doubt_wait_ms;
	uint32_t uid;

	if (look_late(p, doubt_ms > LATE_MS ? doubt_ms : LATE_MS, &uid, err) < 0)
		return -1;
	if (uid != 0)
		return found(p, uid, NULL, err);
	/* It was lost, maybe as one of several: the next ones go alone. */
	p->s->multi = false;
	return send_ways(p, err);
}

/* A copy that is not what was sent: the same message but for what the server adds, or another one? One
 * that is nowhere to be seen may come a little later. */
static int
settle_odd(struct placing *p, const struct odd *o, struct err *err)
{
	struct identity there;
	uint32_t uid;
	bool got;

	if (o->kind == ODD_WHERE)
		return settle_where(p, err);
	if (o->kind != ODD_SIZE) {
		if (look_late(p, LATE_MS, &uid, err) < 0)
			return -1;
		return uid != 0 ? found(p, uid, NULL, err) : vanished(p, err);
	}
	if (dest_identity(p->s, o->dest_uid, &there, &got, err) < 0)
		return -1;
	if (got && memcmp(there.whole, p->id.whole, SHA256_LEN) == 0)
		return found(p, o->dest_uid, NULL, err);
	return another(p, o->size, spool_len(p->s->body), o->dest_uid, err);
}

int
dest_place(struct sink *s, struct folder_at *at, struct err *err)
{
	struct placing p = { .s = s, .at = at, .sent = s->body };
	const struct odd *odd = odd_find(at, s->now.uid);
	uint32_t uid;

	if (dest_spool_identity(s, s->body, &p.id, err) < 0)
		return -1;
	if (s->care == CARE_NONE) {
		/* A folder with mail of others. */
		if (dest_match(s, at, &p.id, &uid, err) < 0)
			return -1;
		if (uid == 0 && at->unread == 0)
			return dest_add_small(s, at, err);
	}
	p.g = dest_result(s, OUTCOME_ABSENT);
	p.f = &p.g->flight[0];
	if (!dest_flags(at, &p.f->msg.flags, &p.g->arena, &p.f->sent, &p.f->left))
		return err_set(err, ERR_MESSAGE, "UID %u: its keywords do not fit", s->now.uid);
	if (s->care == CARE_NONE)
		return uid != 0 ? matched(&p, uid, err) : may_be_there(&p, err);
	if (dest_match(s, at, &p.id, &uid, err) < 0)
		return -1;
	if (uid != 0)
		return matched(&p, uid, err);
	if (at->unread != 0)
		return may_be_there(&p, err);
	if (s->care != CARE_SEND)
		return 0;
	return odd != NULL ? settle_odd(&p, odd, err) : send_ways(&p, err);
}
