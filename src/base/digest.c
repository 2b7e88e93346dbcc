/* See digest.h. The algorithm is fetched once a process: a look-up per message costs more than
 * hashing a small one. OpenSSL fails here only without memory or without its own default
 * provider, and then nothing that imex promises could be kept, so it ends the program, as mem.c does. What it
 * says does not tell the two apart: of a provider that it had no memory to load it says "unsupported" for ever. */
#include "base/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

struct digest {
	EVP_MD_CTX *ctx;
};

static pthread_once_t digest_once_only = PTHREAD_ONCE_INIT;
static EVP_MD *digest_sha256;

static void
digest_need(int good)
{
	if (good == 1)
		return;
	fputs("imex: OpenSSL cannot compute SHA-256: it is out of memory, or its default provider is missing; run the same "
	      "command again to continue\n", stderr);
	_exit(EX_TEMPFAIL);
}

static void
digest_fetch(void)
{
	/* Without it, all else in OpenSSL 3.0 runs into a null pointer. */
	digest_need(OSSL_LIB_CTX_get0_global_default() != NULL);
	digest_sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	digest_need(digest_sha256 != NULL);
}

struct digest *
digest_new(void)
{
	struct digest *d = malloc(sizeof(*d));

	pthread_once(&digest_once_only, digest_fetch);
	digest_need(d != NULL);
	d->ctx = EVP_MD_CTX_new();
	digest_need(d->ctx != NULL);
	digest_start(d);
	return d;
}

void
digest_free(struct digest *d)
{
	if (d == NULL)
		return;
	EVP_MD_CTX_free(d->ctx);
	free(d);
}

void
digest_start(struct digest *d)
{
	digest_need(EVP_DigestInit_ex2(d->ctx, digest_sha256, NULL));
}

void
digest_add(struct digest *d, const void *data, size_t len)
{
	digest_need(EVP_DigestUpdate(d->ctx, data, len));
}

void
digest_end(struct digest *d, uint8_t ret[SHA256_LEN])
{
	digest_need(EVP_DigestFinal_ex(d->ctx, ret, NULL));
}

void
digest_hex(const uint8_t sum[SHA256_LEN], char ret[SHA256_HEX])
{
	static const char digit[] = "0123456789abcdef";

	for (size_t i = 0; i < SHA256_LEN; i++) {
		ret[2 * i] = digit[sum[i] >> 4];
		ret[2 * i + 1] = digit[sum[i] & 15];
	}
	ret[2 * SHA256_LEN] = '\0';
}

void
digest_once(const void *data, size_t len, uint8_t ret[SHA256_LEN])
{
	pthread_once(&digest_once_only, digest_fetch);
	digest_need(EVP_Digest(data, len, ret, NULL, digest_sha256, NULL));
}
