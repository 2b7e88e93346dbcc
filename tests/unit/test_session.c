/* A session against a scripted server: a thread on loopback that says and expects exact octets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "imap/session.h"
#include "net/openssl.h"

/* ---- the server ----
 * A script is a list of strings: "S:" octets to send, "C:" octets that must come, "T:" TLS from
 * here on, after sending what follows in clear. Behind the last line the connection is closed. */

#define OK_GREETING "S:* OK [CAPABILITY IMAP4rev1 LOGIN] ready\r\n"
#define LOGIN_OK "C:0001 LOGIN \"ana\" \"secret\"\r\n", "S:0001 OK [CAPABILITY IMAP4rev1] in\r\n"
#define LOGOUT(n) "C:" n " LOGOUT\r\n"

enum { WORDS_MAX = 400 };

struct server {
	const char *const *script;
	int listener, fd;
	SSL *ssl;
	char port[8], wrong[WORDS_MAX];
	pthread_t thread;
};

static EVP_PKEY *key;
static X509 *cert;
static struct secret *secret;
static struct sess *s;
static struct err err;
static struct server server;

static ssize_t
server_recv(struct server *v, char *data, size_t len)
{
	return v->ssl ? SSL_read(v->ssl, data, (int)len) : recv(v->fd, data, len, 0);
}

static bool
server_say(struct server *v, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = v->ssl ? SSL_write(v->ssl, data, (int)len)
				   : send(v->fd, data, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

static bool
server_hear(struct server *v, const char *want, size_t len)
{
	char got[2000];
	size_t have = 0;

	while (have < len) {
		ssize_t n = server_recv(v, got + have,
		    len - have < sizeof(got) - 1 - have ? len - have : sizeof(got) - 1 - have);

		if (n <= 0)
			break;
		have += (size_t)n;
		if (memcmp(got, want, have) != 0)
			break;
	}
	if (have == len && memcmp(got, want, len) == 0)
		return true;
	got[have] = '\0';
	snprintf(v->wrong, sizeof(v->wrong), "expected '%.150s', heard '%.150s'", want, got);
	return false;
}

static bool
server_secure(struct server *v, const char *clear)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	SSL_CTX_use_certificate(ctx, cert);
	SSL_CTX_use_PrivateKey(ctx, key);
	if (!server_say(v, clear, strlen(clear)))
		return false;
	v->ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	SSL_set_fd(v->ssl, v->fd);
	if (SSL_accept(v->ssl) == 1)
		return true;
	SSL_free(v->ssl);
	v->ssl = NULL;
	snprintf(v->wrong, sizeof(v->wrong), "the TLS handshake failed");
	return false;
}

static bool
server_line(struct server *v, const char *line)
{
	if (line[0] == 'C')
		return server_hear(v, line + 2, strlen(line + 2));
	if (line[0] == 'T')
		return server_secure(v, line + 2);
	return server_say(v, line + 2, strlen(line + 2));
}

static void *
server_run(void *arg)
{
	struct server *v = arg;
	struct timeval patience = { .tv_sec = 20 };
	char rest[500];

	v->fd = accept(v->listener, NULL, NULL);
	setsockopt(v->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	for (const char *const *line = v->script; *line != NULL; line++)
		if (!server_line(v, *line))
			break;
	if (v->ssl != NULL)
		SSL_shutdown(v->ssl);
	shutdown(v->fd, SHUT_WR);
	/* A close with unread octets would be a reset. */
	while (recv(v->fd, rest, sizeof(rest), 0) > 0)
		;
	SSL_free(v->ssl);
	close(v->fd);
	return NULL;
}

static void
server_start(const char *const *script)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);

	server = (struct server){ .script = script,
		.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	assert_int_equal(bind(server.listener, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(server.listener, 1), 0);
	assert_int_equal(getsockname(server.listener, (struct sockaddr *)&at, &len), 0);
	snprintf(server.port, sizeof(server.port), "%u", ntohs(at.sin_port));
	assert_int_equal(pthread_create(&server.thread, NULL, server_run, &server), 0);
}

/* ---- the client ---- */

static struct endpoint at;

static int
open_as(enum tls_mode tls, const char *login, const char *password, const char *const *script)
{
	server_start(script);
	secret = secret_new(slice_str(password));
	at = (struct endpoint){ .account = login,
		.login = login,
		.host = "127.0.0.1",
		.port = server.port,
		.tls = tls,
		.trust = { .insecure = true },
		.secret = secret,
		.timeout_ms = 20 * SEC };
	err = (struct err){ 0 };
	return sess_open(&s, &at, NULL, &err);
}

static int
open_plain(const char *const *script)
{
	return open_as(TLS_NONE, "ana", "secret", script);
}

#define SCRIPT(...)                                                                                \
	(const char *const[])                                                                      \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

static void
opened(int rc)
{
	if (rc < 0)
		fail_msg("%s; %s", err.text, server.wrong);
}

static void
ended(void)
{
	sess_close(&s);
	assert_null(s);
	pthread_join(server.thread, NULL);
	close(server.listener);
	secret_free(secret);
	assert_string_equal(server.wrong, "");
}

static void
fails(int rc, enum err_kind kind, const char *words)
{
	assert_int_equal(rc, -1);
	if (err.kind != kind || strstr(err.text, words) == NULL)
		fail_msg("'%s' (%s), expected '%s' (%s)", err.text, err_words(err.kind), words,
		    err_words(kind));
}

/* Nothing that was told or is kept for telling has the words. */
static void
nowhere(const char *words)
{
	assert_null(strstr(err.text, words));
	assert_null(strstr(s->reply, words));
	for (size_t i = 0; i < s->notes.len; i++) {
		const struct note *n = &s->notes.note[i];

		assert_null(strstr(n->text, words));
		assert_false(
		    n->event.reply.data != NULL && slice_has_nocase(n->event.reply, words));
		assert_false(n->event.command != NULL && strstr(n->event.command, words));
	}
}

static size_t
notes_of(enum event_no no)
{
	size_t n = 0;

	for (size_t i = 0; i < s->notes.len; i++)
		n += s->notes.note[i].event.no == no;
	return n;
}

/* ---- greetings ---- */

static void
session_greets_logs_in_and_says_logout(void **state)
{
	(void)state;
	opened(open_plain(SCRIPT(OK_GREETING, LOGIN_OK, LOGOUT("0002"))));
	assert_string_equal(s->greeting, "ready");
	assert_int_equal(s->level, LEVEL_IMAP4REV1);
	assert_int_equal(s->n_asked, 0);
	ended();
}

static void
session_asks_for_capabilities_that_were_not_told(void **state)
{
	(void)state;
	opened(open_plain(SCRIPT("S:* OK hello\r\n", "C:0001 CAPABILITY\r\n",
	    "S:* CAPABILITY IMAP4rev1 A\r\n0001 OK x\r\n", "C:0002 LOGIN \"ana\" \"secret\"\r\n",
	    "S:0002 OK in\r\n", "C:0003 CAPABILITY\r\n",
	    "S:* CAPABILITY IMAP4rev1 ID\r\n0003 OK x\r\n", LOGOUT("0004"))));
	assert_true(caps_has(&s->caps, CAP_ID));
	ended();
}

static void
session_takes_capabilities_from_a_line_inside_the_answer_to_login(void **state)
{
	(void)state;
	opened(open_plain(SCRIPT("S:* OK [CAPABILITY IMAP4 IMAP4REV1] Perdition\r\n",
	    "C:0001 LOGIN \"ana\" \"secret\"\r\n",
	    "S:* CAPABILITY IMAP4rev1 ESEARCH\r\n0001 OK You are so in\r\n", LOGOUT("0002"))));
	assert_true(caps_has(&s->caps, CAP_ESEARCH));
	ended();
}

static void
session_with_preauth_does_not_log_in(void **state)
{
	(void)state;
	opened(
	    open_plain(SCRIPT("S:* PREAUTH [CAPABILITY IMAP4rev1] welcome\r\n", LOGOUT("0001"))));
	assert_true(s->preauth);
	ended();
}

static void
not_imap(const char *greeting)
{
	fails(open_plain(SCRIPT(greeting)), ERR_NOT_IMAP, "is not an IMAP server");
	ended();
}

static void
session_knows_what_is_no_imap_server(void **state)
{
	(void)state;
	not_imap("S:220 mail.example.org ESMTP Postfix\r\n");
	not_imap("S:+OK POP3 ready\r\n");
	not_imap("S:HTTP/1.1 400 Bad Request\r\n\r\n");
	not_imap("S:SSH-2.0-OpenSSH_9.2p1\r\n");
	not_imap("S:* NO go away\r\n");
	not_imap("S:\x1b[2J\xff\r\n");
	fails(open_plain(SCRIPT("S:")), ERR_CUT, "closed the connection without a greeting");
	ended();
}

static void
session_of_an_older_server_has_no_uids(void **state)
{
	(void)state;
	opened(open_plain(SCRIPT("S:* OK IMAP2bis\r\n", "C:0001 CAPABILITY\r\n",
	    "S:0001 BAD what\r\n", "C:0002 LOGIN \"ana\" \"secret\"\r\n", "S:0002 OK in\r\n",
	    "C:0003 CAPABILITY\r\n", "S:0003 BAD what\r\n", LOGOUT("0004"))));
	ended();
}

static void
session_asks_again_when_capability_needs_a_login(void **state)
{
	(void)state;
	opened(open_plain(SCRIPT("S:* OK hello\r\n", "C:0001 CAPABILITY\r\n",
	    "S:0001 BAD log in first\r\n", "C:0002 LOGIN \"ana\" \"secret\"\r\n",
	    "S:0002 OK in\r\n", "C:0003 CAPABILITY\r\n", "S:* CAPABILITY IMAP4rev1\r\n",
	    "S:0003 OK done\r\n", LOGOUT("0004"))));
	ended();
}

/* ---- login ---- */

#define PLAIN_CAPS "S:* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n"
#define PLAIN_IR_CAPS "S:* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] ready\r\n"
#define BLOB "AGFuYQBzZWNyZXQ=" /* \0ana\0secret */

static void
login_with_sasl_ir_takes_one_round_trip(void **state)
{
	(void)state;
	opened(open_plain(SCRIPT(PLAIN_IR_CAPS, "C:0001 AUTHENTICATE PLAIN " BLOB "\r\n",
	    "S:0001 OK [CAPABILITY IMAP4rev1] in\r\n", LOGOUT("0002"))));
	ended();
}

static void
login_without_sasl_ir_waits_for_the_server(void **state)
{
	(void)state;
	opened(open_plain(
	    SCRIPT(PLAIN_CAPS, "C:0001 AUTHENTICATE PLAIN\r\n", "S:* OK one moment\r\n+ \r\n",
		"C:" BLOB "\r\n", "S:0001 OK [CAPABILITY IMAP4rev1] in\r\n", LOGOUT("0002"))));
	ended();
}

static void
login_takes_the_next_mechanism_after_bad_but_not_after_no(void **state)
{
	(void)state;
	opened(open_plain(SCRIPT(PLAIN_CAPS, "C:0001 AUTHENTICATE PLAIN\r\n",
	    "S:0001 BAD unknown\r\n", "C:0002 LOGIN \"ana\" \"secret\"\r\n",
	    "S:0002 OK [CAPABILITY IMAP4rev1] in\r\n", LOGOUT("0003"))));
	ended();
	fails(open_plain(SCRIPT(
		  PLAIN_IR_CAPS, "C:0001 AUTHENTICATE PLAIN " BLOB "\r\n", "S:0001 NO wrong\r\n")),
	    ERR_LOGIN, "check user name and password");
	assert_int_equal(notes_of(EV_REFUSED), 1);
	ended();
}

static void
login_quotes_what_quotes_can_hold(void **state)
{
	(void)state;
	opened(open_as(TLS_NONE, "a\"b\\c", "p %{}*",
	    SCRIPT(OK_GREETING, "C:0001 LOGIN \"a\\\"b\\\\c\" \"p %{}*\"\r\n",
		"S:0001 OK [CAPABILITY IMAP4rev1] in\r\n", LOGOUT("0002"))));
	ended();
}

static void
login_sends_the_rest_as_literals_one_after_the_other(void **state)
{
	(void)state;
	opened(open_as(TLS_NONE, "j\xc3\xbcrg", "p\r\nw",
	    SCRIPT(OK_GREETING, "C:0001 LOGIN {5}\r\n", "S:+ go\r\n", "C:j\xc3\xbcrg {4}\r\n",
		"S:+ go\r\n", "C:p\r\nw\r\n", "S:0001 OK [CAPABILITY IMAP4rev1] in\r\n",
		LOGOUT("0002"))));
	ended();
}

static void
login_sends_no_octet_of_a_literal_that_is_refused(void **state)
{
	(void)state;
	fails(
	    open_as(TLS_NONE, "ana", "p\xc3\xbc",
		SCRIPT(OK_GREETING, "C:0001 LOGIN \"ana\" {3}\r\n", "S:0001 BAD no literals\r\n")),
	    ERR_LOGIN, "no literals");
	ended();
}

static void
login_is_not_tried_where_it_is_disabled(void **state)
{
	(void)state;
	fails(
	    open_plain(SCRIPT("S:* OK [CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=GSSAPI] ready\r\n")),
	    ERR_LOGIN, "offers no way to log in");
	ended();
}

static void
login_masks_every_form_of_an_echo(void **state)
{
	(void)state;
	fails(open_plain(SCRIPT(OK_GREETING, "C:0001 LOGIN \"ana\" \"secret\"\r\n",
		  "S:0001 BAD \"0001 LOGIN ana secret\" c2VjcmV0 c2VjcmV0= at column 9\r\n")),
	    ERR_LOGIN, "0001 LOGIN ana ***");
	nowhere("secret");
	nowhere("c2VjcmV0");
	assert_string_equal(s->reply, "0001 BAD \"0001 LOGIN ana ***\" *** ***= at column 9");
	ended();
	fails(open_plain(SCRIPT(PLAIN_IR_CAPS, "C:0001 AUTHENTICATE PLAIN " BLOB "\r\n",
		  "S:* OK [ALERT] you said " BLOB "\r\n0001 NO not \"0001 AUTHENTICATE PLAIN " BLOB
		  "\" (AGFuYQBzZWNyZXQ)\r\n")),
	    ERR_LOGIN, "AUTHENTICATE PLAIN ***");
	nowhere("AGFuYQ");
	assert_int_equal(notes_of(EV_ALERT), 1);
	ended();
	fails(open_as(TLS_NONE, "ana", "s\"e\\t",
		  SCRIPT(OK_GREETING, "C:0001 LOGIN \"ana\" \"s\\\"e\\\\t\"\r\n",
		      "S:0001 NO [AUTHENTICATIONFAILED] 0001 LOGIN \"ana\" \"s\\\"e\\\\t\"\r\n")),
	    ERR_LOGIN, "LOGIN \"ana\" \"***\"");
	nowhere("s\\\"e");
	ended();
}

static void
login_masks_an_echo_that_is_no_answer_at_all(void **state)
{
	(void)state;
	opened(open_plain(SCRIPT(OK_GREETING, "C:0001 LOGIN \"ana\" \"secret\"\r\n",
	    "S:secret what\r\nana \"secret\"\r\n0001 OK [CAPABILITY IMAP4rev1] in\r\n",
	    LOGOUT("0002"))));
	assert_int_equal(notes_of(EV_PARSE), 2);
	nowhere("secret");
	ended();
}

static void
login_ends_when_the_server_asks_for_more_and_more(void **state)
{
	(void)state;
	fails(open_plain(SCRIPT(PLAIN_IR_CAPS, "C:0001 AUTHENTICATE PLAIN " BLOB "\r\n",
		  "S:+ \r\n+ \r\n+ \r\n+ \r\n+ \r\n+ \r\n+ \r\n+ \r\n+ \r\n+ \r\n+ \r\n+ \r\n")),
	    ERR_PROTOCOL, "asks for more and more");
	ended();
}

static void
login_cancels_a_challenge_that_it_did_not_expect(void **state)
{
	(void)state;
	fails(open_plain(SCRIPT(PLAIN_IR_CAPS, "C:0001 AUTHENTICATE PLAIN " BLOB "\r\n",
		  "S:+ eyJzdGF0dXMiOiI0MDAifQ==\r\n", "C:*\r\n", "S:0001 NO cancelled\r\n")),
	    ERR_LOGIN, "cancelled");
	ended();
}

static void
login_that_is_told_to_wait_is_no_wrong_password(void **state)
{
	(void)state;
	fails(open_plain(SCRIPT(OK_GREETING, "C:0001 LOGIN \"ana\" \"secret\"\r\n",
		  "S:0001 NO [UNAVAILABLE] Maximum number of connections exceeded\r\n")),
	    ERR_THROTTLED, "login");
	ended();
}

/* ---- BYE ---- */

static void
session_ends_with_a_bye_anywhere(void **state)
{
	(void)state;
	fails(open_plain(SCRIPT("S:* BYE too busy\r\n")), ERR_BYE, "too busy");
	ended();
	fails(open_plain(SCRIPT("S:* BYE [UNAVAILABLE] later\r\n")), ERR_THROTTLED, "later");
	ended();
	fails(open_plain(SCRIPT(OK_GREETING, "C:0001 LOGIN \"ana\" \"secret\"\r\n",
		  "S:* BYE bye secret\r\n0001 NO x\r\n")),
	    ERR_BYE, "bye ***");
	ended();
	fails(open_plain(SCRIPT(OK_GREETING, "C:0001 LOGIN \"ana\" \"secret\"\r\n",
		  "S:* BYE [AUTHENTICATIONFAILED] no\r\n")),
	    ERR_LOGIN, "refused the login");
	ended();
	opened(open_plain(SCRIPT(
	    OK_GREETING, LOGIN_OK, "C:0002 NOOP\r\n", "S:* BYE shutdown\r\n* BYE again\r\n")));
	fails(sess_run(s, &err, "NOOP"), ERR_BYE, "shutdown");
	assert_true(s->said_bye);
	ended();
}

static void
session_knows_how_long_it_is_told_to_wait(void **state)
{
	(void)state;
	opened(open_plain(SCRIPT(OK_GREETING, LOGIN_OK, "C:0002 NOOP\r\n",
	    "S:* BYE Request is throttled. Suggested Backoff Time: 299961 milliseconds\r\n")));
	fails(sess_run(s, &err, "NOOP"), ERR_THROTTLED, "throttled");
	assert_int_equal(err.after_ms, 299961);
	ended();
	opened(open_plain(SCRIPT(OK_GREETING, LOGIN_OK, "C:0002 NOOP\r\n",
	    "S:0002 NO Request is throttled. Suggested Backoff Time: 99999999999 milliseconds\r\n",
	    LOGOUT("0003"))));
	assert_int_equal(sess_run(s, &err, "NOOP"), 0);
	fails(sess_refused(s, &s->last, "NOOP", &err), ERR_THROTTLED, "NOOP");
	assert_int_equal(err.after_ms, 3600000);
	ended();
	opened(open_plain(SCRIPT(OK_GREETING, LOGIN_OK, "C:0002 NOOP\r\n",
	    "S:0002 BAD Suggested Backoff Time: 5 milliseconds\r\n", LOGOUT("0003"))));
	assert_int_equal(sess_run(s, &err, "NOOP"), 0);
	fails(sess_refused(s, &s->last, "NOOP", &err), ERR_THROTTLED, "Backoff");
	assert_int_equal(err.after_ms, 5);
	ended();
}

/* ---- STARTTLS ---- */

#define STARTTLS_CAPS "S:* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN SASL-IR] ready\r\n"

static void
session_without_starttls_does_not_go_on_in_clear(void **state)
{
	(void)state;
	fails(open_as(TLS_STARTTLS, "ana", "secret", SCRIPT(OK_GREETING)), ERR_TLS,
	    "does not offer STARTTLS");
	ended();
	fails(open_as(TLS_STARTTLS, "ana", "secret",
		  SCRIPT("S:* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n")),
	    ERR_TLS, "PREAUTH");
	ended();
	fails(open_as(TLS_STARTTLS, "ana", "secret",
		  SCRIPT(STARTTLS_CAPS, "C:0001 STARTTLS\r\n", "S:0001 NO not now\r\n")),
	    ERR_TLS, "refused STARTTLS");
	ended();
}

static void
session_forgets_in_tls_what_was_said_in_clear(void **state)
{
	(void)state;
	opened(open_as(TLS_STARTTLS, "ana", "secret",
	    SCRIPT(STARTTLS_CAPS, "C:0001 STARTTLS\r\n", "T:0001 OK go\r\n",
		"C:0002 CAPABILITY\r\n", "S:* CAPABILITY IMAP4rev1\r\n0002 OK x\r\n",
		"C:0003 LOGIN \"ana\" \"secret\"\r\n", "S:0003 OK [CAPABILITY IMAP4rev1] in\r\n",
		LOGOUT("0004"))));
	assert_true(s->tls_on);
	assert_int_equal(s->notes.len, 0);
	ended();
}

static void
session_drops_and_tells_what_was_injected_behind_starttls(void **state)
{
	(void)state;
	opened(open_as(TLS_STARTTLS, "ana", "secret",
	    SCRIPT(STARTTLS_CAPS, "C:0001 STARTTLS\r\n",
		"T:0001 OK go\r\n0002 OK [CAPABILITY IMAP4rev1 LOGINDISABLED] forged\r\n",
		"C:0002 CAPABILITY\r\n", "S:* CAPABILITY IMAP4rev1\r\n0002 OK x\r\n",
		"C:0003 LOGIN \"ana\" \"secret\"\r\n", "S:0003 OK [CAPABILITY IMAP4rev1] in\r\n",
		LOGOUT("0004"))));
	assert_int_equal(s->notes.len, 1);
	assert_true(s->notes.note[0].standing);
	assert_non_null(
	    strstr(s->notes.note[0].text, "octets sent in clear behind STARTTLS were dropped"));
	ended();
}

/* ---- commands and books ---- */

static void
answers_out_of_order_find_their_commands(void **state)
{
	static const int want[] = { 12, 10, 11 };
	struct asked a;
	struct resp r;

	(void)state;
	opened(open_plain(SCRIPT(OK_GREETING, LOGIN_OK, "C:0002 A\r\n0003 B\r\n0004 C\r\n",
	    "S:0004 OK c\r\n0002 NO a\r\n0099 OK never asked\r\n0003 BAD b\r\n0003 OK "
	    "twice\r\n",
	    "C:0005 D\r\n", "S:0005 OK end\r\n", LOGOUT("0006"))));
	for (int i = 0; i < 3; i++)
		assert_int_equal(sess_send(s, 10 + i, NULL, &err, "%c", 'A' + i), 0);
	for (int i = 0; i < 3; i++) {
		char text[2] = { (char)('A' + want[i] - 10), '\0' };

		assert_int_equal(sess_next(s, &r, &a, &err), 0);
		assert_int_equal(r.kind, RESP_TAGGED);
		assert_int_equal(a.kind, want[i]);
		assert_string_equal(a.text, text);
		/* Lent until the next command is sent. */
	}
	assert_int_equal(s->n_asked, 0);
	assert_int_equal(sess_run(s, &err, "D"), 0);
	assert_int_equal(notes_of(EV_PARSE), 2);
	assert_int_equal(s->asked_octets, 0);
	ended();
}

static void
an_answer_from_before_its_command_ends_a_session(void **state)
{
	(void)state;
	opened(open_plain(SCRIPT(OK_GREETING, LOGIN_OK, "C:0002 A\r\n",
	    "S:0002 OK a\r\n0003 OK b\r\n", "C:0003 B\r\n")));
	assert_int_equal(sess_run(s, &err, "A"), 0);
	fails(sess_run(s, &err, "B"), ERR_PROTOCOL, "answered 'B' before it was sent");
	ended();
}

static void
too_much_garbage_ends_a_session(void **state)
{
	static char flood[20 * (SESS_GARBAGE_MAX + 2) + 3] = "S:";

	(void)state;
	for (int i = 0; i <= SESS_GARBAGE_MAX; i++)
		memcpy(flood + strlen(flood), "* 1 FETCH oh no\r\n", 18);
	opened(open_plain(SCRIPT(OK_GREETING, LOGIN_OK, "C:0002 NOOP\r\n", flood)));
	fails(sess_run(s, &err, "NOOP"), ERR_PROTOCOL, "could not be parsed");
	ended();
}

static void
commands_without_answers_have_a_limit(void **state)
{
	int n = 0;

	(void)state;
	opened(open_plain(SCRIPT(OK_GREETING, LOGIN_OK)));
	assert_true(sess_room(s, 100000));
	while (sess_send(s, 0, NULL, &err, "NOOP") == 0) {
		n++;
		assert_int_equal(sess_room(s, 12),
		    n < SESS_COMMANDS_MAX - 1 && s->asked_octets + 12 <= SESS_ASKED_MAX);
	}
	assert_int_equal(err.kind, ERR_PROTOCOL);
	assert_int_equal(n, SESS_COMMANDS_MAX - 1);
	ended();
}

static void
the_sequence_map_follows_expunge_and_vanished(void **state)
{
	struct uidset map = { 0 };

	(void)state;
	opened(open_plain(SCRIPT(OK_GREETING, LOGIN_OK, "C:0002 NOOP\r\n",
	    "S:* 6 EXISTS\r\n* 2 EXPUNGE\r\n* 2 EXPUNGE\r\n* 9 EXPUNGE\r\n* 0 EXPUNGE\r\n* "
	    "VANISHED (EARLIER) 50\r\n0002 OK x\r\n",
	    "C:0003 NOOP\r\n", "S:* VANISHED 1:15,40:4294967295\r\n0003 OK x\r\n",
	    LOGOUT("0004"))));
	assert_true(uidset_parse(&map, slice_str("10,20,30,40,50,60")));
	s->map = &map;
	assert_int_equal(sess_run(s, &err, "NOOP"), 0);
	assert_int_equal(uidset_count(&map), 4);
	assert_false(uidset_has(&map, 20) || uidset_has(&map, 30));
	assert_int_equal(s->exists, 4);
	assert_int_equal(s->expunged, 2);
	assert_int_equal(sess_run(s, &err, "NOOP"), 0);
	assert_int_equal(uidset_count(&map), 0);
	assert_int_equal(s->exists, 0);
	ended();
	uidset_done(&map);
}

static void
bodies_that_nobody_asked_for_are_passed_over(void **state)
{
	(void)state;
	opened(open_plain(SCRIPT(OK_GREETING, LOGIN_OK, "C:0002 NOOP\r\n",
	    "S:* 1 FETCH (UID 1 BODY[] {14}\r\n\r\n0002 OK no\r\n BODY[TEXT] {3}\r\nabc)\r\n0002 "
	    "OK yes\r\n",
	    LOGOUT("0003"))));
	assert_int_equal(sess_run(s, &err, "NOOP"), 0);
	assert_true(slice_eq(s->last.text, "yes"));
	ended();
}

static void
a_long_answer_is_cut_however_much_is_masked(void **state)
{
	static char answer[9100] = "S:0002 NO ";

	(void)state;
	memset(answer + strlen(answer), 'a', 9000);
	memcpy(answer + strlen(answer), "\r\n", 3);
	opened(open_as(TLS_NONE, "ana", "a",
	    SCRIPT(OK_GREETING, "C:0001 LOGIN \"ana\" \"a\"\r\n",
		"S:0001 OK [CAPABILITY IMAP4rev1] in\r\n", "C:0002 NOOP\r\n", answer,
		LOGOUT("0003"))));
	assert_int_equal(sess_run(s, &err, "NOOP"), 0);
	assert_true(strlen(s->reply) < sizeof(s->reply));
	assert_null(strchr(s->reply, 'a'));
	assert_string_equal(s->last_refused, "");
	ended();
}

/* ---- folders ---- */

static void
examine_gives_the_head_of_a_folder(void **state)
{
	struct folder_head h;

	(void)state;
	opened(open_plain(SCRIPT(OK_GREETING, LOGIN_OK, "C:0002 EXAMINE \"a \\\"b\\\"\"\r\n",
	    "S:* FLAGS (\\Seen)\r\n* 18 EXISTS\r\n* 1 RECENT\r\n* OK [UIDVALIDITY 3857529045] "
	    "x\r\n* OK [UIDNEXT 4392] x\r\n"
	    "* OK [HIGHESTMODSEQ 77] x\r\n* 19 EXISTS\r\n0002 OK [READ-ONLY] done\r\n",
	    LOGOUT("0003"))));
	assert_int_equal(sess_examine(s, slice_str("a \"b\""), &h, &err), 0);
	assert_int_equal(h.exists, 19);
	assert_int_equal(h.uidvalidity, 3857529045);
	assert_int_equal(h.uidnext, 4392);
	assert_int_equal(h.highestmodseq, 77);
	assert_true(h.read_only && s->open);
	ended();
}

static void
examine_tells_a_refused_folder_from_a_session_that_ended(void **state)
{
	struct folder_head h;

	(void)state;
	opened(open_plain(SCRIPT(OK_GREETING, LOGIN_OK, "C:0002 EXAMINE \"x\"\r\n",
	    "S:0002 NO [NONEXISTENT] gone\r\n", "C:0003 EXAMINE \"x\"\r\n",
	    "S:0003 NO [INUSE] later\r\n", "C:0004 EXAMINE \"x\"\r\n")));
	fails(sess_examine(s, slice_str("x"), &h, &err), ERR_FOLDER, "gone");
	assert_int_equal(err.scope, SCOPE_FOLDER);
	assert_false(s->open);
	fails(sess_examine(s, slice_str("x"), &h, &err), ERR_THROTTLED, "later");
	fails(sess_examine(s, slice_str("x"), &h, &err), ERR_CUT, "");
	ended();
}

static void
names_of_eight_bits_go_as_literals_and_nul_goes_nowhere(void **state)
{
	struct folder_head h;

	(void)state;
	opened(open_plain(SCRIPT(OK_GREETING, LOGIN_OK, "C:0002 EXAMINE {4}\r\n",
	    "S:* 1 FETCH (BODY[] {3}\r\n+ x)\r\n+ go\r\n", "C:caf\xe9\r\n",
	    "S:* 2 EXISTS\r\n0002 OK done\r\n", "C:0003 EXAMINE {1}\r\n", "S:0003 BAD no\r\n",
	    LOGOUT("0004"))));
	assert_int_equal(sess_examine(s, slice_str("caf\xe9"), &h, &err), 0);
	assert_int_equal(h.exists, 2);
	fails(sess_examine(s, slice_str("\n"), &h, &err), ERR_FOLDER, "folder name as a literal");
	fails(sess_examine(s, (struct slice){ "a\0b", 3 }, &h, &err), ERR_FOLDER, "NUL");
	assert_int_equal(s->n_asked, 0);
	ended();
}

static const struct folder *
folder(const struct folder_list *l, const char *name)
{
	for (size_t i = 0; i < l->len; i++)
		if (slice_eq(l->folder[i].name, name))
			return &l->folder[i];
	fail_msg("no folder '%s'", name);
	return NULL;
}

static void
folders_come_with_counts_in_one_flight(void **state)
{
	struct folder_list l = { 0 };
	struct arena a;

	(void)state;
	arena_init(&a, 1024 * 1024);
	opened(open_plain(SCRIPT(OK_GREETING, "C:0001 LOGIN \"ana\" \"secret\"\r\n",
	    "S:0001 OK [CAPABILITY IMAP4rev1 ID NAMESPACE LIST-EXTENDED LIST-STATUS SPECIAL-USE "
	    "CONDSTORE] in\r\n",
	    "C:0002 ID (\"name\" \"imex\" \"version\" \"" IMEX_VERSION
	    "\")\r\n0003 NAMESPACE\r\n0004 LIST \"\" \"*\" RETURN (SUBSCRIBED "
	    "SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ))\r\n",
	    "S:* ID (\"name\" \"hMailServer\" \"version\" \"5.6\")\r\n0002 OK x\r\n"
	    "* NAMESPACE ((\"\" \"/\")) ((\"~\" \"/\")) ((\"Public/\" \"/\"))\r\n0003 OK x\r\n"
	    "* LIST (\\Sent \\Subscribed) \"/\" Sent\r\n* STATUS Sent (MESSAGES 3 UIDNEXT 4 "
	    "UIDVALIDITY 5)\r\n"
	    "* LIST () \"/\" Public/x\r\n* LIST () \"/\" ~bob/y\r\n* LIST () \"/\" inbox\r\n* "
	    "STATUS INBOX (MESSAGES 1)\r\n0004 OK x\r\n",
	    "C:0005 STATUS \"~bob\" (MESSAGES UIDNEXT UIDVALIDITY)\r\n", "S:0005 NO none\r\n",
	    LOGOUT("0006"))));
	assert_int_equal(sess_folders(s, false, &a, &l, &err), 0);
	assert_int_equal(l.len, 4);
	assert_int_equal(l.delim, '/');
	assert_int_equal(l.unparsed, 0);
	assert_true(slice_eq(l.folder[0].name, "inbox"));
	assert_int_equal(l.folder[0].counts.messages, 1);
	assert_int_equal(folder(&l, "Sent")->counts.uidvalidity, 5);
	assert_int_equal(folder(&l, "Sent")->attrs, FOLDER_SUBSCRIBED | FOLDER_COUNTED);
	assert_string_equal(folder(&l, "Sent")->special_use, "\\Sent");
	assert_true(folder(&l, "Public/x")->attrs & FOLDER_SHARED);
	assert_true(folder(&l, "~bob/y")->attrs & FOLDER_OTHER_USERS);
	assert_string_equal(s->product, "hMailServer 5.6");
	assert_true(quirk_in(s->quirks, QUIRK_NO_CHECKED_SLICES));
	folder_list_done(&l);
	ended();
	arena_done(&a);
}

static void
folders_listed_twice_are_one_and_can_be_opened_if_either_can(void **state)
{
	struct folder_list l = { 0 };
	struct arena a;

	(void)state;
	arena_init(&a, 1024 * 1024);
	opened(open_plain(SCRIPT(OK_GREETING, "C:0001 LOGIN \"ana\" \"secret\"\r\n",
	    "S:0001 OK [CAPABILITY IMAP4] in\r\n",
	    "C:0002 LIST \"\" \"*\"\r\n0003 LSUB \"\" \"*\"\r\n",
	    "S:* LIST () \"/\" a\r\n* LIST (\\Noselect) \"/\" a\r\n* LIST (\\Noselect) \"/\" "
	    "b\r\n* LIST (\\Noselect \\Trash) \"/\" b\r\n"
	    "0002 OK x\r\n* LSUB () \"/\" a\r\n* LSUB () \"/\" gone\r\n0003 OK x\r\n",
	    LOGOUT("0004"))));
	assert_int_equal(sess_folders(s, false, &a, &l, &err), 0);
	assert_int_equal(l.len, 3);
	assert_int_equal(folder(&l, "a")->attrs, FOLDER_SUBSCRIBED);
	assert_int_equal(folder(&l, "b")->attrs, FOLDER_NOSELECT);
	assert_int_equal(folder(&l, "INBOX")->attrs, 0);
	folder_list_done(&l);
	ended();
	arena_done(&a);
}

static void
folders_whose_lines_do_not_parse_are_counted(void **state)
{
	struct folder_list l = { 0 };
	struct arena a;

	(void)state;
	arena_init(&a, 1024 * 1024);
	opened(open_plain(SCRIPT(OK_GREETING, "C:0001 LOGIN \"ana\" \"secret\"\r\n",
	    "S:0001 OK [CAPABILITY IMAP4] in\r\n",
	    "C:0002 LIST \"\" \"*\"\r\n0003 LSUB \"\" \"*\"\r\n",
	    "S:* LIST () \"/\" a\r\n* LIST () \"/\" \"b\r\n* list x\r\n* STATUS oh\r\n* 1 FETCH "
	    "(BODY[] {12}\r\n* LIST () x\r\n)\r\n"
	    "0002 OK x\r\n0003 OK x\r\n",
	    LOGOUT("0004"))));
	assert_int_equal(sess_folders(s, false, &a, &l, &err), 0);
	assert_int_equal(l.unparsed, 2);
	assert_int_equal(l.len, 2);
	folder_list_done(&l);
	ended();
	arena_done(&a);
}

static void
folders_are_asked_for_in_the_old_way_after_bad(void **state)
{
	struct folder_list l = { 0 };
	struct arena a;

	(void)state;
	arena_init(&a, 1024 * 1024);
	opened(open_plain(SCRIPT(OK_GREETING, "C:0001 LOGIN \"ana\" \"secret\"\r\n",
	    "S:0001 OK [CAPABILITY IMAP4rev1 LIST-EXTENDED] in\r\n",
	    "C:0002 LIST \"\" \"*\" RETURN (SUBSCRIBED)\r\n", "S:0002 BAD Parse Error\r\n",
	    "C:0003 LIST \"\" \"*\"\r\n0004 LSUB \"\" \"*\"\r\n",
	    "S:* LIST () \".\" INBOX\r\n* LIST () \".\" INBOX.a\r\n0003 OK x\r\n0004 NO x\r\n",
	    "C:0005 STATUS \"INBOX\" (MESSAGES UIDNEXT UIDVALIDITY)\r\n",
	    "S:0005 BAD no such command\r\n", LOGOUT("0006"))));
	assert_int_equal(sess_folders(s, false, &a, &l, &err), 0);
	assert_int_equal(l.len, 2);
	assert_int_equal(folder(&l, "INBOX.a")->attrs, 0);
	assert_int_equal(notes_of(EV_REFUSED), 3);
	assert_true(l.lsub_refused);
	folder_list_done(&l);
	ended();
	arena_done(&a);
}

static int
setup(void **state)
{
	(void)state;
	key = EVP_EC_gen("P-256");
	cert = X509_new();
	X509_set_version(cert, X509_VERSION_3);
	X509_time_adj_ex(X509_getm_notBefore(cert), -1, 0, NULL);
	X509_time_adj_ex(X509_getm_notAfter(cert), 1, 0, NULL);
	X509_set_pubkey(cert, key);
	return X509_sign(cert, key, EVP_sha256()) > 0 ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	X509_free(cert);
	EVP_PKEY_free(key);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(session_greets_logs_in_and_says_logout),
		cmocka_unit_test(session_asks_for_capabilities_that_were_not_told),
		cmocka_unit_test(session_takes_capabilities_from_a_line_inside_the_answer_to_login),
		cmocka_unit_test(session_with_preauth_does_not_log_in),
		cmocka_unit_test(session_knows_what_is_no_imap_server),
		cmocka_unit_test(session_of_an_older_server_has_no_uids),
		cmocka_unit_test(session_asks_again_when_capability_needs_a_login),
		cmocka_unit_test(login_with_sasl_ir_takes_one_round_trip),
		cmocka_unit_test(login_without_sasl_ir_waits_for_the_server),
		cmocka_unit_test(login_takes_the_next_mechanism_after_bad_but_not_after_no),
		cmocka_unit_test(login_quotes_what_quotes_can_hold),
		cmocka_unit_test(login_sends_the_rest_as_literals_one_after_the_other),
		cmocka_unit_test(login_sends_no_octet_of_a_literal_that_is_refused),
		cmocka_unit_test(login_is_not_tried_where_it_is_disabled),
		cmocka_unit_test(login_masks_every_form_of_an_echo),
		cmocka_unit_test(login_masks_an_echo_that_is_no_answer_at_all),
		cmocka_unit_test(login_ends_when_the_server_asks_for_more_and_more),
		cmocka_unit_test(login_cancels_a_challenge_that_it_did_not_expect),
		cmocka_unit_test(login_that_is_told_to_wait_is_no_wrong_password),
		cmocka_unit_test(session_ends_with_a_bye_anywhere),
		cmocka_unit_test(session_knows_how_long_it_is_told_to_wait),
		cmocka_unit_test(session_without_starttls_does_not_go_on_in_clear),
		cmocka_unit_test(session_forgets_in_tls_what_was_said_in_clear),
		cmocka_unit_test(session_drops_and_tells_what_was_injected_behind_starttls),
		cmocka_unit_test(answers_out_of_order_find_their_commands),
		cmocka_unit_test(an_answer_from_before_its_command_ends_a_session),
		cmocka_unit_test(too_much_garbage_ends_a_session),
		cmocka_unit_test(commands_without_answers_have_a_limit),
		cmocka_unit_test(the_sequence_map_follows_expunge_and_vanished),
		cmocka_unit_test(bodies_that_nobody_asked_for_are_passed_over),
		cmocka_unit_test(a_long_answer_is_cut_however_much_is_masked),
		cmocka_unit_test(examine_gives_the_head_of_a_folder),
		cmocka_unit_test(examine_tells_a_refused_folder_from_a_session_that_ended),
		cmocka_unit_test(names_of_eight_bits_go_as_literals_and_nul_goes_nowhere),
		cmocka_unit_test(folders_come_with_counts_in_one_flight),
		cmocka_unit_test(folders_listed_twice_are_one_and_can_be_opened_if_either_can),
		cmocka_unit_test(folders_whose_lines_do_not_parse_are_counted),
		cmocka_unit_test(folders_are_asked_for_in_the_old_way_after_bad),
	};

	return cmocka_run_group_tests_name("session", tests, setup, teardown);
}
