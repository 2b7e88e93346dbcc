/* A peer made of memory, for tests: what it says is given at birth, cut into pieces of one size;
 * what it hears is collected. It never waits. */
#include "net/stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

enum { MEMORY_OUT_MAX = 256 * 1024 * 1024 };

struct memory {
	char *input;
	size_t len, at, piece;
	struct buf output;
};

static ssize_t
memory_recv(void *carrier, void *data, size_t max, const struct stream_wait *wait, struct err *err)
{
	struct memory *m = carrier;
	size_t len = m->len - m->at;

	(void)wait;
	(void)err;
	if (m->piece > 0 && len > m->piece)
		len = m->piece;
	if (len > max)
		len = max;
	memcpy(data, m->input + m->at, len);
	m->at += len;
	return (ssize_t)len;
}

static ssize_t
memory_send(
    void *carrier, const void *data, size_t len, const struct stream_wait *wait, struct err *err)
{
	struct memory *m = carrier;

	(void)wait;
	if (!buf_add(&m->output, data, len))
		return err_set(
		    err, ERR_CUT, "more than %d bytes for a memory stream", MEMORY_OUT_MAX);
	return (ssize_t)len;
}

static void
memory_close(void *carrier)
{
	struct memory *m = carrier;

	if (m == NULL)
		return;
	free(m->input);
	buf_done(&m->output);
	free(m);
}

static const struct stream_ops memory_ops = {
	.name = "memory",
	.written_before = true,
	.recv = memory_recv,
	.send = memory_send,
	.close = memory_close,
};

struct stream *
stream_memory(struct slice input, size_t piece)
{
	struct memory *m = mem_new(sizeof(*m));

	m->input = mem_resize(NULL, input.len, 1);
	if (input.len > 0)
		memcpy(m->input, input.data, input.len);
	m->len = input.len;
	m->piece = piece;
	buf_init(&m->output, MEMORY_OUT_MAX);
	return stream_new(&memory_ops, m);
}

struct slice
stream_memory_output(struct stream *s)
{
	assert(stream_carrier_ops(s) == &memory_ops);
	struct memory *m = stream_carrier(s);

	return buf_slice(&m->output);
}
