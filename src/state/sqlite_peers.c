/* Several processes on one job: who they are, which accounts they have, and their places on
 * servers.
 *
 * A process is a row of `process` and a locked file of its number, which it takes before that row
 * is committed: a row whose file is not locked is of a process that is gone. Whoever finds one
 * frees what it had. A time after which a claim expires would need clocks that agree, and a process
 * that stands still for a while would lose what it has; for processes on one machine the kernel
 * knows better. */
#include <unistd.h>

#include "base/clock.h"
#include "state/sqlite.h"

/* Others may sync, compact or check for long: that is no fault of theirs. */
enum { PEERS_MAX = 1000, SHARED_BUSY_MS = 10 * 60 * 1000 };

/* ---- statements of one number ---- */

static int
peers_do(struct backend *b, enum stmt_no no, int64_t number, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, no);

	query_int(&q, number);
	return query_run(&q, err);
}

static int
peers_do_all(struct backend *b, enum stmt_no no, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, no);

	return query_run(&q, err);
}

static int
claims_queue(struct backend *b, int64_t process, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_CLAIMS_QUEUE);

	query_int(&q, process);
	query_int(&q, ACCOUNT_QUEUED);
	query_int(&q, ACCOUNT_DONE);
	query_int(&q, ACCOUNT_WAITING);
	query_int(&q, clock_wall_ms());
	return query_run(&q, err);
}

/* ---- who there is ---- */

struct peer {
	int64_t id, pid;
	enum sharing sharing;
	bool lives;
};

/* All but this one. */
static int
peers_read(struct backend *b, struct rows *ret, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_PEERS);
	int rc;

	query_int(&q, b->process);
	while ((rc = query_row(&q, err)) > 0 && ret->len < PEERS_MAX) {
		struct peer *p = rows_add(ret);

		p->id = col_int(&q, 0);
		p->pid = col_int(&q, 1);
		p->sharing = (enum sharing)col_int(&q, 2);
		p->lives = process_lock_held(b->dir, p->id);
	}
	return rc < 0 ? -1 : 0;
}

bool
sqlite_has_peers(struct backend *b)
{
	AUTO(rows_done) struct rows rows = { .each = sizeof(struct peer) };
	const struct peer *p;
	struct err ignored;

	if (peers_read(b, &rows, &ignored) < 0)
		return false;
	p = rows.item;
	for (size_t i = 0; i < rows.len; i++)
		if (p[i].lives)
			return true;
	return false;
}

/* `left`: somebody is there who will go on with what it had. */
static int
peer_free(struct backend *b, int64_t id, bool left, struct err *err)
{
	if ((left && claims_queue(b, id, err) < 0) || peers_do(b, STMT_CLAIMS_FREE, id, err) < 0 ||
	    peers_do(b, STMT_PLACES_GONE, id, err) < 0)
		return -1;
	return peers_do(b, STMT_PEER_GONE, id, err);
}

/* Also before the commit: no file says the same as one that is not locked. */
static void
peers_remove_files(const struct backend *b, const struct rows *peers)
{
	const struct peer *p = peers->item;

	for (size_t i = 0; i < peers->len; i++)
		if (!p[i].lives)
			process_lock_remove(b->dir, p[i].id);
}

static int
peers_free(struct backend *b, const struct rows *peers, bool left, struct err *err)
{
	const struct peer *p = peers->item;

	for (size_t i = 0; i < peers->len; i++)
		if (!p[i].lives && peer_free(b, p[i].id, left, err) < 0)
			return -1;
	return 0;
}

int
sqlite_peers(struct backend *b, struct peers *ret, struct err *err)
{
	AUTO(rows_done) struct rows rows = { .each = sizeof(struct peer) };
	struct peers peers = { 0 };

	if (db_begin(b, err) < 0)
		return -1;
	int rc = peers_read(b, &rows, err);
	if (rc == 0)
		rc = peers_free(b, &rows, true, err);
	if (db_end(b, rc, err) < 0)
		return -1;
	const struct peer *p = rows.item;
	for (size_t i = 0; i < rows.len; i++) {
		peers.others += p[i].lives;
		peers.unready += p[i].lives && p[i].sharing != SHARING;
		peers.gone += !p[i].lives;
	}
	peers_remove_files(b, &rows);
	*ret = peers;
	return 0;
}

/* ---- coming and going ---- */

static int
join_refused(struct backend *b, const struct rows *peers, bool beside, struct err *err)
{
	const struct peer *p = peers->item;

	for (size_t i = 0; i < peers->len; i++) {
		if (!p[i].lives || (beside && p[i].sharing != SHARING_NOT))
			continue;
		return beside ? err_set(err, ERR_BUSY,
				    "process %lld works alone on job directory '%s': only runs of "
				    "extract and migrate over a list, without --watch, share their "
				    "work",
				    (long long)p[i].pid, b->dir)
			      : err_set(err, ERR_BUSY,
				    "process %lld works on job directory '%s' as a worker: wait "
				    "for it or "
				    "stop it, or join it with imex worker",
				    (long long)p[i].pid, b->dir);
	}
	return 0;
}

/* The first of those that work at the same time. */
static int
join_first(struct backend *b, bool beside, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_LEFT_QUEUE);

	if (peers_do_all(b, STMT_PLACES_NONE, err) < 0 ||
	    peers_do_all(b, STMT_BEARING_NONE, err) < 0 ||
	    peers_do_all(b, STMT_ORDERS_NONE, err) < 0)
		return -1;
	if (!beside)
		return 0;
	query_int(&q, ACCOUNT_QUEUED);
	query_int(&q, ACCOUNT_RUNNING);
	query_int(&q, ACCOUNT_STOPPED);
	query_int(&q, ACCOUNT_WAITING);
	query_int(&q, clock_wall_ms());
	return query_run(&q, err);
}

static void
peers_are_patient(struct backend *b)
{
	b->sharing = true;
	(void)sqlite3_busy_timeout(b->db, SHARED_BUSY_MS);
}

static int
join_add(struct backend *b, bool beside, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_PEER_ADD);

	query_int(&q, getpid());
	query_int(&q, beside ? SHARING : SHARING_NOT);
	if (query_run(&q, err) < 0)
		return -1;
	b->process = sqlite3_last_insert_rowid(b->db);
	if (beside)
		peers_are_patient(b);
	return process_lock_take(&b->process_lock, b->dir, b->process, err);
}

static int
join_among(struct backend *b, const struct rows *peers, bool beside, struct err *err)
{
	const struct peer *p = peers->item;
	bool others = false;

	for (size_t i = 0; i < peers->len; i++)
		others |= p[i].lives;
	if (join_refused(b, peers, beside, err) < 0 || peers_free(b, peers, others, err) < 0 ||
	    (!others && join_first(b, beside, err) < 0))
		return -1;
	return join_add(b, beside, err);
}

int
sqlite_join(struct backend *b, bool beside, struct err *err)
{
	AUTO(rows_done) struct rows peers = { .each = sizeof(struct peer) };

	/* A power cut ends all processes, and so may take this along. */
	if (sqlite_durable(b, false, err) < 0 || db_begin(b, err) < 0)
		return -1;
	int rc = peers_read(b, &peers, err);
	if (rc == 0)
		rc = join_among(b, &peers, beside, err);
	if (db_end(b, rc, err) < 0) {
		if (b->process_lock != NULL)
			process_lock_remove(b->dir, b->process);
		job_lock_free(&b->process_lock);
		b->process = 0;
		return -1;
	}
	peers_remove_files(b, &peers);
	return 0;
}

void
sqlite_part(struct backend *b)
{
	struct err ignored;

	if (b->process == 0)
		return;
	/* What cannot be told is found out when the lock is gone. */
	if (sqlite_durable(b, false, &ignored) == 0 && db_begin(b, &ignored) == 0 &&
	    db_end(b, peer_free(b, b->process, sqlite_has_peers(b), &ignored), &ignored) == 0)
		process_lock_remove(b->dir, b->process);
	job_lock_free(&b->process_lock);
	b->process = 0;
}

int
sqlite_share(struct backend *b, enum sharing s, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_PEER_SHARING);

	query_int(&q, b->process);
	query_int(&q, s);
	if (query_run(&q, err) < 0)
		return -1;
	if (s == SHARING)
		peers_are_patient(b);
	return 0;
}

/* ---- accounts ---- */

static int
taken_of(struct backend *b, int64_t account, enum taken *ret, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_ACCOUNT_OWNER);

	query_int(&q, account);
	int rc = query_row(&q, err);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return db_damaged(b, err, "an account has no row");
	int64_t owner = col_int(&q, 0), status = col_int(&q, 1);
	if (owner != 0)
		*ret = owner == b->process ? TAKEN_NOW : TAKEN_ELSEWHERE;
	else if (b->sharing && status == ACCOUNT_WAITING && col_int(&q, 2) > clock_wall_ms())
		*ret = TAKEN_ELSEWHERE; /* by who waited for it, and is gone: its time will come */
	else
		*ret =
		    status == ACCOUNT_DONE || status == ACCOUNT_FAILED || status == ACCOUNT_STOPPED
			? TAKEN_ENDED
			: TAKEN_NOW;
	return 0;
}

int
sqlite_may_claim(struct backend *b, int64_t account, const char *name, struct err *err)
{
	enum taken taken;

	if (taken_of(b, account, &taken, err) < 0)
		return -1;
	if (taken == TAKEN_ELSEWHERE)
		return err_set(err, ERR_TAKEN, "another process works on account '%s'", name);
	if (taken == TAKEN_ENDED && b->sharing)
		return err_set(
		    err, ERR_TAKEN, "another process is through with account '%s'", name);
	return 0;
}

static int
take(struct backend *b, int64_t account, enum taken *ret, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_ACCOUNT_OWN);

	if (taken_of(b, account, ret, err) < 0)
		return -1;
	if (*ret != TAKEN_NOW)
		return 0;
	query_int(&q, account);
	query_int(&q, b->process);
	return query_run(&q, err);
}

int
sqlite_take(struct backend *b, int64_t account, enum taken *ret, struct err *err)
{
	enum taken taken = TAKEN_ELSEWHERE;

	if (db_begin(b, err) < 0 || db_end(b, take(b, account, &taken, err), err) < 0)
		return -1;
	*ret = taken;
	return 0;
}

int
sqlite_release(struct backend *b, int64_t account, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_ACCOUNT_RELEASE);

	query_int(&q, account);
	query_int(&q, b->process);
	return query_run(&q, err);
}

/* ---- places ---- */

static int
place_text(struct backend *b, enum stmt_no no, const char *host, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, no);

	query_text(&q, host);
	return query_run(&q, err);
}

static int
place_add(struct backend *b, const struct place *p, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_PLACE_ADD);

	query_text(&q, p->host);
	query_int(&q, b->process);
	query_int(&q, p->open);
	query_int(&q, p->logins);
	return query_run(&q, err);
}

static int
place_learn(struct backend *b, const struct place *p, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_BEARING_SET);

	query_text(&q, p->host);
	query_int(&q, p->bearing.ceiling);
	query_int(&q, p->bearing.ceiling_ms);
	query_int(&q, p->bearing.held_until_ms);
	query_int(&q, p->bearing.closed);
	return query_run(&q, err);
}

static int
place_sum(struct backend *b, struct place *p, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_BEARING_GET);

	query_text(&q, p->host);
	int rc = query_row(&q, err);
	if (rc <= 0)
		return rc < 0 ? -1 : db_damaged(b, err, "a server has no row");
	p->all_open = (unsigned)col_int(&q, 0);
	p->all_logins = (unsigned)col_int(&q, 1);
	p->bearing = (struct bearing){ .ceiling = (unsigned)col_int(&q, 2),
		.ceiling_ms = col_int(&q, 3),
		.held_until_ms = col_int(&q, 4),
		.closed = col_int(&q, 5) != 0 };
	p->refused = (unsigned)col_int(&q, 6);
	return 0;
}

static int
place_change(struct backend *b, const struct place *p, struct err *err)
{
	static const enum stmt_no told[] = {
		[LOGINS_GOOD] = STMT_BEARING_GOOD, [LOGINS_REFUSED] = STMT_BEARING_REFUSED
	};

	if (place_text(b, STMT_BEARING_ADD, p->host, err) < 0 ||
	    ((p->open != 0 || p->logins != 0) && place_add(b, p, err) < 0) ||
	    (p->told != LOGINS_SAME && place_text(b, told[p->told], p->host, err) < 0))
		return -1;
	return p->learnt ? place_learn(b, p, err) : 0;
}

int
sqlite_places(struct backend *b, struct place *io, size_t n, struct err *err)
{
	int rc = 0;

	if (db_begin(b, err) < 0)
		return -1;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = place_change(b, &io[i], err);
	/* One server may be there twice. */
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = place_sum(b, &io[i], err);
	return db_end(b, rc, err);
}
