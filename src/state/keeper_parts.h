/* Insides of the keeper, shared by keeper.c (who asks, and who serves) and group.c (what is served at once). */
#ifndef STATE_KEEPER_PARTS_H
#define STATE_KEEPER_PARTS_H

#include <pthread.h>

#include "base/queue.h"
#include "state/backend.h"
#include "state/keeper.h"
#include "state/lock.h"
#include "state/settle.h"

enum { ACCOUNT_BATCHES = 3, QUEUE_LIMIT = SETTLE_MAX, GROUP_MAX = QUEUE_LIMIT };

/* What the keeper took from the queue at once; requests that were answered are gone from it. */
struct group {
	struct request *request[GROUP_MAX];
	size_t len;
};

struct state {
	const struct state_backend_ops *ops;
	struct backend *backend;
	struct job_lock *lock;
	struct settle_system system;
	char *dir;
	struct queue *queue; /* NULL: reading only. Taken from by the keeper, under `serving` */
	pthread_t keeper;
	pthread_mutex_t serving; /* the backend, when not reading only, and the next */
	const struct group *settling; /* its files are being synced, without `serving`; NULL: none */
	pthread_mutex_t mutex; /* all below; when reading, the backend too */
	pthread_cond_t batches_ended;
	size_t batches_max, under_way;
	int64_t *flying; /* the accounts of the batches under way; room for batches_max */
	uint64_t put, ended; /* batches so far, numbered as the queue has them */
	pthread_mutex_t order; /* a batch gets its number and its place in the queue together */
	struct err failed; /* latched; ERR_NONE: none */
	struct lease *lost; /* under which a batch was refused */
	size_t n_lost;
	bool unclean;
	struct evlog *log;
};

/* The latched error, if any, without touching the handle. */
bool state_latched(struct state *t, struct err *err);

/* ---- group.c; `serving` held ---- */
/* May r, which is about that account, be served before the group, which stands in front of it? */
bool group_lets_pass(const struct group *g, const struct request *r, int64_t account);
/* Each for itself. */
void group_read(struct state *t, struct group *readers);
/* While files are synced `serving` is let go, and the group is t->settling. */
void group_write(struct state *t, struct group *writers);

#endif
