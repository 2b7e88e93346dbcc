/* The inside of a run over one account, for job.c (the account), lanes.c (its folders, by one connection or
 * several) and connect.c (connections, places, and trying again). */
#ifndef ENGINE_RUN_H
#define ENGINE_RUN_H

#include "engine/copy.h"

struct run {
	const struct job *job;
	struct sink_place place;
	struct exchange_place exchange;
	struct dest_place dest;
	atomic_bool labels_refused; /* see dest_place */
	const char *login, *host, *port; /* of the account */
	const char *account_dir; /* its directory below mail/ */
	struct shared shared;
	struct plan plan;
	struct lease lease;
	char *mail_dir, *set_dir, *quarantine;
	struct folder_rec *known;
	size_t n_known;
	struct arena arena;
	struct buf no_folder; /* plan_unmatched, mapping_unmatched */
	bool address_made; /* nobody told the account's address */
	size_t next; /* folder to take; shared.mutex */
	bool one_lane; /* nobody but the first connection reads */
	/* The further connections; shared.mutex. */
	unsigned opening, opened; /* being opened now; let in so far */
	bool borne; /* one was refused: no more are opened than there are */
	bool let_in[HOST_ENDS]; /* the login there was taken in this run */
	struct err err; /* first that ends the account; kind NONE: none; shared.mutex */
};

/* Of a place on a server (hosts.h): its login is not known yet, it is logged in, it is neither. */
enum stand { STAND_LOGIN, STAND_IN, STAND_OUT };

struct runner {
	struct run *run;
	struct lane lane;
	struct sess_ahead *ahead; /* of its source; NULL: none, or that of the job */
	pthread_t thread;
	bool started;
	bool at_work; /* the last failure was that of a connection, not of connecting */
	bool narrow; /* one was lost at work, not just ended for a time */
	bool placed; /* it has its places on the servers (hosts.h) */
	enum stand stand[HOST_ENDS]; /* as it was told there */
	int64_t began_ms; /* when connecting began, the last time */
	bool been_in; /* as a further connection: the server has borne it */
	unsigned tries;
	uint64_t stored_before, given_up_before, suspects_before;
	unsigned suspects_in_a_row; /* found without a message between them */
	unsigned left; /* folders in which every connection ended, in a row */
};

/* ---- connect.c ---- */
/* Places on the servers, waited for; nothing where nothing is limited, or they are there. */
int runner_take_places(struct runner *u, struct err *err) WARN_UNUSED;
void runner_leave_places(struct runner *u);
/* Before its connections are closed. */
void runner_places_out(struct runner *u);
/* A connection to that end was opened, or not (rc -1, *io): what it says of the login and of the server's ceiling. A
 * login that was taken before in this run is not refused for its password: *io says so then. */
void runner_opened(struct runner *u, enum lane_end end, int rc, struct err *io);
/* Around the opening of a further connection. A server that refuses them refuses few: no more are opened at once than
 * are there already, and none after the first refusal. -1: not to be opened, and nothing is to be ended. */
int runner_further_begin(struct runner *u, struct err *err) WARN_UNUSED;
void runner_further_end(struct runner *u, int rc, const struct err *why);
/* The session that is being opened ahead is this runner's from now on. */
void runner_source_ahead(struct runner *u, struct sess_ahead *given);
int runner_connect(struct runner *u, struct err *err) WARN_UNUSED;
/* With nothing more to be read, on the lane that is the only one; into files alone. */
int runner_leave_servers(struct runner *u, struct err *err) WARN_UNUSED;
/* Others use the time that this one is told to wait. */
bool run_is_laid_aside(const struct run *r, const struct err *why);
/* The session is gone: what it brought is committed, then wait and connect again. -1: give up, *why
 * stands. */
int runner_reconnect(struct runner *u, struct err *why) WARN_UNUSED;

/* ---- helper.c ---- */
/* Bring bodies for folders of other lanes, until no lane has one any more; connects when there is something
 * to do. Its caller has counted it (pool_helpers), this takes it off. -1: the account cannot go on. */
int runner_help(struct runner *u, struct err *err) WARN_UNUSED;

/* ---- day.c ---- */
/* After the claim, and when all is done: what is left of the day, and what was fetched. */
int run_day_begin(struct run *r, struct err *err) WARN_UNUSED;
void run_day_end(struct run *r);

/* ---- searched.c ---- */
/* Has the server taken the search of the selection in an earlier run? */
int run_search(struct run *r, struct err *err) WARN_UNUSED;

/* ---- lanes.c ---- */
int runner_make_lane(struct runner *u, struct err *err) WARN_UNUSED;
/* All folders of the plan, by as many connections as pay. */
int run_lanes(struct run *r, struct runner *first, struct err *err) WARN_UNUSED;

#endif
