#include "engine/watching.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/select.h"
#include "imap/session.h"

enum { ASK_WATCH = 1 };

struct watching {
	const struct job *job;
	struct cancel *end;
	struct sess *s;
	bool idles, notifies; /* offered, and not refused so far */
	bool open; /* a folder is */
};

/* ---- opening ---- */

/* What the session has to tell of itself. */
static void
watching_tell(struct watching *w)
{
	struct notes *n = &w->s->notes;

	for (size_t i = 0; i < n->len; i++) {
		struct event e = n->note[i].event;

		e.account = w->job->source.account;
		evlog_put(w->job->log, &e, "%s", n->note[i].text);
	}
	notes_clear(n);
}

static void
watching_refused(struct watching *w, const char *command, const char *instead)
{
	struct event e = { .no = EV_REFUSED, .level = LEVEL_INFO, .account = w->job->source.account,
		.command = command, .reply = sess_reply(w->s),
		.reply_bytes = w->s->reply_octets };

	evlog_put(w->job->log, &e, "%s", instead);
}

/* All folders of one's own, or none: of others NOTIFY would have to name each. */
static int
watching_notify(struct watching *w, struct err *err)
{
	static const char *const forms[] = {
		"NOTIFY SET (personal (MessageNew MessageExpunge FlagChange MailboxName))",
		"NOTIFY SET (personal (MessageNew MessageExpunge))",
	};

	for (size_t i = 0; i < COUNT_OF(forms); i++) {
		if (sess_run(w->s, err, "%s", forms[i]) < 0)
			return -1;
		if (w->s->last.state == STATE_OK)
			return 0;
		watching_refused(w, forms[i], i == 0 ? "less is asked for" : "IDLE is used alone");
	}
	w->notifies = false;
	return 0;
}

int
watching_open(
    struct watching **ret, const struct job *job, bool stays, struct cancel *end, struct err *err)
{
	const struct selection *sel = &job->selection;
	struct watching *w = mem_new(sizeof(*w));
	int rc;

	w->job = job;
	w->end = end;
	rc = sess_open(&w->s, &job->source, end, err);
	if (rc == 0) {
		w->idles = stays && caps_has(&w->s->caps, CAP_IDLE);
		w->notifies = w->idles && caps_has(&w->s->caps, CAP_NOTIFY) && !sel->other_users &&
			      !sel->shared;
	}
	if (rc == 0 && w->notifies)
		rc = watching_notify(w, err);
	if (rc < 0) {
		watching_close(&w);
		return -1;
	}
	*ret = w;
	return 0;
}

void
watching_close(struct watching **wp)
{
	struct watching *w = *wp;

	if (w == NULL)
		return;
	if (w->s != NULL) {
		watching_tell(w);
		/* At the end of the watch LOGOUT still goes out. */
		if (w->s->in != NULL)
			stream_set_cancel(w->s->in, w->job->stop);
		sess_close(&w->s);
	}
	free(w);
	*wp = NULL;
}

/* ---- looking ---- */

/* The counts of an open folder are not asked for by STATUS (rules.md 1.6). It was opened read-only, so that CLOSE
 * expunges nothing. */
static int
watching_leave_folder(struct watching *w, struct err *err)
{
	if (!w->open)
		return 0;
	w->open = w->s->open = false;
	/* The oldest servers know SELECT alone: they leave a folder by opening the next. */
	if (w->s->numbered)
		return 0;
	return sess_run(w->s, err, caps_has(&w->s->caps, CAP_UNSELECT) ? "UNSELECT" : "CLOSE");
}

/* What EXAMINE says is newer than what LIST said. */
static void
take_head(struct folder *f, const struct folder_head *h)
{
	f->counts.messages = h->exists;
	f->attrs |= FOLDER_COUNTED;
	if (h->uidvalidity != 0)
		f->counts.uidvalidity = h->uidvalidity;
	if (h->uidnext != 0)
		f->counts.uidnext = h->uidnext;
	if (h->highestmodseq != 0)
		f->counts.highestmodseq = h->highestmodseq;
}

/* The first of the plan, INBOX as a rule, is the one that IDLE tells of. */
static int
watching_enter_folder(struct watching *w, struct plan *p, struct err *err)
{
	struct planned *first = NULL;
	struct folder_head head;

	for (size_t i = 0; first == NULL && i < p->len; i++)
		if (!p->folder[i].excluded)
			first = &p->folder[i];
	if (first == NULL)
		return 0;
	if (sess_folder_sayable(&first->folder, err) < 0 ||
	    sess_examine(w->s, first->folder.name, &head, err) < 0) {
		/* It is looked at like the others; what it lacks the copying will tell. */
		if (err->kind != ERR_FOLDER)
			return -1;
		*err = (struct err){ 0 };
		w->idles = false;
		return 0;
	}
	take_head(&first->folder, &head);
	w->open = true;
	return 0;
}

/* Names and counts of what is selected. False: of one there is no count. */
static bool
plan_sum(const struct plan *p, uint8_t ret[SHA256_LEN])
{
	struct digest *d = digest_new();
	bool all = true;

	digest_start(d);
	for (size_t i = 0; i < p->len; i++) {
		const struct folder *f = &p->folder[i].folder;
		const uint64_t counts[] = { f->name.len, f->counts.messages, f->counts.uidnext,
			f->counts.uidvalidity, f->counts.highestmodseq };

		if (p->folder[i].excluded)
			continue;
		all = all && (f->attrs & FOLDER_COUNTED);
		digest_add(d, f->name.data, f->name.len);
		digest_add(d, counts, sizeof(counts));
	}
	digest_end(d, ret);
	digest_free(d);
	return all;
}

static int
watching_look_at(struct watching *w, struct plan *p, struct watching_mark *io, bool *ret_changed,
    struct err *err)
{
	struct folder_list list = { 0 };
	uint8_t sum[SHA256_LEN];
	bool all;

	if (watching_leave_folder(w, err) < 0 || sess_folders(w->s, false, &p->arena, &list, err) < 0 ||
	    plan_make(p, &w->job->selection, &list, err) < 0 ||
	    (w->idles && !w->notifies && watching_enter_folder(w, p, err) < 0))
		return -1;
	all = plan_sum(p, sum);
	*ret_changed = !all || !io->known || memcmp(sum, io->sum, sizeof(sum)) != 0;
	io->known = true;
	memcpy(io->sum, sum, sizeof(sum));
	return 0;
}

int
watching_look(struct watching *w, struct watching_mark *io, bool *ret_changed, struct err *err)
{
	struct plan p;
	int rc;

	plan_init(&p);
	rc = watching_look_at(w, &p, io, ret_changed, err);
	plan_done(&p);
	watching_tell(w);
	return rc;
}

/* ---- waiting ---- */

static enum watching_told
told_by(struct watching *w, const struct resp *r, uint32_t exists_before)
{
	switch (r->kind) {
	case RESP_EXISTS:
		return r->number != exists_before ? WATCHING_NEWS : WATCHING_SILENCE;
	case RESP_EXPUNGE:
	case RESP_VANISHED:
	case RESP_COUNTS:
	case RESP_LIST:
		return WATCHING_NEWS;
	case RESP_FETCH:
		return WATCHING_FLAGS;
	case RESP_STATUS:
		/* From here on it tells nothing any more (RFC 5465 5.8). */
		if (r->code != CODE_NOTIFICATIONOVERFLOW)
			return WATCHING_SILENCE;
		w->notifies = false;
		return WATCHING_NEWS;
	default:
		return WATCHING_SILENCE;
	}
}

/* One response. *io_told grows. 1: it was the tagged one. */
static int
watching_take(struct watching *w, struct resp *ret, enum watching_told *io_told, struct err *err)
{
	uint32_t before = w->s->exists;
	enum watching_told told;

	if (sess_next(w->s, ret, NULL, err) < 0 || sess_drop(w->s, ret, err) < 0)
		return -1;
	told = told_by(w, ret, before);
	if (told > *io_told)
		*io_told = told;
	return ret->kind == RESP_TAGGED;
}

/* The server has ended it by itself: it is looked at why. */
static void
idle_over(struct watching *w, const struct resp *tagged, enum watching_told *io_told)
{
	if (tagged->state != STATE_OK) {
		w->idles = w->notifies = false;
		watching_refused(w, "IDLE", "the account is looked at from time to time instead");
	} else if (*io_told == WATCHING_SILENCE) {
		*io_told = WATCHING_NEWS;
	}
}

/* The `+`. 0: it idles; 1: it was refused, or has ended at once. */
static int
idle_begin(struct watching *w, enum watching_told *io_told, struct err *err)
{
	struct resp r;

	if (sess_send(w->s, ASK_WATCH, NULL, err, "IDLE") < 0)
		return -1;
	for (unsigned n = 0; n < WATCHING_DRAIN_MAX; n++) {
		int rc = watching_take(w, &r, io_told, err);

		if (rc < 0)
			return -1;
		if (rc > 0)
			idle_over(w, &r, io_told);
		if (rc > 0 || r.kind == RESP_CONTINUE)
			return rc;
	}
	return err_set(err, ERR_PROTOCOL, "%s answers IDLE with more than it may", w->s->at->host);
}

/* Nothing at hand, and the time is over: 0. Something is to be read: 1. */
static int
idle_await(struct watching *w, int64_t until_ms, struct err *err)
{
	int64_t left_ms = until_ms - clock_mono_ms();
	struct slice some;
	int rc;

	if (stream_buffered(w->s->in).len > 0)
		return 1;
	if (left_ms <= 0)
		return 0;
	stream_set_timeout(w->s->in, left_ms);
	stream_set_patience(w->s->in, 0);
	rc = stream_peek(w->s->in, 1, &some, err);
	stream_set_timeout(w->s->in, w->s->at->timeout_ms);
	stream_set_patience(w->s->in, w->s->at->timeout_ms * SESS_PATIENCE);
	if (rc == 0)
		return 1;
	if (err->kind != ERR_TIMEOUT)
		return -1;
	*err = (struct err){ 0 };
	return 0;
}

/* DONE goes out and its answer is awaited also when the watch is at its end. */
static int
idle_end(struct watching *w, enum watching_told *io_told, struct err *err)
{
	struct resp r;
	int rc = 0;

	stream_set_cancel(w->s->in, w->job->stop);
	if (stream_write(w->s->in, "DONE\r\n", 6, err) < 0)
		rc = -1;
	for (unsigned n = 0; rc == 0; n++) {
		rc = watching_take(w, &r, io_told, err);
		if (rc == 0 && n == WATCHING_DRAIN_MAX)
			rc = err_set(err, ERR_PROTOCOL, "%s does not end IDLE", w->s->at->host);
	}
	stream_set_cancel(w->s->in, w->end);
	return rc < 0 ? -1 : 0;
}

/* Told of something, more of it at hand is read, too: but not for ever. */
static int
idle_listen(struct watching *w, int64_t until_ms, bool *ret_ended, enum watching_told *io_told,
    struct err *err)
{
	struct resp r;

	for (unsigned n = 0; n < WATCHING_CHATTER_MAX && !*ret_ended; n++) {
		int rc = idle_await(w, *io_told == WATCHING_SILENCE ? until_ms : 0, err);

		if (rc <= 0)
			return rc;
		rc = watching_take(w, &r, io_told, err);
		if (rc < 0)
			return -1;
		*ret_ended = rc > 0;
		if (rc > 0)
			idle_over(w, &r, io_told);
		else if (n + 1 == WATCHING_CHATTER_MAX && *io_told == WATCHING_SILENCE)
			*io_told = WATCHING_NEWS;
	}
	return 0;
}

static int
watching_idle(struct watching *w, int64_t ms, enum watching_told *ret, struct err *err)
{
	int64_t until_ms = clock_mono_ms() + (ms < WATCHING_IDLE_MS ? ms : WATCHING_IDLE_MS);
	struct err ignored;
	bool ended = false;
	int rc = idle_begin(w, ret, err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	rc = idle_listen(w, until_ms, &ended, ret, err);
	if (ended)
		return 0;
	if (rc < 0 && err->kind != ERR_INTERRUPTED)
		return -1;
	if (rc == 0)
		return idle_end(w, ret, err);
	/* The watch is over: the server is left in order, as far as it answers. */
	(void)!idle_end(w, ret, &ignored);
	return -1;
}

int
watching_wait(struct watching *w, int64_t poll_ms, enum watching_told *ret, struct err *err)
{
	*ret = WATCHING_SILENCE;
	if (w->idles && (w->notifies || w->open)) {
		/* IDLE tells of the open folder: others, and new ones, are looked at. */
		if (watching_idle(w, w->notifies ? WATCHING_IDLE_MS : poll_ms, ret, err) < 0)
			return -1;
		if (w->idles)
			return 0;
	}
	return *ret != WATCHING_SILENCE ? 0 : cancel_sleep(w->end, poll_ms, err);
}
