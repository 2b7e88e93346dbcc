/* TLS over OpenSSL 3 as a carrier that wraps the socket's (see dial.h for the contract). The
 * socket is reached through a BIO of our own: OpenSSL's uses write(2), which raises SIGPIPE.
 * Records are read ahead, many to a system call. A context is made for each connection: they are
 * rare, and a shared one would need an owner. A certificate is judged inside the handshake, so
 * that nothing, not even a session ticket, is taken from a peer that is not the right one. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/cert.h"
#include "net/openssl.h"
#include "net/socket.h"

enum { TLS_READ_AHEAD = 128 * 1024, TLS_NAME_MAX = 256 };

struct tls {
	SSL *ssl;
	void *inner; /* carrier of socket_ops; NULL until the handshake is done */
	int fd;
	bool end; /* the socket gave end of stream */
	int sys; /* errno of its last failure */
	const char *option_of; /* tls_option_of */
	bool lenient; /* pin or --insecure-tls: chain and name do not count */
	bool failed; /* SSL_read and SSL_write must not be called any more */
	struct err fault; /* why */
	int verify_fault, verify_depth;
	X509 *verify_bad, *verify_leaf;
};

static pthread_once_t tls_bio_once = PTHREAD_ONCE_INIT;
static BIO_METHOD *tls_bio_method;

static int
tls_bio_read(BIO *b, char *data, int max)
{
	struct tls *t = BIO_get_data(b);
	ssize_t n = socket_try_recv(t->fd, data, (size_t)max);

	BIO_clear_retry_flags(b);
	t->end = n == 0;
	t->sys = n < 0 ? errno : 0;
	if (n < 0 && (t->sys == EAGAIN || t->sys == EWOULDBLOCK))
		BIO_set_retry_read(b);
	return (int)n;
}

static int
tls_bio_write(BIO *b, const char *data, int len)
{
	struct tls *t = BIO_get_data(b);
	ssize_t n = socket_try_send(t->fd, data, (size_t)len);

	BIO_clear_retry_flags(b);
	t->sys = n < 0 ? errno : 0;
	if (n < 0 && (t->sys == EAGAIN || t->sys == EWOULDBLOCK))
		BIO_set_retry_write(b);
	return (int)n;
}

static long
tls_bio_ctrl(BIO *b, int what, long number, void *pointer)
{
	struct tls *t = BIO_get_data(b);

	(void)number;
	(void)pointer;
	if (what == BIO_CTRL_EOF)
		return t->end;
	return what == BIO_CTRL_FLUSH;
}

static void
tls_bio_make(void)
{
	tls_bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "imex socket");
	if (tls_bio_method == NULL)
		return;
	BIO_meth_set_read(tls_bio_method, tls_bio_read);
	BIO_meth_set_write(tls_bio_method, tls_bio_write);
	BIO_meth_set_ctrl(tls_bio_method, tls_bio_ctrl);
}

static void
tls_free(struct tls **t)
{
	if (*t == NULL)
		return;
	SSL_free((*t)->ssl);
	X509_free((*t)->verify_bad);
	X509_free((*t)->verify_leaf);
	free(*t);
	*t = NULL;
}

/* What OpenSSL says of its oldest fault, without the file names. */
static const char *
tls_words(unsigned long code)
{
	const char *words = ERR_reason_error_string(code);

	return words != NULL ? words : "unknown fault";
}

static bool
tls_is_end(unsigned long code)
{
	return code == 0 || (ERR_GET_LIB(code) == ERR_LIB_SSL &&
				ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING);
}

/* After the handshake every fault is one of this connection: a new one may work. */
static int
tls_lost(const struct tls *t, int why, struct err *err)
{
	unsigned long code = ERR_peek_error();

	if (why == SSL_ERROR_SYSCALL && t->sys != 0) {
		errno = t->sys;
		return socket_lost(err);
	}
	if (tls_is_end(code))
		return err_set(err, ERR_CUT, "connection cut: it ended without the end of TLS");
	return err_set(err, ERR_CUT, "connection lost: TLS: %s", tls_words(code));
}

/* 1: try again, 0: the peer ended TLS in order, STREAM_NOTHING where `wait` allows it, -1: fault. */
static int
tls_after(const struct tls *t, int why, const struct stream_wait *wait, struct err *err)
{
	bool input;

	if (wait->at_once && (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE))
		return STREAM_NOTHING;
	if (why == SSL_ERROR_WANT_READ)
		return socket_wait(t->fd, POLLIN, wait, err) < 0 ? -1 : 1;
	if (why == SSL_ERROR_WANT_WRITE) {
		if (socket_wait_room(t->fd, wait, &input, err) < 0)
			return -1;
		return input ? STREAM_NOTHING : 1;
	}
	return why == SSL_ERROR_ZERO_RETURN ? 0 : tls_lost(t, why, err);
}

static bool
tls_is_fatal(int why)
{
	return why == SSL_ERROR_SSL || why == SSL_ERROR_SYSCALL;
}

static void
tls_keep_fault(struct tls *t, int why)
{
	t->failed = true;
	tls_lost(t, why, &t->fault);
}

/* One SSL_read gives at most a record (16 KiB); go on while more was read ahead, so that whoever
 * writes the bytes to a file gets large pieces. A fault behind good bytes is told by the next
 * call. */
static ssize_t
tls_recv(void *carrier, void *data, size_t max, const struct stream_wait *wait, struct err *err)
{
	struct tls *t = carrier;
	size_t got = 0;

	while (!t->failed) {
		size_t n = 0;

		ERR_clear_error();
		int rc = SSL_read_ex(t->ssl, (char *)data + got, max - got, &n);
		int why = SSL_get_error(t->ssl, rc);

		got += n;
		if (tls_is_fatal(why))
			tls_keep_fault(t, why);
		if (got > 0 && (rc != 1 || got == max || !SSL_has_pending(t->ssl)))
			return (ssize_t)got;
		if (rc == 1 || t->failed)
			continue;
		int next = tls_after(t, why, wait, err);

		if (next <= 0)
			return next;
	}
	*err = t->fault;
	return -1;
}

static ssize_t
tls_send(
    void *carrier, const void *data, size_t len, const struct stream_wait *wait, struct err *err)
{
	struct tls *t = carrier;

	while (!t->failed) {
		size_t n = 0;

		ERR_clear_error();
		int rc = SSL_write_ex(t->ssl, data, len, &n);
		int why = SSL_get_error(t->ssl, rc);

		if (rc == 1)
			return (ssize_t)n;
		if (tls_is_fatal(why)) {
			tls_keep_fault(t, why);
			continue;
		}
		int next = tls_after(t, why, wait, err);

		if (next <= 0)
			return next;
	}
	*err = t->fault;
	return -1;
}

/* The close_notify goes out if there is room; nobody waits for the answer. */
static void
tls_close(void *carrier)
{
	struct tls *t = carrier;

	if (t == NULL)
		return;
	ERR_clear_error();
	if (!t->failed)
		SSL_shutdown(t->ssl);
	ERR_clear_error();
	void *inner = t->inner;

	tls_free(&t);
	socket_ops.close(inner);
}

static const struct stream_ops tls_ops = {
	.name = "TLS",
	.recv = tls_recv,
	.send = tls_send,
	.close = tls_close,
};

/* OpenSSL asks for each certificate and fault. The first fault is kept for the message. */
static int
tls_judge(int good, X509_STORE_CTX *x)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls *t = SSL_get_app_data(ssl);
	X509 *bad = X509_STORE_CTX_get_current_cert(x), *leaf = X509_STORE_CTX_get0_cert(x);

	if (good || t->lenient)
		return 1;
	if (t->verify_bad != NULL || leaf == NULL)
		return 0;
	t->verify_fault = X509_STORE_CTX_get_error(x);
	t->verify_depth = X509_STORE_CTX_get_error_depth(x);
	t->verify_bad = bad != NULL ? bad : leaf;
	t->verify_leaf = leaf;
	X509_up_ref(t->verify_bad);
	X509_up_ref(t->verify_leaf);
	return 0;
}

static int
tls_load_ca(SSL_CTX *ctx, const char *ca_file, struct err *err)
{
	if (ca_file == NULL) {
		if (SSL_CTX_set_default_verify_paths(ctx) == 1)
			return 0;
		return err_set(err, ERR_TLS, "cannot load the certificates that the system trusts");
	}
	if (access(ca_file, R_OK) < 0)
		return err_set_sys(err, ERR_NO_INPUT, "cannot read the CA file '%s'", ca_file);
	if (SSL_CTX_load_verify_file(ctx, ca_file) != 1) {
		unsigned long why = ERR_peek_error();

		if (ERR_GET_REASON(why) == ERR_R_MALLOC_FAILURE ||
		    (ERR_SYSTEM_ERROR(why) && ERR_GET_REASON(why) == ENOMEM))
			mem_out();
		return err_set(err, ERR_MALFORMED, "'%s' holds no certificate in PEM form (%s)",
		    ca_file, tls_words(why));
	}
	/* What the user names is trusted as it is, also an intermediate or the server's own. */
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN);
	return 0;
}

static int
tls_context(const struct tls_trust *trust, SSL_CTX **ret, struct err *err)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1) {
		SSL_CTX_free(ctx);
		return err_set(err, ERR_TLS, "cannot set up TLS: %s", tls_words(ERR_peek_error()));
	}
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_default_read_buffer_len(ctx, TLS_READ_AHEAD);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, tls_judge);
	if (trust->insecure)
		SSL_CTX_set_security_level(ctx, 0); /* old keys and hashes too */
	if (!trust->insecure && trust->pin == NULL && tls_load_ca(ctx, trust->ca_file, err) < 0) {
		SSL_CTX_free(ctx);
		return -1;
	}
	*ret = ctx;
	return 0;
}

/* Server name indication has no place for an address (RFC 6066 3); the name check has. */
static bool
tls_set_name(SSL *ssl, const char *host)
{
	char name[TLS_NAME_MAX];
	unsigned char octets[sizeof(struct in6_addr)];
	int len = snprintf(name, sizeof(name), "%s", host);

	if (len <= 0 || len >= (int)sizeof(name))
		return false;
	if (strchr(name, ':') != NULL)
		name[strcspn(name, "%")] = '\0';
	if (inet_pton(AF_INET, name, octets) == 1 || inet_pton(AF_INET6, name, octets) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
	if (name[len - 1] == '.')
		name[len - 1] = '\0';
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

const char *
tls_option_of(const struct tls_trust *trust)
{
	return trust->dest ? "dest-" : "";
}

static int
tls_new(const char *host, const struct tls_trust *trust, int fd, struct tls **ret, struct err *err)
{
	struct tls *t = mem_new(sizeof(*t));
	SSL_CTX *ctx = NULL;

	pthread_once(&tls_bio_once, tls_bio_make);
	t->fd = fd;
	t->option_of = tls_option_of(trust);
	t->lenient = trust->insecure || trust->pin != NULL;
	if (tls_context(trust, &ctx, err) < 0) {
		tls_free(&t);
		return -1;
	}
	t->ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	BIO *bio = t->ssl != NULL && tls_bio_method != NULL ? BIO_new(tls_bio_method) : NULL;

	if (bio != NULL) {
		BIO_set_data(bio, t);
		BIO_set_init(bio, 1);
		SSL_set_bio(t->ssl, bio, bio);
		SSL_set_app_data(t->ssl, t);
	}
	if (bio == NULL || !tls_set_name(t->ssl, host)) {
		tls_free(&t);
		return err_set(err, ERR_TLS, "cannot set up TLS for '%s': %s", host,
		    tls_words(ERR_peek_error()));
	}
	*ret = t;
	return 0;
}

static int
tls_handshake_fault(const struct tls *t, int why, const char *host, struct err *err)
{
	unsigned long code = ERR_peek_error();
	int reason = code != 0 && ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;

	if (t->verify_bad != NULL)
		return cert_refuse(err, host, t->option_of, t->verify_fault, t->verify_depth, t->verify_bad,
		    t->verify_leaf);
	if ((why == SSL_ERROR_SYSCALL && t->sys != 0) || tls_is_end(code)) {
		tls_lost(t, why, err);
		return err_wrap(err, "%s: TLS handshake", host);
	}
	switch (reason) {
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_PACKET_LENGTH_TOO_LONG:
	case SSL_R_RECORD_LENGTH_MISMATCH:
		return err_set(err, ERR_TLS,
		    "%s does not speak TLS on this port; imaps:// is for ports with TLS "
		    "from the first byte (993), imap:// for STARTTLS (143)",
		    host);
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
		return err_set(err, ERR_TLS, "%s has no TLS 1.2 or later, which imex needs", host);
	default:
		return err_set(err, ERR_TLS, "%s: TLS handshake: %s", host, tls_words(code));
	}
}

static int
tls_handshake(struct tls *t, const char *host, const struct stream_wait *wait, struct err *err)
{
	for (;;) {
		ERR_clear_error();
		int rc = SSL_connect(t->ssl);
		int why = SSL_get_error(t->ssl, rc);

		if (rc == 1)
			return 0;
		if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
			return tls_handshake_fault(t, why, host, err);
		if (tls_after(t, why, wait, err) < 0)
			return err_wrap(err, "%s: TLS handshake", host);
	}
}

/* The chain was not looked at when there is a pin: the key is all that counts. */
static int
tls_check_peer(const struct tls *t, const char *host, const struct tls_trust *trust,
    struct tls_facts *facts, struct err *err)
{
	X509 *cert = SSL_get0_peer_certificate(t->ssl);
	uint8_t pin[SHA256_LEN], want[SHA256_LEN];

	if (cert == NULL)
		return err_set(err, ERR_TLS, "%s shows no certificate", host);
	snprintf(facts->version, sizeof(facts->version), "%s", SSL_get_version(t->ssl));
	snprintf(facts->cipher, sizeof(facts->cipher), "%s", SSL_get_cipher_name(t->ssl));
	cert_names(cert, 1, facts->peer);
	cert_pin(cert, pin);
	cert_pin_text(pin, facts->pin);
	if (trust->pin == NULL)
		return 0;
	if (tls_pin_parse(trust->pin, want, err) < 0)
		return -1;
	if (CRYPTO_memcmp(pin, want, sizeof(pin)) != 0)
		return err_set(err, ERR_TLS,
		    "%s shows the key %s, not the one of --%stls-pin; if the server got a new "
		    "key, give its pin, else somebody is in between",
		    host, facts->pin, tls_option_of(trust));
	return 0;
}

int
tls_start(struct stream *s, const char *host, const struct tls_trust *trust, int64_t timeout_ms,
    struct cancel *stop, size_t *ret_dropped, struct tls_facts *ret, struct err *err)
{
	struct stream_wait wait = { .deadline_ms = clock_deadline(timeout_ms), .stop = stop };
	struct tls_facts facts = { 0 };
	uint8_t pin[SHA256_LEN];
	struct tls *t = NULL;

	assert(stream_carrier_ops(s) == &socket_ops);
	if (trust->pin != NULL && tls_pin_parse(trust->pin, pin, err) < 0)
		return -1;
	ERR_clear_error();
	if (tls_new(host, trust, socket_fd(stream_carrier(s)), &t, err) < 0)
		return -1;
	if (tls_handshake(t, host, &wait, err) < 0 ||
	    tls_check_peer(t, host, trust, &facts, err) < 0) {
		tls_free(&t);
		ERR_clear_error();
		return -1;
	}
	t->inner = stream_carrier(s);
	*ret_dropped = stream_swap(s, &tls_ops, t);
	*ret = facts;
	return 0;
}
