#include "imap/url.h"

#include <string.h>
#include <strings.h>

enum { URL_MAX = 4096 };

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static int
decode_user(struct slice raw, struct arena *a, const char **ret, struct err *err)
{
	char *out = arena_take(a, raw.len + 1);
	size_t len = 0;

	if (out == NULL)
		return err_set(err, ERR_USAGE, "the user name is too long");
	for (size_t i = 0; i < raw.len; i++) {
		if (raw.data[i] != '%') {
			out[len++] = raw.data[i];
			continue;
		}

		int hi = i + 2 < raw.len ? hex_digit(raw.data[i + 1]) : -1;
		int lo = i + 2 < raw.len ? hex_digit(raw.data[i + 2]) : -1;

		if (hi < 0 || lo < 0)
			return err_set(err, ERR_USAGE,
			    "'%%' in the user name '%.*s' does not start an escape such as %%40; "
			    "write a percent sign as %%25",
			    SLICE_ARG(raw));
		if (hi == 0 && lo == 0)
			return err_set(
			    err, ERR_USAGE, "%%00 in the user name '%.*s'", SLICE_ARG(raw));
		out[len++] = (char)(hi * 16 + lo);
		i += 2;
	}
	out[len] = '\0';
	*ret = out;
	return 0;
}

static int
split_port(struct slice host, bool tls, struct arena *a, struct imap_url *ret, struct err *err)
{
	struct slice port = slice_str(tls ? "993" : "143");
	uint64_t n;

	if (host.len > 0 && host.data[0] == '[') {
		const char *close = memchr(host.data, ']', host.len);

		if (close == NULL)
			return err_set(err, ERR_USAGE,
			    "'%.*s': the bracket of the IPv6 address is not closed",
			    SLICE_ARG(host));

		struct slice rest = { close + 1, host.len - (size_t)(close + 1 - host.data) };

		host = (struct slice){ host.data + 1, (size_t)(close - host.data) - 1 };
		if (rest.len > 0 && rest.data[0] != ':')
			return err_set(err, ERR_USAGE, "'%.*s' after the address: expected :PORT",
			    SLICE_ARG(rest));
		if (rest.len > 0)
			port = (struct slice){ rest.data + 1, rest.len - 1 };
	} else {
		const char *colon = memchr(host.data, ':', host.len);

		if (colon != NULL) {
			port =
			    (struct slice){ colon + 1, host.len - (size_t)(colon + 1 - host.data) };
			host.len = (size_t)(colon - host.data);
		}
	}
	if (host.len == 0)
		return err_set(err, ERR_USAGE, "the URL names no host");
	if (!slice_u64(port, 65535, &n) || n == 0)
		return err_set(err, ERR_USAGE,
		    "'%.*s' is not a port: expected a number from 1 to 65535", SLICE_ARG(port));

	char *lower = arena_copy(a, host);

	if (lower == NULL)
		return err_set(err, ERR_USAGE, "the host name is too long");
	for (char *p = lower; *p != '\0'; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
		if ((unsigned char)*p <= ' ' || *p == '/' || *p == 0x7f)
			return err_set(err, ERR_USAGE, "'%s' is not a host name", lower);
	}
	ret->host = lower;
	ret->port = arena_printf(a, "%u", (unsigned)n);
	return 0;
}

int
imap_url_parse(const char *text, struct arena *a, struct imap_url *ret, struct err *err)
{
	struct slice s = slice_str(text);
	struct imap_url url = { 0 };

	if (s.len > URL_MAX)
		return err_set(err, ERR_USAGE, "a URL of more than %d octets", URL_MAX);
	if (slice_starts_nocase(s, "imaps://"))
		url.tls = true;
	else if (!slice_starts_nocase(s, "imap://"))
		return err_set(err, ERR_USAGE,
		    "'%s' is not an IMAP URL: expected imaps://user@host[:port]/ or "
		    "imap://user@host[:port]/",
		    text);

	size_t skip = url.tls ? 8 : 7;

	s.data += skip;
	s.len -= skip;

	const char *at = memrchr(s.data, '@', s.len);

	if (at == NULL || at == s.data)
		return err_set(err, ERR_USAGE,
		    "'%s' names no user: expected %s://user@host[:port]/", text,
		    url.tls ? "imaps" : "imap");

	struct slice user = { s.data, (size_t)(at - s.data) };
	struct slice host = { at + 1, s.len - user.len - 1 };
	const char *slash = memchr(host.data, '/', host.len);

	if (slash != NULL) {
		if (slash + 1 != host.data + host.len)
			return err_set(err, ERR_USAGE,
			    "'%s': nothing may follow the '/' after the host; choose folders "
			    "with --folder",
			    text);
		host.len--;
	}
	if (decode_user(user, a, &url.user, err) < 0 || split_port(host, url.tls, a, &url, err) < 0)
		return -1;
	*ret = url;
	return 0;
}

int
imap_place_parse(const char *text, bool tls, struct arena *a, const char **ret_host,
    const char **io_port, struct err *err)
{
	const char *behind = strrchr(text, ']');
	struct imap_url at;

	if (strlen(text) > URL_MAX || strpbrk(text, "/@") != NULL)
		return err_set(err, ERR_USAGE, "'%.80s' is not HOST or HOST:PORT", text);
	if (split_port(slice_str(text), tls, a, &at, err) < 0)
		return -1;
	*ret_host = at.host;
	if (strchr(behind != NULL ? behind : text, ':') != NULL)
		*io_port = at.port;
	return 0;
}

bool
imap_url_tells_password(const char *text)
{
	const char *user = strstr(text, "://"), *at = strrchr(text, '@');

	return strncasecmp(text, "imap", 4) == 0 && user != NULL && at != NULL && at > user &&
	       memchr(user + 3, ':', (size_t)(at - user) - 3) != NULL;
}
