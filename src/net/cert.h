/* What a certificate says, for people: names, the pin of its key, and why it was not accepted. */
#ifndef NET_CERT_H
#define NET_CERT_H

#include "base/err.h"
#include "net/dial.h"
#include "net/openssl.h"

enum { CERT_NAMES_MAX = 256, CERT_PIN_MAX = 7 + SHA256_HEX };

/* At most `most` names: DNS names and addresses, else the common name. Printable ASCII, cut to fit.
 */
void cert_names(const X509 *cert, unsigned most, char ret[CERT_NAMES_MAX]);
/* SHA-256 of the SubjectPublicKeyInfo (RFC 7469 2.4). */
void cert_pin(const X509 *cert, uint8_t ret[SHA256_LEN]);
void cert_pin_text(const uint8_t pin[SHA256_LEN], char ret[CERT_PIN_MAX]);
/* ERR_TLS with the fault (X509_V_ERR_*) of `bad`, which is depth certificates above the server's
 * own `leaf`, and what the user can do; `end` as of tls_option_of. */
int cert_refuse(struct err *err, const char *host, const char *end, int fault, int depth, const X509 *bad,
    const X509 *leaf);

#endif
