/* Authentication. One row a mechanism, best first; the first usable one is tried, once: a refused
 * login is not repeated, since servers lock accounts (rules.md 5). Secrets go to the stream
 * directly and never through a format. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "imap/session.h"

enum { LOGIN_MAX = 8192 };

static int
wait_continue(struct sess *s, uint32_t tag, bool *ret_go, struct err *err)
{
	for (;;) {
		if (sess_next(s, &s->last, NULL, err) < 0 || sess_drop(s, &s->last, err) < 0)
			return -1;
		*ret_go = s->last.kind == RESP_CONTINUE;
		if (*ret_go || (s->last.kind == RESP_TAGGED && s->last.tag == tag))
			return 0;
	}
}

static int
wait_tagged(struct sess *s, uint32_t tag, struct err *err)
{
	bool go;

	for (int challenges = 0;; challenges++) {
		if (wait_continue(s, tag, &go, err) < 0)
			return -1;
		if (!go)
			return 0;
		if (challenges == CHALLENGES_MAX)
			return err_set(err, ERR_PROTOCOL,
			    "%s asks for more and more instead of answering the login",
			    s->at->host);
		/* A challenge where none belongs: cancel the exchange (RFC 3501 6.2.2). */
		if (stream_write(s->in, "*\r\n", 3, err) < 0)
			return -1;
	}
}

/* A secret line: written, never kept. */
static int
put_secret(struct sess *s, const struct buf *b, struct err *err)
{
	if (stream_write(s->in, b->data, b->len, err) < 0 ||
	    stream_write(s->in, "\r\n", 2, err) < 0)
		return -1;
	return stream_flush(s->in, err);
}

static bool
plain_usable(const struct sess *s)
{
	return caps_has(&s->caps, CAP_AUTH_PLAIN);
}

/* The server may echo it, with its padding or without. */
static void
keep_masked(struct sess *s, struct slice response)
{
	while (response.len > 0 && response.data[response.len - 1] == '=')
		response.len--;
	secret_free(s->sasl);
	s->sasl = secret_new(response);
}

/* SASL PLAIN (RFC 4616), in one round trip with SASL-IR (RFC 4959). */
static int
plain_run(struct sess *s, struct err *err)
{
	struct slice login = slice_str(s->at->login), pass = secret_value(s->at->secret);
	struct buf raw, line;
	uint32_t tag;
	bool go = true;
	int rc = -1;

	buf_init(&raw, LOGIN_MAX);
	buf_init(&line, LOGIN_MAX * 2);
	/* Grown at once: growing leaves copies behind that nobody wipes. */
	buf_reserve(&raw, raw.max);
	buf_reserve(&line, line.max);
	buf_add_byte(&raw, '\0');
	buf_add(&raw, login.data, login.len);
	buf_add_byte(&raw, '\0');
	buf_add(&raw, pass.data, pass.len);
	if (raw.full) {
		err_set(err, ERR_LOGIN, "login name or password longer than %d octets", LOGIN_MAX);
		goto out;
	}
	base64_add(&line, buf_slice(&raw));
	keep_masked(s, buf_slice(&line));
	if (caps_has(&s->caps, CAP_SASL_IR)) {
		/* sess_send ends the line; the secret goes out by itself, so the command is put
		 * together by hand. */
		tag = s->next_tag;
		char start[64];

		snprintf(start, sizeof(start), "%04u AUTHENTICATE PLAIN ", tag);
		sess_ask(s, 0, 0, mem_copy_str("AUTHENTICATE PLAIN ***"));
		if (stream_write(s->in, start, strlen(start), err) < 0 ||
		    put_secret(s, &line, err) < 0)
			goto out;
	} else {
		if (sess_send(s, 0, &tag, err, "AUTHENTICATE PLAIN") < 0 ||
		    wait_continue(s, tag, &go, err) < 0)
			goto out;
		if (go && put_secret(s, &line, err) < 0)
			goto out;
	}
	rc = go ? wait_tagged(s, tag, err) : 0;
out:
	secret_wipe(raw.data, raw.len);
	secret_wipe(line.data, line.len);
	buf_done(&raw);
	buf_done(&line);
	return rc;
}

static bool
login_usable(const struct sess *s)
{
	return !caps_has(&s->caps, CAP_LOGINDISABLED);
}

/* One argument of LOGIN: quoted, or a synchronising literal when quotes cannot hold it. */
static int
login_argument(struct sess *s, uint32_t tag, struct slice text, bool *ret_go, struct err *err)
{
	struct buf out;
	int rc = -1;

	*ret_go = true;
	buf_init(&out, LOGIN_MAX * 2 + 16);
	buf_reserve(&out, out.max);
	if (text.len > LOGIN_MAX) {
		err_set(err, ERR_LOGIN, "login name or password longer than %d octets", LOGIN_MAX);
		goto out;
	}
	if (sess_name_is_plain(text)) {
		sess_quote(text, &out);
		rc = stream_write(s->in, out.data, out.len, err);
	} else {
		buf_printf(&out, "{%zu}\r\n", text.len);
		if (stream_write(s->in, out.data, out.len, err) < 0 ||
		    wait_continue(s, tag, ret_go, err) < 0)
			goto out;
		rc = *ret_go ? stream_write(s->in, text.data, text.len, err) : 0;
	}
out:
	if (out.data != NULL)
		secret_wipe(out.data, out.len);
	buf_done(&out);
	return rc;
}

static int
login_run(struct sess *s, struct err *err)
{
	uint32_t tag = s->next_tag;
	char start[32];
	bool go;

	snprintf(start, sizeof(start), "%04u LOGIN ", tag);
	sess_ask(s, 0, 0, mem_copy_str("LOGIN ***"));
	if (stream_write(s->in, start, strlen(start), err) < 0 ||
	    login_argument(s, tag, slice_str(s->at->login), &go, err) < 0)
		return -1;
	if (!go)
		return 0;
	if (stream_write(s->in, " ", 1, err) < 0 ||
	    login_argument(s, tag, secret_value(s->at->secret), &go, err) < 0)
		return -1;
	if (!go)
		return 0;
	if (stream_write(s->in, "\r\n", 2, err) < 0)
		return -1;
	return wait_tagged(s, tag, err);
}

static const struct {
	const char *command; /* as the event log shows it */
	bool (*usable)(const struct sess *s);
	int (*run)(struct sess *s, struct err *err); /* the answer is in s->last */
} mechanisms[] = {
	{ "AUTHENTICATE PLAIN ***", plain_usable, plain_run },
	{ "LOGIN ***", login_usable, login_run },
};

/* Of sessions, not of attempts: it says nothing of the password (quirks rows 2 and 30). */
static bool
says_too_many(struct slice text)
{
	bool sessions = slice_has_nocase(text, "connection") || slice_has_nocase(text, "session") ||
			slice_has_nocase(text, "simultaneous") || slice_has_nocase(text, "concurrent");

	return sessions && (slice_has_nocase(text, "too many") || slice_has_nocase(text, "maximum") ||
				   slice_has_nocase(text, "limit") || slice_has_nocase(text, "exceed"));
}

static int
login_failed(struct sess *s, const char *command, struct err *err)
{
	if (says_too_many(s->last.text))
		s->last.code = CODE_LIMIT;
	if (s->last.code == CODE_UNAVAILABLE || s->last.code == CODE_LIMIT ||
	    s->last.code == CODE_INUSE || s->last.code == CODE_THROTTLED ||
	    s->last.code == CODE_OVERQUOTA)
		return sess_refused(s, &s->last, "login", err);

	struct event e = { .no = EV_REFUSED,
		.level = LEVEL_ERROR,
		.file_only = true,
		.command = command,
		.reply = sess_reply(s),
		.reply_bytes = s->reply_octets };

	notes_add(&s->notes, &e, false, "the login was refused");
	return err_set(err, ERR_LOGIN,
	    "%s refused the login of '%s': %s; check user name and password", s->at->host,
	    s->at->login, s->reply);
}

int
sess_login(struct sess *s, struct err *err)
{
	for (size_t i = 0; i < COUNT_OF(mechanisms); i++) {
		if (!mechanisms[i].usable(s))
			continue;

		int64_t began = clock_mono_ms();

		/* A good answer may bring the new list, as a code or untagged; without one it is
		 * asked for. */
		s->caps.known = false;
		if (mechanisms[i].run(s, err) < 0)
			return err_wrap(err, "login");
		sess_time_trip(s, began);
		if (s->last.state == STATE_OK)
			return 0;
		/* BAD is a mechanism that the server does not understand after all: the next one.
		 */
		if (s->last.state == STATE_BAD && i + 1 < COUNT_OF(mechanisms) &&
		    mechanisms[i + 1].usable(s) && s->last.code == CODE_NONE && i == 0)
			continue;
		return login_failed(s, mechanisms[i].command, err);
	}
	if (!s->tls_on && caps_has(&s->caps, CAP_STARTTLS))
		return err_set(err, ERR_LOGIN,
		    "%s lets nobody log in without TLS, which it offers: leave --%sinsecure-plaintext away", s->at->host,
		    tls_option_of(&s->at->trust));
	return err_set(err, ERR_LOGIN,
	    "%s offers no way to log in that imex knows (capabilities: %s)", s->at->host,
	    s->caps.text.data ? s->caps.text.data : "");
}
