/* A connected socket as a carrier, and the one place of the program that waits for a descriptor. */
#ifndef NET_SOCKET_H
#define NET_SOCKET_H

#include "net/stream.h"

extern const struct stream_ops socket_ops;

/* Takes fd and makes it non-blocking. */
struct stream *stream_socket(int fd);
/* The descriptor of a carrier of socket_ops; stays the carrier's. */
int socket_fd(const void *carrier);
/* Waits until fd is ready for `events` (poll), at most as long as `wait` says from now on.
 * ERR_TIMEOUT, ERR_INTERRUPTED. */
int socket_wait(int fd, short events, const struct stream_wait *wait, struct err *err) WARN_UNUSED;
/* The same until fd takes octets, or, with wait->or_input, until it has some and takes none:
 * *ret_input. */
int
socket_wait_room(int fd, const struct stream_wait *wait, bool *ret_input, struct err *err) WARN_UNUSED;
/* recv and send that never wait, are not interrupted and raise no SIGPIPE; as recv(2), send(2). */
ssize_t socket_try_recv(int fd, void *data, size_t max);
ssize_t socket_try_send(int fd, const void *data, size_t len);
/* ERR_CUT, in words, from the errno that a socket call left. */
int socket_lost(struct err *err);

#endif
