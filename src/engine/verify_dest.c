/* The copies on the server they went to, against the state; with a source, the source too. Folder
 * by folder: first the listing of the target beside the rows, then that of the source. A copy whose
 * octets are not those that were sent is explained by its digest alone where that is possible, else
 * by comparing identities with the source's message. Nothing is changed on either side.
 *
 * Memory: 16 octets for each row of a folder, and some 80 for each copy that waits for the source.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/answer.h"
#include "engine/verify_dest.h"
#include "imap/body.h"
#include "mail/names.h"

/* ---- rows ---- */

void
dest_show(struct dest_verify *d, size_t rec)
{
	d->v.now = &d->v.rec[rec];
	verify_display(&d->v, slice_str(d->v.now->name));
}

static void
copy_add(struct dest_verify *d, size_t rec, const struct msg *row)
{
	if (d->n == d->cap) {
		d->cap = d->cap ? 2 * d->cap : 256;
		d->copy = mem_resize(d->copy, d->cap, sizeof(*d->copy));
	}
	d->copy[d->n++] = (struct copy){ .dest_uid = row->dest_uid,
		.uid = row->uid,
		.rec = (uint32_t)rec,
		.old = d->v.now->vanished || row->expunged };
}

static int
copy_order(const void *a, const void *b)
{
	const struct copy *x = a, *y = b;

	if (x->dest_uid != y->dest_uid)
		return x->dest_uid < y->dest_uid ? -1 : 1;
	return x->old - y->old;
}

static int
copy_order_uid(const void *a, const void *b)
{
	const struct copy *x = a, *y = b;

	return x->dest_uid < y->dest_uid ? -1 : x->dest_uid > y->dest_uid;
}

/* One copy is the copy of one message: that two old rows share it is history, two present ones have
 * one copy too few. */
static void
copies_unique(struct dest_verify *d)
{
	size_t kept = 0;

	if (d->n > 0)
		qsort(d->copy, d->n, sizeof(*d->copy), copy_order);
	for (size_t i = 0; i < d->n; i++) {
		if (kept == 0 || d->copy[kept - 1].dest_uid != d->copy[i].dest_uid) {
			d->copy[kept++] = d->copy[i];
			continue;
		}
		if (d->copy[i].old)
			continue;
		dest_show(d, d->copy[i].rec);
		verify_differ(&d->v, DIFF_DEST_MISSING, false, d->copy[i].uid,
		    "its copy is UID %u of '%s', which is the copy of UID %u", d->copy[i].dest_uid,
		    d->shown.data, d->copy[kept - 1].uid);
	}
	d->n = kept;
}

static struct copy *
copy_find(const struct dest_verify *d, uint32_t dest_uid)
{
	struct copy key = { .dest_uid = dest_uid };

	return d->n == 0 ? NULL : bsearch(&key, d->copy, d->n, sizeof(key), copy_order_uid);
}

static void
row_without_copy(struct dest_verify *d, const struct msg *row)
{
	if (msg_lost(row)) {
		d->v.counts->lost += !lost_beyond(row);
		d->v.counts->beyond += lost_beyond(row);
		verify_differ(&d->v, DIFF_DEST_MISSING, false, row->uid, "%s",
		    row->reason != NULL ? row->reason : LOST_REASON);
		return;
	}
	if (row->verdict == VERDICT_STORED && !row->expunged)
		verify_differ(&d->v, DIFF_DEST_MISSING, false, row->uid, "no copy in '%s' is known",
		    d->shown.data);
}

static int
rows_read(struct dest_verify *d, size_t rec, struct err *err)
{
	struct verify *v = &d->v;
	uint32_t after = 0;

	dest_show(d, rec);
	v->counts->folders++;
	for (;;) {
		if (cancel_raised(v->job->stop))
			return err_set(err, ERR_INTERRUPTED, "interrupted");
		if (state_page(v->job->state, v->now->id, after, v->rows, err) < 0)
			return -1;
		if (v->rows->len == 0)
			return 0;
		after = v->rows->msg[v->rows->len - 1].uid;
		for (size_t i = 0; i < v->rows->len; i++) {
			const struct msg *row = &v->rows->msg[i];

			if (!verdict_good(row->verdict) && !msg_lost(row) && !row->expunged)
				v->counts->not_good++;
			if (verdict_has_file(row->verdict) && row->dest_uid != 0)
				copy_add(d, rec, row);
			else
				row_without_copy(d, row);
		}
	}
}

/* ---- bodies ---- */

static int
copy_bodies(struct dest_verify *d, struct err *err)
{
	for (;;) {
		struct offer o;

		switch (answer_next(&source_imap, d->target, d->v.job->stop, &o, err)) {
		case STEP_ERR:
			return -1;
		case STEP_END:
			return 0;
		case STEP_OWE: /* not with no_source_writes */
			break;
		case STEP_ITEM:
			if (copy_octets(d, copy_find(d, o.uid), &o, err) < 0)
				return -1;
		}
	}
}

/* ---- one folder of the target ---- */

/* The first ones are named; a mailbox that was in use before may have any number. */
static void
extra(struct dest_verify *d, uint32_t dest_uid)
{
	if (d->extras++ >= EXTRAS_TOLD)
		return;
	verify_display(&d->v, slice_str(d->path));
	verify_differ(
	    &d->v, DIFF_DEST_EXTRA, true, dest_uid, "no message of the source went there");
}

static void
extras_left(struct dest_verify *d)
{
	if (d->extras <= EXTRAS_TOLD)
		return;
	verify_display(&d->v, slice_str(d->path));
	verify_differ(&d->v, DIFF_DEST_EXTRA, true, 0, "and %" PRIu64 " more of them",
	    d->extras - EXTRAS_TOLD);
}

static int
compare_page(struct dest_verify *d, struct err *err)
{
	struct verify *v = &d->v;
	struct want *want = mem_resize(NULL, v->listed->len + 1, sizeof(*want));
	size_t n = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < v->listed->len; i++) {
		const struct msg *now = &v->listed->msg[i];
		struct copy *c = copy_find(d, now->uid);
		bool look = false;

		if (c == NULL) {
			extra(d, now->uid);
			continue;
		}
		c->seen = true;
		rc = copy_listed(d, c, now, &look, err);
		if (look)
			want[n++] = (struct want){
				.uid = now->uid, .size_known = now->size_known, .size = now->size
			};
	}
	if (rc == 0 && n > 0)
		rc = source_imap.ask(d->target, want, n, err);
	free(want);
	return rc < 0 || n == 0 ? rc : copy_bodies(d, err);
}

/* The record of it is the one that differences are told of then. */
static void
copy_lost(struct dest_verify *d, const struct copy *c)
{
	struct verify *v = &d->v;

	dest_show(d, c->rec);
	if (c->old) {
		v->counts->beyond++;
		return;
	}
	lost_found(v->out->lost, v->now->id, c->uid, c->dest_uid);
	v->counts->lost++;
}

static int
compare_listing(struct dest_verify *d, struct err *err)
{
	struct verify *v = &d->v;

	for (;;) {
		if (source_imap.list(d->target, v->listed, err) < 0)
			return -1;
		if (v->listed->len == 0)
			break;
		if (compare_page(d, err) < 0)
			return -1;
	}
	if (source_imap.ask_rest(d->target, err) < 0 || copy_bodies(d, err) < 0)
		return -1;
	extras_left(d);
	for (size_t i = 0; i < d->n; i++) {
		if (d->copy[i].seen)
			continue;
		copy_lost(d, &d->copy[i]);
		verify_differ(v, DIFF_DEST_MISSING, false, d->copy[i].uid, "'%s' has no UID %u%s",
		    d->shown.data, d->copy[i].dest_uid,
		    d->copy[i].old ? "; the source no longer had it when it was last listed, so it cannot be sent again"
				   : "");
	}
	return 0;
}

uint32_t
dest_uidvalidity(const struct folder_rec *r)
{
	uint64_t n = 0;

	if (r->mark == NULL ||
	    !slice_u64((struct slice){ r->mark, strcspn(r->mark, " ") }, UINT32_MAX, &n))
		return 0;
	return (uint32_t)n;
}

/* Copies of a record that knows the folder under another UIDVALIDITY cannot be found. */
static size_t
uidvalidity_differs(struct dest_verify *d, const size_t *rec, size_t n, uint32_t is)
{
	size_t bad = 0, kept = 0;

	for (size_t i = 0; i < n; i++) {
		const struct folder_rec *r = &d->v.rec[rec[i]];
		uint32_t was = dest_uidvalidity(r);
		size_t copies = 0;

		if (was == is)
			continue;
		kept = 0;
		for (size_t k = 0; k < d->n; k++) {
			if (d->copy[k].rec == rec[i])
				copies++;
			else
				d->copy[kept++] = d->copy[k];
		}
		d->n = kept;
		if (copies == 0)
			continue;
		bad++;
		dest_show(d, rec[i]);
		verify_differ(&d->v, DIFF_DEST_UIDVALIDITY, false, 0,
		    "that of '%s' was %u, is %u: its %zu copies cannot be told by their UIDs",
		    d->shown.data, was, is, copies);
	}
	return bad;
}

/* A folder that does not open: is it gone, as the listing says? Then all copies in it are lost. One that is refused
 * may have them still. */
static int
folder_refused(struct dest_verify *d, size_t rec, const struct err *why, struct err *err)
{
	const struct folder *f;
	uint64_t beyond = d->v.counts->beyond;
	char no_more[160] = "";

	if (!d->listed && source_imap.folders(d->target, &d->v.arena, &d->list, err) < 0)
		return -1;
	d->listed = true;
	f = folder_list_find(&d->list, slice_str(d->path));
	for (size_t i = 0; (f == NULL || f->attrs & FOLDER_NOSELECT) && i < d->n; i++)
		copy_lost(d, &d->copy[i]);
	beyond = d->v.counts->beyond - beyond;
	if (beyond > 0)
		snprintf(no_more, sizeof(no_more),
		    "; of %" PRIu64 " of them the source no longer had the message when it was last listed, so %s cannot be "
		    "sent again",
		    beyond, beyond == 1 ? "it" : "they");
	dest_show(d, rec);
	verify_differ(&d->v, DIFF_DEST_FOLDER, false, 0, "'%s' with %zu cop%s: %s%s", d->shown.data, d->n,
	    d->n == 1 ? "y" : "ies", why->text, no_more);
	return 0;
}

static int
dest_folder(struct dest_verify *d, const size_t *rec, size_t n, struct err *err)
{
	struct folder f = { .name = slice_str(d->path), .delim = '/' };
	struct folder_head head;
	struct err refused = { 0 };

	if (source_imap.enter(d->target, &f, NULL, &head, &refused) < 0) {
		if (refused.scope != SCOPE_FOLDER) {
			*err = refused;
			return -1;
		}
		/* A folder that has nothing to hold need not be there. */
		if (d->n == 0 && dest_uidvalidity(&d->v.rec[rec[0]]) == 0)
			return 0;
		return folder_refused(d, rec[0], &refused, err);
	}
	/* What is there now is other mail. */
	if (uidvalidity_differs(d, rec, n, head.uidvalidity) > 0 && d->n == 0)
		return 0;
	return compare_listing(d, err);
}

/* ---- both sides ---- */

static const struct planned *
planned_of(const struct plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->len; i++)
		if (slice_eq(plan->folder[i].folder.name, name))
			return &plan->folder[i];
	return NULL;
}

static void
suspects_left(struct dest_verify *d)
{
	struct suspects *s = d->v.suspects;

	for (size_t i = 0; i < s->len; i++) {
		if (s->one[i].told)
			continue;
		for (size_t r = 0; r < d->v.n_recs; r++)
			if (d->v.rec[r].id == s->one[i].folder)
				dest_show(d, r);
		verify_differ(&d->v, DIFF_DEST_BYTES, false, s->one[i].uid,
		    "UID %u of '%s' is not what was sent, and the source did not give its message "
		    "to compare with",
		    s->one[i].dest_uid, d->shown.data);
	}
}

static int
source_folders(
    struct dest_verify *d, const struct plan *plan, const size_t *rec, size_t n, struct err *err)
{
	suspects_sort(d->v.suspects);
	for (size_t i = 0; i < n; i++) {
		const struct planned *f = planned_of(plan, d->v.rec[rec[i]].name);

		if (f == NULL || d->v.rec[rec[i]].vanished)
			continue;
		dest_show(d, rec[i]);
		d->v.left_out = f->excluded;
		d->v.counts->left_out += f->excluded;
		if (f->excluded && d->v.suspects->len == 0)
			continue;
		if (verify_source_folder(&d->v, f, d->deep && !f->excluded, err) < 0)
			return -1;
	}
	suspects_left(d);
	return 0;
}

/* All records whose mail went to one folder: a source folder under each UIDVALIDITY that it has
 * had, and what a mapping brought together. */
static int
verify_path(struct dest_verify *d, const struct plan *plan, size_t first, struct err *err)
{
	struct suspects suspects = { 0 };
	size_t *rec = mem_new((d->v.n_recs + 1) * sizeof(*rec)), n = 0;
	int rc = 0;

	d->path = d->v.rec[first].path;
	d->n = 0;
	d->extras = 0;
	buf_reset(&d->shown);
	folder_display(slice_str(d->path), &d->shown);
	d->v.suspects = d->with_source ? &suspects : NULL;
	for (size_t i = first; rc == 0 && i < d->v.n_recs; i++) {
		const struct folder_rec *r = &d->v.rec[i];

		if (strcmp(r->path, d->path) != 0 || (r->excluded && verify_rec_files(r) == 0))
			continue;
		d->done[i] = true;
		rec[n++] = i;
		rc = rows_read(d, i, err);
	}
	copies_unique(d);
	if (rc == 0)
		rc = dest_folder(d, rec, n, err);
	if (rc == 0 && d->with_source)
		rc = source_folders(d, plan, rec, n, err);
	d->v.suspects = NULL;
	suspects_done(&suspects);
	free(rec);
	return rc;
}

static int
dest_open(struct dest_verify *d, struct err *err)
{
	const struct endpoint *at = &d->v.job->dest->server;
	struct source_place place = { .server = at, .no_source_writes = true };
	char host_port[300];

	snprintf(host_port, sizeof(host_port), "%s:%s", at->host, at->port);
	if (state_server_get(d->v.job->state, host_port, &place.facts, err) < 0)
		return -1;
	if (place.facts.works_form >= 0 && form_sets_seen((enum form)place.facts.works_form))
		place.facts.works_form = -1;
	return source_imap.open(&d->target, &place, d->v.job->stop, err);
}

static int
verify_account_dest(struct dest_verify *d, const struct account_rec *a, struct err *err)
{
	struct verify *v = &d->v;
	struct plan plan;
	int rc;

	v->account = a->login;
	plan_init(&plan);
	rc = state_folders(v->job->state, a->id, &v->arena, &v->rec, &v->n_recs, err);
	if (rc == 0)
		rc = state_warnings(
		    v->job->state, a->id, &v->arena, &d->warning, &d->n_warnings, err);
	if (rc == 0)
		warnings_sort(d->warning, d->n_warnings);
	if (rc == 0 && d->with_source)
		rc = verify_source_open(v, &plan, err);
	if (rc == 0)
		rc = dest_open(d, err);
	if (rc == 0)
		d->done = mem_new(v->n_recs + 1);
	for (size_t i = 0; rc == 0 && i < v->n_recs; i++)
		if (!d->done[i] && verify_wants(v, &v->rec[i]))
			rc = verify_path(d, &plan, i, err);
	if (rc == 0 && d->with_source)
		verify_source_missing(v, &plan);
	free(d->done);
	d->done = NULL;
	folder_list_done(&d->list);
	d->list = (struct folder_list){ 0 };
	d->listed = false;
	source_imap.close(&d->target);
	if (d->with_source)
		verify_source_close(v);
	plan_done(&plan);
	return rc;
}

int
job_verify_dest(const struct job *job, bool with_source, bool deep,
    const struct difference_out *out, struct verify_counts *ret, struct err *err)
{
	struct verify_counts counts = { 0 };
	struct dest_verify d = { .deep = deep, .with_source = with_source };
	struct account_rec *account = NULL;
	size_t n = 0;
	int rc;

	verify_init(&d.v, job, out, &counts);
	d.v.identity = identity_new();
	d.rewrite = rewrite_new();
	buf_init(&d.shown, 1024 * 1024);
	rc = verify_accounts(&d.v, with_source, &account, &n, err);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = verify_account_dest(&d, &account[i], err);
	free(d.copy);
	folder_list_done(&d.list);
	buf_done(&d.shown);
	rewrite_free(d.rewrite);
	verify_done(&d.v);
	if (rc == 0)
		*ret = counts;
	return rc;
}
