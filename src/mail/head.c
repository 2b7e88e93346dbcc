#include "mail/head.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/mem.h"

struct head {
	struct digest *digest;
	bool over;	/* the empty line was seen */
	bool at_start;	/* of a line */
	bool cr_held;	/* a CR at the start of a line: perhaps the empty one */
};

struct head *
head_new(void)
{
	struct head *h = mem_new(sizeof *h);

	h->digest = digest_new();
	return h;
}

void
head_free(struct head *h)
{
	if (h == NULL)
		return;
	digest_free(h->digest);
	free(h);
}

void
head_start(struct head *h)
{
	digest_start(h->digest);
	h->over = h->cr_held = false;
	h->at_start = true;
}

/* At the start of a line. False: the header ends here. */
static bool
head_line(struct head *h, struct slice *io)
{
	if (!h->cr_held && *io->data == '\r') {
		h->cr_held = true;
		io->data++;
		io->len--;
		return true;
	}
	if (*io->data == '\n')
		return false;
	if (h->cr_held)
		digest_add(h->digest, "\r", 1);
	h->cr_held = h->at_start = false;
	return true;
}

void
head_add(struct head *h, struct slice octets)
{
	while (!h->over && octets.len > 0) {
		if (h->at_start) {
			h->over = !head_line(h, &octets);
			continue;
		}

		const char *lf = memchr(octets.data, '\n', octets.len);
		size_t n = lf != NULL ? (size_t)(lf - octets.data) + 1 : octets.len;

		digest_add(h->digest, octets.data, n);
		octets.data += n;
		octets.len -= n;
		h->at_start = lf != NULL;
	}
}

void
head_end(struct head *h, uint8_t ret[HEAD_LEN])
{
	uint8_t all[SHA256_LEN];

	if (h->cr_held && !h->over)
		digest_add(h->digest, "\r", 1);
	digest_end(h->digest, all);
	memcpy(ret, all, HEAD_LEN);
}
