#include "net/deflate.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/mem.h"

enum {
	WINDOW_BITS = -15, /* raw */
	MEMORY_LEVEL = 8,
	IN_MAX = 32 * 1024,
	SILENT_MAX = 64 * 1024 /* octets in a row that come to nothing */
};

struct packed {
	const struct stream_ops *ops;
	void *inner;
	z_stream in, out;
	char *raw; /* received, not inflated yet: at in.next_in */
	bool more; /* inflate may have more to say of what it has */
	bool ended; /* the peer has ended its stream */
	char *packed; /* compressed, not sent yet: [at, len) of it */
	size_t at, len, room;
	size_t taken; /* octets of the caller that stand for it; 0: nothing is on its way */
};

/* > 0: so many octets came of it; 0: none; -1 */
static ssize_t
unpack(struct packed *p, void *data, size_t max, struct err *err)
{
	p->in.next_out = data;
	p->in.avail_out = (uInt)max;

	int rc = inflate(&p->in, Z_SYNC_FLUSH);

	p->more = p->in.avail_out == 0;
	p->ended = rc == Z_STREAM_END;
	if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
		return err_set(err, ERR_CUT, "what the server has compressed is damaged (%s): try without --compress",
		    p->in.msg != NULL ? p->in.msg : "zlib");
	return (ssize_t)(max - p->in.avail_out);
}

static ssize_t
packed_recv(void *carrier, void *data, size_t max, const struct stream_wait *wait, struct err *err)
{
	struct packed *p = carrier;
	size_t silent = 0;

	for (;;) {
		ssize_t n = p->in.avail_in > 0 || p->more ? unpack(p, data, max, err) : 0;

		if (n != 0 || p->ended)
			return n;
		if (silent > SILENT_MAX)
			return err_set(err, ERR_CUT, "more than %d octets that the server has compressed say nothing", SILENT_MAX);
		n = p->ops->recv(p->inner, p->raw, IN_MAX, wait, err);
		if (n <= 0)
			return n;
		p->in.next_in = (Bytef *)p->raw;
		p->in.avail_in = (uInt)n;
		silent += (size_t)n;
	}
}

/* The stream hands over the same octets until they are told to be taken. */
static ssize_t
packed_send(void *carrier, const void *data, size_t len, const struct stream_wait *wait, struct err *err)
{
	struct packed *p = carrier;

	if (p->taken == 0) {
		assert(len <= STREAM_OUT_MAX);
		p->out.next_in = (Bytef *)(uintptr_t)data;
		p->out.avail_in = (uInt)len;
		p->out.next_out = (Bytef *)p->packed;
		p->out.avail_out = (uInt)p->room;
		(void)deflate(&p->out, Z_SYNC_FLUSH);
		assert(p->out.avail_in == 0 && p->out.avail_out > 0);
		p->at = 0;
		p->len = p->room - p->out.avail_out;
		p->taken = len;
	}
	while (p->at < p->len) {
		ssize_t n = p->ops->send(p->inner, p->packed + p->at, p->len - p->at, wait, err);

		if (n <= 0)
			return n;
		p->at += (size_t)n;
	}
	len = p->taken;
	p->taken = 0;
	return (ssize_t)len;
}

static void
packed_close(void *carrier)
{
	struct packed *p = carrier;

	if (p == NULL)
		return;
	p->ops->close(p->inner);
	(void)inflateEnd(&p->in);
	(void)deflateEnd(&p->out);
	free(p->raw);
	free(p->packed);
	free(p);
}

static const struct stream_ops packed_ops = {
	.name = "deflate",
	.recv = packed_recv,
	.send = packed_send,
	.close = packed_close,
};

void
deflate_start(struct stream *s)
{
	struct packed *p = mem_new(sizeof(*p));
	struct slice early = stream_buffered(s);

	p->ops = stream_carrier_ops(s);
	p->inner = stream_carrier(s);
	if (inflateInit2(&p->in, WINDOW_BITS) != Z_OK ||
	    deflateInit2(&p->out, Z_DEFAULT_COMPRESSION, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		mem_out();
	/* And the marker of the flush. */
	p->room = deflateBound(&p->out, STREAM_OUT_MAX) + 64;
	p->packed = mem_resize(NULL, p->room, 1);
	p->raw = mem_resize(NULL, early.len > IN_MAX ? early.len : IN_MAX, 1);
	memcpy(p->raw, early.data, early.len);
	p->in.next_in = (Bytef *)p->raw;
	p->in.avail_in = (uInt)early.len;
	(void)stream_swap(s, &packed_ops, p);
}
