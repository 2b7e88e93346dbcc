/* One buffered byte stream to a peer: plain socket, TLS on a socket, either of them compressed, or memory (tests). Used by one
 * thread. Every call that can wait ends at the stream's idle timeout (no byte moved), at the end of its
 * patience (nothing that was asked for), or when the job is cancelled. Reading: the buffer is lent, never copied out; a slice from stream_peek is
 * valid until the next call that reads. Writing: stream_write collects, and sends only when
 * STREAM_OUT_MAX is reached; stream_flush sends what is left. While the peer takes nothing, what it
 * says meanwhile is taken into the reading buffer as long as there is room: a peer that answers
 * before it reads on would else block both sides. Errors: ERR_CUT
 * (end of stream, reset), ERR_TIMEOUT, ERR_INTERRUPTED, ERR_TLS. */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cancel.h"
#include "base/err.h"
#include "base/slice.h"

enum { STREAM_BUFFER = 256 * 1024, STREAM_OUT_MAX = 64 * 1024, STREAM_STEP = 64 * 1024 };

struct stream;

/* How long a carrier may wait. The stream fills it in; carriers pass it to socket_wait. */
struct stream_wait {
	int64_t idle_ms; /* since the last byte; 0: no limit */
	int64_t deadline_ms; /* absolute monotonic; INT64_MAX: none */
	struct cancel *stop; /* NULL: none */
	int64_t grace_ms; /* without a byte after a raise */
	atomic_llong *since_ms; /* NULL or where to note that a wait is going on */
	bool at_once; /* recv: STREAM_NOTHING instead of waiting */
	bool or_input; /* send: STREAM_NOTHING when there is something to read first */
};
enum { STREAM_NOTHING = -2 };

/* What carries the bytes. Both return > 0 bytes moved, 0 end of stream, -1 *err filled; they wait
 * only when no byte can be moved. STREAM_NOTHING where `wait` allows it. close frees the carrier and what it wraps, and accepts NULL. One
 * implementation each in socket.c, tls.c, deflate.c, memory.c. */
struct stream_ops {
	const char *name;
	bool written_before; /* what it says was made before what it hears (tests) */
	ssize_t (*recv)(
	    void *carrier, void *data, size_t max, const struct stream_wait *wait, struct err *err);
	ssize_t (*send)(void *carrier, const void *data, size_t len, const struct stream_wait *wait,
	    struct err *err);
	void (*close)(void *carrier);
};

struct stream *stream_new(const struct stream_ops *ops, void *carrier); /* owns the carrier */
void stream_close(struct stream **s);
void stream_set_timeout(struct stream *s, int64_t idle_ms); /* 0: none */
/* How long reading may wait in all until stream_progress is called, whatever octets come meanwhile: a
 * peer may send one now and then, or what nobody asked for. After it ERR_TIMEOUT; 0: as long as it
 * likes. What is sent counts as progress, STREAM_STEP octets or all of it. */
void stream_set_patience(struct stream *s, int64_t ms);
/* Something that was asked for has come. */
void stream_progress(struct stream *s);
void
stream_set_cancel(struct stream *s, struct cancel *stop); /* the wait for a byte ends when raised */
/* After a raise, a body in flight may go on for grace_ms without a byte; 0: stops at once
 * (rules.md 4.4). */
void stream_set_grace(struct stream *s, int64_t grace_ms);

/* At least `want` bytes (<= STREAM_BUFFER) buffered; *ret is all that is buffered. */
int stream_peek(struct stream *s, size_t want, struct slice *ret, struct err *err) WARN_UNUSED;
/* What is buffered now, possibly nothing; never waits. */
struct slice stream_buffered(const struct stream *s);
void stream_skip(struct stream *s, size_t len); /* len <= buffered */

/* What was collected is wiped once sent: it may have been a password. */
int stream_write(struct stream *s, const void *data, size_t len, struct err *err) WARN_UNUSED;
int stream_flush(struct stream *s, struct err *err) WARN_UNUSED;

/* Take in what has arrived, without waiting; what is wrong with it the next reading tells. */
void stream_glance(struct stream *s);
/* Octets received so far that were skipped, and all; of a peer that was written before, no number is
 * ever reached. */
uint64_t stream_read_to(const struct stream *s);
uint64_t stream_received(const struct stream *s);

/* Swap the carrier (STARTTLS) for one that wraps, and from now on owns, the old one. Everything
 * buffered on the reading side is dropped; returns how many bytes that were, so that an injection
 * can be reported. */
size_t stream_swap(struct stream *s, const struct stream_ops *ops, void *carrier);
void *stream_carrier(struct stream *s);
const struct stream_ops *stream_carrier_ops(const struct stream *s);
/* Octets above TLS; any thread may ask. */
uint64_t stream_bytes_in(const struct stream *s);
uint64_t stream_bytes_out(const struct stream *s);
/* How long octets were waited for, in all. */
int64_t stream_reading_ms(const struct stream *s);
/* Monotonic time since which a read has been waiting; 0: it is not waiting. For progress, other
 * threads. */
int64_t stream_waiting_since(const struct stream *s);

/* Tests: reads come from `input` cut into pieces of `piece` bytes (0: all at once), then end of
 * stream; what is written is collected and lent by stream_memory_output. */
struct stream *stream_memory(struct slice input, size_t piece);
struct slice stream_memory_output(struct stream *s);

#endif
