#include "engine/sample.h"

#include <string.h>

#include "engine/answer.h"

/* The one between is taken again whenever their number has doubled: then it is never near an end. */
void
sample_offer(struct sample *s, const struct want *want, bool seen, const uint8_t sha256[SHA256_LEN])
{
	uint64_t n = ++s->offered;
	size_t i = n == 1 ? 0 : s->n < SAMPLE_BODIES ? s->n : SAMPLE_BODIES - 1;

	if (s->n == SAMPLE_BODIES && (n & (n - 1)) == 0)
		s->body[1] = s->body[SAMPLE_BODIES - 1];
	s->body[i].want = *want;
	s->body[i].seen = seen;
	memcpy(s->body[i].sha256, sha256, SHA256_LEN);
	if (i == s->n)
		s->n++;
}

bool
sample_agrees(const struct sample *s)
{
	return s->n > 0 && s->equal == s->n;
}

static int
take_one(struct sample *s, const struct offer *o, struct err *err)
{
	struct lane *l = s->l;
	uint8_t sha256[SHA256_LEN];
	struct slice part;

	if (o->verdict != VERDICT_NONE)
		return 0;
	digest_start(l->digest);
	do {
		if (l->source_ops->read(l->source, &part, err) < 0) {
			bool alone = err->kind == ERR_MESSAGE;

			if (alone)
				*err = (struct err){ 0 };
			return alone ? 0 : -1;
		}
		digest_add(l->digest, part.data, part.len);
	} while (part.len > 0);
	digest_end(l->digest, sha256);
	for (size_t i = 0; i < s->n; i++)
		s->equal += o->good == VERDICT_STORED && s->body[i].want.uid == o->uid &&
			    memcmp(s->body[i].sha256, sha256, SHA256_LEN) == 0;
	return 0;
}

/* The next commands may set \Seen: the caller gives it back. */
static int
owe(struct sample *s, struct err *err)
{
	for (size_t i = 0; i < s->n; i++)
		if (!s->body[i].seen)
			batch_debt(s->l->batch, s->folder, s->body[i].want.uid);
	s->owed = true;
	return lane_flush(s->l, true, err);
}

/* Everything up to the end of one ask. */
static int
take_answers(struct sample *s, struct err *err)
{
	struct lane *l = s->l;

	for (;;) {
		struct offer o;

		switch (answer_next(l->source_ops, l->source, l->job->stop, &o, err)) {
		case STEP_ERR:
			return -1;
		case STEP_END:
			return 0;
		case STEP_OWE:
			if (owe(s, err) < 0)
				return -1;
			break;
		case STEP_ITEM:
			if (take_one(s, &o, err) < 0)
				return -1;
			break;
		}
	}
}

int
sample_fetch(struct sample *s, struct err *err)
{
	struct lane *l = s->l;
	struct want want[SAMPLE_BODIES];

	for (size_t i = 0; i < s->n; i++)
		want[i] = s->body[i].want;
	if (l->source_ops->ask(l->source, want, s->n, err) < 0 ||
	    l->source_ops->ask_rest(l->source, err) < 0 || take_answers(s, err) < 0)
		return -1;
	return take_answers(s, err);
}
