/* Windows of bodies: what is asked for together, sent ahead as far as the session has room, and the
 * try of a new form on one message alone (rules.md 1.3). */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/from_imap/source_imap.h"

/* ---- windows ---- */

void
source_windows_free(struct source *s)
{
	while (s->first != NULL) {
		struct window *w = s->first;

		s->first = w->next;
		free(w);
	}
	s->end = &s->first;
}

struct window *
source_window_new(const struct wanted *want, size_t n, unsigned ask)
{
	struct window *w = mem_new(sizeof(*w) + n * sizeof(*want));

	memcpy(w->want, want, n * sizeof(*want));
	w->n = w->left = n;
	w->ask = ask;
	return w;
}

void
source_window_queue(struct source *s, struct window *w)
{
	*s->end = w;
	s->end = &w->next;
}

void
source_window_insert(struct source *s, struct window *at, struct window *w)
{
	w->next = at->next;
	at->next = w;
	if (s->end == &at->next)
		s->end = &w->next;
}

void
source_window_drop(struct source *s, struct window *w)
{
	struct window **at = &s->first;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	if (s->end == &w->next)
		s->end = at;
	free(w);
}

void
source_windows_again(struct source *s)
{
	for (struct window *w = s->first, *next; w != NULL; w = next) {
		next = w->next;
		w->sent = false;
		if (w->left == 0)
			source_window_drop(s, w);
	}
}

static size_t
window_most(const struct source *s)
{
	size_t most = quirk_in(s->s->quirks, QUIRK_SMALL_WINDOWS) ? WINDOW_MSGS_SMALL : WINDOW_MSGS;

	if (s->narrow > 0 || s->singles)
		return 1;
	if (s->slow_times > 0)
		most = WINDOW_MSGS_SLOW;
	return most < s->most ? most : s->most;
}

int
source_imap_ask(struct source *s, const struct want *want, size_t n, struct err *err)
{
	const size_t limit = window_most(s);
	struct wanted part[WINDOW_MSGS];
	uint64_t octets = 0;
	size_t len = 0;

	(void)err;
	s->bodies_asked = true;
	for (size_t i = 0; i < n; i++) {
		if (want[i].isolated) {
			struct doubt *d =
			    source_doubt(s, want[i].uid, want[i].size_known, want[i].size,
				"the connection was lost while the message was read");

			if (d != NULL)
				d->tried = ~(FORMS_SLICED | 1u << FORM_HEADER |
					     1u << FORM_RFC822_HEADER);
			continue;
		}
		if (len > 0 && (len == limit || octets + want[i].size > WINDOW_OCTETS)) {
			source_window_queue(s, source_window_new(part, len, s->asks));
			len = 0;
			octets = 0;
		}
		part[len++] = (struct wanted){
			.uid = want[i].uid, .size_known = want[i].size_known, .size = want[i].size
		};
		octets += want[i].size;
	}
	if (len > 0)
		source_window_queue(s, source_window_new(part, len, s->asks));
	s->asks++;
	s->owed = false;
	return 0;
}

struct window *
source_window_of_tag(const struct source *s, uint32_t tag)
{
	struct window *w = s->first;

	while (w != NULL && (!w->sent || w->tag != tag))
		w = w->next;
	return w;
}

struct wanted *
source_window_find(struct window *w, uint32_t uid)
{
	size_t lo = 0, hi = w->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (w->want[mid].uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < w->n && w->want[lo].uid == uid ? &w->want[lo] : NULL;
}

void
source_window_took(struct window *w, struct wanted *want)
{
	want->done = true;
	w->left--;
}

/* The set of a window; neighbours in the listing are one range even where UIDs between them do not
 * exist. Returns how many of the window's messages fit into the text. */
static size_t
window_text(const struct source *s, const struct window *w, struct buf *out)
{
	size_t i = 0;

	while (i < w->n && out->len < SET_TEXT_MAX) {
		uint32_t lo = w->want[i].uid, hi = lo;

		while (i + 1 < w->n && uidset_after(&s->map, hi) == w->want[i + 1].uid)
			hi = w->want[++i].uid;
		i++;
		buf_printf(out, lo == hi ? "%s%u" : "%s%u:%u", out->len ? "," : "", lo, hi);
	}
	return i;
}

/* What does not fit into one command line becomes a window of its own, right behind. */
static void
window_split(struct source *s, struct window *w, size_t at)
{
	source_window_insert(s, w, source_window_new(w->want + at, w->n - at, w->ask));
	w->n = w->left = at;
}

/* Leave out what has come already. */
static void
window_compact(struct window *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++)
		if (!w->want[i].done)
			w->want[n++] = w->want[i];
	w->n = w->left = n;
}

static int
window_send(struct source *s, struct window *w, bool *ret_sent, struct err *err)
{
	struct buf set;
	char items[80];
	int rc = 0;

	*ret_sent = false;
	window_compact(w);
	/* Made before the server grew slow. */
	if (w->n > window_most(s))
		window_split(s, w, window_most(s));
	buf_init(&set, SET_TEXT_MAX + 64);

	size_t fit = window_text(s, w, &set);

	if (sess_room(s->s, set.len + 48)) {
		if (fit < w->n)
			window_split(s, w, fit);
		snprintf(items, sizeof(items), "(%s)", form_items((enum form)s->facts.works_form));
		rc = sess_send_set(s->s, ASKED_WINDOW, &w->tag, "FETCH", set.data, items, err);
		w->sent = *ret_sent = rc == 0;
	}
	buf_done(&set);
	return rc;
}

/* PARTIAL takes sequence numbers alone (RFC 1730 6.4.6); origins begin at 1. Where the map does not
 * have every message, its number is not known: then nothing is asked. */
static int
send_partial(struct source *s, int kind, uint32_t uid, uint64_t origin, uint32_t *ret_tag,
    struct err *err)
{
	if (uidset_count(&s->map) != s->s->exists || !uidset_has(&s->map, uid))
		return sess_send(s->s, kind, ret_tag, err, "NOOP");
	return sess_send(s->s, kind, ret_tag, err, "PARTIAL %llu RFC822.PEEK %llu %d",
	    (unsigned long long)uidset_count_below(&s->map, uid) + 1, (unsigned long long)origin + 1,
	    SLICE_OCTETS);
}

int
source_send_body(struct source *s, int kind, uint32_t uid, enum form f, uint64_t origin,
    uint32_t *ret_tag, struct err *err)
{
	char set[16], items[80];

	if (f == FORM_PARTIAL)
		return send_partial(s, kind, uid, origin, ret_tag, err);
	snprintf(set, sizeof(set), "%u", uid);
	if (f == FORM_SLICES)
		snprintf(items, sizeof(items), "(%s<%llu.%d>)", form_items(f),
		    (unsigned long long)origin, SLICE_OCTETS);
	else
		snprintf(items, sizeof(items), "(%s)", form_items(f));
	return sess_send_set(s->s, kind, ret_tag, "FETCH", set, items, err);
}

/* ---- sending ahead ---- */

struct window *
source_first_unsent(const struct source *s)
{
	struct window *w = s->first;

	while (w != NULL && w->sent)
		w = w->next;
	return w;
}

static int
send_windows(struct source *s, struct err *err)
{
	for (struct window *w = source_first_unsent(s); w != NULL && source_may_fail(s); w = w->next) {
		bool sent;

		if (w->sent)
			continue;
		if (window_send(s, w, &sent, err) < 0)
			return -1;
		if (!sent)
			break;
	}
	return 0;
}

/* ---- which form ---- */

static bool
is_last(const struct source *s)
{
	for (const struct window *w = s->first; w != NULL; w = w->next)
		for (size_t i = 0; !w->sent && i < w->n; i++)
			if (!w->want[i].done && w->want[i].uid != s->try_uid)
				return false;
	return true;
}

bool
source_try_aside(struct source *s)
{
	struct window *w = source_first_unsent(s);
	struct wanted *want = w ? source_window_find(w, s->try_uid) : NULL;
	char command[120];
	struct doubt *d;

	if (want == NULL || want->done || is_last(s))
		return false;
	d = source_doubt(s, want->uid, want->size_known, want->size, REFUSED_FAULT);
	snprintf(command, sizeof(command), "UID FETCH %u (%s)", want->uid, form_items(s->try_form));
	source_doubt_answer(s, d, command, STATE_BAD);
	if (d != NULL) {
		d->tried = s->tried;
		d->bad = true;
	}
	source_window_took(w, want);
	if (w->left == 0)
		source_window_drop(s, w);
	return true;
}

/* All forms are used up, for one message: it may be the message. The server is judged by others, too, here or
 * in the next folder; after a few by the best form alone. */
static bool
try_another(struct source *s)
{
	struct ladder l = source_ladder(s);
	enum form best;

	/* What others have found out stays so. */
	l.refused &= ~s->tried_ever;
	best = ladder_first(&l, FORMS_SLICED, true);
	if (best == FORM_NONE || s->hopeless >= HOPELESS_MAX)
		return false;
	if (s->tried != 0 && !source_try_aside(s))
		return false;
	s->facts.refused_forms &= ++s->hopeless < HOPELESS_LADDERS ? ~s->tried_ever : ~(1u << best);
	s->tried = 0;
	return true;
}

/* One that has worked goes first: what is refused in it may be the message. */
static enum form
form_to_try(const struct source *s)
{
	struct ladder l = source_ladder(s);

	if (s->once != FORM_NONE && !(s->facts.refused_forms >> s->once & 1))
		return s->once;
	/* Slices are for single messages: a window of them would be many commands. But they come before what sets
	 * \Seen (rules.md 1.2): are they there at all? */
	enum form f = ladder_first(&l, FORMS_SLICED, true);

	return f != FORM_NONE && form_sets_seen(f) ? ladder_first(&l, 0, true) : f;
}

/* All forms are used up for the server, or slices alone are left: every message has to be asked for alone. */
static void
give_up_windows(struct source *s)
{
	struct ladder l = source_ladder(s);
	const struct refusal *last = s->n_refusals > 0 ? &s->refusal[s->n_refusals - 1] : NULL;
	const char *why = s->sliced ? "the server gives messages in slices alone"
			  : ladder_withheld(&l, FORMS_SLICED)
			      ? "only forms that set \\Seen are left"
			      : "the server refuses every form of asking for a message";

	while (s->first != NULL) {
		struct window *w = s->first;

		for (size_t i = 0; i < w->n; i++) {
			struct wanted *want = &w->want[i];
			struct doubt *d = want->done ? NULL
						     : source_doubt(s, want->uid, want->size_known,
							   want->size, why);

			/* The answer of another message: all were refused alike. */
			if (last != NULL && d != NULL) {
				d->command = mem_copy_str(last->command);
				d->reply = mem_copy_str(last->reply);
				d->reply_bytes = last->reply_bytes;
				d->refused = true;
			}
		}
		source_window_drop(s, w);
	}
}

static int
start_try(struct source *s, struct window *w, struct err *err)
{
	size_t i = 0;

	while (w->want[i].done)
		i++;
	if (s->try_uid != w->want[i].uid)
		s->tried = 0;
	s->trying = true;
	s->try_good = false;
	s->try_uid = w->want[i].uid;
	return source_send_body(s, ASKED_TRY, s->try_uid, s->try_form, 0, &s->try_tag, err);
}

/* Behind the last body, so that settling costs no round trip. With no body asked for, the listing
 * has just told. */
static int
send_noop(struct source *s, struct err *err)
{
	if (!s->rest_asked || s->noop_sent || (s->s->numbered && s->s->n_asked > 0))
		return 0;
	s->noop_sent = true;
	s->noop_done = !s->bodies_asked;
	return s->bodies_asked ? sess_send(s->s, ASKED_NOOP, NULL, err, "NOOP") : 0;
}

/* Send what may be sent. STEP_ITEM: go on reading. */
enum step
source_send_ahead(struct source *s, struct offer *ret, struct err *err)
{
	if (source_is_worn(s)) {
		if (!source_may_renew(s))
			return STEP_ITEM;
		if (source_renew(s, err) < 0)
			return STEP_ERR;
	}

	struct window *w = source_first_unsent(s);

	if (w == NULL)
		return send_noop(s, err) < 0 ? STEP_ERR : STEP_ITEM;
	if (s->trying || (s->s->numbered && s->s->n_asked > 0))
		return STEP_ITEM;

	enum form form = (enum form)s->facts.works_form;

	if (form == FORM_NONE) {
		form = s->sliced ? FORM_NONE : form_to_try(s);
		if (form == FORM_NONE) {
			if (!s->sliced && try_another(s))
				return source_send_ahead(s, ret, err);
			give_up_windows(s);
			return STEP_ITEM;
		}
		/* Else it stays what was asked for last. */
		s->try_form = form;
	}
	if (form_sets_seen(form) && !s->owed) {
		s->owed = true;
		*ret = (struct offer){ 0 };
		return STEP_OWE;
	}
	if (s->facts.works_form == FORM_NONE)
		return start_try(s, w, err) < 0 ? STEP_ERR : STEP_ITEM;
	if (send_windows(s, err) < 0)
		return STEP_ERR;
	/* In the same flight, and not only when the first answer is there. */
	return source_first_unsent(s) == NULL && send_noop(s, err) < 0 ? STEP_ERR : STEP_ITEM;
}
