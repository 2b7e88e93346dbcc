/* imex verify: the stored copies against the digests in the state, and, when a source is given, the
 * state against the server. Both are walks over the rows in UID order; nothing is changed on either
 * side. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/mem.h"
#include "engine/job.h"
#include "engine/select.h"
#include "imap/body.h"
#include "mail/names.h"
#include "store/source.h"
#include "store/tree.h"

struct verify {
	const struct job *job;
	const struct difference_out *out;
	struct verify_counts *counts;
	const char *account;
	struct folder_rec *rec;
	size_t n_recs;
	const struct tree_ops *tree;
	struct folder_rec *now; /* the folder at hand */
	struct buf display;
	struct msg_page *rows, *listed;
	struct source *source;
	struct digest *digest;
	struct arena arena;
};

const char *
difference_words(enum difference_kind k)
{
	static const char *const words[] = {
		[DIFF_FILE_MISSING] = "file missing",
		[DIFF_FILE_BYTES] = "file bytes differ",
		[DIFF_FILE_FLAGS] = "file flags differ",
		[DIFF_FILE_DATE] = "file date differs",
		[DIFF_FILE_STRAY] = "file without a record",
		[DIFF_FOLDER_MISSING] = "folder gone from the server",
		[DIFF_FOLDER_NEW] = "folder not copied",
		[DIFF_UIDVALIDITY] = "UIDVALIDITY differs",
		[DIFF_MESSAGE_NEW] = "message not copied",
		[DIFF_MESSAGE_EXPUNGED] = "message gone from the server",
		[DIFF_SIZE] = "size differs",
		[DIFF_FLAGS] = "flags differ",
		[DIFF_DATE] = "date differs",
		[DIFF_BYTES] = "bytes differ from the server's",
	};

	return words[k];
}

static void __attribute__((format(printf, 5, 6))) differ(struct verify *v,
    enum difference_kind kind, bool recognised, uint32_t uid, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	struct difference d = { .kind = kind,
		.recognised = recognised,
		.account = v->account,
		.folder = v->display.data ? v->display.data : "",
		.uid = uid,
		.text = text };

	if (recognised)
		v->counts->recognised++;
	else
		v->counts->differences++;
	v->out->put(v->out->arg, &d);
}

static void
set_display(struct verify *v, struct slice name)
{
	buf_reset(&v->display);
	folder_display(name, &v->display);
}

/* ---- files against the state ---- */

/* What a format keeps in pieces is compared piece by piece, by the digest of what was written. */
static void
compare_octets(struct verify *v, const struct msg *m, const struct stored *s)
{
	char was[SHA256_HEX], is[SHA256_HEX];

	if (s->why[0] != '\0') {
		differ(v, DIFF_FILE_BYTES, false, m->uid, "'%s' cannot be read: %s", s->name, s->why);
	} else if (s->stored_known && !s->stored_agrees) {
		differ(v, DIFF_FILE_BYTES, false, m->uid,
		    "'%s': the octets are not those that were written", s->name);
	} else if (!s->rebuilt && memcmp(s->sha256, m->sha256, SHA256_LEN) != 0) {
		digest_hex(m->sha256, was);
		digest_hex(s->sha256, is);
		differ(v, DIFF_FILE_BYTES, false, m->uid,
		    "'%s': SHA-256 was %.16s..., is %.16s... (%" PRIu64 " octets, were %" PRIu64
		    ")",
		    s->name, was, is, s->wire_bytes, m->wire_bytes);
	}
}

static void
compare_file(struct verify *v, const struct msg *m, const struct stored *s)
{
	if (!s->found) {
		differ(v, DIFF_FILE_MISSING, false, m->uid, "no file for it in '%s'", v->now->path);
		return;
	}
	compare_octets(v, m, s);
	if (s->system != m->flags.system)
		differ(v, DIFF_FILE_FLAGS, false, m->uid, "'%s': another program changed the flags",
		    s->name);
	if (s->mtime != date_stamp(&m->date))
		differ(v, DIFF_FILE_DATE, false, m->uid,
		    "'%s': its time is %" PRId64 ", the internal date %" PRId64, s->name, s->mtime,
		    date_stamp(&m->date));
}

static int
verify_files(struct verify *v, struct tree *t, struct err *err)
{
	char name[512];
	uint32_t after = 0;

	if (v->tree->enter(t, v->now, err) < 0)
		return -1;
	for (;;) {
		if (state_page(v->job->state, v->now->id, after, v->rows, err) < 0)
			return -1;
		if (v->rows->len == 0)
			break;
		after = v->rows->msg[v->rows->len - 1].uid;
		for (size_t i = 0; i < v->rows->len; i++) {
			const struct msg *m = &v->rows->msg[i];
			struct stored s;

			if (cancel_raised(v->job->stop))
				return err_set(err, ERR_INTERRUPTED, "interrupted");
			if (!verdict_good(m->verdict))
				v->counts->not_good++;
			if (!verdict_has_file(m->verdict))
				continue;
			if (v->tree->look(t, m, &s, err) < 0)
				return -1;
			v->counts->messages++;
			v->counts->bytes += m->wire_bytes;
			compare_file(v, m, &s);
		}
	}
	while (v->tree->stray(t, name))
		differ(v, DIFF_FILE_STRAY, false, 0, "'%s' in '%s'", name, v->now->path);
	return 0;
}

static int
verify_tree(struct verify *v, const char *account_dir, struct err *err)
{
	struct tree *t = NULL;
	struct err why = { 0 };
	int rc = v->tree->open(&t, account_dir, &why);

	/* What should be there and is not is a difference like any other. */
	if (rc < 0 && why.kind == ERR_NO_INPUT) {
		set_display(v, slice_str(""));
		differ(v, DIFF_FILE_MISSING, false, 0, "%s", why.text);
		return 0;
	}
	if (rc < 0)
		*err = why;

	for (size_t i = 0; rc == 0 && i < v->n_recs; i++) {
		v->now = &v->rec[i];
		if (v->now->excluded || v->now->listed + v->now->expunged == 0)
			continue;
		v->counts->folders++;
		set_display(v, slice_str(v->now->name));
		rc = verify_files(v, t, err);
	}
	v->tree->close(&t);
	return rc;
}

/* ---- the state against the server ---- */

static void
flags_differ(struct verify *v, const struct msg *row, const struct msg *now)
{
	struct buf was, is;

	buf_init(&was, 4096);
	buf_init(&is, 4096);
	flags_text(&row->flags, &was);
	flags_text(&now->flags, &is);
	differ(v, DIFF_FLAGS, false, row->uid, "were (%s), are (%s)", was.data ? was.data : "",
	    is.data ? is.data : "");
	buf_done(&was);
	buf_done(&is);
}

static void
compare_message(struct verify *v, const struct msg *row, const struct msg *now)
{
	if (row->verdict == VERDICT_EXCLUDED)
		return;
	if (row->expunged) {
		differ(v, DIFF_MESSAGE_NEW, true, now->uid, "was gone and is back");
		return;
	}
	if (now->size_known && row->verdict == VERDICT_STORED && now->size != row->wire_bytes) {
		bool stated_before = row->size_known && row->size == now->size;

		differ(v, DIFF_SIZE, stated_before, now->uid,
		    "the server states %" PRIu64 ", stored are %" PRIu64 " octets%s", now->size,
		    row->wire_bytes,
		    stated_before ? "; it stated the same when they were read" : "");
	}
	if (!flags_equal(&row->flags, &now->flags))
		flags_differ(v, row, now);
	if (row->date.known != now->date.known || row->date.epoch != now->date.epoch)
		differ(v, DIFF_DATE, false, now->uid,
		    "the internal date was %" PRId64 ", is %" PRId64 " (seconds since 1970)",
		    row->date.epoch, now->date.epoch);
}

static void
not_in_state(struct verify *v, const struct msg *now)
{
	bool later = now->uid >= v->now->proof.uidnext;
	char why[EXCLUDED_WHY_MAX];

	if (selection_excludes(&v->job->selection, now, why))
		return;
	differ(v, DIFF_MESSAGE_NEW, later, now->uid,
	    later ? "arrived after the last run" : "has no record");
}

static void
not_on_server(struct verify *v, const struct msg *row)
{
	if (row->expunged || row->verdict == VERDICT_GONE || row->verdict == VERDICT_PHANTOM ||
	    row->verdict == VERDICT_EXCLUDED)
		return;
	differ(v, DIFF_MESSAGE_EXPUNGED, true, row->uid,
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

static int
skip_body(struct verify *v, struct err *err)
{
	struct slice part;

	do {
		if (source_imap.read(v->source, &part, err) < 0)
			return err->kind == ERR_MESSAGE ? 0 : -1;
	} while (part.len > 0);
	return 0;
}

/* One offered body against the digest of its row. */
static int
deep_body(struct verify *v, const struct offer *o, struct err *err)
{
	struct arena a;
	struct msg row;
	bool there;
	uint8_t sum[SHA256_LEN];
	uint64_t octets = 0;
	int rc = -1;

	arena_init(&a, 256 * 1024);
	if (state_message(v->job->state, v->now->id, o->uid, &a, &row, &there, err) < 0)
		goto out;
	/* What would set \Seen is not asked for: then the header alone may be all there is. */
	if (o->verdict != VERDICT_NONE || o->good != VERDICT_STORED) {
		if (there && row.verdict == VERDICT_STORED)
			differ(v, DIFF_BYTES, true, o->uid, "could not be read again: %s",
			    o->reason ? o->reason : "no form of asking leaves it unread");
		rc = o->verdict != VERDICT_NONE ? 0 : skip_body(v, err);
		goto out;
	}
	digest_start(v->digest);
	for (;;) {
		struct slice part;

		if (source_imap.read(v->source, &part, err) < 0) {
			rc = err->kind == ERR_MESSAGE ? 0 : -1;
			goto out;
		}
		if (part.len == 0)
			break;
		digest_add(v->digest, part.data, part.len);
		octets += part.len;
	}
	digest_end(v->digest, sum);
	if (there && row.verdict == VERDICT_STORED && memcmp(sum, row.sha256, SHA256_LEN) != 0)
		differ(v, DIFF_BYTES, false, o->uid,
		    "the server's %" PRIu64 " octets have another SHA-256 than the %" PRIu64
		    " that were stored",
		    octets, row.wire_bytes);
	rc = 0;
out:
	arena_done(&a);
	return rc;
}

static int
deep_answers(struct verify *v, struct err *err)
{
	for (;;) {
		struct offer o = { 0 };

		if (cancel_raised(v->job->stop))
			return err_set(err, ERR_INTERRUPTED, "interrupted");
		switch (source_imap.next(v->source, &o, err)) {
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

static int
deep_page(struct verify *v, struct err *err)
{
	struct want *want = mem_resize(NULL, v->listed->len + 1, sizeof(*want));

	for (size_t i = 0; i < v->listed->len; i++)
		want[i] = (struct want){ .uid = v->listed->msg[i].uid };

	int rc = source_imap.ask(v->source, want, v->listed->len, err);

	free(want);
	return rc < 0 ? -1 : deep_answers(v, err);
}

static int
verify_listing(struct verify *v, bool deep, struct err *err)
{
	struct merge m = { .at = 0 };

	v->rows->len = 0;
	for (;;) {
		if (source_imap.list(v->source, v->listed, err) < 0)
			return -1;
		if (v->listed->len == 0)
			break;
		for (size_t i = 0; i < v->listed->len; i++)
			if (merge_listed(v, &m, &v->listed->msg[i], err) < 0)
				return -1;
		if (deep && deep_page(v, err) < 0)
			return -1;
	}
	if (merge_rest(v, &m, err) < 0)
		return -1;
	if (deep && (source_imap.ask_rest(v->source, err) < 0 || deep_answers(v, err) < 0))
		return -1;
	return 0;
}

static int
verify_folder(struct verify *v, const struct planned *f, bool deep, struct err *err)
{
	struct folder_head head;
	struct err refused = { 0 };

	set_display(v, f->folder.name);
	if (source_imap.enter(v->source, &f->folder, &head, &refused) < 0) {
		if (refused.scope != SCOPE_FOLDER) {
			*err = refused;
			return -1;
		}
		differ(v, DIFF_FOLDER_MISSING, false, 0, "%s", refused.text);
		return 0;
	}
	if (head.uidvalidity != v->now->uidvalidity) {
		differ(v, DIFF_UIDVALIDITY, false, 0,
		    "was %u, is %u: UIDs cannot be compared; run extract again",
		    v->now->uidvalidity, head.uidvalidity);
		return 0;
	}
	return verify_listing(v, deep, err);
}

static struct folder_rec *
rec_of(struct verify *v, struct slice name)
{
	for (size_t i = 0; i < v->n_recs; i++)
		if (!v->rec[i].vanished && slice_eq(name, v->rec[i].name))
			return &v->rec[i];
	return NULL;
}

static int
verify_folders(struct verify *v, struct plan *plan, bool deep, struct err *err)
{
	for (size_t i = 0; i < plan->len; i++) {
		v->now = rec_of(v, plan->folder[i].folder.name);
		if (v->now == NULL && !plan->folder[i].excluded) {
			set_display(v, plan->folder[i].folder.name);
			differ(v, DIFF_FOLDER_NEW, false, 0, "%u messages",
			    plan->folder[i].folder.counts.messages);
		}
		if (v->now != NULL && !v->now->excluded &&
		    verify_folder(v, &plan->folder[i], deep, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < v->n_recs; i++) {
		bool there = v->rec[i].vanished || v->rec[i].excluded;

		for (size_t k = 0; k < plan->len && !there; k++)
			there = slice_eq(plan->folder[k].folder.name, v->rec[i].name);
		if (there)
			continue;
		set_display(v, slice_str(v->rec[i].name));
		differ(v, DIFF_FOLDER_MISSING, false, 0, "%" PRIu64 " messages were copied from it",
		    v->rec[i].listed);
	}
	return 0;
}

static int
verify_server(struct verify *v, bool deep, struct err *err)
{
	/* Reading must leave no trace here: there is no state in which a debt could be kept. */
	struct source_place place = { .server = &v->job->source, .no_source_writes = true };
	struct folder_list list = { 0 };
	struct plan plan;
	char host_port[300];
	int rc = -1;

	plan_init(&plan);
	snprintf(host_port, sizeof(host_port), "%s:%s", v->job->source.host, v->job->source.port);
	if (state_server_get(v->job->state, host_port, &place.facts, err) < 0)
		goto out;
	/* What the run had to use may set \Seen; then the ladder finds what does not, or says so.
	 */
	if (place.facts.works_form >= 0 && form_sets_seen((enum form)place.facts.works_form))
		place.facts.works_form = -1;
	if (source_imap.open(&v->source, &place, v->job->stop, err) < 0 ||
	    source_imap.folders(v->source, &plan.arena, &list, err) < 0 ||
	    plan_make(&plan, &v->job->selection, &list, err) < 0)
		goto out;
	rc = verify_folders(v, &plan, deep, err);
out:
	source_imap.close(&v->source);
	folder_list_done(&list);
	plan_done(&plan);
	return rc;
}

static bool
is_account(const struct job *job, const struct account_rec *a)
{
	return strcmp(a->login, job->source.login) == 0 && strcmp(a->host, job->source.host) == 0 &&
	       strcmp(a->port, job->source.port) == 0;
}

static int
verify_account(
    struct verify *v, const struct account_rec *a, bool with_source, bool deep, struct err *err)
{
	char *dir = NULL;
	int rc;

	v->account = a->login;
	if (state_folders(v->job->state, a->id, &v->arena, &v->rec, &v->n_recs, err) < 0)
		return -1;
	if (asprintf(&dir, "%s/mail/%s", v->job->dir, a->dir) < 0)
		abort();
	rc = verify_tree(v, dir, err);
	if (rc == 0 && with_source)
		rc = verify_server(v, deep, err);
	free(dir);
	return rc;
}

int
job_verify(const struct job *job, bool with_source, bool deep, const struct difference_out *out,
    struct verify_counts *ret, struct err *err)
{
	struct verify_counts counts = { 0 };
	struct verify v = {
		.job = job, .out = out, .counts = &counts, .tree = format_tree(job->format)
	};
	struct account_rec *account;
	size_t n, matched = 0;
	int rc;

	arena_init(&v.arena, 512 * 1024 * 1024);
	buf_init(&v.display, 1024 * 1024);
	v.rows = msg_page_new();
	v.listed = msg_page_new();
	v.digest = digest_new();
	rc = state_accounts(job->state, &v.arena, &account, &n, err);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		if (with_source && !is_account(job, &account[i]))
			continue;
		matched++;
		rc = verify_account(&v, &account[i], with_source, deep, err);
	}
	if (rc == 0 && matched == 0)
		rc = err_set(err, ERR_NO_INPUT,
		    with_source ? "%s has no account '%s' at %s port %s" : "%s has no account yet",
		    job->dir, job->source.login, job->source.host, job->source.port);
	digest_free(v.digest);
	msg_page_free(v.rows);
	msg_page_free(v.listed);
	buf_done(&v.display);
	arena_done(&v.arena);
	if (rc == 0)
		*ret = counts;
	return rc;
}
