/* SHA-256 (FIPS 180-4) over OpenSSL. One object may be used for many messages; not thread-safe. */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_LEN = 32, SHA256_HEX = 65 };
struct digest;

struct digest *digest_new(void);
void digest_free(struct digest *d);
void digest_start(struct digest *d);
void digest_add(struct digest *d, const void *data, size_t len);
void digest_end(struct digest *d, uint8_t ret[SHA256_LEN]);
void digest_hex(const uint8_t sum[SHA256_LEN], char ret[SHA256_HEX]);
void digest_once(const void *data, size_t len, uint8_t ret[SHA256_LEN]);

#endif
