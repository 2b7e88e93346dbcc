#include "net/route.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <strings.h>

#include "base/slice.h"

enum { ADDRESS_MAX = 128 };

/* Digits only, so that nothing is asked of a name server. */
static bool
read_address(struct slice text, const char *port, struct route_address *ret)
{
	struct addrinfo want = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV },
			*list = NULL;
	char copy[ADDRESS_MAX];

	if (text.len > 2 && text.data[0] == '[' && text.data[text.len - 1] == ']')
		text = (struct slice){ text.data + 1, text.len - 2 };
	if (text.len == 0 || text.len >= sizeof(copy))
		return false;
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	if (getaddrinfo(copy, port, &want, &list) != 0)
		return false;

	bool fits = list->ai_addrlen <= sizeof(ret->at);

	if (fits) {
		memcpy(&ret->at, list->ai_addr, list->ai_addrlen);
		ret->len = list->ai_addrlen;
	}
	freeaddrinfo(list);
	return fits;
}

bool
route_is_address(const char *text)
{
	struct route_address ignored;

	return read_address(slice_str(text), "0", &ignored);
}

/* HOST, PORT and the rest. */
static bool
cut_entry(const char *text, struct slice *ret_host, struct slice *ret_port, const char **ret_list)
{
	size_t host = strcspn(text, ":");
	const char *port = text + host + 1;

	if (host == 0 || text[host] == '\0')
		return false;

	size_t len = strcspn(port, ":");
	uint64_t number;

	if (port[len] == '\0' || !slice_u64((struct slice){ port, len }, 65535, &number) || number == 0)
		return false;
	*ret_host = (struct slice){ text, host };
	*ret_port = (struct slice){ port, len };
	*ret_list = port + len + 1;
	return true;
}

/* The next address of a list, and what is behind it. */
static struct slice
next_address(const char **list)
{
	struct slice one = { *list, strcspn(*list, ",") };

	*list += one.len + ((*list)[one.len] == ',');
	return one;
}

const char *
route_resolve_fault(const char *text)
{
	static const char accepted[] =
	    "HOST:PORT:ADDRESS is, as mail.example.org:993:192.0.2.7, with more addresses behind "
	    "commas";
	struct slice host, port;
	struct route_address ignored;
	const char *list;

	if (!cut_entry(text, &host, &port, &list) || *list == '\0' || list[strlen(list) - 1] == ',')
		return accepted;
	while (*list != '\0')
		if (!read_address(next_address(&list), "0", &ignored))
			return accepted;
	return NULL;
}

bool
route_resolves(const struct route *r, const char *host, const char *port,
    struct route_address *ret, size_t room, size_t *ret_len)
{
	for (size_t i = 0; r != NULL && i < r->n_resolve; i++) {
		struct slice name, number;
		const char *list;

		if (!cut_entry(r->resolve[i], &name, &number, &list) || name.len != strlen(host) ||
		    strncasecmp(name.data, host, name.len) != 0 || !slice_eq(number, port))
			continue;
		*ret_len = 0;
		while (*list != '\0' && *ret_len < room)
			*ret_len += read_address(next_address(&list), port, &ret[*ret_len]);
		return true;
	}
	return false;
}

bool
route_takes(const struct route *r, int family)
{
	return r == NULL || r->family == ROUTE_ANY ||
	       family == (r->family == ROUTE_IPV4 ? AF_INET : AF_INET6);
}

int
route_bind(const struct route *r, int fd, int family, struct err *err)
{
	struct route_address local;

	if (r == NULL || r->bind == NULL)
		return 0;
	if (!read_address(slice_str(r->bind), "0", &local))
		return err_set(err, ERR_CONNECT, "'%s' is not a local address", r->bind);
	if (local.at.ss_family != family)
		return err_set(err, ERR_CONNECT, "not of the family of %s", r->bind);
	if (bind(fd, (const struct sockaddr *)&local.at, local.len) < 0)
		return err_set(err, ERR_CONNECT, "binding to %s: %s", r->bind, strerror(errno));
	return 0;
}

void
route_words(const struct route *r, const char *host, const char *port, struct buf *out)
{
	struct route_address ignored;
	size_t n;

	if (r == NULL)
		return;
	if (r->bind != NULL)
		buf_printf(out, " from %s", r->bind);
	if (r->family != ROUTE_ANY)
		buf_printf(out, " by %s alone", r->family == ROUTE_IPV4 ? "IPv4" : "IPv6");
	if (route_resolves(r, host, port, &ignored, 1, &n))
		buf_add_str(out, " at the addresses of --resolve");
}
