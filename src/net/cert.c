/* See cert.h. Everything here was written by the peer: lengths are taken from the objects, not
 * from NULs, and only printable ASCII goes on. */
#include "net/cert.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "net/openssl.h"

enum { CERT_DATE_MAX = 48, CERT_SPKI_MAX = 64 * 1024 };

static void
cert_add_printable(struct buf *b, const unsigned char *data, int len)
{
	for (int i = 0; i < len; i++)
		buf_add_byte(b, data[i] > 0x20 && data[i] < 0x7f ? (char)data[i]
				: data[i] == ' '                 ? ' '
								 : '?');
}

static void
cert_add_ip(struct buf *b, const unsigned char *data, int len)
{
	char text[INET6_ADDRSTRLEN];

	if ((len == 4 || len == 16) &&
	    inet_ntop(len == 4 ? AF_INET : AF_INET6, data, text, sizeof(text)))
		buf_add_str(b, text);
	else
		buf_add_byte(b, '?');
}

static void
cert_add_common(struct buf *b, const X509_NAME *name)
{
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);

	if (at < 0)
		at = X509_NAME_get_index_by_NID(name, NID_organizationName, -1);
	const X509_NAME_ENTRY *entry = at >= 0 ? X509_NAME_get_entry(name, at) : NULL;
	const ASN1_STRING *text = entry != NULL ? X509_NAME_ENTRY_get_data(entry) : NULL;

	if (text != NULL)
		cert_add_printable(b, ASN1_STRING_get0_data(text), ASN1_STRING_length(text));
}

static unsigned
cert_add_alternatives(struct buf *b, const X509 *cert, unsigned most)
{
	GENERAL_NAMES *list = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	unsigned names = 0;

	for (int i = 0; list != NULL && i < sk_GENERAL_NAME_num(list) && names < most; i++) {
		int type;
		const ASN1_STRING *text =
		    GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(list, i), &type);

		if (type != GEN_DNS && type != GEN_IPADD)
			continue;
		if (names++ > 0)
			buf_add_str(b, ", ");
		if (type == GEN_DNS)
			cert_add_printable(
			    b, ASN1_STRING_get0_data(text), ASN1_STRING_length(text));
		else
			cert_add_ip(b, ASN1_STRING_get0_data(text), ASN1_STRING_length(text));
	}
	GENERAL_NAMES_free(list);
	return names;
}

static void
cert_take(struct buf *b, const char *instead, char ret[CERT_NAMES_MAX])
{
	snprintf(ret, CERT_NAMES_MAX, "%s", b->len > 0 ? b->data : instead);
	buf_done(b);
}

void
cert_names(const X509 *cert, unsigned most, char ret[CERT_NAMES_MAX])
{
	struct buf b;

	buf_init(&b, CERT_NAMES_MAX - 1);
	if (cert_add_alternatives(&b, cert, most) == 0)
		cert_add_common(&b, X509_get_subject_name(cert));
	cert_take(&b, "nobody", ret);
}

static void
cert_issuer(const X509 *cert, char ret[CERT_NAMES_MAX])
{
	struct buf b;

	buf_init(&b, CERT_NAMES_MAX - 1);
	cert_add_common(&b, X509_get_issuer_name(cert));
	cert_take(&b, "nobody", ret);
}

void
cert_pin(const X509 *cert, uint8_t ret[SHA256_LEN])
{
	unsigned char *spki = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &spki);

	memset(ret, 0, SHA256_LEN);
	if (len > 0)
		digest_once(spki, (size_t)len, ret);
	OPENSSL_free(spki);
}

void
cert_pin_text(const uint8_t pin[SHA256_LEN], char ret[CERT_PIN_MAX])
{
	char hex[SHA256_HEX];

	digest_hex(pin, hex);
	snprintf(ret, CERT_PIN_MAX, "sha256:%s", hex);
}

static void
cert_date(const ASN1_TIME *when, char ret[CERT_DATE_MAX])
{
	struct tm tm;

	if (ASN1_TIME_to_tm(when, &tm) != 1 ||
	    strftime(ret, CERT_DATE_MAX, "%Y-%m-%d %H:%M UTC", &tm) == 0)
		snprintf(ret, CERT_DATE_MAX, "an unreadable date");
}

static int
cert_pin_hex(const char *text, uint8_t ret[SHA256_LEN])
{
	for (size_t i = 0; i < 2 * SHA256_LEN; i++) {
		const char *digits = "0123456789abcdef";
		char c = text[i] >= 'A' && text[i] <= 'F' ? (char)(text[i] + ('a' - 'A')) : text[i];
		const char *at = c != '\0' ? strchr(digits, c) : NULL;

		if (at == NULL)
			return -1;
		ret[i / 2] = (uint8_t)(ret[i / 2] << 4 | (at - digits));
	}
	return 0;
}

/* 43 digits and one '='. EVP_DecodeBlock takes '=' for a digit, and counts the padding as an octet.
 */
static int
cert_pin_base64(const char *text, uint8_t ret[SHA256_LEN])
{
	unsigned char octets[SHA256_LEN + 1];

	if (strcspn(text, "=") != 43 ||
	    EVP_DecodeBlock(octets, (const unsigned char *)text, 44) != SHA256_LEN + 1)
		return -1;
	memcpy(ret, octets, SHA256_LEN);
	return 0;
}

int
tls_pin_parse(const char *pin, uint8_t ret[SHA256_LEN], struct err *err)
{
	uint8_t sum[SHA256_LEN] = { 0 };
	const char *text = strncmp(pin, "sha256:", 7) == 0 ? pin + 7 : "";
	size_t len = strlen(text);
	int done = len == 2 * SHA256_LEN ? cert_pin_hex(text, sum)
		   : len == 44           ? cert_pin_base64(text, sum)
					 : -1;

	if (done < 0)
		return err_set(err, ERR_USAGE,
		    "'%s' is not a pin: write sha256: and 64 hexadecimal digits, or "
		    "44 characters of base64, of the SHA-256 of the server's public key",
		    pin);
	memcpy(ret, sum, sizeof(sum));
	return 0;
}

static int
cert_refuse_date(
    struct err *err, const char *host, bool expired, const char *whose, const X509 *bad)
{
	char date[CERT_DATE_MAX];

	cert_date(expired ? X509_get0_notAfter(bad) : X509_get0_notBefore(bad), date);
	if (expired)
		return err_set(err, ERR_TLS, "%s: certificate%s expired on %s; have it renewed",
		    host, whose, date);
	return err_set(err, ERR_TLS,
	    "%s: certificate%s is not valid before %s; check the clocks of both sides", host, whose,
	    date);
}

static int
cert_say(struct err *err, const char *host, const char *end, int fault, int depth, const X509 *bad)
{
	char name[CERT_NAMES_MAX];
	const char *whose = depth > 0 ? " of the issuer" : "";

	switch (fault) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return cert_refuse_date(
		    err, host, fault == X509_V_ERR_CERT_HAS_EXPIRED, whose, bad);
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		cert_names(bad, 4, name);
		return err_set(err, ERR_TLS,
		    "certificate is for %s, not %s; use the name that the certificate has", name,
		    host);
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		return err_set(err, ERR_TLS,
		    "%s: certificate is self-signed and not known here; give it with "
		    "--%stls-ca FILE",
		    host, end);
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		cert_issuer(bad, name);
		return err_set(err, ERR_TLS,
		    "%s: issuer of the certificate is not known (%s); give its "
		    "certificate with --%stls-ca FILE",
		    host, name, end);
	default:
		return err_set(err, ERR_TLS, "%s: certificate%s not accepted (%s)", host, whose,
		    X509_verify_cert_error_string(fault));
	}
}

int
cert_refuse(struct err *err, const char *host, const char *end, int fault, int depth, const X509 *bad,
    const X509 *leaf)
{
	char text[ERR_TEXT_MAX], pin[CERT_PIN_MAX];
	uint8_t sum[SHA256_LEN];

	cert_say(err, host, end, fault, depth, bad);
	memcpy(text, err->text, sizeof(text));
	cert_pin(leaf, sum);
	cert_pin_text(sum, pin);
	return err_set(err, ERR_TLS,
	    "%.700s, or, if you know that its key is the right one, use --%stls-pin %s", text, end,
	    pin);
}
