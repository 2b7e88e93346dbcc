/* How a host is reached, where the user knows better than the resolver and the routing table: a
 * local address, one family, addresses of his own for a name. */
#ifndef NET_ROUTE_H
#define NET_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/err.h"

enum route_family { ROUTE_ANY, ROUTE_IPV4, ROUTE_IPV6 };

struct route {
	const char *bind; /* numeric local address; NULL: the system's choice */
	enum route_family family;
	const char *const *resolve; /* "HOST:PORT:ADDRESS[,ADDRESS]"; the first that fits counts */
	size_t n_resolve;
};

struct route_address {
	struct sockaddr_storage at;
	socklen_t len;
};

/* Is it an IPv4 or IPv6 address in digits, with or without brackets and a scope? */
bool route_is_address(const char *text);
/* What is accepted instead of that text for route.resolve; NULL: it is well-formed. */
const char *route_resolve_fault(const char *text);
/* Does route.resolve speak of the host (in any case) and port? Then its addresses, at most `room`. */
bool route_resolves(const struct route *r, const char *host, const char *port,
    struct route_address *ret, size_t room, size_t *ret_len);
bool route_takes(const struct route *r, int family); /* AF_INET, AF_INET6 */
/* Give the socket the local address. ERR_CONNECT with no more than the reason. */
int route_bind(const struct route *r, int fd, int family, struct err *err) WARN_UNUSED;
/* The words behind "cannot connect to ...", as " from 192.0.2.1 by IPv4 alone"; empty: no such wish. */
void route_words(const struct route *r, const char *host, const char *port, struct buf *out);

#endif
