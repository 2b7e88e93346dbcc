/* A session from its connection to the point where folders can be opened, and its end: dial, TLS, greeting,
 * capabilities, STARTTLS, login (login.c), LOGOUT. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "imap/session_parts.h"
#include "net/deflate.h"

static int
sess_greet(struct sess *s, struct err *err)
{
	struct resp r;

	if (resp_read(&s->reader, &r, err) < 0) {
		if (err->kind == ERR_CUT)
			return err_set(err, ERR_CUT, "port %s closed the connection without a greeting",
			    s->at->port);
		return err_wrap(
		    err, "waiting for the greeting of %s port %s", s->at->host, s->at->port);
	}
	sess_secret_reply(s);
	if (r.kind != RESP_STATUS || r.state == STATE_NO || r.state == STATE_BAD) {
		struct buf shown;

		buf_init(&shown, 512);
		text_visible(slice_str(s->reply), &shown);
		err_set(err, ERR_NOT_IMAP,
		    "%s port %s is not an IMAP server: its greeting is '%.80s'", s->at->host,
		    s->at->port, shown.data ? shown.data : "");
		buf_done(&shown);
		return -1;
	}
	if (r.state == STATE_BYE)
		return sess_bye(s, &r, err);
	s->preauth = r.state == STATE_PREAUTH;
	if (r.code == CODE_CAPABILITY)
		caps_add_text(&s->caps, r.code_text);
	s->greeting = mem_copy_str(r.text.data ? r.text.data : "");
	return 0;
}

static int
sess_capability(struct sess *s, struct err *err)
{
	caps_clear(&s->caps);
	if (sess_run(s, err, "CAPABILITY") < 0)
		return -1;
	/* IMAP2bis and older have no such command: then nothing beyond it can be had. OK with nothing that
	 * could be read is the answer of a server that has it. */
	s->caps_refused = s->last.state == STATE_BAD;
	if (s->last.state == STATE_NO)
		return sess_refused(s, &s->last, "CAPABILITY", err);
	s->caps.known = true;
	return 0;
}

/* TLS is asked for, and cannot be had. */
static int
sess_no_starttls(const struct sess *s, const char *why, struct err *err)
{
	return err_set(err, ERR_TLS,
	    "%s port %s %s; use imaps://, or --%sinsecure-plaintext to send the password unprotected",
	    s->at->host, s->at->port, why, tls_option_of(&s->at->trust));
}

static int
sess_starttls(struct sess *s, struct err *err)
{
	size_t dropped = 0;

	if (s->preauth)
		return sess_no_starttls(s, "greets with PREAUTH, so that STARTTLS is not possible and the "
		    "connection would stay unprotected", err);
	if (!s->caps.known && sess_capability(s, err) < 0)
		return -1;
	if (!caps_has(&s->caps, CAP_STARTTLS))
		return sess_no_starttls(s, "does not offer STARTTLS", err);
	if (sess_run(s, err, "STARTTLS") < 0)
		return -1;
	if (s->last.state != STATE_OK)
		return err_set(err, ERR_TLS, "%s refused STARTTLS: %s", s->at->host, s->reply);
	if (tls_start(s->in, s->at->host, &s->at->trust, s->at->timeout_ms, s->stop, &dropped,
		&s->tls, err) < 0)
		return -1;
	if (dropped > 0) {
		struct event e = { .no = EV_PARSE, .level = LEVEL_WARNING };

		notes_add(&s->notes, &e, true,
		    "%zu octets sent in clear behind STARTTLS were dropped: somebody may be "
		    "tampering with the connection",
		    dropped);
	}
	s->tls_on = true;
	/* What was said in clear may have been forged. */
	return sess_capability(s, err);
}

static int
sess_secure(struct sess *s, struct err *err)
{
	size_t dropped;

	if (s->at->tls == TLS_FROM_START) {
		if (tls_start(s->in, s->at->host, &s->at->trust, s->at->timeout_ms, s->stop,
			&dropped, &s->tls, err) < 0)
			return -1;
		s->tls_on = true;
		return sess_greet(s, err);
	}
	if (sess_greet(s, err) < 0)
		return -1;
	if (s->at->tls == TLS_STARTTLS)
		return sess_starttls(s, err);
	/* Not even where it is offered: a server with a certificate of its own would be shut out. */
	s->notes.in_clear = true;
	return 0;
}

/* Log in and learn what the server can do. */
static int
sess_enter(struct sess *s, struct err *err)
{
	if (!s->preauth && sess_login(s, err) < 0)
		return -1;
	/* Some answer BAD only because nobody is logged in yet: they are asked again. */
	if ((!s->caps.known || s->caps.text.len == 0) && sess_capability(s, err) < 0)
		return -1;
	/* What the greeting or the login told of itself counts, whatever became of the question. */
	s->level = s->caps_refused && s->caps.text.len == 0 ? LEVEL_IMAP2BIS : caps_level(&s->caps);
	s->numbered = !level_has_uids(s->level);
	if (s->numbered && s->at->needs_uids)
		return err_set(err, ERR_NOT_IMAP,
		    "%s does not know CAPABILITY (it answered '%s'): it speaks IMAP2bis or IMAP2, from "
		    "which mail can be read; a destination must speak IMAP4",
		    s->at->host, s->reply);
	if (s->level == LEVEL_IMAP4)
		quirk_add(&s->seen, QUIRK_OLD_LEVEL);
	s->quirks = quirks_of(s->greeting, NULL, s->at->host);
	return 0;
}

static struct sess *
sess_new(const struct endpoint *at, struct cancel *stop)
{
	struct sess *s = mem_new(sizeof(*s));

	s->at = at;
	s->stop = stop;
	s->next_tag = 1;
	caps_init(&s->caps);
	notes_init(&s->notes);
	arena_init(&s->ns_arena, 256 * 1024);
	return s;
}

/* Before login a reconnect would not help; after it the caller decides. */
static int
opening_failed(struct sess *s, struct err *err)
{
	if (s->in != NULL && err->kind == ERR_CUT)
		err_wrap(err, "opening a session on %s", s->at->host);
	s->said_bye = true;
	stream_close(&s->in);
	return -1;
}

int
sess_reach(struct sess **ret, const struct endpoint *at, struct cancel *stop, struct err *err)
{
	struct sess *s = *ret = sess_new(at, stop);

	reader_init(&s->reader, NULL);
	if (dial_by(&at->by, at->host, at->port, at->timeout_ms, stop, &s->in, err) < 0)
		return opening_failed(s, err);
	stream_set_timeout(s->in, at->timeout_ms);
	stream_set_patience(s->in, at->timeout_ms * SESS_PATIENCE);
	stream_set_cancel(s->in, stop);
	reader_set_stream(&s->reader, s->in);
	if (sess_secure(s, err) < 0 || (!s->caps.known && sess_capability(s, err) < 0)) {
		err->of_server = true;
		return opening_failed(s, err);
	}
	return 0;
}

/* Only where it is offered: others have answered BAD (quirks row 22). */
int
sess_tell_id(struct sess *s, int kind, struct err *err)
{
	if (s->id_told || !caps_has(&s->caps, CAP_ID))
		return 0;
	s->id_told = true;
	return sess_send(s, kind, NULL, err, "ID (\"name\" \"imex\" \"version\" \"" IMEX_VERSION "\")");
}

/* Nothing may be under way beside it: what comes behind the OK is compressed. */
static int
sess_compress(struct sess *s, struct err *err)
{
	struct event e = { .no = EV_REFUSED, .level = LEVEL_INFO, .command = "COMPRESS DEFLATE" };

	if (!s->at->compress || !caps_has(&s->caps, CAP_COMPRESS))
		return 0;
	if (sess_run(s, err, "COMPRESS DEFLATE") < 0)
		return -1;
	if (s->last.state != STATE_OK) {
		e.reply = sess_reply(s);
		e.reply_bytes = s->reply_octets;
		notes_add(&s->notes, &e, false, "the server refused COMPRESS DEFLATE; the session goes on without it");
		return 0;
	}
	deflate_start(s->in);
	s->compressed = true;
	return 0;
}

int
sess_begin(struct sess *s, struct err *err)
{
	return sess_enter(s, err) < 0 || sess_compress(s, err) < 0 ? opening_failed(s, err) : 0;
}

int
sess_open(struct sess **ret, const struct endpoint *at, struct cancel *stop, struct err *err)
{
	return sess_reach(ret, at, stop, err) < 0 ? -1 : sess_begin(*ret, err);
}

int
sess_refused_again(struct err *io)
{
	struct err why = *io;

	return why.kind == ERR_LOGIN ? err_set(io, ERR_BYE, "%s", why.text) : -1;
}

/* Until the server has answered LOGOUT and closed; a little while, whatever it sends. */
static void
sess_see_it_closed(struct sess *s)
{
	enum { WAIT_MS = 3 * SEC, OCTETS_MAX = 64 * 1024 };
	int64_t until_ms = clock_mono_ms() + WAIT_MS;
	size_t octets = 0;
	struct slice part;
	struct err ignored;

	stream_set_timeout(s->in, WAIT_MS);
	while (octets < OCTETS_MAX && clock_mono_ms() < until_ms &&
	       stream_peek(s->in, 1, &part, &ignored) == 0) {
		octets += part.len;
		stream_skip(s->in, part.len);
	}
}

void
sess_close(struct sess **sp)
{
	struct sess *s = *sp;
	struct err ignored = { 0 };

	if (s == NULL)
		return;
	if (s->in != NULL && !s->said_bye && s->n_asked == 0 &&
	    sess_send(s, 0, NULL, &ignored, "LOGOUT") == 0 && stream_flush(s->in, &ignored) < 0)
		s->said_bye = true;
	if (s->in != NULL && (s->at->see_it_closed || s->see_it_closed) && s->n_asked <= 1)
		sess_see_it_closed(s);
	stream_close(&s->in);
	for (size_t i = 0; i < s->n_asked; i++)
		free(s->asked[i].text);
	free(s->asked[SESS_COMMANDS_MAX - 1].text);
	secret_free(s->sasl);
	secret_free(s->fresh);
	reader_done(&s->reader);
	caps_done(&s->caps);
	notes_done(&s->notes);
	arena_done(&s->ns_arena);
	free(s->greeting);
	free(s->product);
	free(s->number);
	free(s->no_examine_reply);
	free(s->open_name);
	free(s);
	*sp = NULL;
}
