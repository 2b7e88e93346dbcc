/* Exchange sets as a shelf. Of imex, with the sidecars beside them: the sidecar tells flags, dates,
 * UIDs and where the line of each message lies. Of others, or without sidecars, and of a line that sidecars
 * lost: folders, dates and read/unsent come from the lines of the owner.
 *
 * A message is put together in a spool when it is begun: from the source that --full-source attached,
 * else from its pieces (exchange/message.h). A message of which a part cannot be read is given as far
 * as it goes and is "reconstructed". */
#include "store/exchange/shelf_exchange.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"
#include "store/shelf/shelf_told.h"

enum {
	SPOOL_MEMORY = 4 * 1024 * 1024,
	STEP = 64 * 1024,
	BODY_ARENA = 4 * 1024 * 1024,
	LINE_LOOK = 64 * 1024
};

/* ---- opening and closing ---- */

static void
folder_forget(struct shelf *s)
{
	file_close(&s->dir);
	sidecar_index_free(&s->index);
	s->entry = NULL;
	s->n_entry = 0;
	s->at = NULL;
}

static void
exshelf_close(struct shelf **ref)
{
	struct shelf *s = *ref;

	if (s == NULL)
		return;
	folder_forget(s);
	exshelf_index_free(s);
	exlists_close(&s->lists);
	exmessage_free(&s->message);
	spool_free(&s->octets);
	shelf_base_done(&s->base);
	arena_done(&s->arena);
	free(s->owner);
	free(s);
	*ref = NULL;
}

/* The inverse of exlists_login. */
static char *
owner_address(const char *login)
{
	char *address = NULL;
	bool typed = strchr(login, ':') != NULL || strchr(login, '@') == NULL;

	if (asprintf(&address, "%s%s", typed ? "" : "SMTP:", login) < 0)
		mem_out();
	return address;
}

/* Of an account of imex to which no address was given; NULL: it is not told whose the account is. */
static char *
account_owner(const struct shelf_place *at)
{
	AUTO(buf_done) struct buf owner;

	buf_init(&owner, EXOWNER_MAX);
	return at->host[0] != '\0' && exowner_name(NULL, at->login, at->host, &owner) ? mem_copy_str(owner.data)
											: NULL;
}

static int
open_parts(struct shelf *s, const struct shelf_place *at, struct cancel *stop, struct err *err)
{
	struct shelf_place place = *at;
	char *lists = mem_copy_str(at->path);
	AUTO(file_close) int tmp = open(g_get_tmp_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *slash = strrchr(lists, '/');
	int rc;

	/* The sidecars tell of all runs, so all their lists are needed. */
	if (s->ours && slash != NULL)
		slash[slash == lists] = '\0';
	rc = exlists_open(&s->lists, s->ours && slash == NULL ? "." : lists, err);
	free(lists);
	if (rc < 0)
		return -1;
	place.path = s->ours ? at->account_dir : s->lists.dir;
	if (shelf_base_open(&s->base, &place, stop, err) < 0)
		return -1;
	s->message = exmessage_new(tmp);
	s->octets = spool_new(tmp, SPOOL_MEMORY);
	return 0;
}

static int
exshelf_open(
    struct shelf **ret, const struct shelf_place *at, struct cancel *stop, struct err *err)
{
	struct shelf *s = mem_new(sizeof(*s));

	s->dir = -1;
	s->ours = at->ours && at->account_dir != NULL;
	s->owner = s->ours ? account_owner(at) : owner_address(at->login);
	arena_init(&s->arena, BODY_ARENA);
	if (open_parts(s, at, stop, err) < 0) {
		exshelf_close(&s);
		return -1;
	}
	*ret = s;
	return 0;
}

/* ---- folders ---- */

static int
visit(struct shelf_base *b, struct shelf_step *at, struct err *err)
{
	if (shelf_dir_has(at->list, "folder.jsonl") == DIR_FILE &&
	    shelf_told_folder(b, at, err) < 0)
		return -1;
	for (size_t i = 0; i < at->list->len; i++) {
		const char *child = shelf_dir_name(at->list, i);
		AUTO(buf_done) struct buf name;

		buf_init(&name, LINE_LOOK);
		if (shelf_dir_kind(at->list, i) != DIR_DIR || child[0] == '.')
			continue;
		(void)buf_add(&name, at->name.data, at->name.len);
		shelf_level_dir(b, slice_str(child), &name);
		if (shelf_walk_into(b, at, child, buf_slice(&name), visit, err) < 0)
			return -1;
	}
	return 0;
}

static int
add_indexed(struct shelf *s, struct err *err)
{
	if (exshelf_index(s, err) < 0)
		return -1;
	for (size_t i = 0; i < s->n_folders; i++) {
		const struct exset_folder *f = &s->folder[i];
		const struct shelf_folder one = { .name = slice_str(f->name),
			.path = "",
			.delim = '/',
			.special_use = f->special_use,
			.attrs = FOLDER_SUBSCRIBED };

		if (shelf_base_add(&s->base, &one, err) < 0)
			return -1;
	}
	return 0;
}

static int
exshelf_folders(struct shelf *s, struct arena *a, struct folder_list *ret, struct err *err)
{
	folder_forget(s);
	shelf_base_clear(&s->base);
	if ((s->ours ? shelf_walk(&s->base, visit, s, err) : add_indexed(s, err)) < 0 ||
	    shelf_base_sort(&s->base, err) < 0 || (s->ours && exshelf_untold(s, err) < 0))
		return -1;
	return shelf_base_list(&s->base, a, ret, err);
}

/* They are numbered behind the highest UID; *io_uidvalidity becomes that which goes with such numbers. */
static int
number_untold(struct shelf *s, uint32_t last, uint32_t *io_uidvalidity, struct err *err)
{
	struct exset_folder *f = s->at;
	struct digest *d;

	if (f == NULL || f->len == 0)
		return 0;
	if (f->len >= UINT32_MAX - last)
		return err_set(err, ERR_FOLDER, "no UIDs are left behind the highest");
	d = digest_new();
	digest_start(d);
	for (size_t i = 0; i < f->len; i++) {
		struct exline_at *l = &f->line[i];
		const uint64_t facts[4] = { l->set, l->place.file, l->place.at, last + 1 };

		l->uid = ++last;
		digest_add(d, facts, sizeof(facts));
	}
	*io_uidvalidity = shelf_uidvalidity_made(*io_uidvalidity, f->len, d);
	digest_free(d);

	const struct exfile *file = exread_file(s->lists.set[f->line[0].set], f->line[0].place.file);

	shelf_note(&s->base, EV_FILE_DAMAGED, LEVEL_WARNING, 0,
	    "no line of the sidecar tells of %zu messages, the first in %s line %" PRIu64
	    "; they are taken with what the set tells: keywords and most flags are not known",
	    f->len, file->name, f->line[0].place.line);
	return 0;
}

static int
enter_ours(struct shelf *s, struct folder_head *ret, struct err *err)
{
	const struct shelf_folder *f = s->base.at;
	uint32_t last, uidvalidity = f->counts.uidvalidity;

	if (shelf_dir_open(s->base.root, f->path, &s->dir, err) < 0 ||
	    sidecar_index_read(
		&s->index, s->dir, f->path, s->base.stop, &s->base.notes, err) < 0)
		return -1;
	if (s->index == NULL)
		return err_set(err, ERR_FOLDER, "the sidecar in '%s' is gone", f->path);
	s->entry = sidecar_index_of(s->index, f->counts.uidvalidity, &s->n_entry);
	last = s->n_entry > 0 ? s->entry[s->n_entry - 1].uid : 0;
	if (number_untold(s, last, &uidvalidity, err) < 0)
		return -1;
	last += s->at != NULL ? (uint32_t)s->at->len : 0;
	*ret = (struct folder_head){
		.exists = (uint32_t)(shelf_told_count(s->entry, s->n_entry) + (s->at != NULL ? s->at->len : 0)),
		.uidvalidity = uidvalidity,
		.uidnext = last < UINT32_MAX ? last + 1 : last,
		.read_only = true };
	return 0;
}

static int
exshelf_enter(struct shelf *s, const struct folder *f, struct folder_head *ret, struct err *err)
{
	folder_forget(s);
	if (shelf_base_enter(&s->base, f, err) < 0)
		return -1;
	for (size_t i = 0; i < s->n_folders && s->at == NULL; i++)
		if (strcmp(s->folder[i].name, s->base.at_name) == 0)
			s->at = &s->folder[i];
	if (s->base.at->ours) {
		if (enter_ours(s, ret, err) == 0)
			return 0;
		folder_forget(s);
		return err_wrap(err, "'%s' in '%s'", s->base.at_name, s->base.path);
	}

	uint32_t uidvalidity = s->ours ? 0 : s->uidvalidity;

	if (s->ours && number_untold(s, 0, &uidvalidity, err) < 0)
		return -1;
	*ret = (struct folder_head){ .exists = s->at ? (uint32_t)s->at->len : 0,
		.uidvalidity = uidvalidity,
		.uidnext = s->at ? (uint32_t)s->at->len + 1 : 1,
		.read_only = true };
	return 0;
}

/* ---- listing ---- */

static int
exshelf_list(struct shelf *s, uint32_t after, struct msg_page *ret, struct err *err)
{
	const size_t n = s->at != NULL ? s->at->len : 0;
	const uint32_t first = n > 0 ? s->at->line[0].uid : 0;

	msg_page_reset(ret);
	if (s->base.at->ours && !shelf_told_list(&s->base, s->index, s->entry, s->n_entry, after, ret))
		return shelf_stopped(&s->base, err);
	for (size_t i = after >= first ? after - first + 1 : 0; i < n && shelf_page_room(ret); i++) {
		const struct exline_at *l = &s->at->line[i];
		struct exitem item;
		struct msg *m = &ret->msg[ret->len++];

		*m = (struct msg){ .uid = l->uid };
		if (exread_again(s->lists.set[l->set], &l->place, &item, err) < 0)
			return -1;
		exshelf_meta(&item, m);
	}
	return shelf_stopped(&s->base, err);
}

/* ---- bodies ---- */

/* The line of a message of ours; *ret_set SIZE_MAX and *ret filled when it cannot be found. */
static int
told_item(struct shelf *s, const struct sidecar_entry *e, size_t *ret_set, struct exitem *ret_item,
    struct shelf_body *ret, struct err *err)
{
	struct sidecar_line *l = &s->line;
	struct explace place = { .line = 0 };
	struct err why = { 0 };

	*ret_set = SIZE_MAX;
	if (sidecar_index_line(s->index, e, &s->arena, l, &why) < 0) {
		shelf_body_failed(ret, &s->arena, "%s", why.text);
		return 0;
	}
	shelf_body_told(ret, l);
	if (l->file == NULL || !l->at_known) {
		shelf_body_failed(ret, &s->arena, "its sidecar line does not tell where it lies");
		return 0;
	}
	if (!exlists_find(&s->lists, l->file, ret_set, &place.file)) {
		ret->absent = true;
		*ret_set = SIZE_MAX;
		shelf_body_failed(ret, &s->arena,
		    "no packing list names the file '%s' that it lies in", l->file);
		return 0;
	}
	place.at = l->at;
	return exread_again(s->lists.set[*ret_set], &place, ret_item, err);
}

/* What is wrong with a message's records, with the line that leads to them. */
static const char *
fault_of(struct shelf *s, const struct exitem *item)
{
	char text[EXFAULT_TEXT_MAX + EXFAULT_FILE_MAX + 32] = "";

	if (s->fault.line == 0 && s->fault.text[0] != '\0')
		(void)snprintf(text, sizeof text, "%s line %" PRIu64 ": ", item->file,
		    item->place.line);
	(void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s", s->fault.text);
	return arena_copy(&s->arena, slice_str(text));
}

/* What came of a message: *ret and the spool. */
static void
told_result(struct shelf *s, enum exmessage_kind kind, const struct exitem *item,
    struct shelf_body *ret)
{
	const char *why = fault_of(s, item);

	switch (kind) {
	case EXMESSAGE_SOURCE:
		break;
	case EXMESSAGE_PARTLY:
		ret->good = VERDICT_RECONSTRUCTED;
		ret->reason = why;
		/* fall through */
	case EXMESSAGE_REBUILT:
		ret->rebuilt = true;
		ret->sha256 = NULL;
		break;
	case EXMESSAGE_LOST:
	case EXMESSAGE_ERR:
		shelf_body_failed(ret, &s->arena, "%s", why != NULL ? why : "it cannot be read");
	}
}

static int
begin_item(struct shelf *s, size_t set, const struct exitem *item, bool has_source,
    struct shelf_body *ret, struct err *err)
{
	enum exmessage_kind kind;

	if (item->damaged && !item->has_body) {
		shelf_body_failed(ret, &s->arena, "%s", item->fault.text);
		return 0;
	}
	kind = exmessage_read(
	    s->message, s->lists.set[set], item, has_source, s->octets, &s->fault, err);
	if (kind == EXMESSAGE_ERR)
		return -1;
	told_result(s, kind, item, ret);
	if (item->damaged && ret->verdict == VERDICT_NONE && kind != EXMESSAGE_SOURCE) {
		ret->good = VERDICT_RECONSTRUCTED;
		ret->reason = arena_copy(&s->arena, slice_str(item->fault.text));
	}
	return 0;
}

/* Fields of a line that could not be used are worth a note. */
static void
note_warnings(struct shelf *s, uint32_t uid, const struct exitem *item)
{
	for (size_t i = 0; i < item->n_warnings; i++)
		shelf_note(&s->base, item->warning[i].event, LEVEL_WARNING, uid, "%s",
		    item->warning[i].text);
}

static int
exshelf_begin(struct shelf *s, uint32_t uid, struct shelf_body *ret, struct err *err)
{
	const struct sidecar_entry *told = shelf_told_entry(s->entry, s->n_entry, uid);
	const struct exline_at *line = exshelf_line(s, uid);
	struct exitem item;
	size_t set;

	arena_reset(&s->arena);
	s->given = 0;
	spool_reset(s->octets);
	*ret = (struct shelf_body){ .verdict = VERDICT_NONE };
	if (told != NULL) {
		if (told_item(s, told, &set, &item, ret, err) < 0)
			return -1;
		return set == SIZE_MAX ? 0
				       : begin_item(s, set, &item, s->line.full_source, ret, err);
	}
	if (line != NULL) {
		set = line->set;
		if (exread_again(s->lists.set[set], &line->place, &item, err) < 0)
			return -1;
		note_warnings(s, uid, &item);
		return begin_item(s, set, &item, false, ret, err);
	}
	*ret = (struct shelf_body){
		.verdict = VERDICT_GONE, .absent = true, .reason = "no message has this UID"
	};
	return 0;
}

static int
exshelf_read(struct shelf *s, struct slice *ret, struct err *err)
{
	if (shelf_stopped(&s->base, err) < 0 || spool_read(s->octets, s->given, STEP, ret, err) < 0)
		return -1;
	s->given += ret->len;
	return 0;
}

/* Of a line that can be read, its records too. */
static void
where_records(struct shelf *s, const struct sidecar_entry *told, struct buf *out)
{
	struct shelf_body body = { .verdict = VERDICT_NONE };
	struct err ignored = { 0 };
	struct exitem item;
	size_t set;

	if (told_item(s, told, &set, &item, &body, &ignored) == 0 && set != SIZE_MAX &&
	    item.has_body)
		(void)buf_printf(out, " and %.*s at octet %" PRIu64, SLICE_ARG(item.body.name),
		    item.body.offset);
}

static int
exshelf_where(struct shelf *s, uint32_t uid, struct buf *out, struct err *err)
{
	const struct sidecar_entry *told = shelf_told_entry(s->entry, s->n_entry, uid);
	const struct exline_at *line = exshelf_line(s, uid);

	if (told != NULL) {
		arena_reset(&s->arena);
		if (sidecar_index_line(s->index, told, &s->arena, &s->line, err) < 0)
			return -1;
		(void)buf_printf(out, "%s at octet %" PRIu64,
		    s->line.file != NULL ? s->line.file : "(no file)", s->line.at);
		where_records(s, told, out);
	} else if (line != NULL) {
		const struct exfile *f = exread_file(s->lists.set[line->set], line->place.file);

		(void)buf_printf(out, "%s line %" PRIu64, f->name ? f->name : "(no file)",
		    line->place.line);
	} else {
		return err_set(err, ERR_MESSAGE, "no message has the UID %" PRIu32, uid);
	}
	return 0;
}

/* ---- verify ---- */

static int
digest_range(int fd, uint64_t at, uint64_t len, struct digest *d)
{
	char room[STEP];

	while (len > 0) {
		ssize_t n = pread(fd, room, len < sizeof(room) ? len : sizeof(room), (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		digest_add(d, room, (size_t)n);
		at += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

/* Octets of the line at `at`, its line end included; 0: there is none. */
static uint64_t
line_len(int fd, uint64_t at)
{
	char room[LINE_LOOK];
	ssize_t n = pread(fd, room, sizeof(room), (off_t)at);
	const char *lf = n > 0 ? memchr(room, '\n', (size_t)n) : NULL;

	return lf != NULL ? (uint64_t)(lf - room) + 1 : 0;
}

/* The records first, then the line, as the sink has hashed them (exchange/compose.h). */
static bool
stored_agrees(struct shelf *s, const struct exitem *item, const struct sidecar_line *l)
{
	struct stat st;
	char name[512];
	struct digest *d = digest_new();
	uint8_t sum[SHA256_LEN];
	int set = open(s->lists.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool same = false;

	(void)snprintf(name, sizeof(name), "%.*s", SLICE_ARG(item->body.name));
	int pri = set < 0 ? -1 : shelf_file_open(set, l->file, &st);
	int sec = set < 0 ? -1 : shelf_file_open(set, name, &st);
	uint64_t line = pri < 0 ? 0 : line_len(pri, l->at);

	digest_start(d);
	if (sec >= 0 && line > 0 && l->msg.file_bytes >= line &&
	    digest_range(sec, item->body.offset, l->msg.file_bytes - line, d) == 0 &&
	    digest_range(pri, l->at, line, d) == 0) {
		digest_end(d, sum);
		same = memcmp(sum, l->stored_sha256, SHA256_LEN) == 0;
	}
	digest_free(d);
	file_close(&pri);
	file_close(&sec);
	file_close(&set);
	return same;
}

static int
exshelf_check(
    struct shelf *s, uint32_t uid, bool *ret_known, bool *ret_agrees, struct err *err)
{
	const struct sidecar_entry *told = shelf_told_entry(s->entry, s->n_entry, uid);
	struct shelf_body body = { .verdict = VERDICT_NONE };
	struct exitem item;
	size_t set = SIZE_MAX;

	*ret_known = *ret_agrees = false;
	if (told == NULL || told_item(s, told, &set, &item, &body, err) < 0)
		return told == NULL ? 0 : -1;
	*ret_known = s->line.stored_sha256_known;
	*ret_agrees = set != SIZE_MAX && item.has_body && *ret_known &&
		      stored_agrees(s, &item, &s->line);
	return 0;
}

static struct notes *
exshelf_notes(struct shelf *s)
{
	return &s->base.notes;
}

/* Sections that were skipped and files that are not there may have held anything: INBOX answers for
 * them. */
static const char *
exshelf_unlisted(struct shelf *s)
{
	return s->lost[0] != '\0' && s->at != NULL && strcmp(s->at->name, "INBOX") == 0 ? s->lost
											 : NULL;
}

const struct shelf_ops shelf_exchange = {
	.name = "exchange",
	.open = exshelf_open,
	.folders = exshelf_folders,
	.enter = exshelf_enter,
	.list = exshelf_list,
	.begin = exshelf_begin,
	.read = exshelf_read,
	.where = exshelf_where,
	.notes = exshelf_notes,
	.close = exshelf_close,
	.check = exshelf_check,
	.unlisted = exshelf_unlisted,
};
