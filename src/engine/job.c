/* One account: connect, list, plan, copy every folder, and record what became of it all. */
#include "engine/job.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/extras.h"
#include "engine/forecast.h"
#include "engine/quota.h"
#include "engine/renamed.h"
#include "engine/run.h"
#include "engine/same.h"
#include "engine/set.h"
#include "mail/names.h"
#include "store/handed.h"

/* Messages of it were stored, and their copies are lost: it is not complete, nor can it be made so. */
static int
vanished_lost(struct lane *l, struct folder_rec *k, struct err *err)
{
	bool lost;

	if (lane_has_lost(l, k, &lost, err) < 0)
		return -1;
	k->vanished = !lost;
	if (!lost)
		return 0;
	k->proof.proved = k->proof.carried = false;
	k->proof.why = "the source no longer has the folder, and copies of messages that were stored from it are lost";
	return 0;
}

/* A folder that the source no longer has: its files stay. */
static int
record_vanished(struct run *r, struct lane *l, struct err *err)
{
	for (size_t i = 0; i < r->n_known; i++) {
		struct folder_rec *k = &r->known[i];
		bool there = k->vanished;

		for (size_t j = 0; j < r->plan.len && !there; j++)
			there = slice_eq(r->plan.folder[j].folder.name, k->name);
		if (there)
			continue;
		if (vanished_lost(l, k, err) < 0)
			return -1;
		batch_folder(l->batch, k);
	}
	return 0;
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
	bool same = false;
	int rc;

	if (l->sink_ops->prepare == NULL)
		return 0;
	/* Later on a good copy may look the same: servers that number everything from 1. */
	if (l->job->from == NULL && l->n_known == 0 && same_lane(l, &plan->list, &same, err) < 0)
		return -1;
	if (same)
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

/* Where the server does not tell, what it told before stands. */
static void
keep_subscriptions(const struct run *r, struct folder_list *list)
{
	for (size_t i = 0; i < r->n_known && list->lsub_refused; i++) {
		struct folder *f = folder_list_find(list, slice_str(r->known[i].name));

		if (f != NULL && r->known[i].subscribed)
			f->attrs |= FOLDER_SUBSCRIBED;
	}
}

static int
make_plan(struct run *r, struct lane *l, struct err *err)
{
	struct folder_list list = { 0 };
	char product[128];

	snprintf(product, sizeof(product), "%s", r->shared.facts.product);
	if (l->source_ops->folders(l->source, &r->plan.arena, &list, err) < 0)
		return -1;
	keep_subscriptions(r, &list);
	if (plan_make(&r->plan, &r->job->selection, &list, err) < 0 ||
	    check_source(r, l, product, err) < 0)
		return -1;
	(void)plan_unmatched(&r->plan, &r->job->selection, &r->no_folder);
	if (r->job->dest != NULL)
		unmatched_rules(r);
	/* Before it seems to be about a folder. */
	return lane_tell(l, err);
}

/* Records, when the folders of the target are made. */
static int
prepare_plan(struct run *r, struct lane *l, struct err *err)
{
	/* A folder that seems to be gone may be one whose line was garbled. */
	if (plan_lists_all(&r->plan) && record_vanished(r, l, err) < 0)
		return -1;
	for (size_t i = 0; i < r->plan.len; i++)
		if (r->plan.folder[i].excluded && lane_record(l, &r->plan.folder[i], NULL, err) < 0)
			return -1;
	l->plan = NULL;
	count_total(r);
	return lane_prepare(l, &r->plan, err);
}

static unsigned
extras_asked(const struct runner *u)
{
	return u->run->job->dest != NULL ? u->run->job->dest->extras : 0;
}

/* What may be refused ends no run: it is tried once more with another connection, then left. `which` keeps its
 * warning apart from others. */
static int
copy_or_leave(struct runner *u, int (*copy)(struct runner *u, unsigned what, struct err *err), unsigned what,
    uint32_t which, const char *left, struct err *err)
{
	for (bool again = true; what != 0 && copy(u, what, err) < 0; again = false) {
		if (!job_may_try_again(err))
			return -1;
		if (!again)
			lane_warn(&u->lane, EV_EXTRAS_REFUSED, which, "%s: %s", left, err->text);
		what = again ? what : 0;
		if (runner_reconnect(u, err) < 0)
			return -1;
	}
	return 0;
}

static int
quota_once(struct runner *u, unsigned what, struct err *err)
{
	(void)what;
	return lane_quota(&u->lane, err);
}

static int
copy_quota(struct runner *u, struct err *err)
{
	return copy_or_leave(u, quota_once, extras_asked(u) & EXTRA_QUOTA, EXTRA_QUOTA,
	    "the quota is not copied", err);
}

/* With another connection the same may go well: that one is lost, or the server asks to wait. */
static int
reconnect_for(struct runner *u, struct err *why)
{
	return why->scope == SCOPE_SESSION || why->kind == ERR_THROTTLED ? runner_reconnect(u, why) : -1;
}

/* The very first connection is not repeated: what is wrong now is for the user to know now. But the server may name a
 * time. */
static int
connected_first(struct runner *u, int rc, struct err *err)
{
	return rc < 0 && err->kind == ERR_THROTTLED && err->after_ms > 0 ? runner_reconnect(u, err) : rc;
}

static int
open_and_plan(struct runner *u, struct err *err)
{
	if (u->lane.source == NULL && connected_first(u, runner_connect(u, err), err) < 0)
		return -1;
	while (make_plan(u->run, &u->lane, err) < 0)
		if (u->run->plan.list.folder != NULL || reconnect_for(u, err) < 0)
			return -1;
	if (copy_quota(u, err) < 0)
		return -1;
	while (run_forecast(u->run, &u->lane, err) < 0)
		if (reconnect_for(u, err) < 0)
			return -1;
	while (run_renamed(u->run, &u->lane, err) < 0)
		if (reconnect_for(u, err) < 0)
			return -1;
	lane_survey(&u->lane, &u->run->plan);
	while (prepare_sink(&u->lane, &u->run->plan, err) < 0)
		if (reconnect_for(u, err) < 0)
			return -1;
	return prepare_plan(u->run, &u->lane, err);
}

static int
extras_once(struct runner *u, unsigned what, struct err *err)
{
	return extras_copy(&u->lane, &u->run->plan, what, err);
}

static int
copy_extras(struct runner *u, struct err *err)
{
	unsigned what = extras_possible(&u->lane, extras_asked(u) & (EXTRA_ACL | EXTRA_METADATA));

	return copy_or_leave(u, extras_once, what, 0,
	    "access rights and annotations are not copied further", err);
}

/* Of a list that is not whole. */
static int
list_copied(struct err *err)
{
	const struct err why = *err;

	return err_set(err, ERR_FOLDER, "%s; what was found is copied", why.text);
}

/* Of files that are not all of the account: what they lack a warning names (EV_FROM_UNFINISHED). */
static int
files_lack(struct err *err)
{
	return err_set(err, ERR_FOLDER,
	    "what is in the files is copied, and is not all: finish the job that they come from, and run the same command "
	    "again");
}

static bool
deletes_extra(const struct job *j)
{
	return j->dest != NULL && j->dest->delete_extra;
}

static int
run_account(struct run *r, struct runner *u, struct err *err)
{
	struct lane *l = &u->lane;

	if (open_and_plan(u, err) < 0)
		return -1;
	if (r->job->insecure_told)
		lane_insecure(l, END_SOURCE, "the server's certificate is not checked (--insecure-tls)", l->batch);
	if (r->job->dest_insecure_told)
		lane_insecure(l, END_DEST, "the destination's certificate is not checked (--dest-insecure-tls)",
		    l->batch);
	if (r->job->from_lacks != NULL)
		lane_warn(l, EV_FROM_UNFINISHED, 0, "the job it comes from is not complete: %s", r->job->from_lacks);
	else if (r->job->from != NULL)
		batch_warning_gone(l->batch, EV_FROM_UNFINISHED, "", 0);
	if (r->no_folder.len > 0)
		lane_warn(l, EV_NO_FOLDER, 0, "%s", r->no_folder.data);
	if (r->address_made)
		lane_warn(l, EV_NO_ADDRESS, 0,
		    "no SMTP address was given (--smtp-address); the set files the account under "
		    "'%s'", r->exchange.smtp_address);
	if (copy_extras(u, err) < 0 || run_lanes(r, u, err) < 0)
		return -1;
	if (lane_rebuild_gone(l, r->account_dir, err) < 0)
		return -1;
	/* What removes goes by what is durable. */
	if ((r->job->mirror || deletes_extra(r->job)) && lane_flush(l, true, err) < 0)
		return -1;
	if (r->job->mirror && lane_mirror(l, &r->plan, r->account_dir, err) < 0)
		return -1;
	if (deletes_extra(r->job) && lane_delete_extra(l, &r->plan, r->account_dir, err) < 0)
		return -1;
	while (l->sink_ops->finish_account(l->sink, r->plan.list.folder, r->plan.list.len, err) < 0)
		if (reconnect_for(u, err) < 0)
			return -1;
	if (plan_lists_all(&r->plan))
		lane_passed_list(l, &r->plan);
	if (lane_flush(l, true, err) < 0)
		return -1;
	if (plan_whole(&r->plan, err) < 0)
		return list_copied(err);
	return r->job->from_lacks != NULL ? files_lack(err) : 0;
}

/* Waiting costs no try. */
static bool
goes_on(const struct run *r, const struct err *why)
{
	const struct shares *s = r->job->shares;

	return run_is_laid_aside(r, why) || why->kind == ERR_TAKEN || why->kind == ERR_DAY ||
	       (s != NULL && s->again && job_may_try_again(why));
}

/* The end that is told and recorded; an end that cannot be recorded is a failure itself. */
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
	const char *words = cancel_words(r->job->stop);
	struct err why = { 0 };

	if (rc < 0 && err->kind == ERR_INTERRUPTED && words != NULL)
		(void)err_set(err, ERR_INTERRUPTED, "%s", words);
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
	r->host = job->from != NULL ? job->from->host : endpoint_known_host(&job->source);
	r->port = job->from != NULL ? job->from->port : endpoint_known_port(&job->source);
}

static int
claim(struct run *r, struct err *err)
{
	struct account_rec rec = { .login = r->login, .host = r->host, .port = r->port };
	struct buf dir;

	buf_init(&dir, 4096);
	account_dir(slice_str(r->login), r->host, r->port, &dir);
	rec.dir = dir.data;
	if (r->job->dest != NULL)
		rec.dest = arena_printf(&r->arena, "%s@%s:%s", r->job->dest->server.login,
		    r->job->dest->server.host, r->job->dest->server.port);
	rec.name = *r->host != '\0' ? arena_printf(&r->arena, "%s@%s", r->login, r->host) : r->login;

	int rc = rec.name == NULL ? err_set(err, ERR_USAGE, "the account name is too long")
				  : state_claim(r->job->state, &rec, &r->arena, &r->lease, err);

	if (rc == 0 && (asprintf(&r->mail_dir, "%s/mail/%s", r->job->dir, rec.dir) < 0 ||
			   asprintf(&r->set_dir, "%s/mail", r->job->dir) < 0 ||
			   asprintf(&r->quarantine, "%s/quarantine/%s", r->job->dir, rec.dir) < 0))
		mem_out();
	buf_done(&dir);
	if (rc < 0)
		return -1;
	r->account_dir = rec.dir;
	r->shared.warned = rec.warnings > 0;
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
	AUTO(mem_free_str) char *restored = NULL;

	if (state_note_get(r->job->state, STATE_NOTE_RESTORED, &restored, err) < 0)
		return -1;
	r->place = (struct sink_place){ .dir = r->mail_dir,
		.dir_made = true,
		.keep_crlf = w->keep_crlf,
		.unclean = restored != NULL || state_was_unclean(r->job->state),
		.restored = restored != NULL,
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
			.quarantine = r->quarantine,
			.doubt_wait_ms = r->job->dest->doubt_wait_ms,
			.labels_refused = &r->labels_refused };
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
	if (r->place.restored && set_not_ahead(r->job, r->account_dir, &r->place, err) < 0)
		return -1;
	return set_number(r->job, r->account_dir, &r->exchange, err);
}

/* Before anything is asked of a server. Where there are records of folders it was made durable for them;
 * else the first barrier of the account does that, or what is made here. */
static int
make_mail_dir(const struct run *r, struct err *err)
{
	return (r->n_known > 0 ? handed_have_dirs : handed_make_dirs_for_system)(r->mail_dir, err);
}

static int
copy_claimed(struct run *r, struct runner *u, struct err *err)
{
	struct err flush = { 0 };
	int rc;

	/* It may be passed over. */
	if (cancel_raised(r->job->stop))
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	if ((r->job->dest == NULL && make_mail_dir(r, err) < 0) || run_place(r, err) < 0)
		return -1;
	rc = runner_take_places(u, err);
	/* Among many that work at once a thread for it costs more than the moment that it saves. */
	if (rc == 0 && (r->job->shares == NULL || r->job->dest != NULL))
		runner_source_ahead(u, r->job->ahead);
	if (rc == 0)
		rc = connected_first(u, runner_make_lane(u, err), err);
	if (rc == 0)
		rc = run_account(r, u, err);
	if (rc < 0 && u->lane.batch != NULL && lane_intends(&u->lane))
		lane_put_down(&u->lane);
	/* Also when the disk failed: what was whole before is whole, and files that have grown without a commit would
	 * seem to be another's in the next run. */
	if (rc < 0 && u->lane.batch != NULL && lane_flush(&u->lane, true, &flush) < 0 &&
	    err->kind == ERR_INTERRUPTED)
		*err = flush;
	runner_places_out(u);
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
		(state_server_get(job->state, host_port, &r.shared.facts, err) < 0 || run_search(&r, err) < 0)))
		goto out;
	evlog_put(job->log, &e, "%s", job->dir);
	rc = run_day_begin(&r, err);
	if (rc == 0)
		rc = copy_claimed(&r, &u, err);
	run_day_end(&r);
	rc = account_ended(&r, &u.lane, rc, err);
out:
	runner_leave_places(&u);
	room_leave(job->room, &r.shared.disk_share);
	room_close(&r.shared.quota);
	free(r.mail_dir);
	free(r.set_dir);
	free(r.quarantine);
	plan_done(&r.plan);
	buf_done(&r.no_folder);
	shared_told_free(&r.shared);
	arena_done(&r.arena);
	pthread_cond_destroy(&r.shared.learnt);
	pthread_mutex_destroy(&r.shared.mutex);
	return rc;
}
