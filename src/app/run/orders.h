/* What holds for a run while it runs, and can be changed from outside (imex job): pauses, rates,
 * accounts that are stopped or passed over; and --hours.
 *
 * Each account at work has a seat, with a cancel of its own below that of the run. To pause, or to
 * end one account, is to raise it: the account comes to its end as after Ctrl-C, between messages,
 * with all that it brought durable and its connections closed, and later goes on as a further run
 * would. So there is one way to stop, used every day, and none to stand still with a session that a
 * server closes after half an hour. An account that is being watched has a seat, too, as long as it may
 * have a connection.
 *
 * orders_tick is called by the thread that draws; seats by any. */
#ifndef APP_RUN_ORDERS_H
#define APP_RUN_ORDERS_H

#include "app/cli/options.h"
#include "app/run/order_names.h"
#include "engine/progress.h"
#include "engine/rate.h"
#include "engine/schedule.h"
#include "state/state.h"

struct orders;

/* The accounts of the run by their numbers; names are borrowed. Rates and hours are those of `o`. */
struct orders *orders_new(const struct options *o, const struct order_name *name, size_t n,
    struct cancel *stop, struct progress_all *all);
void orders_free(struct orders **o);
/* Requests in the job directory are heard from now on. All outlive it. */
int orders_listen(struct orders *o, const char *dir, struct state *t, struct evlog *log,
    struct err *err) WARN_UNUSED;
/* Events go there, also while no requests are heard. */
void orders_log(struct orders *o, struct evlog *log);
/* Each order that was done is told, but for those that change no process: for others that share the job. */
void orders_teller(struct orders *o, void (*tell)(void *arg, const char *word, const char *text), void *arg);
/* What another was asked for, done here too. */
void orders_do(struct orders *o, const char *word, const char *text);
/* So many processes share the rate of all accounts, in equal parts. */
void orders_split(struct orders *o, unsigned processes);
/* It gives out nothing while the run is held. NULL: none any more. */
void orders_schedule(struct orders *o, struct schedule *s);
void orders_tick(void *orders);
/* Has the account to wait, since the run is paused or outside of --hours? One that is to end has not. */
bool orders_hold_account(struct orders *o, size_t at);
/* Is it to end? Asked when it was laid aside: told before that, nobody hurried it. */
bool orders_dropped(struct orders *o, size_t at);
/* All accounts are gone through once more: none has come to its end. */
void orders_again(struct orders *o);
/* Told of each account that is to end: true, it is about to. It asks orders nothing. NULL: nobody is told. */
void orders_drops(struct orders *o, bool (*told)(void *arg, size_t at), void *arg);

enum seat_end {
	SEAT_KEPT,	/* it came to its end by itself */
	SEAT_HELD,	/* it goes on when the run is held no more */
	SEAT_STOPPED,	/* not finished, by imex job stop or skip */
};

struct seat {
	size_t at;
	struct cancel *stop;
	struct rate *rate, *rate_own;	/* NULL of one that is watched */
	enum seat_end end;
	struct cancel *above;
	struct seat *next;
};

/* Its cancel is raised already when the run is held or the account is not to be worked on. */
void orders_sit(struct orders *o, struct seat *s, size_t at);
/* The same for one that is watched, and so not at work; its cancel is below `above`, as that is below the run's. */
void orders_sit_watching(struct orders *o, struct seat *s, size_t at, struct cancel *above);
/* Why it was ended, if that is why *err, the error of its work, is ERR_INTERRUPTED: then of SEAT_STOPPED
 * *err becomes ERR_STOPPED. */
enum seat_end orders_rise(struct orders *o, struct seat *s, struct err *err);
void orders_ended(struct orders *o, size_t at); /* it is not worked on any more in this run */
/* For the state, of an account that is held. */
extern const char orders_held_words[];

/* ---- for the other side ---- */

/* The note of the state about a run that is held: JSON with "process" and "words" for people. */
extern const char orders_note[];
/* "10M" or "none" (0). False: neither. */
bool orders_rate_parse(const char *text, uint64_t *ret);

#endif
