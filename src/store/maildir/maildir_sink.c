/* The Maildir sink: what sink.h promises, put together from body (one message into tmp/), keywords
 * and sidecar of a folder, and the batch in which all of it becomes visible and durable.
 * Folders: maildir_folder.c. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "mail/names.h"
#include "store/adopted.h"
#include "store/maildir/dovecot.h"
#include "store/maildir/maildir_sink.h"
#include "store/sink_root.h"

/* ---- opening and closing ---- */

static char *
sink_account_name(const char *dir)
{
	size_t len = strlen(dir);

	while (len > 1 && dir[len - 1] == '/')
		len--;
	size_t from = len;
	while (from > 0 && dir[from - 1] != '/')
		from--;
	char *name = strndup(dir + from, len - from);
	if (name == NULL)
		mem_out();
	return name;
}

static void maildir_close(struct sink **s);

static int
maildir_open(struct sink **ret, const struct sink_place *at, struct cancel *stop, struct err *err)
{
	struct sink *s = mem_new(sizeof *s);
	bool made;

	s->root = -1;
	s->account = sink_account_name(at->dir);
	s->keep_crlf = at->keep_crlf;
	s->unclean = at->unclean;
	s->restored = at->restored;
	s->batch_files = at->batch_files;
	s->stop = stop;
	body_init(&s->body);
	if (sink_root_open(&s->root, &s->by_system, at, err) < 0 ||
	    maildir_folder_dirs(s->root, "", &made, err) < 0) {
		maildir_close(&s);
		return err_wrap(err, "'%s'", at->dir);
	}
	if (at->unclean)
		(void)unlinkat(s->root, SUBSCRIPTIONS_NEW, 0);
	*ret = s;
	return 0;
}

static void
maildir_close(struct sink **ref)
{
	struct sink *s = *ref;

	if (s == NULL)
		return;
	body_done(&s->body);
	maildir_batch_free(&s->batch);
	while (s->folders != NULL) {
		struct folder_at *at = s->folders;

		s->folders = at->next;
		maildir_at_free(at);
	}
	file_close(&s->root);
	free(s->held);
	free(s->account);
	free(s);
	*ref = NULL;
}

/* ---- folders ---- */

static int
maildir_name_folder(
    struct sink *s, const struct folder *f, struct buf *ret_path, bool *ret_mapped, struct err *err)
{
	(void)s;
	*ret_mapped = maildir_name(f->name, f->delim, f->prefix, ret_path);
	if (ret_path->full)
		return err_set(err, ERR_FOLDER, "the folder's name is too long");
	return 0;
}

static int
maildir_move(struct sink *s, const char *from, const char *to, bool *ret_done, struct err *err)
{
	return maildir_move_folder(s->root, from, to, ret_done, err);
}

static void
maildir_notes(const struct folder_at *at, struct folder_notes *ret)
{
	*ret = at->notes;
}

/* ---- messages ---- */

static int
maildir_begin(struct sink *s, struct folder_at *at, const struct msg *m, struct err *err)
{
	char name[MAILDIR_IDENTITY_MAX];

	assert(s->into == NULL);
	if (maildir_enter(s, at, err) < 0 || maildir_touch(s, at, err) < 0 || maildir_begin_first(s, at, err) < 0)
		return -1;
	maildir_identity(name, &m->date, at->uidvalidity, m->uid);
	body_start(&s->body, at->open->dirs->tmp, name, s->keep_crlf);
	s->into = at;
	return 0;
}

static int
maildir_write(struct sink *s, struct slice bytes, struct err *err)
{
	assert(s->into != NULL);
	return body_write(&s->body, bytes, err);
}

static void
maildir_abandon(struct sink *s)
{
	body_abandon(&s->body);
	s->into = NULL;
}

/* Letters of the keywords; notes the first that has none. */
static uint32_t
folder_letters(struct folder_at *at, const struct flags *f, bool give)
{
	struct slice left;
	uint32_t letters = keywords_letters(&at->open->keywords, f->keywords, give, &left);

	if (!give || left.len == 0)
		return letters;
	if (at->notes.keywords_left++ == 0)
		(void)snprintf(at->notes.keyword, sizeof at->notes.keyword, "%.*s",
		    (int)(left.len & INT32_MAX), left.data);
	return letters;
}

static void
maildir_expect(struct sink *s, struct folder_at *at, const struct msg *m)
{
	struct slice left;

	(void)s;
	if (at->open != NULL && m->flags.keywords[0] != '\0')
		(void)keywords_letters(&at->open->keywords, m->flags.keywords, true, &left);
}

static int
sink_date(int fd, const struct date *d, struct err *err)
{
	return file_set_time(fd, date_stamp(d), err);
}

static void
sink_name(char ret[MAILDIR_NAME_MAX], struct folder_at *at, const struct msg *m)
{
	maildir_file(ret, m, at->uidvalidity, m->flags.system, folder_letters(at, &m->flags, true));
}

/* The line and the file of one message, tmp/from, join the batch; takes *fd. name: what it is to be called. */
static int
sink_join(struct sink *s, struct folder_at *at, const struct msg *m, const char *from, const char *name,
    int *fd, struct err *err)
{
	char base[MAILDIR_NAME_MAX];
	struct sidecar *c = &at->open->sidecar;
	size_t before = c->lines.len;

	maildir_base(base, m, at->uidvalidity);
	const struct sidecar_at place = { .file = base, .rebuilt = m->rebuilt };
	if (sidecar_add(c, m, at->uidvalidity, &place, &m->flags, err) < 0)
		return -1;
	s->lines_bytes += c->lines.len - before;
	maildir_batch_add(s->batch, at->slot, *fd, from, name, m->file_bytes);
	*fd = -1;
	return 0;
}

static int
maildir_end(struct sink *s, struct msg *final, struct err *err)
{
	struct folder_at *at = s->into;
	char name[MAILDIR_NAME_MAX];
	AUTO(file_close) int fd = -1;

	assert(at != NULL);
	assert(s->body.wire == final->wire_bytes);
	s->into = NULL;
	if (body_whole(&s->body, &final->file_bytes, err) < 0) {
		body_abandon(&s->body);
		return -1;
	}
	sink_name(name, at, final);
	if (at->first >= 0 && s->body.fd < 0)
		body_move(&s->body, at->first, name);
	if (body_end(&s->body, &fd, err) < 0) {
		body_abandon(&s->body);
		return -1;
	}
	if (sink_date(fd, &final->date, err) < 0 ||
	    sink_join(s, at, final, s->body.name, name, &fd, err) < 0) {
		(void)unlinkat(s->body.tmp, s->body.name, 0);
		return err_wrap(err, "UID %" PRIu32 ", 'tmp/%s'", final->uid, s->body.name);
	}
	if (final->again)
		maildir_batch_again(s->batch);
	return 0;
}

static int
maildir_amend(struct sink *s, struct folder_at *at, const struct msg *was, const struct flags *now,
    struct err *err)
{
	char from[MAILDIR_NAME_MAX], to[MAILDIR_NAME_MAX], base[MAILDIR_NAME_MAX];

	if (!verdict_has_file(was->verdict))
		return 0;
	if (maildir_enter(s, at, err) < 0 || maildir_touch(s, at, err) < 0)
		return -1;
	struct sidecar *c = &at->open->sidecar;
	size_t before = c->lines.len;
	maildir_base(base, was, at->uidvalidity);
	if (sidecar_add(c, was, at->uidvalidity, &(struct sidecar_at){ .file = base }, now,
		err) < 0)
		return -1;
	s->lines_bytes += c->lines.len - before;
	maildir_file(
	    from, was, at->uidvalidity, was->flags.system, folder_letters(at, &was->flags, false));
	maildir_file(to, was, at->uidvalidity, now->system, folder_letters(at, now, true));
	maildir_batch_rename(s->batch, at->slot, from, to);
	return 0;
}

/* A file of another UIDVALIDITY, which may carry other flags than its row, as tmp/to. *ret_fd -1: it
 * cannot be had. */
static int
sink_adopt_file(struct folder_at *at, uint32_t uidvalidity, const struct msg *was, const char *to,
    int *ret_fd, struct err *err)
{
	struct folder_open *o = at->open;
	char name[MAILDIR_NAME_MAX], path[MAILDIR_NAME_MAX + 4], there[NAME_INDEX_PATH_MAX];
	char identity[MAILDIR_IDENTITY_MAX];

	maildir_file(
	    name, was, uidvalidity, was->flags.system, folder_letters(at, &was->flags, false));
	(void)snprintf(path, sizeof path, "cur/%s", name);
	if (adopted_link(o->dirs->folder, path, o->dirs->tmp, to, was->file_bytes, ret_fd, err) < 0)
		return -1;
	if (*ret_fd >= 0)
		return 0;
	if (o->older != NULL && name_index_uidvalidity(o->older) != uidvalidity)
		name_index_free(&o->older);
	if (o->older == NULL)
		o->older = name_index_new(o->dirs->folder, uidvalidity);
	maildir_identity(identity, &was->date, uidvalidity, was->uid);
	if (name_index_find(o->older, was->uid, slice_str(identity), there, err) < 0)
		return -1;
	return *there == '\0' ? 0
			      : adopted_link(o->dirs->folder, there, o->dirs->tmp, to, was->file_bytes, ret_fd, err);
}

/* The file of another folder. One with keywords has letters that are that folder's alone: it is not found. */
static int
sink_share_file(struct sink *s, struct folder_at *at, const struct folder_rec *from, const struct msg *was,
    const char *to, int *ret_fd, struct err *err)
{
	char name[MAILDIR_NAME_MAX], path[MAILDIR_NAME_MAX + 4];
	AUTO(file_close) int dir = -1;
	struct err gone;

	*ret_fd = -1;
	if (file_open_dir(s->root, *from->path != '\0' ? from->path : ".", &dir, &gone) < 0)
		return 0;
	maildir_file(name, was, from->uidvalidity, was->flags.system, 0);
	(void)snprintf(path, sizeof path, "cur/%s", name);
	return adopted_link(dir, path, at->open->dirs->tmp, to, was->file_bytes, ret_fd, err);
}

static int
maildir_adopt(struct sink *s, struct folder_at *at, const struct folder_rec *old,
    const struct msg *was, const struct msg *now, bool *ret_done, struct err *err)
{
	char identity[MAILDIR_IDENTITY_MAX], name[MAILDIR_NAME_MAX];
	AUTO(file_close) int fd = -1;

	*ret_done = false;
	if (maildir_enter(s, at, err) < 0 || maildir_touch(s, at, err) < 0)
		return -1;
	maildir_identity(identity, &now->date, at->uidvalidity, now->uid);
	if ((strcmp(old->path, at->path) == 0
		    ? sink_adopt_file(at, old->uidvalidity, was, identity, &fd, err)
		    : sink_share_file(s, at, old, was, identity, &fd, err)) < 0)
		return maildir_wrap(at, err);
	if (fd < 0)
		return 0;
	sink_name(name, at, now);
	if (sink_join(s, at, now, identity, name, &fd, err) < 0) {
		(void)unlinkat(at->open->dirs->tmp, identity, 0);
		return maildir_wrap(at, err);
	}
	*ret_done = true;
	return 0;
}

/* It is not stored again: its line in the sidecar no longer counts, and the list of UIDs is made anew. */
static int
sink_take_back(struct sink *s, struct folder_at *at, uint32_t uid, struct err *err)
{
	struct sidecar *c = &at->open->sidecar;
	size_t before = c->lines.len;

	if (sidecar_remove(c, uid, at->uidvalidity, err) < 0)
		return -1;
	s->lines_bytes += c->lines.len - before;
	at->finished = false;
	return 0;
}

static int
maildir_remove(struct sink *s, struct folder_at *at, uint32_t uidvalidity, const struct msg *was,
    struct err *err)
{
	char name[MAILDIR_NAME_MAX];
	bool same_name;

	if (!verdict_has_file(was->verdict) && !msg_lost(was))
		return 0;
	if (maildir_enter(s, at, err) < 0 || maildir_touch(s, at, err) < 0)
		return -1;
	maildir_file(
	    name, was, uidvalidity, was->flags.system, folder_letters(at, &was->flags, false));
	/* Of an older UIDVALIDITY nobody asks for a line whose file is gone. */
	if (uidvalidity == at->uidvalidity &&
	    !maildir_batch_stores(s->batch, at->slot, name, &same_name) &&
	    sink_take_back(s, at, was->uid, err) < 0)
		return -1;
	maildir_batch_remove(s->batch, at->slot, name);
	if (msg_lost(was))
		maildir_batch_keep(s->batch);
	return 0;
}

/* ---- batches ---- */

static bool
maildir_full(const struct sink *s)
{
	return s->batch != NULL &&
	    (s->lines_bytes >= BATCH_LINES || maildir_batch_full(s->batch, s->batch_files));
}

static void
sink_seal_folder(struct sink *s, struct folder_at *at, struct batch *b)
{
	struct keywords_change letters;
	struct buf lines;
	uint64_t from;

	sidecar_take(&at->open->sidecar, &lines, &from);
	keywords_take(&at->open->keywords, &letters);
	maildir_batch_close_folder(s->batch, at->slot, &lines, from, &letters);
	sidecar_mark(&at->open->sidecar, at->mark);
	batch_mark(b, at->id, at->mark);
	at->first = -1;
	at->touched = false;
	at->told = true;
}

static int
maildir_seal(struct sink *s, struct batch *b, struct pending **ret, struct err *err)
{
	(void)err;
	*ret = NULL;
	if (s->current != NULL && s->current->told && !s->current->touched)
		batch_mark(b, s->current->id, s->current->mark);
	if (s->batch == NULL)
		return 0;
	assert(s->into == NULL);
	for (size_t i = 0; i < s->n_held; i++) {
		if (s->held[i]->touched)
			sink_seal_folder(s, s->held[i], b);
	}
	*ret = maildir_batch_pending(s->batch);
	s->batch = NULL;
	s->lines_bytes = 0;
	maildir_let_go(s);
	return 0;
}

/* ---- for other programs ---- */

static int
maildir_finish(struct sink *s, struct folder_at *at, const struct folder_rec *rec,
    const struct row_feed *rows, struct err *err)
{
	int fd;

	if (at->finished)
		return 0;
	if (maildir_enter(s, at, err) < 0)
		return -1;
	if (dovecot_uidlist(at->open->dirs->folder, s->account, rec, rows, s->stop, &fd, err) < 0)
		return maildir_wrap(at, err);
	at->finished = true;
	if (fd < 0)
		return 0;
	if (maildir_touch(s, at, err) < 0) {
		file_close(&fd);
		return -1;
	}
	maildir_batch_uidlist(s->batch, at->slot, fd);
	return 0;
}

static int
maildir_finish_account(struct sink *s, const struct folder *list, size_t len, struct err *err)
{
	int fd;

	if (dovecot_subscriptions(s->root, list, len, &fd, err) < 0)
		return err_wrap(err, "'" SUBSCRIPTIONS_FILE "'");
	if (fd < 0)
		return 0;
	if (maildir_need_batch(s, err) < 0) {
		file_close(&fd);
		return -1;
	}
	maildir_batch_subscriptions(s->batch, fd);
	return 0;
}

const struct sink_ops sink_maildir = {
	.name = "maildir",
	.traits = SINK_AMENDS | SINK_REMOVES | SINK_SHARES | SINK_ENDS_WITH_ROWS,
	.open = maildir_open,
	.name_folder = maildir_name_folder,
	.move_folder = maildir_move,
	.folder = maildir_folder,
	.notes = maildir_notes,
	.expect = maildir_expect,
	.begin = maildir_begin,
	.write = maildir_write,
	.end = maildir_end,
	.abandon = maildir_abandon,
	.amend = maildir_amend,
	.remove = maildir_remove,
	.adopt = maildir_adopt,
	.bare = maildir_bare,
	.full = maildir_full,
	.seal = maildir_seal,
	.finish = maildir_finish,
	.finish_account = maildir_finish_account,
	.close = maildir_close,
};
