#include "engine/removal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/file.h"
#include "base/mem.h"
#include "mail/header.h"
#include "mail/names.h"

int
removal_begin(struct removal *x, struct err *err)
{
	AUTO(file_close) int dir = -1;
	struct lane *l = x->l;

	arena_init(&x->arena, 512 * 1024 * 1024);
	if (lane_flush(l, true, err) < 0 ||
	    (lane_intends(l) && lane_sink_broken(l) && l->sink_ops->connect(l->sink, err) < 0) ||
	    file_open_dir(AT_FDCWD, l->job->dir, &dir, err) < 0 ||
	    state_folders(l->job->state, l->lease.account, &x->arena, &x->rec, &x->n_recs, err) < 0)
		return -1;
	x->body = spool_new(dir, 1024 * 1024);
	return 0;
}

void
removal_done(struct removal *x)
{
	spool_free(&x->body);
	arena_done(&x->arena);
	x->l->plan = NULL;
	x->l->at = NULL;
}

const struct folder_rec *
removal_rec(const struct removal *x, struct slice name)
{
	for (size_t i = 0; i < x->n_recs; i++)
		if (!x->rec[i].vanished && slice_eq(name, x->rec[i].name))
			return &x->rec[i];
	return NULL;
}

void
removal_left(struct removal *x, const char *why)
{
	lane_warn(x->l, x->words->left, 0, "%s removes nothing from this folder: %s", x->words->option, why);
}

bool
removal_too_many(struct removal *x, uint64_t n, uint64_t there)
{
	char why[160];

	if (n * 100 <= there * EXTRA_CEILING_PERCENT)
		return false;
	snprintf(why, sizeof(why), "%" PRIu64 " of its %" PRIu64 " messages are %s, that is more than %d %%",
	    n, there, x->words->are, EXTRA_CEILING_PERCENT);
	removal_left(x, why);
	return true;
}

int
removal_shared(struct removal *x, const struct folder_rec *rec, struct uidset *io, struct err *err)
{
	struct arena a;
	uint32_t *uid;
	size_t n = 0;
	int rc;

	if (!lane_intends(x->l))
		return 0;
	arena_init(&a, 512 * 1024 * 1024);
	rc = state_shared_copies(x->l->job->state, rec->id, &a, &uid, &n, err);
	for (size_t i = 0; rc == 0 && i < n; i++)
		if (!uidset_add(io, uid[i], uid[i]))
			rc = err_set(err, ERR_FOLDER, "too many UIDs to look through");
	arena_done(&a);
	return rc;
}

int
removal_doubts(struct removal *x, const struct folder_rec *rec, bool *ret, struct err *err)
{
	struct arena a;
	struct intent *list;
	size_t n = 0;
	int rc;

	arena_init(&a, 256 * 1024 * 1024);
	rc = state_intents(x->l->job->state, rec->id, &a, &list, &n, err);
	arena_done(&a);
	*ret = n > 0;
	return rc;
}

int
removal_enter(struct removal *x, struct planned *p, const struct folder_rec *rec,
    struct dest_head *ret, bool *ret_same, struct err *err)
{
	struct lane *l = x->l;
	const struct row_feed feed = { .next = lane_feed_rows, .arg = l };
	uint64_t aside;

	*ret_same = false;
	l->plan = p;
	l->rec = *rec;
	if (l->sink_ops->folder(l->sink, &l->rec, &feed, &aside, &l->at, err) < 0) {
		if (err->scope > SCOPE_FOLDER)
			return -1;
		removal_left(x, err->text);
		*err = (struct err){ 0 };
		return 0;
	}
	l->sink_ops->head(l->at, ret);
	*ret_same = ret->was == 0;
	if (*ret_same)
		return 0;
	l->rec.proof.proved = l->rec.proof.carried = false;
	l->rec.proof.why = "UIDVALIDITY of the folder on the destination has changed";
	l->rec.mark = NULL;
	batch_folder(l->batch, &l->rec);
	removal_left(x, l->rec.proof.why);
	return lane_flush(l, true, err);
}

/* ---- groups ---- */

/* The folder's name where the messages lie. */
static const char *
shown_name(struct removal *x, const struct folder_rec *rec)
{
	struct buf name;
	const char *shown;

	buf_init(&name, 64 * 1024);
	folder_display(slice_str(lane_intends(x->l) ? rec->path : rec->name), &name);
	shown = arena_copy(&x->arena, buf_slice(&name));
	buf_done(&name);
	return shown != NULL ? shown : "";
}

int
removal_group_open(struct removal *x, struct removal_group *g, const struct planned *p,
    const struct folder_rec *rec, uint32_t uidvalidity, struct err *err)
{
	const struct dest *dest = x->l->job->dest;

	*g = (struct removal_group){ .list = { .job_dir = x->l->job->dir,
					 .account = x->l->account,
					 .folder = shown_name(x, rec),
					 .uidvalidity = uidvalidity,
					 .dir = -1,
					 .no_subjects = x->l->job->no_subjects } };
	if (dest != NULL)
		g->list.destination =
		    arena_printf(&x->arena, "%s@%s", dest->server.login, dest->server.host);
	arena_init(&g->arena, 16 * 1024 * 1024);
	uidset_init(&g->uids);
	uidset_init(&g->marked);
	return removed_open(&g->list, x->account_dir, &p->folder, err);
}

void
removal_group_close(struct removal_group *g)
{
	arena_done(&g->arena);
	uidset_done(&g->uids);
	uidset_done(&g->marked);
	removed_done(&g->list);
}

static void
group_add(struct removal *x, struct removal_group *g, uint32_t uid, const struct kept_copy *copy,
    const struct header_facts *head, const char *file)
{
	bool subjects = !x->l->job->no_subjects;
	char date[DATE_TEXT_MAX] = "unknown", sha256[SHA256_HEX];
	const char *text;

	if (copy->date.known)
		date_format(&copy->date, date);
	digest_hex(copy->sha256, sha256);
	text = arena_printf(&g->arena,
	    "UID %u %s: %.300s%s%.200s, internal date %s, "
	    "Message-ID %.300s, %" PRIu64 " octets, SHA-256 %s; kept as %s",
	    uid, x->words->what, subjects ? head->subject : "", subjects ? ", from " : "",
	    subjects ? head->from : "(no subject told)", date,
	    *head->message_id != '\0' ? head->message_id : "none", copy->octets, sha256, file);
	g->msg[g->n].uid = uid;
	g->msg[g->n++].text = text != NULL ? text : file;
	g->octets += copy->octets;
	uidset_add(&g->uids, uid, uid);
	if (copy->flags & FLAG_DELETED)
		uidset_add(&g->marked, uid, uid);
}

int
removal_keep(struct removal *x, struct removal_group *g, uint32_t uid,
    const struct kept_copy *copy, struct err *err)
{
	struct header_facts head;
	struct slice start;
	const char *file;

	if (spool_read(x->body, 0, HEADER_MAX, &start, err) < 0)
		return -1;
	header_read(start, &g->arena, &head);
	if (removed_save(&g->list, uid, copy, &head, x->body, &g->arena, &file, err) < 0)
		return -1;
	group_add(x, g, uid, copy, &head, file);
	return 0;
}

bool
removal_group_full(const struct removal_group *g)
{
	return g->n == REMOVAL_MSGS || g->octets >= REMOVAL_OCTETS_MAX;
}

void
removal_group_told(struct removal *x, const struct removal_group *g)
{
	for (size_t i = 0; i < g->n; i++)
		lane_event(x->l, x->words->removed, "%s", g->msg[i].text);
}

void
removal_group_reset(struct removal_group *g)
{
	uidset_clear(&g->uids);
	uidset_clear(&g->marked);
	arena_reset(&g->arena);
	g->octets = 0;
	g->n = 0;
}

int
removal_expunge(struct removal *x, struct removal_group *g, bool *ret_done, struct err *err)
{
	struct lane *l = x->l;

	*ret_done = true;
	if (g->n == 0)
		return 0;
	uidset_sort(&g->uids);
	uidset_sort(&g->marked);
	if (removed_commit(&g->list, err) < 0 ||
	    l->sink_ops->expunge(l->sink, l->at, &g->uids, &g->marked, ret_done, err) < 0)
		return -1;
	if (*ret_done)
		removal_group_told(x, g);
	removal_group_reset(g);
	return 0;
}
