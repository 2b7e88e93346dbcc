/* See stream.h. One flat buffer a direction. Reading: data lie at in[start, end); a read goes to
 * the free end; the rest is moved to the front only when the free end is short, so that a body
 * streams without a copy and a long line costs one copy a buffer. A ring was rejected: its
 * slices would break in two at every wrap, and each parser would have to know. */
#include "net/stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/secret.h"

enum { STREAM_SHORT_TAIL = STREAM_BUFFER / 8 };

struct stream {
	const struct stream_ops *ops;
	void *carrier;
	struct stream_wait wait;
	atomic_llong waiting_since_ms;
	atomic_ullong bytes_in, bytes_out;
	char *in, *out;
	size_t start, end, out_len;
	int64_t patience_ms, waited_ms; /* waited: since the last progress */
	int64_t reading_ms; /* all that was waited for octets */
};

struct stream *
stream_new(const struct stream_ops *ops, void *carrier)
{
	struct stream *s = mem_new(sizeof(*s));

	s->ops = ops;
	s->carrier = carrier;
	s->wait.deadline_ms = INT64_MAX;
	s->wait.since_ms = &s->waiting_since_ms;
	s->in = mem_resize(NULL, STREAM_BUFFER, 1);
	s->out = mem_resize(NULL, STREAM_OUT_MAX, 1);
	return s;
}

void
stream_close(struct stream **s)
{
	if (*s == NULL)
		return;
	(*s)->ops->close((*s)->carrier);
	secret_wipe((*s)->out, (*s)->out_len);
	free((*s)->in);
	free((*s)->out);
	free(*s);
	*s = NULL;
}

void
stream_set_timeout(struct stream *s, int64_t idle_ms)
{
	s->wait.idle_ms = idle_ms;
}

void
stream_set_patience(struct stream *s, int64_t ms)
{
	s->patience_ms = ms;
	s->waited_ms = 0;
}

void
stream_progress(struct stream *s)
{
	s->waited_ms = 0;
}

int64_t
stream_reading_ms(const struct stream *s)
{
	return s->reading_ms;
}

void
stream_set_cancel(struct stream *s, struct cancel *stop)
{
	s->wait.stop = stop;
}

void
stream_set_grace(struct stream *s, int64_t grace_ms)
{
	s->wait.grace_ms = grace_ms;
}

/* A peer that always has data ready never makes us wait: the stop must be asked for here too. */
static int
stream_stopped(const struct stream *s, struct err *err)
{
	if (s->wait.grace_ms <= 0 && cancel_raised(s->wait.stop))
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	return 0;
}

static int
stream_impatient(const struct stream *s, struct err *err)
{
	return err_set(err, ERR_TIMEOUT,
	    "the server says something, but nothing of what it was asked for, for %lld s",
	    (long long)s->patience_ms / SEC);
}

/* The end of what is left of the patience, for one call of the carrier. */
static int
stream_patience(const struct stream *s, int64_t now_ms, struct stream_wait *io, struct err *err)
{
	if (s->patience_ms == 0)
		return 0;
	if (s->waited_ms >= s->patience_ms)
		return stream_impatient(s, err);
	io->deadline_ms = now_ms + s->patience_ms - s->waited_ms;
	return 0;
}

static ssize_t
stream_recv(struct stream *s, struct err *err)
{
	struct stream_wait wait = s->wait;
	int64_t began_ms = clock_mono_ms();
	ssize_t n;

	if (stream_patience(s, began_ms, &wait, err) < 0)
		return -1;
	n = s->ops->recv(s->carrier, s->in + s->end, STREAM_BUFFER - s->end, &wait, err);
	int64_t took_ms = clock_mono_ms() - began_ms;

	s->waited_ms += took_ms;
	s->reading_ms += took_ms;
	if (n < 0 && err->kind == ERR_TIMEOUT && s->patience_ms > 0 && s->waited_ms >= s->patience_ms)
		return stream_impatient(s, err);
	return n;
}

static void
stream_make_room(struct stream *s, size_t want)
{
	size_t have = s->end - s->start, tail = STREAM_BUFFER - s->end;

	if (have > 0 && s->start + want <= STREAM_BUFFER &&
	    (tail >= STREAM_SHORT_TAIL || have > s->start))
		return;
	if (have > 0)
		memmove(s->in, s->in + s->start, have);
	s->start = 0;
	s->end = have;
}

int
stream_peek(struct stream *s, size_t want, struct slice *ret, struct err *err)
{
	assert(want > 0 && want <= STREAM_BUFFER);
	while (s->end - s->start < want) {
		stream_make_room(s, want);
		if (stream_stopped(s, err) < 0)
			return -1;
		ssize_t n = stream_recv(s, err);

		if (n < 0)
			return -1;
		if (n == 0)
			return err_set(err, ERR_CUT, "the server closed the connection");
		s->end += (size_t)n;
		atomic_fetch_add_explicit(&s->bytes_in, (size_t)n, memory_order_relaxed);
	}
	*ret = stream_buffered(s);
	return 0;
}

struct slice
stream_buffered(const struct stream *s)
{
	return (struct slice){ .data = s->in + s->start, .len = s->end - s->start };
}

void
stream_skip(struct stream *s, size_t len)
{
	assert(len <= s->end - s->start);
	s->start += len;
}

/* What the peer says while it takes nothing. */
static int
stream_take_in(struct stream *s, struct err *err)
{
	struct stream_wait wait = s->wait;

	wait.at_once = true;

	ssize_t n = s->ops->recv(s->carrier, s->in + s->end, STREAM_BUFFER - s->end, &wait, err);

	if (n == STREAM_NOTHING)
		return 0;
	if (n == 0)
		return err_set(err, ERR_CUT, "the server closed the connection");
	if (n < 0)
		return -1;
	s->end += (size_t)n;
	atomic_fetch_add_explicit(&s->bytes_in, (size_t)n, memory_order_relaxed);
	return 0;
}

void
stream_glance(struct stream *s)
{
	struct err ignored;

	if (s->end == STREAM_BUFFER)
		stream_make_room(s, STREAM_BUFFER);
	if (s->end < STREAM_BUFFER)
		(void)!stream_take_in(s, &ignored);
}

uint64_t
stream_received(const struct stream *s)
{
	return s->ops->written_before ? 0 : stream_bytes_in(s);
}

uint64_t
stream_read_to(const struct stream *s)
{
	return stream_bytes_in(s) - (s->end - s->start);
}

int
stream_flush(struct stream *s, struct err *err)
{
	size_t sent = 0, step = STREAM_STEP;
	int done = 0;

	while (done == 0 && sent < s->out_len) {
		struct stream_wait wait = s->wait;
		int64_t began_ms = clock_mono_ms();
		ssize_t n = -1;

		if (s->end == STREAM_BUFFER && s->start > 0)
			stream_make_room(s, STREAM_BUFFER);
		wait.or_input = s->end < STREAM_BUFFER;
		if (stream_stopped(s, err) == 0 && stream_patience(s, began_ms, &wait, err) == 0)
			n = s->ops->send(s->carrier, s->out + sent, s->out_len - sent, &wait, err);
		if (n == 0)
			err_set(err, ERR_CUT, "the server closed the connection");
		if (n == STREAM_NOTHING)
			done = stream_take_in(s, err);
		else if (n <= 0)
			done = -1;
		else
			sent += (size_t)n;
		s->waited_ms += clock_mono_ms() - began_ms;
		if (sent >= step) {
			stream_progress(s);
			step = sent + STREAM_STEP;
		}
	}
	if (sent > 0 && done == 0)
		stream_progress(s);
	atomic_fetch_add_explicit(&s->bytes_out, sent, memory_order_relaxed);
	memmove(s->out, s->out + sent, s->out_len - sent);
	secret_wipe(s->out + s->out_len - sent, sent);
	s->out_len -= sent;
	return done;
}

int
stream_write(struct stream *s, const void *data, size_t len, struct err *err)
{
	const char *at = data;

	while (len > 0) {
		if (s->out_len == STREAM_OUT_MAX && stream_flush(s, err) < 0)
			return -1;
		size_t room = STREAM_OUT_MAX - s->out_len;
		size_t take = len < room ? len : room;

		memcpy(s->out + s->out_len, at, take);
		s->out_len += take;
		at += take;
		len -= take;
	}
	return 0;
}

size_t
stream_swap(struct stream *s, const struct stream_ops *ops, void *carrier)
{
	size_t dropped = s->end - s->start;

	assert(s->out_len == 0);
	s->start = s->end = 0;
	s->ops = ops;
	s->carrier = carrier;
	return dropped;
}

void *
stream_carrier(struct stream *s)
{
	return s->carrier;
}

const struct stream_ops *
stream_carrier_ops(const struct stream *s)
{
	return s->ops;
}

uint64_t
stream_bytes_in(const struct stream *s)
{
	return atomic_load_explicit(&s->bytes_in, memory_order_relaxed);
}

uint64_t
stream_bytes_out(const struct stream *s)
{
	return atomic_load_explicit(&s->bytes_out, memory_order_relaxed);
}

int64_t
stream_waiting_since(const struct stream *s)
{
	return atomic_load_explicit(&s->waiting_since_ms, memory_order_relaxed);
}
