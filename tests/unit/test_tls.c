/* net/tls against a server of OpenSSL in a thread, with certificates made here: what is accepted, what is
 * refused in which words, and how a connection ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/cert.h"
#include "net/openssl.h"
#include "net/socket.h"
#include "tempdir.h"

enum { DAY = 24 * 3600, BULK = 3 * 1000 * 1000 };

struct identity {
	EVP_PKEY *key;
	X509 *cert;
};

/* subjectAltName in the words of OpenSSL's configuration; NULL: none. Days from now. */
struct wish {
	const char *name, *alternatives;
	int from_days, to_days;
	const struct identity *issuer;	/* NULL: self-signed */
	bool authority;
};

enum act { ACT_GREET, ACT_ECHO, ACT_CUT, ACT_BULK, ACT_PLAIN, ACT_SILENT, ACT_HANG_UP, ACT_GARBAGE };

struct server {
	int fd;
	enum act act;
	const struct identity *who;
	int newest;		/* TLS1_..._VERSION, 0: any */
	char sni[100];		/* what the client asked for */
	pthread_t thread;
};

static struct identity ca, other_ca, good, expired, future, orphan, self_signed, by_ip, common;
static unsigned char bulk[BULK];

static void
add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);

	assert_non_null(ext);
	X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
}

static struct identity
make(struct wish w)
{
	static long serial = 1;
	struct identity me = { .key = EVP_EC_gen("P-256"), .cert = X509_new() };
	X509_NAME *subject = X509_get_subject_name(me.cert);

	assert_non_null(me.key);
	X509_set_version(me.cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(me.cert), serial++);
	X509_time_adj_ex(X509_getm_notBefore(me.cert), w.from_days, 0, NULL);
	X509_time_adj_ex(X509_getm_notAfter(me.cert), w.to_days, 0, NULL);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)w.name, -1, -1, 0);
	X509 *issuer = w.issuer != NULL ? w.issuer->cert : me.cert;

	X509_set_issuer_name(me.cert, X509_get_subject_name(issuer));
	X509_set_pubkey(me.cert, me.key);
	if (w.alternatives != NULL)
		add_extension(me.cert, issuer, NID_subject_alt_name, w.alternatives);
	if (w.authority)
		add_extension(me.cert, issuer, NID_basic_constraints, "critical,CA:TRUE");
	assert_true(X509_sign(me.cert, w.issuer != NULL ? w.issuer->key : me.key, EVP_sha256()) > 0);
	return me;
}

static void
drop(struct identity *who)
{
	EVP_PKEY_free(who->key);
	X509_free(who->cert);
}

static void
put_pem(const char *name, const struct identity *who)
{
	FILE *out = fopen(temp_path(name), "w");

	assert_non_null(out);
	PEM_write_X509(out, who->cert);
	fclose(out);
}

static int
setup(void **state)
{
	const char *host = "DNS:mail.example.org,DNS:*.pop.example.org";

	assert_int_equal(temp_dir_make(state), 0);
	ca = make((struct wish){ "Test CA", NULL, -10, 10, NULL, true });
	other_ca = make((struct wish){ "Other\nCA", NULL, -10, 10, NULL, true });
	good = make((struct wish){ "unused", host, -10, 10, &ca, false });
	expired = make((struct wish){ "unused", host, -20, -10, &ca, false });
	future = make((struct wish){ "unused", host, 10, 20, &ca, false });
	orphan = make((struct wish){ "unused", host, -10, 10, &other_ca, false });
	self_signed = make((struct wish){ "unused", host, -10, 10, NULL, false });
	by_ip = make((struct wish){ "unused", "IP:127.0.0.1,IP:::1", -10, 10, &ca, false });
	common = make((struct wish){ "old.example.org", NULL, -10, 10, &ca, false });
	put_pem("ca", &ca);
	put_pem("self", &self_signed);
	temp_write("garbage", "no certificate", 14, "w");
	for (size_t i = 0; i < BULK; i++)
		bulk[i] = (unsigned char)(i * 2654435761u >> 13);
	return 0;
}

static int
teardown(void **state)
{
	struct identity *all[] = { &ca, &other_ca, &good, &expired, &future, &orphan, &self_signed, &by_ip, &common };

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		drop(all[i]);
	return temp_dir_remove(state);
}

static void
server_write(SSL *ssl, const void *data, size_t len)
{
	const char *at = data;

	while (len > 0) {
		size_t n = 0;

		if (SSL_write_ex(ssl, at, len < 5000 ? len : 5000, &n) != 1)
			return;
		at += n;
		len -= n;
	}
}

static void
server_talk(struct server *v, SSL *ssl)
{
	char data[5000];
	size_t n;

	if (v->act == ACT_BULK)
		server_write(ssl, bulk, BULK);
	else
		server_write(ssl, "* OK\r\n", 6);
	while (v->act == ACT_ECHO && SSL_read_ex(ssl, data, sizeof(data), &n) == 1)
		server_write(ssl, data, n);
	if (v->act == ACT_GARBAGE)
		(void)!write(v->fd, "\x17\x03\x03\x00\x20" "this is not what was encrypted..", 37);
	else if (v->act != ACT_CUT)
		SSL_shutdown(ssl);
	/* A close with unread bytes would be a reset. */
	shutdown(v->fd, SHUT_WR);
	while (read(v->fd, data, sizeof(data)) > 0)
		;
}

static void
server_tls(struct server *v)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (v->newest != 0) {
		SSL_CTX_set_security_level(ctx, 0);
		SSL_CTX_set_max_proto_version(ctx, v->newest);
	}
	SSL_CTX_use_certificate(ctx, v->who->cert);
	SSL_CTX_use_PrivateKey(ctx, v->who->key);
	SSL *ssl = SSL_new(ctx);

	SSL_set_fd(ssl, v->fd);
	if (SSL_accept(ssl) == 1) {
		const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

		snprintf(v->sni, sizeof(v->sni), "%s", sni != NULL ? sni : "");
		server_talk(v, ssl);
	}
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}

static void *
server_run(void *arg)
{
	struct server *v = arg;
	char data[100];

	if (v->act == ACT_PLAIN)
		(void)!write(v->fd, "* OK this is IMAP without TLS\r\n", 31);
	if (v->act == ACT_PLAIN || v->act == ACT_SILENT) {
		while (read(v->fd, data, sizeof(data)) > 0)
			;
	} else if (v->act != ACT_HANG_UP) {
		server_tls(v);
	}
	close(v->fd);
	return NULL;
}

static struct stream *
server_start(struct server *v)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	v->fd = fd[1];
	struct stream *s = stream_socket(fd[0]);

	stream_set_timeout(s, 20 * SEC);
	assert_int_equal(pthread_create(&v->thread, NULL, server_run, v), 0);
	return s;
}

/* One handshake, then the stream is closed. */
static int
try(const struct identity *who, const char *host, struct tls_trust trust, struct tls_facts *facts, struct err *err)
{
	struct server v = { .who = who };
	struct stream *s = server_start(&v);
	size_t dropped;
	int done = tls_start(s, host, &trust, 20 * SEC, NULL, &dropped, facts, err);

	stream_close(&s);
	pthread_join(v.thread, NULL);
	return done;
}

static struct tls_trust
our_ca(void)
{
	static char path[300];

	snprintf(path, sizeof(path), "%s", temp_path("ca"));
	return (struct tls_trust){ .ca_file = path };
}

static void
accepts(const struct identity *who, const char *host, struct tls_trust trust)
{
	struct tls_facts facts;
	struct err err = { .text = "" };
	int done = try(who, host, trust, &facts, &err);

	assert_string_equal(err.text, "");
	assert_int_equal(done, 0);
}

static void
refuses(const struct identity *who, const char *host, struct tls_trust trust, const char *words)
{
	struct tls_facts facts;
	struct err err;

	assert_int_equal(try(who, host, trust, &facts, &err), -1);
	assert_int_equal(err.kind, ERR_TLS);
	if (strstr(err.text, words) == NULL)
		assert_string_equal(err.text, words);
}

static void
tls_accepts_a_certificate_for_the_name_or_address(void **state)
{
	(void)state;
	accepts(&good, "mail.example.org", our_ca());
	accepts(&good, "MAIL.example.org.", our_ca());
	accepts(&good, "eu.pop.example.org", our_ca());
	accepts(&by_ip, "127.0.0.1", our_ca());
	accepts(&by_ip, "::1", our_ca());
	accepts(&common, "old.example.org", our_ca());
}

static void
tls_refuses_a_certificate_for_another_name_and_tells_both(void **state)
{
	(void)state;
	refuses(&good, "imap.example.org", our_ca(),
	    "certificate is for mail.example.org, *.pop.example.org, not imap.example.org; use the name");
	refuses(&good, "a.b.pop.example.org", our_ca(), "certificate is for mail.example.org");
	refuses(&good, "127.0.0.1", our_ca(), "certificate is for mail.example.org");
	refuses(&by_ip, "127.0.0.2", our_ca(), "certificate is for 127.0.0.1, ::1, not 127.0.0.2");
	refuses(&by_ip, "localhost", our_ca(), "certificate is for 127.0.0.1, ::1, not localhost");
	refuses(&common, "new.example.org", our_ca(), "certificate is for old.example.org, not new.example.org");
}

static void
tls_refuses_a_certificate_out_of_its_time_and_tells_the_date(void **state)
{
	char want[200], day[20];
	time_t then = time(NULL) - 10 * DAY;
	struct tm tm;

	(void)state;
	strftime(day, sizeof(day), "%Y-%m-%d", gmtime_r(&then, &tm));
	snprintf(want, sizeof(want), "mail.example.org: certificate expired on %s", day);
	refuses(&expired, "mail.example.org", our_ca(), want);
	then += 20 * DAY;
	strftime(day, sizeof(day), "%Y-%m-%d", gmtime_r(&then, &tm));
	snprintf(want, sizeof(want), "mail.example.org: certificate is not valid before %s", day);
	refuses(&future, "mail.example.org", our_ca(), want);
}

static void
tls_refuses_an_unknown_issuer_and_tells_what_helps(void **state)
{
	struct tls_trust system = { 0 };

	(void)state;
	refuses(&orphan, "mail.example.org", our_ca(), "issuer of the certificate is not known (Other?CA)");
	refuses(&good, "mail.example.org", system, "--tls-ca FILE");
	refuses(&good, "mail.example.org", system, "use --tls-pin sha256:");
	refuses(&self_signed, "mail.example.org", our_ca(), "certificate is self-signed and not known");
}

static void
tls_trusts_a_self_signed_certificate_that_is_given_as_ca(void **state)
{
	struct tls_trust trust = { .ca_file = temp_path("self") };

	(void)state;
	accepts(&self_signed, "mail.example.org", trust);
	refuses(&self_signed, "imap.example.org", trust, "certificate is for");
	refuses(&good, "mail.example.org", trust, "issuer of the certificate is not known (Test CA)");
}

static void
tls_ca_file_that_is_missing_or_garbage_is_an_error_of_its_own(void **state)
{
	struct tls_facts facts;
	struct err err;

	(void)state;
	assert_int_equal(try(&good, "mail.example.org", (struct tls_trust){ .ca_file = temp_path("none") }, &facts,
	    &err), -1);
	assert_int_equal(err.kind, ERR_NO_INPUT);
	assert_int_equal(try(&good, "mail.example.org", (struct tls_trust){ .ca_file = temp_path("garbage") }, &facts,
	    &err), -1);
	assert_int_equal(err.kind, ERR_MALFORMED);
}

static void
tls_pin_replaces_chain_name_and_date(void **state)
{
	uint8_t sum[SHA256_LEN];
	char hex[CERT_PIN_MAX], base64[60] = "sha256:";

	(void)state;
	cert_pin(expired.cert, sum);
	cert_pin_text(sum, hex);
	EVP_EncodeBlock((unsigned char *)base64 + 7, sum, SHA256_LEN);
	accepts(&expired, "other.example.org", (struct tls_trust){ .pin = hex });
	accepts(&expired, "127.0.0.1", (struct tls_trust){ .pin = base64 });
	for (char *c = hex + 7; *c != '\0'; c++)
		*c = *c >= 'a' ? (char)(*c - 'a' + 'A') : *c;
	accepts(&expired, "other.example.org", (struct tls_trust){ .pin = hex });
	refuses(&good, "mail.example.org", (struct tls_trust){ .pin = hex }, "not the one of --tls-pin");
	sum[31] ^= 1;
	cert_pin_text(sum, hex);
	refuses(&expired, "other.example.org", (struct tls_trust){ .pin = hex }, "not the one of --tls-pin");
	refuses(&expired, "other.example.org", (struct tls_trust){ .pin = hex, .insecure = true },
	    "not the one of --tls-pin");
}

static void
tls_pin_that_is_malformed_is_refused(void **state)
{
	static const char *const bad[] = { "", "sha256:", "sha1:0000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"sha256:000000000000000000000000000000000000000000000000000000000000000",
		"sha256:000000000000000000000000000000000000000000000000000000000000000g",
		"sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
		"sha256:AAAAAAAAAAAAAAAAAAAA=AAAAAAAAAAAAAAAAAAAAAA=",
		"sha256: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"sha256:AAAAAAAAAAAAAAAAAAAA*AAAAAAAAAAAAAAAAAAAAAA=" };
	uint8_t sum[SHA256_LEN];
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(tls_pin_parse(bad[i], sum, &err), -1);
		assert_int_equal(err.kind, ERR_USAGE);
	}
}

static void
tls_without_safety_accepts_anything(void **state)
{
	struct tls_trust none = { .insecure = true };

	(void)state;
	accepts(&expired, "other.example.org", none);
	accepts(&self_signed, "127.0.0.1", none);
}

static void
tls_facts_tell_what_was_agreed_and_with_whom(void **state)
{
	struct server v = { .who = &good };
	struct stream *s = server_start(&v);
	struct tls_trust trust = our_ca();
	struct tls_facts facts;
	size_t dropped = 7;
	struct err err;
	char pin[CERT_PIN_MAX];
	uint8_t sum[SHA256_LEN];

	(void)state;
	assert_int_equal(tls_start(s, "mail.example.org.", &trust, 20 * SEC, NULL, &dropped, &facts, &err), 0);
	assert_int_equal(dropped, 0);
	assert_string_equal(facts.version, "TLSv1.3");
	assert_string_not_equal(facts.cipher, "");
	assert_string_equal(facts.peer, "mail.example.org");
	cert_pin(good.cert, sum);
	cert_pin_text(sum, pin);
	assert_string_equal(facts.pin, pin);
	stream_close(&s);
	pthread_join(v.thread, NULL);
	assert_string_equal(v.sni, "mail.example.org");
}

static void
tls_names_no_address_in_the_clear(void **state)
{
	struct server v = { .who = &by_ip };
	struct stream *s = server_start(&v);
	struct tls_trust trust = our_ca();
	struct tls_facts facts;
	size_t dropped;
	struct err err;

	(void)state;
	assert_int_equal(tls_start(s, "127.0.0.1", &trust, 20 * SEC, NULL, &dropped, &facts, &err), 0);
	stream_close(&s);
	pthread_join(v.thread, NULL);
	assert_string_equal(v.sni, "");
}

static struct stream *
secured(struct server *v)
{
	struct stream *s = server_start(v);
	struct tls_trust trust = our_ca();
	struct tls_facts facts;
	size_t dropped;
	struct err err = { .text = "" };
	int done = tls_start(s, "mail.example.org", &trust, 20 * SEC, NULL, &dropped, &facts, &err);

	assert_string_equal(err.text, "");
	assert_int_equal(done, 0);
	return s;
}

static void
tls_end_in_order_and_a_cut_are_told_apart_behind_the_data(void **state)
{
	static const struct {
		enum act act;
		const char *words;
	} end[] = {
		{ ACT_GREET, "the server closed the connection" },
		{ ACT_CUT, "connection cut: it ended without the end of TLS" },
		{ ACT_GARBAGE, "connection lost: TLS:" },
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct server v = { .who = &good, .act = end[i].act };
		struct stream *s = secured(&v);
		struct slice got;
		struct err err;

		assert_int_equal(stream_peek(s, 6, &got, &err), 0);
		assert_true(slice_eq(got, "* OK\r\n"));
		for (int again = 0; again < 2; again++) {
			assert_int_equal(stream_peek(s, 7, &got, &err), -1);
			assert_int_equal(err.kind, ERR_CUT);
			assert_memory_equal(err.text, end[i].words, strlen(end[i].words));
		}
		stream_close(&s);
		pthread_join(v.thread, NULL);
	}
}

static void
tls_gives_megabytes_unchanged(void **state)
{
	struct server v = { .who = &good, .act = ACT_BULK };
	struct stream *s = secured(&v);
	struct slice got;
	struct err err;
	size_t at = 0;

	(void)state;
	for (size_t n = 0; stream_peek(s, 1 + n * 7919 % 60000, &got, &err) == 0; n++) {
		assert_true(at + got.len <= BULK);
		assert_memory_equal(got.data, bulk + at, got.len);
		size_t take = n % 2 ? got.len : got.len / 2 + 1;

		stream_skip(s, take);
		at += take;
	}
	assert_memory_equal(stream_buffered(s).data, bulk + at, stream_buffered(s).len);
	assert_int_equal(at + stream_buffered(s).len, BULK);
	assert_string_equal(err.text, "the server closed the connection");
	stream_close(&s);
	pthread_join(v.thread, NULL);
}

static void
tls_sends_and_hears_its_echo(void **state)
{
	struct server v = { .who = &good, .act = ACT_ECHO };
	struct stream *s = secured(&v);
	struct slice got;
	struct err err;

	(void)state;
	assert_int_equal(stream_peek(s, 6, &got, &err), 0);
	stream_skip(s, 6);
	for (size_t at = 0; at < BULK / 2; at += 50000) {
		assert_int_equal(stream_write(s, bulk + at, 50000, &err), 0);
		assert_int_equal(stream_flush(s, &err), 0);
		assert_int_equal(stream_peek(s, 50000, &got, &err), 0);
		assert_memory_equal(got.data, bulk + at, 50000);
		stream_skip(s, 50000);
	}
	stream_close(&s);
	pthread_join(v.thread, NULL);
}

static void
fails_against(enum act act, int newest, enum err_kind kind, const char *words)
{
	struct server v = { .who = &good, .act = act, .newest = newest };
	struct stream *s = server_start(&v);
	struct tls_trust trust = our_ca();
	struct tls_facts facts;
	size_t dropped;
	struct err err;

	assert_int_equal(tls_start(s, "mail.example.org", &trust, act == ACT_SILENT ? 50 : 20 * SEC, NULL, &dropped,
	    &facts, &err), -1);
	assert_int_equal(err.kind, kind);
	if (strstr(err.text, words) == NULL)
		assert_string_equal(err.text, words);
	stream_close(&s);
	pthread_join(v.thread, NULL);
}

static void
tls_says_why_a_handshake_fails(void **state)
{
	(void)state;
	fails_against(ACT_PLAIN, 0, ERR_TLS, "mail.example.org does not speak TLS on this port; imaps:// is");
	fails_against(ACT_SILENT, 0, ERR_TIMEOUT, "mail.example.org: TLS handshake: no byte from the server");
	fails_against(ACT_HANG_UP, 0, ERR_CUT, "mail.example.org: TLS handshake: ");
	fails_against(ACT_GREET, TLS1_1_VERSION, ERR_TLS, "mail.example.org has no TLS 1.2 or later");
}

static void
tls_takes_version_1_2(void **state)
{
	struct server v = { .who = &good, .newest = TLS1_2_VERSION };
	struct stream *s = secured(&v);
	struct slice got;
	struct err err;

	(void)state;
	assert_int_equal(stream_peek(s, 6, &got, &err), 0);
	stream_close(&s);
	pthread_join(v.thread, NULL);
}

static void
tls_handshake_ends_when_the_job_is_stopped(void **state)
{
	struct server v = { .who = &good, .act = ACT_SILENT };
	struct stream *s = server_start(&v);
	struct cancel *stop = cancel_new();
	struct tls_trust trust = our_ca();
	struct tls_facts facts;
	size_t dropped;
	struct err err;

	(void)state;
	cancel_raise(stop);
	assert_int_equal(tls_start(s, "mail.example.org", &trust, 20 * SEC, stop, &dropped, &facts, &err), -1);
	assert_int_equal(err.kind, ERR_INTERRUPTED);
	stream_close(&s);
	pthread_join(v.thread, NULL);
	cancel_free(stop);
}

static void
tls_stream_waits_no_longer_than_its_idle_time(void **state)
{
	struct server v = { .who = &good, .act = ACT_ECHO };
	struct stream *s = secured(&v);
	struct slice got;
	struct err err;

	(void)state;
	stream_set_timeout(s, 30);
	assert_int_equal(stream_peek(s, 7, &got, &err), -1);
	assert_int_equal(err.kind, ERR_TIMEOUT);
	stream_set_timeout(s, 20 * SEC);
	assert_int_equal(stream_write(s, "!", 1, &err), 0);
	assert_int_equal(stream_flush(s, &err), 0);
	assert_int_equal(stream_peek(s, 7, &got, &err), 0);
	assert_true(slice_eq(got, "* OK\r\n!"));
	stream_close(&s);
	pthread_join(v.thread, NULL);
}

static void
tls_start_drops_what_came_in_the_clear(void **state)
{
	struct server v = { .who = &good };
	struct tls_trust trust = our_ca();
	struct tls_facts facts;
	struct slice got;
	size_t dropped;
	struct err err;
	int fd[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	struct stream *s = stream_socket(fd[0]);

	v.fd = fd[1];
	assert_int_equal(write(v.fd, "a1 OK\r\n* injected\r\n", 19), 19);
	assert_int_equal(stream_peek(s, 7, &got, &err), 0);
	stream_skip(s, 7);
	assert_int_equal(pthread_create(&v.thread, NULL, server_run, &v), 0);
	assert_int_equal(tls_start(s, "mail.example.org", &trust, 20 * SEC, NULL, &dropped, &facts, &err), 0);
	assert_int_equal(dropped, 12);
	assert_int_equal(stream_peek(s, 6, &got, &err), 0);
	assert_true(slice_eq(got, "* OK\r\n"));
	stream_close(&s);
	pthread_join(v.thread, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tls_accepts_a_certificate_for_the_name_or_address),
		cmocka_unit_test(tls_refuses_a_certificate_for_another_name_and_tells_both),
		cmocka_unit_test(tls_refuses_a_certificate_out_of_its_time_and_tells_the_date),
		cmocka_unit_test(tls_refuses_an_unknown_issuer_and_tells_what_helps),
		cmocka_unit_test(tls_trusts_a_self_signed_certificate_that_is_given_as_ca),
		cmocka_unit_test(tls_ca_file_that_is_missing_or_garbage_is_an_error_of_its_own),
		cmocka_unit_test(tls_pin_replaces_chain_name_and_date),
		cmocka_unit_test(tls_pin_that_is_malformed_is_refused),
		cmocka_unit_test(tls_without_safety_accepts_anything),
		cmocka_unit_test(tls_facts_tell_what_was_agreed_and_with_whom),
		cmocka_unit_test(tls_names_no_address_in_the_clear),
		cmocka_unit_test(tls_end_in_order_and_a_cut_are_told_apart_behind_the_data),
		cmocka_unit_test(tls_gives_megabytes_unchanged),
		cmocka_unit_test(tls_sends_and_hears_its_echo),
		cmocka_unit_test(tls_says_why_a_handshake_fails),
		cmocka_unit_test(tls_takes_version_1_2),
		cmocka_unit_test(tls_handshake_ends_when_the_job_is_stopped),
		cmocka_unit_test(tls_stream_waits_no_longer_than_its_idle_time),
		cmocka_unit_test(tls_start_drops_what_came_in_the_clear),
	};

	/* The server's side is plain OpenSSL, which writes with write(2). */
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, setup, teardown);
}
