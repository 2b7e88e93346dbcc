/* A few whole messages of the open folder, fetched to see that they are what rows say: the proof of what
 * is taken over without being fetched (renamed.h, renewed.h). Nothing of them is stored. */
#ifndef ENGINE_SAMPLE_H
#define ENGINE_SAMPLE_H

#include "engine/copy.h"

enum { SAMPLE_BODIES = 3 };

struct sample {
	struct lane *l;
	int64_t folder; /* its record: reading may set \Seen, which is owed there */
	struct {
		struct want want;
		uint8_t sha256[SHA256_LEN];
		bool seen;
	} body[SAMPLE_BODIES]; /* the first, one between, the last; by UID */
	uint64_t offered;
	size_t n;
	unsigned equal; /* of them */
	bool owed; /* the debt is written down for those without \Seen */
};

/* One that could be taken, with the digest of its row; UIDs ascend from call to call. */
void sample_offer(struct sample *s, const struct want *want, bool seen, const uint8_t sha256[SHA256_LEN]);
/* Fetch them; then sample_agrees. The listing has been read to its end, and no body is under way. */
int sample_fetch(struct sample *s, struct err *err) WARN_UNUSED;
bool sample_agrees(const struct sample *s); /* there is one, and all are equal */

#endif
