/* libFuzzer: what a server sends, read in two ways of cutting it, with the same events. The first
 * octet is the cut. */
#include <stdlib.h>

#include "imap/resp.h"

enum { RESPONSES_MAX = 2000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint64_t
mix(uint64_t sum, const void *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum = (sum ^ ((const unsigned char *)data)[i]) * UINT64_C(0x100000001b3);
	return sum;
}

static uint64_t
mix_response(uint64_t sum, const struct reader *in, const struct resp *r)
{
	unsigned facts[] = { r->kind, r->tag, r->state, r->code, r->number, (unsigned)r->words,
		r->folder.attrs, r->folder.counts.messages, r->fetch.uid, r->fetch.body,
		r->fetch.part, r->more };

	sum = mix(sum, facts, sizeof(facts));
	sum = mix(sum, r->text.data, r->text.len);
	sum = mix(sum, r->folder.name.data, r->folder.name.len);
	sum = mix(sum, &r->fetch.octets, sizeof(r->fetch.octets));
	for (size_t i = 0; i < r->words; i++)
		sum = mix(sum, r->word[i].data, r->word[i].len);
	if (r->has_uidset && r->kind != RESP_GARBAGE && in->set.len > 0)
		sum = mix(sum, in->set.range, in->set.len * sizeof(*in->set.range));
	return sum;
}

static int
skip_body(struct stream *in, uint64_t octets, struct err *err)
{
	while (octets > 0) {
		struct slice more;

		if (stream_peek(in, 1, &more, err) < 0)
			return -1;

		size_t take = more.len < octets ? more.len : (size_t)octets;

		stream_skip(in, take);
		octets -= take;
	}
	return 0;
}

static uint64_t
play(struct slice text, size_t piece)
{
	struct stream *in = stream_memory(text, piece);
	struct reader reader;
	struct err err = { 0 };
	struct resp r;
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	reader_init(&reader, in);
	for (int n = 0; n < RESPONSES_MAX && resp_read(&reader, &r, &err) == 0; n++) {
		sum = mix_response(sum, &reader, &r);
		while (r.more) {
			if ((r.fetch.body == BODY_LITERAL &&
				skip_body(in, r.fetch.octets, &err) < 0) ||
			    resp_more(&reader, &r, &err) < 0)
				break;
			sum = mix_response(sum, &reader, &r);
		}
	}
	sum = mix(sum, &err.kind, sizeof(err.kind));
	reader_done(&reader);
	stream_close(&in);
	return sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len == 0)
		return 0;

	struct slice text = { (const char *)data + 1, len - 1 };

	if (play(text, 0) != play(text, 1 + data[0] % 64))
		abort();
	return 0;
}
