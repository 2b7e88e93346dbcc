/* mbox as a shelf. Of imex: the sidecar tells flags, dates, and where each message lies; of other
 * programs: the file is scanned when the folder is entered, and flags come from Status, X-Status,
 * X-Keywords (mutt, UW, Dovecot) and X-Mozilla-Status, X-Mozilla-Keys. Those fields stay in the
 * message: whether a mail store inserted them or the sender sent them cannot be told, and octets
 * that were taken away would be lost. Only what imex's own sink inserted is left out, since the
 * sidecar tells where it is.
 *
 * The internal date is that of the From_ line, which is the time of delivery; without one the
 * header's Date, else the newest Received, else the file's time. */
#include "store/mbox/shelf_mbox.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "mail/header.h"
#include "store/mbox/mbox_from.h"
#include "store/shelf/shelf_told.h"

enum { BODY_ARENA_MAX = 4 * 1024 * 1024, HEADER_ARENA_MAX = 1024 * 1024, HEADER_FIRST = 8 * 1024 };

static void
folder_forget(struct shelf *s)
{
	file_close(&s->fd);
	file_close(&s->folder);
	sidecar_index_free(&s->index);
	for (size_t i = 0; i < s->n_file; i++)
		mbox_scan_done(&s->file[i].scan);
	s->n_file = s->n_entry = s->n_place = s->stray_file = 0;
	s->stray_at = 0;
	s->entry = NULL;
	s->mixed_told = false;
}

static void
mbox_close(struct shelf **ref)
{
	struct shelf *s = *ref;

	if (s == NULL)
		return;
	folder_forget(s);
	shelf_base_done(&s->base);
	wire_done(&s->wire);
	arena_done(&s->arena);
	free(s->file);
	free(s->place);
	free(s);
	*ref = NULL;
}

static int
mbox_open(struct shelf **ret, const struct shelf_place *at, struct cancel *stop, struct err *err)
{
	struct shelf *s = mem_new(sizeof *s);

	s->folder = s->fd = -1;
	if (shelf_base_open(&s->base, at, stop, err) < 0) {
		free(s);
		return -1;
	}
	wire_init(&s->wire);
	arena_init(&s->arena, BODY_ARENA_MAX);
	*ret = s;
	return 0;
}

static int
mbox_folders(struct shelf *s, struct arena *a, struct folder_list *ret, struct err *err)
{
	folder_forget(s);
	return mbox_find_folders(s, err) < 0 ? -1 : shelf_base_list(&s->base, a, ret, err);
}

static int
mbox_enter(struct shelf *s, const struct folder *f, struct folder_head *ret, struct err *err)
{
	folder_forget(s);
	if (shelf_base_enter(&s->base, f, err) < 0)
		return -1;
	if (mbox_load(s, err) < 0) {
		folder_forget(s);
		return err_wrap(err, "'%s' in '%s'", s->base.at_name, s->base.path);
	}
	size_t n = shelf_told_count(s->entry, s->n_entry);
	for (size_t k = 0; k < s->n_file; k++)
		n += s->file[k].scan.len;
	*ret = (struct folder_head){ .exists = (uint32_t)n,
		.uidvalidity = s->given,
		.uidnext = s->uidnext,
		.read_only = true };
	return 0;
}

/* ---- listing ---- */

static bool
header_ends(struct slice text)
{
	return memmem(text.data, text.len, "\n\n", 2) != NULL ||
	       memmem(text.data, text.len, "\n\r\n", 3) != NULL;
}

/* The From_ line and the header behind it, as far as HEADER_MAX. */
static struct slice
entry_start(struct shelf *s, const struct mbox_entry *e, char *buffer)
{
	uint64_t left = e->end - e->at;
	size_t want = left < HEADER_FIRST ? (size_t)left : HEADER_FIRST;

	for (;;) {
		ssize_t n = pread(s->fd, buffer, want, (off_t)e->at);

		if (n < 0 && errno == EINTR)
			continue;
		struct slice text = { buffer, n > 0 ? (size_t)n : 0 };
		if (text.len < want || want == left || want >= HEADER_MAX || header_ends(text))
			return text;
		want = left < HEADER_MAX ? (size_t)left : HEADER_MAX;
	}
}

static struct date
entry_date(struct shelf *s, struct slice from_line, struct slice header, struct arena *a)
{
	struct header_facts facts;
	struct date d;
	struct stat st;

	if (mbox_from_date(from_line, &d))
		return d;
	header_read(header, a, &facts);
	if (facts.sent.known)
		return facts.sent;
	if (fstat(s->fd, &st) < 0)
		return (struct date){ .known = false };
	return (struct date){ .known = true, .epoch = st.st_mtime };
}

/* A message of a scanned file; false: arena limit. */
static bool
entry_msg(struct shelf *s, const struct mbox_file *f, const struct mbox_entry *e, struct arena *a,
    struct msg *m)
{
	struct arena facts;
	bool done;

	*m = (struct msg){ .uid = e->uid, .flags.keywords = "" };
	if (mbox_open_file(s, f->name) != 0)
		return true;
	char *buffer = mem_resize(NULL, HEADER_MAX, 1);
	struct slice text = entry_start(s, e, buffer);
	size_t n = text.len < e->from_len ? text.len : e->from_len;
	struct slice line = { text.data, n }, header = { text.data + n, text.len - n };
	while (line.len > 0 && (line.data[line.len - 1] == '\n' || line.data[line.len - 1] == '\r'))
		line.len--;
	arena_init(&facts, HEADER_ARENA_MAX);
	m->date = entry_date(s, line, header, &facts);
	arena_done(&facts);
	done = mbox_flags(header, a, &m->flags);
	free(buffer);
	return done;
}

static size_t
scanned_above(const struct mbox_scan *scan, uint32_t uid)
{
	size_t from = 0, to = scan->len;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (scan->entry[mid].uid <= uid)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

static int
mbox_list(struct shelf *s, uint32_t after, struct msg_page *ret, struct err *err)
{
	msg_page_reset(ret);
	if (!shelf_told_list(&s->base, s->index, s->entry, s->n_entry, after, ret))
		return shelf_stopped(&s->base, err);
	for (size_t k = 0; k < s->n_file; k++) {
		const struct mbox_scan *scan = &s->file[k].scan;
		size_t i = scanned_above(scan, after);

		for (; i < scan->len && shelf_page_room(ret); i++) {
			if (!entry_msg(
				s, &s->file[k], &scan->entry[i], &ret->arena, &ret->msg[ret->len]))
				return err_set(err, ERR_FOLDER,
				    "the keywords of UID %" PRIu32 " do not fit into memory",
				    scan->entry[i].uid);
			ret->len++;
		}
		if (i < scan->len)
			break;
	}
	return shelf_stopped(&s->base, err);
}

/* ---- bodies ---- */

static enum wire_form
told_form(const struct sidecar_line *l)
{
	if (l->eol == SIDECAR_EOL_NONE)
		return WIRE_TOLD;
	return l->eol == SIDECAR_EOL_LF ? WIRE_LF : WIRE_AS_IS;
}

/* The place that a sidecar line tells, with s->fd open; false: *ret says why not. */
static bool
told_place(struct shelf *s, const struct sidecar_entry *e, struct shelf_body *ret)
{
	struct sidecar_line *l = &s->line;
	struct err why = { 0 };

	if (sidecar_index_line(s->index, e, &s->arena, l, &why) < 0) {
		shelf_body_failed(ret, &s->arena, "%s", why.text);
		return false;
	}
	if (l->file == NULL || !l->at_known) {
		shelf_body_failed(ret, &s->arena,
		    "its sidecar line does not tell in which file and at which octet it lies");
		return false;
	}
	int sys = mbox_open_file(s, l->file);
	(void)snprintf(s->shown, sizeof s->shown, "'%s' at octet %" PRIu64, l->file, l->at);
	ret->absent = sys == ENOENT;
	ret->unread = sys != 0 && sys != ENOENT;
	if (sys != 0)
		shelf_body_failed(ret, &s->arena, "%s: %s", s->shown, shelf_file_words(sys));
	return sys == 0;
}

static void
begin_told(struct shelf *s, const struct sidecar_entry *e, struct shelf_body *ret)
{
	const struct sidecar_line *l = &s->line;

	if (!told_place(s, e, ret))
		return;
	uint32_t from_len = mbox_from_len(s, l->at);
	uint64_t start = l->at + from_len, left = s->fd_size > start ? s->fd_size - start : 0;
	ret->absent = from_len == 0;
	if (from_len == 0) {
		shelf_body_failed(ret, &s->arena,
		    "%s: no message starts there; another program changed the file", s->shown);
		return;
	}
	if (l->msg.file_bytes > left) {
		shelf_body_failed(ret, &s->arena,
		    "%s: the sidecar tells of %" PRIu64 " octets, the file has %" PRIu64 " there",
		    s->shown, l->msg.file_bytes, left);
		return;
	}
	const struct wire_run run = { .fd = s->fd,
		.at = start,
		.end = start + l->msg.file_bytes,
		.hole_at = l->status_at,
		.hole_len = l->status_len,
		.form = told_form(l),
		.unquote = true };
	wire_start(&s->wire, &run);
	shelf_body_told(ret, l);
}

static void
begin_scanned(
    struct shelf *s, const struct mbox_file *f, const struct mbox_entry *e, struct shelf_body *ret)
{
	int sys = mbox_open_file(s, f->name);

	(void)snprintf(s->shown, sizeof s->shown, "'%s' at octet %" PRIu64, f->name, e->at);
	ret->absent = sys == ENOENT;
	if (sys != 0) {
		shelf_body_failed(ret, &s->arena, "%s: %s", s->shown, shelf_file_words(sys));
		return;
	}
	const struct wire_run run = { .fd = s->fd,
		.at = e->at + e->from_len,
		.end = e->end,
		.form = WIRE_TOLD,
		.unquote = e->rd || f->scan.unquote };
	wire_start(&s->wire, &run);
}

static int
mbox_begin(struct shelf *s, uint32_t uid, struct shelf_body *ret, struct err *err)
{
	const struct sidecar_entry *told = shelf_told_entry(s->entry, s->n_entry, uid);
	const struct mbox_file *f;
	const struct mbox_entry *e = told == NULL ? mbox_entry_of(s, uid, &f) : NULL;

	(void)err;
	*ret = (struct shelf_body){ .verdict = VERDICT_NONE };
	arena_reset(&s->arena);
	if (told != NULL)
		begin_told(s, told, ret);
	else if (e != NULL)
		begin_scanned(s, f, e, ret);
	else
		*ret = (struct shelf_body){
			.verdict = VERDICT_GONE, .absent = true, .reason = "no message has this UID"
		};
	return 0;
}

static int
mbox_read(struct shelf *s, struct slice *ret, struct err *err)
{
	if (shelf_stopped(&s->base, err) < 0)
		return -1;
	if (wire_read(&s->wire, ret, err) < 0)
		return err_wrap(err, "%s", s->shown);
	if (ret->len == 0)
		shelf_note_mixed(&s->base, &s->wire, s->shown, &s->mixed_told);
	return 0;
}

static int
mbox_where(struct shelf *s, uint32_t uid, struct buf *out, struct err *err)
{
	const struct mbox_file *f;
	const struct mbox_entry *e = mbox_entry_of(s, uid, &f);
	const struct sidecar_entry *told = shelf_told_entry(s->entry, s->n_entry, uid);

	if (e != NULL) {
		(void)buf_printf(out, "%s at %" PRIu64, f->name, e->at);
		return 0;
	}
	arena_reset(&s->arena);
	if (told == NULL)
		return err_set(err, ERR_MESSAGE, "no message has the UID %" PRIu32, uid);
	if (sidecar_index_line(s->index, told, &s->arena, &s->line, err) < 0)
		return -1;
	(void)buf_printf(
	    out, "%s at %" PRIu64, s->line.file != NULL ? s->line.file : "(no file)", s->line.at);
	return 0;
}

static struct notes *
mbox_notes(struct shelf *s)
{
	return &s->base.notes;
}

const struct shelf_ops shelf_mbox = {
	.name = "mbox",
	.open = mbox_open,
	.folders = mbox_folders,
	.enter = mbox_enter,
	.list = mbox_list,
	.begin = mbox_begin,
	.read = mbox_read,
	.where = mbox_where,
	.notes = mbox_notes,
	.close = mbox_close,
	.stray = mbox_stray,
};
