/* The state against the source: a walk over the listing beside the rows, and bodies against the
 * digests. Nothing is changed on the source. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/answer.h"
#include "engine/verify.h"
#include "imap/body.h"
#include "mail/names.h"

/* ---- the state against the server ---- */

static void
flags_differ(struct verify *v, const struct msg *row, const struct msg *now)
{
	struct buf was, is;

	buf_init(&was, 4096);
	buf_init(&is, 4096);
	flags_text(&row->flags, &was);
	flags_text(&now->flags, &is);
	verify_differ(v, DIFF_FLAGS, false, row->uid, "were (%s), are (%s)",
	    was.data ? was.data : "", is.data ? is.data : "");
	buf_done(&was);
	buf_done(&is);
}

static void
compare_message(struct verify *v, const struct msg *row, const struct msg *now)
{
	if (row->verdict == VERDICT_EXCLUDED)
		return;
	/* A copy that is lost is told where it was. */
	if (!row->expunged && !verdict_good(row->verdict) && !msg_lost(row))
		verify_differ(v, DIFF_MESSAGE_NEW, true, now->uid, "%s%s%s", verdict_name(row->verdict),
		    row->reason != NULL ? ": " : "", row->reason != NULL ? row->reason : "");
	if (row->expunged) {
		verify_differ(v, DIFF_MESSAGE_NEW, true, now->uid, "was gone and is back");
		return;
	}
	if (now->size_known && row->verdict == VERDICT_STORED && now->size != row->wire_bytes) {
		bool stated_before = row->size_known && row->size == now->size;

		verify_differ(v, DIFF_SIZE, stated_before, now->uid,
		    "the server states %" PRIu64 ", stored are %" PRIu64 " octets%s", now->size,
		    row->wire_bytes,
		    stated_before ? "; it stated the same when they were read" : "");
	}
	if (!flags_equal(&row->flags, &now->flags))
		flags_differ(v, row, now);
	if (row->date.known != now->date.known || row->date.epoch != now->date.epoch)
		verify_differ(v, DIFF_DATE, false, now->uid,
		    "the internal date was %" PRId64 ", is %" PRId64 " (seconds since 1970)",
		    row->date.epoch, now->date.epoch);
}

static void
not_in_state(struct verify *v, const struct msg *now)
{
	/* Of a folder that no run has come to the end of nothing is known to have been there last. */
	uint32_t uidnext = v->now->proof.uidnext;
	bool later = uidnext != 0 && now->uid >= uidnext;
	char why[EXCLUDED_WHY_MAX];

	if (selection_excludes(&v->job->selection, now, why))
		return;
	verify_differ(v, DIFF_MESSAGE_NEW, later, now->uid,
	    later ? "arrived after the last run" : "has no record");
}

static void
not_on_server(struct verify *v, const struct msg *row)
{
	if (row->expunged || row->verdict == VERDICT_GONE || row->verdict == VERDICT_PHANTOM ||
	    row->verdict == VERDICT_EXCLUDED)
		return;
	if (msg_lost(row))
		verify_differ(v, DIFF_MESSAGE_EXPUNGED, false, row->uid,
		    "expunged since the last run, and " LOST_REASON);
	else
		verify_differ(v, DIFF_MESSAGE_EXPUNGED, true, row->uid,
		    "expunged since the last run; the copy is kept");
}

/* One page of the listing merged with the rows. */
struct merge {
	uint32_t after;
	size_t at;
	bool end;
};

static int
merge_row(struct verify *v, struct merge *m, const struct msg **ret, struct err *err)
{
	*ret = NULL;
	if (!m->end && m->at == v->rows->len) {
		if (state_page(v->job->state, v->now->id, m->after, v->rows, err) < 0)
			return -1;
		m->at = 0;
		m->end = v->rows->len == 0;
		if (!m->end)
			m->after = v->rows->msg[v->rows->len - 1].uid;
	}
	if (!m->end)
		*ret = &v->rows->msg[m->at];
	return 0;
}

static int
merge_listed(struct verify *v, struct merge *m, const struct msg *now, struct err *err)
{
	for (;;) {
		const struct msg *row;

		if (merge_row(v, m, &row, err) < 0)
			return -1;
		if (row == NULL || row->uid > now->uid) {
			not_in_state(v, now);
			return 0;
		}
		m->at++;
		if (row->uid == now->uid) {
			if (row->verdict == VERDICT_STORED)
				uidset_add(&v->stored, now->uid, now->uid);
			compare_message(v, row, now);
			return 0;
		}
		not_on_server(v, row);
	}
}

static int
merge_rest(struct verify *v, struct merge *m, struct err *err)
{
	for (;;) {
		const struct msg *row;

		if (merge_row(v, m, &row, err) < 0)
			return -1;
		if (row == NULL)
			return 0;
		m->at++;
		not_on_server(v, row);
	}
}

int
verify_skip(const struct source_ops *ops, struct source *s, struct err *err)
{
	struct slice part;

	do {
		if (ops->read(s, &part, err) < 0)
			return err->kind == ERR_MESSAGE ? 0 : -1;
	} while (part.len > 0);
	return 0;
}

static void
look_add(struct verify *v, struct slice part, bool identify)
{
	size_t room = LOOK_HEADER_MAX - v->start.len;

	if (v->rewrite != NULL)
		rewrite_add(v->rewrite, part);
	if (!identify) {
		digest_add(v->digest, part.data, part.len);
		return;
	}
	identity_add(v->identity, part);
	buf_add(&v->start, part.data, part.len < room ? part.len : room);
}

static void
look_end(struct verify *v, bool identify, struct look *ret)
{
	struct identity id;

	if (!identify) {
		digest_end(v->digest, ret->sha256);
		return;
	}
	identity_end(v->identity, &id);
	memcpy(ret->sha256, id.exact, SHA256_LEN);
	memcpy(ret->whole, id.whole, SHA256_LEN);
	ret->start = buf_slice(&v->start);
}

int
verify_read(struct verify *v, const struct source_ops *ops, struct source *s, bool identify,
    struct look *ret, struct err *err)
{
	struct slice part;

	*ret = (struct look){ .octets = 0 };
	digest_start(v->digest);
	if (v->rewrite != NULL)
		rewrite_start(v->rewrite);
	if (identify) {
		buf_reset(&v->start);
		identity_start(v->identity);
	}
	for (;;) {
		if (ops->read(s, &part, err) < 0)
			return err->kind == ERR_MESSAGE ? 1 : -1;
		if (part.len == 0)
			break;
		look_add(v, part, identify);
		ret->octets += part.len;
	}
	look_end(v, identify, ret);
	return 0;
}

static void
compare_body(struct verify *v, const struct msg *row, const struct look *look)
{
	if (row->verdict == VERDICT_STORED && memcmp(look->sha256, row->sha256, SHA256_LEN) != 0)
		verify_differ(v, DIFF_BYTES, false, row->uid,
		    "the server's %" PRIu64 " octets have another SHA-256 than the %" PRIu64
		    " that were stored",
		    look->octets, row->wire_bytes);
}

/* One offered body against the digest of its row, and against a copy that is in doubt. */
static int
deep_body(struct verify *v, const struct offer *o, struct err *err)
{
	struct suspect *suspect =
	    v->suspects ? suspects_find(v->suspects, v->now->id, o->uid) : NULL;
	struct arena a;
	struct msg row;
	struct look look;
	bool there;
	int rc = -1;

	arena_init(&a, 256 * 1024);
	if (state_message(v->job->state, v->now->id, o->uid, &a, &row, &there, err) < 0)
		goto out;
	/* What would set \Seen is not asked for: then the header alone may be all there is. */
	if (o->verdict != VERDICT_NONE || o->good != VERDICT_STORED) {
		if (there && row.verdict == VERDICT_STORED)
			verify_differ(v, DIFF_BYTES, true, o->uid, "could not be read again: %s",
			    o->reason ? o->reason : "no form of asking leaves it unread");
		rc = o->verdict != VERDICT_NONE ? 0 : verify_skip(v->ops, v->source, err);
		goto out;
	}
	rc = verify_read(v, v->ops, v->source, suspect != NULL, &look, err);
	if (rc == 0 && there)
		compare_body(v, &row, &look);
	if (rc == 0 && suspect != NULL)
		verify_suspect(v, suspect, &look);
	rc = rc < 0 ? -1 : 0;
out:
	arena_done(&a);
	return rc;
}

static int
deep_answers(struct verify *v, struct err *err)
{
	for (;;) {
		struct offer o;

		switch (answer_next(v->ops, v->source, v->job->stop, &o, err)) {
		case STEP_ERR:
			return -1;
		case STEP_END:
			return 0;
		case STEP_OWE: /* not with no_source_writes */
			break;
		case STEP_ITEM:
			if (deep_body(v, &o, err) < 0)
				return -1;
		}
	}
}

static bool
body_wanted(const struct verify *v, uint32_t uid, bool deep)
{
	return (deep && uidset_has(&v->stored, uid)) || (v->suspects && suspects_find(v->suspects, v->now->id, uid) != NULL);
}

static int
deep_page(struct verify *v, bool deep, struct err *err)
{
	struct want *want = mem_resize(NULL, v->listed->len + 1, sizeof(*want));
	size_t n = 0;

	for (size_t i = 0; i < v->listed->len; i++)
		if (body_wanted(v, v->listed->msg[i].uid, deep))
			want[n++] = (struct want){ .uid = v->listed->msg[i].uid };

	int rc = n == 0 ? 0 : v->ops->ask(v->source, want, n, err);

	free(want);
	return rc < 0 || n == 0 ? rc : deep_answers(v, err);
}

static int
verify_listing(struct verify *v, bool deep, struct err *err)
{
	struct merge m = { .at = 0 };

	v->rows->len = 0;
	for (;;) {
		if (v->ops->list(v->source, v->listed, err) < 0)
			return -1;
		if (v->listed->len == 0)
			break;
		v->begun = true;
		uidset_clear(&v->stored);
		for (size_t i = 0; i < v->listed->len; i++)
			if (!v->left_out && merge_listed(v, &m, &v->listed->msg[i], err) < 0)
				return -1;
		if ((deep || v->suspects) && deep_page(v, deep, err) < 0)
			return -1;
	}
	if (!v->left_out && merge_rest(v, &m, err) < 0)
		return -1;
	if ((deep || v->suspects) &&
	    (v->ops->ask_rest(v->source, err) < 0 || deep_answers(v, err) < 0))
		return -1;
	return 0;
}

/* A server without UIDs: who is who by what the state knows. New ones get numbers of this look
 * alone. */
static int
verify_number(struct verify *v, struct err *err)
{
	struct numbering n = { 0 };
	int rc;

	if (v->ops->numbered == NULL || !v->ops->numbered(v->source))
		return 0;
	rc = state_numbering(v->job->state, v->now->id, &n, err);
	if (rc == 0)
		rc = v->ops->number(v->source, &n, err);
	numbering_done(&n);
	return rc;
}

static int
compare_folder(struct verify *v, const struct folder *f, bool deep, struct err *err)
{
	struct folder_head head;

	if (v->ops->enter(v->source, f, NULL, &head, err) < 0) {
		if (err->scope != SCOPE_FOLDER)
			return -1;
		if (!v->left_out)
			verify_differ(v, DIFF_FOLDER_UNREAD, false, 0, "%s", err->text);
		*err = (struct err){ 0 };
		return 0;
	}
	if (head.uidvalidity != v->now->uidvalidity) {
		/* Courier gives a folder that has never had a message another one each second. */
		if (v->left_out || (head.exists == 0 && v->now->listed == 0))
			return 0;
		verify_differ(v, DIFF_UIDVALIDITY, false, 0,
		    "was %u, is %u: UIDs cannot be compared; run %s again", v->now->uidvalidity,
		    head.uidvalidity, v->job->dest ? "the job" : "extract");
		return 0;
	}
	return verify_number(v, err) < 0 ? -1 : verify_listing(v, deep, err);
}

static int
open_again(struct verify *v, bool sizeless, struct err *err)
{
	struct plan again;
	int rc;

	plan_init(&again);
	verify_source_close(v);
	v->sizeless = sizeless;
	rc = verify_source_open(v, &again, err);
	v->sizeless = false;
	plan_done(&again);
	return rc;
}

/* The connection may have ended while the other side was read: a new one is tried. Where that ends, too, the server
 * may have a message that it cannot read, whose size it cannot tell then. What was compared by then stands, the folder
 * is named, and the others are compared. */
int
verify_source_folder(struct verify *v, const struct planned *f, bool deep, struct err *err)
{
	enum { TRIES = 3, ENDED_MAX = 20 };

	verify_display(v, f->folder.name);
	v->begun = false;
	for (unsigned tried = 1;; tried++) {
		struct err why = { 0 };

		if (compare_folder(v, &f->folder, deep, &why) == 0)
			return 0;

		bool over = v->begun || tried == TRIES;

		if (why.scope != SCOPE_SESSION || v->job->from != NULL || (over && ++v->ended > ENDED_MAX)) {
			*err = why;
			return -1;
		}
		if (over && !v->left_out)
			verify_differ(v, DIFF_FOLDER_UNREAD, false, 0, "%s", why.text);
		if (open_again(v, tried == TRIES - 1, err) < 0 || over)
			return err->kind == ERR_NONE ? 0 : -1;
	}
}

struct folder_rec *
verify_rec(struct verify *v, struct slice name)
{
	for (size_t i = 0; i < v->n_recs; i++)
		if (!v->rec[i].vanished && slice_eq(name, v->rec[i].name))
			return &v->rec[i];
	return NULL;
}

void
verify_source_missing(struct verify *v, const struct plan *plan)
{
	if (!plan_lists_all(plan)) {
		verify_display(v, slice_str(""));
		verify_differ(v, DIFF_FOLDER_MISSING, false, 0,
		    "the server does not list all its folders, or not in a way that can be read");
	}
	for (size_t i = 0; i < plan->len; i++) {
		const struct planned *f = &plan->folder[i];

		if (f->excluded || verify_rec(v, f->folder.name) != NULL)
			continue;
		verify_display(v, f->folder.name);
		verify_differ(
		    v, DIFF_FOLDER_NEW, false, 0, "%u messages", f->folder.counts.messages);
	}
	for (size_t i = 0; i < v->n_recs; i++) {
		bool there = v->rec[i].vanished || v->rec[i].excluded || !verify_wants(v, &v->rec[i]);

		for (size_t k = 0; k < plan->len && !there; k++)
			there = slice_eq(plan->folder[k].folder.name, v->rec[i].name);
		if (there)
			continue;
		verify_display(v, slice_str(v->rec[i].name));
		verify_differ(v, DIFF_FOLDER_MISSING, false, 0,
		    "%" PRIu64 " messages were copied from it", v->rec[i].listed);
	}
}

int
verify_source_open(struct verify *v, struct plan *plan, struct err *err)
{
	/* Reading must leave no trace here: there is no state in which a debt could be kept. */
	struct source_place place = {
		.server = &v->job->source, .shelf = v->job->from, .no_source_writes = true,
		.reads_seen = true, .sizeless = v->sizeless, .sizeless_told = true
	};
	struct folder_list list = { 0 };
	char host_port[300];
	int rc = -1;

	snprintf(host_port, sizeof(host_port), "%s:%s", endpoint_known_host(&v->job->source), endpoint_known_port(&v->job->source));
	if (v->job->from == NULL &&
	    state_server_get(v->job->state, host_port, &place.facts, err) < 0)
		return -1;
	/* What the run had to use may set \Seen; then the ladder finds what does not, or says so.
	 */
	if (place.facts.works_form >= 0 && form_sets_seen((enum form)place.facts.works_form))
		place.facts.works_form = -1;
	if (v->ops->open(&v->source, &place, v->job->stop, err) == 0 &&
	    v->ops->folders(v->source, &plan->arena, &list, err) == 0)
		rc = plan_make(plan, &v->job->selection, &list, err);
	folder_list_done(&list);
	return rc;
}

void
verify_source_close(struct verify *v)
{
	v->ops->close(&v->source);
}
