/* libFuzzer: what a server says while somebody logs in, in each way that there is. No server: dial is wrapped and gives
 * a stream of memory. The first octet is the way (enum auth); from 0x10 on an admin logs in for another user. */
#include <string.h>

#include "imap/session.h"

enum { WAYS = AUTH_OAUTH + 1, FOR_ANOTHER = 0x10 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int __wrap_dial_by(const struct route *by, const char *host, const char *port, int64_t timeout_ms, struct cancel *stop,
    struct stream **ret, struct err *err);

static struct slice told;

int
__wrap_dial_by(const struct route *by, const char *host, const char *port, int64_t timeout_ms, struct cancel *stop,
    struct stream **ret, struct err *err)
{
	(void)by;
	(void)host;
	(void)port;
	(void)timeout_ms;
	(void)stop;
	(void)err;
	*ret = stream_memory(told, 0);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct endpoint at = { .account = "anna", .login = "anna", .host = "127.0.0.1", .port = "143", .tls = TLS_NONE,
		.timeout_ms = 60000 };
	struct sess *s = NULL;
	struct err err = { 0 };

	if (len == 0)
		return 0;

	struct secret *word = secret_new(slice_str("secret word"));

	at.secret = word;
	at.auth = (enum auth)(data[0] % FOR_ANOTHER % WAYS);
	at.admin = data[0] >= FOR_ANOTHER ? "admin" : NULL;
	told = (struct slice){ (const char *)data + 1, len - 1 };
	(void)!sess_open(&s, &at, NULL, &err);
	sess_close(&s);
	secret_free(word);
	return 0;
}
