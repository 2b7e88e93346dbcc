/* The books of one connection. Straight-line: send, read, look. What is asynchronous (pipelined
 * windows) is driven by the caller through sess_send and sess_next; nothing here calls back. */
#include "imap/session_parts.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "imap/number.h"

enum { QUIET_MS = 120 * 1000, HINT_MAX_MS = 60 * 60 * 1000 };

const struct secret *
sess_secret(const struct sess *s)
{
	return s->fresh != NULL ? s->fresh : s->at->secret;
}

/* Text of the server without what it may echo: the response of AUTHENTICATE first, as it may
 * contain the password. */
static size_t
sess_mask(const struct sess *s, struct slice text, char *ret, size_t max)
{
	struct buf once, out;
	size_t len;

	buf_init(&once, max - 1);
	buf_init(&out, max - 1);
	secret_mask(s->sasl, text, &once);
	secret_mask(sess_secret(s), buf_slice(&once), &out);
	len = out.len;
	memcpy(ret, out.data, len + 1);
	buf_done(&once);
	buf_done(&out);
	return len;
}

/* Before TLS, where it is required, anybody could have put in what is said. */
static bool
is_believed(const struct sess *s)
{
	return s->tls_on || s->at->tls == TLS_NONE;
}

void
sess_secret_reply(struct sess *s)
{
	struct slice tape = reader_tape(&s->reader);

	if (is_believed(s)) {
		s->raw_len = sess_mask(s, tape, s->raw, sizeof(s->raw));
		s->reply_octets = reader_octets(&s->reader);
	} else {
		s->raw_len = (size_t)snprintf(s->raw, sizeof(s->raw), "(what is said before TLS is not shown)");
		s->reply_octets = 0;
	}
	for (size_t i = 0; i <= s->raw_len; i++)
		s->reply[i] = i < s->raw_len && s->raw[i] == '\0' ? '?' : s->raw[i];
}

struct slice
sess_reply(const struct sess *s)
{
	return (struct slice){ s->raw, s->raw_len };
}

/* ---- sending ---- */

bool
sess_room(const struct sess *s, size_t octets)
{
	return s->n_asked == 0 ||
	       (!s->numbered && s->n_asked < SESS_COMMANDS_MAX - 1 && s->asked_octets + octets <= SESS_ASKED_MAX);
}

void
sess_ask(struct sess *s, int kind, size_t octets, char *text)
{
	/* With nothing unanswered, what is there already was said unasked. */
	if (s->n_asked == 0)
		stream_glance(s->in);
	s->asked[s->n_asked++] = (struct asked){ .tag = s->next_tag++,
		.kind = kind,
		.octets = octets,
		.after = stream_received(s->in),
		.text = text };
	s->asked_octets += octets;
	sess_progress(s);
}

void
sess_ask_more(struct sess *s, size_t octets)
{
	if (s->n_asked == 0)
		return;
	s->asked[s->n_asked - 1].octets += octets;
	s->asked_octets += octets;
}

int
sess_send(struct sess *s, int kind, uint32_t *ret_tag, struct err *err, const char *fmt, ...)
{
	char *text = NULL, tag[16];
	va_list ap;

	va_start(ap, fmt);
	int len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len < 0)
		mem_out();
	/* The last slot is for the text lent by book_tagged. */
	if (s->n_asked == SESS_COMMANDS_MAX - 1) {
		free(text);
		return err_set(err, ERR_PROTOCOL, "more than %d commands without an answer",
		    SESS_COMMANDS_MAX - 1);
	}
	snprintf(tag, sizeof(tag), "%04u ", s->next_tag);
	if (ret_tag != NULL)
		*ret_tag = s->next_tag;
	sess_ask(s, kind, (size_t)len + 8, text);
	if (stream_write(s->in, tag, strlen(tag), err) < 0 ||
	    stream_write(s->in, text, (size_t)len, err) < 0)
		return -1;
	return stream_write(s->in, "\r\n", 2, err);
}

/* ---- the books ---- */

static void
note_reply(struct sess *s, enum event_no no, enum event_level level, const char *why)
{
	struct event e = { .no = no, .level = level, .reply = sess_reply(s),
		.reply_bytes = s->reply_octets };

	notes_add(&s->notes, &e, level >= LEVEL_WARNING, "%s", why);
}

static void
book_expunge(struct sess *s, uint32_t number)
{
	uint32_t uid;

	if (number == 0 || number > s->exists)
		return;
	s->exists--;
	s->expunged++;
	uid = s->numbered ? number_expunge(s, number) : s->map ? uidset_nth(s->map, number) : 0;
	if (s->map != NULL && uid != 0)
		uidset_remove(s->map, uid);
}

static void
book_vanished(struct sess *s, const struct uidset *gone)
{
	if (s->map == NULL)
		return;
	for (uint32_t uid = 0; (uid = uidset_after(gone, uid)) != 0;) {
		/* A peer may claim 1:4294967295: only members of the map are looked at. */
		uint32_t member = uidset_after(s->map, uid - 1);

		if (member == 0)
			break;
		if (!uidset_has(gone, member)) {
			uid = member - 1;
			continue;
		}
		uidset_remove(s->map, member);
		s->expunged++;
		if (s->exists > 0)
			s->exists--;
		uid = member;
	}
}

/* How long to wait, as the text says it, and an hour at most: who comes then is told again. 0: it says nothing. */
static int64_t
wait_hint_ms(struct slice text)
{
	static const char words[] = "Suggested Backoff Time:";
	const char *p = text.data ? strstr(text.data, words) : NULL;
	uint64_t ms = 0;

	if (p == NULL)
		return 0;
	p += sizeof(words) - 1;
	p += strspn(p, " ");

	size_t digits = strspn(p, "0123456789");

	if (digits > 0 && !slice_u64((struct slice){ p, digits }, HINT_MAX_MS, &ms))
		ms = HINT_MAX_MS;
	return (int64_t)ms;
}

static bool
refuses_login(const struct resp *r)
{
	return r->code == CODE_AUTHENTICATIONFAILED || r->code == CODE_AUTHORIZATIONFAILED ||
	       r->code == CODE_EXPIRED || r->code == CODE_PRIVACYREQUIRED;
}

int
sess_bye(struct sess *s, const struct resp *r, struct err *err)
{
	int64_t wait = wait_hint_ms(r->text);

	s->said_bye = true;
	if (is_believed(s) && refuses_login(r))
		return err_set(err, ERR_LOGIN, "%s refused the login of '%s': %s", s->at->host,
		    s->at->login, s->reply);
	if (wait > 0 || r->code == CODE_THROTTLED || r->code == CODE_OVERQUOTA ||
	    r->code == CODE_UNAVAILABLE || r->code == CODE_LIMIT) {
		err_set(err, ERR_THROTTLED, "server closed the session: %s", s->reply);
		err->after_ms = wait;
		return -1;
	}
	return err_set(err, ERR_BYE, "server closed the session: %s", s->reply);
}

static int
book_status(struct sess *s, const struct resp *r, struct err *err)
{
	if (r->code == CODE_ALERT && is_believed(s)) {
		sess_secret_reply(s);
		note_reply(s, EV_ALERT, LEVEL_INFO, "the server asks that this be shown");
	}
	if (r->code == CODE_CAPABILITY) {
		caps_clear(&s->caps);
		caps_add_text(&s->caps, r->code_text);
	}
	if (r->kind == RESP_STATUS && r->state == STATE_BYE) {
		sess_secret_reply(s);
		return sess_bye(s, r, err);
	}
	/* From here on a UID may be another message's. */
	if (r->code == CODE_UIDVALIDITY && s->held_uidvalidity != 0 && r->code_num != s->held_uidvalidity)
		return err_set(err, ERR_PROTOCOL, "the UIDVALIDITY of the open folder changed from %" PRIu32 " to %" PRIu64,
		    s->held_uidvalidity, r->code_num);
	return 0;
}

void
sess_progress(struct sess *s)
{
	s->unasked = 0;
	s->busy_ms = 0;
	stream_progress(s->in);
}

/* Exchange Online lets in who has no mailbox there, and says so to the next command (quirks row 9). */
static int
book_no_mailbox(struct sess *s, const struct resp *r, struct err *err)
{
	if (r->state != STATE_BAD || !slice_has_nocase(r->text, "authenticated but not connected"))
		return 0;
	sess_secret_reply(s);
	quirk_add(&s->seen, QUIRK_NO_MAILBOX);
	return err_set(err, ERR_LOGIN,
	    "%s lets '%s' in, and opens no mailbox: the login has none or another's, IMAP is switched off "
	    "for it, the token lacks the scope for IMAP, or a shared mailbox is not open to it: %s",
	    s->at->host, s->at->login, s->reply);
}

static bool
book_tagged(struct sess *s, const struct resp *r, struct asked *ret)
{
	for (size_t i = 0; i < s->n_asked; i++) {
		if (s->asked[i].tag != r->tag)
			continue;

		struct asked a = s->asked[i];

		sess_secret_reply(s);
		memmove(&s->asked[i], &s->asked[i + 1], (s->n_asked - i - 1) * sizeof(a));
		s->n_asked--;
		s->asked_octets -= a.octets;
		/* Its text is lent until the next one is answered: the slot behind the last is free
		 * for it. */
		free(s->asked[SESS_COMMANDS_MAX - 1].text);
		s->asked[SESS_COMMANDS_MAX - 1] = a;
		if (ret != NULL)
			*ret = a;
		return true;
	}
	return false;
}

/* Also behind another line that lacks its end. */
static bool
names_folders(struct slice line)
{
	return slice_starts_nocase(line, "* LIST") || slice_has_nocase(line, "* LIST ") ||
	       slice_has_nocase(line, "* XLIST") || slice_has_nocase(line, "* MAILBOX");
}

static int
book_garbage(struct sess *s, const char *why, struct err *err)
{
	struct event e = { .no = EV_PARSE, .level = LEVEL_WARNING };
	struct slice line = reader_tape(&s->reader);
	char words[ERR_TEXT_MAX];

	quirk_add(&s->seen, QUIRK_GARBLED);
	sess_secret_reply(s);
	sess_mask(s, slice_str(why), words, sizeof(words));
	e.reply = sess_reply(s);
	e.reply_bytes = s->reply_octets;
	notes_add(&s->notes, &e, true, "%s", words);
	s->garbage_folders += names_folders(line);
	if (++s->garbage > SESS_GARBAGE_MAX)
		return err_set(err, ERR_PROTOCOL,
		    "more than %d responses of %s could not be parsed", SESS_GARBAGE_MAX,
		    s->at->host);
	return 0;
}

/* An answer that was there before its command was sent says nothing of it: going on would take OK for
 * an answer, and what comes in truth for the next one's. */
static int
book_future(struct sess *s, const struct resp *r, struct err *err)
{
	for (size_t i = 0; i < s->n_asked; i++) {
		if (s->asked[i].tag != r->tag || stream_read_to(s->in) > s->asked[i].after)
			continue;
		sess_secret_reply(s);
		return err_set(err, ERR_PROTOCOL, "%s answered '%s' before it was sent: %s", s->at->host,
		    s->asked[i].text, s->reply);
	}
	return 0;
}

/* 1: the caller wants to see it; 0: dealt with; -1: error. */
static int
book(struct sess *s, struct resp *r, struct asked *ret_asked, struct err *err)
{
	switch (r->kind) {
	case RESP_GARBAGE:
		return book_garbage(s, r->garbage, err);
	case RESP_STATUS:
		return book_status(s, r, err) < 0 ? -1 : 1;
	case RESP_CAPABILITY:
		caps_clear(&s->caps);
		for (size_t i = 0; i < r->words; i++)
			caps_add(&s->caps, r->word[i]);
		return 1;
	case RESP_EXISTS:
		if (s->open && r->number > s->exists)
			s->grew = true;
		s->exists = r->number;
		s->exists_known = true;
		return 1;
	case RESP_EXPUNGE:
		book_expunge(s, r->number);
		return 1;
	case RESP_VANISHED:
		if (!r->vanished_earlier)
			book_vanished(s, &s->reader.set);
		return 1;
	case RESP_TAGGED:
		if (book_future(s, r, err) < 0 || book_status(s, r, err) < 0 || book_no_mailbox(s, r, err) < 0)
			return -1;
		/* Exchange Online tells a time, and no code or any (quirks row 10). */
		if (r->state != STATE_OK && !refuses_login(r) && wait_hint_ms(r->text) > 0)
			r->code = CODE_THROTTLED;
		if (book_tagged(s, r, ret_asked)) {
			s->bads += r->state == STATE_BAD;
			sess_progress(s);
			return 1;
		}
		return book_garbage(s, "a tagged response to a command that was never sent", err);
	default:
		return 1;
	}
}

/* EXPUNGE out of a sparse map of millions costs milliseconds: their number alone is no limit. */
static int
book_patience(struct sess *s, int64_t *io_began_ms, struct err *err)
{
	int64_t now_ms = clock_mono_ms();

	s->heard_ms = now_ms;
	s->busy_ms += now_ms - *io_began_ms;
	*io_began_ms = now_ms;
	if (++s->unasked > SESS_UNASKED_MAX)
		return err_set(err, ERR_PROTOCOL,
		    "%s sends more than %d responses, but not what it was asked for", s->at->host,
		    SESS_UNASKED_MAX);
	if (s->busy_ms > s->at->timeout_ms * SESS_PATIENCE && s->unasked > 1)
		return err_set(err, ERR_TIMEOUT, "%s keeps on sending, but not what it was asked for",
		    s->at->host);
	return 0;
}

int
sess_next(struct sess *s, struct resp *ret, struct asked *ret_asked, struct err *err)
{
	int64_t began_ms = clock_mono_ms();

	if (stream_flush(s->in, err) < 0)
		return -1;
	for (;;) {
		if (resp_read(&s->reader, ret, err) < 0)
			return -1;

		int rc = book(s, ret, ret_asked, err);

		if (s->numbered && ret->kind == RESP_FETCH)
			ret->fetch.uid = number_uid(s, ret->fetch.seq);
		if (rc >= 0 && book_patience(s, &began_ms, err) < 0)
			return -1;
		if (rc != 0)
			return rc < 0 ? -1 : 0;
	}
}

int
sess_more(struct sess *s, struct resp *io, struct err *err)
{
	uint32_t uid = io->fetch.uid;

	if (resp_more(&s->reader, io, err) < 0)
		return -1;
	if (s->numbered)
		io->fetch.uid = uid;
	return io->kind == RESP_GARBAGE ? book_garbage(s, io->garbage, err) : 0;
}

int
sess_skip_body(struct sess *s, uint64_t octets, struct err *err)
{
	while (octets > 0) {
		struct slice more;

		if (stream_peek(s->in, 1, &more, err) < 0)
			return -1;

		size_t take = more.len < octets ? more.len : (size_t)octets;

		stream_skip(s->in, take);
		octets -= take;
	}
	return 0;
}

int
sess_literal_part(struct sess *s, uint64_t *io_left, struct slice *ret, struct err *err)
{
	if (stream_peek(s->in, 1, ret, err) < 0)
		return -1;
	if (ret->len > *io_left)
		ret->len = (size_t)*io_left;
	stream_skip(s->in, ret->len);
	if (*io_left / STREAM_STEP != (*io_left - ret->len) / STREAM_STEP)
		stream_progress(s->in);
	*io_left -= ret->len;
	return 0;
}

int
sess_drop(struct sess *s, struct resp *r, struct err *err)
{
	while (r->more) {
		if (r->fetch.body == BODY_LITERAL && sess_skip_body(s, r->fetch.octets, err) < 0)
			return -1;
		if (sess_more(s, r, err) < 0)
			return -1;
	}
	return 0;
}

/* Wait for the answer to `tag`; other answers that come first are dropped. */
static int
sess_wait(struct sess *s, uint32_t tag, struct err *err)
{
	for (;;) {
		if (sess_next(s, &s->last, NULL, err) < 0)
			return -1;
		if (s->last.kind == RESP_TAGGED && s->last.tag == tag)
			return 0;
		if (sess_drop(s, &s->last, err) < 0)
			return -1;
	}
}

bool
sess_is_quiet(const struct sess *s)
{
	int64_t quiet_ms = s->at->timeout_ms < QUIET_MS / 2 ? 2 * s->at->timeout_ms : QUIET_MS;

	return s->n_asked == 0 && clock_mono_ms() - s->heard_ms >= quiet_ms;
}

void
sess_time_trip(struct sess *s, int64_t began_ms)
{
	int64_t us = (clock_mono_ms() - began_ms) * 1000;

	if (us == 0)
		us = 1;
	if (s->rtt_us == 0 || us < s->rtt_us)
		s->rtt_us = us;
}

int
sess_run(struct sess *s, struct err *err, const char *fmt, ...)
{
	char *text = NULL;
	uint32_t tag;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		mem_out();
	va_end(ap);

	bool alone = s->n_asked == 0;
	int64_t began = clock_mono_ms();
	int rc = sess_send(s, 0, &tag, err, "%s", text);

	free(text);
	if (rc < 0 || sess_wait(s, tag, err) < 0)
		return -1;
	if (alone)
		sess_time_trip(s, began);
	return 0;
}

bool
sess_must_wait(const struct resp *r)
{
	return r->state != STATE_OK && (r->code == CODE_THROTTLED || wait_hint_ms(r->text) > 0);
}

int
sess_refused(struct sess *s, const struct resp *r, const char *doing, struct err *err)
{
	int64_t wait = wait_hint_ms(r->text);

	if (wait > 0 || r->code == CODE_UNAVAILABLE || r->code == CODE_LIMIT ||
	    r->code == CODE_THROTTLED || r->code == CODE_INUSE || r->code == CODE_OVERQUOTA) {
		err_set(err, ERR_THROTTLED, "%s: the server answered: %s", doing, s->reply);
		err->after_ms = wait;
		return -1;
	}
	return err_set(err, r->state == STATE_BAD ? ERR_REFUSED_BAD : ERR_REFUSED_NO,
	    "%s: the server answered: %s", doing, s->reply);
}
