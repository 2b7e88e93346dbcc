/* imex verify: the stored copies against the digests in the state, and, when a source is given, the
 * state against the server. Both are walks over the rows in UID order; nothing is changed on either
 * side. Copies that are lost are collected (lost.h), to be noted in the state afterwards. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "engine/verify.h"
#include "mail/names.h"

const char *
difference_words(enum difference_kind k)
{
	static const char *const words[] = {
		[DIFF_FILE_MISSING] = "file missing",
		[DIFF_FILE_BYTES] = "file bytes differ",
		[DIFF_FILE_FLAGS] = "file flags differ",
		[DIFF_FILE_DATE] = "file date differs",
		[DIFF_FILE_STRAY] = "file without a record",
		[DIFF_FILE_UNREAD] = "files cannot be read",
		[DIFF_FOLDER_MISSING] = "folder gone from the server",
		[DIFF_FOLDER_UNREAD] = "folder cannot be read on the server",
		[DIFF_FOLDER_NEW] = "folder not copied",
		[DIFF_UIDVALIDITY] = "UIDVALIDITY differs",
		[DIFF_MESSAGE_NEW] = "message not copied",
		[DIFF_MESSAGE_EXPUNGED] = "message gone from the server",
		[DIFF_SIZE] = "size differs",
		[DIFF_FLAGS] = "flags differ",
		[DIFF_DATE] = "date differs",
		[DIFF_BYTES] = "bytes differ from the server's",
		[DIFF_DEST_FOLDER] = "folder missing on the target",
		[DIFF_DEST_UIDVALIDITY] = "UIDVALIDITY of the target differs",
		[DIFF_DEST_MISSING] = "message missing on the target",
		[DIFF_DEST_EXTRA] = "message of the target that is no copy",
		[DIFF_DEST_SIZE] = "size on the target differs",
		[DIFF_DEST_FLAGS] = "flags on the target differ",
		[DIFF_DEST_DATE] = "date on the target differs",
		[DIFF_DEST_BYTES] = "bytes on the target differ",
		[DIFF_JOB_UNFINISHED] = "the job is not complete",
	};

	return words[k];
}

void
verify_differ(struct verify *v, enum difference_kind kind, bool recognised, uint32_t uid,
    const char *fmt, ...)
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

void
verify_display(struct verify *v, struct slice name)
{
	buf_reset(&v->display);
	folder_display(name, &v->display);
}

/* ---- files against the state ---- */

/* Its copy is lost. A run brings it again, once that is noted; else why none will. */
static const char *
lost(struct verify *v, const struct msg *m, enum copy_is is)
{
	if (m->verdict != VERDICT_STORED)
		return "";
	if (m->expunged || v->now->vanished) {
		v->counts->beyond++;
		return "; the source no longer had it when it was last listed, so it cannot be fetched again";
	}
	if (v->job->format == FORMAT_EXCHANGE)
		return "; a set is not changed, so extract into another directory";
	if (!copy_mends(v->job->format, is))
		return is == COPY_UNTOLD ? "; no line of the sidecar tells where it lies" : "";
	lost_found(v->out->lost, v->now->id, m->uid, 0);
	v->counts->lost++;
	return "";
}

/* What a format keeps in pieces is compared piece by piece, by the digest of what was written. */
static void
compare_octets(struct verify *v, const struct msg *m, const struct stored *s)
{
	enum copy_is is = copy_is(m, s);
	char was[SHA256_HEX], now[SHA256_HEX];

	if (is == COPY_GOOD)
		return;

	const char *no_way = lost(v, m, is);

	if (s->why[0] != '\0') {
		verify_differ(v, DIFF_FILE_BYTES, false, m->uid, "'%s' cannot be read: %s%s", s->name, s->why,
		    no_way);
	} else if (s->stored_known && !s->stored_agrees) {
		verify_differ(v, DIFF_FILE_BYTES, false, m->uid,
		    "'%s': the octets are not those that were written%s", s->name, no_way);
	} else {
		digest_hex(m->sha256, was);
		digest_hex(s->sha256, now);
		verify_differ(v, DIFF_FILE_BYTES, false, m->uid,
		    "'%s': SHA-256 was %.16s..., is %.16s... (%" PRIu64 " octets, were %" PRIu64
		    ")%s",
		    s->name, was, now, s->wire_bytes, m->wire_bytes, no_way);
	}
}

static void
compare_file(struct verify *v, const struct msg *m, const struct stored *s)
{
	if (!s->found) {
		verify_differ(v, DIFF_FILE_MISSING, false, m->uid, "no file for it in '%s'%s",
		    *v->now->path != '\0' ? v->now->path : "(INBOX)", lost(v, m, copy_is(m, s)));
		return;
	}
	compare_octets(v, m, s);
	if (s->system != m->flags.system)
		verify_differ(v, DIFF_FILE_FLAGS, false, m->uid,
		    "'%s': another program changed the flags", s->name);
	if (s->keywords_differ || s->labels_differ)
		verify_differ(v, DIFF_FILE_FLAGS, false, m->uid, "'%s': another program changed the %s", s->name,
		    s->keywords_differ ? "keywords" : "labels");
	if (s->zone_differs)
		verify_differ(v, DIFF_FILE_DATE, false, m->uid, "'%s': the zone of its date is another", s->name);
	if (!file_time_is(s->mtime, date_stamp(&m->date)))
		verify_differ(v, DIFF_FILE_DATE, false, m->uid,
		    "'%s': its time is %" PRId64 ", the internal date %" PRId64, s->name, s->mtime,
		    date_stamp(&m->date));
}

/* The state knows already that its copy is lost. */
static void
compare_lost(struct verify *v, const struct msg *m, const struct stored *s)
{
	/* As before; the state is what is to be put right. */
	if (copy_is(m, s) == COPY_GOOD) {
		lost_found(v->out->lost, v->now->id, m->uid, 0);
		return;
	}
	v->counts->lost += m->reason != NULL && strcmp(m->reason, LOST_REASON) == 0;
	v->counts->beyond += lost_beyond(m);
	verify_differ(v, s->found ? DIFF_FILE_BYTES : DIFF_FILE_MISSING, false, m->uid, "%s",
	    m->reason != NULL ? m->reason : LOST_REASON);
}

uint64_t
verify_rec_files(const struct folder_rec *rec)
{
	uint64_t files = rec->expunged > rec->mirrored ? rec->expunged - rec->mirrored : 0;

	for (int i = 0; i < VERDICTS; i++)
		files += verdict_has_file((enum verdict)i) ? rec->verdicts[i] : 0;
	return files;
}

bool
verify_wants(struct verify *v, const struct folder_rec *rec)
{
	if (rec->excluded && verify_rec_files(rec) == 0)
		return false;
	verify_display(v, slice_str(rec->name));
	return !v->job->folders_said ||
	       selection_takes(&v->job->selection, v->display.data, rec->subscribed);
}

/* A record whose messages all went on in that of a new UIDVALIDITY, but for those that the selection left out: no
 * sidecar tells of it any more. Not so if it has what is lost. */
static int
went_on(struct verify *v, bool *ret, struct err *err)
{
	uint32_t after = 0;

	*ret = v->now->vanished && verify_rec_files(v->now) == 0;
	while (*ret && v->now->verdicts[VERDICT_FAILED] > 0) {
		if (state_page(v->job->state, v->now->id, after, v->rows, err) < 0)
			return -1;
		if (v->rows->len == 0)
			break;
		after = v->rows->msg[v->rows->len - 1].uid;
		for (size_t i = 0; i < v->rows->len; i++)
			*ret &= !msg_lost(&v->rows->msg[i]);
	}
	return 0;
}

/* What should be there and is not, or cannot be read, is a difference like any other, and the rest is compared all
 * the same. Not so what passes: it says nothing of the files. */
static bool
is_difference(const struct err *why)
{
	return why->kind != ERR_INTERRUPTED && !err_sys_passes(why->sys);
}

/* `files` messages are lost together. */
static int
files_lost(struct verify *v, uint64_t files, const struct err *why, struct err *err)
{
	if (!is_difference(why)) {
		*err = *why;
		return -1;
	}
	bool missing = why->kind == ERR_NO_INPUT;

	if (files == 0) {
		verify_differ(v, missing ? DIFF_FILE_MISSING : DIFF_FILE_UNREAD, false, 0, "no message is lost: %s",
		    why->text);
		return 0;
	}
	verify_differ(v, missing ? DIFF_FILE_MISSING : DIFF_FILE_UNREAD, false, 0, "%" PRIu64 " message%s: %s%s", files,
	    files == 1 ? "" : "s", why->text,
	    missing && !folder_mends(v->job->format, why)
		? "; no run brings that again, so extract into another directory"
		: "");
	return 0;
}

static int
verify_file(struct verify *v, struct tree *t, const struct msg *m, struct err *err)
{
	struct stored s;
	struct err why = { 0 };

	v->counts->messages++;
	v->counts->bytes += m->wire_bytes;
	if (v->tree->look(t, m, &s, &why) == 0) {
		if (msg_lost(m))
			compare_lost(v, m, &s);
		else
			compare_file(v, m, &s);
		return 0;
	}
	if (!is_difference(&why)) {
		*err = why;
		return -1;
	}
	verify_differ(v, DIFF_FILE_BYTES, false, m->uid, "it cannot be read: %s", why.text);
	return 0;
}

/* Each message of a folder that cannot be read: what is known to be lost counts, and of a directory that is gone
 * all are. */
static int
folder_rows(struct verify *v, bool gone, uint64_t *ret_lost, struct err *err)
{
	uint32_t after = 0;

	*ret_lost = 0;
	for (;;) {
		if (state_page(v->job->state, v->now->id, after, v->rows, err) < 0)
			return -1;
		if (v->rows->len == 0)
			return 0;
		after = v->rows->msg[v->rows->len - 1].uid;
		for (size_t i = 0; i < v->rows->len; i++) {
			const struct msg *m = &v->rows->msg[i];

			*ret_lost += msg_lost(m);
			v->counts->lost += msg_lost(m) && !lost_beyond(m);
			v->counts->beyond += msg_lost(m) && lost_beyond(m);
			if (gone)
				(void)lost(v, m, COPY_GONE);
		}
	}
}

static int
folder_unread(struct verify *v, const struct err *why, struct err *err)
{
	uint64_t known;

	if (!is_difference(why)) {
		*err = *why;
		return -1;
	}
	if (folder_rows(v, folder_mends(v->job->format, why), &known, err) < 0)
		return -1;
	return files_lost(v, verify_rec_files(v->now) + known, why, err);
}

static int
verify_files(struct verify *v, struct tree *t, struct err *err)
{
	char name[512];
	uint32_t after = 0;
	struct err why = { 0 };
	bool gone_on;

	if (went_on(v, &gone_on, err) < 0)
		return -1;
	if (gone_on)
		return 0;
	if (v->tree->enter(t, v->now, &why) < 0)
		return folder_unread(v, &why, err);
	for (;;) {
		if (state_page(v->job->state, v->now->id, after, v->rows, err) < 0)
			return -1;
		if (v->rows->len == 0)
			break;
		after = v->rows->msg[v->rows->len - 1].uid;
		for (size_t i = 0; i < v->rows->len; i++) {
			const struct msg *m = &v->rows->msg[i];

			if (cancel_raised(v->job->stop))
				return err_set(err, ERR_INTERRUPTED, "interrupted");
			if (!verdict_good(m->verdict) && !msg_lost(m))
				v->counts->not_good++;
			if ((verdict_has_file(m->verdict) || msg_lost(m)) && verify_file(v, t, m, err) < 0)
				return -1;
		}
	}
	while (v->tree->stray(t, name))
		verify_differ(v, DIFF_FILE_STRAY, false, 0, "'%s' in '%s'", name, v->now->path);
	return 0;
}

/* An empty folder has its directory once a run has come to its end. */
static bool
was_stored(const struct folder_rec *rec)
{
	return rec->listed + rec->expunged > 0 || (rec->proof.at_ms != 0 && !rec->vanished && !rec->excluded);
}

static int
verify_tree(struct verify *v, const char *account_dir, struct err *err)
{
	struct tree *t = NULL;
	struct err why = { 0 };
	uint64_t files = 0;
	int rc = 0;

	if (v->tree->open(&t, account_dir, &why) < 0) {
		for (size_t i = 0; i < v->n_recs; i++)
			files += verify_wants(v, &v->rec[i]) ? verify_rec_files(&v->rec[i]) : 0;
		verify_display(v, slice_str(""));
		return files_lost(v, files, &why, err);
	}
	for (size_t i = 0; rc == 0 && i < v->n_recs; i++) {
		v->now = &v->rec[i];
		if (!was_stored(v->now) || !verify_wants(v, v->now))
			continue;
		v->counts->folders++;
		verify_display(v, slice_str(v->now->name));
		rc = verify_files(v, t, err);
	}
	v->tree->close(&t);
	return rc;
}

/* ---- the whole ---- */

bool
verify_is_account(const struct job *job, const struct account_rec *a)
{
	bool files = job->from != NULL;
	const char *login = files ? job->from->login : job->source.login;
	const char *host = files ? job->from->host : endpoint_known_host(&job->source);
	const char *port = files ? job->from->port : endpoint_known_port(&job->source);

	return strcmp(a->login, login) == 0 && strcmp(a->host, host) == 0 &&
	       strcmp(a->port, port) == 0;
}

int
verify_accounts(
    struct verify *v, bool source, struct account_rec **ret, size_t *ret_len, struct err *err)
{
	struct account_rec *account;
	size_t n, kept = 0;

	if (state_accounts(v->job->state, &v->arena, &account, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (!source || verify_is_account(v->job, &account[i]))
			account[kept++] = account[i];
	*ret = account;
	*ret_len = kept;
	if (kept > 0)
		return 0;
	if (!source || v->job->from != NULL)
		return err_set(err, ERR_NO_INPUT, "%s has no account%s", v->job->dir,
		    source ? " that came from there" : " yet");
	return err_set(err, ERR_NO_INPUT, "%s has no account '%s' at %s port %s", v->job->dir,
	    v->job->source.login, endpoint_known_host(&v->job->source), endpoint_known_port(&v->job->source));
}

void
verify_init(struct verify *v, const struct job *job, const struct difference_out *out,
    struct verify_counts *counts)
{
	*v = (struct verify){ .job = job,
		.out = out,
		.counts = counts,
		.ops = job->from != NULL ? &source_files : &source_imap };
	arena_init(&v->arena, 512 * 1024 * 1024);
	buf_init(&v->display, 1024 * 1024);
	buf_init(&v->start, LOOK_HEADER_MAX);
	v->rows = msg_page_new();
	v->listed = msg_page_new();
	v->digest = digest_new();
}

void
verify_done(struct verify *v)
{
	identity_free(v->identity);
	digest_free(v->digest);
	msg_page_free(v->rows);
	msg_page_free(v->listed);
	uidset_done(&v->stored);
	buf_done(&v->start);
	buf_done(&v->display);
	arena_done(&v->arena);
}

static int
verify_server(struct verify *v, bool deep, struct err *err)
{
	struct plan plan;
	int rc;

	plan_init(&plan);
	rc = verify_source_open(v, &plan, err);
	for (size_t i = 0; rc == 0 && i < plan.len; i++) {
		v->now = verify_rec(v, plan.folder[i].folder.name);
		if (v->now == NULL || !verify_wants(v, v->now))
			continue;
		if (plan.folder[i].excluded)
			v->counts->left_out += verify_rec_files(v->now) > 0;
		else
			rc = verify_source_folder(v, &plan.folder[i], deep, err);
	}
	if (rc == 0)
		verify_source_missing(v, &plan);
	verify_source_close(v);
	plan_done(&plan);
	return rc;
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
		mem_out();
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
	struct verify v;
	struct account_rec *account = NULL;
	size_t n = 0;
	int rc;

	verify_init(&v, job, out, &counts);
	v.tree = format_tree(job->format);
	v.ops = &source_imap;
	rc = verify_accounts(&v, with_source, &account, &n, err);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = verify_account(&v, &account[i], with_source, deep, err);
	verify_done(&v);
	if (rc == 0)
		*ret = counts;
	return rc;
}
