/* Logging in: the ways in the order in which they are tried. The first usable one is tried, once: a refused login is
 * not repeated, since servers lock accounts (rules.md 5). */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "imap/sasl.h"

/* ---- the command LOGIN ---- */

/* One argument of LOGIN: quoted, or a synchronising literal when quotes cannot hold it. */
static int
login_argument(struct sess *s, uint32_t tag, struct slice text, bool *ret_go, struct err *err)
{
	struct buf out;
	int rc = -1;

	*ret_go = true;
	buf_init(&out, SASL_SECRET_MAX * 2 + 16);
	buf_reserve(&out, out.max);
	if (text.len > SASL_SECRET_MAX) {
		err_set(err, ERR_LOGIN, "login name or password longer than %d octets", SASL_SECRET_MAX);
		goto out;
	}
	if (sess_name_is_plain(text)) {
		sess_quote(text, &out);
		rc = stream_write(s->in, out.data, out.len, err);
	} else {
		buf_printf(&out, "{%zu}\r\n", text.len);
		if (stream_write(s->in, out.data, out.len, err) < 0 ||
		    sasl_wait(s, tag, ret_go, err) < 0)
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
	    login_argument(s, tag, secret_value(sess_secret(s)), &go, err) < 0)
		return -1;
	if (!go)
		return 0;
	if (stream_write(s->in, "\r\n", 2, err) < 0)
		return -1;
	return sasl_wait_tagged(s, tag, err);
}

/* Of sessions, not of attempts: it says nothing of the password (quirks rows 2 and 30). */
static bool
says_too_many(struct slice text)
{
	bool sessions = slice_has_nocase(text, "connection") || slice_has_nocase(text, "session") ||
			slice_has_nocase(text, "simultaneous") || slice_has_nocase(text, "concurrent");

	return sessions && (slice_has_nocase(text, "too many") || slice_has_nocase(text, "maximum") ||
				   slice_has_nocase(text, "limit") || slice_has_nocase(text, "exceed"));
}

/* ---- ways ---- */

enum { WAYS_MAX = SASL_MECHS + 1, WAY_LOGIN = SASL_MECHS };

/* With a password. What hides it comes last: servers offer it for accounts of which they keep no such secret, and a
 * refused login is not repeated. */
static const unsigned by_password[] = { SASL_PLAIN, WAY_LOGIN, SASL_LOGIN, SASL_SCRAM_SHA_256, SASL_SCRAM_SHA_1,
	SASL_DIGEST_MD5, SASL_CRAM_MD5 };

static const struct {
	const char *name; /* of --auth */
	unsigned way[2], n;
} chosen[] = {
	[AUTH_PLAIN] = { "PLAIN", { SASL_PLAIN }, 1 },
	[AUTH_LOGIN] = { "LOGIN", { WAY_LOGIN, SASL_LOGIN }, 2 },
	[AUTH_CRAM_MD5] = { "CRAM-MD5", { SASL_CRAM_MD5 }, 1 },
	[AUTH_DIGEST_MD5] = { "DIGEST-MD5", { SASL_DIGEST_MD5 }, 1 },
	[AUTH_SCRAM_SHA_1] = { "SCRAM-SHA-1", { SASL_SCRAM_SHA_1 }, 1 },
	[AUTH_SCRAM_SHA_256] = { "SCRAM-SHA-256", { SASL_SCRAM_SHA_256 }, 1 },
	[AUTH_SCRAM] = { "SCRAM", { SASL_SCRAM_SHA_256, SASL_SCRAM_SHA_1 }, 2 },
	[AUTH_XOAUTH2] = { "XOAUTH2", { SASL_XOAUTH2 }, 1 },
	[AUTH_OAUTHBEARER] = { "OAUTHBEARER", { SASL_OAUTHBEARER }, 1 },
	[AUTH_OAUTH] = { "OAuth 2", { SASL_OAUTHBEARER, SASL_XOAUTH2 }, 2 },
};

static bool
is_usable(const struct sess *s, unsigned way)
{
	bool for_others = way != WAY_LOGIN && sasl_facts(way)->for_others;

	if (s->at->admin != NULL && !for_others)
		return false;
	return way == WAY_LOGIN ? !caps_has(&s->caps, CAP_LOGINDISABLED) : caps_has(&s->caps, sasl_facts(way)->cap);
}

static size_t
usable_ways(const struct sess *s, unsigned ret[WAYS_MAX])
{
	bool any = s->at->auth == AUTH_AUTO;
	const unsigned *way = any ? by_password : chosen[s->at->auth].way;
	size_t n = any ? COUNT_OF(by_password) : chosen[s->at->auth].n, len = 0;

	for (size_t i = 0; i < n; i++)
		if (is_usable(s, way[i]))
			ret[len++] = way[i];
	return len;
}

/* "--dest-" for the destination. */
static const char *
option_begins(const struct sess *s)
{
	return tls_option_of(&s->at->trust);
}

static bool
takes_tokens(const struct sess *s)
{
	return caps_has(&s->caps, CAP_AUTH_OAUTHBEARER) || caps_has(&s->caps, CAP_AUTH_XOAUTH2);
}

static int
no_way(const struct sess *s, struct err *err)
{
	const char *offered = s->caps.text.data != NULL ? s->caps.text.data : "", *own = option_begins(s);

	if (s->at->auth != AUTH_AUTO)
		return err_set(err, ERR_LOGIN, "%s does not offer %s (--%sauth)%s; its capabilities: %s", s->at->host,
		    chosen[s->at->auth].name, own, s->at->admin != NULL ? ", or nobody can log in for another with it" : "",
		    offered);
	if (s->at->admin != NULL)
		return err_set(err, ERR_LOGIN, "%s offers no way to log in for another user (--%sauth-user; capabilities: %s)",
		    s->at->host, own, offered);
	if (!s->tls_on && caps_has(&s->caps, CAP_STARTTLS))
		return err_set(err, ERR_LOGIN,
		    "%s lets nobody log in without TLS, which it offers: leave --%sinsecure-plaintext away", s->at->host,
		    own);
	if (takes_tokens(s))
		return err_set(err, ERR_LOGIN,
		    "%s takes access tokens and no passwords: give --%sauth oauth, and the token in place of the password",
		    s->at->host, own);
	return err_set(err, ERR_LOGIN, "%s offers no way to log in that imex knows (capabilities: %s)", s->at->host,
	    offered);
}

/* ---- one attempt ---- */

static void
way_text(unsigned way, char ret[64])
{
	if (way == WAY_LOGIN)
		snprintf(ret, 64, "LOGIN ***");
	else
		snprintf(ret, 64, "AUTHENTICATE %s ***", sasl_facts(way)->name);
}

static bool
is_token(unsigned way)
{
	return way != WAY_LOGIN && sasl_facts(way)->token;
}

/* Why a login may have been refused, and what to do. */
static const char *
advice(const struct sess *s, unsigned way, char ret[160])
{
	if (is_token(way))
		return "get a new token, and see whether it is meant for IMAP and for this user";
	if (s->at->admin != NULL)
		return "check user name and password, and whether this user may log in for others";
	if (!takes_tokens(s))
		return "check user name and password";
	snprintf(ret, 160, "check user name and password, or give an access token with --%sauth oauth", option_begins(s));
	return ret;
}

static int
login_failed(struct sess *s, unsigned way, const struct buf *told, struct err *err)
{
	char command[64], room[160];
	const char *what = is_token(way) ? "access token" : "login";

	if (says_too_many(s->last.text))
		s->last.code = CODE_LIMIT;
	if (s->last.code == CODE_UNAVAILABLE || s->last.code == CODE_LIMIT ||
	    s->last.code == CODE_INUSE || s->last.code == CODE_THROTTLED ||
	    s->last.code == CODE_OVERQUOTA)
		return sess_refused(s, &s->last, "login", err);
	way_text(way, command);

	struct event e = { .no = EV_REFUSED,
		.level = LEVEL_ERROR,
		.file_only = true,
		.command = command,
		.reply = sess_reply(s),
		.reply_bytes = s->reply_octets };

	notes_add(&s->notes, &e, false, "the login was refused");
	return err_set(err, ERR_LOGIN, "%s refused the %s of '%s'%s%s%s: %s%s%s%s; %s", s->at->host, what,
	    s->at->admin != NULL ? s->at->admin : s->at->login, s->at->admin != NULL ? " for '" : "",
	    s->at->admin != NULL ? s->at->login : "", s->at->admin != NULL ? "'" : "", s->reply,
	    told->len > 0 ? " (" : "", told->len > 0 ? told->data : "", told->len > 0 ? ")" : "",
	    advice(s, way, room));
}

static int
try_way(struct sess *s, unsigned way, struct buf *told, struct err *err)
{
	int64_t began = clock_mono_ms();

	/* A good answer may bring the new list, as a code or untagged; without one it is asked for. */
	s->caps.known = false;
	if ((way == WAY_LOGIN ? login_run(s, err) : sasl_run(s, way, told, err)) < 0)
		return err_wrap(err, "login");
	sess_time_trip(s, began);
	return 0;
}

/* Of a token that may have run out meanwhile. */
static int
refresh(struct sess *s, struct err *err)
{
	if (!auth_is_token(s->at->auth) || s->at->again.get == NULL)
		return 0;
	return s->at->again.get(s->at->again.arg, s->stop, &s->fresh, err);
}

int
sess_login(struct sess *s, struct err *err)
{
	unsigned way[WAYS_MAX];
	size_t n = usable_ways(s, way);
	AUTO(buf_done) struct buf told;

	buf_init(&told, SASL_TOLD_MAX);
	if (n == 0)
		return no_way(s, err);
	if (refresh(s, err) < 0)
		return -1;
	for (size_t i = 0;; i++) {
		if (try_way(s, way[i], &told, err) < 0)
			return -1;
		if (s->last.state == STATE_OK)
			return 0;
		/* BAD is a mechanism that the server does not understand after all: the next one. */
		if (s->last.state != STATE_BAD || s->last.code != CODE_NONE || i > 0 || n == 1)
			return login_failed(s, way[i], &told, err);
	}
}
