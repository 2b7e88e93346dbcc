/* imex undo: takes away from a server what imex itself put there. A message is removed only when
 * its row says that imex put it under that UID, the folder has the UIDVALIDITY of then, and the
 * octets that the server gives now have the digest of those that were sent: as they are, or before
 * a change that the digest alone proves (rewrite.h), or as the report of a repair tells it.
 * Whatever else a server has made of a message, it is left and told as changed.
 *
 * Per folder: all copies are looked at, then removed, then, after the server's OK, their rows are
 * forgotten. What was interrupted in between is found as gone by the next undo.
 *
 * Without UIDPLUS a server can only expunge a whole folder, so there it is done only when nothing
 * else in it is marked as deleted. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/undo.h"
#include "mail/header.h"
#include "mail/names.h"

static void
tell(struct undo *u, const struct item *i, uint32_t dest_uid, enum undo_what what)
{
	struct undo_item item = { .folder = u->shown.data ? u->shown.data : "",
		.uid = dest_uid,
		.what = what,
		.subject = i && i->subject ? i->subject : "",
		.date = i && i->date ? i->date : "" };

	if (what == UNDO_REMOVE)
		u->counts.ours++;
	else if (what == UNDO_CHANGED)
		u->counts.changed++;
	else if (what == UNDO_GONE)
		u->counts.gone++;
	u->out->put(u->out->arg, &item);
}

/* The folder stays as it is; the others go on. */
void
undo_leave(struct undo *u, const char *fmt, ...)
{
	struct event e = { .no = EV_FOLDER_FAILED,
		.level = LEVEL_ERROR,
		.account = u->account,
		.folder = u->shown.data };
	char text[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (u->job->log != NULL)
		evlog_put(u->job->log, &e, "%s", text);
	if (u->first.kind == ERR_NONE)
		err_set(&u->first, ERR_FOLDER, "folder '%s': %s", u->shown.data, text);
}

/* ---- looking ---- */

/* True: the warning of a repair names this digest as that of what was stored. */
static bool
repaired_to(const struct undo *u, uint32_t uid, const char *folder, const uint8_t sum[SHA256_LEN])
{
	struct warning key = { .folder = folder, .uid = uid };
	char hex[SHA256_HEX];

	digest_hex(sum, hex);
	for (size_t i = warnings_from(u->warning, u->n_warnings, &key); i < u->n_warnings; i++) {
		const struct warning *w = &u->warning[i];

		if (w->uid != uid || strcmp(w->folder, folder) != 0)
			return false;
		if (w->event == EV_DEST_REPAIRED && strstr(w->text, hex) != NULL)
			return true;
	}
	return false;
}

static struct item *
item_find(struct undo *u, uint32_t dest_uid)
{
	size_t lo = 0, hi = u->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (u->item[mid].dest_uid < dest_uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < u->n && u->item[lo].dest_uid == dest_uid ? &u->item[lo] : NULL;
}

static void
take_octets(struct undo *u, struct slice part)
{
	size_t room = HEADER_MAX - u->start.len;

	rewrite_add(u->rewrite, part);
	digest_add(u->digest, part.data, part.len);
	buf_add(&u->start, part.data, part.len < room ? part.len : room);
}

static int
take_body(struct undo *u, const struct fetch_data *f, struct err *err)
{
	uint64_t left = f->octets;

	buf_reset(&u->start);
	rewrite_start(u->rewrite);
	digest_start(u->digest);
	if (f->body == BODY_INLINE)
		take_octets(u, f->text);
	while (f->body == BODY_LITERAL && left > 0) {
		struct slice part;

		if (sess_literal_part(u->s, &left, &part, err) < 0)
			return -1;
		take_octets(u, part);
	}
	return 0;
}

static void
judge(struct undo *u, struct item *i, const char *folder)
{
	struct header_facts h;
	uint8_t sum[SHA256_LEN];

	digest_end(u->digest, sum);
	i->same = rewrite_end(u->rewrite, i->row->sha256) != NULL ||
		  repaired_to(u, i->row->uid, folder, sum);
	header_read(buf_slice(&u->start), &u->page, &h);
	i->subject = h.subject;
	i->date = h.date;
}

/* One FETCH; a body may come before its UID. */
static int
take_fetch(struct undo *u, struct resp *r, const char *folder, struct err *err)
{
	bool body = false;
	struct item *i;

	while (r->more) {
		bool whole = r->fetch.part == PART_WHOLE && !r->fetch.has_origin &&
			     r->fetch.body != BODY_NIL && !body;

		if (whole && take_body(u, &r->fetch, err) < 0)
			return -1;
		if (!whole && r->fetch.body == BODY_LITERAL &&
		    sess_skip_body(u->s, r->fetch.octets, err) < 0)
			return -1;
		body |= whole;
		if (sess_more(u->s, r, err) < 0)
			return -1;
	}
	if (r->kind != RESP_FETCH || (i = item_find(u, r->fetch.uid)) == NULL)
		return 0;
	i->there |= r->fetch.has_flags || body;
	if (r->fetch.has_flags && (r->fetch.flags.system & FLAG_DELETED))
		uidset_add(&u->deleted, i->dest_uid, i->dest_uid);
	if (body && i->row != NULL && !i->same)
		judge(u, i, folder);
	return 0;
}

int
undo_fetch(struct undo *u, const struct uidset *set, const char *items, const char *folder,
    struct err *err)
{
	struct buf text;
	struct resp r;
	uint32_t tag;
	size_t at = 0;
	int rc = 0;

	buf_init(&text, SET_OCTETS + 32);
	while (rc == 0 && at < set->len) {
		buf_reset(&text);
		at += uidset_text(set, at, SET_OCTETS, &text);
		rc = sess_send(u->s, 0, &tag, err, "UID FETCH %s (%s%s)", text.data,
		    u->s->level == LEVEL_IMAP4 ? "" : "UID ", items);
		do {
			if (rc == 0)
				rc = sess_next(u->s, &r, NULL, err);
			if (rc == 0)
				rc = take_fetch(u, &r, folder, err);
		} while (rc == 0 && (r.kind != RESP_TAGGED || r.tag != tag));
		if (rc == 0 && r.state != STATE_OK)
			rc = sess_refused(u->s, &r, "looking at what is there", err);
	}
	buf_done(&text);
	return rc;
}

static int
item_order(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return x->dest_uid < y->dest_uid ? -1 : x->dest_uid > y->dest_uid;
}

static void
page_items(struct undo *u)
{
	u->n = 0;
	uidset_clear(&u->asked);
	for (size_t i = 0; i < u->rows->len; i++) {
		const struct msg *row = &u->rows->msg[i];

		if (row->dest_uid == 0)
			continue;
		uidset_add(&u->rowed, row->uid, row->uid);
		uidset_add(&u->named, row->dest_uid, row->dest_uid);
		if (!row->dest_own) {
			tell(u, NULL, row->dest_uid, UNDO_NOT_OURS);
			continue;
		}
		u->item[u->n++] = (struct item){ .dest_uid = row->dest_uid, .row = row };
		uidset_add(&u->asked, row->dest_uid, row->dest_uid);
	}
	qsort(u->item, u->n, sizeof(*u->item), item_order);
	uidset_sort(&u->asked);
}

/* All copies of a page of rows; not `here`: the folder of then is no longer there. */
static int
look_at_page(struct undo *u, bool here, const char *folder, struct err *err)
{
	arena_reset(&u->page);
	if (here && u->n > 0 &&
	    (undo_fetch(u, &u->asked, "FLAGS", folder, err) < 0 ||
		undo_fetch(u, &u->asked, u->s->level == LEVEL_IMAP4 ? "RFC822.PEEK" : "BODY.PEEK[]",
		    folder, err) < 0))
		return -1;
	for (size_t k = 0; k < u->n; k++) {
		struct item *i = &u->item[k];

		tell(u, i, i->dest_uid,
		    !i->there ? UNDO_GONE
		    : i->same ? UNDO_REMOVE
			      : UNDO_CHANGED);
		if (i->there && i->same)
			uidset_add(&u->good, i->dest_uid, i->dest_uid);
		else if (here && !i->there)
			uidset_add(&u->gone, i->dest_uid, i->dest_uid);
	}
	return 0;
}

/* ---- folders ---- */

enum here {
	HERE_UNKNOWN,
	HERE_ERR,
	HERE_OURS, /* open, and it is the folder of then */
	HERE_OTHER, /* another folder has its name now */
	HERE_CLOSED /* cannot be opened */
};

static enum here
open_folder(struct undo *u, struct err *err)
{
	uint32_t was = dest_uidvalidity(u->rec);
	struct slice path = slice_str(u->rec->path);
	struct folder_head head = { 0 };
	struct err why = { 0 };

	if ((u->remove ? sess_select_head(u->s, path, &head, &why)
		       : sess_examine(u->s, path, &head, &why)) < 0) {
		if (why.scope >= SCOPE_SESSION) {
			*err = why;
			return HERE_ERR;
		}
		undo_leave(u, "%s", why.text);
		return HERE_CLOSED;
	}
	if (was == 0 || was != head.uidvalidity) {
		u->other++;
		undo_leave(u,
		    "its UIDVALIDITY was %u and is %u: nothing in it can be told to be what imex "
		    "put there",
		    was, head.uidvalidity);
		return HERE_OTHER;
	}
	u->matched++;
	u->read_only = u->remove && head.read_only;
	if (u->read_only)
		undo_leave(u, "the server opens it for reading only");
	return HERE_OURS;
}

/* Copies of a folder that is excluded by now may be there all the same, and of one without rows what was on its way. */
static bool
may_have_copies(const struct folder_rec *r)
{
	return *r->path != '\0';
}

static bool
is_selected(const struct undo *u, const char *name)
{
	return selection_takes(&u->job->selection, name, u->rec->subscribed);
}

static int
undo_folder(struct undo *u, struct err *err)
{
	struct buf name;
	uint32_t after = 0;
	enum here here = HERE_UNKNOWN;
	int rc = 0;

	buf_reset(&u->shown);
	folder_display(slice_str(u->rec->path), &u->shown);
	buf_init(&name, 1024 * 1024);
	folder_display(slice_str(u->rec->name), &name);
	u->name = name.data;
	uidset_clear(&u->good);
	uidset_clear(&u->gone);
	uidset_clear(&u->deleted);
	uidset_clear(&u->rowed);
	uidset_clear(&u->named);
	if (!is_selected(u, name.data))
		here = HERE_CLOSED;
	while (rc == 0 && here != HERE_CLOSED) {
		if (cancel_raised(u->job->stop))
			rc = err_set(err, ERR_INTERRUPTED, "interrupted");
		else
			rc = state_page(u->job->state, u->rec->id, after, u->rows, err);
		if (rc < 0 || u->rows->len == 0)
			break;
		after = u->rows->msg[u->rows->len - 1].uid;
		page_items(u);
		if (u->n > 0 && here == HERE_UNKNOWN)
			here = open_folder(u, err);
		if (here == HERE_ERR)
			rc = -1;
		else if (here != HERE_CLOSED)
			rc = look_at_page(u, here == HERE_OURS, name.data, err);
	}
	if (rc == 0 && u->remove && here == HERE_OURS)
		rc = undo_take_away(u, err);
	/* The pass that lists tells all. */
	if (rc == 0 && !u->remove && here != HERE_CLOSED && here != HERE_OTHER)
		rc = undo_doubts(u, err);
	buf_done(&name);
	return rc;
}

/* ---- accounts ---- */

static int
claim(struct undo *u, const struct account_rec *a, struct err *err)
{
	struct account_rec io = *a;
	struct buf key;
	int rc;

	if (!u->remove)
		return 0;
	buf_init(&key, 4096);
	account_dir(slice_str(a->login), a->host, a->port, &key);
	io.dir = key.data;
	rc = state_claim(u->job->state, &io, &u->arena, &u->lease, err);
	buf_done(&key);
	return rc;
}

static int
undo_account(struct undo *u, const struct account_rec *a, struct err *err)
{
	struct folder_rec *rec = NULL;
	struct err ignored = { 0 };
	size_t n = 0;
	int rc;

	if (state_folders(u->job->state, a->id, &u->arena, &rec, &n, err) < 0 ||
	    state_warnings(u->job->state, a->id, &u->arena, &u->warning, &u->n_warnings, err) < 0 ||
	    claim(u, a, err) < 0)
		return -1;
	warnings_sort(u->warning, u->n_warnings);
	u->account = a->login;
	rc = 0;
	for (size_t i = 0; rc == 0 && i < n; i++) {
		u->rec = &rec[i];
		if (may_have_copies(u->rec))
			rc = undo_folder(u, err);
	}
	/* The account is as it was; that something is missing now, its folders tell. */
	if (u->remove && state_account_end(u->job->state, &u->lease,
			     a->status == ACCOUNT_RUNNING ? ACCOUNT_STOPPED : a->status, a->error,
			     a->error_exit, rc < 0 ? &ignored : err) < 0)
		rc = -1;
	return rc;
}

static int
undo_accounts(struct undo *u, struct err *err)
{
	bool one = u->job->from != NULL || u->job->source.login != NULL;
	struct account_rec *a = NULL;
	size_t n = 0, matched = 0;

	if (state_accounts(u->job->state, &u->arena, &a, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (one && !verify_is_account(u->job, &a[i]))
			continue;
		matched++;
		if (undo_account(u, &a[i], err) < 0)
			return -1;
	}
	if (matched == 0)
		return err_set(err, ERR_NO_INPUT, "%s has no account%s", u->job->dir,
		    one ? " that came from there" : " yet");
	if (u->matched == 0 && u->other > 0)
		return err_set(err, ERR_WRONG_SOURCE,
		    "no folder of '%s' at %s has the UIDVALIDITY that it had when mail went there: "
		    "this seems to be another account or server; nothing was removed",
		    u->job->dest->server.login, u->job->dest->server.host);
	if (!u->remove || u->first.kind == ERR_NONE)
		return 0;
	*err = u->first;
	return -1;
}

int
job_undo(const struct job *job, bool remove, const struct undo_out *out, struct undo_counts *ret,
    struct err *err)
{
	struct undo u = { .job = job, .remove = remove, .out = out };
	int rc;

	arena_init(&u.arena, 512 * 1024 * 1024);
	arena_init(&u.page, 8 * 1024 * 1024);
	buf_init(&u.shown, 1024 * 1024);
	buf_init(&u.start, HEADER_MAX);
	uidset_init(&u.asked);
	uidset_init(&u.good);
	uidset_init(&u.gone);
	uidset_init(&u.deleted);
	uidset_init(&u.doubted);
	uidset_init(&u.rowed);
	uidset_init(&u.named);
	u.rows = msg_page_new();
	u.item = mem_resize(NULL, PAGE_MSGS, sizeof(*u.item));
	u.rewrite = rewrite_new();
	u.digest = digest_new();
	rc = sess_open(&u.s, &job->dest->server, job->stop, err);
	if (rc == 0)
		rc = undo_accounts(&u, err);
	sess_close(&u.s);
	digest_free(u.digest);
	rewrite_free(u.rewrite);
	free(u.item);
	msg_page_free(u.rows);
	uidset_done(&u.asked);
	uidset_done(&u.good);
	uidset_done(&u.gone);
	uidset_done(&u.deleted);
	uidset_done(&u.doubted);
	uidset_done(&u.rowed);
	uidset_done(&u.named);
	buf_done(&u.start);
	buf_done(&u.shown);
	arena_done(&u.page);
	arena_done(&u.arena);
	*ret = u.counts;
	return rc;
}
