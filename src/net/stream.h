/* One buffered byte stream to a peer: plain socket, TLS on a socket, or memory (tests). Used by one thread.
 * Every call that can wait ends at the stream's idle timeout (no byte moved), or when the job is
 * cancelled. Reading: the buffer is lent, never copied out; a slice from stream_peek is valid until the
 * next call that reads. Writing: stream_write only collects; stream_flush sends, and reads nothing.
 * Errors: ERR_CUT (end of stream, reset), ERR_TIMEOUT, ERR_INTERRUPTED, ERR_TLS. */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/err.h"
#include "base/slice.h"

enum { STREAM_BUFFER = 256 * 1024, STREAM_OUT_MAX = 64 * 1024 };

struct stream;

/* What carries the bytes. Both return >0 bytes moved, 0 end of stream, -1 *err filled. wait is absolute
 * monotonic ms. One implementation each in socket.c, tls.c, memory.c. */
struct stream_ops {
	const char *name;
	ssize_t (*recv)(void *carrier, void *data, size_t max, int64_t deadline_ms, struct err *err);
	ssize_t (*send)(void *carrier, const void *data, size_t len, int64_t deadline_ms, struct err *err);
	bool (*pending)(void *carrier);		/* bytes that can be had without waiting */
	void (*close)(void *carrier);
};

struct stream *stream_new(const struct stream_ops *ops, void *carrier);	/* owns the carrier */
void stream_close(struct stream **s);
void stream_set_timeout(struct stream *s, int64_t idle_ms);	/* 0: none */
void stream_set_cancel(struct stream *s, struct cancel *stop);	/* the wait for a byte ends when raised */
/* After a raise, a body in flight may go on for grace_ms without a byte; 0: stops at once (rules.md 4.4). */
void stream_set_grace(struct stream *s, int64_t grace_ms);

/* At least `want` bytes (<= STREAM_BUFFER) buffered; *ret is all that is buffered. */
int stream_peek(struct stream *s, size_t want, struct slice *ret, struct err *err) WARN_UNUSED;
/* What is buffered now, possibly nothing; never waits. */
struct slice stream_buffered(const struct stream *s);
void stream_skip(struct stream *s, size_t len);		/* len <= buffered */

int stream_write(struct stream *s, const void *data, size_t len, struct err *err) WARN_UNUSED;
int stream_flush(struct stream *s, struct err *err) WARN_UNUSED;

/* Swap the carrier (STARTTLS): everything buffered on the reading side is dropped; returns how many bytes
 * that were, so that an injection can be reported. */
size_t stream_swap(struct stream *s, const struct stream_ops *ops, void *carrier);
void *stream_carrier(struct stream *s);
uint64_t stream_bytes_in(const struct stream *s);
uint64_t stream_bytes_out(const struct stream *s);
/* Monotonic time since which a read has been waiting; 0: it is not waiting. For progress, other threads. */
int64_t stream_waiting_since(const struct stream *s);

/* Tests: reads come from `input` cut into pieces of `piece` bytes (0: all at once), then end of stream;
 * what is written is collected and lent by stream_memory_output. */
struct stream *stream_memory(struct slice input, size_t piece);
struct slice stream_memory_output(struct stream *s);

#endif
