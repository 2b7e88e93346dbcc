/* Single messages in files as a shelf. Of imex: the sidecar tells everything, the file has the
 * octets of the wire. Of others: the line ends are told as in shelf_wire.h, flags are what Status,
 * X-Status and X-Mozilla-Status say, and the internal date is the header's Date, else the newest
 * Received, else the time of the file; the header comes first because copying a tree renews the
 * times. */
#include "store/eml/shelf_eml.h"

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

enum { BODY_ARENA_MAX = 4 * 1024 * 1024, HEADER_ARENA_MAX = 1024 * 1024 };

static void
folder_forget(struct shelf *s)
{
	file_close(&s->fd);
	file_close(&s->folder);
	sidecar_index_free(&s->index);
	shelf_dir_done(&s->names);
	s->entry = NULL;
	s->n_entry = s->len = 0;
	s->mixed_told = false;
}

static void
eml_close(struct shelf **ref)
{
	struct shelf *s = *ref;

	if (s == NULL)
		return;
	folder_forget(s);
	shelf_base_done(&s->base);
	wire_done(&s->wire);
	arena_done(&s->arena);
	free(s->item);
	free(s);
	*ref = NULL;
}

static int
eml_open(struct shelf **ret, const struct shelf_place *at, struct cancel *stop, struct err *err)
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
eml_folders(struct shelf *s, struct arena *a, struct folder_list *ret, struct err *err)
{
	folder_forget(s);
	return eml_find_folders(s, err) < 0 ? -1 : shelf_base_list(&s->base, a, ret, err);
}

static int
eml_enter(struct shelf *s, const struct folder *f, struct folder_head *ret, struct err *err)
{
	folder_forget(s);
	if (shelf_base_enter(&s->base, f, err) < 0)
		return -1;
	if (eml_load(s, err) < 0) {
		folder_forget(s);
		return err_wrap(err, "'%s' in '%s'", s->base.at_name, s->base.path);
	}
	size_t n = shelf_told_count(s->entry, s->n_entry) + s->len;
	*ret = (struct folder_head){ .exists = (uint32_t)n,
		.uidvalidity = s->uidvalidity,
		.uidnext = s->uidnext,
		.read_only = true };
	return 0;
}

/* ---- listing ---- */

/* False: arena limit. */
static bool
item_msg(struct shelf *s, const struct eml_item *it, struct arena *a, struct msg *m)
{
	struct header_facts facts;
	struct arena room;
	struct stat st;
	AUTO(file_close)
	int fd = shelf_file_open(s->folder, shelf_dir_name(&s->names, it->name), &st);

	*m = (struct msg){ .uid = it->uid, .flags.keywords = "" };
	if (fd < 0)
		return true;
	char *buffer = mem_resize(NULL, HEADER_MAX, 1);
	ssize_t n = pread(fd, buffer, HEADER_MAX, 0);
	struct slice header = { buffer, n > 0 ? (size_t)n : 0 };
	arena_init(&room, HEADER_ARENA_MAX);
	header_read(header, &room, &facts);
	m->date = facts.sent;
	arena_done(&room);
	if (!m->date.known)
		m->date = (struct date){ .known = true, .epoch = st.st_mtime };
	bool done = mbox_flags(header, a, &m->flags);
	free(buffer);
	return done;
}

static size_t
item_above(const struct shelf *s, uint32_t uid)
{
	if (s->len == 0 || uid < s->item[0].uid)
		return 0;
	size_t at = (size_t)(uid - s->item[0].uid) + 1; /* they have no gaps */
	return at < s->len ? at : s->len;
}

static int
eml_list(struct shelf *s, uint32_t after, struct msg_page *ret, struct err *err)
{
	msg_page_reset(ret);
	if (!shelf_told_list(&s->base, s->index, s->entry, s->n_entry, after, ret))
		return shelf_stopped(&s->base, err);
	for (size_t k = item_above(s, after); k < s->len && shelf_page_room(ret); k++) {
		if (!item_msg(s, &s->item[k], &ret->arena, &ret->msg[ret->len]))
			return err_set(err, ERR_FOLDER,
			    "the keywords of UID %" PRIu32 " do not fit into memory",
			    s->item[k].uid);
		ret->len++;
	}
	return shelf_stopped(&s->base, err);
}

/* ---- bodies ---- */

static void
begin_file(struct shelf *s, const char *name, enum wire_form form, struct shelf_body *ret)
{
	struct stat st;

	s->fd = shelf_file_open(s->folder, name, &st);
	if (s->fd < 0) {
		ret->absent = errno == ENOENT;
		ret->unread = !ret->absent;
		shelf_body_failed(ret, &s->arena, "'%s': %s", name, shelf_file_words(errno));
		return;
	}
	(void)snprintf(s->shown, sizeof s->shown, "'%s'", name);
	const struct wire_run run = { .fd = s->fd, .end = (uint64_t)st.st_size, .form = form };
	wire_start(&s->wire, &run);
}

static void
begin_told(struct shelf *s, const struct sidecar_entry *e, struct shelf_body *ret)
{
	struct sidecar_line *l = &s->line;
	struct err why = { 0 };

	if (sidecar_index_line(s->index, e, &s->arena, l, &why) < 0) {
		shelf_body_failed(ret, &s->arena, "%s", why.text);
		return;
	}
	size_t len = l->file != NULL ? strlen(l->file) : 0;

	if (len < 5 || strcasecmp(l->file + len - 4, ".eml") != 0) {
		shelf_body_failed(ret, &s->arena, "its sidecar line names no file of this folder");
		return;
	}
	shelf_body_told(ret, l);
	begin_file(s, l->file, l->eol == SIDECAR_EOL_LF ? WIRE_LF : WIRE_AS_IS, ret);
}

static int
eml_begin(struct shelf *s, uint32_t uid, struct shelf_body *ret, struct err *err)
{
	const struct sidecar_entry *told = shelf_told_entry(s->entry, s->n_entry, uid);
	size_t item = uid > 0 ? item_above(s, uid - 1) : s->len;

	(void)err;
	file_close(&s->fd);
	arena_reset(&s->arena);
	*ret = (struct shelf_body){ .verdict = VERDICT_NONE };
	if (told != NULL)
		begin_told(s, told, ret);
	else if (item < s->len && s->item[item].uid == uid)
		begin_file(s, shelf_dir_name(&s->names, s->item[item].name), WIRE_TOLD, ret);
	else
		*ret = (struct shelf_body){
			.verdict = VERDICT_GONE, .absent = true, .reason = "no message has this UID"
		};
	return 0;
}

static int
eml_read(struct shelf *s, struct slice *ret, struct err *err)
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
eml_where(struct shelf *s, uint32_t uid, struct buf *out, struct err *err)
{
	const struct sidecar_entry *told = shelf_told_entry(s->entry, s->n_entry, uid);
	size_t item = uid > 0 ? item_above(s, uid - 1) : s->len;

	if (told == NULL && (item == s->len || s->item[item].uid != uid))
		return err_set(err, ERR_MESSAGE, "no message has the UID %" PRIu32, uid);
	if (told == NULL) {
		(void)buf_add_str(out, shelf_dir_name(&s->names, s->item[item].name));
		return 0;
	}
	arena_reset(&s->arena);
	if (sidecar_index_line(s->index, told, &s->arena, &s->line, err) < 0)
		return -1;
	(void)buf_add_str(out, s->line.file != NULL ? s->line.file : "(no file)");
	return 0;
}

static struct notes *
eml_notes(struct shelf *s)
{
	return &s->base.notes;
}

const struct shelf_ops shelf_eml = {
	.name = "eml",
	.open = eml_open,
	.folders = eml_folders,
	.enter = eml_enter,
	.list = eml_list,
	.begin = eml_begin,
	.read = eml_read,
	.where = eml_where,
	.notes = eml_notes,
	.close = eml_close,
};
