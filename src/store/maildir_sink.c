/* The Maildir sink: what sink.h promises, put together from body (one message into tmp/), keywords
 * and sidecar of a folder, and the batch in which all of it becomes visible and durable.
 *
 * A folder holds descriptors and 4 KiB of its sidecar only while it is the current one, or has
 * changes that are not sealed, or batches at the keeper; else it is a path and a mark, so that ten
 * thousand folders are no burden. */
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
#include "store/dovecot.h"
#include "store/handed.h"
#include "store/keywords.h"
#include "store/maildir.h"
#include "store/maildir_batch.h"
#include "store/maildir_body.h"
#include "store/maildir_recover.h"
#include "store/name_index.h"
#include "store/sidecar.h"
#include "store/sink.h"
#include "store/sink_root.h"

enum { HEAD_MAX = 64 * 1024, NOTE_MAX = 160 };

/* What a folder needs only while it is worked on. */
struct folder_open {
	struct maildir_dirs *dirs;
	struct sidecar sidecar;
	struct keywords keywords;
	struct name_index *older; /* files that are adopted; NULL: none was looked for */
};

struct folder_at {
	struct folder_at *next;
	int64_t id;
	char *path, *head; /* head: the sidecar's folder line */
	size_t head_key;
	uint32_t uidvalidity;
	char mark[SIDECAR_MARK_MAX];
	struct folder_notes notes;
	char changed[NOTE_MAX];
	struct folder_open *open;
	bool touched; /* takes part in the batch that is collected, as number `slot` */
	bool made, finished;
	bool told; /* the mark is newer than the record's */
	unsigned slot;
};

struct sink {
	char *account; /* name of the directory */
	int root;
	bool keep_crlf, unclean, by_system;
	int batch_files;
	struct cancel *stop;
	struct folder_at *folders, *current;
	struct folder_at **held; /* those that are open */
	size_t n_held, held_cap;
	struct maildir_batch *batch;
	size_t lines_bytes; /* sidecar lines of the batch */
	struct body body;
	struct folder_at *into; /* the folder of the message that was begun; NULL: none */
};

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

static int maildir_folder_dirs(int root, const char *path, bool *ret_made, struct err *err);
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
	s->batch_files = at->batch_files;
	s->stop = stop;
	body_init(&s->body);
	if (sink_root_open(&s->root, &s->by_system, at, err) < 0 ||
	    maildir_folder_dirs(s->root, "", &made, err) < 0) {
		maildir_close(&s);
		return err_wrap(err, "'%s'", at->dir);
	}
	if (at->unclean)
		(void)unlinkat(s->root, "subscriptions.imex-new", 0);
	*ret = s;
	return 0;
}

static void
folder_open_free(struct folder_open **o)
{
	if (*o == NULL)
		return;
	maildir_dirs_unref(&(*o)->dirs);
	sidecar_done(&(*o)->sidecar);
	keywords_done(&(*o)->keywords);
	name_index_free(&(*o)->older);
	free(*o);
	*o = NULL;
}

static void
folder_at_free(struct folder_at *at)
{
	folder_open_free(&at->open);
	free(at->path);
	free(at->head);
	free(at);
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
		folder_at_free(at);
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

/* The directories of a folder that lacks some; *ret_made when it did. */
static int
maildir_folder_dirs(int root, const char *path, bool *ret_made, struct err *err)
{
	static const char *const part[] = { "tmp", "new", "cur" };
	AUTO(file_close) int dir = -1;
	AUTO(file_close) int mark = -1;

	*ret_made = false;
	if (*path != '\0' && handed_make_dir(root, path, err) < 0)
		return -1;
	if (file_open_dir(root, *path != '\0' ? path : ".", &dir, err) < 0)
		return -1;
	for (size_t i = 0; i < COUNT_OF(part); i++) {
		*ret_made |= faccessat(dir, part[i], F_OK, AT_SYMLINK_NOFOLLOW) < 0;
		if (handed_make_dir(dir, part[i], err) < 0)
			return -1;
	}
	if (*path == '\0' || faccessat(dir, "maildirfolder", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	*ret_made = true;
	return handed_create(dir, "maildirfolder", &mark, err);
}

static int
folder_wrap(const struct folder_at *at, struct err *err)
{
	return err_wrap(err, "folder directory '%s'", *at->path != '\0' ? at->path : "(INBOX)");
}

static void
folder_note(struct folder_at *at, enum grown_found found)
{
	char name[SIDECAR_NAME_MAX];

	if (found != GROWN_LEFT)
		return;
	sidecar_name(at->open->sidecar.file.number, name);
	(void)snprintf(at->changed, sizeof at->changed,
	    "the sidecar is not as imex left it; it was kept as it is, '%s' goes on", name);
	at->notes.changed = at->changed;
}

/* Open directories, keywords and sidecar as the mark says. */
static int
folder_reopen(struct sink *s, struct folder_at *at, enum grown_found *ret_found, struct err *err)
{
	AUTO(folder_open_free) struct folder_open *o = mem_new(sizeof *o);

	if (maildir_dirs_open(&o->dirs, s->root, at->path, err) < 0)
		return -1;
	if (keywords_load(&o->keywords, o->dirs->folder, err) < 0 ||
	    sidecar_open(&o->sidecar, o->dirs->folder, at->mark,
		(struct slice){ at->head, strlen(at->head) }, at->head_key, s->unclean,
		&o->dirs->sidecar, ret_found, err) < 0)
		return folder_wrap(at, err);
	if (s->n_held == s->held_cap) {
		s->held_cap = s->held_cap > 0 ? 2 * s->held_cap : 16;
		s->held = mem_resize(s->held, s->held_cap, sizeof(struct folder_at *));
	}
	s->held[s->n_held++] = at;
	at->open = o;
	o = NULL;
	folder_note(at, *ret_found);
	return 0;
}

/* Close what is neither current nor has changes here or at the keeper. */
static void
sink_let_go(struct sink *s)
{
	size_t keep = 0;

	for (size_t i = 0; i < s->n_held; i++) {
		struct folder_at *at = s->held[i];

		if (at == s->current || at->touched || atomic_load(&at->open->dirs->refs) > 1)
			s->held[keep++] = at;
		else
			folder_open_free(&at->open);
	}
	s->n_held = keep;
}

/* Make `at` the folder that is worked on. */
static int
sink_enter(struct sink *s, struct folder_at *at, struct err *err)
{
	enum grown_found found;

	if (s->current != at) {
		s->current = at;
		sink_let_go(s);
	}
	return at->open != NULL ? 0 : folder_reopen(s, at, &found, err);
}

/* The folder takes part in the batch. */
static int
sink_touch(struct sink *s, struct folder_at *at, struct err *err)
{
	if (s->batch == NULL && maildir_batch_new(&s->batch, s->root, s->by_system, err) < 0)
		return -1;
	if (at->touched)
		return 0;
	at->slot = maildir_batch_folder(s->batch, at->open->dirs);
	if (at->made)
		maildir_batch_made(s->batch, at->slot);
	at->made = false;
	at->touched = true;
	return 0;
}

static struct folder_at *
sink_find(const struct sink *s, const struct folder_rec *rec)
{
	for (struct folder_at *at = s->folders; at != NULL; at = at->next) {
		if (at->id == rec->id)
			return at;
	}
	return NULL;
}

static bool
sink_knows_path(const struct sink *s, const char *path)
{
	for (const struct folder_at *at = s->folders; at != NULL; at = at->next) {
		if (strcmp(at->path, path) == 0)
			return true;
	}
	return false;
}

static int
folder_at_new(const struct folder_rec *rec, struct folder_at **ret, struct err *err)
{
	AUTO(buf_done) struct buf head;
	size_t key;

	buf_init(&head, HEAD_MAX);
	sidecar_head(rec, &head, &key);
	if (head.full)
		return err_set(err, ERR_FOLDER, "the folder's name is too long");
	if (strlen(rec->mark) >= SIDECAR_MARK_MAX)
		return err_set(err, ERR_STATE, "the mark of a folder cannot be read");
	struct folder_at *at = mem_new(sizeof *at);
	at->id = rec->id;
	at->path = mem_copy_str(rec->path);
	at->head = mem_copy_str(head.data);
	at->head_key = key;
	at->uidvalidity = rec->uidvalidity;
	memcpy(at->mark, rec->mark, strlen(rec->mark) + 1);
	*ret = at;
	return 0;
}

/* Everything for a folder that is seen for the first time by this sink. */
static int
sink_begin_folder(struct sink *s, struct folder_at *at, const struct row_feed *rows,
    bool path_known, uint64_t *ret_aside, struct err *err)
{
	enum grown_found found;
	char mark[SIDECAR_MARK_MAX];

	if (maildir_folder_dirs(s->root, at->path, &at->made, err) < 0)
		return folder_wrap(at, err);
	at->made |= s->unclean;
	s->current = at;
	sink_let_go(s);
	if (folder_reopen(s, at, &found, err) < 0)
		return -1;
	if (s->unclean && !path_known && maildir_recover_files(at->open->dirs, err) < 0)
		return -1;
	if (rows != NULL && (s->unclean || found == GROWN_LONGER) &&
	    maildir_recover(at->open->dirs, at->uidvalidity, rows, s->stop, ret_aside, err) < 0)
		return -1;
	sidecar_mark(&at->open->sidecar, mark);
	if (at->made || at->open->sidecar.lines.len > 0 || strcmp(mark, at->mark) != 0)
		return sink_touch(s, at, err);
	return 0;
}

static int
maildir_folder(struct sink *s, const struct folder_rec *rec, const struct row_feed *rows,
    uint64_t *ret_aside, struct folder_at **ret, struct err *err)
{
	struct folder_at *at = sink_find(s, rec);
	uint64_t aside = 0;

	if (!maildir_path_valid(rec->path))
		return err_set(err, ERR_STATE, "'%s' is no name of a folder directory",
		    rec->path != NULL ? rec->path : "");
	if (at == NULL) {
		bool path_known = s->unclean && sink_knows_path(s, rec->path);

		if (folder_at_new(rec, &at, err) < 0)
			return -1;
		at->next = s->folders;
		s->folders = at;
		if (sink_begin_folder(s, at, rows, path_known, &aside, err) < 0) {
			at->id = -1; /* asked for again, it is tried again */
			return -1;
		}
	} else if (sink_enter(s, at, err) < 0) {
		return -1;
	}
	*ret_aside = aside;
	*ret = at;
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
	if (sink_enter(s, at, err) < 0 || sink_touch(s, at, err) < 0)
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
	struct timespec at = { .tv_sec = date_stamp(d) };
	struct timespec times[2] = { at, at };

	return futimens(fd, times) < 0 ? err_set_sys(err, ERR_DISK, "set the date") : 0;
}

/* The line and the file of one message, tmp/from, join the batch; takes *fd. */
static int
sink_join(struct sink *s, struct folder_at *at, const struct msg *m, const char *from, int *fd,
    struct err *err)
{
	char name[MAILDIR_NAME_MAX], base[MAILDIR_NAME_MAX];
	struct sidecar *c = &at->open->sidecar;
	size_t before = c->lines.len;

	maildir_base(base, m, at->uidvalidity);
	const struct sidecar_at place = { .file = base, .rebuilt = m->rebuilt };
	if (sidecar_add(c, m, at->uidvalidity, &place, &m->flags, err) < 0)
		return -1;
	s->lines_bytes += c->lines.len - before;
	maildir_file(
	    name, m, at->uidvalidity, m->flags.system, folder_letters(at, &m->flags, true));
	maildir_batch_add(s->batch, at->slot, *fd, from, name, m->file_bytes);
	*fd = -1;
	return 0;
}

static int
maildir_end(struct sink *s, struct msg *final, struct err *err)
{
	struct folder_at *at = s->into;
	AUTO(file_close) int fd = -1;

	assert(at != NULL);
	assert(s->body.wire == final->wire_bytes);
	s->into = NULL;
	if (body_end(&s->body, &fd, &final->file_bytes, err) < 0) {
		body_abandon(&s->body);
		return -1;
	}
	if (sink_date(fd, &final->date, err) < 0 || sink_join(s, at, final, s->body.name, &fd, err) < 0) {
		(void)unlinkat(at->open->dirs->tmp, s->body.name, 0);
		return err_wrap(err, "UID %" PRIu32 ", 'tmp/%s'", final->uid, s->body.name);
	}
	return 0;
}

static int
maildir_amend(struct sink *s, struct folder_at *at, const struct msg *was, const struct flags *now,
    struct err *err)
{
	char from[MAILDIR_NAME_MAX], to[MAILDIR_NAME_MAX], base[MAILDIR_NAME_MAX];

	if (!verdict_has_file(was->verdict))
		return 0;
	if (sink_enter(s, at, err) < 0 || sink_touch(s, at, err) < 0)
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
	char name[MAILDIR_NAME_MAX], path[NAME_INDEX_PATH_MAX], identity[MAILDIR_IDENTITY_MAX];

	maildir_file(
	    name, was, uidvalidity, was->flags.system, folder_letters(at, &was->flags, false));
	if (adopted_link(o->dirs->cur, name, o->dirs->tmp, to, was->file_bytes, ret_fd, err) < 0)
		return -1;
	if (*ret_fd >= 0)
		return 0;
	if (o->older != NULL && name_index_uidvalidity(o->older) != uidvalidity)
		name_index_free(&o->older);
	if (o->older == NULL)
		o->older = name_index_new(o->dirs->folder, uidvalidity);
	maildir_identity(identity, &was->date, uidvalidity, was->uid);
	if (name_index_find(o->older, was->uid, slice_str(identity), path, err) < 0)
		return -1;
	return *path == '\0' ? 0
			     : adopted_link(o->dirs->folder, path, o->dirs->tmp, to,
				   was->file_bytes, ret_fd, err);
}

static int
maildir_adopt(struct sink *s, struct folder_at *at, const struct folder_rec *old,
    const struct msg *was, const struct msg *now, bool *ret_done, struct err *err)
{
	char identity[MAILDIR_IDENTITY_MAX];
	AUTO(file_close) int fd = -1;

	*ret_done = false;
	if (sink_enter(s, at, err) < 0 || sink_touch(s, at, err) < 0)
		return -1;
	maildir_identity(identity, &now->date, at->uidvalidity, now->uid);
	if (sink_adopt_file(at, old->uidvalidity, was, identity, &fd, err) < 0)
		return folder_wrap(at, err);
	if (fd < 0)
		return 0;
	if (sink_join(s, at, now, identity, &fd, err) < 0) {
		(void)unlinkat(at->open->dirs->tmp, identity, 0);
		return folder_wrap(at, err);
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

	if (!verdict_has_file(was->verdict))
		return 0;
	if (sink_enter(s, at, err) < 0 || sink_touch(s, at, err) < 0)
		return -1;
	maildir_file(
	    name, was, uidvalidity, was->flags.system, folder_letters(at, &was->flags, false));
	/* Of an older UIDVALIDITY nobody asks for a line whose file is gone. */
	if (uidvalidity == at->uidvalidity &&
	    !maildir_batch_stores(s->batch, at->slot, name, &same_name) &&
	    sink_take_back(s, at, was->uid, err) < 0)
		return -1;
	maildir_batch_remove(s->batch, at->slot, name);
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
	sink_let_go(s);
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
	if (sink_enter(s, at, err) < 0)
		return -1;
	if (dovecot_uidlist(at->open->dirs->folder, s->account, rec, rows, s->stop, &fd, err) < 0)
		return folder_wrap(at, err);
	at->finished = true;
	if (fd < 0)
		return 0;
	if (sink_touch(s, at, err) < 0) {
		file_close(&fd);
		return -1;
	}
	maildir_batch_uidlist(s->batch, at->slot, fd);
	return 0;
}

static int
maildir_finish_account(struct sink *s, const struct folder *list, size_t len, struct err *err)
{
	return dovecot_subscriptions(s->root, list, len, err);
}

const struct sink_ops sink_maildir = {
	.name = "maildir",
	.traits = SINK_AMENDS | SINK_REMOVES,
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
	.full = maildir_full,
	.seal = maildir_seal,
	.finish = maildir_finish,
	.finish_account = maildir_finish_account,
	.close = maildir_close,
};
