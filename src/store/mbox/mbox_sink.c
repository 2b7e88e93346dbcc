/* The mbox sink: one folder.mbox a directory, which grows while messages come (mbox_out.h, grown.h); a
 * batch makes durable what is there. All else about a message is in the sidecar: flags that change and
 * messages that go are lines of it, for the octets of an mbox in use by others are not moved.
 *
 * One buffer serves all folders; it is flushed when another folder is written to and when a batch is
 * sealed. An orderly close takes back what no batch has sealed, and what a batch that failed had
 * sealed; after a kill the next run does, by the mark. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/files/files_sink.h"
#include "store/mbox/mbox_out.h"
#include "store/pio.h"
#include "store/surplus.h"

#define MBOX_FILE "folder.mbox"

struct mbox {
	struct mbox_out out;
	struct files_dir *of;		/* whose file `out` works on; NULL: none */
	bool begun;			/* a message that is not kept yet */
	char name[GROWN_NAME_MAX];	/* for the sidecar's line */
};

struct mbox_dir {
	int fd;
	struct grown file;		/* as sealed last */
	uint64_t len;			/* as written, when `out` works on another */
	bool written;			/* something was since the file was opened */
};

/* ---- whose octets are these? ---- */

static void
mbox_name(const void *arg, unsigned number, char ret[GROWN_NAME_MAX])
{
	grown_name(arg, number, ret);
}

/* Behind the mark, or in a file without one, stands what a run that was killed has written: From_ lines
 * as we write them, or what a power cut made of them. Other programs append other mail. */
static enum grown_claim
mbox_claim(const void *arg, struct slice start, uint64_t at, bool unclean)
{
	static const char from[] = MBOX_FROM;
	size_t len = start.len < sizeof from - 1 ? start.len : sizeof from - 1;
	bool same = memcmp(start.data, from, len) == 0;
	bool torn = memchr(start.data, '\0', start.len) != NULL;

	(void)arg;
	(void)at;
	return unclean && (same || torn) ? GROWN_OURS : GROWN_FOREIGN;
}

/* No line of a message begins with "From ", since it is quoted. */
static bool
mbox_line_is_ours(const void *arg, const struct surplus_line *line)
{
	(void)arg;
	return !surplus_starts(line, "From ") || surplus_starts(line, MBOX_FROM);
}

static int
mbox_look(const void *arg, int fd, uint64_t at, bool unclean, bool *ret_ours, struct err *err)
{
	bool nul;

	(void)arg;
	(void)unclean;
	return surplus_look(fd, at, mbox_line_is_ours, NULL, ret_ours, &nul, err);
}

static const struct grown_kind mbox_kind = { .name = mbox_name,
	.claim = mbox_claim,
	.look = mbox_look,
	.start_max = sizeof MBOX_FROM - 1,
	.ask_surplus = true,
	.arg = MBOX_FILE };

/* Where nobody can tell what is whole, all is. */
static enum grown_claim
mbox_claim_none(const void *arg, struct slice start, uint64_t at, bool unclean)
{
	(void)arg;
	(void)start;
	(void)at;
	(void)unclean;
	return GROWN_FOREIGN;
}

static const struct grown_kind mbox_kind_kept = { .name = mbox_name,
	.claim = mbox_claim_none,
	.start_max = sizeof MBOX_FROM - 1,
	.ask_surplus = true,
	.arg = MBOX_FILE };

/* ---- the account and its directories ---- */

static int
mbox_format_open(struct sink *s, struct err *err)
{
	struct mbox *m = mem_new(sizeof *m);

	(void)err;
	mbox_out_init(&m->out);
	s->own = m;
	return 0;
}

static void
mbox_format_close(struct sink *s)
{
	struct mbox *m = s->own;

	if (m == NULL)
		return;
	mbox_out_done(&m->out);
	free(m);
	s->own = NULL;
}

/* The last message that the sidecar tells of: the highest file, and there the highest octet. */
struct mbox_last {
	unsigned number;	/* 0: none */
	uint64_t at, stored;
};

static int
mbox_see_place(void *arg, struct slice file, uint64_t at, uint64_t stored)
{
	struct mbox_last *last = arg;
	struct slice rest = file;
	uint64_t number = 1;

	if (slice_starts_nocase(file, MBOX_FILE "."))
		rest = (struct slice){ file.data + sizeof MBOX_FILE, file.len - sizeof MBOX_FILE };
	else if (!slice_eq(file, MBOX_FILE))
		return 0;
	if (rest.data != file.data && !slice_u64(rest, GROWN_NUMBER_MAX, &number))
		return 0;
	if (number > last->number || (number == last->number && at > last->at))
		*last = (struct mbox_last){ (unsigned)number, at, stored };
	return 0;
}

/* Where that message ends, with the blank line behind it; 0: it is not there. */
static int
mbox_last_end(int dir, const char *name, const struct mbox_last *last, uint64_t *ret, struct err *err)
{
	AUTO(file_close) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char text[64 + 1];
	size_t n, eol;
	const char *lf;

	*ret = 0;
	if (fd < 0)
		return 0;
	if (pio_read(fd, last->at, text, sizeof text, &n, err) < 0)
		return -1;
	lf = n > 0 ? memchr(text, '\n', n) : NULL;
	if (lf == NULL || memcmp(text, "From ", 5) != 0)
		return 0;
	*ret = last->at + (size_t)(lf + 1 - text) + last->stored;
	eol = lf > text && lf[-1] == '\r' ? 2 : 1;
	/* The line end that a message without one was given, and the empty line. */
	if (pio_read(fd, *ret - 1, text, 1 + 2 * eol, &n, err) < 0)
		return -1;
	*ret += n > 0 && text[0] == '\n' ? eol : 2 * eol;
	return 0;
}

/* Of a state that was put back: the mark of what the sidecar tells, which has rows by now. *ret_told false:
 * there is no such place, and nothing may be cut. */
static int
mbox_mark_now(struct sink *s, const struct files_dir *d, bool *io_marked, struct grown_mark *io, bool *ret_told,
    struct err *err)
{
	AUTO(sidecar_index_free) struct sidecar_index *told = NULL;
	struct mbox_last last = { .number = 0 };
	char name[GROWN_NAME_MAX];
	struct grown_mark now;
	uint64_t end;
	bool there;

	*ret_told = false;
	if (sidecar_index_read(&told, d->fds->dir, NULL, s->stop, NULL, err) < 0)
		return -1;
	if (told == NULL)
		return 0;
	if (sidecar_index_places(told, s->stop, mbox_see_place, &last, err) < 0)
		return -1;
	if (last.number == 0 || (*io_marked && last.number < io->number))
		return 0;
	grown_name(MBOX_FILE, last.number, name);
	if (mbox_last_end(d->fds->dir, name, &last, &end, err) < 0)
		return -1;
	if (end == 0)
		return 0;
	if (grown_mark_now(d->fds->dir, name, last.number, end,
		*io_marked && io->number == last.number ? io : NULL, &now, &there, err) < 0)
		return -1;
	if (there) {
		*io = now;
		*io_marked = *ret_told = true;
	}
	return 0;
}

static int
mbox_enter(struct sink *s, struct files_dir *d, bool unclean, struct err *err)
{
	struct mbox_dir *m = mem_new(sizeof *m);
	struct grown_mark mark;
	enum grown_found found;
	char name[GROWN_NAME_MAX];
	struct slice line;
	bool marked = files_mark_line(d->mark, "mbox", &line), told = true;

	m->fd = -1;
	d->own = m;
	if ((marked && (!grown_mark_read(&line, &mark) || line.len > 0)) ||
	    (!marked && d->mark[0] != '\0'))
		return err_set(err, ERR_STATE, "the mark of a folder has no place in " MBOX_FILE);
	if (s->place.restored && !d->begun && mbox_mark_now(s, d, &marked, &mark, &told, err) < 0)
		return -1;
	if (grown_open(&m->file, d->fds->dir, told ? &mbox_kind : &mbox_kind_kept, marked ? &mark : NULL, unclean, &m->fd,
		&found, err) < 0)
		return -1;
	/* pwrite must write where it is told to */
	if (fcntl(m->fd, F_SETFL, 0) < 0)
		return err_set_sys(err, ERR_DISK, "prepare " MBOX_FILE);
	m->len = m->file.len;
	grown_name(MBOX_FILE, m->file.number, name);
	if (found == GROWN_LEFT)
		files_changed(d,
		    "the mbox is not as imex left it; it was kept as it is, '%s' goes on", name);
	return 0;
}

/* What was written and not sealed, or sealed in a batch that failed, is taken back; not if there is
 * more in the file, for somebody else wrote that. */
static void
mbox_take_back(const struct files_dir *d, const struct mbox_dir *m, uint64_t written)
{
	uint64_t spoilt = atomic_load(&d->fds->spoilt_from);
	uint64_t good = spoilt < m->file.len ? spoilt : m->file.len;
	struct stat st;

	if (m->written && m->fd >= 0 && fstat(m->fd, &st) == 0 && (uint64_t)st.st_size <= written)
		grown_cut(m->fd, good);
}

static void
mbox_leave(struct sink *s, struct files_dir *d)
{
	struct mbox *box = s->own;
	struct mbox_dir *m = d->own;
	uint64_t written;

	if (m == NULL)
		return;
	written = m->len;
	if (box->of == d) {
		written = mbox_out_written(&box->out);
		box->of = NULL;
		mbox_out_file(&box->out, -1, 0);
	}
	mbox_take_back(d, m, written);
	file_close(&m->fd);
	free(m);
	d->own = NULL;
}

/* `out` works on the file of this directory. */
static int
mbox_turn_to(struct mbox *box, struct files_dir *d, struct err *err)
{
	struct mbox_dir *m = d->own;

	if (box->of == d)
		return 0;
	if (box->of != NULL) {
		struct mbox_dir *before = box->of->own;

		if (mbox_out_flush(&box->out, err) < 0)
			return err_wrap(err, "the rest of '%s/" MBOX_FILE "'", box->of->path);
		before->len = mbox_out_len(&box->out);
	}
	mbox_out_file(&box->out, m->fd, m->len);
	box->of = d;
	return 0;
}

/* ---- messages ---- */

static int
mbox_begin(struct sink *s, struct folder_at *at, const struct msg *m, struct err *err)
{
	struct mbox *box = s->own;
	struct mbox_dir *d = at->dir->own;

	if (mbox_turn_to(box, at->dir, err) < 0)
		return -1;
	d->written = box->begun = true;
	return mbox_out_begin(&box->out, m, s->place.keep_crlf, s->place.mbox_status, err);
}

static int
mbox_write(struct sink *s, struct slice bytes, struct err *err)
{
	struct mbox *box = s->own;

	return mbox_out_write(&box->out, bytes, err) < 0 ? err_wrap(err, "'" MBOX_FILE "'") : 0;
}

static int
mbox_end(struct sink *s, struct folder_at *at, struct msg *final, struct sidecar_at *ret,
    struct err *err)
{
	struct mbox *box = s->own;
	const struct mbox_dir *d = at->dir->own;
	struct mbox_place place;

	if (mbox_out_end(&box->out, &place, err) < 0)
		return err_wrap(err, "'" MBOX_FILE "'");
	final->file_bytes = place.stored;
	grown_name(MBOX_FILE, d->file.number, box->name);
	ret->file = box->name;
	ret->in_file = true;
	ret->at = place.at;
	ret->eol = place.lf ? "lf" : "wire";
	ret->status_at = place.status_at;
	ret->status_len = place.status_len;
	return 0;
}

static void
mbox_keep(struct sink *s, struct folder_at *at, const struct msg *final)
{
	struct mbox *box = s->own;

	(void)at;
	box->begun = false;
	files_batch_bytes(s->batch, final->file_bytes);
}

static void
mbox_abandon(struct sink *s)
{
	struct mbox *box = s->own;

	if (box->begun)
		mbox_out_abandon(&box->out);
	box->begun = false;
}

/* ---- batches ---- */

static int
mbox_seal_dir(struct sink *s, struct files_dir *d, struct err *err)
{
	struct mbox *box = s->own;
	struct mbox_dir *m = d->own;
	uint64_t before = m->file.len;

	if (box->of == d) {
		if (mbox_out_flush(&box->out, err) < 0)
			return err_wrap(err, "'" MBOX_FILE "'");
		m->len = mbox_out_len(&box->out);
	}
	if (!m->written)
		return 0;
	int fd = fcntl(m->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return err_set_sys(err, ERR_DISK, "duplicate a descriptor");
	files_batch_sync_fd(s->batch, fd, MBOX_FILE);
	files_batch_from(s->batch, d->slot, before);
	return grown_look(&m->file, m->fd, m->len, err) < 0 ? err_wrap(err, "'" MBOX_FILE "'") : 0;
}

static void
mbox_mark(const struct sink *s, const struct files_dir *d, struct buf *out)
{
	const struct mbox_dir *m = d->own;
	char text[GROWN_MARK_MAX];

	(void)s;
	grown_mark_text(&m->file, text);
	(void)buf_printf(out, "mbox %s\n", text);
}

static const struct files_format mbox_format = {
	.name = "mbox",
	.begins_anew = true,
	.open = mbox_format_open,
	.close = mbox_format_close,
	.enter = mbox_enter,
	.leave = mbox_leave,
	.begin = mbox_begin,
	.write = mbox_write,
	.end = mbox_end,
	.keep = mbox_keep,
	.abandon = mbox_abandon,
	.seal_dir = mbox_seal_dir,
	.mark = mbox_mark,
};

static int
mbox_open(struct sink **ret, const struct sink_place *at, struct cancel *stop, struct err *err)
{
	return files_open(ret, &mbox_format, at, stop, err);
}

const struct sink_ops sink_mbox = {
	.name = "mbox",
	.traits = SINK_AMENDS,
	.open = mbox_open,
	FILES_SINK_OPS,
};
