#include "app/job/watched.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char prefix[] = "watch/";

enum { KEY_MAX = 40, VALUE_MAX = 200, NUMBERS = 7 };

/* The order of the keys is that of the accounts. */
static void
watched_key(int64_t account, char ret[KEY_MAX])
{
	snprintf(ret, KEY_MAX, "%s%019" PRId64, prefix, account);
}

int
watched_keep(struct state *t, int64_t account, const struct watched *w, struct err *err)
{
	char key[KEY_MAX], value[VALUE_MAX];

	watched_key(account, key);
	snprintf(value, sizeof(value),
	    "%d %" PRId64 " %" PRId64 " %" PRIu64 " %" PRIu64 " %" PRId64 " %" PRId64, w->now,
	    w->since_ms, w->equal_ms, w->came, w->rounds, w->longest_ms, w->median_ms);
	return state_note_set(t, key, value, err);
}

int
watched_read(struct watched_list *ret, struct state *t, struct arena *a, struct err *err)
{
	*ret = (struct watched_list){ 0 };
	return state_notes(t, prefix, a, &ret->note, &ret->len, err);
}

static int
note_against_key(const void *key, const void *note)
{
	return strcmp(key, ((const struct job_note *)note)->key);
}

bool
watched_of(const struct watched_list *l, int64_t account, struct watched *ret)
{
	const struct job_note *note = NULL;
	int64_t n[NUMBERS];
	char key[KEY_MAX];

	watched_key(account, key);
	if (l->len > 0)
		note = bsearch(key, l->note, l->len, sizeof(*l->note), note_against_key);
	if (note == NULL)
		return false;

	char *at = (char *)(uintptr_t)note->value;

	for (size_t i = 0; i < NUMBERS; i++)
		n[i] = strtoll(at, &at, 10);
	*ret = (struct watched){ .now = n[0] != 0, .since_ms = n[1], .equal_ms = n[2],
		.came = (uint64_t)n[3], .rounds = (uint64_t)n[4], .longest_ms = n[5], .median_ms = n[6] };
	return true;
}
