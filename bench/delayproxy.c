/*
 * delayproxy: a TCP relay on 127.0.0.1 that makes a long way out of a short one, for machines
 * without netem.
 *
 *   delayproxy LISTEN_PORT TARGET_PORT ONE_WAY_MS
 *
 * Prints "port N" once it listens (LISTEN_PORT 0: any free one) and runs until it gets a signal.
 *
 * Every byte is forwarded ONE_WAY_MS after it came in, in both directions, so the round trip grows
 * by twice that. The TCP handshake's round trip is charged too: the target is connected to three
 * one-way delays after the client's connect, so the greeting arrives two round trips after it, as
 * on a real link of that length. Up to 512 MiB are queued per direction: throughput is not capped,
 * and no congestion window is modelled.
 *
 * Two threads serve one direction: one stamps what it receives with the time it is due, the other
 * sends it then. A single thread with poll() would need a timer per chunk and gain nothing.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK_BYTES 65536
#define QUEUE_BYTES ((size_t)512 << 20)

static int64_t delay_ns;
static uint16_t target_port;

struct chunk {
	struct chunk *next;
	int64_t due_ns;
	size_t len; /* 0: the sender closed */
	char data[];
};

struct direction {
	int from, to;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct chunk *head, **tail;
	size_t queued;
	bool dead; /* the receiving side is gone */
};

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void
sleep_until(int64_t ns)
{
	struct timespec t = { ns / 1000000000, ns % 1000000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

/* ---- one direction ---- */

static void
direction_init(struct direction *d, int from, int to)
{
	*d = (struct direction){ .from = from, .to = to };
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->changed, NULL);
	d->tail = &d->head;
}

/* Takes the chunk. Returns false when there is nobody to send it to any more. */
static bool
direction_put(struct direction *d, struct chunk *c)
{
	bool alive;

	pthread_mutex_lock(&d->lock);
	while (d->queued > QUEUE_BYTES && !d->dead)
		pthread_cond_wait(&d->changed, &d->lock);
	*d->tail = c;
	d->tail = &c->next;
	d->queued += c->len;
	alive = !d->dead;
	pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->lock);
	return alive;
}

static struct chunk *
direction_take(struct direction *d)
{
	struct chunk *c;

	pthread_mutex_lock(&d->lock);
	while (d->head == NULL)
		pthread_cond_wait(&d->changed, &d->lock);
	c = d->head;
	d->head = c->next;
	if (d->head == NULL)
		d->tail = &d->head;
	d->queued -= c->len;
	pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->lock);
	return c;
}

static void
direction_kill(struct direction *d)
{
	pthread_mutex_lock(&d->lock);
	d->dead = true;
	pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->lock);
	shutdown(d->from, SHUT_RD);
}

static void
direction_done(struct direction *d)
{
	while (d->head != NULL) {
		struct chunk *c = d->head;

		d->head = c->next;
		free(c);
	}
	pthread_cond_destroy(&d->changed);
	pthread_mutex_destroy(&d->lock);
}

static void *
direction_read(void *arg)
{
	struct direction *d = arg;
	char buf[CHUNK_BYTES];
	ssize_t n;

	do {
		struct chunk *c;

		n = recv(d->from, buf, sizeof(buf), 0);
		c = malloc(sizeof(*c) + (n > 0 ? (size_t)n : 0));
		if (c == NULL)
			abort();
		*c = (struct chunk){ .due_ns = now_ns() + delay_ns, .len = n > 0 ? (size_t)n : 0 };
		memcpy(c->data, buf, c->len);
		if (!direction_put(d, c))
			break;
	} while (n > 0);
	return NULL;
}

static bool
send_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t k = send(fd, p, n, MSG_NOSIGNAL);

		if (k <= 0)
			return false;
		p += k;
		n -= (size_t)k;
	}
	return true;
}

static void *
direction_write(void *arg)
{
	struct direction *d = arg;
	bool more = true;

	while (more) {
		struct chunk *c = direction_take(d);

		if (c->due_ns > now_ns())
			sleep_until(c->due_ns);
		more = c->len > 0;
		if (!more)
			shutdown(d->to, SHUT_WR);
		if (more && !send_all(d->to, c->data, c->len)) {
			direction_kill(d);
			more = false;
		}
		free(c);
	}
	return NULL;
}

/* ---- one connection ---- */

static void
relay(int client, int server)
{
	struct direction up, down;
	pthread_t threads[4];

	direction_init(&up, client, server);
	direction_init(&down, server, client);
	pthread_create(&threads[0], NULL, direction_read, &up);
	pthread_create(&threads[1], NULL, direction_write, &up);
	pthread_create(&threads[2], NULL, direction_read, &down);
	pthread_create(&threads[3], NULL, direction_write, &down);
	/* Once the server's last byte is with the client there is nothing left to relay. */
	pthread_join(threads[3], NULL);
	shutdown(client, SHUT_RDWR);
	shutdown(server, SHUT_RDWR);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	direction_done(&up);
	direction_done(&down);
}

static void *
session(void *arg)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(target_port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int client = (int)(intptr_t)arg, server, one = 1;

	sleep_until(now_ns() + 3 * delay_ns);
	server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(server, (struct sockaddr *)&to, sizeof(to)) == 0) {
		setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		relay(client, server);
	}
	close(client);
	close(server);
	return NULL;
}

static int
listen_on(uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&at, len) < 0 || listen(fd, 128) < 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) < 0) {
		perror("delayproxy: listen");
		exit(1);
	}
	printf("port %u\n", (unsigned)ntohs(at.sin_port));
	fflush(stdout);
	return fd;
}

int
main(int argc, char **argv)
{
	pthread_attr_t detached;
	int listener;

	if (argc != 4) {
		fputs("usage: delayproxy LISTEN_PORT TARGET_PORT ONE_WAY_MS\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	target_port = (uint16_t)strtoul(argv[2], NULL, 10);
	delay_ns = (int64_t)(strtod(argv[3], NULL) * 1e6);
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	listener = listen_on((uint16_t)strtoul(argv[1], NULL, 10));
	for (;;) {
		int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		pthread_t thread;

		if (client >= 0 &&
		    pthread_create(&thread, &detached, session, (void *)(intptr_t)client) != 0)
			close(client);
	}
}
