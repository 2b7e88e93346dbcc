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
	WAITING_BACKOFF
};

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
};

void progress_init(struct progress *p);
void progress_done(struct progress *p);
void
progress_folder(struct progress *p, const char *name); /* NULL progress: nothing, in all calls */
void progress_folder_get(struct progress *p, char *out, size_t max);
void progress_wait(struct progress *p, enum waiting why);

#endif
