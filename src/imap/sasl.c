#include "imap/sasl.h"

#include <gsasl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

enum { LINE_MAX_OCTETS = 8000 };

/* One attempt. What is sent is put together in `out`, and as base64 in `line`; both are wiped. */
struct exchange {
	struct sess *s;
	enum sasl_mech mech;
	struct buf *told;
	struct buf out, line;
	bool begun; /* the first response is made */
	Gsasl *gsasl;
	Gsasl_session *at; /* of a mechanism that is the library's; NULL: ours */
	bool proved;
};

static const struct sasl_facts facts[SASL_MECHS] = {
	[SASL_PLAIN] = { "PLAIN", CAP_AUTH_PLAIN, .for_others = true },
	[SASL_LOGIN] = { "LOGIN", CAP_AUTH_LOGIN },
	[SASL_CRAM_MD5] = { "CRAM-MD5", CAP_AUTH_CRAM_MD5 },
	[SASL_DIGEST_MD5] = { "DIGEST-MD5", CAP_AUTH_DIGEST_MD5, .for_others = true, .proves = true },
	[SASL_SCRAM_SHA_1] = { "SCRAM-SHA-1", CAP_AUTH_SCRAM_SHA_1, .for_others = true, .proves = true },
	[SASL_SCRAM_SHA_256] = { "SCRAM-SHA-256", CAP_AUTH_SCRAM_SHA_256, .for_others = true, .proves = true },
	[SASL_XOAUTH2] = { "XOAUTH2", CAP_AUTH_XOAUTH2, .token = true },
	[SASL_OAUTHBEARER] = { "OAUTHBEARER", CAP_AUTH_OAUTHBEARER, .token = true },
};

const struct sasl_facts *
sasl_facts(enum sasl_mech m)
{
	return &facts[m];
}

/* ---- lines ---- */

int
sasl_wait(struct sess *s, uint32_t tag, bool *ret_go, struct err *err)
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
asks_too_much(const struct sess *s, struct err *err)
{
	return err_set(err, ERR_PROTOCOL, "%s asks for more and more instead of answering the login", s->at->host);
}

/* End the exchange (RFC 3501 6.2.2). */
static int
put_cancel(struct sess *s, struct err *err)
{
	return stream_write(s->in, "*\r\n", 3, err) < 0 ? -1 : stream_flush(s->in, err);
}

int
sasl_wait_tagged(struct sess *s, uint32_t tag, struct err *err)
{
	bool go;

	for (int challenges = 0;; challenges++) {
		if (sasl_wait(s, tag, &go, err) < 0)
			return -1;
		if (!go)
			return 0;
		if (challenges == CHALLENGES_MAX)
			return asks_too_much(s, err);
		if (put_cancel(s, err) < 0)
			return -1;
	}
}

/* The server may echo it, with its padding or without. */
static void
keep_masked(struct sess *s, struct slice response)
{
	while (response.len > 0 && response.data[response.len - 1] == '=')
		response.len--;
	if (response.len == 0)
		return;
	secret_free(s->sasl);
	s->sasl = secret_new(response);
}

/* ---- ours ---- */

static int
too_long(struct err *err)
{
	return err_set(err, ERR_LOGIN, "login name, password or token longer than %d octets", SASL_SECRET_MAX);
}

static int
plain_step(struct exchange *x, struct err *err)
{
	const struct endpoint *at = x->s->at;
	struct slice pass = secret_value(sess_secret(x->s));

	if (at->admin != NULL)
		buf_add_str(&x->out, at->login);
	buf_add_byte(&x->out, '\0');
	buf_add_str(&x->out, at->admin != NULL ? at->admin : at->login);
	buf_add_byte(&x->out, '\0');
	buf_add(&x->out, pass.data, pass.len);
	return x->out.full ? too_long(err) : 0;
}

/* A name in the words of GS2 (RFC 5801 4). */
static void
put_gs2_name(struct buf *out, const char *name)
{
	for (; *name != '\0'; name++) {
		if (*name == ',' || *name == '=')
			buf_add_str(out, *name == ',' ? "=2C" : "=3D");
		else
			buf_add_byte(out, *name);
	}
}

static int
token_step(struct exchange *x, struct err *err)
{
	const struct endpoint *at = x->s->at;
	struct slice token = secret_value(sess_secret(x->s));

	if (x->mech == SASL_XOAUTH2) {
		buf_add_str(&x->out, "user=");
		buf_add_str(&x->out, at->login);
	} else {
		buf_add_str(&x->out, "n,a=");
		put_gs2_name(&x->out, at->login);
		buf_add_str(&x->out, ",\1host=");
		buf_add_str(&x->out, at->host);
		buf_add_str(&x->out, "\1port=");
		buf_add_str(&x->out, at->port);
	}
	buf_add_str(&x->out, "\1auth=Bearer ");
	buf_add(&x->out, token.data, token.len);
	buf_add_str(&x->out, "\1\1");
	return x->out.full ? too_long(err) : 0;
}

/* Fit to be shown, and without the token, which the server has now. */
static void
put_masked(struct exchange *x, const char *text)
{
	AUTO(buf_done) struct buf masked;

	buf_init(&masked, SASL_TOLD_MAX);
	secret_mask(sess_secret(x->s), slice_str(text), &masked);
	text_visible(buf_slice(&masked), x->told);
}

/* Why it is refused, in JSON (RFC 7628 3.2.2). */
static void
keep_told(struct exchange *x, struct slice challenge)
{
	static const char *const keys[] = { "status", "error", "error_description", "scope" };
	json_t *why = json_loadb(challenge.data, challenge.len, JSON_REJECT_DUPLICATES, NULL);

	for (size_t i = 0; i < COUNT_OF(keys) && why != NULL; i++) {
		const char *value = json_string_value(json_object_get(why, keys[i]));

		if (value == NULL || *value == '\0')
			continue;
		buf_printf(x->told, "%s%s ", x->told->len > 0 ? ", " : "", keys[i]);
		put_masked(x, value);
	}
	json_decref(why);
}

/* ---- the library's ---- */

static int
library_failed(const struct exchange *x, int code, struct err *err)
{
	return err_set(err, ERR_LOGIN, "%s: %s: %s", x->s->at->host, facts[x->mech].name, gsasl_strerror(code));
}

static int
library_open(struct exchange *x, struct err *err)
{
	const struct endpoint *at = x->s->at;
	struct slice pass = secret_value(sess_secret(x->s));
	char *password = mem_new(pass.len + 1);
	int code = gsasl_init(&x->gsasl);

	memcpy(password, pass.data, pass.len);
	if (code == GSASL_OK)
		code = gsasl_client_start(x->gsasl, facts[x->mech].name, &x->at);
	if (code == GSASL_OK) {
		gsasl_property_set(x->at, GSASL_AUTHID, at->admin != NULL ? at->admin : at->login);
		if (at->admin != NULL)
			gsasl_property_set(x->at, GSASL_AUTHZID, at->login);
		gsasl_property_set(x->at, GSASL_PASSWORD, password);
		gsasl_property_set(x->at, GSASL_SERVICE, "imap");
		gsasl_property_set(x->at, GSASL_HOSTNAME, at->host);
	}
	secret_wipe(password, pass.len);
	free(password);
	return code == GSASL_OK ? 0 : library_failed(x, code, err);
}

/* The rounds that a server asks for in SCRAM ("r=...,s=...,i=4096") cost the client its time. */
static bool
asks_too_many_rounds(const struct exchange *x, struct slice challenge)
{
	struct slice left = challenge;
	uint64_t rounds;

	if (x->mech != SASL_SCRAM_SHA_1 && x->mech != SASL_SCRAM_SHA_256)
		return false;
	while (left.len > 0) {
		const char *comma = memchr(left.data, ',', left.len);
		size_t len = comma != NULL ? (size_t)(comma - left.data) : left.len;

		if (len > 2 && memcmp(left.data, "i=", 2) == 0 &&
		    !slice_u64((struct slice){ left.data + 2, len - 2 }, SCRAM_ROUNDS_MAX, &rounds))
			return true;
		len += comma != NULL;
		left = (struct slice){ left.data + len, left.len - len };
	}
	return false;
}

static int
library_step(struct exchange *x, struct slice challenge, struct err *err)
{
	char *response = NULL;
	size_t len = 0;

	if (asks_too_many_rounds(x, challenge))
		return err_set(err, ERR_LOGIN, "%s: %s: it asks for more than %d rounds", x->s->at->host,
		    facts[x->mech].name, SCRAM_ROUNDS_MAX);
	/* Some mechanisms read the octet behind it. */
	int code = gsasl_step(x->at, challenge.data != NULL ? challenge.data : "", challenge.len, &response, &len);

	if (code != GSASL_OK && code != GSASL_NEEDS_MORE)
		return library_failed(x, code, err);
	x->proved = code == GSASL_OK;
	buf_add(&x->out, response, len);
	if (response != NULL)
		secret_wipe(response, len);
	gsasl_free(response);
	return x->out.full ? too_long(err) : 0;
}

/* ---- the exchange ---- */

/* What to say next, into x->out. */
static int
step(struct exchange *x, struct slice challenge, struct err *err)
{
	bool first = !x->begun;

	x->begun = true;
	buf_reset(&x->out);
	if (x->at != NULL)
		return library_step(x, challenge, err);
	if (first)
		return x->mech == SASL_PLAIN ? plain_step(x, err) : token_step(x, err);
	if (x->mech == SASL_PLAIN)
		return err_set(err, ERR_LOGIN, "%s asks for more than PLAIN has to say", x->s->at->host);
	keep_told(x, challenge);
	if (x->mech == SASL_OAUTHBEARER)
		buf_add_byte(&x->out, 1);
	return 0;
}

static void
encode(struct exchange *x)
{
	buf_reset(&x->line);
	base64_add(&x->line, buf_slice(&x->out));
	keep_masked(x->s, buf_slice(&x->line));
}

static int
put_line(struct exchange *x, struct err *err)
{
	if (stream_write(x->s->in, x->line.data, x->line.len, err) < 0 || stream_write(x->s->in, "\r\n", 2, err) < 0)
		return -1;
	return stream_flush(x->s->in, err);
}

/* Has the client the first word? */
static bool
begins(const struct exchange *x)
{
	return x->mech != SASL_LOGIN && x->mech != SASL_CRAM_MD5 && x->mech != SASL_DIGEST_MD5;
}

/* sess_send ends the line; the secret goes out by itself, so the command is put together by hand. */
static int
send_with_response(struct exchange *x, uint32_t *ret_tag, struct err *err)
{
	struct sess *s = x->s;
	char start[64], shown[64];

	*ret_tag = s->next_tag;
	snprintf(start, sizeof(start), "%04u AUTHENTICATE %s ", *ret_tag, facts[x->mech].name);
	snprintf(shown, sizeof(shown), "AUTHENTICATE %s ***", facts[x->mech].name);
	sess_ask(s, 0, 0, mem_copy_str(shown));
	if (x->line.len == 0)
		buf_add_byte(&x->line, '=');
	return stream_write(s->in, start, strlen(start), err) < 0 ? -1 : put_line(x, err);
}

/* Of a mechanism in which the client begins the first response is made already, and sent with the command where that
 * goes (SASL-IR); *ret_waits: it is still to be sent. */
static int
begin(struct exchange *x, uint32_t *ret_tag, bool *ret_waits, struct err *err)
{
	*ret_waits = false;
	if (begins(x)) {
		if (step(x, (struct slice){ 0 }, err) < 0)
			return -1;
		encode(x);
		if (caps_has(&x->s->caps, CAP_SASL_IR) && x->line.len < LINE_MAX_OCTETS - 64)
			return send_with_response(x, ret_tag, err);
		*ret_waits = true;
	}
	return sess_send(x->s, 0, ret_tag, err, "AUTHENTICATE %s", facts[x->mech].name);
}

/* Answer one "+". The error of the mechanism is *why: then the exchange is over. */
static int
answer(struct exchange *x, struct err *why, bool *ret_over, struct err *err)
{
	struct slice text = x->s->last.text;
	char *challenge = NULL;
	size_t len = 0;

	*ret_over = true;
	if (text.len > 0 && gsasl_base64_from(text.data, text.len, &challenge, &len) != GSASL_OK) {
		(void)err_set(why, ERR_LOGIN, "%s: what it asks for in %s is not base64", x->s->at->host,
		    facts[x->mech].name);
		return 0;
	}

	int rc = step(x, (struct slice){ challenge, len }, why);

	gsasl_free(challenge);
	if (rc < 0)
		return 0;
	*ret_over = false;
	encode(x);
	return put_line(x, err);
}

static int
talk(struct exchange *x, struct err *why, struct err *err)
{
	struct sess *s = x->s;
	bool go, waits, over = false;
	uint32_t tag;

	if (begin(x, &tag, &waits, err) < 0)
		return -1;
	for (int challenges = 0; !over; challenges++) {
		if (sasl_wait(s, tag, &go, err) < 0)
			return -1;
		if (!go)
			return 0;
		if (challenges == CHALLENGES_MAX)
			return asks_too_much(s, err);
		if (waits ? put_line(x, err) < 0 : answer(x, why, &over, err) < 0)
			return -1;
		waits = false;
	}
	return put_cancel(s, err) < 0 ? -1 : sasl_wait_tagged(s, tag, err);
}

int
sasl_run(struct sess *s, enum sasl_mech m, struct buf *told, struct err *err)
{
	struct exchange x = { .s = s, .mech = m, .told = told };
	struct err why = { 0 };
	int rc = 0;

	buf_init(&x.out, SASL_SECRET_MAX + 1024);
	buf_init(&x.line, (SASL_SECRET_MAX + 1024) * 2);
	/* Grown at once: growing leaves copies behind that nobody wipes. */
	buf_reserve(&x.out, x.out.max);
	buf_reserve(&x.line, x.line.max);
	if (m != SASL_PLAIN && !facts[m].token)
		rc = library_open(&x, err);
	if (rc == 0)
		rc = talk(&x, &why, err);
	/* What a server refuses that wants more than PLAIN has to say is a mechanism that it does not understand. */
	if (rc == 0 && why.kind != ERR_NONE && (m != SASL_PLAIN || s->last.state == STATE_OK)) {
		*err = why;
		rc = -1;
	} else if (rc == 0 && s->last.state == STATE_OK && facts[m].proves && !x.proved) {
		rc = err_set(err, ERR_LOGIN, "%s takes the login and has not shown that it knows the password (%s)",
		    s->at->host, facts[m].name);
	}
	gsasl_finish(x.at);
	gsasl_done(x.gsasl);
	secret_wipe(x.out.data, x.out.max);
	secret_wipe(x.line.data, x.line.max);
	buf_done(&x.out);
	buf_done(&x.line);
	return rc;
}
