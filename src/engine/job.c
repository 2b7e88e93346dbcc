/* One account: connect, list, plan, copy every folder, connect again where a connection ends, and
 * record what became of it all. With more than one connection, lanes take folders from one queue.
 */
#include "engine/job.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/copy.h"
#include "engine/extras.h"
#include "engine/same.h"
#include "engine/set.h"
#include "mail/names.h"

enum {
	TRIES_MAX = 6, /* connections in a row that brought nothing */
	TRIES_LIST_MAX = 2, /* likewise, where another account can have the time */
	THROTTLE_FIRST_MS = 5 * 1000,
	THROTTLE_MAX_MS = 15 * 60 * 1000,
	HINT_MAX_MS = 60 * 60 * 1000,
	RTT_PAYS_US =
	    20 * 1000, /* from here on more connections hide the round trips between folders */
	LANES_AUTO = 4,
	LANES_MAX = 16
};

struct run {
	const struct job *job;
	struct sink_place place;
	struct exchange_place exchange;
	struct dest_place dest;
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
	unsigned unparsed; /* lines of the folder list that could not be read */
	size_t next; /* folder to take; shared.mutex */
	struct err err; /* first that ends the account; kind NONE: none; shared.mutex */
};

struct runner {
	struct run *run;
	struct lane lane;
	struct sess_ahead *ahead; /* of its source; NULL: none, or that of the job */
	pthread_t thread;
	bool started;
	bool placed; /* it has its places on the servers (hosts.h) */
	bool logged_in[HOST_ENDS]; /* what became of the login there is told */
	unsigned tries;
	uint64_t stored_before;
};

/* ---- connections ---- */

enum lane_end { END_SOURCE, END_DEST };

static int
take_places(struct runner *u, struct err *err)
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

static void
tell_login(struct runner *u, enum lane_end end, enum login_end how)
{
	const struct shares *s = u->run->job->shares;
	struct event e = { .no = EV_HOST_CLOSED, .level = LEVEL_ERROR };

	if (!u->placed || end >= s->n_hosts || u->logged_in[end])
		return;
	u->logged_in[end] = true;
	if (hosts_login(s->hosts, s->host[end], how))
		evlog_put(u->run->job->log, &e,
		    "%s refused the logins of %d accounts in a row: its other accounts are not "
		    "tried, as going on could lock its users out",
		    hosts_name(s->hosts, s->host[end]), HOST_REFUSALS_MAX);
}

static void
leave_places(struct runner *u)
{
	if (!u->placed)
		return;

	const struct shares *s = u->run->job->shares;

	for (unsigned end = 0; end < s->n_hosts; end++)
		tell_login(u, end, LOGIN_NONE);
	hosts_leave(s->hosts, s->host, s->n_hosts);
	u->placed = false;
	u->logged_in[END_SOURCE] = u->logged_in[END_DEST] = false;
}

/* Refused while others of ours are connected: that is how many the server bears. */
static void
learn_refusal(struct runner *u, enum lane_end end, const struct err *why)
{
	const struct shares *s = u->run->job->shares;
	struct event e = { .no = EV_CEILING, .level = LEVEL_WARNING, .account = u->lane.account };
	unsigned now;

	if (!u->placed || end >= s->n_hosts)
		return;
	tell_login(u, end, why->kind == ERR_LOGIN ? LOGIN_REFUSED : LOGIN_NONE);
	if (why->kind != ERR_THROTTLED && why->kind != ERR_BYE)
		return;
	if (hosts_refused(s->hosts, s->host[end], &now))
		evlog_put(u->run->job->log, &e,
		    "%s: it bears %u connection%s, as it seems; no more are opened for now",
		    hosts_name(s->hosts, s->host[end]), now, now == 1 ? "" : "s");
	else if (why->after_ms > 0 && why->kind == ERR_THROTTLED)
		hosts_hold(s->hosts, s->host[end], why->after_ms);
}

/* Both sides are connected at the same time. Not so the logins of a list: an account that fails at
 * its destination is tried again, and a login that the source refuses is not (rules.md 5). */
static void
source_ahead(struct runner *u, struct sess_ahead *given)
{
	const struct job *job = u->run->job;

	if (job->from == NULL && given == NULL)
		given = u->ahead = sess_ahead_start(&job->source, job->stop);
	if (job->shares == NULL)
		sess_ahead_go(given);
}

static int
connect_lane(struct runner *u, struct err *err)
{
	struct run *r = u->run;
	struct lane *l = &u->lane;
	struct source_place place = { .server = &r->job->source,
		.ahead = u->ahead != NULL ? u->ahead : r->job->ahead,
		.no_source_writes = r->job->no_source_writes,
		.again = since_pays(r->known, r->n_known),
		.shelf = r->job->from };
	struct event e = { .no = EV_CONNECTED, .level = LEVEL_INFO, .account = l->account };
	enum lane_end end = END_SOURCE;

	if (take_places(u, err) < 0)
		return -1;
	pthread_mutex_lock(&r->shared.mutex);
	place.facts = r->shared.facts;
	pthread_mutex_unlock(&r->shared.mutex);
	progress_wait(r->job->progress, WAITING_CONNECT);

	int rc = l->source_ops->open(&l->source, &place, r->job->stop, err);

	if (rc == 0)
		tell_login(u, END_SOURCE, LOGIN_TAKEN);
	if (rc == 0 && lane_sink_broken(l)) {
		end = END_DEST;
		rc = l->sink_ops->connect(l->sink, err);
	}
	if (rc == 0)
		tell_login(u, END_DEST, LOGIN_TAKEN);

	progress_wait(r->job->progress, WAITING_NOTHING);
	if (rc < 0) {
		struct err ignored = { 0 };

		learn_refusal(u, end, err);
		if (lane_tell(l, &ignored) < 0)
			*err = ignored;
		l->source_ops->close(&l->source);
		return -1;
	}
	if (r->job->from == NULL)
		evlog_put(r->job->log, &e, "connected to %s port %s", r->host, r->port);
	return 0;
}

bool
job_may_try_again(const struct err *err)
{
	return err->kind == ERR_THROTTLED || err->kind == ERR_DAY || err->retry == RETRY_RECONNECT ||
	       err->kind == ERR_CONNECT || err->kind == ERR_NO_HOST;
}

/* Others use the time that this one is told to wait. */
static bool
is_laid_aside(const struct run *r, const struct err *why)
{
	return r->job->shares != NULL && r->job->shares->lay_aside && why->kind == ERR_THROTTLED;
}

/* Of a list, --tries says how often; a worker that waits here would keep the others waiting. */
static unsigned
tries_max(const struct run *r)
{
	return r->job->shares != NULL && r->job->shares->lay_aside ? TRIES_LIST_MAX : TRIES_MAX;
}

static int64_t
wait_before(const struct runner *u, const struct err *why)
{
	static const int64_t waits[TRIES_MAX] = { 200, 1000, 3000, 8000, 15000, 15000 };
	int64_t ms = waits[u->tries <= TRIES_MAX ? u->tries - 1 : TRIES_MAX - 1];

	if (why->kind == ERR_THROTTLED) {
		ms = THROTTLE_FIRST_MS;
		for (unsigned i = 1; i < u->tries && ms < THROTTLE_MAX_MS; i++)
			ms *= 2;
	}
	if (why->after_ms > ms)
		ms = why->after_ms;
	/* A hint of days is no hint: then the run ends, and a later one goes on. */
	return ms < HINT_MAX_MS ? ms : HINT_MAX_MS;
}

/* The session is gone: what it brought is committed, then wait and connect again. -1: give up, *why
 * stands. */
static int
reconnect(struct runner *u, struct err *why)
{
	struct run *r = u->run;
	struct lane *l = &u->lane;
	struct event e = { .no = EV_DISCONNECTED, .level = LEVEL_WARNING, .account = l->account };

	for (;;) {
		if (l->stored > u->stored_before)
			u->tries = 0;
		u->stored_before = l->stored;
		u->tries++;
		if (l->source != NULL && lane_flush(l, true, why) < 0)
			return -1;
		if (lane_tell(l, why) < 0)
			return -1;
		l->source_ops->close(&l->source);
		if (!job_may_try_again(why) || u->tries >= tries_max(r) || is_laid_aside(r, why))
			return -1;
		/* A connection to the destination that is alive keeps its place there, and so both. */
		if (l->sink == NULL || lane_sink_broken(l))
			leave_places(u);

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
		if (connect_lane(u, why) == 0)
			return 0;
	}
}

/* ---- folders ---- */

static struct planned *
take_folder(struct run *r)
{
	struct planned *f = NULL;

	pthread_mutex_lock(&r->shared.mutex);
	while (f == NULL && r->err.kind == ERR_NONE && r->next < r->plan.len) {
		f = &r->plan.folder[r->next++];
		if (f->excluded)
			f = NULL;
	}
	pthread_mutex_unlock(&r->shared.mutex);
	return f;
}

static int
folder_failed(struct lane *l, struct planned *f, const struct err *why, struct err *err)
{
	struct event e = { .no = EV_FOLDER_FAILED,
		.level = LEVEL_ERROR,
		.account = l->account,
		.folder = f->display };

	evlog_put(l->job->log, &e, "%s", why->text);
	return lane_record(l, f, why->text, err);
}

static int
run_folder(struct runner *u, struct planned *f, struct err *err)
{
	for (;;) {
		struct err why = { 0 };

		if (lane_copy(&u->lane, f, &why) == 0)
			return 0;
		if (why.scope <= SCOPE_FOLDER)
			return folder_failed(&u->lane, f, &why, err);
		if (why.scope != SCOPE_SESSION && why.kind != ERR_THROTTLED) {
			*err = why;
			return -1;
		}
		if (reconnect(u, &why) < 0) {
			*err = why;
			return -1;
		}
	}
}

static int
run_lane(struct runner *u, struct err *err)
{
	struct planned *f;

	while ((f = take_folder(u->run)) != NULL) {
		if (run_folder(u, f, err) < 0)
			return -1;
		u->tries = 0;
		if (u->run->job->progress != NULL)
			atomic_fetch_add(&u->run->job->progress->folders_done, 1);
	}
	return lane_close_folders(&u->lane, err);
}

static void
lane_ended(struct run *r, int rc, const struct err *err, bool first)
{
	pthread_mutex_lock(&r->shared.mutex);
	if (rc < 0 && r->err.kind == ERR_NONE)
		r->err = *err;
	if (first)
		r->shared.settled = true;
	pthread_cond_broadcast(&r->shared.learnt);
	pthread_mutex_unlock(&r->shared.mutex);
}

/* What a further connection is refused the first one can still bring. */
static bool
goes_without(const struct runner *u, const struct err *why)
{
	struct event e = {
		.no = EV_DISCONNECTED, .level = LEVEL_INFO, .account = u->lane.account
	};

	if (!job_may_try_again(why))
		return false;
	evlog_put(u->run->job->log, &e, "%s; the account goes on with fewer connections",
	    why->text);
	return true;
}

static int
lane_make(struct runner *u, struct err *err)
{
	struct run *r = u->run;

	if (lane_init(&u->lane, r->job, &r->shared, r->login, &r->place, &r->lease, err) < 0) {
		learn_refusal(u, END_DEST, err);
		return -1;
	}
	return 0;
}

/* A sink on a server takes round trips to open, and the first lane works meanwhile. */
static int
further_open(struct runner *u, struct err *err)
{
	struct run *r = u->run;

	source_ahead(u, NULL);
	if (r->job->dest != NULL) {
		if (lane_make(u, err) < 0)
			return -1;
		lane_survey(&u->lane, &r->plan);
	}
	/* It begins when the first has found a form that works (rules.md 1.3). */
	pthread_mutex_lock(&r->shared.mutex);
	while (r->shared.facts.works_form < 0 && !r->shared.settled && r->err.kind == ERR_NONE)
		pthread_cond_wait(&r->shared.learnt, &r->shared.mutex);
	pthread_mutex_unlock(&r->shared.mutex);
	return connect_lane(u, err);
}

static void *
further_lane(void *arg)
{
	struct runner *u = arg;
	struct run *r = u->run;
	struct err err = { 0 };

	if (further_open(u, &err) < 0) {
		if (!goes_without(u, &err))
			lane_ended(r, -1, &err, false);
		return NULL;
	}

	int rc = run_lane(u, &err);
	struct err flush = { 0 };

	if (lane_flush(&u->lane, true, &flush) < 0 && rc == 0) {
		rc = -1;
		err = flush;
	}
	lane_ended(r, rc, &err, false);
	return NULL;
}

static size_t
lanes_wanted(const struct run *r, const struct lane *first)
{
	size_t folders = 0, n = r->job->connections;

	for (size_t i = 0; i < r->plan.len; i++)
		folders += !r->plan.folder[i].excluded;
	if (first->sink_ops->traits & SINK_ONE_WRITER || r->job->from != NULL)
		n = 1;
	if (n == 0)
		n = first->source_ops->rtt_us(first->source) >= RTT_PAYS_US && folders >= LANES_AUTO
			? LANES_AUTO
			: 1;
	if (n > LANES_MAX)
		n = LANES_MAX;
	return n > folders ? folders : n;
}

/* *ret_more false: neither this lane nor another one. */
static int
start_lane(struct run *r, struct runner *u, bool *ret_more, struct err *err)
{
	const struct shares *s = r->job->shares;

	*ret_more = false;
	/* A place that is free now; other accounts need not wait for a further connection of this one. */
	if (s != NULL && !hosts_try(s->hosts, s->host, s->n_hosts))
		return 0;
	u->run = r;
	u->placed = s != NULL;
	u->lane.account = r->login;
	/* Files are opened before any lane writes: what an unclean end has left is put in order. */
	if (r->job->dest == NULL) {
		if (lane_make(u, err) < 0)
			return goes_without(u, err) ? 0 : -1;
		lane_survey(&u->lane, &r->plan);
	}
	u->started = pthread_create(&u->thread, NULL, further_lane, u) == 0;
	*ret_more = u->started;
	return 0;
}

static int
start_lanes(struct run *r, struct runner *u, size_t n, struct err *err)
{
	bool more = true;

	for (size_t i = 1; i < n && more; i++)
		if (start_lane(r, &u[i], &more, err) < 0)
			return -1;
	return 0;
}

static int
run_lanes(struct run *r, struct runner *first, struct err *err)
{
	size_t n = lanes_wanted(r, &first->lane);
	struct runner *u = mem_new((n + 1) * sizeof(*u));
	struct err why = { 0 };

	u[0].lane.account = first->lane.account;

	int rc = start_lanes(r, u, n, &why);

	if (rc == 0)
		rc = run_lane(first, &why);
	lane_ended(r, rc, &why, true);
	for (size_t i = 1; i < n; i++) {
		if (u[i].started)
			pthread_join(u[i].thread, NULL);
		if (u[i].run != NULL)
			lane_done(&u[i].lane);
		sess_ahead_close(&u[i].ahead);
		leave_places(&u[i]);
	}
	free(u);
	if (r->err.kind == ERR_NONE)
		return 0;
	*err = r->err;
	return -1;
}

/* ---- the account ---- */

/* A folder that the source no longer has: its files stay. */
static void
record_vanished(struct run *r, struct lane *l)
{
	for (size_t i = 0; i < r->n_known; i++) {
		struct folder_rec *k = &r->known[i];
		bool there = k->vanished;

		for (size_t j = 0; j < r->plan.len && !there; j++)
			there = slice_eq(r->plan.folder[j].folder.name, k->name);
		if (there)
			continue;
		k->vanished = true;
		batch_folder(l->batch, k);
	}
}

/* DNS moved at cut-over: another product, and every UIDVALIDITY another (rules.md 1.9). */
static int
check_source(const struct run *r, const struct lane *l, const char *product_before, struct err *err)
{
	const char *now = l->source_ops->facts(l->source)->product;
	size_t compared = 0;

	if (product_before[0] == '\0' || now[0] == '\0' || strcmp(product_before, now) == 0)
		return 0;
	for (size_t i = 0; i < r->n_known; i++) {
		for (size_t j = 0; j < r->plan.len; j++) {
			const struct folder *f = &r->plan.folder[j].folder;

			if (r->known[i].vanished || !slice_eq(f->name, r->known[i].name) ||
			    f->counts.uidvalidity == 0)
				continue;
			if (f->counts.uidvalidity == r->known[i].uidvalidity)
				return 0;
			compared++;
		}
	}
	if (compared == 0)
		return 0;
	return err_set(err, ERR_WRONG_SOURCE,
	    "%s is '%s' now and was '%s' at the last run, and no folder has its UIDVALIDITY of "
	    "then: this seems to be another server; nothing was read. Use a new --to directory if "
	    "it is meant",
	    r->host, now, product_before);
}

static void
count_total(const struct run *r)
{
	struct progress *p = r->job->progress;

	if (p == NULL)
		return;
	for (size_t i = 0; i < r->plan.len; i++) {
		if (r->plan.folder[i].excluded)
			continue;
		atomic_fetch_add(&p->folders_total, 1);
		atomic_fetch_add(&p->messages_total, r->plan.folder[i].folder.counts.messages);
	}
}

/* Folders on a server are made before the first message goes. */
static int
prepare_sink(struct lane *l, struct plan *plan, struct err *err)
{
	const struct folder **wanted;
	size_t n = 0;
	int rc;

	if (l->sink_ops->prepare == NULL)
		return 0;
	/* Later on a good copy may look the same: servers that number everything from 1. */
	if (l->job->from == NULL && l->n_known == 0 && same_account(&l->job->source, &plan->list,
		&l->job->dest->server, l->sink_ops->listed(l->sink)))
		return err_set(err, ERR_USAGE,
		    "source and destination are the same account: it has the same folders with the "
		    "same UIDVALIDITY and UIDNEXT under both names; nothing was copied");
	wanted = mem_resize(NULL, plan->len + 1, sizeof(*wanted));
	for (size_t i = 0; i < plan->len; i++)
		if (!plan->folder[i].excluded)
			wanted[n++] = &plan->folder[i].folder;
	rc = l->sink_ops->prepare(l->sink, wanted, n, err);
	free(wanted);
	return rc;
}

/* In the same warning as the patterns: one stands for each account. */
static void
unmatched_rules(struct run *r)
{
	struct buf text;

	buf_init(&text, NO_FOLDER_MAX);
	if (mapping_unmatched(&r->job->dest->rules, r->plan.list.folder, r->plan.list.len, &text))
		(void)buf_printf(&r->no_folder, "%s%s", r->no_folder.len > 0 ? "; " : "", text.data);
	buf_done(&text);
}

static int
make_plan(struct run *r, struct lane *l, struct err *err)
{
	struct folder_list list = { 0 };
	char product[128];

	snprintf(product, sizeof(product), "%s", r->shared.facts.product);
	if (l->source_ops->folders(l->source, &r->plan.arena, &list, err) < 0)
		return -1;
	r->unparsed = list.unparsed;
	if (plan_make(&r->plan, &r->job->selection, &list, err) < 0 ||
	    check_source(r, l, product, err) < 0)
		return -1;
	(void)plan_unmatched(&r->plan, &r->job->selection, &r->no_folder);
	if (r->job->dest != NULL)
		unmatched_rules(r);
	lane_survey(l, &r->plan);
	if (prepare_sink(l, &r->plan, err) < 0)
		return -1;
	/* A folder that seems to be gone may be one whose line was garbled. */
	if (r->unparsed == 0)
		record_vanished(r, l);
	for (size_t i = 0; i < r->plan.len; i++)
		if (r->plan.folder[i].excluded && lane_record(l, &r->plan.folder[i], NULL, err) < 0)
			return -1;
	l->plan = NULL;
	count_total(r);
	return lane_prepare(l, &r->plan, err);
}

static int
open_and_plan(struct runner *u, struct err *err)
{
	/* The very first connection is not repeated: what is wrong now is for the user to know now.
	 */
	if (connect_lane(u, err) < 0)
		return -1;
	while (make_plan(u->run, &u->lane, err) < 0) {
		if (err->scope != SCOPE_SESSION || u->run->plan.list.folder != NULL ||
		    reconnect(u, err) < 0)
			return -1;
	}
	return 0;
}

/* Access rights and annotations never end a run. */
static int
copy_extras(struct runner *u, struct err *err)
{
	struct lane *l = &u->lane;
	unsigned what = u->run->job->dest != NULL ? extras_possible(l, u->run->job->dest->extras) : 0;
	bool again = true;

	while (what != 0 && extras_copy(l, &u->run->plan, what, err) < 0) {
		if (!job_may_try_again(err))
			return -1;
		if (!again)
			lane_warn(l, EV_EXTRAS_REFUSED, 0,
			    "access rights and annotations are not copied further: %s", err->text);
		what = again ? what : 0;
		again = false;
		if (reconnect(u, err) < 0)
			return -1;
	}
	return 0;
}

static int
run_account(struct run *r, struct runner *u, struct err *err)
{
	struct lane *l = &u->lane;
	struct event e = { .no = EV_INSECURE, .level = LEVEL_WARNING, .account = l->account };

	if (open_and_plan(u, err) < 0)
		return -1;
	if (r->job->insecure_told) {
		const char *text = r->job->source.tls == TLS_NONE
				       ? "nothing is encrypted (--insecure-plaintext)"
				       : "the server's certificate is not checked (--insecure-tls)";

		evlog_put(r->job->log, &e, "%s", text);
		batch_warning(l->batch,
		    &(struct warning){ .event = EV_INSECURE, .folder = "", .text = text });
	}
	if (r->job->dest_insecure_told) {
		const char *text =
		    r->job->dest->server.tls == TLS_NONE
			? "nothing is encrypted on the way to the destination "
			  "(--dest-insecure-plaintext)"
			: "the destination's certificate is not checked (--dest-insecure-tls)";

		evlog_put(r->job->log, &e, "%s", text);
		batch_warning(l->batch,
		    &(struct warning){
			.event = EV_INSECURE, .folder = "", .uid = 1, .text = text });
	}
	if (r->no_folder.len > 0)
		lane_warn(l, EV_NO_FOLDER, 0, "%s", r->no_folder.data);
	if (r->address_made)
		lane_warn(l, EV_NO_ADDRESS, 0,
		    "no SMTP address was given (--smtp-address); the set files the account under "
		    "'%s'", r->exchange.smtp_address);
	if (copy_extras(u, err) < 0 || run_lanes(r, u, err) < 0)
		return -1;
	if (r->job->dest != NULL && r->job->dest->delete_extra &&
	    lane_delete_extra(l, &r->plan, r->account_dir, err) < 0)
		return -1;
	if (l->sink_ops->finish_account(l->sink, r->plan.list.folder, r->plan.list.len, err) < 0 ||
	    lane_flush(l, true, err) < 0)
		return -1;
	if (r->unparsed > 0)
		return err_set(err, ERR_FOLDER,
		    "%u lines of the folder list could not be read: folders may be missing; "
		    "what was listed is copied",
		    r->unparsed);
	return 0;
}

/* The end that is told and recorded; an end that cannot be recorded is a failure itself. */
/* Waiting costs no try. */
static bool
goes_on(const struct run *r, const struct err *why)
{
	const struct shares *s = r->job->shares;

	return is_laid_aside(r, why) || (s != NULL && why->kind == ERR_DAY) ||
	       (s != NULL && s->again && job_may_try_again(why));
}

static int
account_ended(struct run *r, struct lane *l, int rc, struct err *err)
{
	enum account_status status = rc == 0                        ? ACCOUNT_DONE
				     : err->kind == ERR_INTERRUPTED ? ACCOUNT_STOPPED
								    : ACCOUNT_FAILED;
	struct event e = { .no = rc == 0                        ? EV_ACCOUNT_END
				 : err->kind == ERR_INTERRUPTED ? EV_INTERRUPTED
								: EV_ACCOUNT_FAILED,
		.account = l->account };
	struct err why = { 0 };

	e.level = event_default_level(e.no);
	/* An end that is none is told by who tries again. */
	if (rc == 0 || !goes_on(r, err))
		evlog_put(r->job->log, &e, "%s", rc == 0 ? "account ended" : err->text);
	if (state_account_end(r->job->state, &r->lease, status, rc == 0 ? "" : err->text,
		rc == 0 ? 0 : err_exit_code(err->kind), &why) < 0 &&
	    rc == 0) {
		*err = why;
		return -1;
	}
	return rc;
}

/* Who the account is: where it is claimed, and under which name it is told. */
static void
run_identity(struct run *r)
{
	const struct job *job = r->job;

	r->login = job->from != NULL ? job->from->login : job->source.login;
	r->host = job->from != NULL ? job->from->host : job->source.host;
	r->port = job->from != NULL ? job->from->port : job->source.port;
}

static int
claim(struct run *r, struct err *err)
{
	struct account_rec rec = { .login = r->login, .host = r->host, .port = r->port };
	struct buf dir;

	buf_init(&dir, 4096);
	account_dir(slice_str(r->login), r->host, r->port, &dir);
	rec.dir = dir.data;
	rec.name = *r->host != '\0' ? arena_printf(&r->arena, "%s@%s", r->login, r->host) : r->login;

	int rc = rec.name == NULL ? err_set(err, ERR_USAGE, "the account name is too long")
				  : state_claim(r->job->state, &rec, &r->arena, &r->lease, err);

	if (rc == 0 && (asprintf(&r->mail_dir, "%s/mail/%s", r->job->dir, rec.dir) < 0 ||
			   asprintf(&r->set_dir, "%s/mail", r->job->dir) < 0 ||
			   asprintf(&r->quarantine, "%s/quarantine/%s", r->job->dir, rec.dir) < 0))
		abort();
	buf_done(&dir);
	if (rc < 0)
		return -1;
	r->account_dir = rec.dir;
	if (r->job->ret_lease != NULL)
		*r->job->ret_lease = r->lease;
	return state_folders(r->job->state, rec.id, &r->arena, &r->known, &r->n_known, err);
}

/* The address that an Exchange set files the account under (rules.md 3.8). */
static const char *
owner_address(struct run *r)
{
	const char *given = r->job->writing.smtp_address, *made;

	if (given != NULL || strchr(r->login, '@') != NULL)
		return given != NULL ? given : r->login;
	r->address_made = true;
	made = arena_printf(&r->arena, "%s@%s", r->login, *r->host ? r->host : "localhost");
	return made != NULL ? made : r->login;
}

/* Where the sinks of all lanes write. */
static int
run_place(struct run *r, struct err *err)
{
	const struct writing *w = &r->job->writing;
	size_t files = file_raise_limit(), workers = r->job->shares ? r->job->shares->workers : 1;

	r->place = (struct sink_place){ .dir = r->mail_dir,
		.keep_crlf = w->keep_crlf,
		.unclean = state_was_unclean(r->job->state),
		/* Three batches may be under way, and others need descriptors too. */
		.batch_files = files > 256 ? (int)((files - 128) / 4 / workers) : 32,
		.windows_names = w->windows_names,
		.mbox_status = w->mbox_status,
		.known = r->known,
		.n_known = r->n_known };
	if (r->place.batch_files > BATCH_FILES_MAX)
		r->place.batch_files = BATCH_FILES_MAX;
	if (r->job->dest != NULL) {
		const struct dest *d = r->job->dest;

		r->dest = (struct dest_place){ .server = &d->server,
			.rules = &d->rules,
			.guess_prefix = r->job->from != NULL,
			.spool_dir = d->spool_dir != NULL ? d->spool_dir : r->job->dir,
			.quarantine = r->quarantine };
		r->place.dest = &r->dest;
		return 0;
	}
	if (r->job->format != FORMAT_EXCHANGE)
		return 0;
	r->exchange = (struct exchange_place){ .dir = r->set_dir,
		.login = r->login,
		.host = r->host,
		.smtp_address = owner_address(r),
		.codepage = w->codepage,
		.zone = w->zone,
		.full_source = w->full_source,
		.drafts_by_flag = w->drafts_by_flag };
	r->place.exchange = &r->exchange;
	return set_number(r->job, r->account_dir, &r->exchange, err);
}

static int
copy_claimed(struct run *r, struct runner *u, struct err *err)
{
	struct err flush = { 0 };
	int rc;

	if ((r->job->dest == NULL && file_make_dirs(r->mail_dir, err) < 0) || run_place(r, err) < 0)
		return -1;
	rc = take_places(u, err);
	if (rc == 0)
		source_ahead(u, r->job->ahead);
	if (rc == 0)
		rc = lane_make(u, err);
	if (rc == 0)
		rc = run_account(r, u, err);
	if (rc < 0 && u->lane.batch != NULL && lane_intends(&u->lane))
		lane_put_down(&u->lane);
	if (rc < 0 && u->lane.batch != NULL && err->kind != ERR_DISK && err->kind != ERR_FULL &&
	    lane_flush(&u->lane, true, &flush) < 0 && err->kind == ERR_INTERRUPTED)
		*err = flush;
	lane_done(&u->lane);
	sess_ahead_close(&u->ahead);
	return rc;
}

int
job_copy(const struct job *job, struct err *err)
{
	struct run r = { .job = job };
	struct runner u = { .run = &r, .placed = job->shares != NULL && job->shares->placed };
	struct event e = { .no = EV_ACCOUNT_START, .level = LEVEL_INFO };
	char host_port[300];
	int rc = -1;

	if (u.placed)
		job->shares->placed = false;
	run_identity(&r);
	e.account = u.lane.account = r.login;
	snprintf(host_port, sizeof(host_port), "%s:%s", r.host, r.port);
	r.shared.host_port = host_port;
	pthread_mutex_init(&r.shared.mutex, NULL);
	pthread_cond_init(&r.shared.learnt, NULL);
	arena_init(&r.arena, 512 * 1024 * 1024);
	plan_init(&r.plan);
	buf_init(&r.no_folder, NO_FOLDER_MAX);
	if (claim(&r, err) < 0 ||
	    (job->from == NULL &&
		state_server_get(job->state, host_port, &r.shared.facts, err) < 0))
		goto out;
	evlog_put(job->log, &e, "%s", job->dir);
	rc = copy_claimed(&r, &u, err);
	rc = account_ended(&r, &u.lane, rc, err);
out:
	leave_places(&u);
	free(r.mail_dir);
	free(r.set_dir);
	free(r.quarantine);
	plan_done(&r.plan);
	buf_done(&r.no_folder);
	arena_done(&r.arena);
	pthread_cond_destroy(&r.shared.learnt);
	pthread_mutex_destroy(&r.shared.mutex);
	return rc;
}
