/* A lane as it is made and given up: its sink, its batch, and what it keeps of the folder at hand. */
#include <stdlib.h>

#include "base/clock.h"
#include "engine/copy.h"
#include "engine/forecast.h"

int
lane_init(struct lane *l, const struct job *job, struct shared *shared, const char *account,
    const struct sink_place *place, const struct lease *lease, struct err *err)
{
	*l = (struct lane){ .job = job,
		.shared = shared,
		.source_ops = job->from != NULL ? &source_files : &source_imap,
		.sink_ops = job->dest != NULL ? &sink_imap : format_sink(job->format),
		.lease = *lease,
		.place = place,
		.known = place != NULL ? place->known : NULL,
		.n_known = place != NULL ? place->n_known : 0,
		.account = account,
		.batch_began_ms = clock_mono_ms() };
	arena_init(&l->known_again, 512 * 1024 * 1024);
	arena_init(&l->care_arena, 256 * 1024 * 1024);
	l->batch = batch_new();
	l->batch_no = 1;
	l->digest = digest_new();
	l->header = head_new();
	for (size_t i = 0; i < CLOSING_MAX; i++)
		arena_init(&l->closing[i].arena, 1024 * 1024);
	return place != NULL ? l->sink_ops->open(&l->sink, place, job->stop, err) : 0;
}

void
lane_done(struct lane *l)
{
	if (l->shared != NULL)
		lane_promise_over(l);
	if (l->source_ops != NULL)
		l->source_ops->close(&l->source);
	if (l->sink_ops != NULL)
		l->sink_ops->close(&l->sink);
	batch_free(&l->batch);
	digest_free(l->digest);
	head_free(l->header);
	lane_forget_renewed(l);
	lane_forget_former(l);
	lane_forget_rebuilt(l);
	msg_page_free(l->rows);
	for (size_t i = 0; i < CLOSING_MAX; i++)
		arena_done(&l->closing[i].arena);
	for (size_t i = 0; i < LANE_PAGES; i++)
		msg_page_free(l->live[i].page);
	uidset_done(&l->missing);
	uidset_done(&l->owed);
	numbering_done(&l->numbering);
	uidset_done(&l->skip);
	uidset_done(&l->headless);
	uidset_done(&l->isolated);
	uidset_done(&l->struck);
	uidset_done(&l->intended);
	uidset_done(&l->careful);
	arena_done(&l->known_again);
	arena_done(&l->care_arena);
	free(l->care);
}

void
lane_count(struct lane *l, uint64_t messages)
{
	l->count += messages;
	if (l->count <= l->counted)
		return;
	if (l->job->progress != NULL)
		atomic_fetch_add(&l->job->progress->messages_done, l->count - l->counted);
	l->counted = l->count;
}
