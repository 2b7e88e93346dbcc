/* Numbers that workers raise and a display reads, without locks; the name of the folder has one. */
#ifndef ENGINE_PROGRESS_H
#define ENGINE_PROGRESS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

enum waiting { /* what the work is waiting for, for people */
	WAITING_NOTHING,
	WAITING_CONNECT,
	WAITING_LOGIN,
	WAITING_SERVER,
	WAITING_DISK,
	WAITING_BACKOFF,
	WAITING_PAUSED, /* by imex job pause */
	WAITING_HOURS, /* --hours */
	WAITING_PLACE /* others use all the connections that the server may have */
};

struct progress_sum {
	unsigned folders_total, folders_done, problems;
	uint64_t messages_total, messages_done, messages_new, bytes_total, bytes_done;
};

/* Of one account. */
struct progress {
	atomic_uint folders_total, folders_done;
	atomic_ullong
	    messages_total; /* known so far: grows with the listings unless STATUS gave it */
	atomic_ullong messages_done; /* with a verdict, carried over ones included */
	atomic_ullong messages_new; /* stored by this run */
	atomic_ullong bytes_total; /* of the messages to fetch, as far as known */
	atomic_ullong bytes_done; /* body octets received by this run */
	atomic_uint problems; /* verdicts that are not good */
	atomic_int waiting; /* enum waiting */
	atomic_llong waiting_until_ms; /* monotonic; with WAITING_BACKOFF */
	pthread_mutex_t mutex;
	char folder[256]; /* UTF-8 for display, may be cut */
	/* of progress_all; its mutex */
	struct progress *next;
	struct progress_sum *counted; /* NULL, or as in progress_instead */
};

/* Of all accounts of a run: those at work, and the sum of those that have ended. */
struct progress_all {
	pthread_mutex_t mutex;
	struct progress *live; /* the newest in front */
	struct progress_sum ended;
	/* of a list; 0: there is none */
	atomic_uint accounts_total, accounts_done, accounts_failed, accounts_waiting;
	atomic_llong waiting_until_ms; /* monotonic; when the first of the waiting is due */
	atomic_int held; /* enum waiting: PAUSED, HOURS or NOTHING */
};

void progress_init(struct progress *p);
void progress_done(struct progress *p);
/* All is gone through once more: what was stored and received so far still counts. NULL: nothing. */
void progress_again(struct progress *p);
void
progress_folder(struct progress *p, const char *name); /* NULL progress: nothing, in all calls */
void progress_folder_get(struct progress *p, char *out, size_t max);
void progress_wait(struct progress *p, enum waiting why);

void progress_all_init(struct progress_all *a);
void progress_all_done(struct progress_all *a); /* all have left */
void progress_join(struct progress_all *a, struct progress *p);
/* p, which has joined, goes through an account once more: *counted is what the sum has of it (zeroed: nothing),
 * and is taken back, but for what was stored and received. It is kept up when p leaves, and outlives it. */
void progress_instead(struct progress_all *a, struct progress *p, struct progress_sum *counted);
void progress_leave(struct progress_all *a, struct progress *p);
/* The sum; of what accounts wait for and where they are that of the one that began first and is not
 * done. Returns how many are at work. */
unsigned progress_read(struct progress_all *a, struct progress_sum *ret, enum waiting *ret_waiting,
    int64_t *ret_until_ms, char *folder, size_t max);

#endif
