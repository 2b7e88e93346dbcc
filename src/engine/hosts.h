/* The servers of a job, and how many connections each may have at once: what the user allows, and
 * what the server has shown to bear. A place is taken before a connection is made and given back
 * when it is gone; who needs places on two servers gets both or none, so that nobody waits with one
 * in hand. Any thread may call.
 *
 * A server that refuses a connection while others of ours are logged in, and names no time to wait, has told its
 * ceiling (ceiling.h): it becomes the number that is seen to be borne, and is tried higher, one at a time, after five
 * minutes without a refusal, or when more are logged in side by side. What one account is told at its login may be its
 * own affair: when it comes again with fewer open, or when as many were logged in a moment ago, it teaches nothing.
 * A server that asks to wait, in its greeting or two accounts in a row, gets no new connection before its time. One
 * that greets nobody and names no time is left alone a little longer each time, up to a minute.
 *
 * Where processes share a job all that is in the state: a place is written there first, and kept when the
 * sums then fit. So no two can have the last one, and at worst each tries again. */
#ifndef ENGINE_HOSTS_H
#define ENGINE_HOSTS_H

#include <pthread.h>

#include "base/cancel.h"
#include "engine/ceiling.h"
#include "state/state.h"

enum { HOST_ENDS = 2, HOST_REFUSALS_MAX = 5 };

struct hosts;

/* per_host: the most connections to one server; 0: no limit of ours. */
struct hosts *hosts_new(unsigned per_host);
void hosts_free(struct hosts *h);
/* From now on with other processes; t outlives h. What is known here is told there. */
int hosts_share(struct hosts *h, struct state *t, struct err *err) WARN_UNUSED;
/* Number of the server "host:port"; added when it is new. */
unsigned hosts_find(struct hosts *h, const char *host_port);
const char *hosts_name(const struct hosts *h, unsigned id); /* lives as long as h */
/* A place on each of id[0..n), or on none: false. */
bool hosts_try(struct hosts *h, const unsigned *id, size_t n);
/* The same; waits until there are. ERR_INTERRUPTED. */
int hosts_enter(struct hosts *h, const unsigned *id, size_t n, struct cancel *stop,
    struct err *err) WARN_UNUSED;
/* Those places whose login is told (hosts_login), and that are out if it was taken. */
void hosts_leave(struct hosts *h, const unsigned *id, size_t n);
/* A place for a connection that stays for hours: only from the first half of what the server bears, and never
 * one of the last two, so that those that copy find room, also from a server to itself. */
bool hosts_try_stay(struct hosts *h, unsigned id);
/* Is there no room for so many more? Then one that stays should go. */
bool hosts_full(struct hosts *h, unsigned id, size_t more);
/* A connection that had a place was refused, and its place is out. With others open that tells the ceiling: true, and
 * *ret_now is it. Else false, and the wait is kept to where it is the server's. */
bool hosts_refused(struct hosts *h, unsigned id, const struct refusal *r, unsigned *ret_now);
/* For what is kept from run to run. A ceiling that an earlier one has learnt is raised as if it were learnt now. */
size_t hosts_count(const struct hosts *h);
void hosts_begin_with(struct hosts *h, unsigned id, unsigned ceiling);
struct ceiling hosts_bears(struct hosts *h, unsigned id);
/* What became of the login for which a place was taken; to be told once for each place, at the latest
 * before it is given back. Five accounts in a row that are refused close the server, as going on would
 * lock its users out (rules.md 5); so many logins are never under way that it could be more. True: this
 * one has closed it. */
enum login_end {
	LOGIN_TAKEN,
	LOGIN_REFUSED,
	LOGIN_NONE, /* the connection did not come to it */
	LOGIN_OVER /* taken, and the connection is closed again */
};
bool hosts_login(struct hosts *h, unsigned id, enum login_end how);
/* A connection whose login was taken is lost, or is about to be closed: before it is, as another may be borne
 * in its stead. Its place is kept, and another connection in it may be logged in (hosts_back). */
void hosts_out(struct hosts *h, unsigned id);
void hosts_back(struct hosts *h, unsigned id);
bool hosts_closed(struct hosts *h, unsigned id);
/* Signalled when a place is given back or a login is told: who wakes and finds more than one thing to do wakes
 * the next. Nobody holds the mutex while calling one of the above. */
void hosts_watch(struct hosts *h, pthread_mutex_t *mutex, pthread_cond_t *cond);

#endif
