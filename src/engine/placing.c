/* Messages on their way to a server. What is about to be sent is durable first (an intent); what
 * became of it comes later, from the sink. After a cut or a kill a message may be there or not: it is
 * looked for, and sent again only when nobody can be sending it any more (rules.md 2.2, 2.3). */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/copy.h"
#include "engine/forecast.h"

enum { LOOK_APART_MS = 5 * 1000, LOOKS_MAX = 20 };

bool
lane_intends(const struct lane *l)
{
	return l->sink_ops->traits & SINK_INTENT;
}

bool
lane_sink_broken(const struct lane *l)
{
	return l->sink_ops->broken != NULL && l->sink != NULL && l->sink_ops->broken(l->sink);
}

/* ---- intents ---- */

static void
intend(struct lane *l, const struct msg *m, const struct dest_head *head, int64_t now_ms)
{
	const struct intent i = { .uid = m->uid,
		.size_known = m->size_known,
		.size = m->size,
		.date_known = m->date.known,
		.date = m->date.epoch,
		.dest_uidvalidity = head->uidvalidity,
		.dest_uidnext = head->uidnext,
		.at_ms = now_ms };

	batch_intent(l->batch, l->rec.id, &i);
	uidset_add(&l->intended, m->uid, m->uid);
}

int
lane_intend(struct lane *l, struct live *v, struct err *err)
{
	struct dest_head head;
	int64_t now_ms = clock_wall_ms();

	l->sink_ops->head(l->at, &head);
	for (size_t i = 0; i < v->page->len; i++)
		if (v->wanted[i])
			intend(l, &v->page->msg[i], &head, now_ms);
	uidset_sort(&l->intended);
	if (lane_flush(l, false, err) < 0)
		return -1;
	v->intents = l->intents = state_ticket(l->job->state);
	return 0;
}

int
lane_intend_one(struct lane *l, const struct msg *m, struct err *err)
{
	struct dest_head head;

	if (uidset_has(&l->intended, m->uid) || uidset_has(&l->careful, m->uid))
		return 0;
	l->sink_ops->head(l->at, &head);
	intend(l, m, &head, clock_wall_ms());
	uidset_sort(&l->intended);
	if (lane_flush(l, false, err) < 0)
		return -1;
	l->intents = state_ticket(l->job->state);
	return 0;
}

int
lane_wait_intents(struct lane *l, const struct live *v, struct err *err)
{
	if (state_wait(l->job->state, v != NULL ? v->intents : l->intents, err) < 0)
		return -1;
	/* Another process has the account: nothing is sent for it any more. */
	return state_holds(l->job->state, &l->lease, err);
}

void
lane_settled(struct lane *l, uint32_t uid)
{
	if (!lane_intends(l))
		return;
	if (uidset_has(&l->intended, uid) || uidset_has(&l->careful, uid))
		batch_intent_done(l->batch, l->rec.id, uid);
	uidset_remove(&l->intended, uid);
	uidset_remove(&l->careful, uid);
}

/* ---- what is in doubt ---- */

static int
read_doubts(struct lane *l, struct err *err)
{
	struct arena a;
	struct dest_head head;
	struct intent *list;
	uint32_t from = 0;
	size_t n;
	int rc;

	l->sink_ops->head(l->at, &head);
	uidset_clear(&l->careful);
	uidset_clear(&l->intended);
	l->n_care = 0;
	arena_reset(&l->care_arena);
	l->doubt_until_ms = 0;
	l->doubled = 0;
	arena_init(&a, 256 * 1024 * 1024);
	rc = state_intents(l->job->state, l->rec.id, &a, &list, &n, err);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		int64_t until = list[i].at_ms + l->job->dest->doubt_wait_ms;

		/* A clock that was set back must not make it wait for ever. */
		if (until > clock_wall_ms() + l->job->dest->doubt_wait_ms)
			until = clock_wall_ms() + l->job->dest->doubt_wait_ms;
		if (until > l->doubt_until_ms)
			l->doubt_until_ms = until;
		uidset_add(&l->careful, list[i].uid, list[i].uid);
		/* Of another UIDVALIDITY it says nothing about UIDs. */
		if (list[i].dest_uidvalidity == head.uidvalidity && (from == 0 || list[i].dest_uidnext < from))
			from = list[i].dest_uidnext;
	}
	l->sink_ops->doubt_from(l->at, from);
	uidset_sort(&l->careful);
	if (rc == 0 && n > 0)
		lane_event(l, EV_DEST_DOUBT,
		    "%zu messages were about to be sent when the last run or connection ended: "
		    "they are looked for before any is sent again",
		    n);
	arena_done(&a);
	return rc;
}

int
lane_open_target(struct lane *l, struct err *err)
{
	struct dest_head head;

	l->sink_ops->head(l->at, &head);
	l->plan->renewed |= head.was != 0;
	if (head.was != 0 && head.was == head.uidvalidity)
		lane_warn(l, EV_UIDVALIDITY, 0,
		    "UIDNEXT of the folder on the destination is %u, and copies had that UID or higher ones, though "
		    "UIDVALIDITY is still %u: it is not as it was, what is missing is looked for there, and sent again",
		    head.uidnext, head.uidvalidity);
	else if (head.was != 0)
		lane_warn(l, EV_UIDVALIDITY, 0,
		    "UIDVALIDITY of the folder on the destination was %u and is %u: each message "
		    "is looked for there again, and sent where it is missing",
		    head.was, head.uidvalidity);
	/* Rows are read after this. */
	if (head.was != 0 && lane_flush(l, true, err) < 0)
		return -1;
	return read_doubts(l, err);
}

bool
lane_is_careful(const struct lane *l, uint32_t uid)
{
	return lane_intends(l) && uidset_has(&l->careful, uid);
}

void
lane_keep_meta(struct lane *l, const struct msg *m)
{
	if ((l->n_care & (l->n_care - 1)) == 0)
		l->care = mem_resize(l->care, l->n_care ? 2 * l->n_care : 1, sizeof(*l->care));
	if (!msg_copy(m, &l->care_arena, &l->care[l->n_care]))
		return;
	l->n_care++;
	l->care_sorted = false;
}

static int
msg_order(const void *a, const void *b)
{
	const struct msg *x = a, *y = b;

	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

struct msg *
lane_careful_meta(struct lane *l, uint32_t uid)
{
	size_t lo = 0, hi = l->n_care;

	if (!l->care_sorted && l->n_care > 0)
		qsort(l->care, l->n_care, sizeof(*l->care), msg_order);
	l->care_sorted = true;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (l->care[mid].uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < l->n_care && l->care[lo].uid == uid ? &l->care[lo] : NULL;
}

/* ---- outcomes ---- */

static void
take_stored(struct lane *l, const struct outcome *o)
{
	l->changed = true;
	l->stored++;
	for (size_t i = 0; i < o->n_remarks; i++)
		lane_warn(l, o->remark[i].no, o->msg.uid, "%s", o->remark[i].text);
	if (!o->msg.dest_own)
		lane_event(l, EV_DEST_THERE, "UID %u was there already, as UID %u", o->msg.uid,
		    o->msg.dest_uid);
	if (l->has_rows)
		batch_problem_solved(l->batch, l->rec.id, o->msg.uid);
	lane_promise_kept(l, o->msg.wire_bytes);
	lane_good(l, &o->msg, VERDICTS);
	if (l->job->progress != NULL)
		atomic_fetch_add(&l->job->progress->messages_new, 1);
}

static void
take_outcome(struct lane *l, const struct outcome *o)
{
	struct msg m = o->msg;

	switch (o->kind) {
	case OUTCOME_STORED:
		take_stored(l, o);
		break;
	case OUTCOME_CAREFUL:
		uidset_add(&l->careful, m.uid, m.uid);
		uidset_sort(&l->careful);
		lane_keep_meta(l, &m);
		return;
	case OUTCOME_ABSENT:
		return;
	case OUTCOME_REFUSED:
		m.verdict = VERDICT_REFUSED;
		/* fall through */
	case OUTCOME_ASIDE:
		m.reason = o->reason;
		lane_lost(l, &m, VERDICTS,
		    &(struct lost_words){ .command = o->reply != NULL ? "APPEND" : NULL,
			.reply = o->reply,
			.refused = o->reply != NULL,
			.header = o->header });
		break;
	}
	lane_settled(l, m.uid);
	lane_count(l, 1);
}

/* While the destination is waited for the source must not take its connection for dead. */
static int
keep_source(struct lane *l, struct err *err)
{
	return l->source_ops->keep != NULL && l->source != NULL ? l->source_ops->keep(l->source, err) : 0;
}

int
lane_outcomes(struct lane *l, bool wait, struct err *err)
{
	for (;;) {
		struct outcome o;
		bool end;

		if (wait && keep_source(l, err) < 0)
			return -1;
		if (l->sink_ops->outcome(l->sink, wait, &o, &end, err) < 0)
			return -1;
		if (end)
			return lane_flush_if_full(l, err);
		take_outcome(l, &o);
	}
}

/* ---- the careful ones ---- */

/* Offer all of them, and take what comes. */
static int
offer_again(struct lane *l, enum care how, struct err *err)
{
	struct want *want = mem_resize(NULL, l->n_care + 1, sizeof(*want));
	size_t n = 0;
	int rc;

	(void)lane_careful_meta(l, 0);
	for (size_t i = 0; i < l->n_care; i++) {
		const struct msg *m = &l->care[i];

		/* A message that was refused twice is in the list twice. */
		if (!uidset_has(&l->careful, m->uid) || (n > 0 && want[n - 1].uid == m->uid))
			continue;
		want[n++] = (struct want){
			.uid = m->uid, .size_known = m->size_known, .size = m->size
		};
	}
	rc = l->sink_ops->care(l->sink, l->at, how, err);
	if (rc == 0 && n > 0) {
		rc = l->source_ops->ask(l->source, want, n, err);
		if (rc == 0)
			rc = l->source_ops->ask_rest(l->source, err);
		if (rc == 0)
			rc = lane_take_answers(l, err);
		if (rc == 0)
			rc = lane_take_answers(l, err);
		if (rc == 0)
			rc = lane_outcomes(l, true, err);
	}
	free(want);
	return rc;
}

/* Nobody may be sending them any more: the time has passed, and twice nothing new was to be seen. */
static int
wait_for_quiet(struct lane *l, struct err *err)
{
	int64_t apart = l->job->dest->doubt_wait_ms;
	int quiet = 0;
	bool moved;

	if (apart > LOOK_APART_MS)
		apart = LOOK_APART_MS;
	lane_event(l, EV_DEST_DOUBT,
	    "%llu messages are not there yet: waiting until they cannot come any more",
	    (unsigned long long)uidset_count(&l->careful));
	progress_wait(l->job->progress, WAITING_SERVER);
	for (int looks = 0; quiet < 2 && looks < LOOKS_MAX; looks++) {
		int64_t left = l->doubt_until_ms - clock_wall_ms();

		if (left < apart)
			left = apart;
		if (left > 60 * 1000)
			left = 60 * 1000;
		if (cancel_sleep(l->job->stop, left, err) < 0 || keep_source(l, err) < 0 ||
		    l->sink_ops->moved(l->sink, l->at, &moved, err) < 0)
			return -1;
		if (clock_wall_ms() >= l->doubt_until_ms)
			quiet = moved ? 0 : quiet + 1;
		else
			looks--;
	}
	progress_wait(l->job->progress, WAITING_NOTHING);
	l->doubt_until_ms = 0;
	return 0;
}

/* New intents for what is sent again. */
static int
intend_again(struct lane *l, struct err *err)
{
	struct dest_head head;
	int64_t now_ms = clock_wall_ms();

	l->sink_ops->head(l->at, &head);
	for (size_t i = 0; i < l->n_care; i++)
		if (uidset_has(&l->careful, l->care[i].uid))
			intend(l, &l->care[i], &head, now_ms);
	uidset_sort(&l->intended);
	return lane_flush(l, true, err);
}

static bool
care_left(const struct lane *l)
{
	for (size_t i = 0; i < l->n_care; i++)
		if (uidset_has(&l->careful, l->care[i].uid))
			return true;
	return false;
}

void
lane_forget_unlisted(struct lane *l)
{
	for (uint32_t uid = 0; (uid = uidset_after(&l->careful, uid)) != 0;)
		batch_intent_done(l->batch, l->rec.id, uid);
	uidset_clear(&l->careful);
}

/* ---- stored twice ---- */

/* Is it equal to a copy that a row names? */
static int
is_double(struct lane *l, const struct surplus_copy *c, bool *ret, struct err *err)
{
	struct msg_page *page = msg_page_new();
	uint32_t after = 0;
	int rc;

	*ret = false;
	while ((rc = state_page(l->job->state, l->rec.id, after, page, err)) == 0 &&
	       page->len > 0 && !*ret) {
		for (size_t i = 0; i < page->len && !*ret; i++)
			*ret = page->msg[i].dest_uid != 0 && page->msg[i].dest_uid != c->uid &&
			       memcmp(page->msg[i].sha256, c->sha256, SHA256_LEN) == 0;
		after = page->msg[page->len - 1].uid;
	}
	msg_page_free(page);
	return rc;
}

/* One copy stays; a further one that this run has caused goes, where one message alone can be removed
 * (rules.md 2.4). */
static int
drop_doubles(struct lane *l, struct err *err)
{
	struct surplus_copy *list;
	size_t n;
	int rc;

	if (l->sink_ops->surplus(l->sink, l->at, &list, &n, err) < 0)
		return -1;
	if (n == 0)
		return 0;
	/* What was placed is to be found in the rows. */
	rc = lane_flush(l, true, err);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		bool same = false, done = false;

		rc = is_double(l, &list[i], &same, err);
		if (rc == 0 && same)
			rc = l->sink_ops->drop_surplus(l->sink, l->at, list[i].uid, &done, err);
		if (rc < 0 || !same)
			continue;
		lane_warn(l, EV_DEST_SURPLUS, 0, "the server stored a message twice: its UID %u %s",
		    list[i].uid, done ? "was removed, the other copy stays" : "is one too many");
		l->doubled += !done;
	}
	free(list);
	return rc;
}

int
lane_place_rest(struct lane *l, struct err *err)
{
	if (lane_outcomes(l, true, err) < 0)
		return -1;
	if (care_left(l) && l->doubt_until_ms != 0) {
		if (offer_again(l, CARE_LOOK, err) < 0)
			return -1;
		if (care_left(l) && wait_for_quiet(l, err) < 0)
			return -1;
	}
	if (care_left(l) &&
	    (intend_again(l, err) < 0 || offer_again(l, CARE_SEND, err) < 0))
		return -1;
	l->n_care = 0;
	arena_reset(&l->care_arena);
	if (l->sink_ops->care(l->sink, l->at, CARE_NONE, err) < 0)
		return -1;
	return drop_doubles(l, err);
}

/* Can the destination have it, though no outcome says so? A careful one that was refused before its
 * first octet cannot be there; one that was in doubt before has a new intent only after it was looked
 * for and waited for. */
static bool
may_be_there(struct lane *l, const struct uidset *unanswered, uint32_t uid)
{
	/* Some servers say NO and store it all the same. */
	return l->sink_ops->went_out(l->at, uid) || (!uidset_has(&l->careful, uid) && uidset_has(unanswered, uid));
}

void
lane_put_down(struct lane *l)
{
	struct uidset unanswered;
	struct err ignored = { 0 };

	if (l->at == NULL)
		return;
	/* What is known is taken; what is under way only when its session lives. */
	if (lane_outcomes(l, !lane_sink_broken(l), &ignored) < 0 &&
	    lane_outcomes(l, false, &ignored) < 0)
		ignored = (struct err){ 0 };
	uidset_init(&unanswered);
	l->sink_ops->in_doubt(l->sink, &unanswered);
	for (uint32_t uid = 0; (uid = uidset_after(&l->intended, uid)) != 0;)
		if (!may_be_there(l, &unanswered, uid))
			batch_intent_done(l->batch, l->rec.id, uid);
	uidset_clear(&l->intended);
	uidset_clear(&l->careful);
	uidset_done(&unanswered);
	l->at = NULL;
}
