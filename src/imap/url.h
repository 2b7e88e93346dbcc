/* IMAP URLs (RFC 5092) as SOURCE and DEST: imaps://user@host[:port]/ and imap://user@host[:port]/.
 * The user is percent-decoded and reaches to the last '@'. An invalid escape is ERR_USAGE with the
 * advice to write %25. */
#ifndef IMAP_URL_H
#define IMAP_URL_H

#include "base/arena.h"
#include "base/err.h"

struct imap_url {
	const char *user; /* decoded; never empty; arena */
	const char *host; /* lower case, without the brackets of an IPv6 literal */
	const char *port; /* digits; "143" or "993" when the URL has none */
	bool tls; /* imaps */
};

int imap_url_parse(
    const char *text, struct arena *a, struct imap_url *ret, struct err *err) WARN_UNUSED;
/* "imaps://anna:secret@host/", which other programs take: a name with a ':' is written with %3A (RFC 5092), so this one
 * would be kept and shown as a user. */
bool imap_url_tells_password(const char *text);
/* HOST or HOST:PORT; *io_port remains where no port is named. */
int imap_place_parse(const char *text, bool tls, struct arena *a, const char **ret_host,
    const char **io_port, struct err *err) WARN_UNUSED;

#endif
