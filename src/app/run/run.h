/* What check, extract and verify share around the engine: origin, event log, cancel, display,
 * control. The run of a list has a run below it for each account at work, which shares all but the
 * origin, the numbers and, where it has a job directory of its own, state and log. */
#ifndef APP_RUN_RUN_H
#define APP_RUN_RUN_H

#include "app/job/origin.h"
#include "app/run/control.h"

struct run {
	struct options *o;
	struct origin origin;
	struct run *above;	/* of the list; NULL: none */
	struct progress progress;
	struct progress_all all;	/* not of one that is below another */
	struct cancel *stop;
	struct screen *screen;
	struct metrics *metrics;
	struct control *control;
	struct evlog *log;
	struct journal *journal;	/* of --journal; NULL */
	struct state *state;
	struct room *room;	/* on the disk of the job directory */
	struct job job;		/* filled but for dir, log and state */
};

/* source NULL: a run that contacts nobody. After a failure run_close is still due. */
int run_open(struct run *r, struct options *o, const char *source, struct err *err) WARN_UNUSED;
/* A run of one account below `above`, whose stop stops it too. */
int run_open_below(struct run *r, struct run *above, struct options *o, const char *source,
    struct err *err) WARN_UNUSED;
/* State, log and room of the run above: the account is one of its job. */
void run_share(struct run *r, const char *dir);
/* dir NULL: events go to the terminal only. */
int run_log(struct run *r, const char *dir, struct err *err) WARN_UNUSED;
/* The same for a job that others work on, too. */
int run_log_beside(struct run *r, const char *dir, struct err *err) WARN_UNUSED;
/* Look after the room in `dir`, if it is not yet. ERR_FULL: there is less than --min-free. */
int run_room(struct run *r, const char *dir, struct err *err) WARN_UNUSED;
int run_state(struct run *r, const char *dir, enum state_mode mode, struct err *err) WARN_UNUSED;
/* An account is not worked on any more, and no try of its own came to that: the state is to tell why. */
void run_account_lost(const struct run *r, const struct lease *l, const struct err *why);
/* The display is over; lines may be printed. */
void run_quiet(struct run *r);
/* The exit code of the run, for --metrics-file. Before run_close. */
void run_finished(struct run *r, int code);
void run_close(struct run *r);
/* One line on standard error: "imex: " and the error, with what to do about it. `g` may be NULL. */
void run_complain(const struct err *err, const struct origin *g);
/* The same; password_from: the way that gave the password of the login, for people; NULL. */
void run_complain_of(const struct err *err, const char *password_from);

#endif
