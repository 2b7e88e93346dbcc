/* --mirror on a server: a copy goes by its UID alone, after it was read and has the digest of its row, or
 * had it before a change that the digest alone proves (rewrite.h). What is there afterwards decides what
 * the rows say, not an answer OK. */
#include "engine/mirror.h"

#include "engine/rewrite.h"

enum { PART_MAX = 128 * 1024 };

/* Does the message in the spool have, or had it once, the digest of its row? */
static int
is_ours(struct mirror *m, struct rewrite *rewrite, const struct mirror_row *row, bool *ret, struct err *err)
{
	uint64_t at = 0;

	rewrite_start(rewrite);
	for (;;) {
		struct slice part;

		if (spool_read(m->r.body, at, PART_MAX, &part, err) < 0)
			return -1;
		if (part.len == 0)
			break;
		rewrite_add(rewrite, part);
		at += part.len;
	}
	*ret = rewrite_end(rewrite, row->sha256) != NULL;
	return 0;
}

static int
keep_one(struct mirror *m, struct removal_group *g, struct rewrite *rewrite,
    const struct mirror_row *row, struct uidset *going, struct err *err)
{
	struct lane *l = m->r.l;
	struct kept_copy copy;
	bool whole, ours = false;

	if (l->sink_ops->keep(l->sink, l->at, row->dest_uid, m->r.body, &copy, &whole, err) < 0 ||
	    (whole && is_ours(m, rewrite, row, &ours, err) < 0))
		return -1;
	if (ours)
		return removal_keep(&m->r, g, row->dest_uid, &copy, err);
	mirror_stays(&m->changed, row->uid);
	uidset_remove(going, row->dest_uid);
	return 0;
}

/* In groups, until the server refuses; `going` loses those that stay. */
static int
remove_all(struct mirror *m, struct removal_group *g, struct uidset *going, struct err *err)
{
	struct rewrite *rewrite = rewrite_new();
	bool done = true;
	int rc = 0;

	for (size_t i = 0; rc == 0 && done && i < m->n; i++) {
		if (!uidset_has(going, m->row[i].dest_uid))
			continue;
		if (cancel_raised(m->r.l->job->stop))
			rc = err_set(err, ERR_INTERRUPTED, "interrupted");
		if (rc == 0)
			rc = keep_one(m, g, rewrite, &m->row[i], going, err);
		if (rc == 0 && removal_group_full(g))
			rc = removal_expunge(&m->r, g, &done, err);
	}
	if (rc == 0 && done)
		rc = removal_expunge(&m->r, g, &done, err);
	rewrite_free(rewrite);
	return rc;
}

/* Rows whose copies are not there: removed now, or by a run that was killed, or by somebody else. */
static int
settle(struct mirror *m, const struct folder_rec *rec, const struct uidset *there,
    const struct uidset *going, struct err *err)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct mirror_row *row = &m->row[i];

		if (!uidset_has(there, row->dest_uid) || uidset_has(&m->named, row->dest_uid)) {
			mirror_gone(m, rec, row);
			if (lane_flush_if_full(m->r.l, err) < 0)
				return -1;
		} else if (going != NULL && uidset_has(going, row->dest_uid)) {
			mirror_stays(&m->still, row->uid);
		}
	}
	return 0;
}

static int
remove_from(struct mirror *m, struct planned *p, const struct folder_rec *rec, uint32_t uidvalidity,
    struct uidset *going, struct err *err)
{
	struct lane *l = m->r.l;
	struct removal_group g;
	struct uidset now;
	int rc = removal_group_open(&m->r, &g, p, rec, uidvalidity, err);

	uidset_init(&now);
	if (rc == 0)
		rc = remove_all(m, &g, going, err);
	removal_group_close(&g);
	if (rc == 0)
		rc = l->sink_ops->uids(l->sink, l->at, &now, err);
	if (rc == 0)
		rc = settle(m, rec, &now, going, err);
	uidset_done(&now);
	return rc;
}

/* The copies that are there and are imex's own. */
static int
choose(struct mirror *m, const struct uidset *there, struct uidset *ret, struct err *err)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct mirror_row *row = &m->row[i];

		if (!uidset_has(there, row->dest_uid) || uidset_has(&m->named, row->dest_uid))
			continue;
		if (!row->own)
			mirror_stays(&m->foreign, row->uid);
		else if (!uidset_add(ret, row->dest_uid, row->dest_uid))
			return err_set(err, ERR_FOLDER, "too many UIDs to look through");
	}
	uidset_sort(ret);
	return 0;
}

static int
mirror_open(struct mirror *m, struct planned *p, const struct folder_rec *rec, uint32_t uidvalidity,
    struct err *err)
{
	struct lane *l = m->r.l;
	struct uidset there, going;
	int rc;

	uidset_init(&there);
	uidset_init(&going);
	rc = l->sink_ops->uids(l->sink, l->at, &there, err);
	if (rc == 0)
		rc = choose(m, &there, &going, err);
	if (rc == 0 && (going.len == 0 || removal_too_many(&m->r, uidset_count(&going), uidset_count(&there))))
		rc = settle(m, rec, &there, NULL, err);
	else if (rc == 0)
		rc = remove_from(m, p, rec, uidvalidity, &going, err);
	uidset_done(&there);
	uidset_done(&going);
	return rc;
}

int
mirror_dest(struct mirror *m, struct planned *p, const struct folder_rec *rec, struct err *err)
{
	struct dest_head head;
	bool same;

	if (removal_enter(&m->r, p, rec, &head, &same, err) < 0)
		return -1;
	return same ? mirror_open(m, p, rec, head.uidvalidity, err) : 0;
}
