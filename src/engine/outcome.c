/* Verdicts, warnings and problems: the same fact goes into the batch (for the exit code and the
 * report) and into the event log (for whoever watches). */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/copy.h"
#include "engine/lost.h"
#include "mail/header.h"
#include "mail/names.h"

void
lane_warn(struct lane *l, enum event_no no, uint32_t uid, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	const char *folder = l->plan ? l->plan->display : NULL;
	struct event e = { .no = no,
		.level = event_default_level(no),
		.account = l->account,
		.folder = folder,
		.uid = uid };
	struct warning w = {
		.event = (int)no, .folder = folder ? folder : "", .uid = uid, .text = text
	};

	evlog_put(l->job->log, &e, "%s", text);
	batch_warning(l->batch, &w);
}

void
lane_event(struct lane *l, enum event_no no, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	struct event e = { .no = no,
		.level = event_default_level(no),
		.account = l->account,
		.folder = l->plan ? l->plan->display : NULL };

	evlog_put(l->job->log, &e, "%s", text);
}

/* The warning that a note becomes: what falls by other looks stands apart. */
static enum event_no
kept_as(const struct note *n)
{
	if (n->event.passing && n->event.no == EV_REFUSED)
		return EV_ANSWER;
	return n->event.passing && n->event.no == EV_COUNT_DIFFERS ? EV_STATUS_DIFFERS : n->event.no;
}

static bool
note_alike(const struct note *a, const struct note *b)
{
	return b->standing && kept_as(a) == kept_as(b) && a->event.uid == b->event.uid &&
	       strcmp(a->event.folder ? a->event.folder : "",
		   b->event.folder ? b->event.folder : "") == 0;
}

/* Three forms that are refused are three notes, and say one thing. */
static bool
note_says_again(const struct notes *notes, size_t from, size_t at)
{
	const struct note *n = &notes->note[at];

	for (size_t i = from; i < at; i++)
		if (note_alike(n, &notes->note[i]) && strcmp(n->text, notes->note[i].text) == 0)
			return true;
	return false;
}

/* The state keeps one warning per event, folder and message: notes that share these are one
 * warning with all their texts, as far as there is room. Told with the first of them. */
static void
keep_note(const struct notes *notes, size_t at, const char *display, struct batch *b)
{
	enum { ROOM = 4096 };
	const struct note *n = &notes->note[at];
	struct buf text;
	size_t left = 0;

	for (size_t i = 0; i < at; i++)
		if (note_alike(n, &notes->note[i]))
			return;
	buf_init(&text, ROOM + ERR_TEXT_MAX + 64);
	buf_add_str(&text, n->text);
	for (size_t i = at + 1; i < notes->len; i++) {
		if (!note_alike(n, &notes->note[i]) || note_says_again(notes, at, i))
			continue;
		if (left > 0 || text.len + strlen(notes->note[i].text) > ROOM)
			left++;
		else
			buf_printf(&text, "; %s", notes->note[i].text);
	}
	if (left > 0)
		buf_printf(&text, "; and %zu more, see events.jsonl", left);
	batch_warning(b, &(struct warning){ .event = (int)kept_as(n),
			     .folder = display,
			     .uid = n->event.uid,
			     .text = text.data });
	buf_done(&text);
}

/* ---- warnings that fall ---- */

/* What a server answered in the run that was warned of it, and may answer otherwise in another. Not: what is learnt,
 * since that is not asked again, and what concerns a message. */
static const enum event_no folder_passing[] = { EV_ANSWER, EV_PARSE, EV_COUNT_DIFFERS, EV_FLAGS_UNTOLD };
static const enum event_no list_passing[] = { EV_ANSWER, EV_PARSE, EV_UNLISTED };

enum { TOLD_MAX = 10000 }; /* with more of them, nothing falls */

struct told {
	struct told *next;
	enum event_no no;
	char folder[];
};

static void
told_add(struct shared *sh, enum event_no no, const char *folder)
{
	size_t size = strlen(folder) + 1;
	struct told *t;

	pthread_mutex_lock(&sh->mutex);
	if (sh->n_told < TOLD_MAX) {
		t = mem_new(sizeof(*t) + size);
		t->no = no;
		memcpy(t->folder, folder, size);
		t->next = sh->told;
		sh->told = t;
		sh->n_told++;
	}
	pthread_mutex_unlock(&sh->mutex);
}

void
shared_told_free(struct shared *sh)
{
	while (sh->told != NULL) {
		struct told *t = sh->told;

		sh->told = t->next;
		free(t);
	}
}

static void
fall(struct lane *l, const enum event_no *no, size_t n, const char *folder)
{
	struct shared *sh = l->shared;

	pthread_mutex_lock(&sh->mutex);
	for (size_t i = 0; i < n && sh->warned && sh->n_told < TOLD_MAX; i++) {
		const struct told *t = sh->told;

		while (t != NULL && (t->no != no[i] || strcmp(t->folder, folder) != 0))
			t = t->next;
		if (t == NULL)
			batch_warning_gone(l->batch, (int)no[i], folder, 0);
	}
	pthread_mutex_unlock(&sh->mutex);
}

void
lane_passed_folder(struct lane *l, const struct planned *f)
{
	static const enum event_no status = EV_STATUS_DIFFERS;

	fall(l, folder_passing, COUNT_OF(folder_passing), f->display);
	/* STATUS need not have been asked again, or answered. */
	if (f->folder.attrs & FOLDER_COUNTED)
		fall(l, &status, 1, f->display);
}

void
lane_passed_list(struct lane *l, const struct plan *plan)
{
	static const enum event_no unlisted = EV_UNLISTED;

	fall(l, list_passing, COUNT_OF(list_passing), "");
	for (size_t i = 0; i < plan->len; i++)
		fall(l, &unlisted, 1, plan->folder[i].display);
}

/* One warning for each end. */
void
lane_insecure(struct lane *l, enum lane_end end, const char *text, struct batch *b)
{
	const struct event e = { .no = EV_INSECURE, .level = LEVEL_WARNING, .account = l->account };
	const struct warning w = {
		.event = EV_INSECURE, .folder = "", .uid = end == END_DEST ? 1 : 0, .text = text
	};

	evlog_put(l->job->log, &e, "%s", text);
	batch_warning(b, &w);
}

/* Once an account, by the first of its connections that is in clear. */
static void
tell_in_clear(struct lane *l, enum lane_end end, struct batch *b)
{
	pthread_mutex_lock(&l->shared->mutex);
	bool told = l->shared->in_clear_told[end];

	l->shared->in_clear_told[end] = true;
	pthread_mutex_unlock(&l->shared->mutex);
	if (!told)
		lane_insecure(l, end,
		    end == END_SOURCE ? "nothing is encrypted (--insecure-plaintext)"
				      : "nothing is encrypted on the way to the destination "
					"(--dest-insecure-plaintext)",
		    b);
}

static void
tell_notes_of(struct lane *l, enum lane_end end, struct notes *notes, struct batch *b)
{
	if (notes == NULL)
		return;
	if (notes->in_clear && b != NULL)
		tell_in_clear(l, end, b);
	for (size_t i = 0; i < notes->len; i++) {
		struct event e = notes->note[i].event;
		struct buf shown;

		buf_init(&shown, 64 * 1024);
		if (e.folder != NULL)
			folder_display(slice_str(e.folder), &shown);
		e.account = l->account;
		e.folder = e.folder ? shown.data : NULL;
		evlog_put(l->job->log, &e, "%s", notes->note[i].text);
		if (notes->note[i].standing && b != NULL) {
			told_add(l->shared, kept_as(&notes->note[i]), e.folder ? e.folder : "");
			keep_note(notes, i, e.folder ? e.folder : "", b);
		}
		buf_done(&shown);
	}
	if (notes->dropped > 0) {
		struct event e = { .no = EV_PARSE, .level = LEVEL_WARNING, .account = l->account };

		evlog_put(l->job->log, &e, "%llu further notes of this session are not shown",
		    (unsigned long long)notes->dropped);
	}
	notes_clear(notes);
}

static void
tell_notes(struct lane *l, struct batch *b)
{
	if (l->source != NULL)
		tell_notes_of(l, END_SOURCE, l->source_ops->notes(l->source), b);
	if (l->sink != NULL && l->sink_ops->said != NULL)
		tell_notes_of(l, END_DEST, l->sink_ops->said(l->sink), b);
}

/* What the source has learnt about its server; true: something new. */
static bool
learn_facts(struct lane *l, struct server_facts *ret)
{
	struct shared *sh = l->shared;

	if (l->source == NULL)
		return false;
	pthread_mutex_lock(&sh->mutex);
	/* Another lane may have learnt something else meanwhile. */
	*ret = sh->facts;
	server_facts_join(ret, l->source_ops->facts(l->source));
	struct server_facts was = sh->facts;

	sh->facts = *ret;
	was.proven = ret->proven;
	bool news = memcmp(ret, &was, sizeof(*ret)) != 0;
	pthread_cond_broadcast(&sh->learnt);
	pthread_mutex_unlock(&sh->mutex);
	return news;
}

/* The warnings go before the facts they speak of: a run that knows a fact does not meet it again,
 * and would not warn. Of refusals the source warns when a form has worked; so long they are kept
 * for this run alone. */
static int
tell_news(struct lane *l, const struct server_facts *news, struct err *err)
{
	struct batch *warnings = batch_new();
	struct server_facts keep = *news;

	if (l->source_ops->facts(l->source)->works_form < 0)
		keep.refused_forms = 0;
	tell_notes(l, warnings);
	if (batch_len(warnings) == 0)
		batch_free(&warnings);
	else if (state_put(l->job->state, &l->lease, &warnings, err) < 0)
		return -1;
	return state_server_set(l->job->state, l->shared->host_port, &keep, err);
}

int
lane_tell(struct lane *l, struct err *err)
{
	struct server_facts news;

	if (learn_facts(l, &news))
		return tell_news(l, &news, err);
	tell_notes(l, l->batch);
	return 0;
}

/* What becomes of a date that is none, or is before 1970. */
static const char *
date_instead(const struct lane *l)
{
	if (lane_intends(l))
		return "cannot be given; the copy has that of its header, or the time it was stored";
	switch (l->job->format) {
	case FORMAT_MAILDIR:
		return "cannot be a file's date; the name begins with 0";
	case FORMAT_MBOX:
		return "cannot be told by a From_ line; it says 1970";
	case FORMAT_EML:
		return "cannot be a file's date; it has that of 1970";
	default:
		return "cannot be told; it is left empty";
	}
}

/* What a server makes of a date before 1970 is seen when it is read back; a set can tell it, as far as its readers
 * bear it, and counts what it does not tell as a loss. */
static bool
is_bad_date(const struct lane *l, const struct date *d)
{
	if (!d->known)
		return true;
	return d->epoch < 0 && !lane_intends(l) && l->job->format != FORMAT_EXCHANGE;
}

static void
bad_date(struct lane *l, const struct msg *m)
{
	lane_warn(l, EV_BAD_DATE, m->uid, "the internal date %s%s%s %s", m->raw_date ? "'" : "",
	    m->raw_date	    ? m->raw_date
	    : m->date.known ? "before 1970"
			    : "is missing and",
	    m->raw_date ? "'" : "", date_instead(l));
}

void
lane_good(struct lane *l, const struct msg *m, enum verdict old)
{
	batch_message(l->batch, l->rec.id, m, old);
	if (old != VERDICTS && !verdict_good(old))
		batch_problem_solved(l->batch, l->rec.id, m->uid);
	if (m->verdict == VERDICT_PHANTOM)
		lane_warn(l, EV_MESSAGE_PHANTOM, m->uid, "listed twice, never given");
	else if (m->verdict == VERDICT_GONE)
		lane_event(
		    l, EV_MESSAGE_GONE, "UID %u was expunged before it could be read", m->uid);
	if (m->verdict != VERDICT_STORED)
		return;
	/* What is put together from pieces has another size; that is told once a folder. */
	if (m->size_known && m->size != m->wire_bytes && !m->rebuilt)
		lane_warn(l, EV_SIZE_DIFFERS, m->uid,
		    "%s states %llu octets, the message has %llu; stored as it came",
		    l->job->from != NULL ? "the sidecar" : "the server",
		    (unsigned long long)m->size, (unsigned long long)m->wire_bytes);
	if (is_bad_date(l, &m->date))
		bad_date(l, m);
}

void
lane_still_lost(struct lane *l, const struct msg *row, const char *why)
{
	char reason[ERR_TEXT_MAX];
	struct msg m = *row;

	snprintf(reason, sizeof(reason), LOST_REASON "; %s", why);
	m.reason = reason;
	m.expunged = false;
	lane_lost(l, &m, row->verdict, &(struct lost_words){ 0 });
}

/* The row of a problem, in words for people. */
void
lane_lost_header(struct lane *l, const struct msg *m, const struct lost_words *lost)
{
	struct header_facts facts = { .from = "", .date = "", .subject = "", .message_id = "" };
	struct arena a;

	arena_init(&a, 1024 * 1024);
	if (lost->header.len > 0)
		header_read(lost->header, &a, &facts);
	if (l->job->no_subjects)
		facts.from = facts.subject = "";
	batch_problem(l->batch, &(struct problem){ .folder = l->rec.id,
				    .uid = m->uid,
				    .verdict = m->verdict,
				    .reason = m->reason ? m->reason : "",
				    .from = facts.from,
				    .date = facts.date,
				    .subject = facts.subject,
				    .message_id = facts.message_id,
				    .reply = lost->reply ? lost->reply : "" });
	arena_done(&a);
}

void
lane_lost(struct lane *l, const struct msg *m, enum verdict old, const struct lost_words *lost)
{
	struct event e = { .no = lost->refused ? EV_REFUSED : EV_MESSAGE_LOST,
		.level = LEVEL_ERROR,
		.account = l->account,
		.folder = l->plan->display,
		.uid = m->uid,
		.command = lost->command,
		.reply_bytes = lost->reply_bytes };

	if (lost->reply != NULL)
		e.reply = slice_str(lost->reply);
	batch_message(l->batch, l->rec.id, m, old);
	lane_lost_header(l, m, lost);
	evlog_put(l->job->log, &e, "verdict %s: %s", verdict_name(m->verdict),
	    m->reason ? m->reason : "");
	if (l->job->progress != NULL)
		atomic_fetch_add(&l->job->progress->problems, 1);
}
