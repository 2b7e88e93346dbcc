#include "app/job/ceilings.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/cli/values.h"
#include "base/json.h"
#include "base/mem.h"

#define CEILING "ceiling/"

enum { CEILINGS_ARENA = 64 * 1024 * 1024, CEILING_MAX = 10000 };

struct keeping {
	unsigned begun, kept; /* 0: none */
};

struct ceilings {
	pthread_mutex_t mutex;
	struct hosts *hosts;
	struct state *state;
	struct keeping *host; /* by number */
	size_t n;
};

/* What the state keeps of one server; the name is the arena's. */
struct kept {
	const char *server;
	unsigned n;
};

/* Those that this version has written. */
static int
kept_read(struct state *t, struct arena *a, struct kept **ret, size_t *ret_len, struct err *err)
{
	struct job_note *note;
	size_t len;
	uint64_t n;

	*ret = NULL;
	*ret_len = 0;
	if (state_notes(t, CEILING, a, &note, &len, err) < 0)
		return -1;
	*ret = mem_resize(NULL, len + 1, sizeof(**ret));
	for (size_t i = 0; i < len; i++)
		if (value_number(note[i].value, CEILING_MAX, &n) && n > 0)
			(*ret)[(*ret_len)++] = (struct kept){
				.server = note[i].key + strlen(CEILING), .n = (unsigned)n
			};
	return 0;
}

static void
take_kept(struct ceilings *c)
{
	struct kept *kept;
	struct arena a;
	struct err ignored;
	size_t len;

	arena_init(&a, CEILINGS_ARENA);
	(void)!kept_read(c->state, &a, &kept, &len, &ignored);
	for (unsigned id = 0; id < c->n; id++)
		for (size_t i = 0; i < len; i++)
			if (strcmp(kept[i].server, hosts_name(c->hosts, id)) == 0) {
				c->host[id].begun = c->host[id].kept = kept[i].n;
				hosts_begin_with(c->hosts, id, kept[i].n);
			}
	free(kept);
	arena_done(&a);
}

struct ceilings *
ceilings_begin(struct hosts *h, struct state *t)
{
	struct ceilings *c = mem_new(sizeof(*c));

	pthread_mutex_init(&c->mutex, NULL);
	c->hosts = h;
	c->state = t;
	c->n = hosts_count(h);
	c->host = mem_new((c->n + 1) * sizeof(*c->host));
	if (t)
		take_kept(c);
	return c;
}

/* What cannot be kept is learnt again. */
static void
keep(struct ceilings *c, unsigned id, unsigned n)
{
	char key[400], value[16];
	struct err ignored;

	if (n == c->host[id].kept)
		return;
	c->host[id].kept = n;
	snprintf(key, sizeof(key), CEILING "%s", hosts_name(c->hosts, id));
	snprintf(value, sizeof(value), "%u", n);
	(void)!state_note_set(c->state, key, value, &ignored);
}

void
ceilings_look(struct ceilings *c, const unsigned *id, size_t n)
{
	pthread_mutex_lock(&c->mutex);
	for (size_t i = 0; c->state && i < n; i++) {
		struct ceiling bears = hosts_bears(c->hosts, id[i]);

		/* One that was learnt from an account alone is taken back. */
		if (bears.now == 0 || bears.refusals > 0)
			keep(c, id[i], bears.now);
	}
	pthread_mutex_unlock(&c->mutex);
}

void
ceilings_end(struct ceilings **c)
{
	if (*c == NULL)
		return;
	for (unsigned id = 0; (*c)->state && id < (*c)->n; id++) {
		struct ceiling bears = hosts_bears((*c)->hosts, id);
		bool more = bears.refusals == 0 && bears.most >= bears.now && bears.now == (*c)->host[id].begun;

		if (bears.now > 0)
			keep(*c, id, bears.now + more);
	}
	pthread_mutex_destroy(&(*c)->mutex);
	free((*c)->host);
	free(*c);
	*c = NULL;
}

/* ---- what is kept ---- */

int
ceilings_text(struct state *t, struct out *o, struct err *err)
{
	struct kept *kept;
	struct arena a;
	size_t len;

	arena_init(&a, CEILINGS_ARENA);
	int rc = kept_read(t, &a, &kept, &len, err);
	for (size_t i = 0; i < len; i++) {
		out_visible(o, kept[i].server);
		out_printf(o, " bears %u connection%s at once, as it seems\n", kept[i].n,
		    kept[i].n == 1 ? "" : "s");
	}
	free(kept);
	arena_done(&a);
	return rc;
}

int
ceilings_json(struct state *t, struct buf *b, struct err *err)
{
	struct kept *kept;
	struct arena a;
	size_t len;

	arena_init(&a, CEILINGS_ARENA);
	int rc = kept_read(t, &a, &kept, &len, err);
	json_open_array(b, "servers");
	for (size_t i = 0; i < len; i++) {
		json_open(b, NULL);
		json_put_text(b, "server", slice_str(kept[i].server));
		json_put_int(b, "connections", kept[i].n);
		json_close(b);
	}
	json_close_array(b);
	free(kept);
	arena_done(&a);
	return rc;
}
