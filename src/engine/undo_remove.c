/* Removing copies from a folder that is selected, and forgetting their rows after the server's OK.
 * What could not be removed is left without the mark that it got on the way. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "engine/undo.h"

enum { FORGET_MAX = 1024 }; /* rows in one commit */

/* A command with the members of the set, in pieces. *ret_refused: the answer to one was not OK. */
static int
run_on_set(struct undo *u, const struct uidset *set, const char *before, const char *after,
    bool *ret_refused, struct err *err)
{
	struct buf text;
	size_t at = 0;
	int rc = 0;

	*ret_refused = false;
	buf_init(&text, SET_OCTETS + 32);
	while (rc == 0 && at < set->len && !*ret_refused) {
		buf_reset(&text);
		at += uidset_text(set, at, SET_OCTETS, &text);
		rc = sess_run(u->s, err, "%s %s%s", before, text.data, after);
		*ret_refused = rc == 0 && u->s->last.state != STATE_OK;
	}
	buf_done(&text);
	return rc;
}

/* Marks that are ours are taken off again. */
static int
unmark(struct undo *u, struct err *err)
{
	struct uidset ours;
	bool refused;
	int rc;

	uidset_init(&ours);
	uidset_minus(&u->good, &u->deleted, &ours);
	rc = run_on_set(u, &ours, "UID STORE", " -FLAGS.SILENT (\\Deleted)", &refused, err);
	uidset_done(&ours);
	return rc;
}

/* 1: left, and said why. */
static int
leave_unmarked(struct undo *u, const char *doing, struct err *err)
{
	char reply[512];

	snprintf(reply, sizeof(reply), "%.400s", u->s->reply);
	if (unmark(u, err) < 0)
		return -1;
	undo_leave(u, "%s: the server answered: %s", doing, reply);
	return 1;
}

/* Messages marked as deleted that are not to be removed; *ret_told false: what SEARCH answers lacks those that
 * were just marked, so it says nothing of others either. */
static int
others_marked(struct undo *u, uint64_t *ret, bool *ret_told, struct err *err)
{
	struct uidset unseen;
	struct uidset others;
	struct resp r;
	uint32_t tag;

	*ret = 0;
	*ret_told = false;
	if (sess_send(u->s, 0, &tag, err, "UID SEARCH DELETED") < 0)
		return -1;
	uidset_init(&others);
	uidset_init(&unseen);
	do {
		if (sess_next(u->s, &r, NULL, err) < 0 || sess_drop(u->s, &r, err) < 0) {
			uidset_done(&others);
			uidset_done(&unseen);
			return -1;
		}
		if (r.kind == RESP_SEARCH && r.has_uidset) {
			uidset_sort(&u->s->reader.set);
			uidset_minus(&u->s->reader.set, &u->good, &others);
			uidset_minus(&u->good, &u->s->reader.set, &unseen);
			*ret_told = unseen.len == 0;
		}
	} while (r.kind != RESP_TAGGED || r.tag != tag);
	*ret = uidset_count(&others);
	uidset_done(&others);
	uidset_done(&unseen);
	return r.state == STATE_OK ? 0 : sess_refused(u->s, &r, "UID SEARCH DELETED", err);
}

/* 1: left, and said why. */
static int
expunge_all(struct undo *u, struct err *err)
{
	uint64_t others;
	bool told;

	if (others_marked(u, &others, &told, err) < 0)
		return -1;
	if (!told) {
		undo_leave(u,
		    "the server has no UIDPLUS, and does not tell what is marked as deleted: EXPUNGE could remove other "
		    "messages too");
		return unmark(u, err) < 0 ? -1 : 1;
	}
	if (others > 0) {
		undo_leave(u,
		    "the server has no UIDPLUS, and %" PRIu64
		    " other messages in it are marked as deleted and would be removed too; expunge "
		    "them or take the mark off, then repeat",
		    others);
		return unmark(u, err) < 0 ? -1 : 1;
	}
	if (sess_run(u->s, err, "EXPUNGE") < 0)
		return -1;
	return u->s->last.state == STATE_OK ? 0 : leave_unmarked(u, "EXPUNGE", err);
}

/* *ret_told: not all went, and it was said why. */
static int
remove_good(struct undo *u, bool *ret_told, struct err *err)
{
	bool refused;
	int rc;

	if (run_on_set(u, &u->good, "UID STORE", " +FLAGS.SILENT (\\Deleted)", &refused, err) < 0)
		return -1;
	if (refused)
		rc = leave_unmarked(u, "UID STORE", err);
	else if (!caps_has(&u->s->caps, CAP_UIDPLUS))
		rc = expunge_all(u, err);
	else if (run_on_set(u, &u->good, "UID EXPUNGE", "", &refused, err) < 0)
		rc = -1;
	else
		rc = refused ? leave_unmarked(u, "UID EXPUNGE", err) : 0;
	*ret_told = rc == 1;
	return rc < 0 ? -1 : 0;
}

/* `good` was what can be removed and becomes what was: what is still there is not removed, whatever
 * was answered. */
static int
read_back(struct undo *u, bool told, struct err *err)
{
	struct uidset left, removed;
	uint32_t uid = 0;
	int rc = 0;

	uidset_init(&left);
	uidset_init(&removed);
	while (rc == 0 && (uid = uidset_after(&u->good, uid)) != 0) {
		/* by pages, so that the same items serve */
		u->n = 0;
		uidset_clear(&u->asked);
		for (uint32_t at = uid; at != 0 && u->n < PAGE_MSGS;
		     at = uidset_after(&u->good, at)) {
			u->item[u->n++] = (struct item){ .dest_uid = at };
			uidset_add(&u->asked, at, at);
			uid = at;
		}
		rc = undo_fetch(u, &u->asked, "FLAGS", "", err);
		for (size_t i = 0; i < u->n; i++)
			if (u->item[i].there)
				uidset_add(&left, u->item[i].dest_uid, u->item[i].dest_uid);
	}
	if (rc == 0 && left.len > 0 && !told)
		undo_leave(u, "%" PRIu64 " messages are still there", uidset_count(&left));
	uidset_minus(&u->good, &left, &removed);
	uidset_clear(&u->good);
	uidset_copy(&removed, &u->good);
	uidset_done(&left);
	uidset_done(&removed);
	return rc;
}

/* ---- forgetting ---- */

static int
forget_put(struct undo *u, struct batch **b, bool *io_told, struct err *err)
{
	/* The folder is no longer what its proof says: the next run reads it anew. */
	if (!*io_told && batch_len(*b) > 0) {
		struct folder_rec r = *u->rec;

		r.proof = (struct folder_proof){ .uidnext = r.proof.uidnext,
			.why = "copies were removed by undo" };
		batch_folder(*b, &r);
		*io_told = true;
	}
	return state_put(u->job->state, &u->lease, b, err);
}

/* The row, and what was told about its copy. */
static void
forget_row(struct undo *u, struct batch *b, const struct msg *m)
{
	struct warning key = { .folder = u->name, .uid = m->uid };
	size_t i = warnings_from(u->warning, u->n_warnings, &key);

	batch_forget(b, u->rec->id, m->uid, m->verdict);
	for (; i < u->n_warnings && u->warning[i].uid == m->uid &&
	       strcmp(u->warning[i].folder, u->name) == 0;
	     i++)
		batch_warning_gone(b, u->warning[i].event, u->name, m->uid);
}

/* It is in doubt from before its removal until its row is forgotten: a run that comes between looks for it. */
static void
doubt_row(struct undo *u, struct batch *b, const struct msg *m)
{
	const struct intent i = { .uid = m->uid,
		.size_known = m->size_known,
		.size = m->size,
		.date_known = m->date.known,
		.date = m->date.epoch,
		.dest_uidvalidity = dest_uidvalidity(u->rec),
		.dest_uidnext = m->dest_uid,
		.at_ms = clock_wall_ms() };

	if (uidset_has(&u->good, m->dest_uid))
		batch_intent(b, u->rec->id, &i);
}

/* Rows of what was removed, and of what was gone; what stays is in doubt no more. */
static void
settle_row(struct undo *u, struct batch *b, const struct msg *m)
{
	if (uidset_has(&u->doubted, m->dest_uid))
		batch_intent_done(b, u->rec->id, m->uid);
	if (uidset_has(&u->good, m->dest_uid) || uidset_has(&u->gone, m->dest_uid))
		forget_row(u, b, m);
}

/* Each row of a copy that imex made; durable on return. */
static int
each_row(struct undo *u, void (*tell)(struct undo *, struct batch *, const struct msg *), struct err *err)
{
	struct batch *b = batch_new();
	uint32_t after = 0;
	bool told = false;

	for (;;) {
		if (state_page(u->job->state, u->rec->id, after, u->rows, err) < 0)
			break;
		if (u->rows->len == 0) {
			if (forget_put(u, &b, &told, err) < 0)
				break;
			return state_barrier(u->job->state, err);
		}
		after = u->rows->msg[u->rows->len - 1].uid;
		for (size_t i = 0; i < u->rows->len; i++)
			if (u->rows->msg[i].dest_own)
				tell(u, b, &u->rows->msg[i]);
		if (batch_len(b) < FORGET_MAX)
			continue;
		if (forget_put(u, &b, &told, err) < 0)
			break;
		b = batch_new();
	}
	batch_free(&b);
	return -1;
}

int
undo_take_away(struct undo *u, struct err *err)
{
	bool told = false;

	uidset_sort(&u->good);
	uidset_sort(&u->gone);
	uidset_sort(&u->deleted);
	if (u->read_only)
		uidset_clear(&u->good);
	uidset_clear(&u->doubted);
	if (!uidset_copy(&u->good, &u->doubted))
		return err_set(err, ERR_FOLDER, "the folder has more messages than fit into memory");
	if (u->good.len > 0 &&
	    (each_row(u, doubt_row, err) < 0 || remove_good(u, &told, err) < 0 || read_back(u, told, err) < 0))
		return -1;
	if (u->doubted.len + u->gone.len > 0 && each_row(u, settle_row, err) < 0)
		return -1;
	u->counts.removed += uidset_count(&u->good);
	return 0;
}
