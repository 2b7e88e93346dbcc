/* What the source offers of one message: its body goes into the sink and its row into the batch, or its verdict
 * alone does. */
#include <string.h>

#include "engine/answer.h"
#include "engine/copy.h"
#include "engine/forecast.h"
#include "imap/limits.h"
#include "mail/header.h"

static struct msg *
live_find(struct lane *l, uint32_t uid, struct live **ret_live, size_t *ret_at)
{
	for (size_t k = 0; k < LANE_PAGES; k++) {
		struct live *v = &l->live[k];
		size_t lo = 0, hi = v->used ? v->page->len : 0;

		while (lo < hi) {
			size_t mid = lo + (hi - lo) / 2;

			if (v->page->msg[mid].uid < uid)
				lo = mid + 1;
			else
				hi = mid;
		}
		if (v->used && lo < v->page->len && v->page->msg[lo].uid == uid) {
			*ret_live = v;
			*ret_at = lo;
			return &v->page->msg[lo];
		}
	}
	return NULL;
}

/* What is known of an offered message before it is read. */
struct known {
	struct msg msg;
	enum verdict old; /* of its row; VERDICTS: none */
	const struct live *page; /* NULL: put aside, it has left its page, or was in none */
	bool stored; /* its row says that nothing is to be done */
	bool lost; /* it was stored, and its copy is lost (msg_lost) */
	struct msg was; /* then: its row, texts in the arena of offered_message */
};

static int
offered_message(struct lane *l, const struct offer *o, struct known *ret, struct arena *a, struct err *err)
{
	struct live *v = NULL;
	size_t at;
	struct msg *m = live_find(l, o->uid, &v, &at), row;
	struct msg *care = m == NULL ? lane_careful_meta(l, o->uid) : NULL;
	bool there = false;

	*ret = (struct known){ .old = VERDICTS, .page = v };
	ret->msg = m ? *m : care ? *care : o->has_meta ? o->msg : (struct msg){ .flags.keywords = "" };
	ret->msg.uid = o->uid;
	if (m != NULL)
		ret->old = (enum verdict)v->old[at];
	if (m != NULL && ret->old != VERDICT_FAILED)
		return 0;
	if (!l->has_rows)
		return 0;
	if (state_message(l->job->state, l->rec.id, o->uid, a, &row, &there, err) < 0)
		return -1;
	if (there)
		ret->old = row.expunged ? VERDICTS : row.verdict;
	ret->lost = there && msg_lost(&row);
	if (ret->lost)
		ret->was = row;
	ret->stored = there && !row.expunged && row.verdict == VERDICT_STORED && lane_row_holds(l, &row);
	return 0;
}

/* A copy that a worse verdict has left goes when the better one is durable. */
static int
replace_older(struct lane *l, uint32_t uid, enum verdict old, struct err *err)
{
	struct arena a;
	struct msg row;
	bool there = false;
	int rc = 0;

	if (old == VERDICTS || !verdict_has_file(old))
		return 0;
	arena_init(&a, LEX_STRING_MAX);
	if (state_message(l->job->state, l->rec.id, uid, &a, &row, &there, err) < 0)
		rc = -1;
	else if (there)
		rc = l->sink_ops->remove(l->sink, l->at, l->rec.uidvalidity, &row, err);
	arena_done(&a);
	return rc;
}

/* A stop that is asked for ends the waiting, and the message comes to its end. */
void
lane_keep_rate(const struct lane *l, size_t octets)
{
	const struct job *job = l->job;
	struct err stop;

	if (rate_spend(job->rate_own, octets, job->stop, &stop) == 0)
		(void)!rate_spend(job->rate, octets, job->stop, &stop);
}

/* Stream one body. 0: stored; 1: not to be used, the source offers it again; -1: error. */
static int
stream_body(struct lane *l, struct known *k, struct buf *head, struct err *err)
{
	struct msg *m = &k->msg;
	struct progress *p = l->job->progress;
	const struct part *brought = l->brought.part;

	if (lane_intends(l) &&
	    ((k->page == NULL && lane_intend_one(l, m, err) < 0) || lane_wait_intents(l, k->page, err) < 0))
		return -1;
	/* Sizes may have been understated, or not told. */
	if (lane_day_spent(l))
		return lane_day_over(err);
	if (l->sink_ops->begin(l->sink, l->at, m, err) < 0)
		return -1;
	if (brought == NULL)
		digest_start(l->digest);
	head_start(l->header);
	m->wire_bytes = 0;
	for (;;) {
		struct slice part;

		if (lane_read(l, &part, err) < 0) {
			l->sink_ops->abandon(l->sink);
			return err->kind == ERR_MESSAGE ? 1 : -1;
		}
		if (part.len == 0)
			break;
		if (brought == NULL)
			digest_add(l->digest, part.data, part.len);
		head_add(l->header, part);
		if (head != NULL && head->len < HEADER_MAX)
			buf_add(head, part.data,
			    part.len < HEADER_MAX - head->len ? part.len : HEADER_MAX - head->len);
		if (l->sink_ops->write(l->sink, part, err) < 0) {
			l->sink_ops->abandon(l->sink);
			return -1;
		}
		m->wire_bytes += part.len;
		if (p != NULL)
			atomic_fetch_add(&p->bytes_done, part.len);
		if (brought == NULL)
			lane_keep_rate(l, part.len);
	}
	if (brought == NULL)
		digest_end(l->digest, m->sha256);
	else
		memcpy(m->sha256, brought->sha256, sizeof(m->sha256));
	head_end(l->header, m->head);
	m->head_known = true;
	return l->sink_ops->end(l->sink, m, err);
}

/* Nothing is to be stored: it is read, since it is on its way, and dropped. */
static int
drop_body(struct lane *l, struct err *err)
{
	struct slice part;

	do {
		if (lane_read(l, &part, err) < 0)
			return err->kind == ERR_MESSAGE ? 1 : -1;
	} while (part.len > 0);
	lane_count(l, 1);
	return 0;
}

static struct lost_words
lost_of(const struct offer *o, struct slice head)
{
	return (struct lost_words){ .command = o->command,
		.reply = o->reply,
		.reply_bytes = o->reply_bytes,
		.refused = o->refused,
		.header = o->header.len > 0 ? o->header : head };
}

/* The verdicts that have a file stand from the best to the worst. */
static bool
is_less(enum verdict v, enum verdict old)
{
	return old != VERDICTS && verdict_has_file(old) && v > old;
}

/* What a source of files knows of a message before it is read. */
static void
tell_origin(struct lane *l, const struct offer *o, const struct msg *m)
{
	if (o->sha256 != NULL && memcmp(o->sha256, m->sha256, SHA256_LEN) != 0)
		lane_warn(l, EV_SOURCE_CHANGED, m->uid,
		    "the copy that was read is not the one that was once stored: its SHA-256 "
		    "differs from the sidecar's; stored as it is now");
	if (o->rebuilt && !l->rebuilt_told)
		lane_warn(l, EV_REBUILT, 0,
		    "messages are rebuilt (reconstructed) from the pieces that the source keeps; "
		    "their octets are not those that were once received");
	l->rebuilt_told |= o->rebuilt;
}

/* A message that no listing tells of, the server refuses it, is there all the same: its row stays. What was in
 * doubt waits for its turn. */
static bool
is_for_nothing(struct lane *l, const struct known *k)
{
	if (k->page != NULL)
		return false;
	uidset_remove(&l->missing, k->msg.uid);
	if (!lane_is_careful(l, k->msg.uid))
		return k->stored;
	if (lane_careful_meta(l, k->msg.uid) != NULL)
		return false;
	lane_keep_meta(l, &k->msg);
	return true;
}

int
lane_take_body(struct lane *l, const struct offer *o, struct err *err)
{
	struct arena a;
	struct buf head;
	struct known k;
	struct msg *m = &k.msg;
	int rc = -1;

	arena_init(&a, LEX_STRING_MAX);
	buf_init(&head, HEADER_MAX + 1);
	if (offered_message(l, o, &k, &a, err) < 0)
		goto out;
	m->verdict = o->good;
	m->reason = o->good == VERDICT_STORED ? NULL : o->reason;
	m->rebuilt = o->rebuilt;
	m->again = k.lost;
	m->wire_bytes = o->octets;
	bool less = is_less(o->good, k.old) || is_for_nothing(l, &k);

	rc = less ? drop_body(l, err)
		  : stream_body(l, &k, o->good == VERDICT_STORED ? NULL : &head, err);
	lane_day_came(l, rc == 0 ? lane_octets_of(m) : 0);
	if (rc == 1) {
		*err = (struct err){ 0 };
		rc = 0;
		goto out;
	}
	if (less && rc == 0)
		goto out;
	if (lane_intends(l)) {
		if (rc == 0)
			tell_origin(l, o, m);
		rc = rc < 0 ? -1 : lane_outcomes(l, false, err);
		goto out;
	}
	if (rc < 0 || replace_older(l, m->uid, k.old, err) < 0) {
		rc = -1;
		goto out;
	}
	l->changed = true;
	l->stored++;
	lane_promise_kept(l, m->wire_bytes);
	tell_origin(l, o, m);
	const struct lost_words lost = lost_of(o, buf_slice(&head));

	if (verdict_good(m->verdict))
		lane_good(l, m, k.old);
	else
		lane_lost(l, m, k.old, &lost);
	lane_count(l, 1);
	if (l->job->progress != NULL && verdict_good(m->verdict))
		atomic_fetch_add(&l->job->progress->messages_new, 1);
	rc = lane_flush_if_full(l, err);
out:
	buf_done(&head);
	arena_done(&a);
	return rc;
}

int
lane_take_verdict(struct lane *l, const struct offer *o, struct err *err)
{
	struct arena a;
	struct known k;
	struct msg *m = &k.msg;
	int rc = -1;

	arena_init(&a, LEX_STRING_MAX);
	if (offered_message(l, o, &k, &a, err) < 0)
		goto out;
	lane_day_came(l, lane_octets_of(m));
	m->verdict = o->verdict;
	m->reason = o->reason;
	/* A worse verdict than a file that is there already does not replace it. */
	if (k.lost) {
		lane_still_lost(l, &k.was, o->reason != NULL ? o->reason : verdict_name(o->verdict));
	} else if (k.old == VERDICTS || !verdict_has_file(k.old)) {
		const struct lost_words lost = lost_of(o, o->header);

		if (verdict_good(m->verdict))
			lane_good(l, m, k.old);
		else
			lane_lost(l, m, k.old, &lost);
	}
	if (m->verdict != VERDICT_GONE)
		uidset_remove(&l->missing, m->uid);
	lane_settled(l, m->uid);
	lane_count(l, 1);
	rc = lane_flush_if_full(l, err);
out:
	arena_done(&a);
	return rc;
}

void
lane_take_none(struct lane *l, uint32_t uid, const char *reason)
{
	struct offer o = { .uid = uid };
	struct arena a;
	struct err ignored = { 0 };
	struct known k;

	arena_init(&a, LEX_STRING_MAX);
	/* A state that fails here fails again at the next flush. */
	if (offered_message(l, &o, &k, &a, &ignored) == 0) {
		k.msg.verdict = VERDICT_FAILED;
		k.msg.reason = reason;
		if (k.lost)
			lane_still_lost(l, &k.was, k.msg.reason);
		else
			lane_lost(l, &k.msg, k.old, &(struct lost_words){ 0 });
	}
	arena_done(&a);
}
