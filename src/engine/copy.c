/* One folder from source to sink. The listing is merged with the rows of the state, so that only
 * what is missing is read; while the bodies of one page arrive, those of the next are asked for
 * already. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/answer.h"
#include "engine/copy.h"
#include "engine/forecast.h"
#include "imap/limits.h"

int
lane_flush(struct lane *l, bool wait, struct err *err)
{
	struct pending *pending = NULL;

	if (lane_tell(l, err) < 0)
		return -1;
	if (l->sink != NULL && l->sink_ops->seal(l->sink, l->batch, &pending, err) < 0)
		return -1;
	if (pending != NULL)
		batch_set_pending(l->batch, pending);
	if (pending != NULL || batch_len(l->batch) > 0) {
		struct batch *full = l->batch;

		l->batch = batch_new();
		l->batch_no++;
		l->batch_began_ms = clock_mono_ms();
		if (state_put(l->job->state, &l->lease, &full, err) < 0)
			return -1;
	}
	if (wait && state_barrier(l->job->state, err) < 0)
		return -1;
	return wait ? state_holds(l->job->state, &l->lease, err) : 0;
}

int
lane_flush_if_full(struct lane *l, struct err *err)
{
	if (l->sink_ops->full(l->sink) || batch_len(l->batch) >= BATCH_RECORDS ||
	    clock_mono_ms() - l->batch_began_ms >= BATCH_MS)
		return lane_flush(l, false, err) < 0 ? -1 : lane_room_holds(l, err);
	return 0;
}

static struct live *
free_live(struct lane *l)
{
	for (size_t i = 0; i < LANE_PAGES; i++)
		if (!l->live[i].used)
			return &l->live[i];
	return NULL;
}

/* No message of so many octets can come: a size that is none asks for no room. */
uint64_t
lane_octets_of(const struct msg *m)
{
	return m->size_known && m->size <= (uint64_t)LITERAL_MIB_MAX * LIMIT_MIB ? m->size : 0;
}

/* What the day leaves nothing for is wanted tomorrow. One message a day goes however large it is. */
static void
cut_to_day(struct lane *l, struct live *v)
{
	uint64_t left = lane_day_left(l);
	bool first = left == l->job->max_per_day;

	v->cut = false;
	for (size_t i = 0; i < v->page->len && left < UINT64_MAX; i++) {
		uint64_t octets = lane_octets_of(&v->page->msg[i]);

		if (!v->wanted[i])
			continue;
		v->cut = v->cut || left == 0 || (octets > left && !first);
		v->wanted[i] = !v->cut;
		left -= octets < left ? octets : left;
		first = false;
	}
}

static int
ask_for(struct lane *l, struct live *v, struct err *err)
{
	struct want *want = mem_resize(NULL, v->page->len + 1, sizeof(*want));
	uint64_t octets = 0;
	size_t n = 0;

	cut_to_day(l, v);
	for (size_t i = 0; i < v->page->len; i++) {
		const struct msg *m = &v->page->msg[i];

		if (!v->wanted[i])
			continue;
		want[n++] = (struct want){ .uid = m->uid,
			.size_known = m->size_known,
			.size = m->size,
			.isolated = uidset_has(&l->isolated, m->uid) };
		octets += lane_octets_of(m);
	}
	if (l->job->progress != NULL)
		atomic_fetch_add(&l->job->progress->bytes_total, octets);
	lane_day_asked(l, octets);

	int rc = lane_promise(l, n, octets, err);

	if (rc == 0 && lane_intends(l) && n > 0)
		rc = lane_intend(l, v, err);
	if (rc == 0)
		rc = lane_ask(l, v, want, n, octets, err);
	free(want);
	return rc;
}

/* The next page of the listing: sort it against the rows, ask for what is missing. *ret NULL: the
 * listing has ended. */
static int
list_page(struct lane *l, struct live **ret, struct err *err)
{
	struct live *v = free_live(l);

	*ret = NULL;
	if (v->page == NULL)
		v->page = msg_page_new();
	if (l->source_ops->list(l->source, v->page, err) < 0)
		return -1;
	if (v->page->len == 0)
		return 0;
	for (size_t i = 0; i < v->page->len; i++)
		if (lane_sort(l, v, i, err) < 0)
			return -1;
	if (ask_for(l, v, err) < 0)
		return -1;
	v->used = true;
	*ret = v;
	return 0;
}

/* Flags that nobody told are no reason to take \Seen away later. */
static bool
lacks_seen(const struct msg *m)
{
	return !(m->untold & UNTOLD_FLAGS) && !(m->flags.system & FLAG_SEEN);
}

/* The next commands may set \Seen: what lacks it is written down first (rules.md 1.4). */
static int
take_debt(struct lane *l, const struct offer *o, struct err *err)
{
	if (o->has_meta && lacks_seen(&o->msg)) {
		batch_debt(l->batch, l->rec.id, o->uid);
		uidset_add(&l->owed, o->uid, o->uid);
	}
	for (size_t k = 0; !o->has_meta && k < LANE_PAGES; k++) {
		struct live *v = &l->live[k];

		for (size_t i = 0; v->used && i < v->page->len; i++) {
			if (!v->wanted[i] || !lacks_seen(&v->page->msg[i]))
				continue;
			batch_debt(l->batch, l->rec.id, v->page->msg[i].uid);
			uidset_add(&l->owed, v->page->msg[i].uid, v->page->msg[i].uid);
		}
	}
	/* Those that go last have left their pages. */
	for (size_t i = 0; !o->has_meta && i < l->n_care; i++) {
		if (!lacks_seen(&l->care[i]))
			continue;
		batch_debt(l->batch, l->rec.id, l->care[i].uid);
		uidset_add(&l->owed, l->care[i].uid, l->care[i].uid);
	}
	uidset_sort(&l->owed);
	l->owing.plan = l->plan;
	l->owing.folder = l->rec.id;
	l->owing.uidvalidity = l->rec.uidvalidity;
	return lane_flush(l, true, err);
}

/* Everything up to the end of one ask. */
int
lane_take_answers(struct lane *l, struct err *err)
{
	for (;;) {
		struct offer o;

		switch (answer_next(l->source_ops, l->source, l->job->stop, &o, err)) {
		case STEP_ERR:
			return -1;
		case STEP_END:
			return lane_tell(l, err);
		case STEP_OWE:
			if (take_debt(l, &o, err) < 0)
				return -1;
			break;
		case STEP_ITEM:
			if ((o.verdict == VERDICT_NONE ? lane_take_body(l, &o, err)
						       : lane_take_verdict(l, &o, err)) < 0 ||
			    lane_lend_when_ready(l, err) < 0)
				return -1;
			break;
		}
	}
}

/* List, ask, read, one page ahead, until the listing ends; then what was put aside. */
static int
copy_pages(struct lane *l, struct err *err)
{
	struct live *now, *ahead;
	bool rest = false;

	if (list_page(l, &now, err) < 0)
		return -1;
	while (now != NULL) {
		if (list_page(l, &ahead, err) < 0)
			return -1;
		/* It comes behind all that is asked for, and so late when others may leave something. */
		rest = ahead == NULL && !lane_has_unasked(l);
		if (rest && l->source_ops->ask_rest(l->source, err) < 0)
			return -1;
		if (lane_take_page(l, now, err) < 0 || (now->cut && lane_day_over(err) < 0))
			return -1;
		/* Without an ahead the pages stay for what was put aside. */
		if (ahead == NULL)
			break;
		now->used = false;
		now = ahead;
	}
	if (!rest && l->source_ops->ask_rest(l->source, err) < 0)
		return -1;
	if (lane_take_answers(l, err) < 0)
		return -1;
	for (size_t i = 0; i < LANE_PAGES; i++)
		l->live[i].used = false;
	return 0;
}

/* A new UIDVALIDITY goes on in the same directory, from the mark of the record before it. That one
 * may be vanished already: a run that was killed has made the new record. */
static const char *
mark_before(const struct lane *l)
{
	const struct folder_rec *found = NULL;

	for (size_t i = 0; i < l->n_known; i++) {
		const struct folder_rec *r = &l->known[i];

		if (r->mark[0] != '\0' && strcmp(r->path, l->rec.path) == 0 &&
		    slice_eq(l->plan->folder.name, r->name) && (found == NULL || r->id > found->id))
			found = r;
	}
	return found != NULL ? found->mark : "";
}

static void
take_mark_before(struct lane *l)
{
	l->rec.mark = mark_before(l);
	/* A file that goes on gets a line, and the mark with it; nothing need change on a server. */
	if (lane_intends(l) && l->rec.mark[0] != '\0')
		batch_mark(l->batch, l->rec.id, l->rec.mark);
}

/* A source that says another one each time would have all its mail copied each time. */
static int
count_validity(struct lane *l, struct planned *f, uint32_t now, struct err *err)
{
	if (f->validities > 0 && f->uidvalidity == now)
		return 0;
	/* UIDs of the one before are other messages'. */
	uidset_clear(&l->skip);
	uidset_clear(&l->headless);
	uidset_clear(&l->isolated);
	l->cut = (struct cut){ 0 };
	f->uidvalidity = now;
	if (++f->validities <= VALIDITIES_MAX)
		return 0;
	return err_set(err, ERR_FOLDER, "its UIDVALIDITY has changed %u times in this run",
	    f->validities - 1);
}

static int
open_folder(struct lane *l, struct err *err)
{
	const struct folder *f = &l->plan->folder;
	const struct folder_rec *known = lane_known(l, f->name, NULL);
	const struct row_feed feed = { .next = lane_feed_rows, .arg = l, .placed = lane_placed_before };
	uint64_t aside = 0;

	if (lane_pay_old(l, known, err) < 0)
		return -1;

	bool known_well = lane_since(l, f, known, &l->since);

	if (l->source_ops->enter(l->source, f, known_well ? &l->since : NULL, &l->head, err) < 0 ||
	    lane_search_taken(l, err) < 0)
		return -1;
	if (count_validity(l, l->plan, l->head.uidvalidity, err) < 0)
		return -1;
	/* The record that this run has made is one of before, too. */
	if (l->plan->validities > 1 && lane_know_again(l, err) < 0)
		return -1;
	if (l->plan->rec != NULL && l->plan->rec->uidvalidity == l->head.uidvalidity)
		l->rec = *l->plan->rec;
	else if (lane_rec_start(l, l->plan, l->head.uidvalidity, err) < 0)
		return -1;
	/* Entered again, its numbers would be old. */
	l->plan->rec = NULL;
	lane_take_id(l);
	if (l->rec.mark[0] == '\0')
		take_mark_before(l);
	l->rec.excluded = l->rec.vanished = false;
	if (lane_rebuild(l, err) < 0 || lane_note_gone(l, err) < 0 ||
	    l->sink_ops->folder(l->sink, &l->rec, &feed, &aside, &l->at, err) < 0)
		return -1;
	lane_rec_begin_again(l);
	if (aside > 0)
		lane_event(l, EV_RECOVERED,
		    "%llu files without a committed row were set aside in tmp/",
		    (unsigned long long)aside);
	if (l->rec.name_mapped)
		lane_warn(l, EV_NAME_MAPPED, 0,
		    lane_intends(l) ? "the destination cannot have the name; there it is '%s'"
				    : "the name cannot be a directory's; it is stored as '%s'",
		    l->rec.path);
	l->has_rows = l->rec.listed + l->rec.expunged > 0;
	l->fresh = l->has_rows || lane_known(l, f->name, NULL) != NULL ? 0 : l->batch_no;
	l->merged = l->rows_end = l->changed = l->rebuilt_told = l->twins_ready = false;
	l->twins = 0;
	l->rows_after = 0;
	l->row_at = 0;
	if (l->rows != NULL)
		l->rows->len = 0;
	uidset_clear(&l->missing);
	uidset_clear(&l->owed);
	l->excluded = 0;
	lane_forget_renewed(l);
	lane_forget_former(l);
	if (lane_load_numbers(l, l->rec.id, err) < 0)
		return -1;
	return lane_intends(l) ? lane_open_target(l, err) : 0;
}

/* People know a message by From, Date and Subject. When all others are there the headers of those are asked for at
 * which connections ended; the first at which one ends again is the last that is asked for. */
static int
head_lost(struct lane *l, struct err *err)
{
	struct uidset ask = l->headless;
	struct arena a;
	int rc = 0;

	l->headless = (struct uidset){ 0 };
	arena_init(&a, LEX_STRING_MAX);
	for (uint32_t uid = 0; rc == 0 && l->source_ops->lost_header != NULL && (uid = uidset_after(&ask, uid)) != 0;) {
		struct lost_words words = { 0 };
		struct msg row;
		bool there = false;

		arena_reset(&a);
		rc = l->source_ops->lost_header(l->source, uid, &words.header, err);
		if (rc == 0 && words.header.len > 0)
			rc = state_message(l->job->state, l->rec.id, uid, &a, &row, &there, err);
		if (rc == 0 && there && row.verdict == VERDICT_FAILED)
			lane_lost_header(l, &row, &words);
	}
	arena_done(&a);
	uidset_done(&ask);
	return rc;
}

static int
copy_folder(struct lane *l, struct err *err)
{
	bool more;

	if (open_folder(l, err) < 0)
		return -1;
	lane_event(l, EV_FOLDER_START, "%u messages", l->head.exists);
	if ((l->head.since && lane_take_changes(l, err) < 0) || lane_recognise(l, err) < 0)
		return -1;
	for (;;) {
		if (lane_number(l, err) < 0 || copy_pages(l, err) < 0 || (lane_intends(l) && lane_place_rest(l, err) < 0))
			return -1;
		if (!l->merged && lane_rows_left(l, err) < 0)
			return -1;
		l->merged = true;
		uidset_sort(&l->missing);
		if (l->source_ops->settle(l->source, &more, err) < 0)
			return -1;
		if (more)
			continue;
		if (head_lost(l, err) < 0)
			return -1;
		lane_forget_unlisted(l);
		return lane_close_folder(l, err);
	}
}

static const char cut_reason[] = "the connection was lost three times while this message was read";

void
lane_expect_cut(struct lane *l, const struct msg *row)
{
	if (row->verdict != VERDICT_FAILED || row->reason == NULL || strcmp(row->reason, cut_reason) != 0)
		return;
	uidset_add(&l->struck, row->uid, row->uid);
	uidset_sort(&l->struck);
}

/* How often has it been so before, at this message? Others may have had their turn since. */
static unsigned
cuts_before(const struct lane *l, uint32_t uid)
{
	if (uidset_has(&l->struck, uid))
		return CUTS_MAX - 1;
	if (l->cut.uid == uid)
		return l->cut.times;
	return uidset_has(&l->isolated, uid) ? CUTS_ALONE : 0;
}

/* The connection ended while a body was read. Twice at the same message isolates it: the others go
 * first, and it is read in slices; when that fails too it is left out of this run. A later run tries it once. */
static void
count_cut(struct lane *l)
{
	uint32_t uid = l->source_ops->reading(l->source);

	l->listings_cut += l->source_ops->listing != NULL && l->source_ops->listing(l->source);
	/* Or its header, when all else of it was given up. */
	if (uid == 0 || uidset_has(&l->skip, uid))
		return;
	l->cut = (struct cut){ .uid = uid, .times = cuts_before(l, uid) + 1 };
	if (l->cut.times >= CUTS_ALONE) {
		uidset_add(&l->isolated, uid, uid);
		uidset_sort(&l->isolated);
	}
	if (l->cut.times < CUTS_MAX)
		return;
	uidset_add(&l->skip, uid, uid);
	uidset_sort(&l->skip);
	uidset_add(&l->headless, uid, uid);
	uidset_sort(&l->headless);
	lane_take_none(l, uid, cut_reason);
}

int
lane_copy(struct lane *l, struct planned *f, struct err *err)
{
	const struct folder_rec *known = lane_known(l, f->folder.name, NULL);

	if (l->plan != f) {
		uidset_clear(&l->skip);
		uidset_clear(&l->headless);
		uidset_clear(&l->isolated);
		uidset_clear(&l->struck);
		l->cut = (struct cut){ 0 };
		l->listings_cut = 0;
		l->sizeless_told = false;
		l->counted = 0;
	}
	l->plan = f;
	l->count = 0;
	lane_promise_over(l);
	lane_day_came(l, l->day_asked);
	progress_folder(l->job->progress, f->display);
	for (size_t i = 0; i < LANE_PAGES; i++)
		l->live[i].used = false;
	if (lane_unchanged(l, &f->folder, known))
		return lane_carry_over(l, known, err);
	if (lane_room_holds(l, err) < 0)
		return -1;
	if (copy_folder(l, err) == 0) {
		lane_lend_over(l);
		return 0;
	}
	l->sink_ops->abandon(l->sink);
	if (err->scope == SCOPE_SESSION && !lane_sink_broken(l)) {
		count_cut(l);
		lane_keep_brought(l);
	}
	lane_lend_over(l);
	if (lane_intends(l))
		lane_put_down(l);
	return -1;
}
