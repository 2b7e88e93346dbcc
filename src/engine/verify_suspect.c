/* Copies on the target that are not what was sent: the same message after what the server did to
 * it, or another one. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/rewrite.h"
#include "engine/verify.h"

void
suspects_add(
    struct suspects *s, int64_t folder, uint32_t uid, uint32_t dest_uid, const struct look *look)
{
	struct suspect *at;

	if (s->len == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 64;
		s->one = mem_resize(s->one, s->cap, sizeof(*s->one));
	}
	at = &s->one[s->len++];
	*at = (struct suspect){
		.folder = folder, .uid = uid, .dest_uid = dest_uid, .octets = look->octets
	};
	memcpy(at->whole, look->whole, SHA256_LEN);
	if (s->len > SUSPECT_HEADERS)
		return;
	at->header = mem_new(look->start.len + 1);
	at->header_len = look->start.len;
	if (look->start.len > 0)
		memcpy(at->header, look->start.data, look->start.len);
}

static int
suspect_order(const void *a, const void *b)
{
	const struct suspect *x = a, *y = b;

	if (x->folder != y->folder)
		return x->folder < y->folder ? -1 : 1;
	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

void
suspects_sort(struct suspects *s)
{
	if (s->len > 0)
		qsort(s->one, s->len, sizeof(*s->one), suspect_order);
}

struct suspect *
suspects_find(const struct suspects *s, int64_t folder, uint32_t uid)
{
	struct suspect key = { .folder = folder, .uid = uid };

	return s->len == 0 ? NULL : bsearch(&key, s->one, s->len, sizeof(*s->one), suspect_order);
}

void
suspects_done(struct suspects *s)
{
	for (size_t i = 0; i < s->len; i++)
		free(s->one[i].header);
	free(s->one);
	*s = (struct suspects){ 0 };
}

void
verify_suspect(struct verify *v, struct suspect *at, const struct look *source)
{
	struct buf how;

	if (at->told)
		return;
	at->told = true;
	if (memcmp(at->whole, source->whole, SHA256_LEN) != 0) {
		verify_differ(v, DIFF_DEST_BYTES, false, at->uid,
		    "UID %u there has %" PRIu64
		    " octets of another message, the source has %" PRIu64,
		    at->dest_uid, at->octets, source->octets);
		return;
	}
	buf_init(&how, 2048);
	if (at->header != NULL)
		rewrite_fields(source->start, (struct slice){ at->header, at->header_len }, &how);
	verify_differ(v, DIFF_DEST_BYTES, true, at->uid,
	    "UID %u there is the same message in %" PRIu64 " octets, %" PRIu64
	    " were sent; the server changed it: %s",
	    at->dest_uid, at->octets, source->octets,
	    how.len > 0 ? how.data : "line ends or single octets");
	buf_done(&how);
}
