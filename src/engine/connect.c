/* Connections of an account: places on its servers, what a refusal teaches, waiting, and connecting
 * again. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "engine/forecast.h"
#include "engine/run.h"
#include "engine/schedule.h"
#include "imap/limits.h"

enum {
	OPENING_MAX = 4, /* further connections of an account at once */
	TRIES_LIST_MAX = 2, /* connections in a row that brought nothing, where another account can have the time */
	THROTTLE_FIRST_MS = 5 * 1000,
	THROTTLE_MAX_MS = 15 * 60 * 1000
};

void
shares_leave(struct shares *s, enum login_end how)
{
	if (!s->placed)
		return;
	for (size_t i = 0; i < s->n_hosts; i++)
		(void)hosts_login(s->hosts, s->host[i], how);
	hosts_leave(s->hosts, s->host, s->n_hosts);
	s->placed = false;
}

int
runner_take_places(struct runner *u, struct err *err)
{
	const struct shares *s = u->run->job->shares;

	if (s == NULL || u->placed)
		return 0;
	progress_wait(u->run->job->progress, WAITING_PLACE);
	if (hosts_enter(s->hosts, s->host, s->n_hosts, u->run->job->stop, err) < 0)
		return -1;
	u->placed = true;
	return 0;
}

static bool
has_place(const struct runner *u, enum lane_end end)
{
	return u->placed && end < u->run->job->shares->n_hosts;
}

static void
runner_tell_login(struct runner *u, enum lane_end end, enum login_end how)
{
	const struct shares *s = u->run->job->shares;
	struct event e = { .no = EV_HOST_CLOSED, .level = LEVEL_ERROR };
	enum stand was = u->stand[end];

	if (!has_place(u, end) || was == STAND_IN || (was == STAND_OUT && how != LOGIN_TAKEN))
		return;
	u->stand[end] = how == LOGIN_TAKEN ? STAND_IN : STAND_OUT;
	if (was == STAND_OUT)
		hosts_back(s->hosts, s->host[end]);
	else if (hosts_login(s->hosts, s->host[end], how))
		evlog_put(u->run->job->log, &e,
		    "%s refused the logins of %d accounts in a row: its other accounts are not "
		    "tried, as going on could lock its users out",
		    hosts_name(s->hosts, s->host[end]), HOST_REFUSALS_MAX);
}

/* Before it is closed, or since it is lost. */
static void
runner_out(struct runner *u, enum lane_end end)
{
	const struct shares *s = u->run->job->shares;

	if (!has_place(u, end) || u->stand[end] != STAND_IN)
		return;
	hosts_out(s->hosts, s->host[end]);
	u->stand[end] = STAND_OUT;
}

void
runner_places_out(struct runner *u)
{
	if (!u->placed)
		return;
	runner_out(u, END_SOURCE);
	runner_out(u, END_DEST);
}

void
runner_leave_places(struct runner *u)
{
	if (!u->placed)
		return;

	const struct shares *s = u->run->job->shares;

	for (unsigned end = 0; end < s->n_hosts; end++)
		runner_tell_login(u, end, LOGIN_NONE);
	runner_places_out(u);
	hosts_leave(s->hosts, s->host, s->n_hosts);
	u->placed = false;
	u->stand[END_SOURCE] = u->stand[END_DEST] = STAND_LOGIN;
}

/* All is there that the servers have to give: while it becomes durable another account may have the time and
 * the places. */
int
runner_leave_servers(struct runner *u, struct err *err)
{
	const struct job *job = u->run->job;
	struct lane *l = &u->lane;

	if (job->shares == NULL || job->shares->schedule == NULL || job->dest != NULL ||
	    job->from != NULL)
		return 0;
	if (lane_tell(l, err) < 0)
		return -1;
	runner_places_out(u);
	l->source_ops->close(&l->source);
	runner_leave_places(u);
	schedule_leaves(job->shares->schedule, job->shares->item);
	return 0;
}

/* Refused while others of ours are connected: that is how many the server bears. */
static void
runner_learn_refusal(struct runner *u, enum lane_end end, const struct err *why)
{
	const struct shares *s = u->run->job->shares;
	struct event e = { .no = EV_CEILING, .level = LEVEL_WARNING, .account = u->lane.account };
	struct refusal refusal;
	unsigned now;

	if (!has_place(u, end))
		return;
	runner_out(u, end);
	runner_tell_login(u, end, why->kind == ERR_LOGIN ? LOGIN_REFUSED : LOGIN_NONE);
	if (refusal_of(why, s->item, u->began_ms, &refusal) && hosts_refused(s->hosts, s->host[end], &refusal, &now))
		evlog_put(u->run->job->log, &e,
		    "%s: it bears %u connection%s, as it seems; no more are opened for now",
		    hosts_name(s->hosts, s->host[end]), now, now == 1 ? "" : "s");
}

void
runner_opened(struct runner *u, enum lane_end end, int rc, struct err *io)
{
	struct run *r = u->run;
	bool before;

	pthread_mutex_lock(&r->shared.mutex);
	before = r->let_in[end];
	r->let_in[end] |= rc == 0;
	pthread_mutex_unlock(&r->shared.mutex);
	if (rc == 0)
		return;
	if (before)
		(void)sess_refused_again(io);
	runner_learn_refusal(u, end, io);
}

int
runner_further_begin(struct runner *u, struct err *err)
{
	struct run *r = u->run;

	pthread_mutex_lock(&r->shared.mutex);
	while ((!r->borne || u->been_in) && (r->opening > r->opened || r->opening >= OPENING_MAX))
		pthread_cond_wait(&r->shared.learnt, &r->shared.mutex);

	bool no_more = r->borne && !u->been_in;

	r->opening += !no_more;
	pthread_mutex_unlock(&r->shared.mutex);
	return no_more ? err_set(err, ERR_THROTTLED, "the server has refused a further connection") : 0;
}

void
runner_further_end(struct runner *u, int rc, const struct err *why)
{
	struct run *r = u->run;

	pthread_mutex_lock(&r->shared.mutex);
	r->opening--;
	r->opened += rc == 0;
	u->been_in |= rc == 0;
	r->borne |= rc < 0 && (why->kind == ERR_THROTTLED || why->kind == ERR_BYE || why->kind == ERR_LOGIN);
	pthread_cond_broadcast(&r->shared.learnt);
	pthread_mutex_unlock(&r->shared.mutex);
}

/* Both sides are connected at the same time. Not so the logins of a list: an account that fails at
 * its destination is tried again, and a login that the source refuses is not (rules.md 5). */
void
runner_source_ahead(struct runner *u, struct sess_ahead *given)
{
	const struct job *job = u->run->job;

	u->began_ms = clock_mono_ms();
	if (job->from == NULL && given == NULL)
		given = u->ahead = sess_ahead_start(&job->source, job->stop);
	if (job->shares == NULL)
		sess_ahead_go(given);
}

int
runner_connect(struct runner *u, struct err *err)
{
	struct run *r = u->run;
	struct lane *l = &u->lane;
	struct source_place place = { .server = &r->job->source,
		.ahead = u->ahead != NULL ? u->ahead : r->job->ahead,
		.no_source_writes = r->job->no_source_writes,
		.search = r->job->selection.search,
		.narrow = u->narrow,
		.sizeless = l->listings_cut >= CUTS_ALONE,
		.sizeless_told = l->sizeless_told,
		.again = since_pays(r->known, r->n_known),
		.known = r->known,
		.n_known = r->n_known,
		/* A server that takes too long to tell them is asked once. */
		.sizes = r->job->room != NULL && r->n_known == 0 && u->tries == 0 &&
			 !selection_picks(&r->job->selection),
		.shelf = r->job->from };
	struct event e = { .no = EV_CONNECTED, .level = LEVEL_INFO, .account = l->account };
	enum lane_end end = END_SOURCE;

	if (runner_take_places(u, err) < 0)
		return -1;
	pthread_mutex_lock(&r->shared.mutex);
	place.facts = r->shared.facts;
	pthread_mutex_unlock(&r->shared.mutex);
	progress_wait(r->job->progress, WAITING_CONNECT);
	if (!sess_ahead_there(place.ahead))
		u->began_ms = clock_mono_ms();

	int rc = l->source_ops->open(&l->source, &place, r->job->stop, err);

	if (rc == 0) {
		l->sizeless_told = place.sizeless;
		runner_opened(u, END_SOURCE, 0, err);
		runner_tell_login(u, END_SOURCE, LOGIN_TAKEN);
	}
	if (rc == 0 && lane_sink_broken(l)) {
		end = END_DEST;
		runner_out(u, end);
		rc = l->sink_ops->connect(l->sink, err);
	}
	/* One that only helps has no sink. */
	if (rc == 0)
		runner_tell_login(u, END_DEST, l->sink != NULL ? LOGIN_TAKEN : LOGIN_NONE);

	progress_wait(r->job->progress, WAITING_NOTHING);
	if (rc < 0) {
		struct err ignored = { 0 };

		runner_opened(u, end, rc, err);
		if (lane_tell(l, &ignored) < 0)
			*err = ignored;
		runner_places_out(u);
		l->source_ops->close(&l->source);
		return -1;
	}
	if (r->job->from == NULL)
		evlog_put(r->job->log, &e, "connected to %s port %s", r->job->source.host,
		    r->job->source.port);
	return 0;
}

bool
job_may_try_again(const struct err *err)
{
	return err->kind == ERR_THROTTLED || err->kind == ERR_DAY || err->retry == RETRY_RECONNECT ||
	       err->kind == ERR_CONNECT || err->kind == ERR_NO_HOST;
}

/* Others use the time that this one is told to wait. */
bool
run_is_laid_aside(const struct run *r, const struct err *why)
{
	return r->job->shares != NULL && r->job->shares->lay_aside && why->kind == ERR_THROTTLED;
}

/* Of a list, --tries says how often; a worker that waits here would keep the others waiting. */
static unsigned
tries_max(const struct run *r)
{
	return r->job->shares != NULL && r->job->shares->lay_aside ? TRIES_LIST_MAX : CONNECT_TRIES_MAX;
}

static int64_t
wait_before(const struct runner *u, const struct err *why)
{
	static const int64_t waits[CONNECT_TRIES_MAX] = { 200, 1000, 3000, 8000, 15000, 15000 };
	int64_t ms = waits[u->tries <= CONNECT_TRIES_MAX ? u->tries - 1 : CONNECT_TRIES_MAX - 1];

	if (why->kind == ERR_THROTTLED) {
		ms = THROTTLE_FIRST_MS;
		for (unsigned i = 1; i < u->tries && ms < THROTTLE_MAX_MS; i++)
			ms *= 2;
	}
	return why->after_ms > ms ? why->after_ms : ms;
}

/* A message that is known to end connections is something, too: the others have their turn now. But a server may
 * end them whatever it is asked for, and then there is no end of such messages; what is given up is none of them any
 * more. */
static bool
brought_something(struct runner *u)
{
	const struct lane *l = &u->lane;
	uint64_t given_up = uidset_count(&l->skip);
	uint64_t suspects = uidset_count(&l->isolated) + (l->listings_cut == CUTS_ALONE);
	bool stored = l->stored > u->stored_before;
	bool fewer = given_up > u->given_up_before;
	unsigned most = l->stored > 0 ? SUSPECTS_LATER_MAX : SUSPECTS_MAX;
	bool learnt = suspects > u->suspects_before && u->suspects_in_a_row < most;

	u->suspects_in_a_row = stored || fewer ? 0 : u->suspects_in_a_row + learnt;
	u->stored_before = l->stored;
	u->given_up_before = given_up;
	u->suspects_before = suspects;
	return stored || fewer || learnt;
}

/* The session is gone: what it brought is committed, then wait and connect again. -1: give up, *why
 * stands. */
int
runner_reconnect(struct runner *u, struct err *why)
{
	struct run *r = u->run;
	struct lane *l = &u->lane;
	struct event e = { .no = EV_DISCONNECTED, .level = LEVEL_WARNING, .account = l->account };

	for (;;) {
		u->at_work = l->source != NULL;
		if (u->at_work)
			u->narrow = why->kind != ERR_THROTTLED;
		if (brought_something(u))
			u->tries = 0;
		u->tries++;
		runner_out(u, END_SOURCE);
		if (l->source != NULL && lane_flush(l, true, why) < 0)
			return -1;
		if (lane_tell(l, why) < 0)
			return -1;
		l->source_ops->close(&l->source);
		if (!job_may_try_again(why) || u->tries >= tries_max(r) || run_is_laid_aside(r, why))
			return -1;
		/* A connection to the destination that is alive keeps its place there, and so both. */
		if (l->sink == NULL || lane_sink_broken(l))
			runner_leave_places(u);

		int64_t ms = wait_before(u, why);

		e.no = why->kind == ERR_THROTTLED ? EV_WAITING : EV_DISCONNECTED;
		e.level = event_default_level(e.no);
		evlog_put(r->job->log, &e, "%s; connecting again in %.1f s (try %u of %d)",
		    why->text, (double)ms / 1000, u->tries, tries_max(r) - 1);
		if (r->job->progress != NULL)
			atomic_store(&r->job->progress->waiting_until_ms, clock_mono_ms() + ms);
		progress_wait(r->job->progress, WAITING_BACKOFF);

		struct err wait = { 0 };

		if (cancel_sleep(r->job->stop, ms, &wait) < 0) {
			*why = wait;
			return -1;
		}
		*why = (struct err){ 0 };
		if (runner_connect(u, why) == 0)
			return 0;
	}
}
