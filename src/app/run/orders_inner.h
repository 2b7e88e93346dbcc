/* Insides of orders.h, shared by orders.c (what holds) and orders_asked.c (what is asked for). */
#ifndef APP_RUN_ORDERS_INNER_H
#define APP_RUN_ORDERS_INNER_H

#include <pthread.h>

#include "app/cli/hours.h"
#include "app/run/order.h"
#include "app/run/orders.h"

struct orders {
	pthread_mutex_t mutex;	/* why, dropped, ended, seats, rate_own, schedule, drops */
	struct order_names accounts;
	const char **dropped;	/* by account: why it is not worked on; NULL */
	bool *ended;
	struct seat *seat;
	struct rate *rate;
	uint64_t octets, octets_own;	/* a second; 0: no limit */
	unsigned processes;		/* that share `octets` */
	void (*tell)(void *arg, const char *word, const char *text);
	void *tell_arg;
	enum waiting why;	/* WAITING_NOTHING: it is not held */
	struct schedule *schedule;
	bool (*drops)(void *arg, size_t at);
	void *drops_arg;
	/* of the thread that ticks */
	bool paused;
	struct hours hours;
	const char *hours_text;
	char until[8];		/* "20:00" */
	struct cancel *stop;
	struct progress_all *all;
	struct order_desk *desk;
	struct state *state;
	struct evlog *log;
};

/* It is told to end, if it was not before. Mutex held. */
void orders_seat_end(struct seat *s, enum seat_end end, const char *words);
/* "paused", for people. */
void orders_words(const struct orders *o, struct buf *ret);
/* Whether the run is held is looked at once more, and what follows of it is done. */
void orders_settle(struct orders *o);
/* Do what is asked for, and answer. */
void orders_serve(struct orders *o, const struct order *r);

#endif
