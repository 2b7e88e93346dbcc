/* Many accounts at a time: workers that take them from the schedule, try again what failed by its
 * connection, leave servers alone that refuse everybody, and stop when too many fail alike. What is
 * done with an account is its owner's. */
#ifndef APP_CROWD_CROWD_H
#define APP_CROWD_CROWD_H

#include "app/run/orders.h"
#include "app/run/run.h"
#include "app/users/userlist.h"
#include "engine/schedule.h"

enum { CROWD_HOST_MAX = 320 };

struct crowd_ops {
	/* "host:port" of the row's source (end 0) or destination (end 1), in lower case; false: it has
	 * none. */
	bool (*host)(void *arg, size_t at, size_t end, char name[CROWD_HOST_MAX]);
	uint64_t (*rank)(void *arg, size_t at); /* of struct schedule_item; NULL: unknown */
	/* Do it, under the stop and the rates of `seat`. The exit code of the account alone; *why (zeroed)
	 * is filled when something ended it. */
	int (*work)(void *arg, size_t at, struct shares *s, const struct seat *seat, struct err *why);
	/* It will be tried again at that wall time; 0: when the run is held no more. May be NULL. */
	void (*waits)(void *arg, size_t at, const struct err *why, int64_t until_ms);
	/* For --watch; NULL: it cannot be watched. Its account in the state (0: none), the source of its mail until `done`,
	 * messages that its last try stored, and: all are copied once more, what they come to counts from 0, and those of
	 * `which` are in the queue again. */
	int64_t (*account)(void *arg, size_t at);
	int (*source)(void *arg, size_t at, const struct job **ret, struct err *err);
	void (*done)(void *arg, size_t at);
	uint64_t (*came)(void *arg, size_t at);
	void (*again)(void *arg, const bool *which);
	/* It is not worked on any more, and no try of its own came to that: the state is to tell. May be NULL. */
	void (*lost)(void *arg, size_t at, const struct err *why);
	/* Of a job that is shared: whose is it? TAKEN_ENDED: by another process; its exit code, and *why
	 * (zeroed) as of `work`. */
	enum taken (*take)(void *arg, size_t at, int *ret_code, struct err *why);
	/* It is the n-th that has come to its end. */
	void (*ended)(void *arg, size_t at, size_t n, int code, const struct err *why);
};

struct crowd {
	const struct crowd_ops *ops;
	void *arg;
	const struct options *o; /* jobs, limits, tries */
	const struct userlist *list;
	struct run *run; /* control and log */
	const char *dir; /* job directory, with run->state, where imex job may change the run; NULL */
	enum { CROWD_ALONE, CROWD_SHARES, CROWD_JOINED } sharing; /* with run->state; see share.h */
	/* what became of them */
	size_t complete, warned, failed, untried; /* accounts; untried ones count as failed, too */
	struct err ended; /* what ended it all; kind NONE: nothing */
};

/* Until all are done; under the control of c->run, whose display is over then. last(arg) follows
 * in the same thread when nothing has ended it all; may be NULL. */
void crowd_run(struct crowd *c, int (*last)(void *arg, struct err *err));
/* 0, 1 or 2: the worst. */
int crowd_code(const struct crowd *c);
/* For ops->host. False: too long. */
bool crowd_host_name(const char *host, const char *port, char name[CROWD_HOST_MAX]);
/* The same of the source of a row, wherever --source-host has moved it. */
bool crowd_host_of_row(const struct options *o, const struct user_row *row, char name[CROWD_HOST_MAX]);
/* The same of an IMAP URL; false, too: it is NULL or none. */
bool crowd_host_of_url(const char *url, char name[CROWD_HOST_MAX]);

#endif
