/* See secret.h. The forms under which a server could show the secret again are computed once: as
 * it is, as an IMAP quoted string, as base64 with and without padding. They lie in the same
 * wiped block. What wraps the secret (the SASL PLAIN response) is another secret: its owner
 * masks it as one. */
#include "base/secret.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "base/json.h"
#include "base/mem.h"

enum { SECRET_FORMS = 4 };

struct secret {
	size_t bytes; /* of the whole block */
	struct slice value;
	struct slice form[SECRET_FORMS]; /* longest first; unused ones are empty */
	char data[];
};

void
secret_wipe(void *data, size_t len)
{
	if (len > 0)
		explicit_bzero(data, len);
}

static char *
secret_put_quoted(char *to, struct slice value)
{
	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] == '"' || value.data[i] == '\\')
			*to++ = '\\';
		*to++ = value.data[i];
	}
	return to;
}

/* Whole groups only need no padding; servers that cut the padding are caught by masking without
 * it. */
static char *
secret_put_base64(char *to, struct slice value)
{
	struct buf b;

	buf_init(&b, value.len * 2 + 8);
	buf_reserve(&b, b.max);
	base64_add(&b, value);
	memcpy(to, b.data, b.len);
	to += b.len;
	secret_wipe(b.data, b.len);
	buf_done(&b);
	return to;
}

static void
secret_sort(struct slice *form)
{
	for (size_t i = 1; i < SECRET_FORMS; i++) {
		for (size_t k = i; k > 0 && form[k].len > form[k - 1].len; k--) {
			struct slice longer = form[k];

			form[k] = form[k - 1];
			form[k - 1] = longer;
		}
	}
}

struct secret *
secret_new(struct slice value)
{
	size_t bytes = sizeof(struct secret) + value.len * 5 + 9;
	struct secret *s = mem_new(bytes);
	char *to = s->data;

	s->bytes = bytes;
	if (value.len > 0)
		memcpy(to, value.data, value.len);
	s->value = (struct slice){ to, value.len };
	to += value.len + 1; /* a NUL for libraries that want one */
	s->form[0] = s->value;
	char *end = secret_put_quoted(to, s->value);

	s->form[1] = (struct slice){ to, (size_t)(end - to) };
	to = end;
	end = secret_put_base64(to, s->value);
	s->form[2] = (struct slice){ to, (size_t)(end - to) };
	while (end > to && end[-1] == '=')
		end--;
	s->form[3] = (struct slice){ to, (size_t)(end - to) }; /* some leave the padding out */
	secret_sort(s->form);
	return s;
}

void
secret_free(struct secret *s)
{
	if (s == NULL)
		return;
	secret_wipe(s, s->bytes);
	free(s);
}

struct slice
secret_value(const struct secret *s)
{
	return s->value;
}

/* Length of the form of the secret that stands at the start of text; 0: none. */
static size_t
secret_at(const struct secret *s, struct slice text)
{
	for (size_t i = 0; i < SECRET_FORMS; i++) {
		struct slice f = s->form[i];

		if (f.len > 0 && f.len <= text.len && memcmp(f.data, text.data, f.len) == 0)
			return f.len;
	}
	return 0;
}

void
secret_mask(const struct secret *s, struct slice text, struct buf *out)
{
	if (s == NULL || s->value.len == 0) {
		buf_add(out, text.data, text.len);
		return;
	}
	while (text.len > 0 && !out->full) {
		size_t len = secret_at(s, text);

		if (len > 0)
			buf_add_str(out, "***");
		else
			buf_add_byte(out, text.data[0]);
		len = len > 0 ? len : 1;
		text.data += len;
		text.len -= len;
	}
}

/* Leak checkers look into the memory as other programs do. */
#if defined(__SANITIZE_ADDRESS__)
#define UNDER_LEAK_CHECK 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_LEAK_CHECK 1
#endif
#endif

void
secret_no_dumps(void)
{
	const struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
#if defined(__linux__) && !defined(UNDER_LEAK_CHECK)
	/* A handler that the kernel pipes core files to is not bound by the limit. */
	(void)prctl(PR_SET_DUMPABLE, 0);
#endif
}
