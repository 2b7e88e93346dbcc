/* See dial.h. getaddrinfo cannot be stopped, so it runs in a detached thread that shares one
 * counted block with the caller; whoever leaves last frees it. AI_ADDRCONFIG is not asked for:
 * it hides ::1 and 127.0.0.1 on a machine that has only loopback, and an unreachable family
 * fails at once anyway. The addresses get equal shares of the time that is left. Racing them
 * (RFC 8305) was rejected: a migration connects a few times an hour, and two logins at once
 * disturb servers that count them. */
#include "net/dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "net/socket.h"

enum { DIAL_ADDRESSES = 16, DIAL_WORDS_MAX = 900, DIAL_KEEPALIVE_S = 60 };

struct dial_lookup {
	pthread_mutex_t mutex;
	unsigned users;
	int done_fd; /* readable when fault and list are final */
	char *host, *port;
	int family; /* AF_UNSPEC: all */
	int fault, sys; /* EAI_*, and errno for EAI_SYSTEM */
	struct addrinfo *list;
};

struct dial {
	const struct route *by; /* NULL: no wishes */
	const char *host, *port;
	struct stream_wait wait;
};

static void
dial_lookup_leave(struct dial_lookup **l)
{
	struct dial_lookup *x = *l;

	if (x == NULL)
		return;
	pthread_mutex_lock(&x->mutex);
	bool last = --x->users == 0;

	pthread_mutex_unlock(&x->mutex);
	*l = NULL;
	if (!last)
		return;
	if (x->list != NULL)
		freeaddrinfo(x->list);
	file_close(&x->done_fd);
	pthread_mutex_destroy(&x->mutex);
	mem_free_str(&x->host);
	mem_free_str(&x->port);
	free(x);
}

static int
dial_getaddrinfo(const char *host, const char *port, int family, int flags, struct addrinfo **ret)
{
	const struct addrinfo want = { .ai_family = family,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV | flags };

	*ret = NULL;
	return getaddrinfo(host, port, &want, ret);
}

static void *
dial_lookup_run(void *arg)
{
	struct dial_lookup *l = arg;
	struct addrinfo *list;
	uint64_t one = 1;
	int fault = dial_getaddrinfo(l->host, l->port, l->family, 0, &list);
	int sys = errno;

	pthread_mutex_lock(&l->mutex);
	l->fault = fault;
	l->sys = sys;
	l->list = fault == 0 ? list : NULL;
	pthread_mutex_unlock(&l->mutex);
	ssize_t n = write(l->done_fd, &one, sizeof(one));

	(void)n;
	dial_lookup_leave(&l);
	return NULL;
}

/* Signals stay with the threads that know what to do with them. */
static int
dial_lookup_start(struct dial_lookup *l)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, before;

	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	int fault = pthread_create(&thread, &attr, dial_lookup_run, l);

	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return fault;
}

static int
dial_lookup_new(const char *host, const char *port, int family, struct dial_lookup **ret,
    struct err *err)
{
	struct dial_lookup *l = mem_new(sizeof(*l));

	pthread_mutex_init(&l->mutex, NULL);
	l->users = 1;
	l->family = family;
	l->host = mem_copy_str(host);
	l->port = mem_copy_str(port);
	l->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int fault = l->done_fd < 0 ? errno : 0;

	if (fault == 0) {
		l->users = 2;
		fault = dial_lookup_start(l);
		if (fault != 0)
			l->users = 1;
	}
	if (fault != 0) {
		dial_lookup_leave(&l);
		errno = fault;
		return err_set_sys(err, ERR_CONNECT, "cannot look up host '%s'", host);
	}
	*ret = l;
	return 0;
}

static int
dial_lookup_fault(const struct dial_lookup *l, struct err *err)
{
	if (l->fault == EAI_NONAME || l->fault == EAI_NODATA || l->fault == EAI_ADDRFAMILY)
		return err_set(err, ERR_NO_HOST, "host '%s' not found%s; check the name", l->host,
		    l->family == AF_INET    ? ", or without an IPv4 address (--ipv4)"
		    : l->family == AF_INET6 ? ", or without an IPv6 address (--ipv6)"
					    : "");
	return err_set(err, ERR_NO_HOST,
	    "cannot look up host '%s': %s; check the name and the network", l->host,
	    l->fault == EAI_SYSTEM ? strerror(l->sys) : gai_strerror(l->fault));
}

/* Copies the addresses so that families alternate, the resolver's first choice first. */
static size_t
dial_interleave(const struct addrinfo *list, struct route_address *ret)
{
	const struct addrinfo *next[2] = { list, list };
	size_t len = 0;

	while (len < DIAL_ADDRESSES && (next[0] != NULL || next[1] != NULL)) {
		const struct addrinfo **n = &next[len % 2];

		if (*n == NULL)
			n = &next[(len + 1) % 2];
		bool first = n == &next[0];

		while (*n != NULL && (((*n)->ai_family == list->ai_family) != first ||
					 (*n)->ai_addrlen > sizeof(ret->at)))
			*n = (*n)->ai_next;
		if (*n == NULL)
			continue;
		memcpy(&ret[len].at, (*n)->ai_addr, (*n)->ai_addrlen);
		ret[len++].len = (*n)->ai_addrlen;
		*n = (*n)->ai_next;
	}
	return len;
}

/* An address needs no look-up, and so no thread. */
static bool
dial_is_address(const struct dial *d, int family, struct route_address *ret, size_t *ret_len)
{
	struct addrinfo *list;

	if (dial_getaddrinfo(d->host, d->port, family, AI_NUMERICHOST, &list) != 0)
		return false;
	*ret_len = dial_interleave(list, ret);
	freeaddrinfo(list);
	return true;
}

static int
dial_look_up(
    const struct dial *d, struct route_address *ret, size_t *ret_len, struct err *err)
{
	int family = route_takes(d->by, AF_INET) && route_takes(d->by, AF_INET6) ? AF_UNSPEC
		     : route_takes(d->by, AF_INET)				     ? AF_INET
										     : AF_INET6;
	AUTO(dial_lookup_leave) struct dial_lookup *l = NULL;
	struct err fault;

	if (dial_is_address(d, family, ret, ret_len))
		return 0;
	if (dial_lookup_new(d->host, d->port, family, &l, err) < 0)
		return -1;
	if (socket_wait(l->done_fd, POLLIN, &d->wait, &fault) < 0) {
		if (fault.kind == ERR_TIMEOUT)
			return err_set(
			    err, ERR_TIMEOUT, "looking up host '%s' takes too long", d->host);
		*err = fault;
		return -1;
	}
	pthread_mutex_lock(&l->mutex);
	int done = l->fault != 0 ? dial_lookup_fault(l, err) : 0;

	*ret_len = done == 0 ? dial_interleave(l->list, ret) : 0;
	pthread_mutex_unlock(&l->mutex);
	return done;
}

/* The user's own addresses, or else the resolver's. */
static int
dial_resolve(
    const struct dial *d, struct route_address *ret, size_t *ret_len, struct err *err)
{
	size_t n = 0;

	if (!route_resolves(d->by, d->host, d->port, ret, DIAL_ADDRESSES, ret_len))
		return dial_look_up(d, ret, ret_len, err);
	for (size_t i = 0; i < *ret_len; i++)
		if (route_takes(d->by, ret[i].at.ss_family))
			ret[n++] = ret[i];
	*ret_len = n;
	if (n == 0)
		return err_set(err, ERR_NO_HOST,
		    "--resolve has no address for %s port %s that --ipv4 or --ipv6 takes", d->host,
		    d->port);
	return 0;
}

static void
dial_tune(int fd)
{
	int on = 1, idle_s = DIAL_KEEPALIVE_S;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
#ifdef TCP_KEEPIDLE
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
#else
	(void)idle_s;
#endif
}

/* ERR_CONNECT with no more than the reason; ERR_INTERRUPTED. */
static int
dial_address(const struct dial *d, const struct route_address *a, const struct stream_wait *wait,
    int *ret, struct err *err)
{
	AUTO(file_close)
	int fd = socket(a->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int fault = 0;
	socklen_t len = sizeof(fault);

	if (fd < 0)
		return err_set(err, ERR_CONNECT, "%s", strerror(errno));
	dial_tune(fd);
	if (route_bind(d->by, fd, a->at.ss_family, err) < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)&a->at, a->len) < 0 && errno != EINTR)
		fault = errno;
	if (fault == EINPROGRESS) {
		if (socket_wait(fd, POLLOUT, wait, err) < 0)
			return err->kind == ERR_INTERRUPTED
				   ? -1
				   : err_set(err, ERR_CONNECT, "no answer");
		fault = 0;
	}
	if (fault == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &fault, &len) < 0)
		fault = errno;
	if (fault != 0)
		return err_set(err, ERR_CONNECT, "%s", strerror(fault));
	*ret = fd;
	fd = -1;
	return 0;
}

/* "ADDRESS: reason", or the reason alone when the user gave the address himself. */
static void
dial_note(struct buf *tried, const char *host, const struct route_address *a, const char *reason)
{
	char text[INET6_ADDRSTRLEN + 32] = "?";

	getnameinfo(
	    (const struct sockaddr *)&a->at, a->len, text, sizeof(text), NULL, 0, NI_NUMERICHOST);
	if (tried->len > 0)
		buf_add_str(tried, "; ");
	if (strcmp(text, host) == 0)
		buf_add_str(tried, reason);
	else
		buf_printf(tried, "%s: %s", text, reason);
}

static int
dial_first(const struct dial *d, const struct route_address *list, size_t len, struct buf *tried,
    int *ret, struct err *err)
{
	struct stream_wait wait = d->wait;
	int64_t deadline_ms = wait.deadline_ms;

	for (size_t i = 0; i < len; i++) {
		int64_t now_ms = clock_mono_ms(), left_ms = deadline_ms - now_ms;

		if (deadline_ms != INT64_MAX)
			wait.deadline_ms = now_ms + left_ms / (int64_t)(len - i);
		if (dial_address(d, &list[i], &wait, ret, err) == 0)
			return 0;
		if (err->kind == ERR_INTERRUPTED)
			return -1;
		dial_note(tried, d->host, &list[i], err->text);
	}
	return err_set(err, ERR_CONNECT, "no address");
}

static int
dial_failed(const struct dial *d, const char *tried, struct err *err)
{
	struct buf wishes;

	buf_init(&wishes, DIAL_WORDS_MAX);
	route_words(d->by, d->host, d->port, &wishes);
	err_set(err, ERR_CONNECT, "cannot connect to %s port %s%s: %s", d->host, d->port,
	    wishes.len > 0 ? wishes.data : "", tried);
	buf_done(&wishes);
	return -1;
}

int
dial_by(const struct route *by, const char *host, const char *port, int64_t timeout_ms,
    struct cancel *stop, struct stream **ret, struct err *err)
{
	const struct dial d = { .by = by,
		.host = host,
		.port = port,
		.wait = { .deadline_ms = clock_deadline(timeout_ms), .stop = stop } };
	struct route_address list[DIAL_ADDRESSES];
	struct buf tried;
	size_t len = 0;
	uint64_t number = 0;
	int fd = -1;
	struct err fault;

	/* getaddrinfo would take 70000 for 4464. */
	if (!slice_u64(slice_str(port), 65535, &number) || number == 0)
		return err_set(err, ERR_USAGE, "'%s' is not a port from 1 to 65535", port);
	if (dial_resolve(&d, list, &len, err) < 0)
		return -1;
	buf_init(&tried, DIAL_WORDS_MAX);
	int done = dial_first(&d, list, len, &tried, &fd, &fault);

	if (done == 0)
		*ret = stream_socket(fd);
	else if (fault.kind == ERR_INTERRUPTED)
		*err = fault;
	else
		dial_failed(&d, tried.len > 0 ? tried.data : fault.text, err);
	buf_done(&tried);
	return done;
}

int
dial_tcp(const char *host, const char *port, int64_t timeout_ms, struct cancel *stop,
    struct stream **ret, struct err *err)
{
	return dial_by(NULL, host, port, timeout_ms, stop, ret, err);
}
