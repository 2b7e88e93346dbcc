/* Has the server taken the user's search (--search) before? A folder that the counts carry over is not asked, so that a
 * key which the server refuses would go unnoticed where nothing is new. So no folder with messages is carried over
 * until one has been asked with success; and that is kept for the server, as a note of the state, so that later runs
 * with the same key ask nobody. A note a key: accounts of one server may have different ones. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/run.h"

enum { KEY_ROOM = 400 };

/* The host and the digest of the search are of bounded length. */
static void
search_note(const struct job *job, const char *host_port, char ret[KEY_ROOM])
{
	const char *search = job->selection.search;
	uint8_t sum[SHA256_LEN];
	char hex[SHA256_HEX];

	digest_once(search, strlen(search), sum);
	digest_hex(sum, hex);
	snprintf(ret, KEY_ROOM, "search/%.300s/%s", host_port, hex);
}

int
run_search(struct run *r, struct err *err)
{
	char key[KEY_ROOM], *note = NULL;

	if (r->job->selection.search == NULL)
		return 0;
	search_note(r->job, r->shared.host_port, key);
	if (state_note_get(r->job->state, key, &note, err) < 0)
		return -1;
	r->shared.search_taken = note != NULL;
	free(note);
	return 0;
}

bool
lane_search_settled(const struct lane *l)
{
	bool taken;

	if (l->job->selection.search == NULL)
		return true;
	pthread_mutex_lock(&l->shared->mutex);
	taken = l->shared->search_taken;
	pthread_mutex_unlock(&l->shared->mutex);
	return taken;
}

int
lane_search_taken(struct lane *l, struct err *err)
{
	char key[KEY_ROOM];

	/* An empty folder is not searched. */
	if (l->head.exists == 0 || lane_search_settled(l))
		return 0;
	search_note(l->job, l->shared->host_port, key);
	if (state_note_set(l->job->state, key, l->job->selection.search, err) < 0)
		return -1;
	pthread_mutex_lock(&l->shared->mutex);
	l->shared->search_taken = true;
	pthread_mutex_unlock(&l->shared->mutex);
	return 0;
}
