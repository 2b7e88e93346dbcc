/* The listing: pages of metadata, asked for ahead, filled by UID, and the ladder of its own forms.
 */
#include "store/from_imap/source_imap.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* ---- listing ---- */

/* Ways to ask for the listing, best first; a step down is taken once per server. UID FETCH gives
 * the UID unasked (RFC 3501 6.4.8, RFC 1730 6.4.8), yet some servers want it named, and some old
 * ones refuse it. */
static const char *const listing_forms[] = {
	"(UID FLAGS INTERNALDATE RFC822.SIZE)",
	"(FLAGS INTERNALDATE RFC822.SIZE)",
	"FAST",
	"(FLAGS RFC822.SIZE)",
	"(FLAGS)",
};
/* Before all others, where it is offered. */
enum { FORM_GMAIL = COUNT_OF(listing_forms), FORM_SIZELESS, FORM_GMAIL_SIZELESS };
static const char gmail_form[] =
    "(UID FLAGS INTERNALDATE RFC822.SIZE X-GM-MSGID X-GM-THRID X-GM-LABELS)";
/* For its size a server has to read a message: Dovecot ends the connection at one that it cannot read. */
static const char *const sizeless_form[] = {
	[FORM_SIZELESS] = "(UID FLAGS INTERNALDATE)",
	[FORM_GMAIL_SIZELESS] = "(UID FLAGS INTERNALDATE X-GM-MSGID X-GM-THRID X-GM-LABELS)",
};

bool
source_tells_labels(const struct source *s)
{
	return (s->facts.quirks & LEARNT_LISTINGS) == 0 && caps_has(&s->s->caps, CAP_GMAIL);
}

static unsigned
listing_form(const struct source *s)
{
	unsigned f = (s->facts.quirks & LEARNT_LISTING) >> LEARNT_LISTING_SHIFT;

	if (source_tells_labels(s))
		return s->sizeless ? FORM_GMAIL_SIZELESS : FORM_GMAIL;
	if (s->sizeless && s->s->level <= LEVEL_IMAP4REV1 && f == 0)
		return FORM_SIZELESS;
	return f == 0 && s->s->level >= LEVEL_IMAP4 ? 1 : f;
}

const char *
source_listing_items(const struct source *s)
{
	unsigned f = listing_form(s);

	if (f == FORM_SIZELESS || f == FORM_GMAIL_SIZELESS)
		return sizeless_form[f];
	return f == FORM_GMAIL ? gmail_form : listing_forms[f];
}

void
source_listing_begin(struct source *s)
{
	struct event e = { .no = EV_ANSWER, .level = LEVEL_WARNING, .folder = s->folder };

	s->sizeless = s->at.sizeless;
	s->at.sizeless = false;
	if (s->sizeless && !s->at.sizeless_told)
		notes_add(&s->notes, &e, true,
		    "connections end while this folder is listed, perhaps at a message that the server cannot read; "
		    "it is listed without the sizes of its messages");
}

static int
send_page(struct source *s, size_t i, struct err *err)
{
	char set[32];

	snprintf(set, sizeof(set), "%u:*", s->page_range[i].lo);
	if (s->page_range[i].hi != UINT32_MAX)
		snprintf(set, sizeof(set), "%u:%u", s->page_range[i].lo, s->page_range[i].hi);
	msg_page_reset(s->page[i]);
	s->page_asked[i] = true;
	/* Nothing to be had: each message is looked at alone in the end. */
	if (s->singles) {
		s->page_again[i] = false;
		s->page_ready[i] = s->pages_done = true;
		return 0;
	}
	s->page_ready[i] = s->page_again[i] = false;
	s->page_form[i] = listing_form(s);
	s->page_expect[i] = !s->search_known || s->page_range[i].hi == UINT32_MAX || s->s->numbered
				? 0
				: uidset_count_below(&s->map, s->page_range[i].hi + 1) -
				      uidset_count_below(&s->map, s->page_range[i].lo);
	return sess_send_set(
	    s->s, ASKED_PAGE, &s->page_tag[i], "FETCH", set, source_listing_items(s), err);
}

int
source_ask_page(struct source *s, uint32_t lo, uint32_t hi, struct err *err)
{
	size_t i = s->page_asked[0] ? 1 : 0;

	s->page_range[i] = (struct uidrange){ .lo = lo, .hi = hi };
	return send_page(s, i, err);
}

int
source_ask_pages_again(struct source *s, struct err *err)
{
	for (size_t i = 0; i < 2; i++)
		if (s->page_asked[i] && !s->page_ready[i] && send_page(s, i, err) < 0)
			return -1;
	return 0;
}

/* The next page of members of the map, as one range: between them nothing is known to exist, and
 * what exists unknown to SEARCH is then listed too. */
int
source_ask_next_page(struct source *s, struct err *err)
{
	if (s->pages_done || (s->page_asked[0] && s->page_asked[1]))
		return 0;
	if (s->s->numbered && source_drain(s, err) < 0)
		return -1;

	uint64_t before = uidset_count_below(&s->map, s->page_from);
	uint32_t lo = uidset_nth(&s->map, before + 1), hi = uidset_nth(&s->map, before + s->most);

	if (lo == 0) {
		s->pages_done = true;
		return 0;
	}
	if (hi == 0)
		hi = uidset_last(&s->map);
	s->page_from = hi == UINT32_MAX ? hi : hi + 1;
	if (hi >= uidset_last(&s->map))
		s->pages_done = true;
	return source_ask_page(s, lo, hi, err);
}

static struct msg *
page_find(struct msg_page *p, uint32_t uid)
{
	for (size_t i = p->len; i-- > 0 && p->msg[i].uid >= uid;)
		if (p->msg[i].uid == uid)
			return &p->msg[i];
	return NULL;
}

static int
no_room(struct err *err)
{
	return err_set(err, ERR_PROTOCOL, "a page of the listing has more text than fits");
}

int
source_listing_fill(struct msg *m, const struct fetch_data *f, struct arena *a, struct err *err)
{
	m->untold &= (uint8_t)~((f->has_size ? UNTOLD_SIZE : 0) | (f->has_date ? UNTOLD_DATE : 0) |
				(f->has_flags ? UNTOLD_FLAGS : 0));
	if (f->has_size) {
		/* 0 is what servers say that do not know (quirks row 31). */
		m->size = f->size;
		m->size_known = f->size > 0;
	}
	if (f->has_date) {
		m->date = f->date;
		m->raw_date = f->raw_date ? arena_copy(a, slice_str(f->raw_date)) : NULL;
	}
	if (f->has_flags) {
		char *words = arena_copy(a, slice_str(f->flags.keywords));

		if (words == NULL)
			return no_room(err);
		m->flags.system = f->flags.system & FLAGS_STORED;
		m->flags.keywords = words;
	}
	if (f->flags.labels != NULL) {
		m->flags.labels = arena_copy(a, slice_str(f->flags.labels));
		if (m->flags.labels == NULL)
			return no_room(err);
	}
	if (f->gm_msgid != 0)
		m->gm_msgid = f->gm_msgid;
	if (f->gm_thrid != 0)
		m->gm_thrid = f->gm_thrid;
	if (f->modseq != 0)
		m->modseq = f->modseq;
	return 0;
}

/* What the present form of listing asks for. */
uint8_t
source_listing_asks(const struct source *s)
{
	const char *items = source_listing_items(s);

	if (strstr(items, "SIZE") == NULL && strcmp(items, "FAST") != 0)
		return UNTOLD_FLAGS;
	return strstr(items, "DATE") != NULL || strcmp(items, "FAST") == 0
		   ? UNTOLD_FLAGS | UNTOLD_DATE | UNTOLD_SIZE
		   : UNTOLD_FLAGS | UNTOLD_SIZE;
}

/* Data of one message for the page that is being filled. What was not asked for has neither size
 * nor date. */
static int
page_take(struct source *s, struct msg_page *p, const struct fetch_data *f, bool *ret_new, struct err *err)
{
	struct msg *m = page_find(p, f->uid);

	if (m == NULL) {
		if ((!f->has_size && !f->has_date) || p->len == PAGE_MSGS)
			return 0;

		size_t i = p->len;

		while (i > 0 && p->msg[i - 1].uid > f->uid)
			i--;
		memmove(&p->msg[i + 1], &p->msg[i], (p->len - i) * sizeof(p->msg[0]));
		p->msg[i] = (struct msg){ .uid = f->uid, .seq = f->seq, .untold = source_listing_asks(s), .flags.keywords = "" };
		p->len++;
		m = &p->msg[i];
		*ret_new = true;
	} else if (m->seq != f->seq) {
		m->untold |= UNTOLD_WHOSE;
		return 0;
	}
	return source_listing_fill(m, f, &p->arena, err);
}

static void
page_listed(struct source *s, const struct msg_page *p)
{
	bool all_known = true;

	for (size_t k = 0; k < p->len; k++) {
		uidset_add(&s->fetched, p->msg[k].uid, p->msg[k].uid);
		all_known = all_known && uidset_has(&s->map, p->msg[k].uid);
	}
	uidset_sort(&s->fetched);
	if (all_known)
		return;
	/* Sorted once: a map may be large, and a page full of what SEARCH hides. */
	for (size_t k = 0; k < p->len; k++)
		uidset_add(&s->map, p->msg[k].uid, p->msg[k].uid);
	uidset_sort(&s->map);
}

/* A line that lacks something may have been torn, or be another one: the message counts as not listed,
 * and is listed once more, and then alone. What a server never tells is taken as it is. */
static void
page_drop_partial(struct source *s, struct msg_page *p)
{
	size_t kept = 0;

	for (size_t k = 0; k < p->len; k++) {
		if (p->msg[k].untold == 0 || s->tells_part >= TELLS_PART_MAX || s->partial == PARTIAL_MAX) {
			s->flagless += p->msg[k].untold & UNTOLD_FLAGS ? 1 : 0;
			p->msg[kept++] = p->msg[k];
			continue;
		}
		s->partial++;
		if (!uidset_has(&s->map, p->msg[k].uid)) {
			uidset_add(&s->map, p->msg[k].uid, p->msg[k].uid);
			uidset_sort(&s->map);
		}
	}
	p->len = kept;
}

static bool
page_whole(const struct msg_page *p)
{
	for (size_t k = 0; k < p->len; k++)
		if (p->msg[k].untold != 0)
			return false;
	return true;
}

static void
page_complete(struct source *s, size_t i)
{
	if (s->page_ready[i])
		return;
	s->page_ready[i] = true;
	s->listing_works |= s->page[i]->len > 0;
	page_drop_partial(s, s->page[i]);
	page_listed(s, s->page[i]);
}

/* The slot whose page a UID belongs to; 2: none. */
static size_t
page_of(const struct source *s, uint32_t uid)
{
	for (size_t i = 0; i < 2; i++)
		if (s->page_asked[i] && !s->page_ready[i] && uid >= s->page_range[i].lo &&
		    uid <= s->page_range[i].hi)
			return i;
	return 2;
}

/* A listing without UIDs, though UID FETCH was asked (quirks row 33): the number tells, if the map
 * has all messages. */
static uint32_t
uid_by_number(const struct source *s, const struct fetch_data *f)
{
	if (!(f->has_size || f->has_date) || uidset_count(&s->map) != s->s->exists)
		return 0;
	return uidset_nth(&s->map, f->seq);
}

/* An answer to a look at one message that cannot be told from one about another. */
static bool
looks_odd(const struct source *s, const struct fetch_data *f)
{
	return f->has_size || f->has_date ||
	       uidset_nth(&s->map, f->seq) == s->looking;
}

int
source_take_listing(struct source *s, const struct resp *r, struct err *err)
{
	struct fetch_data given = r->fetch;
	const struct fetch_data *f = &given;
	int kind = s->s->n_asked > 0 ? s->s->asked[0].kind : 0;

	if (source_is_change(s, f))
		return source_take_change(s, f, err);
	source_take_late_change(s, f);
	if (given.uid == 0)
		given.uid = uid_by_number(s, f);
	if (f->uid == 0) {
		s->look_odd |= kind == ASKED_META && looks_odd(s, f);
		return 0;
	}
	if (kind == ASKED_META) {
		source_meta_take(s, f);
		return 0;
	}

	size_t i = page_of(s, f->uid);
	bool taken = false;

	if (kind == ASKED_UIDS) {
		if (f->uid > uidset_last(&s->searched))
			sess_progress(s->s);
		uidset_add(&s->searched, f->uid, f->uid);
		return 0;
	}
	if (i == 2 || uidset_has(&s->fetched, f->uid))
		return 0;
	if (page_take(s, s->page[i], f, &taken, err) < 0)
		return -1;
	if (taken)
		sess_progress(s->s);
	if (s->page_expect[i] > 0 && s->page[i]->len == s->page_expect[i] && page_whole(s->page[i]))
		page_complete(s, i);
	return 0;
}

bool
source_listing_step(struct source *s, const char *command)
{
	struct event e = { .no = EV_REFUSED,
		.level = LEVEL_WARNING,
		.folder = s->folder,
		.command = command,
		.reply = sess_reply(s->s),
		.reply_bytes = s->s->reply_octets };
	unsigned f = listing_form(s);

	if (f + 1 == COUNT_OF(listing_forms))
		return false;
	if (f == FORM_SIZELESS)
		s->sizeless = false;
	else if (f == FORM_GMAIL || f == FORM_GMAIL_SIZELESS)
		s->facts.quirks |= LEARNT_NO_LABELS;
	else
		s->facts.quirks = (s->facts.quirks & ~(uint32_t)LEARNT_LISTING) |
				  (f + 1) << LEARNT_LISTING_SHIFT;
	notes_add(&s->notes, &e, true,
	    "the server refuses this form of listing; %s is asked for instead",
	    source_listing_items(s));
	return true;
}

/* The page is asked for again in the next form; when there is none, each message is looked at
 * alone, first form again. */
static void
listing_refused(struct source *s, size_t i, const struct asked *a)
{
	struct event e = { .no = EV_REFUSED,
		.level = LEVEL_WARNING,
		.folder = s->folder,
		.command = a->text,
		.reply = sess_reply(s->s),
		.reply_bytes = s->s->reply_octets };

	/* Sent before the step was taken, or a step is left. */
	s->page_again[i] =
	    !s->singles && (s->page_form[i] != listing_form(s) || source_listing_step(s, a->text));
	if (s->page_again[i])
		return;
	if (!s->singles) {
		s->facts.quirks &= ~(uint32_t)LEARNT_LISTINGS;
		notes_add(&s->notes, &e, true,
		    "the server refuses every form of listing more than one message; they are "
		    "looked at "
		    "one by one");
	}
	s->singles = true;
	s->pages_done = true;
	s->page_ready[i] = true;
}

int
source_page_answered(struct source *s, const struct resp *r, const struct asked *a, struct err *err)
{
	struct event e = { .no = EV_REFUSED,
		.level = LEVEL_WARNING,
		.folder = s->folder,
		.command = a->text,
		.passing = true,
		.reply = sess_reply(s->s),
		.reply_bytes = s->s->reply_octets };

	for (size_t i = 0; i < 2; i++) {
		if (!s->page_asked[i] || s->page_tag[i] != a->tag || s->page_ready[i])
			continue;
		if (r->state == STATE_BAD && !source_is_wait_code(r->code) && !s->listing_works && s->page[i]->len == 0) {
			listing_refused(s, i, a);
			return 0;
		}
		page_complete(s, i);
	}
	if (r->state == STATE_OK)
		return 0;
	if (source_is_wait_code(r->code))
		return sess_refused(s->s, r, "listing", err);
	/* What is missing is looked at message by message; the refusal itself is worth a line. */
	notes_add(&s->notes, &e, true,
	    "part of the listing was refused; what is missing is asked for again");
	return 0;
}

/* Drop the first page, the second moves up. */
static void
shift_pages(struct source *s)
{
	struct msg_page *p = s->page[0];

	s->page[0] = s->page[1];
	s->page[1] = p;
	s->page_tag[0] = s->page_tag[1];
	s->page_ready[0] = s->page_ready[1];
	s->page_again[0] = s->page_again[1];
	s->page_form[0] = s->page_form[1];
	s->page_expect[0] = s->page_expect[1];
	s->page_range[0] = s->page_range[1];
	s->page_asked[0] = s->page_asked[1];
	s->page_asked[1] = s->page_ready[1] = s->page_again[1] = false;
}

/* Each hole costs a command of its own later on: a server that names millions is not followed. */
static int
count_holes(struct source *s, struct err *err)
{
	struct uidrange r = s->page_range[0];
	uint64_t end = r.hi == UINT32_MAX ? uidset_count(&s->map) : uidset_count_below(&s->map, r.hi + 1);
	uint64_t members = end - uidset_count_below(&s->map, r.lo);

	if (members > s->page[0]->len)
		s->holes += members - s->page[0]->len;
	return s->holes <= HOLES_MAX ? 0
				     : err_set(err, ERR_FOLDER,
					   "the server names more than %d messages that it does not list",
					   HOLES_MAX);
}

bool
source_imap_listing(const struct source *s)
{
	const struct sess *x = s->s;
	size_t i = 0;

	if (x == NULL || source_imap_reading(s) != 0)
		return false;
	/* What was sent before it may be answered in one with it. */
	while (i < x->n_asked && (x->asked[i].kind == ASKED_EXAMINE || x->asked[i].kind == ASKED_SEARCH))
		i++;
	return i < x->n_asked && x->asked[i].kind == ASKED_PAGE;
}

int
source_imap_list(struct source *s, struct msg_page *ret, struct err *err)
{
	for (;;) {
		if (source_ask_next_page(s, err) < 0)
			return -1;
		if (!s->page_asked[0] && s->late.len > 0 && s->s->n_asked == 0)
			return source_list_late(s, ret, err);
		if (!s->page_asked[0]) {
			msg_page_reset(ret);
			return 0;
		}
		while (!s->page_ready[0]) {
			enum pumped p;

			if (s->page_again[0] && send_page(s, 0, err) < 0)
				return -1;
			p = source_pump(s, err);
			if (p == PUMP_ERR)
				return -1;
			/* A body asked for behind the page: its data are all here, though its
			 * answer is held back. What it lacks is found when the folder is settled.
			 */
			if (p == PUMP_BODY) {
				s->held = true;
				page_complete(s, 0);
			}
		}

		if (!s->singles && count_holes(s, err) < 0)
			return -1;

		msg_page_swap(ret, s->page[0]);
		shift_pages(s);
		if (ret->len > 0)
			return 0;
	}
}
