/* The Exchange sink: the sidecars of its folders lie in a tree as those of eml (files_sink.h), the
 * messages in the set of the whole job (exchange/writer.h). A message is taken apart by a thread of its
 * own while the next ones arrive; where it lies, and so its sidecar line, is known only then, and told
 * when it is taken from the writer, at the latest when the batch is sealed.
 *
 * Flags that change are a line of the sidecar, for lines of the set are not written again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/exchange/folders.h"
#include "store/exchange/writer.h"
#include "store/files/files_sink.h"

struct exsink {
	struct exwriter *writer;
	struct exfolders *folders;
	struct spool *spool;	/* of the message that was begun */
};

/* What a folder needs for its messages. */
struct exfolder {
	char *name;
	bool drafts;
};

/* ---- the account ---- */

static int
exchange_open_format(struct sink *s, struct err *err)
{
	struct exsink *x = mem_new(sizeof *x);
	const struct exchange_place *at = s->place.exchange;
	struct grown_mark pri, sec;
	char word[2][24];

	s->own = x;
	x->folders = exfolders_new();
	(void)snprintf(word[0], sizeof word[0], "pri%u", at->number);
	(void)snprintf(word[1], sizeof word[1], "sec%u", at->number);
	bool has_pri = files_mark_latest(&s->place, word[0], &pri);
	bool has_sec = files_mark_latest(&s->place, word[1], &sec);

	return exwriter_open(&x->writer, at, s->root, has_pri ? &pri : NULL, has_sec ? &sec : NULL,
	    s->place.unclean, err);
}

static void
exchange_close_format(struct sink *s)
{
	struct exsink *x = s->own;

	if (x == NULL)
		return;
	if (x->spool != NULL)
		exwriter_give_back(x->writer, x->spool);
	exwriter_close(&x->writer);
	exfolders_free(&x->folders);
	free(x);
	s->own = NULL;
}

static void
exchange_survey(struct sink *s, const struct folder *list, size_t n)
{
	struct exsink *x = s->own;

	files_survey(s, list, n);
	exfolders_survey(x->folders, list, n);
}

/* ---- folders ---- */

static bool
loss_is_told(const struct loss_book *b, enum loss_kind kind)
{
	for (size_t i = 0; i < b->len; i++)
		if (b->loss[i].kind == kind)
			return true;
	return false;
}

static struct exfolder *
folder_of(struct sink *s, struct folder_at *at)
{
	struct exsink *x = s->own;
	struct exfolder *f = at->own;
	bool changed;

	if (f != NULL)
		return f;
	f = at->own = mem_new(sizeof *f);
	f->name = mem_copy_str(
	    exfolders_name(x->folders, at->name, at->delim, at->special_use, &changed));
	f->drafts = at->special_use != NULL && strstr(at->special_use, "\\Drafts") != NULL &&
	    !s->place.exchange->drafts_by_flag;
	if (changed && !loss_is_told(&at->losses, LOSS_FOLDER))
		loss_add(&at->losses, LOSS_FOLDER, slice_str(f->name), 0, 1);
	return f;
}

static void
exchange_forget(struct folder_at *at)
{
	struct exfolder *f = at->own;

	if (f == NULL)
		return;
	free(f->name);
	free(f);
	at->own = NULL;
}

/* ---- messages ---- */

/* Messages that the thread has put into the files get their lines. */
static int
exchange_tell(struct sink *s, struct err *err)
{
	struct exsink *x = s->own;
	struct exwritten w;

	while (exwriter_next(x->writer, &w)) {
		struct folder_at *at = w.tag;
		w.msg.file_bytes = w.octets;
		const struct sidecar_at place = { .file = exwriter_pri_name(x->writer),
			.in_file = true,
			.at = w.at,
			.stored_sha256 = w.sha256,
			.full_source = s->place.exchange->full_source,
			.rebuilt = w.msg.rebuilt };

		if (files_tell(s, at, &w.msg, &place, err) < 0)
			return -1;
		loss_merge(&at->losses, w.losses);
	}
	return 0;
}

static int
exchange_begin(struct sink *s, struct folder_at *at, const struct msg *m, struct err *err)
{
	struct exsink *x = s->own;

	(void)at;
	(void)m;
	if (exchange_tell(s, err) < 0)
		return -1;
	return exwriter_spool(x->writer, &x->spool, err);
}

static int
exchange_write(struct sink *s, struct slice bytes, struct err *err)
{
	struct exsink *x = s->own;

	return spool_add(x->spool, bytes, err);
}

/* file_bytes: what the message takes in the set is not known yet; that of the wire stands for it. */
static int
exchange_end(struct sink *s, struct folder_at *at, struct msg *final, struct sidecar_at *ret,
    struct err *err)
{
	(void)s;
	(void)at;
	(void)err;
	final->file_bytes = final->wire_bytes;
	ret->file = NULL;
	return 0;
}

static void
exchange_keep(struct sink *s, struct folder_at *at, const struct msg *final)
{
	struct exsink *x = s->own;
	const struct exfolder *f = folder_of(s, at);

	files_batch_bytes(s->batch, final->wire_bytes);
	exwriter_put(x->writer, x->spool, final, f->name, f->drafts, at);
	x->spool = NULL;
}

static void
exchange_abandon(struct sink *s)
{
	struct exsink *x = s->own;

	if (x->spool != NULL)
		exwriter_give_back(x->writer, x->spool);
	x->spool = NULL;
}

/* ---- batches ---- */

static int
exchange_seal_format(struct sink *s, struct err *err)
{
	struct exsink *x = s->own;
	char name[64];

	if (exwriter_drain(x->writer, err) < 0 || exchange_tell(s, err) < 0)
		return -1;
	(void)snprintf(name, sizeof(name), "mail/%08u.PRI or its .SEC", s->place.exchange->number);
	for (;;) {
		int fd;

		if (exwriter_dirty(x->writer, &fd, err) < 0)
			return -1;
		if (fd < 0)
			return 0;
		files_batch_sync_fd(s->batch, fd, name);
	}
}

static void
exchange_mark(const struct sink *s, const struct files_dir *d, struct buf *out)
{
	const struct exsink *x = s->own;

	(void)d;
	exwriter_marks(x->writer, out);
}

/* ---- the end of a folder, of the account ---- */

/* Has an earlier run come to the end of the folder? Its record and what the sink wrote then were one
 * commit. */
static bool
folder_is_finished(const struct sink *s, const struct folder_at *at)
{
	for (size_t i = 0; i < s->place.n_known; i++)
		if (s->place.known[i].id == at->id)
			return s->place.known[i].proof.at_ms != 0;
	return false;
}

/* An empty folder has no line; a comment in the account's first set says that it was there
 * (exchange-migration 10.8). */
static int
exchange_finish(struct sink *s, struct folder_at *at, const struct folder_rec *rec,
    const struct row_feed *rows, struct err *err)
{
	struct exsink *x = s->own;
	const struct exfolder *f = folder_of(s, at);
	char text[512];

	(void)rows;
	if (rec->messages > 0 || rec->listed > 0 || s->place.exchange->later ||
	    folder_is_finished(s, at))
		return 0;
	if (exwriter_drain(x->writer, err) < 0 || exchange_tell(s, err) < 0 ||
	    exwriter_begin_files(x->writer, err) < 0)
		return -1;
	(void)snprintf(text, sizeof text, "folder %.400s empty", f->name);
	exwriter_comment(x->writer, text);
	return files_touch(s, at, err);
}

/* An account without any message has a section too (EM-44). */
static int
exchange_finish_account(struct sink *s, const struct folder *list, size_t len, struct err *err)
{
	struct exsink *x = s->own;
	int rc = 0;

	(void)list;
	(void)len;
	if (s->place.exchange->later || exwriter_has_files(x->writer))
		return 0;
	if (exwriter_begin_files(x->writer, err) < 0 || exwriter_drain(x->writer, err) < 0)
		return -1;
	for (int fd = -1; rc == 0;) {
		rc = exwriter_dirty(x->writer, &fd, err);
		if (rc < 0 || fd < 0)
			break;
		rc = file_sync(fd, err);
		file_close(&fd);
	}
	return rc;
}

static const struct files_format exchange_format = {
	.name = "exchange",
	.open = exchange_open_format,
	.close = exchange_close_format,
	.begin = exchange_begin,
	.write = exchange_write,
	.end = exchange_end,
	.keep = exchange_keep,
	.abandon = exchange_abandon,
	.seal = exchange_seal_format,
	.mark = exchange_mark,
	.forget = exchange_forget,
};

static int
exchange_open(
    struct sink **ret, const struct sink_place *at, struct cancel *stop, struct err *err)
{
	return files_open(ret, &exchange_format, at, stop, err);
}

const struct sink_ops sink_exchange = {
	.name = "exchange",
	.traits = SINK_AMENDS | SINK_ONE_WRITER,
	.open = exchange_open,
	.survey = exchange_survey,
	.name_folder = files_name_folder,
	.folder = files_folder,
	.notes = files_notes,
	.expect = files_expect,
	.begin = files_begin,
	.write = files_write,
	.end = files_end,
	.abandon = files_abandon,
	.amend = files_amend,
	.remove = files_remove,
	.adopt = files_adopt,
	.full = files_full,
	.seal = files_seal,
	.finish = exchange_finish,
	.finish_account = exchange_finish_account,
	.close = files_close,
};
