/* --mirror of files: a copy goes when the file that its row tells of was read and has the row's digest.
 * Octets and list are durable first; then one batch takes the file, its line in the sidecar and in
 * dovecot-uidlist, and its row. */
#include "engine/mirror.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/shelf.h"

/* ---- reading ---- */

static int
open_shelf(struct mirror *m, struct err *err)
{
	struct lane *l = m->r.l;
	const char *path = arena_printf(&m->r.arena, "%s/mail/%s", l->job->dir, m->r.account_dir);
	const struct shelf_place at = { .format = l->job->format,
		.path = path,
		.login = "",
		.host = "",
		.port = "",
		.account_dir = path,
		.ours = true };

	if (m->shelf != NULL)
		return 0;
	if (path == NULL)
		return err_set(err, ERR_FOLDER, "the account name is too long");
	m->shelf_ops = format_shelf(l->job->format);
	arena_init(&m->shelf_arena, 256 * 1024 * 1024);
	if (m->shelf_ops->open(&m->shelf, &at, l->job->stop, err) < 0)
		return -1;
	return m->shelf_ops->folders(m->shelf, &m->shelf_arena, &m->folders, err);
}

void
mirror_files_done(struct mirror *m)
{
	if (m->shelf_ops == NULL)
		return;
	m->shelf_ops->close(&m->shelf);
	folder_list_done(&m->folders);
	arena_done(&m->shelf_arena);
}

/* *ret_there false: its sidecar does not tell of it. */
static int
enter_shelf(struct mirror *m, const struct folder_rec *rec, bool *ret_there, struct err *err)
{
	struct folder_head head;

	*ret_there = false;
	if (open_shelf(m, err) < 0)
		return -1;
	for (size_t i = 0; i < m->folders.len && !*ret_there; i++) {
		const struct folder *f = &m->folders.folder[i];

		if (f->counts.uidvalidity != rec->uidvalidity || !slice_eq(f->name, rec->name))
			continue;
		if (m->shelf_ops->enter(m->shelf, f, &head, err) < 0)
			return -1;
		*ret_there = true;
	}
	return 0;
}

enum copy_is { COPY_OURS, COPY_ABSENT, COPY_OTHER };

/* The octets, as on the wire, into m->r.body. */
static int
read_octets(struct mirror *m, struct kept_copy *ret, bool *ret_whole, struct err *err)
{
	struct slice part;

	spool_reset(m->r.body);
	digest_start(m->r.l->digest);
	do {
		if (m->shelf_ops->read(m->shelf, &part, err) < 0) {
			*ret_whole = false;
			return err->kind == ERR_MESSAGE ? (*err = (struct err){ 0 }, 0) : -1;
		}
		if (part.len > 0 && spool_add(m->r.body, part, err) < 0)
			return -1;
		digest_add(m->r.l->digest, part.data, part.len);
		ret->octets += part.len;
	} while (part.len > 0);
	digest_end(m->r.l->digest, ret->sha256);
	*ret_whole = true;
	return 0;
}

static int
read_copy(struct mirror *m, const struct msg *row, struct kept_copy *ret, enum copy_is *ret_is,
    struct err *err)
{
	struct shelf_body body;
	bool whole;

	*ret_is = COPY_OTHER;
	*ret = (struct kept_copy){ .flags = row->flags.system, .date = row->date };
	snprintf(ret->keywords, sizeof(ret->keywords), "%s", row->flags.keywords);
	if (m->shelf_ops->begin(m->shelf, row->uid, &body, err) < 0)
		return -1;
	if (body.absent)
		*ret_is = COPY_ABSENT;
	if (body.verdict != VERDICT_NONE)
		return 0;
	if (read_octets(m, ret, &whole, err) < 0)
		return -1;
	if (whole && memcmp(ret->sha256, row->sha256, SHA256_LEN) == 0)
		*ret_is = COPY_OURS;
	return 0;
}

/* ---- removing ---- */

/* Rows for index files, without those that go with the same batch. */
struct masked {
	struct lane *l;
	const struct mirror_row *row;
	size_t n;
};

static int
masked_rows(void *arg, uint32_t after, struct msg_page *ret, struct err *err)
{
	const struct masked *x = arg;
	size_t at = 0;

	if (lane_feed_rows(x->l, after, ret, err) < 0)
		return -1;
	for (size_t i = 0; i < ret->len; i++) {
		while (at < x->n && x->row[at].uid < ret->msg[i].uid)
			at++;
		if (at < x->n && x->row[at].uid == ret->msg[i].uid)
			ret->msg[i].verdict = VERDICT_GONE;
	}
	return 0;
}

/* A group of rows whose copies are not to be there any more. */
struct going {
	struct mirror_row row[REMOVAL_MSGS];
	struct msg msg[REMOVAL_MSGS];
	struct arena arena; /* their texts */
	size_t n;
};

/* What is kept is durable; then files and rows go in one batch. `last`: index files, too. */
static int
remove_group(struct mirror *m, struct removal_group *g, struct going *x, const struct folder_rec *rec,
    bool last, struct err *err)
{
	struct lane *l = m->r.l;
	struct masked rows = { .l = l, .row = x->row, .n = x->n };
	const struct row_feed feed = { .next = masked_rows, .arg = &rows };

	if (removed_commit(&g->list, err) < 0)
		return -1;
	for (size_t i = 0; i < x->n; i++) {
		if (l->sink_ops->remove(l->sink, l->at, rec->uidvalidity, &x->msg[i], err) < 0)
			return -1;
		mirror_gone(m, rec, &x->row[i]);
	}
	if ((last && l->sink_ops->finish(l->sink, l->at, rec, &feed, err) < 0) ||
	    lane_flush(l, true, err) < 0)
		return -1;
	removal_group_told(&m->r, g);
	removal_group_reset(g);
	arena_reset(&x->arena);
	x->n = 0;
	return 0;
}

static int
take_one(struct mirror *m, struct removal_group *g, struct going *x, const struct folder_rec *rec,
    const struct mirror_row *row, struct err *err)
{
	struct kept_copy copy;
	enum copy_is is;
	struct msg *msg = &x->msg[x->n];
	bool there;

	if (state_message(m->r.l->job->state, rec->id, row->uid, &x->arena, msg, &there, err) < 0)
		return -1;
	if (!there)
		return 0;
	if (read_copy(m, msg, &copy, &is, err) < 0 ||
	    (is == COPY_OURS && removal_keep(&m->r, g, row->uid, &copy, err) < 0))
		return -1;
	if (is == COPY_OTHER)
		mirror_stays(&m->changed, row->uid);
	else
		x->row[x->n++] = *row;
	return 0;
}

static int
remove_all(struct mirror *m, struct removal_group *g, struct going *x, const struct folder_rec *rec,
    struct err *err)
{
	for (size_t i = 0; i < m->n; i++) {
		if (cancel_raised(m->r.l->job->stop))
			return err_set(err, ERR_INTERRUPTED, "interrupted");
		if (take_one(m, g, x, rec, &m->row[i], err) < 0)
			return -1;
		if ((removal_group_full(g) || x->n == REMOVAL_MSGS) && i + 1 < m->n &&
		    remove_group(m, g, x, rec, false, err) < 0)
			return -1;
	}
	return remove_group(m, g, x, rec, true, err);
}

static int
open_target(struct lane *l, const struct folder_rec *rec, struct err *err)
{
	const struct row_feed feed = { .next = lane_feed_rows, .arg = l };
	uint64_t aside = 0;

	l->rec = *rec;
	return l->sink_ops->folder(l->sink, &l->rec, &feed, &aside, &l->at, err);
}

static int
remove_from(struct mirror *m, struct planned *p, const struct folder_rec *rec, struct err *err)
{
	struct going *x = mem_new(sizeof(*x));
	struct removal_group g;
	int rc = removal_group_open(&m->r, &g, p, rec, rec->uidvalidity, err);

	arena_init(&x->arena, 64 * 1024 * 1024);
	if (rc == 0)
		rc = open_target(m->r.l, rec, err);
	if (rc == 0)
		rc = remove_all(m, &g, x, rec, err);
	removal_group_close(&g);
	arena_done(&x->arena);
	free(x);
	return rc;
}

int
mirror_files(struct mirror *m, struct planned *p, const struct folder_rec *rec, struct err *err)
{
	bool there;
	int rc;

	if (removal_too_many(&m->r, m->n, m->copies))
		return 0;
	rc = enter_shelf(m, rec, &there, err);
	if (rc == 0 && there)
		return remove_from(m, p, rec, err);
	if (rc < 0 && err->scope > SCOPE_FOLDER)
		return -1;
	removal_left(&m->r, rc < 0 ? err->text : "no sidecar tells of its messages any more");
	if (rc < 0)
		*err = (struct err){ 0 };
	return 0;
}
